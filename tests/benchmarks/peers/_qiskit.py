"""Workload -> Qiskit's circuit and observables."""

from __future__ import annotations

from collections.abc import Sequence

from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.quantum_info import SparsePauliOp

from tests.benchmarks.workloads import Workload


def quantum_circuit(
    workload: Workload,
) -> tuple[QuantumCircuit, Sequence[Parameter], Sequence[Parameter]]:
    """The circuit, its inputs and its weights, both in the workload's order."""
    circuit = QuantumCircuit(workload.num_qubits)
    inputs = ParameterVector("x", workload.num_inputs).params
    weights = ParameterVector("w", workload.num_weights).params
    for op in workload.ops:
        values = weights if op.angle and op.angle.source == "weight" else inputs
        angles = [op.angle.of(*(values[i] for i in op.angle.indices))] if op.angle else []
        getattr(circuit, op.gate)(*angles, *op.qubits)
    return circuit, inputs, weights


def observables(workload: Workload) -> list[str] | list[SparsePauliOp]:
    """The Hamiltonian, or Z on each qubit."""
    if not workload.hamiltonian:
        return z_labels(workload.num_qubits)
    terms = [
        (term.pauli * len(term.qubits), term.qubits, term.coefficient)
        for term in workload.hamiltonian
    ]
    return [SparsePauliOp.from_sparse_list(terms, workload.num_qubits)]


def z_labels(num_qubits: int) -> list[str]:
    """Z on each qubit in turn; the last character of a label is qubit 0."""
    return ["I" * (num_qubits - 1 - qubit) + "Z" + "I" * qubit for qubit in range(num_qubits)]
