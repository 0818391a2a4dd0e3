"""Floor 3. Pure states: plan + parameters -> statevector."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Complex, Float

from qjax._expression import evaluate
from qjax._gates import GateKind, PhaseGate, RotationGate, expi
from qjax._plan import AngleGroup, Dense, GateBank, Monomial, Plan, Product, Segment, Step
from qjax._simulators._permutation import permute_rows

# A GPU would otherwise round single precision to TF32 in the products.
PRECISION = lax.Precision.HIGHEST


def zero_state(num_qubits: int, batch: int, dtype: np.dtype) -> Complex[Array, "dim batch"]:
    """|0...0>, once per sample."""
    return jnp.zeros((2**num_qubits, batch), dtype).at[0].set(1)


def identity_states(num_qubits: int, dtype: np.dtype) -> Complex[Array, "dim dim"]:
    """Every basis state: what makes of `simulate` the unitary."""
    return jnp.eye(2**num_qubits, dtype=dtype)


def simulate(
    plan: Plan,
    shared: Float[Array, " shared"],
    batched: Float[Array, "batched batch"],
    state: Complex[Array, "dim batch"],
) -> Complex[Array, "dim batch"]:
    """Run a plan on a state.

    Args:
        plan: what to run.
        shared: the parameters that all samples have in common, in the circuit's order.
        batched: those that differ per sample, in the circuit's order, batch last.
        state: the initial states; qubit 0 is the least significant bit of the row index.
    """
    angles = _all_angles(plan.shared_angles, shared)
    rows = jnp.concatenate([batched, _spread(shared, batched.shape[1])])
    batched_angles = _all_angles(plan.batched_angles, rows)
    for segment in plan.segments:
        state = _run_segment(segment, angles, batched_angles, state)
    return state


def _spread(shared: Array, batch: int) -> Array:
    return jnp.broadcast_to(shared[:, None], (len(shared), batch))


def _all_angles(groups: Sequence[AngleGroup], parameters: Array) -> Array:
    """Every angle of a circuit, in the order in which its plan counts them."""
    nothing = jnp.zeros((0, *parameters.shape[1:]), parameters.dtype)
    return jnp.concatenate([nothing, *(_angles(group, parameters) for group in groups)])


def _angles(group: AngleGroup, parameters: Array) -> Array:
    leaves = [parameters[row] for row in group.parameters]
    column = (-1, *(1 for _ in parameters.shape[1:]))
    constants = [jnp.asarray(row, parameters.dtype).reshape(column) for row in group.constants]
    values = evaluate(group.program, leaves, constants)
    return jnp.broadcast_to(values, (group.parameters.shape[1], *parameters.shape[1:]))


def _run_segment(segment: Segment, angles: Array, batched_angles: Array, state: Array) -> Array:
    banks = {
        False: _bank_entries(segment.shared_bank, angles, segment.length),
        True: _bank_entries(segment.batched_bank, batched_angles, segment.length),
    }
    matrices = [_product(product, banks[product.batched]) for product in segment.products]
    phases = [
        (angles[step.operator.shared], batched_angles[step.operator.batched])
        for step in segment.steps
        if isinstance(step.operator, Monomial)
    ]

    def body(state: Array, operands: tuple) -> tuple[Array, None]:
        matrices, phases = operands
        remaining = iter(phases)
        for step in segment.steps:
            state = _run_step(step, segment.products, matrices, remaining, state)
        return state, None

    if segment.length == 1:
        return body(state, jax.tree.map(lambda x: x[0], (matrices, phases)))[0]
    return lax.scan(body, state, (matrices, phases))[0]


def _bank_entries(bank: GateBank, angles: Array, length: int) -> Array:
    """`(entries, length, *batch)`: the numbers that the matrices of a segment consist of."""
    shape = (length, *angles.shape[1:])
    dtype = np.result_type(angles.dtype, np.complex64)
    constants = jnp.asarray(bank.constants, dtype).reshape(-1, *(1 for _ in shape))
    parts = [jnp.broadcast_to(constants, (len(bank.constants), *shape))]
    parts += [_kind_entries(kind, angles[index]) for kind, index in bank.kinds]
    return jnp.concatenate(parts)


def _kind_entries(kind: GateKind, angles: Array) -> Array:
    """`(gates * entries, length, *batch)` from angles of `(num_angles, length, gates, *batch)`."""
    if isinstance(kind, PhaseGate):
        entries = [expi(phase * angles[0]) for phase in kind.phases]
    elif isinstance(kind, RotationGate):
        entries = [entry for row in kind.rows(*angles) for entry in row]
    stacked = jnp.moveaxis(jnp.stack(entries), 2, 0)
    return stacked.reshape(-1, *stacked.shape[2:])


def _product(product: Product, entries: Array) -> Array:
    """`(length, slots, K, K, *batch)`: each slot's gates, embedded and multiplied."""
    length_first = jnp.moveaxis(entries[product.table], 4, 0)
    gates = jnp.moveaxis(length_first, 2, 0)
    while len(gates) > 1:
        # The later gate stands on the left.
        gates = _multiply(gates[1::2], gates[0::2], product.batched)
    return gates[0]


