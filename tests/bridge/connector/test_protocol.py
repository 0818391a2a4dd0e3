"""One protocol: whatever has its four attributes is evaluated, saved, and a layer of torch."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from jax import Array

import bridge
import qjax


@dataclass(frozen=True)
class Cosines:
    """No network of ours."""

    num_inputs: int = 2
    num_weights: int = 3
    output_shape: tuple[int, ...] = (3,)

    def apply(self, weights: Array, inputs: Array) -> Array:
        single = jnp.vectorize(lambda x: jnp.cos(weights + x.sum()), signature="(i)->(o)")
        return single(inputs)


def test_one_object_is_enough_for_all() -> None:
    network: qjax.Network = Cosines()
    weights, inputs = np.array([0.1, -0.4, 2.0]), np.array([[0.3, 0.2], [1.0, -2.0]])
    expected = np.cos(weights + inputs.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(qjax.evaluate(network, weights, inputs), expected, atol=1e-12)
    loaded = qjax.load(qjax.export(network, dtype=np.float64))
    np.testing.assert_allclose(loaded.forward(inputs, weights), expected, atol=1e-12)
    layer = bridge.TorchConnector(network, weights).double()
    found = layer(torch.as_tensor(inputs)).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_bridge_has_the_name_too() -> None:
    assert bridge.NeuralNetwork is qjax.Network
    assert isinstance(Cosines(), qjax.Network)
    assert not isinstance(object(), qjax.Network)
    with pytest.raises(AttributeError, match="module 'bridge' has no attribute 'Network'"):
        _ = bridge.Network


def test_functions_of_torch_need_no_qjax() -> None:
    """Qiskit takes a second to import."""
    code = "import sys, bridge; print({'qjax', 'qiskit'} & set(sys.modules))"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "set()\n"
