"""torch2jax against JAX's own derivatives of the same functions, and against finite differences."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
from jax.test_util import check_grads

import qjax
from bridge import TorchConnector, jax2torch, to_jax, torch2jax

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script`")  # torch's own helpers

Function = Callable[..., Any]
FAILURES = (RuntimeError, ValueError, jax.errors.JaxRuntimeError)
"""What JAX makes of an error in a callback."""

VECTOR = np.linspace(-1.0, 1.0, 3)
MATRIX = np.random.default_rng(5).normal(size=(2, 3))


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


@pytest.fixture
def single(double: None) -> Iterator[None]:
    with jax.enable_x64(False):
        yield


@torch2jax
def through_torch(x: torch.Tensor, m: torch.Tensor) -> torch.Tensor:
    return torch.sin(m @ x).sum() * x[0] + torch.exp(x) @ x


def in_jax(x: jax.Array, m: jax.Array) -> jax.Array:
    return jnp.sin(m @ x).sum() * x[0] + jnp.exp(x) @ x


def per_row(function: Function) -> Function:
    return lambda x, m: jax.vmap(lambda row: function(x * row[0], m + row[None]))(m)


TRANSFORMS: dict[str, Function] = {
    "value": lambda f: f,
    "grad": lambda f: jax.grad(f, argnums=(0, 1)),
    "value_and_grad": jax.value_and_grad,
    "jvp": lambda f: lambda x, m: jax.jvp(f, (x, m), (x + 1, m * 2)),
    "jvp of one": lambda f: lambda x, m: jax.jvp(lambda x: f(x, m), (x,), (x + 1,)),
    "linearize": lambda f: lambda x, m: jax.linearize(f, x, m)[1](x * 2, m - 1),
    "jacfwd": lambda f: jax.jacfwd(f, argnums=(0, 1)),
    "jacrev": lambda f: jax.jacrev(f, argnums=(0, 1)),
    "hessian": lambda f: jax.hessian(f, argnums=(0, 1)),
    "reverse over reverse": lambda f: jax.jacrev(jax.jacrev(f)),
    "forward over forward": lambda f: jax.jacfwd(jax.jacfwd(f), argnums=1),
    "reverse over forward": lambda f: jax.jacrev(jax.jacfwd(f), argnums=1),
    "third order": lambda f: jax.jacfwd(jax.jacrev(jax.jacrev(f))),
    "vmap": per_row,
    "vmap of grad": lambda f: per_row(jax.grad(f)),
    "grad of vmap": lambda f: jax.grad(lambda x, m: per_row(f)(x, m).prod()),
    "hessian of vmap": lambda f: jax.hessian(lambda x, m: per_row(f)(x, m).prod()),
    "vmap of vmap": lambda f: per_row(per_row(f)),
    "checkpoint": lambda f: jax.grad(jax.checkpoint(f)),
    "scan": lambda f: jax.grad(
        lambda x, m: jax.lax.scan(lambda c, row: (c + f(x, m + row[None]), row), 0.0, m)[0]
    ),
}


@pytest.mark.parametrize("jitted", [False, True], ids=["eager", "jit"])
@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS.keys())
def test_transforms_agree_with_jax(transform: Function, jitted: bool) -> None:
    wrap = jax.jit if jitted else lambda f: f
    x, m = jnp.asarray(VECTOR), jnp.asarray(MATRIX)
    actual, expected = wrap(transform(through_torch))(x, m), transform(in_jax)(x, m)
    jax.tree.map(
        functools.partial(np.testing.assert_allclose, rtol=1e-10, atol=1e-12), actual, expected
    )


def test_finite_differences() -> None:
    function = torch2jax(lambda x: (torch.sin(x) * x[0], x.exp().cumsum(0) ** 2))
    check_grads(function, (jnp.asarray(VECTOR),), order=3, modes=("fwd", "rev"))


def test_pytrees_and_static_arguments() -> None:
    @torch2jax
    def function(tree: Any, power: int, *, kind: str) -> Any:
        assert kind == "a"
        return {"out": tree["x"] ** power, "both": (tree["x"].sum(), tree["y"][0] > 0)}

    x, y = jnp.asarray(VECTOR), jnp.arange(3)
    result = jax.jit(lambda x, y: function({"x": x, "y": [y]}, 3, kind="a"))(x, y)
    np.testing.assert_allclose(result["out"], VECTOR**3)
    np.testing.assert_allclose(result["both"][0], VECTOR.sum())
    np.testing.assert_array_equal(result["both"][1], np.arange(3) > 0)


def test_integer_results_and_arguments_have_no_gradient() -> None:
    function = torch2jax(lambda x, i: (x[i] ** 2, x.argmax(), i.double() + 1, i + 1))
    x, i = jnp.asarray(VECTOR), jnp.asarray([0, 2])
    gradient = jax.grad(lambda x: function(x, i)[0].sum() * function(x, i)[2][0])(x)
    np.testing.assert_allclose(gradient, [2 * VECTOR[0], 0, 2 * VECTOR[2]])


def test_complex_gradients_follow_jax() -> None:
    z = jnp.asarray([1.0 + 2.0j, -0.5 + 0.3j])
    pairs = [
        (lambda z: (z * z.conj() * z).abs().sum(), lambda z: jnp.abs(z * z.conj() * z).sum()),
        (lambda z: torch.exp(z * 1j).real.sum(), lambda z: jnp.exp(z * 1j).real.sum()),
    ]
    for in_torch, expected in pairs:
        np.testing.assert_allclose(jax.grad(torch2jax(in_torch))(z), jax.grad(expected)(z))
    holomorphic = jax.grad(torch2jax(lambda z: torch.sin(z).sum()), holomorphic=True)(z)
    np.testing.assert_allclose(holomorphic, jnp.cos(z))


@pytest.mark.parametrize(
    "dtype",
    ["float16", "bfloat16", "float32", "float64", "complex64", "complex128"]
    + ["int8", "uint8", "int32", "int64", "bool"],
)
def test_dtypes(dtype: str) -> None:
    x = jnp.ones((2, 3), dtype)
    for call in (torch2jax(lambda x: x.T), jax.jit(torch2jax(lambda x: x.T))):
        result = call(x)
        assert result.dtype == x.dtype
        np.testing.assert_array_equal(result, x.T)


@pytest.mark.usefixtures("single")
def test_single_precision() -> None:
    x = jnp.asarray(VECTOR, jnp.float32)
    assert torch2jax(torch.sin)(x).dtype == jnp.float32
    assert torch2jax(torch.argmax)(x).dtype == jnp.int32
    with pytest.raises(TypeError, match=r"returned torch\.float64.*64-bit mode.*\.float\(\)"):
        torch2jax(torch.Tensor.double)(x)
    with pytest.raises(OverflowError, match="does not fit in int32"):
        torch2jax(lambda x: torch.tensor(2**40) + x.long()[0])(x)


@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (1, 1)])
def test_shapes(shape: tuple[int, ...]) -> None:
    x = jnp.ones(shape)
    np.testing.assert_array_equal(jax.jit(torch2jax(lambda x: x + 1))(x), x + 1)
    gradient = jax.grad(lambda x: torch2jax(torch.sin)(x).sum())(x)
    np.testing.assert_allclose(gradient, np.cos(x))


@pytest.mark.usefixtures("single")
def test_a_torch_encoder_trained_by_jax() -> None:
    """A torch module in front of a circuit, all of it inside one jitted step."""
    torch.manual_seed(0)
    encoder = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    encode = torch2jax(functools.partial(torch.func.functional_call, encoder))
    qnn = qjax.TwoLayerQNN(2, input_gradients=True)
    x = jnp.asarray(np.random.default_rng(1).normal(size=(8, 3)), jnp.float32)
    y = jnp.sign(x[:, 0])
    parameters = {
        "encoder": to_jax({name: p.detach() for name, p in encoder.named_parameters()}),
        "qnn": qnn.init(jax.random.key(0)),
    }
    optimizer = optax.adam(0.03)  # at 0.1 training is chaotic: rounding decides where it ends

    def loss(parameters: Any) -> jax.Array:
        features = encode(parameters["encoder"], (x,))
        return jnp.mean((qnn.apply(parameters["qnn"], features)[:, 0] - y) ** 2)

    @jax.jit
    @jax.numpy_dtype_promotion("standard")  # optax relies on it
    def step(parameters: Any, state: Any) -> Any:
        value, gradients = jax.value_and_grad(loss)(parameters)
        updates, state = optimizer.update(gradients, state)
        return optax.apply_updates(parameters, updates), state, value, gradients

    state, losses = optimizer.init(parameters), []
    _, _, value, gradients = step(parameters, state)
    layer = TorchConnector(qnn, np.asarray(parameters["qnn"]))
    error = (layer(encoder(torch.tensor(np.asarray(x))))[:, 0] - torch.tensor(np.asarray(y))) ** 2
    error.mean().backward()
    assert float(value) == pytest.approx(error.mean().item(), abs=1e-6)
    for name, parameter in encoder.named_parameters():
        np.testing.assert_allclose(gradients["encoder"][name], parameter.grad, atol=1e-6)
    for _ in range(30):
        parameters, state, value, _ = step(parameters, state)
        losses.append(float(value))
    assert losses[-1] < 0.3 * losses[0]


def test_a_module_is_a_function_of_its_inputs() -> None:
    module = torch.nn.Linear(3, 2).double()
    function = torch2jax(module)
    x = jnp.asarray(MATRIX)
    expected = module(torch.from_numpy(MATRIX)).detach()
    np.testing.assert_allclose(jax.jit(function)(x), expected)
    with torch.no_grad():
        module.bias.add_(1)
    np.testing.assert_allclose(jax.jit(function)(x), expected + 1)


def test_there_and_back_again() -> None:
    """JAX inside torch inside JAX, compiled."""
    function = torch2jax(jax2torch(jnp.sin))
    x = jnp.asarray(VECTOR)
    np.testing.assert_allclose(jax.jit(function)(x), jnp.sin(x))
    gradient = jax.jit(jax.grad(lambda x: function(x).sum()))(x)
    np.testing.assert_allclose(gradient, jnp.cos(x))


def test_the_function_is_traced_once() -> None:
    calls = []

    @torch2jax
    def function(x: torch.Tensor) -> torch.Tensor:
        calls.append(type(x))
        return x * 2

    step = jax.jit(lambda x: function(x).sum())
    for number in range(3):
        step(jnp.ones(3) * number).block_until_ready()
    assert len(calls) == 1 + 3  # the outline, and one call per step


def test_arguments_are_safe_from_writing_in_place() -> None:
    x = jnp.asarray(VECTOR)
    np.testing.assert_allclose(torch2jax(lambda x: x.mul_(2))(x), 2 * VECTOR)
    np.testing.assert_array_equal(x, VECTOR)


class Caching(torch.nn.Module):
    """Keeps a table of the first call."""

    table: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.table is None:
            self.table = torch.arange(x.shape[-1]) * 1.0
        return x + self.table


def test_nothing_foreign_stays_in_a_module() -> None:
    module = Caching()
    jax.jit(torch2jax(module))(jnp.ones((2, 3)))
    assert type(module(torch.ones(2, 3))) is torch.Tensor


def test_a_buffer_that_holds_nan() -> None:
    module = torch.nn.Identity()
    module.register_buffer("missing", torch.tensor([1.0, float("nan")]))
    np.testing.assert_array_equal(torch2jax(module)(jnp.ones(2)), 1)


def test_a_module_that_changes_its_mode() -> None:
    class Moody(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"train": x} if self.training else {"eval": x.sum()}

    module = Moody()
    function = torch2jax(module)
    assert list(function(jnp.ones(2))) == ["train"]
    stale = jax.jit(function)
    stale(jnp.ones(2))
    module.eval()
    np.testing.assert_array_equal(function(jnp.ones(2))["eval"], 2)
    with pytest.raises(FAILURES, match="when it was traced"):
        jax.block_until_ready(stale(jnp.ones(2)))


def test_recurrent_layers() -> None:
    torch.manual_seed(0)
    module = torch.nn.LSTM(3, 4, batch_first=True).double()
    x = np.random.default_rng(0).normal(size=(2, 5, 3))
    gradient = jax.jit(jax.grad(lambda x: torch2jax(lambda x: module(x)[0])(x).sum()))(x)
    leaf = torch.from_numpy(x).requires_grad_()
    module(leaf)[0].sum().backward()
    np.testing.assert_allclose(gradient, leaf.grad, atol=1e-12)


def test_a_compiled_call_of_a_module_that_is_trained_again() -> None:
    norm = torch.nn.BatchNorm1d(3).double().eval()
    x = jnp.asarray(MATRIX)
    compiled = jax.jit(torch2jax(norm))
    jax.block_until_ready(compiled(x))
    norm.train()
    with pytest.raises(FAILURES, match="changes its buffers"):
        jax.block_until_ready(compiled(x))


def test_matrices_that_have_to_be_positive() -> None:
    matrix = jnp.asarray([[2.0, 0.5], [0.5, 1.0]])
    factor = jax.jit(torch2jax(torch.linalg.cholesky))(matrix)
    np.testing.assert_allclose(factor, jnp.linalg.cholesky(matrix))


def test_random_numbers_of_another_thread() -> None:
    stop = threading.Event()

    def draw() -> None:
        while not stop.wait(0.0005):
            torch.rand(3)

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        function = torch2jax(lambda x: torch.linalg.matrix_exp(x * 0.001))
        for _ in range(5):
            function(jnp.ones((150, 150)))
    finally:
        stop.set()
        thread.join()


def test_many_calls_under_way() -> None:
    module = torch.nn.Linear(200, 200).double()
    gradient = jax.jit(jax.grad(lambda x: torch2jax(module)(x).sum()))
    x = jnp.ones((200, 200))
    results = [gradient(x + number) for number in range(10)]
    np.testing.assert_allclose(results[-1], results[0])


# Errors.


@pytest.mark.parametrize("jitted", [False, True], ids=["eager", "jit"])
def test_what_is_not_pure_raises(jitted: bool) -> None:
    wrap = jax.jit if jitted else lambda f: f
    x = jnp.asarray(MATRIX)
    with pytest.raises(FAILURES, match="draws random numbers"):
        jax.block_until_ready(wrap(torch2jax(torch.nn.Dropout(0.5)))(x))
    norm = torch.nn.BatchNorm1d(3).double()
    state = {name: value.clone() for name, value in norm.state_dict().items()}
    shaped = wrap(torch2jax(lambda x: x.nonzero()))
    with pytest.raises(FAILURES, match="not on their values"):
        jax.block_until_ready(shaped(jnp.zeros((2, 3))))
    with pytest.raises(FAILURES, match="changes its buffers"):
        jax.block_until_ready(wrap(torch2jax(norm))(x))
    torch.testing.assert_close(norm.state_dict(), state, rtol=0, atol=0)
    jax.block_until_ready(wrap(torch2jax(norm.eval()))(x))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: torch2jax(3), "takes a function or a module, got int"),
        (lambda: torch2jax(lambda x: 3)(jnp.ones(2)), "returned int, expected tensors"),
        (lambda: torch2jax(lambda x: x)({"a": {1, 2}}), "must be arrays or hashable, got set"),
        (lambda: torch2jax(lambda x: x)(torch.ones(2)), "got a tensor"),
        (lambda: torch2jax(lambda x: x)(np.ma.ones(2)), "masked array"),
    ],
    ids=["no function", "no tensor", "no hash", "a tensor", "masked"],
)
def test_bad_arguments(call: Function, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()


@pytest.mark.parametrize("dtype", [">f8", np.longdouble, ">f4", ">i4", ">c16"])
def test_numbers_in_any_byte_order(dtype: Any) -> None:
    values = np.array([1, 2]).astype(dtype)
    found = torch2jax(lambda x: 2 * x)(values)
    np.testing.assert_array_equal(found, [2, 4])
