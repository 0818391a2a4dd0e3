"""Floor 4. Plan, parameters, channels -> the Pauli vector of the state at the end.

The vector of all r[P] = tr(P rho), real, `(4**n, batch)`, batch last.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from qjax._base.store import kept
from qjax._circuit.circuit import Circuit
from qjax._expressions import all_angles
from qjax._noise import Channel
from qjax._simulators.choice import NATIVE, resolved
from qjax._simulators.density_matrix.blocks import Schedule, schedule_of
from qjax._simulators.density_matrix.factors import Angles, Factors, factors_of
from qjax._simulators.density_matrix.matrices import BankMatrices, matrices_of_banks, products
from qjax._simulators.density_matrix.native import acted_by_kernel, has_kernel
from qjax._simulators.density_matrix.passes import Matrices, acted_by_xla
from qjax._simulators.density_matrix.start import start_vector

PauliVector = Float[Array, "4**n batch"]


class MixedPlan(NamedTuple):
    """How a circuit is simulated as a density matrix."""

    factors: Factors
    schedule: Schedule

    @property
    def num_qubits(self) -> int:
        return self.schedule.num_qubits

    @property
    def layout(self) -> tuple[int, ...]:
        """The qubit that each digit of a state stands for, most significant first."""
        return self.schedule.start_layout


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
    """The state at the end; its digits stand as `plan.layout` says.

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
    batch = batched.shape[1]
    state = start_vector(factors.starts, schedule, banks, shared, moving)
    if not schedule.blocks:
        return jnp.broadcast_to(state, (len(state), batch))
    if batched.shape[0]:
        state = jnp.broadcast_to(state, (len(state), batch))
    matrices = _matrices(schedule, banks, state.shape[1])
    uses_kernel = resolved(None) == NATIVE and has_kernel(schedule)
    act = acted_by_kernel if uses_kernel else acted_by_xla
    return jnp.broadcast_to(act(schedule, matrices, state), (len(state), batch))


def _values(angles: Angles, parameters: Array) -> Array:
    if not angles.tables:
        return jnp.zeros((0, *parameters.shape[1:]), parameters.dtype)
    return all_angles(angles.tables, parameters)[jnp.asarray(angles.order)]


def _matrices(schedule: Schedule, banks: dict[int, BankMatrices], batch: int) -> Matrices:
    """The matrices of all blocks, in order."""
    dtype = next(iter(banks.values()))[0].dtype
    shared, batched = _products(schedule, banks, False), _products(schedule, banks, True)
    if batched is None:
        moving = jnp.zeros((0, 1, 1, batch), dtype)
    else:
        spread = jnp.broadcast_to(batched, (len(batched), batch, *batched.shape[2:]))
        moving = jnp.moveaxis(spread, 1, 3)
    return Matrices(jnp.zeros((0, 1, 1), dtype) if shared is None else shared[:, 0], moving)


def _products(schedule: Schedule, banks: dict[int, BankMatrices], is_batched: bool) -> Array | None:
    blocks = [block for block in schedule.blocks if block.is_batched == is_batched]
    if not blocks:
        return None
    return products([block.factors for block in blocks], banks, len(blocks[0].qubits))
