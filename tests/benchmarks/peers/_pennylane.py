"""Workload -> what a PennyLane QNode runs."""

from __future__ import annotations

from typing import Any

import pennylane as qml

from tests.benchmarks.workloads import Workload

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
    """Queue the gates; return the measurement of each Z."""
    for op in workload.ops:
        angles = [op.angle.value(weights, inputs)] if op.angle else []
        GATES[op.gate](*angles, wires=op.qubits)
    return [qml.expval(qml.PauliZ(qubit)) for qubit in range(workload.num_qubits)]