def _multiply(left: Array, right: Array, batched: bool) -> Array:
    if batched:
        return (left[..., :, :, None, :] * right[..., None, :, :, :]).sum(axis=-3)
    return jnp.matmul(left, right, precision=PRECISION)


def _run_step(
    step: Step,
    products: Sequence[Product],
    matrices: Sequence[Array],
    phases: Iterator[tuple[Array, Array]],
    state: Array,
) -> Array:
    if step.axes is not None:
        state = _move_axes(state, step.axes)
    if step.operator is None:
        return state
    rows = state.reshape(2**step.width, -1, state.shape[1])
    if isinstance(step.operator, Monomial):
        shared, batched = next(phases)
        rows = _apply_monomial(step.operator, shared, batched, rows)
    else:
        matrix = matrices[step.operator.product][step.operator.slot]
        rows = _apply_dense(step.operator, matrix, products[step.operator.product].batched, rows)
    return rows.reshape(state.shape)


def _move_axes(state: Array, axes: tuple[int, ...]) -> Array:
    """Transpose the qubit axes; neighbours that stay together count as one, to spare XLA work."""
    cuts = [0, *(k for k, (a, b) in enumerate(pairwise(axes), 1) if b != a + 1), len(axes)]
    runs = [axes[a:b] for a, b in pairwise(cuts)]
    by_origin = sorted(runs)
    split = state.reshape(*(2 ** len(run) for run in by_origin), state.shape[1])
    order = [by_origin.index(run) for run in runs]
    return split.transpose(*order, len(runs)).reshape(state.shape)


def _apply_dense(operator: Dense, matrix: Array, batched: bool, rows: Array) -> Array:
    if operator.controls == 0:
        return apply_matrix(matrix, rows, batched)
    settings = rows.reshape(2**operator.controls, -1, *rows.shape[1:])
    acted = apply_matrix(matrix, settings[operator.setting], batched)
    return settings.at[operator.setting].set(acted).reshape(rows.shape)


def apply_matrix(
    matrix: Complex[Array, "K K *batch"], rows: Complex[Array, "K rest batch"], batched: bool
) -> Complex[Array, "K rest batch"]:
    """A matrix on the leading axis: one GEMM where all samples share it."""
    if batched:
        return (matrix[:, :, None] * rows[None]).sum(axis=1)
    flat = jnp.matmul(matrix, rows.reshape(rows.shape[0], -1), precision=PRECISION)
    return flat.reshape(rows.shape)


def _apply_monomial(operator: Monomial, shared: Array, batched: Array, rows: Array) -> Array:
    phase = None
    if operator.shared.size:
        table = jnp.asarray(operator.shared_phases, shared.dtype)
        phase = jnp.matmul(table, shared, precision=PRECISION)[:, None]
    if operator.batched.size:
        table = jnp.asarray(operator.batched_phases, batched.dtype)
        per_sample = jnp.matmul(table, batched, precision=PRECISION)
        phase = per_sample if phase is None else phase + per_sample
    if phase is not None:
        rows = rows * expi(phase)[:, None, :]
    if operator.constant is not None:
        rows = rows * jnp.asarray(operator.constant, rows.dtype)[:, None, None]
    return rows if operator.source is None else permute_rows(rows, operator.source)
