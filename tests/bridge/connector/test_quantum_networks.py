"""TorchConnector over the networks of qjax."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import torch
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector

import qjax
from bridge import TorchConnector
from tests.bridge.connector.small_networks import Sines, angles

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")


# Quantum networks.
def rotations(num_qubits: int) -> tuple[QuantumCircuit, ParameterVector, ParameterVector]:
    """RY(input) RY(weight) on each qubit: <Z> = cos(input + weight)."""
    circuit = QuantumCircuit(num_qubits)
    x, w = ParameterVector("x", num_qubits), ParameterVector("w", num_qubits)
    for qubit in range(num_qubits):
        circuit.ry(x[qubit], qubit)
        circuit.ry(w[qubit], qubit)
    return circuit, x, w


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_estimator_network(dtype: torch.dtype) -> None:
    circuit, x, w = rotations(2)
    network = qjax.EstimatorQNN(
        circuit=circuit,
        observables=["IZ", "ZI"],
        input_params=x,
        weight_params=w,
        input_gradients=True,
    )
    module = TorchConnector(network).to(dtype)
    for batch in ((), (3,), (2, 3), (0,)):
        inputs = angles(*batch, 2, dtype=dtype).requires_grad_()
        module.zero_grad()
        value = module(inputs)
        total = inputs.detach() + module.weight.detach()
        tolerance = {"atol": 10 * torch.finfo(dtype).eps, "rtol": 0}
        torch.testing.assert_close(value.detach(), torch.cos(total), **tolerance)
        value.sum().backward()
        slopes = -torch.sin(total)
        torch.testing.assert_close(inputs.grad, slopes, **tolerance)
        expected = slopes.reshape(-1, 2).sum(0)
        torch.testing.assert_close(module.weight.grad, expected, atol=1e-5, rtol=0)


def test_sampler_network_with_a_shape() -> None:
    circuit, x, w = rotations(2)
    network = qjax.SamplerQNN(
        circuit=circuit,
        input_params=x,
        weight_params=w,
        interpret=lambda integer: (integer % 2, integer // 2),
        output_shape=(2, 2),
        sparse=True,
    )
    module = TorchConnector(network).double()
    inputs = angles(3, 2, dtype=torch.float64).requires_grad_()
    value = module(inputs)
    assert value.is_sparse
    half = (inputs.detach() + module.weight.detach()) / 2
    first, second = (torch.stack([torch.cos(h) ** 2, torch.sin(h) ** 2], -1) for h in half.T)
    torch.testing.assert_close(value.detach().to_dense(), first[:, :, None] * second[:, None])
    value.to_dense()[:, 0].sum().backward()
    assert inputs.grad is None
    expected = torch.tensor([-torch.sin(2 * half[:, 0]).sum() / 2, 0], dtype=torch.float64)
    torch.testing.assert_close(module.weight.grad, expected)


def test_the_tutorials_first_number() -> None:
    """Weights and result as printed in the tutorial; its inputs are default_rng(42)'s."""
    weights = [
        *[-0.01256962, 0.06653564, 0.04005302, -0.03752667],
        *[0.06645196, 0.06095287, -0.02250432, -0.04233438],
    ]
    inputs = torch.Tensor(2 * np.random.default_rng(42).random([20, 2]) - 1)
    value = TorchConnector(qjax.TwoLayerQNN(num_qubits=2), weights)(inputs[0])
    assert value.shape == (1,)
    assert value.item() == pytest.approx(-0.3285, abs=5e-5)


def test_hessian_of_a_quantum_network() -> None:
    circuit, x, w = rotations(1)
    network = qjax.EstimatorQNN(circuit=circuit, input_params=x, weight_params=w)
    module = TorchConnector(network).double()

    def loss(weight: torch.Tensor) -> torch.Tensor:
        output = torch.func.functional_call(module, {"weight": weight}, (torch.ones(1),))
        return output.sum()

    weight = module.weight.detach()
    expected = -torch.cos(1 + weight)[None]
    torch.testing.assert_close(torch.func.hessian(loss)(weight), expected)
    torch.testing.assert_close(torch.autograd.functional.hessian(loss, weight), expected)


def test_programs_of_many_networks_die_with_their_connectors() -> None:
    """But for the last few, which equal networks to come find compiled."""
    kept = TorchConnector(Sines(99))
    functions = [weakref.ref(TorchConnector(Sines(size))._functions[0]) for size in range(1, 41)]
    gc.collect()
    alive = [function() is not None for function in functions]
    assert alive[-4:] == [True] * 4
    assert not any(alive[:20])
    assert TorchConnector(Sines(99))._functions == kept._functions
    assert TorchConnector(Sines(40))._functions[0] is functions[-1]()
