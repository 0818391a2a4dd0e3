"""Floor 6. What is asked of a noisy circuit -> the density matrices that are simulated for it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

import numpy as np

from qjax._base import tuning
from qjax._base.errors import CircuitTooLargeError
from qjax._base.memory import check_fits
from qjax._base.store import kept
from qjax._circuit.channels import Noise
from qjax._circuit.circuit import Circuit
from qjax._circuit.light_cone import light_cone
from qjax._circuit.measurements import measured_qubits, measurements
from qjax._circuit.observable import turned_by
from qjax._circuit.operations import Measure
from qjax._dynamic import deferred
from qjax._engine.misread import misread_at_the_end
from qjax._engine.misread_readouts import that_matter
from qjax._engine.task import Expectations, Outcomes
from qjax._engine.views import views_of
from qjax._noise import (
    Misreading,
    NoiseStructure,
    misreadings,
    model_of,
    noisy_circuit,
)
from qjax._readout import (
    MixedReading,
    mixed_reading,
)
from qjax._simulators import (
    MOST_QUBITS_TOGETHER,
    MixedPlan,
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
        misread: what happens to readings, by the qubits of the circuit; None where it is as the
            model has it. Where records of outcomes are qubits already, it is not.
    """

    circuit: Circuit
    batched: frozenset[int]
    readout: MixedReadout
    noise: NoiseStructure | None
    is_noisy: bool = False
    misread: tuple[Misreading, ...] | None = None

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
        misread: what circuits name beyond the channels of the model: each as misreadings one after
            the other, of the bits of `bits_of_all`.
    """

    parts: tuple[MixedPart, ...]
    misread: tuple[tuple[Misreading, ...], ...]

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
    noisy = circuit if noise is None else noisy_circuit(circuit, noise, bits)
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
    if task.misread is not None:
        misread = task.misread
    elif isinstance(readout, MeasuredBits):
        misread = misread_at_the_end(task.circuit, held, task.noise)
    else:
        misread = misreadings(task.noise, range(count))
        if isinstance(readout, Outcomes) and readout.qubits is not None:
            misread, _ = that_matter(misread, readout.qubits)
    together = _together(misread, observed)
    first = len(model_of(task.noise).channels)
    ops = tuple(Noise(first + k, bits_of_all(wrong)) for k, wrong in enumerate(together))
    whole = replace(whole, ops=whole.ops + ops)
    return MixedProgram(tuple(_parts(task, whole)), together)


def bits_of_all(misread: Sequence[Misreading]) -> tuple[int, ...]:
    """The bits of misreadings one after the other; of a single one in its own order."""
    return tuple(dict.fromkeys(bit for wrong in misread for bit in wrong.bits))


def _together(
    misread: Sequence[Misreading], observed: frozenset[int]
) -> tuple[tuple[Misreading, ...], ...]:
    """Misreadings, as one where a string alone does not tell the basis that a qubit is measured in.

    One that leaves a letter out, X or Y, is followed by a joint one that brings it back, as Z.

    Raises:
        CircuitTooLargeError: for more bits together than a superoperator acts on.
    """
    groups: list[tuple[Misreading, ...]] = []
    for wrong in misread:
        touched = [group for group in groups if not set(wrong.bits).isdisjoint(bits_of_all(group))]
        groups = [group for group in groups if group not in touched]
        groups.append((*chain.from_iterable(touched), wrong))
    together: list[tuple[Misreading, ...]] = []
    for group in groups:
        bits = bits_of_all(group)
        if observed.isdisjoint(bits):
            together += [(wrong,) for wrong in group]
            continue
        if len(bits) > MOST_QUBITS_TOGETHER:
            raise CircuitTooLargeError(
                f"readout errors that overlap on the qubits {sorted(bits)}: density matrices take "
                f"{MOST_QUBITS_TOGETHER} at most where one is measured in X or Y; expected fewer "
                "that are misread jointly, or shots= and a key, which measures bits"
            )
        together.append(group)
    return tuple(together)


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
