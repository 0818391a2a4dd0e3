"""Floor 2. What an observable can see of a circuit: its past light cone.

A gate that no measured qubit depends on cancels with its inverse in <psi|O|psi> (Schwinger's
closed time path, in the circuit form of e.g. Arute et al., Nature 574, 505 (2019), suppl. VII). A
channel keeps the trace, and so cancels too.
"""

from collections.abc import Iterable
from typing import NamedTuple

from qjax._circuit.circuit import Circuit, preparations, steps
from qjax._circuit.dependence import moved_amplitudes, moved_step, reached


class Cone(NamedTuple):
    """The part of a circuit that matters, on the qubits that matter.

    Attributes:
        circuit: with the parameters of the whole one.
        qubits: which qubit of the whole circuit each of its qubits is.
    """

    circuit: Circuit
    qubits: tuple[int, ...]


def light_cone(circuit: Circuit, measured: Iterable[int], diagonal: bool) -> Cone:
    """Leave out every gate, channel and qubit that the measured qubits do not depend on.

    Args:
        circuit: its gates and noise count.
        measured: the qubits that any observable acts on.
        diagonal: whether all observables are, so that phases at the end do not matter either.
    """
    measured = set(measured)
    sequence = steps(circuit)
    turned = () if diagonal else measured
    past = reached(sequence, preparations(circuit), measured, turned, circuit.num_qubits)
    qubits = tuple(sorted(past.qubits))
    if len(qubits) == circuit.num_qubits and len(past.steps) == len(sequence):
        return Cone(circuit, qubits)
    positions = {qubit: position for position, qubit in enumerate(qubits)}
    started = tuple(moved_amplitudes(amplitudes, positions) for amplitudes in past.prepared)
    moved = tuple(moved_step(sequence[index], positions) for index in past.steps)
    return Cone(Circuit(len(qubits), started + moved, circuit.parameters), qubits)
