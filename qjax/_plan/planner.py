"""Floor 3. A circuit, and which of its parameters differ per sample -> the plan to run it."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from qjax._base.memory import check_states_fit
from qjax._base.store import kept
from qjax._circuit.circuit import Circuit, Gate, gates, preparations
from qjax._expressions import Value, expression_tables
from qjax._plan.builder import Builder
from qjax._plan.encoding import Factor, encoding, start_factors
from qjax._plan.frame import axis_frame
from qjax._plan.full_turns import without_turns
from qjax._plan.matrix_tables import MatrixTables
from qjax._plan.placed_gates import Member, place, whole
from qjax._plan.plan import Plan
from qjax._plan.program import Encoding, Program, Start
from qjax._plan.repeats import Run, find_repeats
from qjax._plan.schedule import Schedule, cheapest_schedule
from qjax._plan.summary import summarise


class _Placed(NamedTuple):
    """A gate, whether its angles differ per sample, and their places."""

    gate: Gate
    batched: bool
    angles: tuple[int, ...]


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
    sequence = gates(circuit)
    shared = [p for p in range(circuit.num_params) if p not in batched]
    # Expressions of both kinds of parameters read rows of [batched; shared]: see `Program.mixed`.
    groups, places = {}, {}
    for flag, parameters in ((False, shared), (True, [*sorted(batched), *shared])):
        groups[flag], places[flag] = expression_tables(
            [a for g in sequence if _is_batched(g, batched) is flag for a in _angles(g)],
            {parameter: k for k, parameter in enumerate(parameters)},
        )
    placed = [
        _Placed(g, flag, tuple(places[flag][a] for a in _angles(g)))
        for g, flag in ((g, _is_batched(g, batched)) for g in sequence)
    ]
    prepared = preparations(circuit)
    factors = start_factors(circuit.num_qubits, prepared)
    given = {qubit for each in prepared for qubit in each.qubits}
    first, rest = _split_start(placed, given) if from_zero else ([], placed)
    layout = [qubit for factor in factors for qubit in factor.qubits]
    builder, schedules = Builder(axis_frame(layout[::-1])), []
    for run in find_repeats([_signature(p) for p in rest]):
        schedules.append(_schedule_run(rest, run, circuit.num_qubits, bool(batched)))
        builder.add_run(schedules[-1].blocks, run.length)
    encodings = [
        None if factor.amplitudes is None else encoding(factor.amplitudes, batched, shared)
        for factor in factors
    ]
    start = _start(first, factors, encodings) if first or prepared else None
    end = builder.end()
    per_sample = (each.groups for each in encodings if each is not None and each.batched)
    reading = chain(groups[True], *per_sample)
    mixed = any((group.parameters >= len(batched)).any() for group in reading)
    segments = tuple(builder.segments)
    program = Program(circuit.num_qubits, mixed, groups[False], groups[True], start, segments, end)
    summary = summarise(
        builder, schedules, circuit.num_qubits, len(sequence), len(first), len(given)
    )
    return Plan(program, builder.frame, builder.num_passes, summary)


def _is_batched(gate: Gate, batched: frozenset[int]) -> bool:
    return any(not batched.isdisjoint(angle.parameters) for angle in gate.angles)


def _angles(gate: Gate) -> list[Value]:
    return [Value(expression, gate.kind.periodic) for expression in without_turns(gate)]


def _signature(placed: _Placed) -> tuple:
    """What must be equal for two gates to differ in their angles only."""
    gate = placed.gate
    return (gate.name, gate.qubits, gate.controls, gate.matrix, placed.batched)


def _split_start(placed: Sequence[_Placed], given: set[int]) -> tuple[list[_Placed], list[_Placed]]:
    """The gates on single qubits that come before any other on their qubit, and the rest.

    Those on qubits whose amplitudes are given belong to the rest.
    """
    entangled = set(given)
    first, rest = [], []
    for each in placed:
        support = each.gate.support
        if len(support) == 1 and support[0] not in entangled:
            first.append(each)
        else:
            rest.append(each)
            entangled.update(support)
    return first, rest


def _start(
    placed: Sequence[_Placed], factors: Sequence[Factor], encodings: Sequence[Encoding | None]
) -> Start:
    tables, on_qubit = MatrixTables(1), defaultdict(list)
    for gate, batched, angles in placed:
        (qubit,) = gate.support
        on_qubit[qubit].append(whole(gate, batched, np.array(angles, np.int32)[:, None]))
    for factor in factors:
        if factor.amplitudes is None:
            tables.add(on_qubit[factor.qubits[0]], factor.qubits)
    return tables.finish_start(tuple(encodings))


def _schedule_run(placed: Sequence[_Placed], run: Run, num_qubits: int, batched: bool) -> Schedule:
    """The blocks of a body, with the places of its angles in every repetition."""
    members: list[Member] = []
    for offset in range(run.period):
        first = run.start + offset
        stop = run.start + run.period * run.length
        same = placed[first : stop : run.period]
        angles = np.array([each.angles for each in same], np.int32).T
        members += place(same[0].gate, same[0].batched, angles.reshape(-1, run.length))
    return cheapest_schedule(members, num_qubits, batched)
