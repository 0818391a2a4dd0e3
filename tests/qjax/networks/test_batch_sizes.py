"""To how many samples batches are filled up, and that results do not depend on it."""

from typing import Any

import numpy as np
import pytest
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import Statevector

import qjax

SIZES = (1, 2, 3, 5, 6, 7, 8, 11, 13, 17, 21, 30)


def layered(num_qubits: int, layers: int) -> QuantumCircuit:
    inputs, weights = ParameterVector("x", num_qubits), ParameterVector("w", layers * num_qubits)
    circuit = QuantumCircuit(num_qubits)
    for qubit in range(num_qubits):
        circuit.ry(inputs[qubit], qubit)
    for layer in range(layers):
        for qubit in range(num_qubits):
            circuit.ry(weights[layer * num_qubits + qubit], qubit)
        for qubit in range(num_qubits - 1):
            circuit.cx(qubit, qubit + 1)
    return circuit


def network(num_qubits: int, layers: int) -> qjax.SamplerQNN:
    circuit = layered(num_qubits, layers)
    inputs = [p for p in circuit.parameters if p.name.startswith("x")]
    weights = [p for p in circuit.parameters if p.name.startswith("w")]
    return qjax.SamplerQNN(circuit=circuit, input_params=inputs, weight_params=weights)


@pytest.mark.parametrize("size", SIZES)
def test_every_sample_has_its_own_values(size: int) -> None:
    qnn, drawn = network(2, 1), np.random.default_rng(size)
    points, weights = drawn.normal(size=(size, 2)), drawn.normal(size=2)
    values, (_, jacobians) = qnn.forward(points, weights), qnn.backward(points, weights)
    assert values.shape == (size, 4)
    assert jacobians.shape == (size, 4, 2)

    def expected(sample: np.ndarray, weights: np.ndarray) -> np.ndarray:
        circuit = layered(2, 1)
        given = dict(zip([*qnn.input_params, *qnn.weight_params], [*sample, *weights], strict=True))
        return Statevector(
            circuit.assign_parameters({p: given[p.name] for p in circuit.parameters})
        ).probabilities()

    for row in {0, size // 2, size - 1}:
        assert np.abs(values[row] - expected(points[row], weights)).max() < 1e-12
        for weight, step in enumerate(1e-5 * np.eye(2)):
            above, below = (expected(points[row], weights + sign * step) for sign in (1, -1))
            assert np.abs(jacobians[row, :, weight] - (above - below) / 2e-5).max() < 1e-7


def test_sizes_share_programs(compilations: Any) -> None:
    qnn, weights = network(3, 2), np.zeros(6)
    counts = []
    for size in SIZES:
        qnn.forward(np.ones((size, 3)), weights)
        qnn.backward(np.ones((size, 3)), weights)
        counts.append(compilations.count)
    assert counts[0] == counts[-1] > 0


def test_at_most_an_eighth_is_added_where_a_simulation_is_the_most_of_a_call() -> None:
    small, large = network(3, 2), network(10, 3)
    assert {small.padded_batch(size) for size in range(1, 65)} == {64}
    for qnn, least in ((small, 65), (large, 1)):
        sizes = [(size, qnn.padded_batch(size)) for size in range(least, 2000)]
        assert all(size <= padded <= 1.125 * size for size, padded in sizes)
        assert len({padded for _, padded in sizes}) < 75
    assert small.padded_batch(0) == 0


def test_what_is_no_batch_is_refused() -> None:
    with pytest.raises(ValueError, match="batch: expected"):
        network(1, 1).padded_batch(-1)
