"""Floor 4. Values of a segment's tables -> what each of its passes takes: phases and matrices."""

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from qjax._base import tuning
from qjax._base.trigonometry import wrapped
from qjax._circuit.gates import RotationGate
from qjax._plan import Coefficients, Dense, Pass, PerSample, Segment
from qjax._simulators.statevector.matrices import bank_entries, gate_entries, matrices_of
from qjax._simulators.statevector.passes import Operands


def segment_operands(segment: Segment, shared: Array, batched: Array) -> tuple[Operands, ...]:
    """What each pass of the body takes, with leading axes `(length, period)`."""
    entries = bank_entries(segment.bank, shared, batched, segment.length)[:, :, 0]
    matrices = {
        same_width.width: matrices_of(same_width, entries) for same_width in segment.matrices
    }
    return tuple(
        _operands(pass_, segment.period, matrices, shared, batched) for pass_ in segment.passes
    )


def _operands(
    pass_: Pass, period: int, matrices: dict[int, Array], shared: Array, batched: Array
) -> Operands:
    from_shared = from_batched = matrix = None
    if pass_.phases is not None:
        if pass_.phases.shared is not None:
            from_shared = _coefficients(pass_.phases.shared, shared)
        if pass_.phases.batched is not None:
            from_batched = _coefficients(pass_.phases.batched, batched)
    if isinstance(pass_.operator, Dense):
        start = pass_.operator.slot
        matrix = matrices[pass_.operator.width][:, start : start + period]
        if pass_.operator.real:
            size = 2**pass_.operator.width
            matrix = matrix[..., :size, :size]
    elif pass_.operator is not None:
        matrix = _per_sample(pass_.operator, batched)
    return Operands(from_shared, from_batched, matrix)


def _coefficients(
    coefficients: Coefficients, angles: Float[Array, "angles *batch"]
) -> Float[Array, "length period parities *batch"]:
    length, _, width = coefficients.places.shape
    dtype = angles.dtype
    batch = tuple(1 for _ in angles.shape[1:])
    later = jnp.arange(length) > 0
    constants = (
        jnp.where(later[:, None, None], jnp.asarray(coefficients.carried_constants, dtype)[None], 0)
        + jnp.asarray(coefficients.constants, dtype)[None]
    )
    constants = constants.reshape(*constants.shape, *batch)
    if width == 0:
        # Else XLA computes the phases of all rows when it compiles, in seconds.
        constants = lax.optimization_barrier(wrapped(constants))
        return jnp.broadcast_to(constants, (*constants.shape[:3], *angles.shape[1:]))
    picked = angles[jnp.asarray(coefficients.places)]
    absent = jnp.asarray(coefficients.carried)[None] & ~later[:, None, None]
    picked = jnp.where(absent.reshape(*absent.shape, *batch), 0, picked)
    weights = jnp.asarray(coefficients.weights, dtype)
    sums = jnp.einsum("psa,lpa...->lps...", weights, picked, precision=tuning.PRECISION)
    # Phases are sums of +-1 times these, so each may lose its full turns.
    return wrapped(sums + constants)


def _per_sample(operator: PerSample, batched: Array) -> Float[Array, "length 1 2 K K batch"]:
    size = 2**operator.kind.num_qubits
    entries = jnp.stack(_all_entries(operator, batched[jnp.asarray(operator.places)]), axis=1)
    matrix = entries.reshape(len(entries), 1, size, size, entries.shape[-1])
    return jnp.stack([matrix.real, matrix.imag], axis=2)


def _all_entries(operator: PerSample, angles: Array) -> list[Array]:
    entries = gate_entries(operator.kind, angles)
    if isinstance(operator.kind, RotationGate):
        return entries
    size = len(entries)
    zero = jnp.zeros_like(entries[0])
    return [
        entries[row] if row == column else zero for row in range(size) for column in range(size)
    ]
