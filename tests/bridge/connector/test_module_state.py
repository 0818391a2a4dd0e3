"""What a TorchConnector holds: initial weights, checkpoints, copies, compiled programs."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

from bridge import TorchConnector
from tests.bridge.connector.small_networks import Bare, Sines, angles

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")


# Weights and checkpoints.
def test_torch_draws_the_weights() -> None:
    torch.manual_seed(3)
    weight = TorchConnector(Sines(num_inputs=500)).weight
    torch.manual_seed(3)
    assert torch.equal(weight, torch.empty(1500).uniform_(-1, 1))
    assert weight.dtype == torch.float32
    assert -1 <= weight.min() < -0.9
    assert 0.9 < weight.max() < 1


@pytest.mark.parametrize(
    "values",
    [
        np.arange(6.0),
        np.arange(6),
        [0, 1, 2, 3, 4, 5],
        torch.arange(6).double(),
        torch.arange(6.0, requires_grad=True),
        jnp.arange(6.0),
        np.arange(6).astype(">f8"),
        np.arange(6).astype(np.longdouble),
        np.arange(6).astype(">u2"),
        jnp.arange(6).astype(jnp.bfloat16),
        torch.arange(6).half(),
        torch.arange(6).float().to(torch.float8_e4m3fn),
    ],
    ids=["float64", "int64", "list", "tensor", "tracked tensor", "jax"]
    + ["big endian", "longdouble", "short", "bfloat16", "half", "float8"],
)
def test_initial_weights(values: Any) -> None:
    module = TorchConnector(Sines(), initial_weights=values)
    assert isinstance(module.weight, torch.nn.Parameter)
    assert module.weight.dtype == torch.get_default_dtype()
    assert module.weight.tolist() == [0, 1, 2, 3, 4, 5]
    with torch.no_grad():
        module.weight.zero_()
    assert list(values)[5] == 5


def test_state_dict_holds_the_weight() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(2, 2), TorchConnector(Sines()))
    assert list(module.state_dict()) == ["0.weight", "0.bias", "1.weight"]
    assert [name for name, _ in module[1].named_parameters()] == ["weight"]
    assert list(module[1].buffers()) == []


@pytest.mark.parametrize("prefix", ["", "hybrid.qnn."])
@pytest.mark.parametrize("keys", [["weight"], ["weight", "_weights"], ["_weights"]], ids=str)
def test_checkpoints(keys: list[str], prefix: str) -> None:
    qnn = TorchConnector(Sines())
    module: torch.nn.Module = qnn
    for name in reversed(prefix.split(".")[:-1]):
        module = torch.nn.ModuleDict({name: module})
    checkpoint = {prefix + key: torch.arange(6.0) for key in keys}
    given = dict(checkpoint)
    module.load_state_dict(checkpoint, strict=True)
    assert torch.equal(qnn.weight, torch.arange(6.0))
    assert checkpoint.keys() == given.keys()


@pytest.mark.parametrize(
    ("checkpoint", "message"),
    [
        ({}, 'Missing key.*"weight"'),
        ({"weight": torch.ones(5)}, "size mismatch for weight"),
        ({"_weights": torch.ones(5)}, "size mismatch for weight"),
        ({"weight": torch.ones(6), "other": torch.ones(6)}, 'Unexpected key.*"other"'),
        ({"weight": torch.ones(6), "_weights": torch.zeros(6)}, "weight and _weights differ"),
    ],
    ids=["missing", "shape", "shape of the alias", "unexpected", "contradiction"],
)
def test_bad_checkpoints(checkpoint: dict[str, torch.Tensor], message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        TorchConnector(Sines()).load_state_dict(checkpoint)


def through_file(module: torch.nn.Module) -> torch.nn.Module:
    buffer = io.BytesIO()
    torch.save(module, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=False)


@pytest.mark.parametrize(
    "duplicate",
    [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module)), through_file],
    ids=["deepcopy", "pickle", "torch.save"],
)
def test_copies(duplicate: Callable[[torch.nn.Module], torch.nn.Module]) -> None:
    module = TorchConnector(Sines())
    x = angles(4, 2)
    value = module(x)
    other = duplicate(module)
    assert torch.equal(other(x), value)
    other.load_state_dict({"weight": torch.ones(6), "_weights": torch.ones(6)})
    assert torch.equal(module(x), value)
    assert not torch.equal(other(x), value)


def test_equal_networks_compile_once(compilations: Any) -> None:
    x = torch.ones(7, 2)
    value = TorchConnector(Sines(), torch.ones(6))(x)
    compiled = compilations.count
    assert torch.equal(TorchConnector(Sines(), torch.ones(6))(x), value)
    assert compilations.count == compiled


def test_a_network_that_does_not_hash() -> None:
    unhashable = type("Unhashable", (Bare,), {"__hash__": None})
    assert TorchConnector(unhashable(), [0.5])(torch.ones(1)).item() == pytest.approx(np.sin(0.5))
