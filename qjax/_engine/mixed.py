"""Floor 6. (circuit, parameters, noise) -> what is read out of density matrices."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import jax
import numpy as np
from jax import Array
from jaxtyping import Float, Shaped

from qjax._base import tuning
from qjax._base.arrays import counted
from qjax._base.memory import check_fits
from qjax._base.mesh import on_mesh
from qjax._base.store import kept
from qjax._circuit.channels import Noise
from qjax._circuit.circuit import Circuit
from qjax._circuit.observable import turned_by
from qjax._dynamic import deferred
from qjax._engine.task import Expectations, Outcomes
from qjax._noise import (
    Channel,
    NoiseModel,
    NoiseStructure,
    model_of,
    noisy_circuit,
    structure_of,
)
from qjax._plan import Plan
from qjax._readout import (
    MixedReading,
    matrix_of,
    mixed_expectations,
    mixed_probabilities,
    mixed_reading,
)
from qjax._simulators import (
    DensityMatrix,
    MixedPlan,
    Simulator,
    StateVector,
    pauli_vector,
    plan_mixed,
)


@dataclass(frozen=True, slots=True)
class Densities:
    """Read out the density matrix."""


MixedReadout = Expectations | Outcomes | Densities


@dataclass(frozen=True, slots=True)
class MixedTask:
    """What is asked of a circuit whose states are mixed; parameters in the circuit's order.

    Attributes:
        circuit: the circuit, without noise.
        batched: the indices of the parameters that differ per sample.
        readout: what to read out; the qubits of `Outcomes` are those of the noisy circuit's
            deferred form.
        noise: the model, without its numbers; None for none.
    """

    circuit: Circuit
    batched: frozenset[int]
    readout: MixedReadout
    noise: NoiseStructure | None


class MixedPart(NamedTuple):
    """A circuit that is simulated, and what is read out of it.

    Attributes:
        circuit: gates and noise, misreadings included.
        readout: on its qubits.
        misread: the numbers of the model's readout errors that `Noise` names beyond its channels,
            and of how many qubits each is.
    """

    circuit: Circuit
    readout: MixedReadout
    misread: tuple[tuple[int, int], ...]


def deferred_with_noise(
    circuit: Circuit, noise: NoiseStructure | None, observed: frozenset[int] = frozenset()
) -> Circuit:
    """Gates, noise and final measurements: what a circuit is with noise in its places."""
    noisy = circuit if noise is None else noisy_circuit(circuit, noise)
    return deferred(noisy, observed if noisy.is_dynamic else frozenset())


@kept()
def part_of(task: MixedTask) -> MixedPart:
    """What is simulated."""
    readout = task.readout
    observed: frozenset[int] = frozenset()
    if isinstance(readout, Expectations):
        observed = observed.union(*map(turned_by, readout.observables))
    elif isinstance(readout, Densities):
        observed = frozenset(range(task.circuit.num_qubits))
    whole = deferred_with_noise(task.circuit, task.noise, observed)
    misread = () if task.noise is None or isinstance(readout, Densities) else task.noise
    if misread == ():
        return MixedPart(whole, readout, ())
    seen: Iterable[int] = range(task.circuit.num_qubits)
    if isinstance(readout, Outcomes) and readout.qubits is not None:
        seen = [qubit for qubit in readout.qubits if qubit < task.circuit.num_qubits]
    model = model_of(task.noise)
    errors = list(_misreadings(model, frozenset(seen)))
    first = len(model.channels)
    ops = tuple(Noise(first + k, qubits) for k, (_, qubits) in enumerate(errors))
    numbers = tuple((number, len(qubits)) for number, qubits in errors)
    return MixedPart(replace(whole, ops=whole.ops + ops), readout, numbers)


def _misreadings(model: NoiseModel, seen: frozenset[int]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """(number of the readout error, qubits) for all that are looked at."""
    for number, error in enumerate(model.readouts):
        if error.qubits is None:
            yield from ((number, (qubit,)) for qubit in sorted(seen))
        elif not seen.isdisjoint(error.qubits):
            yield number, error.qubits


class MixedProgram(NamedTuple):
    """All that is known of a task before its numbers."""

    part: MixedPart
    plan: MixedPlan
    reading: MixedReading | None


@kept()
def mixed_program(task: MixedTask) -> MixedProgram:
    """The plan of a task, and the tables of its readout."""
    part = part_of(task)
    reading = None
    if isinstance(part.readout, Expectations):
        reading = mixed_reading(part.readout.observables, part.circuit.num_params, task.batched)
    return MixedProgram(part, plan_mixed(part.circuit, task.batched), reading)


def mixed_values(
    task: MixedTask,
    shared: Float[Array, " shared"],
    batched: Float[Array, "batched batch"],
    model: NoiseModel | None,
) -> Shaped[Array, "outputs batch"]:
    """What is read out, for all samples at once; of `Densities`, of the only sample.

    Args:
        task: what to simulate.
        shared: the parameters that all samples have in common, in the circuit's order.
        batched: those that differ per sample.
        model: the noise, with its numbers.
    """
    program = mixed_program(task)
    check_density_fits(program.part.circuit.num_qubits, batched.shape[1], shared.dtype)
    vector = pauli_vector(program.plan, shared, batched, _channels(program.part, model))
    layout = program.plan.schedule.layout
    readout = program.part.readout
    if isinstance(readout, Densities):
        # Records of outcomes, which come behind the circuit's qubits, are traced out: digit I.
        count = task.circuit.num_qubits
        kept_rows = _rows_without_records(layout, count)
        own = tuple(qubit for qubit in layout if qubit < count)
        return matrix_of(own, vector[kept_rows, 0])
    if isinstance(readout, Outcomes):
        everything = range(program.part.circuit.num_qubits)
        qubits = tuple(everything) if readout.qubits is None else readout.qubits
        return mixed_probabilities(layout, qubits, vector)
    assert program.reading is not None
    return mixed_expectations(program.reading, layout, vector, shared, batched)


def _rows_without_records(layout: tuple[int, ...], count: int) -> np.ndarray:
    rows = np.zeros(1, np.int32)
    for place, qubit in enumerate(layout):
        digits = np.arange(4 if qubit < count else 1, dtype=np.int32)
        weight = 4 ** (len(layout) - 1 - place)
        rows = (rows[:, None] + weight * digits).reshape(-1)
    return rows


def _channels(part: MixedPart, model: NoiseModel | None) -> tuple[Channel, ...]:
    if model is None:
        return ()
    misread = (
        Channel("misread_strings", width, (model.readouts[number].matrix,))
        for number, width in part.misread
    )
    return (*model.channels, *misread)


def check_density_fits(num_qubits: int, batch: int, dtype: np.dtype) -> None:
    """Require that density matrices fit into memory.

    Raises:
        CircuitTooLargeError: otherwise.
    """
    copies = 4
    check_fits(
        copies * batch * dtype.itemsize << 2 * num_qubits,
        f"{batch} density matrices of {num_qubits} qubits in {dtype.name}",
        "fewer qubits, smaller batches, or simulator=qjax.simulators.Trajectories(samples)",
    )


@kept(tuning.PROGRAM_BYTES)
def compiled_mixed(task: MixedTask) -> Callable[..., Array]:
    """(shared, batched, model) -> what is read out."""
    return jax.jit(partial(on_mesh, partial(mixed_values, task)))


def plan_of_mixed(task: MixedTask) -> Plan:
    """How a task is simulated, in words."""
    program = mixed_program(task)
    count, schedule = program.part.circuit.num_qubits, program.plan.schedule
    check_density_fits(count, 1, np.dtype(np.float32))
    widths = sorted({len(block.qubits) for block in schedule.blocks})
    blocks = counted(len(schedule.blocks), "block")
    on = f" on {' and '.join(map(str, widths))} qubits" if widths else ""
    records = count - task.circuit.num_qubits
    noise = "without noise" if task.noise is None else "with noise"
    summary = (
        f"density matrix of {counted(count, 'qubit')}, {noise}: 4**{count} real numbers per "
        f"sample, tr(P rho) for all Pauli strings P\n"
        f"  {counted(len(program.plan.factors.factors), 'superoperator')} of gates, channels and "
        f"misread bits in {blocks}{on}; those on single qubits of |0> make the state to start from"
    )
    if records > 0:
        summary += f"\n  dynamic: {counted(records, 'further qubit')} for records of outcomes"
    return Plan(program.plan, None, len(schedule.blocks), summary)


def simulator_for(
    circuit: Circuit, simulator: Simulator | None, noise: NoiseModel | None
) -> Simulator | None:
    """What simulates a circuit with noise; None where pure states do, by the best engine.

    Raises:
        ValueError: for pure states where there is noise.
    """
    if noise is None or not _has_effect(circuit, structure_of(noise)):
        return simulator
    if isinstance(simulator, StateVector):
        raise ValueError(
            "simulator: StateVector has pure states, and noise makes mixed ones; expected "
            "DensityMatrix() or Trajectories(samples) of qjax.simulators, or None, which chooses"
        )
    return DensityMatrix() if simulator is None else simulator


@kept()
def _has_effect(circuit: Circuit, noise: NoiseStructure) -> bool:
    return bool(model_of(noise).readouts) or noisy_circuit(circuit, noise) != circuit
