"""One protocol: whatever has its four attributes is evaluated, saved, and a layer of torch."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Any

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


def test_sizes_of_numpy_are_numbers() -> None:
    sizes = {"num_inputs": np.int64(2), "num_weights": np.int32(3), "output_shape": np.int64(3)}
    network = Cosines(**sizes)  # type: ignore[arg-type]
    assert bridge.TorchConnector(network)(torch.ones(4, 2)).shape == (4, 3)
    assert qjax.evaluate(network, np.ones(3), np.ones((4, 2))).shape == (4, 3)
    loaded = qjax.load(qjax.export(network, dtype=np.float64))
    assert loaded.forward(np.ones((4, 2)), np.ones(3)).shape == (4, 3)


class Changed:
    """A network, but for what is given another value."""

    def __init__(self, **changes: Any) -> None:
        self.num_inputs, self.num_weights, self.output_shape = 2, 3, (3,)
        self.apply = Cosines().apply
        vars(self).update(changes)


WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "a float": ({"num_weights": 3.0}, ValueError, "num_weights.* whole number.*3.0"),
    "a method": ({"num_weights": lambda: 3}, ValueError, "num_weights.* whole number"),
    "below 0": ({"num_weights": -3}, ValueError, "num_weights.* -3"),
    "a word": ({"num_inputs": "2"}, ValueError, "num_inputs.* '2'"),
    "inputs below 0": ({"num_inputs": -1}, ValueError, "num_inputs.* -1"),
    "a flag": ({"num_inputs": True}, ValueError, "num_inputs.* True"),
    "a float of inputs": ({"num_inputs": 2.0}, ValueError, "num_inputs.* 2.0"),
    "a float as shape": ({"output_shape": 1.0}, ValueError, "output_shape.* 1.0"),
    "a shape below 0": ({"output_shape": (3, -1)}, ValueError, "output_shape.* -1"),
    "no function": ({"apply": 5}, TypeError, "apply is no function"),
    "no arrays": ({"weight_structure": 5}, TypeError, "weight_structure: .*the int 5"),
    "a word among arrays": (
        {"weight_structure": {"a": "b"}}, TypeError, r"weight_structure\['a'\]: .*the str 'b'",
    ),
    "nothing returned": ({"apply": lambda w, x: None}, TypeError, "returned a NoneType"),
    "a tuple returned": ({"apply": lambda w, x: (x,)}, TypeError, "returned a tuple, expected"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_network_is_one_nowhere(name: str) -> None:
    changes, kind, message = WRONG[name]
    network = Changed(**changes)
    with pytest.raises(kind, match=message):
        qjax.evaluate(network, np.ones(3), np.ones((4, 2)))
    with pytest.raises(kind, match=message):
        bridge.TorchConnector(network)(torch.ones(4, 2))


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
