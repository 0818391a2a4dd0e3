"""Floor 4. One pass over the state, forwards, backwards and its cotangents.

States are real arrays `(2, 2**n, batch)`: real parts, imaginary parts; batch last, so that every
matrix is one GEMM on the leading rows and every permutation moves whole rows.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from qjax._base import tuning
from qjax._base.trigonometry import cos_sin
from qjax._plan import Dense, Pass, PerSample, Phases

State = Float[Array, "2 dim batch"]


class Operands(NamedTuple):
    """What a pass takes besides the state: its numbers in one repetition.

    Attributes:
        shared: `(parities,)` coefficients of its phases, or None.
        batched: `(parities, batch)` of those per sample, or None.
        matrix: `(2K, 2K)`, `(K, K)` if it is real, or `(2, K, K, batch)` per sample, or None.
    """

    shared: Array | None
    batched: Array | None
    matrix: Array | None


def before_matrix(pass_: Pass, step: Array | int, operands: Operands, state: State) -> State:
    """Rearrange and multiply by phases; `step` says which of the pass's tables to use."""
    if pass_.reorder is not None:
        state = take_rows(state, _row(pass_.reorder.high, step), _row(pass_.reorder.low, step))
    if pass_.phases is not None:
        state = _rotate(state, _angles(pass_.phases, step, operands))
    return state


def undo_before_matrix(pass_: Pass, step: Array | int, operands: Operands, state: State) -> State:
    """Undo `before_matrix`: the inverse, which is also the transpose."""
    if pass_.phases is not None:
        state = _rotate(state, -_angles(pass_.phases, step, operands))
    if pass_.reorder is not None:
        state = take_rows(
            state, _row(pass_.reorder.back_high, step), _row(pass_.reorder.back_low, step)
        )
    return state


def apply_matrix(pass_: Pass, operands: Operands, state: State, transposed: bool = False) -> State:
    """Multiply the leading rows, or those at one setting of the leading controls."""
    operator, matrix = pass_.operator, operands.matrix
    if operator is None or matrix is None:
        return state
    if transposed:
        matrix = _transposed(operator, matrix)
    if operator.num_controls == 0:
        return _multiply(operator, matrix, state)
    settings = state.reshape(2, 2**operator.num_controls, -1, state.shape[2])
    acted = _multiply(operator, matrix, settings[:, operator.setting])
    return settings.at[:, operator.setting].set(acted).reshape(state.shape)


def matrix_cotangent(pass_: Pass, state: State, cotangent: State) -> Array | None:
    """The cotangent of a pass's matrix, from the state that it acted on."""
    operator = pass_.operator
    if operator is None:
        return None
    if operator.num_controls:
        shape = (2, 2**operator.num_controls, -1, state.shape[2])
        state = state.reshape(shape)[:, operator.setting]
        cotangent = cotangent.reshape(shape)[:, operator.setting]
    if isinstance(operator, Dense):
        return _outer(_blocks(operator, cotangent), _blocks(operator, state))
    rows = 2**operator.kind.num_qubits
    split = (2, rows, -1, state.shape[2])
    (re, im), (c_re, c_im) = state.reshape(split), cotangent.reshape(split)
    outer_re = (c_re[:, None] * re[None] + c_im[:, None] * im[None]).sum(axis=2)
    outer_im = (c_im[:, None] * re[None] - c_re[:, None] * im[None]).sum(axis=2)
    return jnp.stack([outer_re, outer_im])


def phase_cotangents(
    pass_: Pass, step: Array | int, operands: Operands, state: State, cotangent: State
) -> tuple[Array | None, Array | None]:
    """Cotangents of a pass's phases, shared and batched: d(e^{i a} x) = i e^{i a} x da.

    `state` is the one with its phases, e^{i a} x.
    """
    phases = pass_.phases
    if phases is None:
        return None, None
    per_row = cotangent[1] * state[0] - cotangent[0] * state[1]
    high, low = _signs(phases, step, per_row)
    shared = batched = None
    if operands.shared is not None:
        summed = per_row.sum(axis=1).reshape(high.shape[1], low.shape[1])
        folded = jnp.matmul(high, summed, precision=tuning.PRECISION) * low
        # As a GEMM: XLA does not vectorise sums along rows.
        shared = jnp.matmul(folded, jnp.ones(low.shape[1], low.dtype), precision=tuning.PRECISION)
    if operands.batched is not None:
        folded = jnp.matmul(high, per_row.reshape(high.shape[1], -1), precision=tuning.PRECISION)
        folded = folded.reshape(*low.shape, -1)
        batched = (folded * low[:, :, None]).sum(axis=1)
    return shared, batched


def _row(tables: np.ndarray, step: Array | int) -> Array:
    return jnp.asarray(tables)[step] if isinstance(step, Array) else jnp.asarray(tables[step])


