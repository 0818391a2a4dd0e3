"""Floor 6. What is asked of a circuit -> what runs where each device holds a part of a state.

Observables become Pauli strings: a device measures them in its part of the state, with a sign.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import numpy as np
from jax import Array

from qjax._base.arrays import counted
from qjax._base.store import kept
from qjax._base.tables import in_precision
from qjax._circuit.circuit import Circuit
from qjax._circuit.observable import DenseObservable, Observable, PauliSum, PauliTerm
from qjax._engine.task import Expectations, Outcomes, Part
from qjax._plan import (
    Exchange,
    LocalString,
    NativeProgram,
    Program,
    ShardedPlan,
    Wanted,
    canonical_frame,
    on_devices,
    plan_circuit,
    plan_native,
    plan_sharded,
)
from qjax._readout import Reading, reading_of
from qjax._simulators import NativeReading

_MOST_STRINGS = 1 << 12

# |letter><letter| is half of the identity plus, or minus, this Pauli matrix.
_PROJECTIONS = {
    "0": ("Z", 1),
    "1": ("Z", -1),
    "+": ("X", 1),
    "-": ("X", -1),
    "r": ("Y", 1),
    "l": ("Y", -1),
}


class OwnTables(NamedTuple):
    """What each device has of its own, as `Own`; the first axes are the devices'."""

    words: np.ndarray
    parities: np.ndarray
    signs: np.ndarray


@dataclass(frozen=True, eq=False)
class ShardedStage:
    """What runs between two exchanges.

    Attributes:
        exchange: what comes before.
        program: what all devices run.
        own: what each has of its own.
        in_place: whether kernels change its states in place, as tiles.
        strings: which strings are measured after it.
        reading: these, of local qubits.
    """

    exchange: Exchange | None
    program: Program | NativeProgram
    own: OwnTables
    in_place: bool
    strings: np.ndarray
    reading: Reading | NativeReading | None


@dataclass(frozen=True, eq=False)
class ShardedProgram:
    """What runs for a part of a task.

    Attributes:
        plan: what was planned.
        starts: the programs of the local qubits' state to start from, None for |0...0>, and of the
            factors of all devices.
        stages: in order.
        reading: how observables follow from all strings; None where other things are read out.
    """

    plan: ShardedPlan
    starts: tuple[Program | None, Program]
    stages: tuple[ShardedStage, ...]
    reading: Reading | None


@kept(for_tracing=True)
def sharded_program(
    part: Part, batched: frozenset[int], num_device_bits: int, native: bool, x64: bool
) -> ShardedProgram:
    """What runs for a part of a task on so many devices.

    Args:
        part: a circuit without measurements midway, and what is read out.
        batched: the indices of the parameters that differ per sample.
        num_device_bits: the logarithm of the number of devices.
        native: whether the native engine runs.
        x64: whether tables are in double.

    Raises:
        ValueError: for what does not fit so many devices, and for observables of too many strings.
    """
    plan, reading = planned(part, batched, num_device_bits)
    native = native and has_room(plan)
    stages = [_stage(place, plan, batched, native) for place in range(len(plan.stages))]
    by_stage = isinstance(stages[0].program, NativeProgram) and not plan.is_prepared
    local = None if by_stage else plan_circuit(plan.local_start, batched).program
    starts = local, plan_circuit(plan.device_start, batched).program
    tables = in_precision((starts, [(s.program, s.own, s.reading) for s in stages], reading), x64)
    programs = [
        replace(stage, program=program, own=own, reading=own_reading)
        for stage, (program, own, own_reading) in zip(stages, tables[1], strict=True)
    ]
    return ShardedProgram(plan, tables[0], tuple(programs), tables[2])


def planned(
    part: Part, batched: frozenset[int], num_device_bits: int
) -> tuple[ShardedPlan, Reading | None]:
    """The plan of a part, and how observables follow from the strings in it."""
    circuit, readout = part.circuit, part.readout
    wanted, reading = Wanted(), None
    if isinstance(readout, Expectations):
        strings, reading = _strings_of(circuit, readout, batched)
        wanted = Wanted(strings)
    elif isinstance(readout, Outcomes):
        wanted = Wanted(qubits=readout.qubits, probabilities=True)
    return plan_sharded(circuit, num_device_bits, wanted), reading


def has_room(plan: ShardedPlan) -> bool:
    """Whether the tables of kernels have room for all qubits, those of devices included."""
    return plan.num_qubits < 31


