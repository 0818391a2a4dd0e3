"""Floor 3. A circuit, and which of its parameters differ per sample -> the plan to run it."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain, islice
from typing import NamedTuple

import numpy as np

from qjax._base.collection import collection_put_off
from qjax._base.memory import check_states_fit
from qjax._base.store import kept
from qjax._circuit.circuit import Circuit, gates, preparations
from qjax._circuit.operations import Gate
from qjax._expressions import ExpressionTable, Value, expression_tables
from qjax._plan.builder import Builder
from qjax._plan.encoding import Factor, encoding_of, start_factors
from qjax._plan.factors import PlacedGate
from qjax._plan.frame import Frame, axis_frame, canonical_frame
from qjax._plan.full_turns import without_turns
from qjax._plan.matrix_tables import MatrixTables
from qjax._plan.mixers import with_real_mixers
from qjax._plan.placed_gates import Member, place_all, whole
from qjax._plan.plan import Plan
from qjax._plan.program import Encoding, NativeProgram, Program, Source, Start
from qjax._plan.repeats import Run, find_repeats
from qjax._plan.schedule import Schedule, cheapest_schedule
from qjax._plan.step_tables import StepTables
from qjax._plan.steps import steps_of, written_steps
from qjax._plan.summary import summarise


@kept()
def plan_circuit(
    circuit: Circuit, batched: frozenset[int] = frozenset(), from_zero: bool = True
) -> Plan:
    """Plan the unitary part of a circuit, and the amplitudes that it starts from.

    Args:
        circuit: the circuit.
        batched: the indices of the parameters that differ per sample.
        from_zero: whether it acts on |0...0>, so that the first gates can be made a product state;
            else there are no amplitudes in it.

    Raises:
        CircuitTooLargeError: where not even one state fits into memory.
    """
    check_states_fit(circuit.num_qubits, 1, np.dtype(np.complex64))
    tables, prepared, builder, schedules = drafted(circuit, batched, from_zero)
    end = builder.end()
    program = Program(
        circuit.num_qubits,
        _reads_shared(tables.batched, prepared.start, len(batched)),
        tables.shared,
        tables.batched,
        prepared.start,
        tuple(builder.segments),
        end,
    )
    sizes = circuit.num_qubits, len(tables.gates), len(prepared.first), len(prepared.given)
    summary = summarise(builder, schedules, *sizes)
    return Plan(program, builder.frame, builder.num_passes, summary)


class Draft(NamedTuple):
    """What was decided on for a circuit.

    Attributes:
        tables: the gates, and how their angles follow from parameters.
        prepared: how the circuit starts.
        builder: with the passes.
        schedules: how each run of layers was fused.
    """

    tables: "_AngleTables"
    prepared: "_Prepared"
    builder: Builder
    schedules: list[Schedule]


def drafted(
    circuit: Circuit,
    batched: frozenset[int],
    from_zero: bool,
    with_tables: bool = True,
    many: bool | None = None,
) -> Draft:
    """The passes of a circuit; arguments as in `plan_circuit`.

    Args:
        circuit: of any width, without tables.
        batched: the indices of the parameters that differ per sample.
        from_zero: whether it acts on |0...0>.
        with_tables: whether the passes are to run: their tables have rows for half of the qubits.
        many: whether there are many samples; None: where anything differs per sample.
    """
    tables = _angle_tables(circuit, batched)
    mixers = with_real_mixers(tables.gates)
    placed = tables if mixers is None else tables._replace(gates=mixers)
    prepared = _prepared(circuit, batched, placed, from_zero)
    schedule = partial(
        cheapest_schedule,
        num_qubits=circuit.num_qubits,
        batched=bool(batched) if many is None else many,
        may_part=mixers is not None,
    )
    builder = Builder(prepared.frame, with_tables)
    return Draft(tables, prepared, builder, _scheduled(prepared.rest, builder, schedule))


@kept()
def plan_native(
    circuit: Circuit,
    batched: frozenset[int] = frozenset(),
    from_zero: bool = True,
    num_mixed: int | None = None,
) -> NativeProgram | None:
    """What the native engine runs for a circuit; None where it lacks something.

    To plan no passes is most of what a first call saves: they are as costly as the rest of it.

    Args:
        circuit: the circuit.
        batched: the indices of the parameters that differ per sample.
        from_zero: as in `plan_circuit`; else it runs from states whose rows are in order.
        num_mixed: the qubits from this one on are in the same basis state throughout, whichever it
            is; None: there are no such qubits.
    """
    with collection_put_off(len(circuit.ops)):
        return _native(circuit, batched, from_zero, num_mixed)


def _native(
    circuit: Circuit, batched: frozenset[int], from_zero: bool, num_mixed: int | None
) -> NativeProgram | None:
    tables = _angle_tables(circuit, batched)
    fixed = range(circuit.num_qubits if num_mixed is None else num_mixed, circuit.num_qubits)
    first, rest, frame, start = _native_start(circuit, batched, tables, from_zero, set(fixed))
    steps = steps_of(first, rest, frame, circuit.num_qubits)
    if steps is None:
        return None
    return NativeProgram(
        circuit.num_qubits,
        _reads_shared(tables.batched, start, len(batched)),
        tables.shared,
        tables.batched,
        start,
        steps,
        None,
        Source(circuit, batched, from_zero),
    )


def _native_start(
    circuit: Circuit,
    batched: frozenset[int],
    tables: "_AngleTables",
    from_zero: bool,
    fixed: set[int],
) -> tuple[list[PlacedGate], list[PlacedGate], Frame | None, Start | None]:
    """(gates on single qubits first, the rest, the frame of given states, those states)."""
    if not from_zero:
        return [], tables.gates, canonical_frame(circuit.num_qubits), None
    if not preparations(circuit):
        return (*_split_start(tables.gates, fixed), None, None)
    first, rest, _, frame, start = _prepared(circuit, batched, tables, from_zero=True)
    return first, rest, frame, start


def count_steps(circuit: Circuit, counter: StepTables) -> bool:
    """Give all steps of the native engine to what counts them; False where it lacks a gate."""
    tables = _angle_tables(circuit, frozenset())
    first, rest, frame, _ = _native_start(circuit, frozenset(), tables, True, set())
    return written_steps(first, rest, frame, counter) is not None


class _AngleTables(NamedTuple):
    """The gates of a circuit, and how their angles follow from its parameters.

    Attributes:
        gates: in the circuit's order.
        shared: the angles of gates that are the same for all samples.
        batched: the angles of the others.
    """

    gates: list[PlacedGate]
    shared: tuple[ExpressionTable, ...]
    batched: tuple[ExpressionTable, ...]


def _angle_tables(circuit: Circuit, batched: frozenset[int]) -> _AngleTables:
    sequence = gates(circuit)
    values: tuple[list[Value], list[Value]] = [], []
    flags = [_is_batched(gate, batched) for gate in sequence]
    for gate, flag in zip(sequence, flags, strict=True):
        if gate.angles:
            periodic = gate.kind.periodic
            values[flag].extend([Value(angle, periodic) for angle in without_turns(gate)])
    shared = _shared(circuit, batched)
    # Expressions of both kinds of parameters read rows of [batched; shared]: see `Program.mixed`.
    orders = shared, [*sorted(batched), *shared]
    of_shared, of_batched = (
        expression_tables(members, {parameter: k for k, parameter in enumerate(order)})
        for members, order in zip(values, orders, strict=True)
    )
    left = iter(of_shared[1]), iter(of_batched[1])
    placed = [
        PlacedGate(gate, flag, tuple(islice(left[flag], len(gate.angles))))
        for gate, flag in zip(sequence, flags, strict=True)
    ]
    return _AngleTables(placed, of_shared[0], of_batched[0])


def _shared(circuit: Circuit, batched: frozenset[int]) -> list[int]:
    """The parameters that all samples have in common."""
    return [parameter for parameter in range(circuit.num_params) if parameter not in batched]


def _scheduled(
    placed: Sequence[PlacedGate], builder: Builder, schedule: Callable[[list[Member]], Schedule]
) -> list[Schedule]:
    """Give a builder all gates but those of the start; how each run of layers was fused."""
    schedules = []
    for run in find_repeats([_signature(gate) for gate in placed]):
        schedules.append(schedule(_members(placed, run)))
        builder.add_run(schedules[-1].blocks, run.length)
    return schedules


def _reads_shared(angles: Sequence[ExpressionTable], start: Start | None, num_batched: int) -> bool:
    """Whether anything that differs per sample depends on shared parameters too."""
    encodings = () if start is None else start.factors
    amplitudes = (e.groups for e in encodings if e is not None and e.batched)
    return any((table.parameters >= num_batched).any() for table in chain(angles, *amplitudes))


def _is_batched(gate: Gate, batched: frozenset[int]) -> bool:
    return bool(gate.angles) and any(
        not batched.isdisjoint(angle.parameters) for angle in gate.angles
    )


def _signature(placed: PlacedGate) -> tuple:
    """What must be equal for two gates to differ in their angles only."""
    gate = placed.gate
    return (gate.name, gate.qubits, gate.controls, gate.matrix, placed.batched)


def _split_start(
    placed: Sequence[PlacedGate], given: set[int]
) -> tuple[list[PlacedGate], list[PlacedGate]]:
    """The gates on single qubits that come before any other on their qubit, and the rest.

    Those on qubits whose amplitudes are given belong to the rest.
    """
    entangled = set(given)
    first, rest = [], []
    for gate in placed:
        support = gate.gate.support
        if len(support) == 1 and support[0] not in entangled:
            first.append(gate)
        else:
            rest.append(gate)
            entangled.update(support)
    return first, rest


class _Prepared(NamedTuple):
    """How a circuit starts.

    Attributes:
        first: the gates that are part of the product state to start from.
        rest: those after it.
        given: the qubits whose amplitudes are given.
        frame: in which the rows of that state stand.
        start: the state; None for |0...0>.
    """

    first: list[PlacedGate]
    rest: list[PlacedGate]
    given: set[int]
    frame: Frame
    start: Start | None


def _prepared(
    circuit: Circuit, batched: frozenset[int], tables: _AngleTables, from_zero: bool
) -> _Prepared:
    prepared = preparations(circuit)
    factors = start_factors(circuit.num_qubits, prepared)
    given = {qubit for amplitudes in prepared for qubit in amplitudes.qubits}
    first, rest = _split_start(tables.gates, given) if from_zero else ([], tables.gates)
    shared = _shared(circuit, batched)
    encodings = [
        None if factor.amplitudes is None else encoding_of(factor.amplitudes, batched, shared)
        for factor in factors
    ]
    frame = axis_frame([qubit for factor in factors for qubit in factor.qubits][::-1])
    start = _start(first, factors, encodings) if first or prepared else None
    return _Prepared(first, rest, given, frame, start)


def _start(
    placed: Sequence[PlacedGate], factors: Sequence[Factor], encodings: Sequence[Encoding | None]
) -> Start:
    tables, on_qubit = MatrixTables(1), defaultdict(list)
    for gate, batched, angles in placed:
        (qubit,) = gate.support
        on_qubit[qubit].append(whole(gate, batched, np.array(angles, np.int32)[:, None]))
    for factor in factors:
        if factor.amplitudes is None:
            tables.add(on_qubit[factor.qubits[0]], factor.qubits)
    return tables.finish_start(tuple(encodings))


def _members(placed: Sequence[PlacedGate], run: Run) -> list[Member]:
    """The gates of a body, with the places of their angles in every repetition."""
    layer = []
    for offset in range(run.period):
        first = run.start + offset
        stop = run.start + run.period * run.length
        same = placed[first : stop : run.period]
        angles = np.array([gate.angles for gate in same], np.int32).T
        layer.append((same[0].gate, same[0].batched, angles.reshape(-1, run.length)))
    return place_all(layer)
