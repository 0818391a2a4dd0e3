"""TorchConnector over small networks whose outputs are known in closed form, and over qjax's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from bridge import TorchConnector, to_jax, torch2jax
from tests.bridge.connector.small_networks import Bare, Sines, angles

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")


def in_torch(weight: torch.Tensor, inputs: torch.Tensor, network: Sines) -> torch.Tensor:
    shape = (
        network.output_shape if isinstance(network.output_shape, tuple) else (network.output_shape,)
    )
    flat = torch.sin(inputs @ weight.reshape(network.num_inputs, -1))
    return flat.reshape((*inputs.shape[:-1], *shape))


# Values, shapes and dtypes.
@pytest.mark.parametrize("output_shape", [1, 3, (3,), (2, 3), ()], ids=str)
@pytest.mark.parametrize("batch", [(), (1,), (4,), (2, 3), (0,), (2, 0)], ids=str)
def test_batches_and_output_shapes(batch: tuple[int, ...], output_shape: Any) -> None:
    network = Sines(output_shape=output_shape)
    module = TorchConnector(network).double()
    inputs = angles(*batch, 2, dtype=torch.float64).requires_grad_()
    output = module(inputs)
    weight, twin = module.weight.detach().clone().requires_grad_(), inputs.detach().clone()
    expected = in_torch(weight, twin.requires_grad_(), network)
    assert output.shape == expected.shape
    torch.testing.assert_close(output, expected)
    cotangent = torch.randn(expected.shape, dtype=torch.float64)
    output.backward(cotangent)
    expected.backward(cotangent)
    torch.testing.assert_close(inputs.grad, twin.grad)
    torch.testing.assert_close(module.weight.grad, weight.grad)


@pytest.mark.parametrize(
    ("weights", "inputs", "output"),
    [
        ("float32", "float32", "float32"),
        ("float64", "float64", "float64"),
        ("float32", "float64", "float64"),
        ("float64", "float32", "float64"),
        ("float32", "bfloat16", "bfloat16"),
        ("float32", "float16", "float16"),
        ("bfloat16", "bfloat16", "bfloat16"),
        ("bfloat16", "float32", "float32"),
        ("float32", "int64", "float32"),
        ("float64", "int32", "float64"),
        ("float16", "int64", "float16"),
    ],
)
def test_dtypes(weights: str, inputs: str, output: str) -> None:
    torch.manual_seed(0)  # the weights, whatever ran before: a few round worse than two digits
    module = TorchConnector(Sines()).to(getattr(torch, weights))
    x = (3 * angles(4, 2)).to(getattr(torch, inputs))
    x.requires_grad_(x.is_floating_point())
    value = module(x)
    assert value.dtype == getattr(torch, output)
    exact = in_torch(module.weight.double(), x.double(), Sines())
    resolution = torch.finfo(value.dtype).eps
    assert (value.double() - exact).abs().max() <= max(2 * resolution, 1e-15)
    value.sum().backward()
    assert module.weight.grad.dtype == module.weight.dtype
    if x.requires_grad:
        assert x.grad.dtype == x.dtype


def test_half_precision_is_computed_in_single() -> None:
    seen = []

    class Spy(Bare):
        def apply(self, weights: jax.Array, inputs: jax.Array) -> jax.Array:
            seen.append((weights.dtype, inputs.dtype))
            return super().apply(weights, inputs)

    TorchConnector(Spy()).bfloat16()(torch.ones(1, dtype=torch.bfloat16))
    assert seen == [(jnp.float32, jnp.float32)]


def test_autocast() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), TorchConnector(Sines()))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = model(angles(4, 2))
    assert value.dtype == torch.bfloat16
    value.sum().backward()
    assert {parameter.grad.dtype for parameter in model.parameters()} == {torch.float32}


def test_gradcheck() -> None:
    module = TorchConnector(Sines()).double()

    def function(weight: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(module, {"weight": weight}, (inputs,))

    arguments = (
        module.weight.detach().clone().requires_grad_(),
        angles(2, 2, dtype=torch.float64).requires_grad_(),
    )
    assert gradcheck(function, arguments, check_forward_ad=True, check_batched_grad=True)
    assert gradgradcheck(function, arguments)


def test_a_network_without_inputs() -> None:
    class Constant(Bare):
        num_inputs = 0

        def apply(self, weights: jax.Array, inputs: jax.Array) -> jax.Array:
            return jnp.broadcast_to(jnp.cos(weights), (*inputs.shape[:-1], 1))

    module = TorchConnector(Constant(), [0.5])
    for value in (module(), module(None), module(torch.zeros(0))):
        assert value.shape == (1,)
        assert value.item() == pytest.approx(np.cos(0.5))
    assert module(torch.zeros(3, 0)).shape == (3, 1)
    module().backward()
    assert module.weight.grad.item() == pytest.approx(-np.sin(0.5))


def test_an_object_with_the_bare_minimum() -> None:
    module = TorchConnector(Bare(), [0.5])
    x = torch.tensor([[1.0], [2.0]], requires_grad=True)
    module(x).sum().backward()
    torch.testing.assert_close(x.grad, 0.5 * torch.cos(0.5 * x.detach()))
    assert module.sparse is False


# Gradients of the inputs.
def test_without_input_gradients() -> None:
    module = TorchConnector(Sines(input_gradients=False))
    x = angles(4, 2).requires_grad_()
    module(x).sum().backward()
    assert x.grad is None
    weight = module.weight.detach().clone().requires_grad_()
    in_torch(weight, x, Sines()).sum().backward()
    torch.testing.assert_close(module.weight.grad, weight.grad)


@pytest.mark.parametrize(
    "transform",
    [
        lambda f, x: torch.func.grad(lambda x: f(x).sum())(x),
        lambda f, x: torch.func.jacrev(f)(x),
        lambda f, x: torch.func.jacfwd(f)(x),
        lambda f, x: torch.func.jvp(f, (x,), (x,)),
        lambda f, x: torch.func.vmap(torch.func.grad(lambda x: f(x).sum()))(x),
        lambda f, x: torch.func.vjp(lambda x: f(x).sum(), x)[1](torch.tensor(1.0)),
        lambda f, x: jax.grad(lambda x: torch2jax(f)(x).sum())(to_jax(x)),
    ],
    ids=["grad", "jacrev", "jacfwd", "jvp", "vmap of grad", "vjp", "torch2jax"],
)
def test_a_missing_input_gradient_is_not_zero(transform: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="input_gradients=True"):
        transform(TorchConnector(Sines(input_gradients=False)), angles(4, 2))


def test_per_sample_gradients_without_input_gradients() -> None:
    module = TorchConnector(Sines(input_gradients=False))
    x = angles(4, 2)

    def loss(weight: torch.Tensor, sample: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(module, {"weight": weight}, (sample,)).sum()

    def expected(weight: torch.Tensor, sample: torch.Tensor) -> torch.Tensor:
        return in_torch(weight, sample, Sines()).sum()

    weight = module.weight.detach()
    torch.testing.assert_close(
        torch.func.vmap(torch.func.grad(loss), (None, 0))(weight, x),
        torch.func.vmap(torch.func.grad(expected), (None, 0))(weight, x),
    )


def test_frozen_weights() -> None:
    module = TorchConnector(Sines()).requires_grad_(False)
    x = angles(4, 2).requires_grad_()
    module(x).sum().backward()
    assert module.weight.grad is None
    assert x.grad is not None
    assert not module(x.detach()).requires_grad


def test_training_traces_once() -> None:
    traced = []

    class Spy(Bare):
        def apply(self, weights: jax.Array, inputs: jax.Array) -> jax.Array:
            traced.append(inputs.shape)
            return super().apply(weights, inputs)

    module = TorchConnector(Spy(), [0.1])
    optimizer = torch.optim.Adam(module.parameters(), lr=0.05)
    for _ in range(100):
        optimizer.zero_grad()
        loss = (module(torch.ones(2, 1)) - 0.9).square().sum()
        loss.backward()
        optimizer.step()
    assert traced == [(2, 1)]
    assert loss < 1e-4


def test_a_step_between_forward_and_backward_raises() -> None:
    module = TorchConnector(Sines())
    loss = module(angles(4, 2)).sum()
    with torch.no_grad():
        module.weight += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_the_parameter_can_be_written_in_place() -> None:
    module = TorchConnector(Sines())
    x = angles(4, 2)
    for _ in range(3):
        expected = in_torch(module.weight, x, Sines())
        value = module(x)
        with torch.no_grad():
            module.weight.add_(1.0)
        torch.testing.assert_close(value, expected)


def test_parametrization_and_vector_utilities() -> None:
    module = TorchConnector(Sines())
    torch.nn.utils.vector_to_parameters(torch.arange(6.0), module.parameters())
    assert module.weight.tolist() == [0, 1, 2, 3, 4, 5]

    class Tenth(torch.nn.Module):
        def forward(self, weight: torch.Tensor) -> torch.Tensor:
            return weight / 10

    torch.nn.utils.parametrize.register_parametrization(module, "weight", Tenth())
    x = angles(4, 2)
    torch.testing.assert_close(module(x), in_torch(torch.arange(6.0) / 10, x, Sines()))


def test_repr() -> None:
    module = TorchConnector(Sines(output_shape=(2, 3)))
    assert repr(module) == (
        "TorchConnector(Sines, num_inputs=2, num_weights=12, output_shape=(2, 3), sparse=False, "
        "input_gradients=True)"
    )


def test_properties() -> None:
    network = Sines(sparse=True)
    module = TorchConnector(network)
    assert module.neural_network is network
    assert module.sparse is True
    assert TorchConnector(network, sparse=False).sparse is False


# Sparse outputs.
@pytest.mark.parametrize("batch", [(), (4,), (2, 3), (0,)], ids=str)
def test_sparse_outputs(batch: tuple[int, ...]) -> None:
    network = Sines(output_shape=(2, 3), sparse=True)
    module, dense = TorchConnector(network), TorchConnector(network, sparse=False)
    dense.load_state_dict(module.state_dict())
    x, y = angles(*batch, 2).requires_grad_(), angles(*batch, 2).requires_grad_()
    value, expected = module(x), dense(y)
    assert value.layout == torch.sparse_coo
    assert value.shape == (*batch, 2, 3)
    assert torch.equal(value.to_dense(), expected)
    value.to_dense().square().sum().backward()
    expected.square().sum().backward()
    assert torch.equal(x.grad, y.grad)
    assert torch.equal(module.weight.grad, dense.weight.grad)


def test_a_sparse_sum_has_gradients() -> None:
    module = TorchConnector(Sines(sparse=True))
    x = angles(4, 2)
    torch.sparse.sum(module(x)).backward()
    weight = module.weight.detach().clone().requires_grad_()
    in_torch(weight, x, Sines()).sum().backward()
    torch.testing.assert_close(module.weight.grad, weight.grad)
