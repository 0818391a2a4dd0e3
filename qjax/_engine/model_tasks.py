"""Floor 6. What a network computes, and what is simulated for it."""

from dataclasses import dataclass
from math import prod

import numpy as np
from jaxtyping import Int

from qjax._base.memory import check_states_fit
from qjax._circuit.circuit import Circuit
from qjax._circuit.measurements import measured_qubits
from qjax._dynamic import deferred
from qjax._engine.drawn import CountedBits, DrawnTask, plan_of_drawn
from qjax._engine.measured import SampledTask
from qjax._engine.misread import MisreadTask, misread_task, plan_of_misread, pure_task_of
from qjax._engine.mixed import plan_of_mixed
from qjax._engine.mixed_task import MeasuredBits, MixedTask, check_density_fits, mixed_program
from qjax._engine.sharded import plan_of_sharded
from qjax._engine.shots import Shots
from qjax._engine.task import (
    Expectations,
    Outcomes,
    Task,
    check_width,
    num_simulated,
    outcomes_of,
    plan_of,
)
from qjax._noise import NoiseStructure
from qjax._plan import Plan
from qjax._simulators import DensityMatrix, Gradient, Simulator, StateVector, Trajectories


@dataclass(frozen=True, slots=True)
class Probabilities:
    """Read out the probability of each output.

    Attributes:
        output_shape: the shape of the outputs.
        targets: `2**k` int32 in bytes: the flat output that each state of the k qubits that are
            measured (records included, in order) counts for.
    """

    output_shape: tuple[int, ...]
    targets: bytes

    @property
    def table(self) -> Int[np.ndarray, " 2**k"]:
        return np.frombuffer(self.targets, np.int32)

    @property
    def num_outputs(self) -> int:
        return prod(self.output_shape)


NetworkReadout = Expectations | Probabilities


@dataclass(frozen=True, slots=True)
class Model:
    """What a network computes: a function of weights and inputs, each in the user's order.

    A `Task` is what the engine runs, and has less: parameters in the circuit's order, of which it
    knows only whether they differ per sample, and a readout that the simulator has. Both are kept
    apart because they are compiled by different keys. Models that differ in the order of their
    weights, or in the output that each bitstring counts for, are different functions but the same
    task, and share its plan and its program; and the public functions of a circuit (`expectation`,
    `probabilities`, the Fisher information) are tasks without being networks. `task_of` is the way
    from one to the other.

    Attributes:
        circuit: the circuit.
        inputs, weights: which of its parameters, by index, these are, in their order.
        readout: what the outputs are.
        gradient: how reverse mode works; None chooses by the memory it would need.
        simulator: which one, and by which engine; None chooses where it runs.
        noise: what goes wrong, without its numbers.
        shots: how many runs stand for the exact values; None for those. Beside `Trajectories`,
            whose samples are the runs: that each of them is one shot.
    """

    circuit: Circuit
    inputs: tuple[int, ...]
    weights: tuple[int, ...]
    readout: NetworkReadout
    gradient: Gradient | None = None
    simulator: Simulator | None = None
    noise: NoiseStructure | None = None
    shots: Shots | None = None

    @property
    def is_mixed(self) -> bool:
        """Whether states are density matrices."""
        return isinstance(self.simulator, DensityMatrix)

    @property
    def runs(self) -> int | None:
        """How many runs a value is a mean of; None for other simulators."""
        return self.simulator.samples if isinstance(self.simulator, Trajectories) else None

    @property
    def is_random(self) -> bool:
        """Whether outputs are drawn, so that a key is needed."""
        return self.shots is not None or self.runs is not None


def check_simulated(model: Model) -> None:
    """Require that a state fits into memory.

    Raises:
        CircuitTooLargeError: otherwise.
    """
    if model.is_mixed:
        check_density_fits(num_simulated_of(model), 1, np.dtype(np.float32))
    elif model.runs is not None:
        check_states_fit(model.circuit.num_qubits, 1, np.dtype(np.complex64))
    else:
        check_width(pure_part_of(model))


def num_simulated_of(model: Model) -> int:
    """How many qubits are simulated at once, records of outcomes included."""
    if model.is_mixed:
        return mixed_program(mixed_task_of(model)).widest.circuit.num_qubits
    if model.runs is not None:
        return model.circuit.num_qubits
    return num_simulated(pure_part_of(model))


def mixed_task_of(model: Model) -> MixedTask:
    """What is simulated as density matrices."""
    readout = model.readout if isinstance(model.readout, Expectations) else MeasuredBits()
    return MixedTask(model.circuit, frozenset(model.inputs), readout, model.noise)


def sampled_task_of(model: Model) -> SampledTask:
    """What is simulated, and then sampled."""
    if model.is_mixed:
        return mixed_task_of(model)
    if model.noise is None:
        return task_of(model)
    return misread_task(task_of(model), model.noise, isinstance(model.readout, Probabilities))


def drawn_task_of(model: Model) -> DrawnTask:
    """What is run so many times."""
    assert model.runs is not None
    readout: Expectations | MeasuredBits | CountedBits = MeasuredBits()
    if isinstance(model.readout, Expectations):
        readout = model.readout
    elif model.shots is not None:
        readout = CountedBits()
    return DrawnTask(model.circuit, frozenset(model.inputs), readout, model.noise, model.runs)


def pure_part_of(model: Model) -> Task:
    """What is simulated where states are pure: all of it, but that bits are misread."""
    task = sampled_task_of(model)
    assert not isinstance(task, MixedTask)
    return pure_task_of(task) if isinstance(task, MisreadTask) else task


def plan_of_model(model: Model) -> Plan:
    """How a network is simulated."""
    return plan_of_task(sampled_task_of(model) if model.runs is None else drawn_task_of(model))


def plan_of_task(task: SampledTask | DrawnTask) -> Plan:
    """How a task is simulated."""
    if isinstance(task, DrawnTask):
        return plan_of_drawn(task)
    if isinstance(task, MixedTask):
        return plan_of_mixed(task)
    if isinstance(task, MisreadTask):
        return plan_of_misread(task)
    return plan_of(task) if task.sharding is None else plan_of_sharded(task)


def task_of(model: Model) -> Task:
    """What is simulated, where states are pure, before anything is misread."""
    readout = model.readout if isinstance(model.readout, Expectations) else _measured(model.circuit)
    inputs = frozenset(model.inputs)
    assert model.simulator is None or isinstance(model.simulator, StateVector)
    return Task(model.circuit, inputs, readout, model.gradient, simulator=model.simulator)


def _measured(circuit: Circuit) -> Outcomes:
    return outcomes_of(circuit, measured_qubits(deferred(circuit)))
