"""Floor 2. Gates and the qubits that are looked at -> what of it all they depend on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from qjax._circuit.gates import is_diagonal
from qjax._circuit.operations import Amplitudes, Control, Gate


class Reached(NamedTuple):
    """What qubits depend on.

    Attributes:
        qubits: those, and what they meet.
        gates: the indices of the gates, in order.
        prepared: the amplitudes.
    """

    qubits: set[int]
    gates: tuple[int, ...]
    prepared: tuple[Amplitudes, ...]


def reached(
    sequence: Sequence[Gate],
    prepared: Iterable[Amplitudes],
    looked_at: Iterable[int],
    turned: Iterable[int],
    num_qubits: int,
) -> Reached:
    """What qubits depend on at the end; for several it is the union of what it is for each.

    Args:
        sequence: the gates.
        prepared: amplitudes that qubits start from, before all gates.
        looked_at: the qubits.
        turned: those among them that are not only looked at in the computational basis, so that
            phases at the end matter.
        num_qubits: how many there are.
    """
    seen, mixed = set(looked_at), set(turned)
    kept: list[int] = []
    for gate_index in range(len(sequence) - 1, -1, -1):
        if len(mixed) == num_qubits:  # then all that comes before acts on them
            kept += [k for k in range(gate_index, -1, -1) if sequence[k].support]
            break
        support = sequence[gate_index].support
        if seen.isdisjoint(support):
            continue
        if mixed.isdisjoint(support) and is_diagonal(sequence[gate_index].kind):
            continue
        kept.append(gate_index)
        seen.update(support)
        mixed.update(support)
    # They come first in time, and gates on a qubit that they add act on what nobody sees.
    starts = tuple(amplitudes for amplitudes in prepared if not seen.isdisjoint(amplitudes.qubits))
    for amplitudes in starts:
        seen.update(amplitudes.qubits)
    return Reached(seen, tuple(reversed(kept)), starts)


def moved_gate(gate: Gate, positions: Mapping[int, int]) -> Gate:
    """The gate with other numbers for the qubits."""
    controls = tuple(Control(positions[control.qubit], control.value) for control in gate.controls)
    qubits = tuple(positions[qubit] for qubit in gate.qubits)
    return Gate(gate.name, qubits, gate.angles, controls, gate.matrix)


def moved_amplitudes(amplitudes: Amplitudes, positions: Mapping[int, int]) -> Amplitudes:
    """The amplitudes with other numbers for the qubits."""
    return replace(amplitudes, qubits=tuple(positions[qubit] for qubit in amplitudes.qubits))
