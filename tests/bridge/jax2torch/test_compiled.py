"""Compiled JAX functions on tensors: precision, threads, compilation, and whose memory is whose."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import pytest
import torch
from jax import lax

from bridge import jax2torch
from tests.bridge.shared import COMPLEX, MATRIX, VECTOR, assert_close, in_torch, leaf, through_jax

# Precision.


@pytest.mark.parametrize(
    "dtype",
    [
        torch.float16,
        torch.bfloat16,
        torch.float32,
        torch.float64,
        torch.complex64,
        torch.complex128,
    ],
    ids=str,
)
def test_dtypes_are_kept(dtype: torch.dtype) -> None:
    x = torch.ones(3, dtype=dtype, requires_grad=True)
    value = jax2torch(lambda x: x * x / 3)(x)
    assert value.dtype == dtype
    value.backward(torch.ones_like(value))
    assert x.grad is not None
    assert x.grad.dtype == dtype
    resolution = torch.finfo(dtype).eps
    assert abs(value[0].item() - 1 / 3) <= resolution
    assert abs(x.grad[0].item() - 2 / 3) <= resolution


def test_mixed_precision_gradients() -> None:
    x, y = torch.ones(3, requires_grad=True), torch.ones(3).double().requires_grad_()
    value = jax2torch(lambda x, y: x.astype(y.dtype) * y / 3)(x, y)
    value.sum().backward()
    assert (value.dtype, x.grad.dtype, y.grad.dtype) == (
        torch.float64,
        torch.float32,
        torch.float64,
    )
    assert y.grad[0].item() == 1 / 3


def test_backward_runs_in_double_on_any_thread() -> None:
    results = []

    def work() -> None:
        x = leaf(VECTOR)
        value = through_jax(x, MATRIX)
        thread = threading.Thread(target=value.backward)
        thread.start()
        thread.join()
        results.append(x.grad)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = torch.func.grad(in_torch)(VECTOR, MATRIX)
    assert len(results) == 4
    for result in results:
        assert_close(result, expected)
    assert not jax.config.jax_enable_x64


def test_many_threads_share_a_function() -> None:
    function = jax2torch(lambda x, k: jnp.sum(jnp.sin(x) * k))
    failures = []

    def work(seed: int) -> None:
        for size in (3, 4, 5):
            dtype = torch.float64 if seed % 2 else torch.float32
            x = torch.linspace(0, seed, size, dtype=dtype, requires_grad=True)
            function(x, torch.tensor(2.0, dtype=dtype)).backward()
            if not torch.allclose(x.grad, 2 * torch.cos(x.detach()), rtol=1e-5):
                failures.append((seed, size))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


# Compilation.


def test_training_traces_once_per_shape() -> None:
    traced = []

    @jax2torch
    def loss(weights: jax.Array, inputs: jax.Array) -> jax.Array:
        traced.append(inputs.shape)
        return jnp.mean(jnp.tanh(inputs @ weights) ** 2)

    weights = torch.ones(3, requires_grad=True)
    optimizer = torch.optim.Adam([weights], lr=0.1)
    for step in range(100):
        optimizer.zero_grad()
        loss(weights, torch.ones(4 + step % 2, 3)).backward()
        optimizer.step()
    assert sorted(traced) == [(4, 3), (5, 3)]


def test_training_compiles_one_forward_and_one_backward(compilations: Any) -> None:
    function = jax2torch(lambda x: jnp.sin(x) * 5.5)
    x = leaf(VECTOR)
    for _ in range(5):
        function(x).sum().backward()
    assert compilations.count == 2


# Memory.


def slow(x: jax.Array) -> jax.Array:
    """The input again after long work."""
    work = lax.fori_loop(0, 20, lambda _, m: m @ m / 400, jnp.ones((400, 400)))
    return x + 0 * work[0, 0] * x[0] + x - x


def test_writing_after_the_call_does_not_reach_the_result() -> None:
    function = jax2torch(slow)
    x = torch.zeros(1024)
    for turn in range(5):
        x.fill_(turn)
        value = function(x)
        x.fill_(-1.0)
        assert torch.equal(value, torch.full((1024,), float(turn)))


def test_writing_after_backward_does_not_reach_the_gradient() -> None:
    function = jax2torch(lambda x, y: slow(x) * y)
    x = leaf(torch.ones(1024))
    for turn in range(5):
        y = torch.full((1024,), float(turn))
        (gradient,) = torch.autograd.grad(function(x, y).sum(), x)
        y.fill_(-1.0)
        assert torch.equal(gradient, torch.full((1024,), float(turn)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_results_never_alias_inputs_nor_each_other(dtype: torch.dtype) -> None:
    constant = jnp.ones(64)
    function = jax2torch(lambda x: (x, x, x.reshape(8, 8), x + 1, constant))
    x = torch.zeros(64, dtype=dtype)
    results = function(x)
    for index, result in enumerate(results):
        result.fill_(index + 7)
    assert torch.equal(x, torch.zeros(64, dtype=dtype))
    for index, result in enumerate(results):
        assert torch.equal(result, torch.full_like(result, index + 7))
    assert torch.equal(function(x)[4], torch.ones(64))
    assert float(constant[0]) == 1.0


def test_the_gradient_of_the_identity_is_not_the_cotangent_itself() -> None:
    x = torch.zeros(64, requires_grad=True)
    cotangent = torch.ones(64)
    (gradient,) = torch.autograd.grad(jax2torch(lambda x: x)(x), x, cotangent)
    gradient.zero_()
    assert torch.equal(cotangent, torch.ones(64))


def test_a_function_that_donates_its_input() -> None:
    donating = jax.jit(lambda x: x + 1, donate_argnums=0)
    x = torch.zeros(64)
    for function in (jax2torch(donating), jax2torch(lambda x: donating(x) * 2)):
        function(x)
        assert torch.equal(x, torch.zeros(64))


def test_an_optimizer_step_before_backward_raises() -> None:
    weights = torch.ones(3, requires_grad=True)
    loss = jax2torch(lambda w: jnp.sum(w**3))(weights)
    with torch.no_grad():
        weights.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


INPUTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "transposed": lambda x: x.reshape(2, 3).T,
    "strided": lambda x: x[::2],
    "expanded": lambda x: x[:1].expand(4),
    "stride 0": lambda x: x.sum().expand(2, 3),
    "offset": lambda x: x[1:],
    "0-d": lambda x: x[0],
    "empty": lambda x: x[:0],
    "empty matrix": lambda x: x[:0].reshape(0, 5),
}


@pytest.mark.parametrize("view", INPUTS.values(), ids=INPUTS.keys())
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.complex64], ids=str)
def test_views(view: Callable[[torch.Tensor], torch.Tensor], dtype: torch.dtype) -> None:
    function = jax2torch(lambda x: x * x)
    x = torch.arange(6.0).to(dtype).requires_grad_()
    y = torch.arange(6.0).to(dtype).requires_grad_()
    value, expected = function(view(x)), view(y) ** 2
    assert torch.equal(value, expected)
    value.sum().abs().backward()
    expected.sum().abs().backward()
    torch.testing.assert_close(x.grad, y.grad)


def test_conjugate_and_negative_views() -> None:
    function = jax2torch(lambda z: z * (1 + 2j))
    torch.testing.assert_close(function(COMPLEX.conj()), COMPLEX.conj() * (1 + 2j))
    torch.testing.assert_close(
        jax2torch(lambda x: x + 0)(COMPLEX.conj().imag), -COMPLEX.imag.clone()
    )


def test_a_stride_0_cotangent() -> None:
    x = leaf(VECTOR)
    jax2torch(jnp.sin)(x).sum().backward()
    assert_close(x.grad, torch.cos(VECTOR))


# What can not be recorded.


@pytest.mark.filterwarnings("ignore:`torch.jit.trace` is deprecated")
@pytest.mark.filterwarnings("ignore:`torch.jit.trace_method` is deprecated")
def test_a_trace_raises() -> None:
    with pytest.raises(RuntimeError, match="can't record a JAX function"):
        torch.jit.trace(jax2torch(jnp.sin), (VECTOR,))
