"""Networks and data for the tests of estimators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.circuit.library import real_amplitudes, zz_feature_map
from qiskit.quantum_info import SparsePauliOp

import qjax


@dataclass(frozen=True)
class Named:
    """A function that is shown by its name: names of tests are the same in all processes."""

    function: Callable[[int, int], qjax.NeuralNetwork]

    def __call__(self, num_features: int, num_outputs: int) -> qjax.NeuralNetwork:
        return self.function(num_features, num_outputs)

    def __repr__(self) -> str:
        return self.function.__name__


def layered(num_features: int, num_qubits: int = 2) -> tuple[QuantumCircuit, list, list]:
    """Features times weights as angles, as many on a qubit as it takes, between rotations."""
    x, w = ParameterVector("x", num_features), ParameterVector("w", 4 * num_qubits)
    factors = ParameterVector("f", num_features)
    circuit = QuantumCircuit(num_qubits)
    for qubit in range(num_qubits):
        circuit.ry(w[qubit], qubit)
    for feature in range(num_features):
        circuit.rx(factors[feature] * x[feature], feature % num_qubits)
    for layer in (1, 2):
        circuit.cx(0, 1)
        for qubit in range(num_qubits):
            circuit.ry(w[layer * num_qubits + qubit], qubit)
    for qubit in range(num_qubits):
        circuit.rx(w[3 * num_qubits + qubit], qubit)
    return circuit, list(x), [*w, *factors]


def sampler_of_width(num_features: int, num_classes: int) -> qjax.SamplerQNN:
    """Two qubits, whatever the width of the data."""
    circuit, x, w = layered(num_features)
    return qjax.SamplerQNN(
        circuit=circuit,
        input_params=x,
        weight_params=w,
        interpret=lambda integer: integer % num_classes,
        output_shape=num_classes,
    )


def estimator_of_width(num_features: int, num_values: int) -> qjax.EstimatorQNN:
    """Expectation values of up to five observables of two qubits, each between -3 and 3."""
    circuit, x, w = layered(num_features)
    observables = [SparsePauliOp(label, 3) for label in ["IZ", "ZI", "ZZ", "XX", "XZ"]]
    return qjax.EstimatorQNN(
        circuit=circuit, input_params=x, weight_params=w, observables=observables[:num_values]
    )


def circuits(num_qubits: int = 2) -> tuple[QuantumCircuit, QuantumCircuit]:
    """A feature map, and an ansatz all of whose weights matter for qubit 0 alone."""
    entangled = [(qubit + 1, qubit) for qubit in range(num_qubits - 1)]
    ansatz = real_amplitudes(num_qubits, entangled, reps=2, skip_final_rotation_layer=True)
    return zz_feature_map(num_qubits, reps=1), ansatz


def points(count: int = 12, num_features: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Inputs in [-1, 1), and whether the product of the first two is positive: 0 or 1."""
    x = np.random.default_rng(seed).uniform(-1, 1, (count, num_features))
    return x, (x[:, 0] * x[:, 1] > 0).astype(int)


def expectation() -> qjax.EstimatorQNN:
    """One expectation value of two qubits, with 4 weights: it compiles fast."""
    feature_map, ansatz = circuits()
    return qjax.EstimatorQNN(
        circuit=feature_map.compose(ansatz),
        input_params=feature_map.parameters,
        weight_params=ansatz.parameters,
        observables="ZI",
    )
