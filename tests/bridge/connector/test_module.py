"""TorchConnector over small networks whose outputs are known in closed form, and over qjax's."""

from __future__ import annotations

import copy
import gc
import io
import pickle
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import gradcheck, gradgradcheck

import qjax
from bridge import TorchConnector, jax2torch, to_jax, torch2jax

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")


@dataclass(frozen=True)
class Sines:
    """sin(inputs @ W), W being the weights as a matrix."""

    num_inputs: int = 2
    output_shape: Any = (3,)
    input_gradients: bool = True
    sparse: bool = False

    @property
    def num_weights(self) -> int:
        return self.num_inputs * int(np.prod(self.output_shape))

    def apply(self, weights: jax.Array, inputs: jax.Array) -> jax.Array:
        flat = jnp.sin(inputs @ weights.reshape(self.num_inputs, -1))
        shape = self.output_shape if isinstance(self.output_shape, tuple) else (self.output_shape,)
        return flat.reshape((*inputs.shape[:-1], *shape))


class Bare:
    """No more than the connector needs."""

    num_inputs = 1
    num_weights = 1
    output_shape = (1,)

    def apply(self, weights: jax.Array, inputs: jax.Array) -> jax.Array:
        return jnp.sin(weights[0] * inputs)


def in_torch(weight: torch.Tensor, inputs: torch.Tensor, network: Sines) -> torch.Tensor:
    shape = (
        network.output_shape if isinstance(network.output_shape, tuple) else (network.output_shape,)
    )
    flat = torch.sin(inputs @ weight.reshape(network.num_inputs, -1))
    return flat.reshape((*inputs.shape[:-1], *shape))


def angles(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(len(shape))
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


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


# Bad input.


@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        (torch.ones(3), ValueError, r"shape \(3,\), expected \(\*batch, 2\)"),
        (torch.ones(2, 1), ValueError, r"shape \(2, 1\), expected \(\*batch, 2\)"),
        (torch.ones(()), ValueError, r"shape \(\), expected \(\*batch, 2\)"),
        (torch.ones(0), ValueError, r"shape \(0,\), expected \(\*batch, 2\)"),
        (None, ValueError, r"shape \(0,\), expected \(\*batch, 2\)"),
        (np.ones(2), TypeError, "must be a tensor, got ndarray: use torch.as_tensor"),
        ([1.0, 2.0], TypeError, "must be a tensor, got list"),
        (torch.ones(2) * 1j, TypeError, "must be real, got torch.complex64"),
        (torch.ones(2, device="meta"), ValueError, "got meta"),
        (torch.eye(2).to_sparse(), TypeError, "to_dense"),
    ],
    ids=["3", "2x1", "0-d", "empty", "None", "ndarray", "list", "complex", "meta", "sparse"],
)
def test_bad_inputs(inputs: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        TorchConnector(Sines())(inputs)


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (np.zeros(5), ValueError, r"shape \(5,\), expected \(6,\)"),
        (np.zeros((6, 1)), ValueError, r"shape \(6, 1\), expected \(6,\)"),
        (0.5, ValueError, r"shape \(\), expected \(6,\)"),
        ([np.nan] * 6, ValueError, "NaN or infinite"),
        (torch.full((6,), torch.inf), ValueError, "NaN or infinite"),
        (np.zeros(6) * 1j, TypeError, "must be real, got torch.complex128"),
        (["a"] * 6, TypeError, "must be numbers, got list of dtype <U1"),
    ],
    ids=["5", "6x1", "scalar", "NaN", "inf", "complex", "strings"],
)
def test_bad_initial_weights(weights: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        TorchConnector(Sines(), weights)


def fake(tensor: torch.Tensor) -> torch.Tensor:
    return FakeTensorMode().from_tensor(tensor)


FORMS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], type[Exception], str]] = {
    "COO": (torch.Tensor.to_sparse, TypeError, r"is torch\.sparse_coo.*to_dense"),
    "CSR": (lambda x: x[None].to_sparse_csr(), TypeError, r"torch\.sparse_csr.*to_dense"),
    "CSC": (lambda x: x[None].to_sparse_csc(), TypeError, r"torch\.sparse_csc.*to_dense"),
    "BSR": (lambda x: x[None].to_sparse_bsr((1, 1)), TypeError, r"torch\.sparse_bsr.*to_dense"),
    "nested": (lambda x: torch.nested.nested_tensor([x]), TypeError, "nested.*padded"),
    "jagged": (
        lambda x: torch.nested.nested_tensor([x, x], layout=torch.jagged),
        TypeError,
        "nested.*padded",
    ),
    "masked": (lambda x: torch.masked.masked_tensor(x, x > 2), TypeError, "masked.*to_tensor"),
    "fake": (fake, ValueError, "needs values, got fake"),
    "meta": (lambda x: x.to("meta"), ValueError, "needs values, got meta"),
}
DTYPES: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], str]] = {
    "float8": (lambda x: x.to(torch.float8_e4m3fn), r"16 bits or more.*float8.*float\(\)"),
    "quantized": (
        lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.quint8),
        r"torch\.quint8: tensor\.dequantize\(\)",
    ),
    "complex": (lambda x: x * 1j, r"must be real, got torch\.complex64"),
    "boolean": (lambda x: x > 0, r"real numbers, got booleans"),
}


