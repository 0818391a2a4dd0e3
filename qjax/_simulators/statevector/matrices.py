"""Floor 4. Angles -> the matrices of a segment, all at once.

Complex matrices act on real arrays as [[Re, -Im], [Im, Re]]: a product of that form is one real
GEMM, which XLA runs faster than the complex one on CPU.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Complex, Float

from qjax._base import tuning
from qjax._circuit.gates import GateKind, PhaseGate, RotationGate, expi
from qjax._plan import Bank, Matrices, Product
from qjax._simulators.statevector.lookup import look_up


def bank_entries(
    bank: Bank, shared: Float[Array, " angles"], batched: Float[Array, "angles batch"], length: int
) -> Complex[Array, "entries length batch"]:
    """The numbers that matrices consist of; `batch` is 1 where no gate differs per sample."""
    batch = batched.shape[1] if any(is_batched for _, is_batched in bank.kinds) else 1
    dtype = np.result_type(shared.dtype, np.complex64)
    constants = jnp.asarray(bank.constants, dtype)[:, None, None]
    parts = [jnp.broadcast_to(constants, (len(bank.constants), length, batch))]
    for (kind, is_batched), places in zip(bank.kinds, bank.places, strict=True):
        angles = batched[places] if is_batched else shared[places][..., None]
        entries = _kind_entries(kind, angles)
        parts.append(jnp.broadcast_to(entries, (len(entries), length, batch)))
    return jnp.concatenate(parts)


def _kind_entries(kind: GateKind, angles: Float[Array, "angles length gates batch"]) -> Array:
    """The matrix entries of gates of one kind, `(gates * entries, length, batch)`."""
    stacked = jnp.stack(gate_entries(kind, angles), axis=2)
    in_front = jnp.moveaxis(stacked, 0, 2)
    return in_front.reshape(-1, *in_front.shape[2:])


def gate_entries(kind: GateKind, angles: Float[Array, "angles *rest"]) -> list[Array]:
    """A gate's matrix entries, row by row; of a diagonal gate only the diagonal."""
    if isinstance(kind, PhaseGate):
        return [expi(phase * angles[0]) for phase in kind.phases]
    if isinstance(kind, RotationGate):
        return [entry for row in kind.rows(*angles) for entry in row]
    raise TypeError(f"a {type(kind).__name__} has no angles")


def matrices_of(
    matrices: Matrices, entries: Complex[Array, "entries length"]
) -> Float[Array, "length slots 2K 2K"]:
    """All matrices of one width, as real ones, in the order of the passes."""
    products = [_product(product, entries) for product in matrices.products]
    stacked = (
        products[0]
        if len(products) == 1
        else jnp.concatenate(products)[jnp.asarray(matrices.order)]
    )
    return jnp.moveaxis(as_real(stacked), 1, 0)


def _product(product: Product, entries: Array) -> Array:
    """`(slots, length, K, K)`: gates side by side multiplied by entries, factors as matrices."""
    factors = _side_by_side(product, entries)
    while factors.shape[1] > 1:
        # The later factor stands on the left.
        factors = jnp.matmul(factors[:, 1::2], factors[:, 0::2], precision=tuning.PRECISION)
    return factors[:, 0]


def _side_by_side(product: Product, entries: Array) -> Array:
    """Gates side by side, multiplied entry by entry: `(slots, factors, length, K, K)`."""
    looked_up = look_up(product.factors, entries)
    value = looked_up[:, :, 0]
    for gate in range(1, looked_up.shape[2]):
        value = value * looked_up[:, :, gate]
    return jnp.moveaxis(value, -1, 2)


def as_real(matrix: Complex[Array, "*stack K K"]) -> Float[Array, "*stack 2K 2K"]:
    """Complex matrices as real ones, [[Re, -Im], [Im, Re]], which act on (Re, Im)."""
    upper = jnp.concatenate([matrix.real, -matrix.imag], axis=-1)
    return jnp.concatenate([upper, jnp.concatenate([matrix.imag, matrix.real], axis=-1)], axis=-2)
