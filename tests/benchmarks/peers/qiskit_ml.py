"""Qiskit Machine Learning: EstimatorQNN, its own exact estimator, its default gradients."""

from __future__ import annotations

import numpy as np
from qiskit.quantum_info import SparsePauliOp
from qiskit_machine_learning.neural_networks import EstimatorQNN
from qiskit_machine_learning.primitives import QMLEstimator

from tests.benchmarks.peers._qiskit import quantum_circuit, z_labels
from tests.benchmarks.peers._step import Step
from tests.benchmarks.workloads import Workload


def asarray(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float64)


def build(workload: Workload) -> Step:
    qnn = network(workload)

    def step(weights: np.ndarray, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        expectations = qnn.forward(inputs, weights)
        of_inputs, of_weights = qnn.backward(inputs, weights)
        cotangent = 2 * expectations / expectations.size
        return (
            np.mean(expectations**2),
            np.einsum("bo,bow->w", cotangent, of_weights),
            np.einsum("bo,boi->bi", cotangent, of_inputs),
        )

    return step


def network(workload: Workload) -> EstimatorQNN:
    circuit, inputs, weights = quantum_circuit(workload)
    return EstimatorQNN(
        circuit=circuit,
        observables=[SparsePauliOp(label) for label in z_labels(workload.num_qubits)],
        input_params=inputs,
        weight_params=weights,
        input_gradients=True,
        estimator=QMLEstimator(),
        default_precision=0.0,
    )
