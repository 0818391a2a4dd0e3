"""Floor 2. What an observable can see of a circuit: its past light cone.

A gate that no measured qubit depends on cancels with its inverse in <psi|O|psi> (Schwinger's
closed time path, in the circuit form of e.g. Arute et al., Nature 574, 505 (2019), suppl. VII).
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from qjax._circuit import Amplitudes, Circuit, Control, Gate, gates, preparations
from qjax._gates import is_diagonal


class Cone(NamedTuple):
    """The part of a circuit that matters, on the qubits that matter.

    Attributes:
        circuit: with the parameters of the whole one.
        qubits: which qubit of the whole circuit each of its qubits is.
    """

    circuit: Circuit
    qubits: tuple[int, ...]


def light_cone(circuit: Circuit, measured: Iterable[int], diagonal: bool) -> Cone:
    """Leave out every gate and qubit that the measured qubits do not depend on.

    Args:
        circuit: its unitary part counts.
        measured: the qubits that any observable acts on.
        diagonal: whether all observables are, so that phases at the end do not matter either.
    """
    seen, kept = past(circuit, measured, diagonal)
    sequence = gates(circuit)
    prepared = [each for each in preparations(circuit) if not seen.isdisjoint(each.qubits)]
    qubits = tuple(sorted(seen))
    if len(qubits) == circuit.num_qubits and len(kept) == len(sequence):
        return Cone(circuit, qubits)
    places = {qubit: place for place, qubit in enumerate(qubits)}
    started = tuple(_started(each, places) for each in prepared)
    moved = tuple(_moved(sequence[place], places) for place in kept)
    return Cone(Circuit(len(qubits), started + moved, circuit.parameters), qubits)


def past(
    circuit: Circuit, measured: Iterable[int], diagonal: bool
) -> tuple[set[int], tuple[int, ...]]:
    """The qubits and the gates, by their places, that the measured qubits depend on.

    What several qubits depend on is the union of what each does.
    """
    seen = set(measured)
    mixed: set[int] = set()
    kept: list[int] = []
    sequence = gates(circuit)
    for place in range(len(sequence) - 1, -1, -1):
        support = sequence[place].support
        if seen.isdisjoint(support):
            continue
        if diagonal and mixed.isdisjoint(support) and is_diagonal(sequence[place].kind):
            continue
        kept.append(place)
        seen.update(support)
        mixed.update(support)
    # They come first in time, and gates on a qubit that they add act on what nobody sees.
    for each in preparations(circuit):
        if not seen.isdisjoint(each.qubits):
            seen.update(each.qubits)
    return seen, tuple(reversed(kept))


def _started(amplitudes: Amplitudes, places: dict[int, int]) -> Amplitudes:
    return replace(amplitudes, qubits=tuple(places[qubit] for qubit in amplitudes.qubits))


def _moved(gate: Gate, places: dict[int, int]) -> Gate:
    return Gate(
        gate.name,
        tuple(places[qubit] for qubit in gate.qubits),
        gate.angles,
        tuple(Control(places[control.qubit], control.value) for control in gate.controls),
        gate.matrix,
    )
