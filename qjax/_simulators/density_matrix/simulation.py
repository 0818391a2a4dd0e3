"""Floor 4. Plan, parameters, channels -> the Pauli vector of the state at the end.

The vector of all r[P] = tr(P rho), real, `(4**n, batch)`: batch last, so that each block is one
GEMM on the leading rows. Everything is plain JAX, so that derivatives of any order follow; reverse
mode keeps the states between blocks, or, where these are many, only some of them.
"""

from math import isqrt
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from qjax._base import tuning
from qjax._base.linear_map import linear_map
from qjax._base.store import kept
from qjax._circuit.circuit import Circuit
from qjax._expressions import all_angles
from qjax._noise import Channel
from qjax._simulators.density_matrix.blocks import Reorder, Schedule, schedule_of
from qjax._simulators.density_matrix.factors import Angles, Factors, factors_of
from qjax._simulators.density_matrix.matrices import Matrices, matrices_of_banks, products
from qjax._simulators.density_matrix.start import start_vector

PauliVector = Float[Array, "4**n batch"]


class MixedPlan(NamedTuple):
    """How a circuit is simulated as a density matrix."""

    factors: Factors
    schedule: Schedule

    @property
    def num_qubits(self) -> int:
        return self.schedule.num_qubits


@kept()
def plan_mixed(circuit: Circuit, batched: frozenset[int] = frozenset()) -> MixedPlan:
    """The plan of a circuit of gates, noise, resets, and amplitudes at the start.

    Args:
        circuit: not dynamic, but for resets.
        batched: the parameters that differ per sample.
    """
    factors = factors_of(circuit, batched)
    given = [start.qubits for start in factors.starts]
    return MixedPlan(factors, schedule_of(factors.factors, circuit.num_qubits, given))


def pauli_vector(
    plan: MixedPlan,
    shared: Float[Array, " shared"],
    batched: Float[Array, "batched batch"],
    channels: tuple[Channel, ...],
) -> PauliVector:
    """The state at the end; its digits stand as `plan.schedule.layout` says.

    Args:
        plan: of the circuit.
        shared: the parameters that all samples have in common, in the circuit's order.
        batched: those that differ per sample, batch last.
        channels: what the circuit's noise names by number.
    """
    factors, schedule = plan.factors, plan.schedule
    moving = jnp.concatenate(
        [batched, jnp.broadcast_to(shared[:, None], (len(shared), batched.shape[1]))]
    )
    angles = _values(factors.shared, shared), _values(factors.batched, moving)
    banks = matrices_of_banks(factors.banks, channels, *angles)
    state = start_vector(factors.starts, schedule, banks, shared, moving)
    return _run(schedule, banks, state, batched.shape[1])


def _values(angles: Angles, parameters: Array) -> Array:
    if not angles.tables:
        return jnp.zeros((0, *parameters.shape[1:]), parameters.dtype)
    return all_angles(angles.tables, parameters)[jnp.asarray(angles.order)]


class _Step(NamedTuple):
    """What one block takes.

    Attributes:
        reorder: its tables.
        shared: `(D, D)`; identity where the block differs per sample.
        batched: `(batch, D', D')`, or None where no block does.
        is_batched: which of the two it is; None where all are shared.
    """

    reorder: Reorder
    shared: Array
    batched: Array | None
    is_batched: Array | None


def _run(schedule: Schedule, banks: dict[int, Matrices], state: Array, batch: int) -> Array:
    if not schedule.blocks:
        return jnp.broadcast_to(state, (len(state), batch))
    moves = np.array([block.is_batched for block in schedule.blocks])
    state = jnp.broadcast_to(state, (len(state), batch if moves.any() else state.shape[1]))
    shared = _products(schedule, banks, False, moves)
    batched = _products(schedule, banks, True, moves)
    steps = _Step(
        jax.tree.map(jnp.asarray, schedule.reorders),
        jnp.zeros((len(moves), 1, 1), state.dtype) if shared is None else shared[:, 0],
        batched,
        None if batched is None or shared is None else jnp.asarray(moves),
    )
    state = _scan(steps, state)
    return jnp.broadcast_to(state, (len(state), batch))


def _products(
    schedule: Schedule, banks: dict[int, Matrices], moves: bool, kinds: np.ndarray
) -> Array | None:
    """The matrices of blocks of one kind, in all steps: those of other steps are not used."""
    blocks = [block for block in schedule.blocks if block.is_batched == moves]
    if not blocks:
        return None
    matrices = products([block.factors for block in blocks], banks, len(blocks[0].qubits))
    places = np.maximum(np.cumsum(kinds == moves) - 1, 0)
    return matrices if len(blocks) == len(kinds) else matrices[jnp.asarray(places)]


def _scan(steps: _Step, state: Array) -> Array:
    count = len(steps.reorder.high)
    kept_bytes = tuning.of_backend(jax.default_backend()).kept_bytes_of_many
    if count * state.size * state.dtype.itemsize <= kept_bytes:
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
    state = linear_map(_taken, _taken_back, step.reorder, state, like=state)
    if step.is_batched is None:
        return (_act_per_sample if step.batched is not None else _act)(state, step), None
    return lax.cond(step.is_batched, _act_per_sample, _act, state, step), None


def _act(state: Array, step: _Step) -> Array:
    size = len(step.shared)
    rows = jnp.matmul(step.shared, state.reshape(size, -1), precision=tuning.PRECISION)
    return rows.reshape(state.shape)


def _act_per_sample(state: Array, step: _Step) -> Array:
    matrices: Any = step.batched
    size = matrices.shape[-1]
    split = state.reshape(size, -1, state.shape[1])
    acted = jnp.einsum("bij,jrb->irb", matrices, split, precision=tuning.PRECISION)
    return acted.reshape(state.shape)


def _taken(reorder: Reorder, state: Array) -> Array:
    return _rows(state, reorder.high, reorder.low)


def _taken_back(reorder: Reorder, cotangent: Array) -> Array:
    return _rows(cotangent, reorder.back_high, reorder.back_low)


def _rows(state: Array, high: Any, low: Any) -> Array:
    source = (high[:, None] + low[None]).reshape(-1)
    return state.at[source].get(unique_indices=True, mode="promise_in_bounds")
