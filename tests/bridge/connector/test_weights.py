"""A module's parameters for the leaves of a tree of weights."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import qjax
from bridge import TorchConnector
from tests import networks
from tests.qjax.weight_trees import TREES, Pair, filled, flat, tree


@dataclass(frozen=True)
class Waves:
    """amplitude * sin(inputs * frequencies), and a shift."""

    num_inputs: int = 2
    num_weights: int = 4
    output_shape: tuple[int, ...] = (2,)
    input_gradients: bool = True
    weight_structure: ClassVar = {
        "shift": np.empty(()),
        "layers": [np.empty(2), {"amplitude": jax.ShapeDtypeStruct((1,), np.float32)}],
    }

    def apply(self, weights: Any, inputs: jax.Array) -> jax.Array:
        frequencies, last = weights["layers"]
        waves = jnp.sin(inputs * jnp.broadcast_to(frequencies, inputs.shape))
        return last["amplitude"][0] * waves + weights["shift"]


KEYS = ["weights.layers.0", "weights.layers.1.amplitude", "weights.shift"]
START = {"shift": 0.5, "layers": [np.array([2.0, 3.0]), {"amplitude": [1.5]}]}


def in_torch(module: TorchConnector, x: torch.Tensor) -> torch.Tensor:
    weights = module.weight_tree
    frequencies, last = weights["layers"]
    return last["amplitude"] * torch.sin(x * frequencies) + weights["shift"]


def points(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.linspace(-1, 1, 6, dtype=dtype).reshape(3, 2)


def test_a_parameter_for_each_leaf() -> None:
    module = TorchConnector(Waves(), START)
    assert sorted(module.state_dict()) == KEYS
    assert sorted(name for name, _ in module.named_parameters()) == KEYS
    assert module.weights.layers.get_submodule("1").amplitude.tolist() == [1.5]
    assert module.weights.shift.shape == ()
    assert all(isinstance(p, torch.nn.Parameter) for p in jax.tree.leaves(module.weight_tree))
    assert jax.tree.structure(module.weight_tree) == jax.tree.structure(START | {
        "layers": [0, {"amplitude": 0}]
    })  # fmt: skip
    assert "shift=()" in repr(module)
    with pytest.raises(AttributeError, match="no attribute 'weight'"):
        _ = module.weight


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_values_and_gradients(dtype: torch.dtype) -> None:
    module = TorchConnector(Waves(), START).to(dtype)
    twin = copy.deepcopy(module)
    x, y = points(dtype).requires_grad_(), points(dtype).requires_grad_()
    value, expected = module(x), in_torch(twin, y)
    torch.testing.assert_close(value, expected)
    value.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(x.grad, y.grad)
    for name, parameter in twin.named_parameters():
        torch.testing.assert_close(module.get_parameter(name).grad, parameter.grad)
    assert module(points(dtype)[0]).shape == (2,)
    assert module(points(dtype)[:0]).shape == (0, 2)


def test_the_widest_leaf_decides_the_dtype() -> None:
    module = TorchConnector(Waves(), START)
    module.weights.shift.data = module.weights.shift.data.double()
    value = module(points())
    assert value.dtype == torch.float64
    value.sum().backward()
    assert module.weights.shift.grad.dtype == torch.float64
    assert module.weights.layers.get_parameter("0").grad.dtype == torch.float32


def test_without_input_gradients() -> None:
    """The inputs' place among the tensors follows the number of leaves."""
    module = TorchConnector(Waves(input_gradients=False), START)
    x = points().requires_grad_()
    module(x).sum().backward()
    assert x.grad is None
    assert all(parameter.grad is not None for parameter in module.parameters())


