"""Batches of many sizes share a few programs, with the values and gradients of each sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp, Statevector

import bridge
import qjax

SIZES = (32, 31, 30, 29, 17, 5, 3, 1, 24, 11, 7, 20)


def layer() -> tuple[QuantumCircuit, ParameterVector, ParameterVector]:
    inputs, weights = ParameterVector("x", 3), ParameterVector("w", 6)
    circuit = QuantumCircuit(3)
    for qubit in range(3):
        circuit.ry(inputs[qubit], qubit)
        circuit.rx(weights[qubit], qubit)
    circuit.cx(0, 1)
    circuit.cz(1, 2)
    for qubit in range(3):
        circuit.ry(weights[3 + qubit], qubit)
    return circuit, inputs, weights


def network() -> qjax.EstimatorQNN:
    circuit, inputs, weights = layer()
    return qjax.EstimatorQNN(
        circuit=circuit,
        observables=["IIZ", "XZI"],
        input_params=list(inputs),
        weight_params=list(weights),
        input_gradients=True,
    )


def of_samples(inputs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """By Qiskit, sample by sample."""
    circuit, x, w = layer()
    observables = [SparsePauliOp("IIZ"), SparsePauliOp("XZI")]
    rows = []
    for sample in inputs:
        state = Statevector(circuit.assign_parameters({x: sample, w: weights}))
        rows.append([state.expectation_value(observable).real for observable in observables])
    return np.array(rows)


def test_twelve_sizes_compile_once(compilations: Any) -> None:
    module, drawn = bridge.TorchConnector(network()), np.random.default_rng(1)
    counts = []
    for size in SIZES:
        module(torch.tensor(drawn.normal(size=(size, 3)), dtype=torch.float32)).sum().backward()
        counts.append(compilations.count)
    assert counts[0] > 0
    assert counts[1:] == counts[:-1]


@pytest.mark.parametrize("size", SIZES)
def test_values_and_gradients_of_every_size(size: int) -> None:
    drawn = np.random.default_rng(size)
    # Connectors keep weights in torch's default dtype at first.
    points, weights = drawn.normal(size=(size, 3)), drawn.integers(-9, 9, 6) / 4
    module = bridge.TorchConnector(network(), weights).double()
    inputs = torch.tensor(points, requires_grad=True)
    factors = torch.tensor(drawn.normal(size=(size, 2)))
    outputs = module(inputs)
    (outputs * factors).sum().backward()
    assert outputs.shape == (size, 2)
    assert np.abs(outputs.detach().numpy() - of_samples(points, weights)).max() < 1e-12
    assert inputs.grad is not None
    assert inputs.grad.shape == (size, 3)

    def loss(points: np.ndarray, weights: np.ndarray) -> float:
        return float((of_samples(points, weights) * factors.numpy()).sum())

    step = 1e-5 * np.eye(6)[2]
    slope = (loss(points, weights + step) - loss(points, weights - step)) / 2e-5
    assert abs(module.weight.grad[2].item() - slope) < 1e-7
    for row in {0, size - 1}:  # the last one is what batches are filled up with
        moved = np.zeros_like(points)
        moved[row, 1] = 1e-5
        slope = (loss(points + moved, weights) - loss(points - moved, weights)) / 2e-5
        assert abs(inputs.grad[row, 1].item() - slope) < 1e-7


def test_samples_without_a_value_stay_the_only_ones() -> None:
    circuit, (x,) = QuantumCircuit(1), ParameterVector("x", 1)
    circuit.ry(x.arccos(), 0)
    qnn = qjax.EstimatorQNN(circuit=circuit, input_params=[x], weight_params=[])
    outputs = bridge.TorchConnector(qnn)(torch.tensor([[0.5], [0.25], [2.0]]))
    assert outputs.isnan().flatten().tolist() == [False, False, True]


@dataclass(frozen=True)
class Mean:
    """A network whose outputs depend on all samples: it says nothing of filling up."""

    num_inputs = 2
    num_weights = 1
    output_shape = 1

    def apply(self, weights: jax.Array, inputs: jax.Array) -> jax.Array:
        return jnp.broadcast_to(inputs.mean() * weights, (*inputs.shape[:-1], 1))


def test_what_does_not_ask_for_it_is_not_filled_up() -> None:
    module = bridge.TorchConnector(Mean(), [1.0])
    outputs = module(torch.tensor([[0.0, 0.0], [1.0, 1.0], [8.0, 8.0]]))
    assert outputs.flatten().tolist() == [3.0, 3.0, 3.0]
