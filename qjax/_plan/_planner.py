"""Floor 2. A circuit, and which of its parameters differ per sample -> the plan to run it."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from qjax._circuit import Circuit, Gate, gates
from qjax._memory import CACHED_PROGRAMS
from qjax._plan._angles import group_angles
from qjax._plan._fusion import PlacedGate, fuse
from qjax._plan._repeats import Run, find_repeats
from qjax._plan._steps import Plan, Segment, Step
from qjax._plan._tables import build_bank, lay_out, make_steps, moved_axes, tabulate


@lru_cache(CACHED_PROGRAMS)
def plan_circuit(circuit: Circuit, batched: frozenset[int] = frozenset()) -> Plan:
    """Plan the unitary part of a circuit.

    Args:
        circuit: the circuit.
        batched: the indices of the parameters that differ per sample.
    """
    sequence = gates(circuit)
    shared = [p for p in range(circuit.num_params) if p not in batched]
    # An expression of both kinds of parameters reads rows of [batched; shared].
    groups, places = {}, {}
    for flag, parameters in ((False, shared), (True, [*sorted(batched), *shared])):
        groups[flag], places[flag] = group_angles(
            [a for g in sequence if _is_batched(g, batched) is flag for a in g.angles],
            {parameter: k for k, parameter in enumerate(parameters)},
        )
    members = [
        PlacedGate(g, flag, tuple(places[flag][a] for a in g.angles))
        for g, flag in ((g, _is_batched(g, batched)) for g in sequence)
    ]
    layout = canonical = tuple(reversed(range(circuit.num_qubits)))
    segments: list[Segment] = []
    for run in find_repeats([_signature(member) for member in members]):
        segment, layout = _plan_run(members, run, layout)
        segments.append(segment)
    if (axes := moved_axes(layout, canonical)) is not None:
        # The last run ends here unless it repeats, and then it has restored the axes already.
        last = segments.pop()
        segments.append(last._replace(steps=(*last.steps, Step(axes, 0, None))))
    return Plan(circuit.num_qubits, len(sequence), groups[False], groups[True], tuple(segments))


def _is_batched(gate: Gate, batched: frozenset[int]) -> bool:
    return any(not batched.isdisjoint(angle.parameters) for angle in gate.angles)


def _signature(member: PlacedGate) -> tuple:
    """What must be equal for two gates to differ in their angles only."""
    gate = member.gate
    return (gate.name, gate.qubits, gate.controls, gate.matrix, member.batched)


def _plan_run(
    members: Sequence[PlacedGate], run: Run, layout: tuple[int, ...]
) -> tuple[Segment, tuple[int, ...]]:
    """One segment, and the layout of the qubits after it."""
    body = [
        m._replace(angles=_repetitions(members, run, place))
        for place, m in enumerate(members[run.start : run.start + run.period])
    ]
    blocks = fuse(body)
    layouts, now = [], layout
    for block in blocks:
        now = lay_out(now, block)
        layouts.append(now)
    dense = [m for block in blocks if not block.monomial for m in block.members]
    shared_bank, shared_offsets = build_bank([m for m in dense if not m.batched])
    batched_bank, batched_offsets = build_bank([m for m in dense if m.batched])
    operators, products = tabulate(blocks, layouts, shared_offsets | batched_offsets, run.length)
    steps = make_steps(blocks, layouts, operators, layout)
    if run.length > 1 and (axes := moved_axes(now, layout)) is not None:
        # A body that runs again must find the axes as it found them first.
        steps.append(Step(axes, 0, None))
        now = layout
    return Segment(run.length, tuple(steps), shared_bank, batched_bank, tuple(products)), now


def _repetitions(members: Sequence[PlacedGate], run: Run, place: int) -> np.ndarray:
    """`(num_angles, length)` places of the angles of a gate of the body, in every repetition."""
    start = run.start + place
    stop = run.start + run.period * run.length
    return np.array([m.angles for m in members[start : stop : run.period]], np.int32).T