def test_func_and_compile() -> None:
    module = TorchConnector(Waves(), START)
    weights = {name: 2 * value for name, value in module.state_dict().items()}

    def call(weights: Any) -> torch.Tensor:
        return torch.func.functional_call(module, weights, (points(),)).sum()

    twin = copy.deepcopy(module)
    twin.load_state_dict(weights)
    in_torch(twin, points()).sum().backward()
    gradients = torch.func.grad(call)(weights)
    for name, parameter in twin.named_parameters():
        torch.testing.assert_close(gradients[name], parameter.grad)
    compiled = torch.compile(module, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(points()), module(points()))


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))]
)
def test_copies_and_checkpoints(duplicate: Callable[[Any], Any]) -> None:
    module = TorchConnector(Waves(), START)
    other = duplicate(module)
    assert torch.equal(other(points()), module(points()))
    fresh, buffer = TorchConnector(Waves()), io.BytesIO()
    torch.save(module.state_dict(), buffer)
    buffer.seek(0)
    fresh.load_state_dict(torch.load(buffer), strict=True)
    assert torch.equal(fresh(points()), module(points()))
    with pytest.raises(RuntimeError, match=r"Missing key.*weights\.shift"):
        fresh.load_state_dict({"weight": torch.ones(4)})


def test_checkpoints_of_the_other_form_are_told_how_to_convert() -> None:
    """And the ways that the messages name lead there."""
    qnn = tree("dict of names")
    plain = qnn.replace(weight_params=qnn.weight_params)
    of_tree, of_vector = TorchConnector(qnn), TorchConnector(plain)
    vector = of_vector.state_dict()["weight"]
    with pytest.raises(RuntimeError, match=r"one vector, weight, .*TorchConnector\(network, check"):
        of_tree.load_state_dict({"weight": vector})
    split = TorchConnector(qnn, vector)
    torch.testing.assert_close(split(points()), of_vector(points()))
    with pytest.raises(RuntimeError, match=r"has weights\.\w+, weights\.\w+, a tree .*torch\.cat"):
        of_vector.load_state_dict(split.state_dict())
    back = torch.cat([leaf.ravel() for leaf in jax.tree.leaves(split.weight_tree)])
    assert torch.equal(back, vector)
    model = torch.nn.Sequential(of_tree)
    with pytest.raises(RuntimeError, match=r"one vector, 0\.weight, .*checkpoint\['0\.weight'\]"):
        model.load_state_dict({"0.weight": vector})


def test_a_parametrization_of_a_leaf() -> None:
    class Doubled(torch.nn.Module):
        def forward(self, weight: torch.Tensor) -> torch.Tensor:
            return 2 * weight

    module = TorchConnector(Waves(), START)
    expected = in_torch(module, points()) + 0.5
    torch.nn.utils.parametrize.register_parametrization(module.weights, "shift", Doubled())
    torch.testing.assert_close(module(points()), expected)


def test_draws_are_those_of_a_vector() -> None:
    torch.manual_seed(3)
    module = TorchConnector(Waves())
    torch.manual_seed(3)
    drawn = torch.empty(4).uniform_(-1, 1)
    leaves = [leaf.flatten() for leaf in jax.tree.leaves(module.weight_tree)]
    assert torch.equal(torch.cat(leaves), drawn)


INITIAL: dict[str, Any] = {
    "arrays": START,
    "tensors": jax.tree.map(torch.tensor, {"shift": 0.5, "layers": START["layers"]}),
    "a vector": np.array([2, 3, 1.5, 0.5]),
    "a list": [2, 3, 1.5, 0.5],
    "a tensor": torch.tensor([2, 3, 1.5, 0.5], dtype=torch.float64),
}  # fmt: skip


@pytest.mark.parametrize("name", INITIAL)
def test_initial_weights(name: str) -> None:
    module = TorchConnector(Waves(), INITIAL[name])
    assert torch.equal(module(points()), TorchConnector(Waves(), START)(points()))
    assert {parameter.dtype for parameter in module.parameters()} == {torch.float32}
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    last = jax.tree.leaves(INITIAL[name])[-1]
    assert np.ravel(last)[-1] == 0.5  # and not zeroed


