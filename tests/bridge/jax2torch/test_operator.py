"""Graphs that torch records: torch.compile, torch.export, make_fx, against the same code run."""

from __future__ import annotations

import copy
import shutil
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import pytest
import torch
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from torch.fx.experimental.proxy_tensor import make_fx

import qjax
from bridge import TorchConnector, jax2torch, to_jax, to_torch, torch2jax

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.script"),  # torch's own helpers
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor"),  # read by torch.compile
    pytest.mark.filterwarnings("ignore:`isinstance.treespec, LeafSpec.`"),  # torch's own pytrees
]

needs_compiler = pytest.mark.skipif(
    shutil.which("g++") is None and shutil.which("clang++") is None, reason="inductor needs C++"
)
BACKENDS = ["aot_eager", pytest.param("inductor", marks=needs_compiler)]
VECTOR = torch.linspace(-1.0, 1.0, 6)
CIRCUIT = QuantumCircuit(1)
CIRCUIT.ry(Parameter("x"), 0)


@pytest.fixture(autouse=True)
def fresh_compiler() -> Any:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def hybrid(seed: int = 0, **options: Any) -> torch.nn.Module:
    torch.manual_seed(seed)
    qnn = qjax.TwoLayerQNN(2, input_gradients=True, **options)
    layers = torch.nn.Linear(3, 2), torch.nn.Tanh(), TorchConnector(qnn), torch.nn.Linear(1, 2)
    return torch.nn.Sequential(*layers)