def _strings_of(
    circuit: Circuit, readout: Expectations, batched: frozenset[int]
) -> tuple[tuple[tuple[int, int], ...], Reading]:
    """All strings, and how the observables follow from their values."""
    observables = [_as_strings(observable) for observable in readout.observables]
    numbers: dict[tuple[int, int], int] = {}
    for observable in observables:
        for x, z, *_ in observable.terms:
            numbers.setdefault((x, z), len(numbers))
    # Tables have room for strings of 31 qubits: numbered, as strings of Z, they fit whatever n.
    size = max(1, len(numbers).bit_length())
    numbered = [
        PauliSum(size, tuple(t._replace(x=0, z=numbers[t.x, t.z]) for t in observable.terms))
        for observable in observables
    ]
    frame = canonical_frame(size)
    reading = reading_of(numbered, size, circuit.num_params, batched, frame, kernels=True)
    assert reading.masks is not None
    strings = list(numbers)
    return tuple(strings[number] for number in reading.masks[1].tolist()), reading


def _as_strings(observable: Observable) -> PauliSum:
    if isinstance(observable, DenseObservable):
        return _strings_of_matrix(observable)
    terms = [string for term in observable.terms for string in _expanded(term)]
    return replace(observable, terms=tuple(terms))


def _expanded(term: PauliTerm) -> list[PauliTerm]:
    """A term without projectors."""
    count = len(term.projectors)
    if 1 << count > _MOST_STRINGS:
        raise ValueError(
            f"an observable with projectors of {count} qubits is 2**{count} Pauli strings, which "
            "is too many for a state that several devices hold; measure probabilities instead"
        )
    strings = []
    for chosen in product((False, True), repeat=count):
        x, z, sign = term.x, term.z, 1
        for (qubit, letter), is_taken in zip(term.projectors, chosen, strict=True):
            pauli, own = _PROJECTIONS[letter]
            if is_taken:
                x |= (pauli in "XY") << qubit
                z |= (pauli in "ZY") << qubit
                sign *= own
        strings.append(PauliTerm(x, z, sign * 0.5**count * term.coefficient))
    return strings


def _strings_of_matrix(observable: DenseObservable) -> PauliSum:
    """tr(P M) / 2**n for all strings P."""
    size, matrix = observable.matrix.dimension, observable.matrix.array
    if size**2 > _MOST_STRINGS:
        raise ValueError(
            f"an observable that is a matrix of {counted(observable.num_qubits, 'qubit')} is "
            f"4**{observable.num_qubits} Pauli strings, which is too many for a state that several "
            "devices hold; give it as a sum of Pauli strings, such as a SparsePauliOp"
        )
    rows, terms = np.arange(size), []
    for x, z in product(range(size), repeat=2):
        signs = 1 - 2 * (np.bitwise_count(rows & z) & 1).astype(int)
        trace = (signs * matrix[rows ^ x, rows]).sum() * (-1j) ** ((x & z).bit_count())
        if abs(trace.real) > 1e-15 * size:
            terms.append(PauliTerm(x, z, float(trace.real) / size))
    return PauliSum(observable.num_qubits, tuple(terms))


def _stage(place: int, plan: ShardedPlan, batched: frozenset[int], native: bool) -> ShardedStage:
    stage, from_zero = plan.stages[place], place == 0 and not plan.is_prepared
    in_order = plan.end is not None and place + 1 == len(plan.stages)
    strings = sorted(
        stage.strings, key=lambda string: (string.x, (string.x & string.z).bit_count() % 2)
    )
    wired = plan_native(stage.wired, batched, from_zero, plan.num_local) if native else None
    devices, words = plan.num_devices, np.zeros((plan.num_devices, 0), np.int32)
    if wired is None:
        program: Program | NativeProgram = plan_circuit(stage.told, batched, False).program
        parities = [[_odd(mask & d) for mask in stage.numbers] for d in range(devices)]
    else:
        steps, parities = on_devices(wired.steps, plan.num_local), [[] for _ in range(devices)]
        words = steps.words
        program = replace(wired, num_qubits=plan.num_local, steps=steps, source=None)
    # Steps may end with flips of rows, as of a Hadamard gate between X: those are no work in place.
    in_place = wired is not None and not in_order and not words[:, 6].any()
    signs = [
        [string.sign * (-1) ** _odd(string.device & d) for string in strings]
        for d in range(devices)
    ]
    own = OwnTables(words, *(np.array(x, float).reshape(devices, -1) for x in (parities, signs)))
    order = np.array([string.index for string in strings], np.int32)
    reading = _local_reading(strings, plan.num_local, in_place)
    return ShardedStage(stage.exchange, program, own, in_place, order, reading)


def _odd(mask: int) -> int:
    return mask.bit_count() & 1


def _local_reading(
    strings: Sequence[LocalString], num_qubits: int, by_kernels: bool
) -> Reading | NativeReading | None:
    if not strings:
        return None
    if by_kernels:
        masks = np.array([[(s.x, s.z)[row] for s in strings] for row in range(2)], np.int32)
        return NativeReading(True, len(strings), masks, None, _by_kernels)
    sums = [PauliSum(num_qubits, (PauliTerm(s.x, s.z, 1.0),)) for s in strings]
    return reading_of(sums, num_qubits, 0, frozenset(), canonical_frame(num_qubits))


def _by_kernels(*_: object) -> Array:
    raise AssertionError("tiles are read by kernels")