@pytest.mark.parametrize(
    ("weights", "kind", "message"),
    [
        ({"shift": 0.5}, ValueError, r"leaves \['shift'\], expected \['layers'\]\[0\]"),
        (START | {"bias": 1}, ValueError, r"leaves \['bias'\]"),
        (START | {"shift": [1, 2]}, ValueError, r"\['shift'\] has shape \(2,\), expected \(\)"),
        (START | {"shift": np.nan}, ValueError, r"\['shift'\] holds NaN"),
        (START | {"shift": 1j}, TypeError, r"\['shift'\] must be real"),
        (START | {"shift": "a"}, TypeError, r"\['shift'\] must be numbers"),
        (np.zeros(3), ValueError, r"shape \(3,\), expected \(4,\)"),
        (Pair(1, 2), ValueError, r"a Pair with leaves \.thetas"),
    ],
)
def test_bad_initial_weights(weights: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        TorchConnector(Waves(), weights)


@pytest.mark.parametrize(
    "names",
    [["train"], ["a..b"], [""], ["a", "a.b"], ["_parameters"], ["1", 1]],
    ids=str,
)
def test_names_that_torch_does_not_allow(names: list[Any]) -> None:
    @dataclass(frozen=True)
    class Named(Waves):
        weight_structure: ClassVar = [{name: np.empty(2)} for name in names]

    class Merged(Waves):
        weight_structure: ClassVar = {name: np.empty(2) for name in names}

    kind = Named if len({type(name) for name in names}) > 1 else Merged
    if kind is Named:
        TorchConnector(Named())  # in dicts of their own
        return
    with pytest.raises(ValueError, match="cannot be a torch parameter"):
        TorchConnector(kind())


def test_attributes_that_cannot_be_set() -> None:
    module = TorchConnector(Waves(), START)
    for name in ("neural_network", "sparse", "weight_tree"):
        with pytest.raises(AttributeError, match=rf"^{name}: .*TorchConnector\("):
            setattr(module, name, None)
    with pytest.raises(
        AttributeError, match=r"no attribute 'weight': .*weights\.shift, and weight_tree has"
    ):
        module.weight  # noqa: B018
    with pytest.raises(AttributeError, match="has no attribute 'weigth'"):
        module.weigth  # noqa: B018
    with pytest.raises(AttributeError, match=r"^weight: .*weights\.shift"):
        module.weight = torch.nn.Parameter(torch.ones(4))
    plain = TorchConnector(qjax.TwoLayerQNN(1))
    with pytest.raises(AttributeError, match="neural_network"):
        plain.neural_network = None
    plain.weight = torch.nn.Parameter(torch.ones(4))
    assert plain.weight_tree is plain.weight


@pytest.mark.parametrize("name", ["nested", "NamedTuple", "dataclass", "one array"])
def test_quantum_networks(name: str) -> None:
    """Values and gradients of each leaf are Qiskit's."""
    qnn, weights = tree(name, input_gradients=True), np.linspace(-1, 1, 5)
    module = TorchConnector(qnn, filled(qnn, weights)).double()
    inputs = flat(name).data(2)[0]
    function = networks.readout(networks.expectations, flat(name))
    single = weights.astype(np.float32).astype(np.float64)
    value = module(torch.tensor(inputs))
    np.testing.assert_allclose(
        value.detach(), networks.batched(function, inputs, single), atol=1e-12
    )
    value.sum().backward()
    _, slopes = networks.jacobians(function, inputs, single)
    gradients = [leaf.grad.flatten() for leaf in jax.tree.leaves(module.weight_tree)]
    np.testing.assert_allclose(torch.cat(gradients), slopes.sum(axis=(0, 1)), atol=1e-9)
    keys = ["weight"] if name == "one array" else [f"weights.{part}" for part in _parts(name)]
    assert sorted(module.state_dict()) == sorted(keys)
    assert TREES[name][1] is not None


def _parts(name: str) -> list[str]:
    return ["a.0", "a.1.b", "c"] if name == "nested" else ["thetas", "scale"]