def take_rows(
    state: Float[Array, "planes dim batch"], high: Array, low: Array
) -> Float[Array, "planes dim batch"]:
    """The state rearranged: its row p is the old row high[p >> l] ^ low[p % 2**l]."""
    source = (jnp.asarray(high)[:, None] ^ jnp.asarray(low)[None]).reshape(-1)
    if state.shape[2] == 1:
        return state.at[:, source].get(unique_indices=True, mode="promise_in_bounds")
    # Plane by plane, XLA copies whole rows: twice as fast on CPU.
    planes = [
        plane.at[source].get(unique_indices=True, mode="promise_in_bounds") for plane in state
    ]
    return jnp.stack(planes)


def _signs(phases: Phases, step: Array | int, like: Array) -> tuple[Array, Array]:
    high, low = _row(phases.high, step), _row(phases.low, step)
    return high.astype(like.dtype), low.astype(like.dtype)


def _angles(phases: Phases, step: Array | int, operands: Operands) -> Float[Array, "dim batch"]:
    """The phase of each row: signs are products, so two small tables serve, and one GEMM."""
    parts = []
    if operands.shared is not None:
        high, low = _signs(phases, step, operands.shared)
        weighted = high * operands.shared[:, None]
        parts.append(jnp.matmul(weighted.T, low, precision=tuning.PRECISION).reshape(-1, 1))
    if operands.batched is not None:
        high, low = _signs(phases, step, operands.batched)
        weighted = low[:, :, None] * operands.batched[:, None, :]
        product = jnp.matmul(high.T, weighted.reshape(len(low), -1), precision=tuning.PRECISION)
        parts.append(product.reshape(-1, operands.batched.shape[1]))
    return sum(parts[1:], parts[0])


def _rotate(state: State, angles: Array) -> State:
    c, s = cos_sin(angles)
    re, im = state
    return jnp.stack([c * re - s * im, s * re + c * im])


def _multiply(operator: Dense | PerSample, matrix: Array, rows: Array) -> Array:
    if isinstance(operator, Dense):
        return _times(matrix, _blocks(operator, rows)).reshape(rows.shape)
    split = rows.reshape(2, matrix.shape[1], -1, rows.shape[-1])
    (m_re, m_im), (re, im) = matrix[:, :, :, None], split
    real = (m_re * re[None] - m_im * im[None]).sum(axis=1)
    imag = (m_re * im[None] + m_im * re[None]).sum(axis=1)
    return jnp.stack([real, imag]).reshape(rows.shape)


def _blocks(operator: Dense, rows: Array) -> Float[Array, "above K below"]:
    """The rows split where a matrix acts: a complex one mixes the planes, a real one does not."""
    if operator.real:
        return rows.reshape(2 ** (operator.above + 1), 2**operator.width, -1)
    return rows.reshape(1, 2 ** (operator.width + 1), -1)


def _times(matrix: Array, blocks: Array) -> Array:
    """A matrix times the middle axis of blocks."""
    if len(blocks) == 1:
        return jnp.matmul(matrix, blocks[0], precision=tuning.PRECISION)
    below = blocks.shape[2]
    if below <= tuning.FEW_ROWS:
        wide = jnp.kron(matrix, jnp.eye(below, dtype=matrix.dtype))
        flat = blocks.reshape(len(blocks), -1)
        return jnp.matmul(flat, wide.T, precision=tuning.PRECISION)
    # As a batch of products: else XLA brings the bits in front, and back again.
    copies = jnp.broadcast_to(matrix, (len(blocks), *matrix.shape))
    return jnp.matmul(copies, blocks, precision=tuning.PRECISION)


def _outer(left: Array, right: Array) -> Array:
    """The products of the middle axes of blocks, summed over both others."""
    if len(left) == 1:
        return jnp.matmul(left[0], right[0].T, precision=tuning.PRECISION)
    if left.shape[2] <= tuning.FEW_ROWS:
        flat = left.reshape(len(left), -1), right.reshape(len(right), -1)
        wide = jnp.matmul(flat[0].T, flat[1], precision=tuning.PRECISION)
        return jnp.trace(wide.reshape(left.shape[1:] * 2), axis1=1, axis2=3)
    return jnp.matmul(left, right.swapaxes(1, 2), precision=tuning.PRECISION).sum(axis=0)


def _transposed(operator: Dense | PerSample, matrix: Array) -> Array:
    if isinstance(operator, Dense):
        return matrix.T
    # As a real matrix it is [[Re, -Im], [Im, Re]]: its transpose is the adjoint.
    return jnp.stack([matrix[0].swapaxes(0, 1), -matrix[1].swapaxes(0, 1)])