def losses_of_training(
    model: torch.nn.Module, call: Callable[..., torch.Tensor], sizes: tuple[int, ...]
) -> list[float]:
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    losses = []
    for step, size in enumerate(sizes):
        data = torch.randn(size, 3, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        loss = (call(data) - data[:, :2]).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("backend", BACKENDS)
def test_training_of_a_compiled_hybrid_model(backend: str) -> None:
    model = hybrid()
    reference = copy.deepcopy(model)
    compiled = torch.compile(model, fullgraph=True, backend=backend)
    sizes = (5,) * 6
    expected = losses_of_training(reference, reference, sizes)
    assert losses_of_training(model, compiled, sizes) == pytest.approx(expected, abs=1e-5)
    assert expected[-1] < expected[0]
    for mine, other in zip(model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_dynamic_batch_is_compiled_once(backend: str) -> None:
    model = hybrid()
    reference = copy.deepcopy(model)
    compiled = torch.compile(model, fullgraph=True, backend=backend, dynamic=True)
    sizes = (4, 7, 3, 12, 4)
    expected = losses_of_training(reference, reference, sizes)
    with torch._dynamo.config.patch(error_on_recompile=True):
        assert losses_of_training(model, compiled, sizes) == pytest.approx(expected, abs=1e-5)


def test_steps_compile_nothing_anew() -> None:
    traced = []

    @jax2torch
    def function(x: jax.Array) -> jax.Array:
        traced.append(x.shape)
        return jnp.sin(x) * 2

    x = VECTOR.clone().requires_grad_()
    compiled = torch.compile(lambda x: function(x).sum(), fullgraph=True, backend="aot_eager")
    compiled(x).backward()
    before = len(traced)
    for _ in range(3):
        compiled(x).backward()
    assert len(traced) == before
    torch.testing.assert_close(x.grad, 4 * 2 * torch.cos(VECTOR))


Pair = namedtuple("Pair", "left right")


@pytest.mark.parametrize("backend", BACKENDS)
def test_pytrees_and_static_arguments(backend: str) -> None:
    @jax2torch
    def function(tree: Any, power: int, *, kind: str, scale: jax.Array) -> Any:
        assert kind == "both"
        out = tree["a"][0] ** power * scale
        return {"out": (out, tree["b"].right.sum()), "count": (tree["mask"].sum(), [out + 1])}

    def program(a: torch.Tensor, b: torch.Tensor, mask: torch.Tensor) -> Any:
        tree = {"a": (a * 2,), "b": Pair(0, b), "mask": mask}
        return function(tree, 3, kind="both", scale=b[0])

    arguments = VECTOR.clone().requires_grad_(), torch.ones(2).requires_grad_(), VECTOR > 0
    expected = program(*arguments)
    actual = torch.compile(program, fullgraph=True, backend=backend)(*arguments)
    assert isinstance(actual["out"], tuple)
    assert not actual["count"][0].is_floating_point()
    torch.testing.assert_close(actual, expected)

    def gradients(results: Any) -> Any:
        total = results["out"][0].sum() + results["out"][1] + results["count"][1][0].sum()
        return torch.autograd.grad(total, arguments[:2])

    torch.testing.assert_close(gradients(actual), gradients(expected))


def test_a_new_static_argument_is_recorded_anew() -> None:
    function = jax2torch(lambda x, power: x**power)
    compiled = torch.compile(function, fullgraph=True, backend="eager")
    for power in (2, 3, 4, 2):
        torch.testing.assert_close(compiled(VECTOR, power), VECTOR**power)


class Wrapped(torch.nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x) + 0


def test_another_function_is_recorded_anew() -> None:
    """The same code with another function in it is another program."""
    sine, cosine = Wrapped(jax2torch(jnp.sin)), Wrapped(jax2torch(jnp.cos))
    for call in (torch.compile(Wrapped.forward, fullgraph=True, backend="eager"), None):
        for module, expected in ((sine, torch.sin), (cosine, torch.cos), (sine, torch.sin)):
            compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
            result = compiled(VECTOR) if call is None else call(module, VECTOR)
            torch.testing.assert_close(result, expected(VECTOR))
    rebound = torch.compile(sine, fullgraph=True, backend="aot_eager")
    sine.function = jax2torch(jnp.exp)
    torch.testing.assert_close(rebound(VECTOR), torch.exp(VECTOR))
    layers = [
        TorchConnector(
            qjax.EstimatorQNN(circuit=CIRCUIT, observables=o, input_params=CIRCUIT.parameters)
        )
        for o in ("Z", "X")
    ]
    compiled = [torch.compile(layer, fullgraph=True, backend="aot_eager") for layer in layers]
    angle = torch.tensor([[0.3]])
    for layer, call in zip(layers, compiled, strict=True):
        torch.testing.assert_close(call(angle), layer(angle))


def test_none_and_other_arguments_that_torch_can_not_record() -> None:
    function = jax2torch(lambda x, y=None, f=None: (x * 2 if y is None else f(x) + y, None))
    for fullgraph in (True, False):
        compiled = torch.compile(
            lambda x: function(x, None), fullgraph=fullgraph, backend="aot_eager"
        )
        result, nothing = compiled(VECTOR)
        torch.testing.assert_close(result, 2 * VECTOR)
        assert nothing is None
    broken = torch.compile(lambda x: function(x, x, jnp.sin), backend="aot_eager")
    torch.testing.assert_close(broken(VECTOR)[0], torch.sin(VECTOR) + VECTOR)


def test_other_calls_break_the_graph() -> None:
    def program(x: torch.Tensor) -> torch.Tensor:
        return to_torch(torch2jax(torch.sin)(to_jax(2 * x))) + 1

    compiled = torch.compile(program, backend="aot_eager")
    torch.testing.assert_close(compiled(VECTOR), torch.sin(2 * VECTOR) + 1)


def test_a_function_of_no_tensors() -> None:
    function = jax2torch(lambda n: jnp.arange(float(n)))
    compiled = torch.compile(lambda x: function(n=6) + x, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(VECTOR), torch.arange(6.0) + VECTOR)


def test_a_size_that_never_stands_alone() -> None:
    layer = TorchConnector(qjax.TwoLayerQNN(2, input_gradients=True))

    def patches(x: torch.Tensor) -> torch.Tensor:
        return layer(x.reshape(len(x) * 4, 2)).reshape(len(x), 4)

    compiled = torch.compile(patches, fullgraph=True, backend="aot_eager", dynamic=True)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for size in (3, 2, 5):
            x = torch.rand(size, 8)
            torch.testing.assert_close(compiled(x), patches(x))


def test_an_exported_module_compiles() -> None:
    model = hybrid()
    data = torch.rand(4, 3)
    exported = torch.export.export(model, (data,)).module()
    compiled = torch.compile(exported, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(data), model(data))


def test_shapes_that_are_no_affine_function_of_the_batch() -> None:
    function = jax2torch(lambda x, y: jnp.outer(x, y).reshape(-1))
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager", dynamic=True)
    for m, n in ((2, 3), (4, 3), (5, 6)):
        x, y = torch.rand(m), torch.rand(n)
        torch.testing.assert_close(compiled(x, y), torch.outer(x, y).reshape(-1))


def test_shapes_from_several_sizes() -> None:
    function = jax2torch(lambda x, y: jnp.concatenate([x, y, y])[1:])
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager", dynamic=True)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for m, n in ((2, 3), (4, 5), (5, 7)):
            x, y = torch.rand(m), torch.rand(n)
            torch.testing.assert_close(compiled(x, y), torch.cat([x, y, y])[1:])


def test_a_shape_that_only_seems_to_be_affine_raises() -> None:
    function = jax2torch(lambda x: x if len(x) < 1000 else x[:1000])
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager", dynamic=True)
    compiled(torch.rand(50))
    with pytest.raises(RuntimeError, match="compile with dynamic=False"):
        compiled(torch.rand(2000))


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex64, torch.bfloat16, torch.float16])
def test_dtypes(dtype: torch.dtype) -> None:
    function = jax2torch(lambda x: (x * x, jnp.abs(x)))
    x = torch.rand(3).to(dtype).requires_grad_()

    def program(x: torch.Tensor) -> torch.Tensor:
        square, size = function(x)
        return square.abs().sum() + size.sum()

    compiled = torch.compile(program, fullgraph=True, backend="aot_eager")
    (expected,) = torch.autograd.grad(program(x), x)
    (actual,) = torch.autograd.grad(compiled(x), x)
    assert actual.dtype == dtype
    torch.testing.assert_close(actual, expected)


