"""Floor 4. Blocks on a Pauli vector, by XLA: one loop over all, differentiable to any order.

Each step brings the block's qubits to the leading digits, whose matrix is then one GEMM. Reverse
mode keeps the states between blocks, or, where these are many, only some of them.
"""

from math import isqrt
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from qjax._base import tuning
from qjax._base.linear_map import linear_map
from qjax._simulators.density_matrix.blocks import Reorder, Schedule


class Matrices(NamedTuple):
    """The matrices of blocks, in the order in which those act.

    Attributes:
        shared: `(blocks, D, D)` of those that all samples share.
        batched: `(blocks, D, D, batch)` of those that differ per sample.
    """

    shared: Array
    batched: Array


class _Step(NamedTuple):
    """What one block takes.

    Attributes:
        reorder: its tables.
        shared: `(D, D)`, of any block where it differs per sample.
        batched: `(D, D, batch)`, likewise.
        is_batched: which of the two it is.
    """

    reorder: Reorder
    shared: Array | None
    batched: Array | None
    is_batched: Array


def acted_by_xla(schedule: Schedule, matrices: Matrices, state: Array) -> Array:
    """The state after all blocks, its digits as at the start."""
    if not schedule.blocks:
        return state
    moves = np.array([block.is_batched for block in schedule.blocks])
    steps = _Step(
        jax.tree.map(jnp.asarray, schedule.reorders),
        _of_all_steps(matrices.shared, ~moves),
        _of_all_steps(matrices.batched, moves),
        jnp.asarray(moves),
    )
    return _reordered(jax.tree.map(jnp.asarray, schedule.end), _scan(steps, state))


def _of_all_steps(matrices: Array, own: np.ndarray) -> Array | None:
    """A matrix for each step: those of steps of the other kind are not used."""
    if not own.any():
        return None
    return matrices if own.all() else matrices[np.maximum(np.cumsum(own) - 1, 0)]


def _scan(steps: _Step, state: Array) -> Array:
    count = len(steps.is_batched)
    if count * state.size * state.dtype.itemsize <= tuning.KEPT_MIXED_BYTES:
        return lax.scan(_step, state, steps)[0]
    # States between some blocks are kept, those in between computed again: of n blocks, 2 sqrt(n).
    size = isqrt(count)
    whole = count - count % size
    chunks = jax.tree.map(lambda x: x[:whole].reshape(-1, size, *x.shape[1:]), steps)
    rest = jax.tree.map(lambda x: x[whole:], steps)

    @jax.checkpoint
    def chunk(state: Array, steps: _Step) -> tuple[Array, None]:
        return lax.scan(_step, state, steps)

    state = lax.scan(chunk, state, chunks)[0]
    return chunk(state, rest)[0] if whole < count else state


def _step(state: Array, step: _Step) -> tuple[Array, None]:
    state = _reordered(step.reorder, state)
    if step.batched is None:
        return _act(state, step), None
    if step.shared is None:
        return _act_per_sample(state, step), None
    return lax.cond(step.is_batched, _act_per_sample, _act, state, step), None


def _act(state: Array, step: _Step) -> Array:
    matrix: Any = step.shared
    rows = jnp.matmul(matrix, state.reshape(len(matrix), -1), precision=tuning.PRECISION)
    return rows.reshape(state.shape)


def _act_per_sample(state: Array, step: _Step) -> Array:
    matrices: Any = step.batched
    split = state.reshape(len(matrices), -1, state.shape[1])
    acted = jnp.einsum("ijb,jrb->irb", matrices, split, precision=tuning.PRECISION)
    return acted.reshape(state.shape)


def _reordered(reorder: Reorder, state: Array) -> Array:
    moved: Array = linear_map(_taken, _taken_back, reorder, state, like=state)
    return moved


def _taken(reorder: Reorder, state: Array) -> Array:
    return _rows(state, reorder.high, reorder.low)


def _taken_back(reorder: Reorder, cotangent: Array) -> Array:
    return _rows(cotangent, reorder.back_high, reorder.back_low)


def _rows(state: Array, high: Any, low: Any) -> Array:
    source = (high[:, None] + low[None]).reshape(-1)
    return state.at[source].get(unique_indices=True, mode="promise_in_bounds")
