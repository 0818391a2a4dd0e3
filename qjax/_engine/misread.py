"""Floor 6. (circuit, parameters, misread bits) -> what is read out of pure states.

Noise that does not touch the circuit needs no density matrices: pure states are simulated as they
are without it, and what is read out of them is misread.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import jax
from jax import Array
from jaxtyping import Float

from qjax._base import tuning
from qjax._base.arrays import counted
from qjax._base.mesh import on_mesh
from qjax._base.store import kept
from qjax._circuit.circuit import Circuit
from qjax._circuit.measurements import measured_qubits, measurements
from qjax._circuit.operations import Measure
from qjax._dynamic import deferred
from qjax._engine.misread_readouts import (
    MisreadStrings,
    misread_probabilities,
    misread_strings,
    misread_values,
    that_matter,
)
from qjax._engine.primitive import run
from qjax._engine.task import Expectations, Outcomes, Task, outcomes_of, plan_of
from qjax._noise import Misreading, NoiseModel, NoiseStructure, final_misreadings, misreadings
from qjax._plan import Plan
from qjax._simulators import Gradient, StateVector


@dataclass(frozen=True, slots=True)
class MisreadTask:
    """What is asked of a circuit whose states are pure, and whose bits are misread.

    Attributes:
        circuit, batched, readout, gradient, simulator: as in `Task`; amplitudes cannot be misread.
        misread: what happens to readings, in order; bits are called as the qubits.
    """

    circuit: Circuit
    batched: frozenset[int]
    readout: Expectations | Outcomes
    misread: tuple[Misreading, ...]
    gradient: Gradient | None = None
    simulator: StateVector | None = None


def misread_task(task: Task, noise: NoiseStructure, bits: bool = False) -> MisreadTask:
    """A task with a model whose channels do not touch the circuit.

    Args:
        task: without noise; not of amplitudes.
        noise: the model, without its numbers.
        bits: whether the probabilities are those of what the circuit measures at its end, which
            are misread as its bits; those of qubits are misread as if each was measured.

    Raises:
        ValueError: for qubits that are misread jointly and measured in part, where bits are read.
    """
    assert isinstance(task.readout, (Expectations, Outcomes))
    if bits:
        misread = misread_at_the_end(task.circuit, measurements(deferred(task.circuit)), noise)
    else:
        misread = misreadings(noise, range(task.circuit.num_qubits))
    return MisreadTask(
        task.circuit, task.batched, task.readout, misread, task.gradient, task.simulator
    )


def misread_at_the_end(
    circuit: Circuit, final: tuple[Measure, ...], noise: NoiseStructure
) -> tuple[Misreading, ...]:
    """What happens to the bits of final measurements, by the qubits that hold them."""
    holds = {op.clbit: op.qubit for op in final}
    if not final:
        holds = {qubit: qubit for qubit in range(circuit.num_qubits)}
    return tuple(
        wrong._replace(bits=tuple(holds[bit] for bit in wrong.bits))
        for wrong in final_misreadings(circuit, noise)
        if all(bit in holds for bit in wrong.bits)
    )


@kept()
def measured_task(circuit: Circuit) -> Task:
    """The probabilities of the measured qubits, in order; all parameters shared."""
    return Task(circuit, frozenset(), outcomes_of(circuit, measured_qubits(deferred(circuit))))


@kept()
def pure_task_of(task: MisreadTask) -> Task:
    """What is simulated.

    Raises:
        ValueError: for observables that are too many strings where they are misread.
    """
    readout: Expectations | Outcomes
    if isinstance(task.readout, Expectations):
        readout = Expectations(_strings(task).strings)
    else:
        readout = outcomes_of(task.circuit, that_matter(task.misread, _qubits(task))[1])
    return Task(task.circuit, task.batched, readout, task.gradient, simulator=task.simulator)


def _strings(task: MisreadTask) -> MisreadStrings:
    assert isinstance(task.readout, Expectations)
    return misread_strings(
        task.readout.observables, task.misread, task.circuit.num_params, task.batched
    )


def _qubits(task: MisreadTask) -> tuple[int, ...]:
    assert isinstance(task.readout, Outcomes)
    everything = tuple(range(task.circuit.num_qubits))
    return everything if task.readout.qubits is None else task.readout.qubits


def run_misread(
    task: MisreadTask,
    shared: Float[Array, " shared"],
    batched: Float[Array, "batched batch"],
    model: NoiseModel | None,
) -> Float[Array, "outputs batch"]:
    """As `run`, of what is read; differentiable in the numbers of the model, too."""
    assert model is not None
    exact = run(pure_task_of(task), shared, batched)
    if isinstance(task.readout, Expectations):
        return misread_values(_strings(task), exact, model, shared, batched)
    looked_at = _qubits(task)
    misread, qubits = that_matter(task.misread, looked_at)
    return misread_probabilities(exact, misread, qubits, len(looked_at), model)


@kept(tuning.PROGRAM_BYTES)
def compiled_misread(task: MisreadTask) -> Callable[..., Array]:
    """(shared, batched, model) -> what is read out."""
    return jax.jit(partial(on_mesh, partial(run_misread, task)))


def plan_of_misread(task: MisreadTask) -> Plan:
    """How a task is simulated, in words."""
    plan = plan_of(pure_task_of(task))
    count = counted(len(task.misread), "readout error")
    return replace(plan, summary=f"{plan.summary}\n  misread: what is read out, by {count}")
