"""Floor 3. Channels of one qubit that damp it: decay, dephasing, relaxation, resets.

In the Pauli basis all of them keep 1, multiply X and Y by a coherence and Z by a contrast, and
add a shift to Z. With a the probability to decay, b that to be dephased and e the population of
|1> that a decay leads to, these are sqrt(1 - a - b), 1 - a and a (1 - 2 e). Slopes are finite at
a = b = e = 0, where those of Kraus operators are not.
"""

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Complex, Float


def _transfer(coherence: Array, contrast: Array, shift: Array) -> Float[Array, "4 4"]:
    one = jnp.ones_like(contrast)
    return jnp.diag(jnp.stack([one, coherence, coherence, contrast])).at[3, 0].set(shift)


def _share_to_zero(excited: Array | float) -> Array | float:
    """The population of |0> less that of |1>."""
    return 1 - 2 * excited


def _root(share: Array | float) -> Array:
    """The square root of what probabilities leave of 1, where rounding may leave less than 0."""
    return jnp.sqrt(jnp.maximum(share, 0))


def phase_amplitude_transfer(a: Array, b: Array, excited: Array | float = 0.0) -> Array:
    """The matrix of `phase_amplitude_kraus` in the Pauli basis, `(4, 4)`."""
    return _transfer(_root(1 - a - b), 1 - a, a * _share_to_zero(excited))


def amplitude_transfer(a: Array, excited: Array | float = 0.0) -> Array:
    """The matrix of `amplitude_kraus` in the Pauli basis, `(4, 4)`."""
    return _transfer(jnp.sqrt(1 - a), 1 - a, a * _share_to_zero(excited))


def thermal_transfer(t1: Array, t2: Array, time: Array, excited: Array | float = 0.0) -> Array:
    """The matrix of `thermal_kraus` in the Pauli basis, `(4, 4)`."""
    decayed = -jnp.expm1(-time / t1)
    return _transfer(jnp.exp(-time / t2), jnp.exp(-time / t1), decayed * _share_to_zero(excited))


def reset_transfer(p0: Array, p1: Array | float = 0.0) -> Array:
    """The matrix of `reset_kraus` in the Pauli basis, `(4, 4)`."""
    kept = 1 - p0 - p1
    return _transfer(kept, kept, p0 - p1)


# ---------------------------------------------------------------- Kraus operators


def _operator(*entries: Array | float) -> Complex[Array, "2 2"]:
    """A matrix from its entries, row by row."""
    return jnp.stack([jnp.asarray(entry) for entry in entries]).reshape(2, 2)


def _towards(operators: list[Array], excited: Array | None) -> Complex[Array, "m 2 2"]:
    """Operators that lead to |0>, and with a population of |1> those that lead there too."""
    stacked = jnp.stack(operators)
    if excited is not None:
        flipped = stacked[:, ::-1, ::-1]
        stacked = jnp.concatenate([jnp.sqrt(1 - excited) * stacked, jnp.sqrt(excited) * flipped])
    return lax.complex(stacked, jnp.zeros_like(stacked))


def phase_amplitude_kraus(a: Array, b: Array, excited: Array | None = None) -> Array:
    """Kraus operators `(m, 2, 2)`: decay with probability a, dephasing with probability b."""
    return _kraus(a, b, _root(1 - a - b), excited)


def _kraus(a: Array, b: Array, coherence: Array, excited: Array | None) -> Array:
    zero = jnp.zeros_like(a)
    kept = _operator(zero + 1, zero, zero, coherence)
    decayed = _operator(zero, jnp.sqrt(a), zero, zero)
    return _towards([kept, decayed, _operator(zero, zero, zero, jnp.sqrt(b))], excited)


def amplitude_kraus(a: Array, excited: Array | None = None) -> Array:
    """Kraus operators `(m, 2, 2)`: decay with probability a."""
    zero = jnp.zeros_like(a)
    kept = _operator(zero + 1, zero, zero, jnp.sqrt(1 - a))
    return _towards([kept, _operator(zero, jnp.sqrt(a), zero, zero)], excited)


def thermal_kraus(t1: Array, t2: Array, time: Array, excited: Array | None = None) -> Array:
    """Kraus operators `(m, 2, 2)`: what a qubit does in a time, with its constants T1 and T2."""
    # The coherence exp(-t/T2) is sqrt(1 - a - b) with the decay a = 1 - exp(-t/T1), a difference
    # of which rounding leaves nothing after long times.
    kept = jnp.exp(-time / t1)
    dephased = kept * -jnp.expm1(-time * jnp.maximum(2 / t2 - 1 / t1, 0))
    return _kraus(-jnp.expm1(-time / t1), dephased, jnp.exp(-time / t2), excited)


def reset_kraus(p0: Array, p1: Array | None = None) -> Array:
    """Kraus operators `(m, 2, 2)`: reset to |0> or |1> with these probabilities."""
    zero = jnp.zeros_like(p0)
    kept = _root(1 - p0 - (zero if p1 is None else p1))
    operators = [
        _operator(kept, zero, zero, kept),
        _operator(jnp.sqrt(p0), zero, zero, zero),
        _operator(zero, jnp.sqrt(p0), zero, zero),
    ]
    if p1 is not None:
        operators += [
            _operator(zero, zero, jnp.sqrt(p1), zero),
            _operator(zero, zero, zero, jnp.sqrt(p1)),
        ]
    return _towards(operators, None)


# ---------------------------------------------------------------- ranges


def is_share(*values: Array | float) -> Array:
    """Whether these are probabilities that leave one for the rest, but for rounding."""
    given = jnp.stack([jnp.asarray(value) for value in values])
    slack = 8 * jnp.finfo(given.dtype).eps
    return jnp.all(given >= 0) & (given.sum() <= 1 + slack)


def is_relaxation(t1: Array, t2: Array, time: Array, excited: Array | float = 0.0) -> Array:
    """Whether these are times and a population that a qubit can have."""
    slack = 8 * jnp.finfo(t1.dtype).eps
    is_physical = (t1 > 0) & (t2 > 0) & (t2 <= 2 * t1 * (1 + slack))
    return is_physical & (time >= 0) & (time < jnp.inf) & is_share(excited)
