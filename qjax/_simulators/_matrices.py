"""Floor 3. Angles -> the matrices of a segment, all at once.

Complex matrices act on real arrays as [[Re, -Im], [Im, Re]]: a product of that form is one real
GEMM, which XLA runs faster than the complex one on CPU.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Complex, Float

from qjax._expression import evaluate
from qjax._gates import GateKind, PhaseGate, RotationGate, expi
from qjax._plan import AngleGroup, Bank, Matrices, Product
from qjax._simulators._compensated import angle_of
from qjax._simulators._lookup import look_up

# A GPU would otherwise round single precision to TF32 in the products.
PRECISION = lax.Precision.HIGHEST


def all_angles(
    groups: Sequence[AngleGroup], parameters: Float[Array, "params *batch"]
) -> Float[Array, "angles *batch"]:
    """Every angle of a circuit, in the order in which its plan counts them."""
    nothing = jnp.zeros((0, *parameters.shape[1:]), parameters.dtype)
    return jnp.concatenate([nothing, *(_angles(group, parameters) for group in groups)])


def _angles(group: AngleGroup, parameters: Array) -> Array:
    leaves = [parameters[row] for row in group.parameters]
    column = (-1, *(1 for _ in parameters.shape[1:]))
    constants, rests = (
        [jnp.asarray(row, parameters.dtype).reshape(column) for row in table]
        for table in (group.constants, group.rests)
    )
    if parameters.dtype == np.float32:
        values = angle_of(group.program, group.periodic, leaves, constants, rests)
    else:
        values = evaluate(group.program, leaves, constants)
    return jnp.broadcast_to(values, (group.parameters.shape[1], *parameters.shape[1:]))


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
    """`(gates * entries, length, batch)`."""
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
    made = [_product(product, entries) for product in matrices.products]
    stacked = made[0] if len(made) == 1 else jnp.concatenate(made)[jnp.asarray(matrices.order)]
    return jnp.moveaxis(as_real(stacked), 1, 0)


def _product(product: Product, entries: Array) -> Array:
    """`(slots, length, K, K)`: gates side by side multiplied by entries, factors as matrices."""
    factors = _side_by_side(product, entries)
    while factors.shape[1] > 1:
        # The later factor stands on the left.
        factors = jnp.matmul(factors[:, 1::2], factors[:, 0::2], precision=PRECISION)
    return factors[:, 0]


def _side_by_side(product: Product, entries: Array) -> Array:
    """`(slots, factors, length, K, K)`."""
    looked_up = look_up(product.factors, entries)
    value = looked_up[:, :, 0]
    for gate in range(1, looked_up.shape[2]):
        value = value * looked_up[:, :, gate]
    return jnp.moveaxis(value, -1, 2)


def as_real(matrix: Complex[Array, "*stack K K"]) -> Float[Array, "*stack 2K 2K"]:
    """[[Re, -Im], [Im, Re]]."""
    upper = jnp.concatenate([matrix.real, -matrix.imag], axis=-1)
    return jnp.concatenate([upper, jnp.concatenate([matrix.imag, matrix.real], axis=-1)], axis=-2)