@pytest.mark.filterwarnings("ignore:.*(prototype|beta|deprecated)")
@pytest.mark.parametrize("name", [*FORMS, *DTYPES])
def test_tensors_that_are_no_dense_real_numbers(name: str) -> None:
    make, error, message = {**FORMS, **{n: (f, TypeError, m) for n, (f, m) in DTYPES.items()}}[name]
    with pytest.raises(error, match=message):
        TorchConnector(Sines())(make(torch.ones(2)))
    if name != "float8":
        with pytest.raises(error, match=f"initial_weights.*{message}"):
            TorchConnector(Sines(), make(torch.ones(6)))
    if name in FORMS:
        for call in (to_jax, jax2torch(jnp.sin)):
            with pytest.raises(error, match=message):
                call(make(torch.ones(2)))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ma.zeros(6), "masked.*fill"),
        ([*[0.5] * 5, np.ma.masked], "masked.*fill"),
        ([None] * 6, "dtype object"),
        ([True] * 6, "booleans"),
        ([*[0.5] * 5, True], "booleans"),
        (np.ones(6, bool), "booleans"),
        (jnp.ones(6, bool), "booleans"),
        (np.ones(6, "m8[s]"), "timedelta64"),
        ([torch.ones((), requires_grad=True)] * 6, "detach"),
        ([[1.0], [1.0, 2.0]], "inhomogeneous"),
    ],
)
def test_weights_that_are_no_numbers(weights: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        TorchConnector(Sines(), weights)


def test_weights_beyond_torchs_dtype() -> None:
    with pytest.raises(ValueError, match=r"infinite values in torch\.float32"):
        TorchConnector(Sines(), [1e300] * 6)


def test_bad_networks() -> None:
    with pytest.raises(TypeError, match=r"the class Sines: make one of it, Sines\(\.\.\.\)"):
        TorchConnector(Sines)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="sparse must be True, False or None, got 'yes'"):
        TorchConnector(Sines(), sparse="yes")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="function lacks apply, num_inputs"):
        TorchConnector(lambda weights, inputs: inputs)
    with pytest.raises(ValueError, match="sparse=True needs a sparse network, got a Sines"):
        TorchConnector(Sines(), sparse=True)


def test_a_network_that_lies_about_its_shape() -> None:
    class Liar(Bare):
        output_shape = (2,)

    with pytest.raises(ValueError, match=r"Liar.apply returned shape \(1,\).*expected \(2,\)"):
        TorchConnector(Liar())(torch.ones(1))


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
