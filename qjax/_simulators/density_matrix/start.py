"""Floor 4. The product state that a plan starts from: gates and noise on qubits, amplitudes."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Complex, Float

from qjax._base import tuning
from qjax._base.mesh import alike
from qjax._simulators.density_matrix.blocks import Schedule, layout_of_start
from qjax._simulators.density_matrix.factors import PlacedAmplitudes
from qjax._simulators.density_matrix.matrices import BankMatrices, chains
from qjax._simulators.statevector.product_state import encoded

# |0><0| = (I + Z) / 2: the numbers tr(P |0><0|).
_ZERO = np.array([1.0, 0, 0, 1])

# tr(P rho) from the entries 00, 01, 10, 11 of rho.
_FROM_ENTRIES = np.array([[1, 0, 0, 1], [0, 1, 1, 0], [0, 1j, -1j, 0], [1, 0, 0, -1]])


def start_vector(
    starts: Sequence[PlacedAmplitudes],
    schedule: Schedule,
    banks: dict[int, BankMatrices],
    shared: Array,
    moving: Array,
) -> Float[Array, "4**n batch"]:
    """The state before the first block, with a batch of 1 where nothing in it differs.

    Args:
        starts: the amplitudes that some qubits start from.
        schedule: of the circuit.
        banks: the matrices of factors.
        shared: the parameters that all samples have in common.
        moving: those that differ, followed by the shared ones for each sample.
    """
    given = [start.qubits for start in starts]
    alone = layout_of_start(schedule.num_qubits, given)[sum(map(len, given)) :]
    factors = [_of_amplitudes(encoded(start.encoding, shared, moving)) for start in starts]
    lists = [schedule.start[qubit] for qubit in alone]
    if not any(lists):
        vectors = jnp.broadcast_to(jnp.asarray(_ZERO, shared.dtype)[:, None], (len(alone), 4, 1))
    else:
        matrices = jnp.moveaxis(chains(lists, banks, 1), 1, 0)
        zero = jnp.broadcast_to(jnp.asarray(_ZERO, shared.dtype), matrices.shape[1:-1])
        # Entry by entry: of small matrices, XLA takes longer for the call of each product.
        vectors = jnp.moveaxis(lax.scan(_act, *alike((zero, matrices)))[0], 1, 2)
    return _product([*factors, *vectors], shared.dtype)


def _act(
    vectors: Float[Array, "qubits batch 4"], matrices: Float[Array, "qubits batch 4 4"]
) -> tuple[Array, None]:
    return (matrices * vectors[..., None, :]).sum(axis=-1), None


def _product(factors: Sequence[Array], dtype: np.dtype) -> Float[Array, "rows batch"]:
    """The Kronecker product, the first factor for the most significant digits.

    Of two halves: all else is small beside their product, whose gradient is two products more.
    """
    half = len(factors) // 2
    high, low = (_kronecker(part, dtype) for part in (factors[:half], factors[half:]))
    if high.shape[1] == low.shape[1] == 1:
        # As a GEMM: XLA does not vectorise sums along rows, which its gradient has.
        return jnp.matmul(high, low.T, precision=tuning.PRECISION).reshape(-1, 1)
    product = high[:, None] * low[None]
    return product.reshape(-1, product.shape[2])


def _kronecker(factors: Sequence[Array], dtype: np.dtype) -> Float[Array, "rows batch"]:
    state = jnp.ones((1, 1), dtype)
    for factor in factors:
        product = state[:, None] * factor[None]
        state = product.reshape(-1, product.shape[2])
    return state


def _of_amplitudes(amplitudes: Complex[Array, "2**k batch"]) -> Float[Array, "4**k batch"]:
    """The Pauli vector of a pure state."""
    size, batch = amplitudes.shape
    count = size.bit_length() - 1
    entries = amplitudes[:, None] * amplitudes.conj()[None]
    split = entries.reshape(*(2,) * (2 * count), batch)
    pairs = [axis for qubit in range(count) for axis in (qubit, count + qubit)]
    rows = split.transpose(*pairs, 2 * count).reshape(*(4,) * count, batch)
    for axis in range(count):
        turned = jnp.tensordot(
            jnp.asarray(_FROM_ENTRIES, rows.dtype), rows, (1, axis), precision=tuning.PRECISION
        )
        rows = jnp.moveaxis(turned, 0, axis)
    return rows.real.reshape(-1, batch)
