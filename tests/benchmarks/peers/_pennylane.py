"""Workload -> what a PennyLane QNode runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pennylane as qml

from tests.benchmarks.workloads import Term, Workload

GATES = {
    "h": qml.Hadamard,
    "s": qml.S,
    "t": qml.T,
    "x": qml.PauliX,
    "rx": qml.RX,
    "ry": qml.RY,
    "rz": qml.RZ,
    "p": qml.PhaseShift,
    "cx": qml.CNOT,
    "cz": qml.CZ,
    "swap": qml.SWAP,
    "rxx": qml.IsingXX,
    "rzz": qml.IsingZZ,
}


def apply(workload: Workload, weights: Any, inputs: Any) -> list[qml.measurements.ExpectationMP]:
    """Queue the gates; return the measurement of the energy, or of each Z."""
    for op in workload.ops:
        angles = [op.angle.value(weights, inputs)] if op.angle else []
        GATES[op.gate](*angles, wires=op.qubits)
    if workload.hamiltonian:
        return [qml.expval(_hamiltonian(workload.hamiltonian))]
    return [qml.expval(qml.PauliZ(qubit)) for qubit in range(workload.num_qubits)]


def _hamiltonian(terms: Sequence[Term]) -> qml.Hamiltonian:
    paulis = {"X": qml.PauliX, "Z": qml.PauliZ}
    strings = [qml.prod(*(paulis[term.pauli](qubit) for qubit in term.qubits)) for term in terms]
    return qml.Hamiltonian([term.coefficient for term in terms], strings)
