"""Floor 7. Counts, samples or probabilities -> relative frequencies; the nearest distribution."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from qjax._base import tuning
from qjax._base.arrays import Numbers, as_numpy, as_real
from qjax._base.memory import check_states_fit
from qjax._base.store import kept
from qjax._circuit.domain import is_known

Results = Mapping[str, float] | Numbers
"""What a circuit was seen to give: counts by bitstring, sampled bits, or probabilities."""

_EXPECTED = (
    "expected counts by bitstring, such as {'01': 10}, sampled bits as whole numbers of shape "
    "(..., shots, bits), or probabilities as real ones of shape (..., 2**bits)"
)


def frequencies_of(results: Results, what: str) -> Float[Array, "*batch 2**bits"]:
    """The relative frequencies of all bitstrings, as a vector; bit 0 is the least significant.

    Args:
        results: counts by bitstring, as Qiskit's: the rightmost letter is bit 0, and spaces between
            registers are left out. Or sampled bits, as `qjax.sample` returns them: whole numbers
            `(..., shots, bits)`. Or probabilities `(..., 2**bits)`, which are returned as they are.
        what: how an error message calls them.

    Raises:
        ValueError: for no counts at all, bitstrings of different lengths, and other shapes.
        TypeError: for what are no results.
    """
    if isinstance(results, Mapping):
        return _of_counts(results, what)
    if _is_of_integers(results):
        return _of_bits(jnp.asarray(results), what)
    values = as_real(results, what)
    if not values.ndim or values.shape[-1].bit_count() != 1:
        raise ValueError(f"{what}: {_EXPECTED}; got real numbers of shape {values.shape}")
    return values


def _is_of_integers(results: Any) -> bool:
    if isinstance(results, (jax.Array, np.ndarray)):
        return jnp.issubdtype(results.dtype, jnp.integer)
    return isinstance(results, (list, tuple)) and as_numpy(results, "values").dtype.kind in "iu"


def _of_counts(counts: Mapping[str, float], what: str) -> Float[Array, " 2**bits"]:
    if strange := [label for label in counts if not isinstance(label, str)]:
        raise TypeError(f"{what}: {_EXPECTED}; got the bitstring {strange[0]!r}")
    labels = [label.replace(" ", "") for label in counts]
    lengths = sorted(set(map(len, labels)))
    if len(lengths) != 1 or not lengths[0] or any(set(label) - {"0", "1"} for label in labels):
        raise ValueError(f"{what}: {_EXPECTED}; got bitstrings {list(counts)[:4]}")
    numbers = as_numpy(list(counts.values()), what)
    if numbers.dtype.kind not in "iuf":
        raise TypeError(f"{what}: expected numbers of counts, got {list(counts.values())[:4]}")
    total = numbers.astype(float).sum()
    if not 0 < total < np.inf:
        raise ValueError(f"{what}: the counts add up to {total}; expected a positive number")
    check_states_fit(lengths[0], 1, np.dtype(float))
    result = np.zeros(2 ** lengths[0])
    np.add.at(result, [int(label, 2) for label in labels], numbers / total)
    return jnp.asarray(result, jnp.result_type(float))


def _of_bits(bits: Int[Array, "*batch shots bits"], what: str) -> Float[Array, "*batch 2**bits"]:
    if bits.ndim < 2 or not all(bits.shape[-2:]):
        raise ValueError(
            f"{what}: {_EXPECTED}; got whole numbers of shape {bits.shape}. Counts as a vector are "
            "divided by the number of shots first"
        )
    if is_known(bits) and ((bits < 0) | (bits > 1)).any():
        raise ValueError(f"{what}: sampled bits are 0 or 1, got others")
    *batch, shots, width = bits.shape
    dtype = jnp.result_type(float)
    check_states_fit(width, int(np.prod(batch, dtype=int)), dtype)
    places = jnp.asarray(1 << np.arange(width), jnp.int32)
    numbers = (bits.astype(jnp.int32) @ places).reshape(-1, shots)
    counts = jax.vmap(lambda row: jnp.zeros(1 << width, dtype).at[row].add(1))(numbers)
    return (counts / shots).reshape(*batch, 1 << width)


def nearest_distribution(
    quasi_probabilities: Numbers,
) -> Float[Array, "*batch outcomes"]:
    """The probability distribution that is nearest in the 2-norm to numbers that add up to one.

    J. A. Smolin, J. M. Gambetta and G. Smith, Phys. Rev. Lett. 108, 070502 (2012): sorted in
    descending order, as many of the largest numbers stay as remain positive when all of those are
    lowered by the same amount so that they add up to one; the others become 0. Differentiable
    almost everywhere.

    Args:
        quasi_probabilities: real, shape `(..., outcomes)`; some may be negative.

    Returns:
        the same shape; not negative, and the last axis adds up to one.

    Raises:
        ValueError: for a number without axes, or an empty one.
        TypeError: for values that are not real.
    """
    values = as_real(quasi_probabilities, "quasi_probabilities")
    if not values.ndim or not values.shape[-1]:
        raise ValueError(f"quasi_probabilities: expected shape (..., outcomes), got {values.shape}")
    return _compiled_projection()(values)


@kept(tuning.PROGRAM_BYTES)
def _compiled_projection() -> Callable[[Array], Array]:
    def project(values: Array) -> Array:
        falling = -jnp.sort(-values, axis=-1)
        ranks = jnp.arange(1, values.shape[-1] + 1, dtype=values.dtype)
        lowered = (jnp.cumsum(falling, axis=-1) - 1) / jnp.broadcast_to(ranks, values.shape)
        stay = jnp.sum(falling > lowered, axis=-1, keepdims=True)
        # NaN is no reason to look for what does not stay.
        threshold = jnp.take_along_axis(lowered, jnp.maximum(stay, 1) - 1, axis=-1)
        return jnp.maximum(values - threshold, 0)

    return jax.jit(project)
