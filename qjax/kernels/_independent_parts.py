"""Floor 10. Circuit -> the parts of it that the fidelity of two of its states depends on.

With the same weights on both sides, what follows the last gate of an input cancels in
<0|U(y)^dagger U(x)|0>, and what is left of the circuit falls apart into groups of qubits that no
gate connects, whose fidelities are multiplied. So a circuit of separate qubits has no width limit.
"""

from collections.abc import Iterable, Sequence

from qjax._base import tuning
from qjax._base.store import kept
from qjax._circuit.circuit import Circuit, gates, preparations
from qjax._circuit.dependence import moved_amplitudes, moved_gate
from qjax._circuit.operations import Amplitudes, Gate
from qjax._circuit.slopes import expressions_of


@kept()
def independent_parts(circuit: Circuit, inputs: tuple[int, ...]) -> tuple[Circuit, ...]:
    """Circuits whose fidelities multiply to that of the whole.

    Args:
        circuit: the circuit; one with measurements midway is left whole.
        inputs: which of its parameters differ between the two states, by index.

    Returns:
        at least one circuit, each with the parameters of the whole.
    """
    if circuit.is_dynamic:
        return (circuit,)
    moving = frozenset(inputs)
    prepared = preparations(circuit)
    sequence = _before_last_input(gates(circuit), moving)
    ops: tuple[Gate | Amplitudes, ...] = (*prepared, *sequence)
    groups = [
        group
        for group in _connected(op.support for op in ops)
        if any(_moves(op, moving) for op in ops if not group.isdisjoint(op.support))
    ]
    if not groups:  # nothing moves: any part tells it
        return (circuit,)
    groups = _side_by_side(groups)
    if len(groups[0]) == circuit.num_qubits and len(sequence) == len(gates(circuit)):
        return (circuit,)
    return tuple(_part(circuit, prepared, sequence, group) for group in groups)


def _moves(op: Gate | Amplitudes, moving: frozenset[int]) -> bool:
    return any(not moving.isdisjoint(e.parameters) for e in expressions_of(op))


def _before_last_input(sequence: Sequence[Gate], moving: frozenset[int]) -> tuple[Gate, ...]:
    """Without the gates that no later gate of an input meets; global phases do not count."""
    met: set[int] = set()
    counted = []
    for gate in reversed(sequence):
        if gate.support and (_moves(gate, moving) or not met.isdisjoint(gate.support)):
            counted.append(gate)
            met.update(gate.support)
    return tuple(reversed(counted))


def _connected(supports: Iterable[Iterable[int]]) -> list[frozenset[int]]:
    """Groups of qubits that share no operation, by their lowest qubit."""
    group_of: dict[int, set[int]] = {}
    for support in supports:
        joined = set(support).union(*(group_of.get(qubit, ()) for qubit in support))
        group_of |= dict.fromkeys(joined, joined)
    return sorted({frozenset(group) for group in group_of.values()}, key=min)


def _side_by_side(groups: list[frozenset[int]]) -> list[frozenset[int]]:
    """Small groups joined to fewer, larger ones: each part is compiled by itself."""
    joined = [groups[0]]
    for group in groups[1:]:
        if len(joined[-1]) + len(group) <= tuning.JOINED_PARTS:
            joined[-1] |= group
        else:
            joined.append(group)
    return joined


def _part(
    circuit: Circuit,
    prepared: Sequence[Amplitudes],
    sequence: Sequence[Gate],
    group: frozenset[int],
) -> Circuit:
    positions = {qubit: position for position, qubit in enumerate(sorted(group))}
    started = (moved_amplitudes(a, positions) for a in prepared if not group.isdisjoint(a.support))
    acting = (moved_gate(g, positions) for g in sequence if not group.isdisjoint(g.support))
    return Circuit(len(group), (*started, *acting), circuit.parameters)
