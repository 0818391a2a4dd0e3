"""Floor 6. (circuit, parameters, noise) -> what is read out of density matrices."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int, Shaped

from qjax._base import tuning
from qjax._base.arrays import counted
from qjax._base.errors import CircuitTooLargeError
from qjax._base.memory import check_fits
from qjax._base.mesh import on_mesh
from qjax._base.store import kept
from qjax._circuit.channels import Noise
from qjax._circuit.circuit import Circuit
from qjax._circuit.light_cone import light_cone
from qjax._circuit.measurements import measured_qubits, measurements, without_unread_noise
from qjax._circuit.observable import turned_by
from qjax._circuit.operations import Measure
from qjax._dynamic import deferred
from qjax._engine.misread import misread_at_the_end
from qjax._engine.misread_readouts import that_matter
from qjax._engine.task import Expectations, Outcomes
from qjax._engine.views import views_of
from qjax._noise import (
    Channel,
    NoiseModel,
    NoiseStructure,
    misreadings,
    model_of,
    names_without_noise,
    noisy_circuit,
    reduced,
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

# Rows are counted by integers of 32 bits.
_MOST_QUBITS = 15


@dataclass(frozen=True, slots=True)
class Densities:
    """Read out the density matrix."""


@dataclass(frozen=True, slots=True)
class MeasuredBits:
    """Read out the probabilities of what is measured at the end, by the qubits in order."""


MixedReadout = Expectations | Outcomes | MeasuredBits | Densities


@dataclass(frozen=True, slots=True)
class MixedTask:
    """What is asked of a circuit whose states are mixed; parameters in the circuit's order.

    Attributes:
        circuit: the circuit, without noise.
        batched: the indices of the parameters that differ per sample.
        readout: what to read out.
        noise: the model, without its numbers; None for none.
        is_noisy: whether the circuit has its channels in their places already.
    """

    circuit: Circuit
    batched: frozenset[int]
    readout: MixedReadout
    noise: NoiseStructure | None
    is_noisy: bool = False

    @property
    def rules(self) -> NoiseStructure | None:
        """The model whose channels are still to be placed."""
        return None if self.is_noisy else self.noise


class MixedPart(NamedTuple):
    """A circuit that is simulated, and what is read out of it.

    Attributes:
        circuit: gates and noise, misreadings included.
        readout: on its qubits.
        outputs: which values of the whole these are; of `Expectations` only.
        plan: of the circuit.
        reading: how observables are read out.
    """

    circuit: Circuit
    readout: MixedReadout
    outputs: tuple[int, ...]
    plan: MixedPlan
    reading: MixedReading | None


class MixedProgram(NamedTuple):
    """All that is known of a task before its numbers.

    Attributes:
        parts: circuits that are simulated, one after the other.
        misread: the readout errors of the model that circuits name beyond its channels: the number
            of each, and of how many qubits it is.
    """

    parts: tuple[MixedPart, ...]
    misread: tuple[tuple[int, int], ...]

    @property
    def widest(self) -> MixedPart:
        return max(self.parts, key=lambda part: part.circuit.num_qubits)


def deferred_with_noise(
    circuit: Circuit,
    noise: NoiseStructure | None,
    observed: frozenset[int] = frozenset(),
    bits: bool = True,
) -> Circuit:
    """Gates, noise and final measurements: what a circuit is with noise in its places."""
    noisy = circuit if noise is None else noisy_circuit(circuit, noise)
    if not bits and noisy.is_dynamic:
        noisy = without_unread_noise(noisy)
    return deferred(noisy, observed if noisy.is_dynamic else frozenset(), mixed=True, bits=bits)


@kept()
def mixed_program(task: MixedTask) -> MixedProgram:
    """The plans of a task, and the tables of its readout; what nothing depends on is left out."""
    readout, count = task.readout, task.circuit.num_qubits
    observed: frozenset[int] = frozenset()
    if isinstance(readout, Expectations):
        observed = observed.union(*map(turned_by, readout.observables))
    elif isinstance(readout, Densities):
        observed = frozenset(range(count))
    bits = isinstance(readout, MeasuredBits)
    whole = deferred_with_noise(task.circuit, task.rules, observed, bits)
    if isinstance(readout, MeasuredBits):
        task = replace(task, readout=Outcomes(tuple(measured_qubits(whole))))
    held = measurements(whole)
    whole = replace(whole, ops=tuple(op for op in whole.ops if not isinstance(op, Measure)))
    if task.noise is None or isinstance(readout, Densities):
        return MixedProgram(tuple(_parts(task, whole)), ())
    if isinstance(readout, MeasuredBits):
        misread = misread_at_the_end(task.circuit, held, task.noise)
    else:
        misread = misreadings(task.noise, range(count))
        if isinstance(readout, Outcomes) and readout.qubits is not None:
            misread, _ = that_matter(misread, readout.qubits)
    first = len(model_of(task.noise).channels)
    ops = tuple(Noise(first + k, wrong.bits) for k, wrong in enumerate(misread))
    whole = replace(whole, ops=whole.ops + ops)
    numbers = tuple((wrong.readout, len(wrong.bits)) for wrong in misread)
    return MixedProgram(tuple(_parts(task, whole)), numbers)


def _planned(circuit: Circuit, batched: frozenset[int]) -> MixedPlan:
    check_density_fits(circuit.num_qubits, 1, np.dtype(np.float32))
    return plan_mixed(circuit, batched)


def _parts(task: MixedTask, whole: Circuit) -> Iterator[MixedPart]:
    readout = task.readout
    if isinstance(readout, Expectations):
        for circuit, observables, outputs in views_of(
            whole, readout.observables, tuning.MIN_MIXED_QUBITS_TO_SPLIT
        ):
            reading = mixed_reading(observables, circuit.num_params, task.batched)
            plan = _planned(circuit, task.batched)
            yield MixedPart(circuit, Expectations(observables), outputs, plan, reading)
        return
    everything = tuple(range(whole.num_qubits))
    looked_at = everything[: task.circuit.num_qubits]
    if isinstance(readout, Outcomes):
        looked_at = everything if readout.qubits is None else readout.qubits
    cone = light_cone(whole, looked_at, diagonal=isinstance(readout, Outcomes))
    places = tuple(cone.qubits.index(qubit) for qubit in looked_at)
    plan = _planned(cone.circuit, task.batched)
    yield MixedPart(cone.circuit, Outcomes(places), (), plan, None)


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
    check_density_fits(program.widest.circuit.num_qubits, batched.shape[1], shared.dtype)
    channels = _channels(program, model)
    values = [_part_values(part, task, shared, batched, channels) for part in program.parts]
    if len(values) == 1:
        return values[0]
    outputs = np.concatenate([part.outputs for part in program.parts])
    return jax.ops.segment_sum(jnp.concatenate(values), outputs, num_segments=max(outputs) + 1)


def _part_values(
    part: MixedPart,
    task: MixedTask,
    shared: Array,
    batched: Array,
    channels: tuple[Channel, ...],
) -> Array:
    vector = pauli_vector(part.plan, shared, batched, channels)
    layout = part.plan.layout
    if part.reading is not None:
        return mixed_expectations(part.reading, layout, vector, shared, batched)
    assert isinstance(part.readout, Outcomes)
    assert part.readout.qubits is not None
    if isinstance(task.readout, (Outcomes, MeasuredBits)):
        return mixed_probabilities(layout, part.readout.qubits, vector)
    own = part.readout.qubits
    rows = _rows_of(layout, own)
    # The qubits by their places among those that are looked at.
    order = tuple(own.index(qubit) for qubit in layout if qubit in own)
    return matrix_of(order, vector[rows, 0])


def _rows_of(layout: tuple[int, ...], qubits: tuple[int, ...]) -> Int[np.ndarray, " rows"]:
    """The rows of a Pauli vector of some qubits: others are traced out, by the digit I."""
    rows = np.zeros(1, np.int32)
    for place, qubit in enumerate(layout):
        digits = np.arange(4 if qubit in qubits else 1, dtype=np.int32)
        rows = (rows[:, None] + 4 ** (len(layout) - 1 - place) * digits).reshape(-1)
    return rows


def _channels(program: MixedProgram, model: NoiseModel | None) -> tuple[Channel, ...]:
    if model is None:
        return ()
    misread = (
        Channel("misread_strings", width, (model.readouts[number].matrix,))
        for number, width in program.misread
    )
    return (*model.channels, *misread)


def check_density_fits(num_qubits: int, batch: int, dtype: np.dtype) -> None:
    """Require that density matrices fit into memory.

    Raises:
        CircuitTooLargeError: otherwise, and where their rows are more than 32 bits can count.
    """
    remedy = "fewer qubits, smaller batches, or simulator=qjax.simulators.Trajectories(samples)"
    if num_qubits > _MOST_QUBITS:
        raise CircuitTooLargeError(
            f"a density matrix of {num_qubits} qubits: there are rows for at most {_MOST_QUBITS}; "
            f"expected {remedy}"
        )
    copies = 4
    check_fits(
        copies * batch * dtype.itemsize << 2 * num_qubits,
        f"{batch} density matrices of {num_qubits} qubits in {dtype.name}",
        remedy,
    )


@kept(tuning.PROGRAM_BYTES)
def compiled_mixed(task: MixedTask) -> Callable[..., Array]:
    """(shared, batched, model) -> what is read out."""
    return jax.jit(partial(on_mesh, partial(mixed_values, task)))


def plan_of_mixed(task: MixedTask) -> Plan:
    """How a task is simulated, in words."""
    program = mixed_program(task)
    part = program.widest
    count, schedule = part.circuit.num_qubits, part.plan.schedule
    check_density_fits(count, 1, np.dtype(np.float32))
    widths = sorted({len(block.qubits) for block in schedule.blocks})
    blocks = counted(len(schedule.blocks), "block")
    on = f" on {' and '.join(map(str, widths))} qubits" if widths else ""
    whole = deferred_with_noise(task.circuit, task.noise)
    records = whole.num_qubits - task.circuit.num_qubits
    noise = "without noise" if task.noise is None else "with noise"
    summary = (
        f"density matrix of {counted(count, 'qubit')}, {noise}: 4**{count} real numbers per "
        f"sample, tr(P rho) for all Pauli strings P\n"
        f"  {counted(len(part.plan.factors.factors), 'superoperator')} of gates, channels and "
        f"misread bits in {blocks}{on}; those on single qubits of |0> make the state to start from"
    )
    if records > 0:
        summary += f"\n  dynamic: {counted(records, 'further qubit')} for records of outcomes"
    if bare := () if task.noise is None else names_without_noise(task.circuit, task.noise):
        summary += f"\n  the model has no rule for {', '.join(bare)}: these are without noise"
    if len(program.parts) > 1:
        summary += (
            f"\n  {len(program.parts)} groups of observables are evaluated one after the other, "
            "each on the qubits that it depends on; this is a widest one"
        )
    return Plan(part.plan, None, len(schedule.blocks), summary)


def with_simulator(
    circuit: Circuit, simulator: Simulator | None, noise: NoiseModel | None
) -> tuple[Simulator | None, NoiseModel | None]:
    """What simulates a circuit with noise, and what of the model has to do with the circuit.

    Pure states, by the best engine, are None; the model is None where it has no effect. Where it
    does nothing but misread bits, states stay as they are.

    Raises:
        ValueError: for pure states where there is noise, and noise that does not fit the circuit.
    """
    if noise is None:
        return simulator, None
    touches = touches_circuit(circuit, structure_of(noise))
    if not touches and not noise.readouts:
        return simulator, None
    if touches and isinstance(simulator, StateVector):
        raise ValueError(
            "simulator: StateVector has pure states, and noise makes mixed ones; expected "
            "DensityMatrix() or Trajectories(samples) of qjax.simulators, or None, which chooses"
        )
    chosen = DensityMatrix() if touches and simulator is None else simulator
    return chosen, reduced(noise, circuit)


@kept()
def touches_circuit(circuit: Circuit, noise: NoiseStructure) -> bool:
    """Whether a model does more to a circuit than to misread what it measures at its end."""
    return noisy_circuit(circuit, noise) != circuit