def test_autocast() -> None:
    model = hybrid()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    data = torch.rand(4, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        expected, actual = model(data), compiled(data)
    assert actual.dtype == expected.dtype == torch.bfloat16
    torch.testing.assert_close(actual, expected)


def test_transforms_inside_of_compiled_code() -> None:
    function = jax2torch(lambda x: jnp.sum(jnp.sin(x) ** 3))
    plain = lambda x: torch.sum(torch.sin(x) ** 3)  # noqa: E731
    for transform in (
        torch.func.grad,
        lambda f: torch.func.vmap(torch.func.grad(f)),
        torch.func.hessian,
        torch.func.jacrev,
    ):
        x = torch.rand(2, 2) if transform is not torch.func.hessian else torch.rand(2)
        expected = transform(plain)(x)
        compiled = torch.compile(
            lambda x, t=transform: t(function)(x), fullgraph=True, backend="aot_eager"
        )
        torch.testing.assert_close(compiled(x), expected)
        torch._dynamo.reset()


def test_without_input_gradients() -> None:
    torch.manual_seed(0)
    layer = TorchConnector(qjax.TwoLayerQNN(2))
    x = torch.rand(3, 2, requires_grad=True)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    compiled(x).sum().backward()
    assert x.grad is None
    expected = copy.deepcopy(layer)
    expected.zero_grad()
    expected(x).sum().backward()
    torch.testing.assert_close(layer.weight.grad, expected.weight.grad)


# torch.export.


def test_export_with_a_dynamic_batch() -> None:
    model = hybrid().eval()
    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(
        model, (torch.rand(4, 3),), dynamic_shapes=({0: batch},), strict=False
    )
    for size in (2, 5, 33):
        data = torch.rand(size, 3)
        torch.testing.assert_close(program.module()(data), model(data))


def test_an_exported_module_trains() -> None:
    model = hybrid()
    exported = torch.export.export(copy.deepcopy(model), (torch.rand(4, 3),)).module()
    expected = losses_of_training(model, model, (4,) * 4)
    assert losses_of_training(exported, exported, (4,) * 4) == pytest.approx(expected, abs=1e-5)


# make_fx and linearize.


def test_make_fx() -> None:
    function = jax2torch(jnp.sin)
    x = torch.rand(3)
    torch.testing.assert_close(make_fx(function)(VECTOR[:3])(x), torch.sin(x))
    gradient = torch.func.grad(lambda x: function(x).sum())
    torch.testing.assert_close(make_fx(gradient)(VECTOR[:3])(x), torch.cos(x))


@pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node")  # by torch itself
def test_linearize() -> None:
    function = jax2torch(jnp.sin)
    value, tangent = torch.func.linearize(function, VECTOR)
    torch.testing.assert_close(value, torch.sin(VECTOR))
    for direction in (torch.ones(6), torch.rand(6)):
        torch.testing.assert_close(tangent(direction), torch.cos(VECTOR) * direction)


def test_a_graph_of_another_process() -> None:
    with pytest.raises(RuntimeError, match="recorded in another process"):
        torch.ops.bridge.run("0123-4567", "float32:1", [VECTOR], [6])
