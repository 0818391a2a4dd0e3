"""jax2torch against torch's own autograd, torch's gradcheck and JAX itself."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from jax import lax
from torch.autograd import forward_ad, functional, gradcheck, gradgradcheck

from bridge import jax2torch, to_jax
from tests.bridge.shared import (
    COMPLEX,
    MATRIX,
    VECTOR,
    VECTORS,
    Function,
    assert_close,
    in_torch,
    leaf,
    through_jax,
)

# torch's forward mode compiles its own helpers with the deprecated torch.jit.script.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")


def second(function: Function) -> Function:
    return torch.func.grad(lambda x, m: torch.func.grad(function)(x, m).sin().sum())


TRANSFORMS: dict[str, Function] = {
    "value": lambda f: f(VECTOR, MATRIX),
    "grad": lambda f: torch.func.grad(f, argnums=(0, 1))(VECTOR, MATRIX),
    "grad_and_value": lambda f: torch.func.grad_and_value(f)(VECTOR, MATRIX),
    "vjp": lambda f: torch.func.vjp(f, VECTOR, MATRIX)[1](torch.tensor(0.3).double()),
    "jvp": lambda f: torch.func.jvp(f, (VECTOR, MATRIX), (VECTOR.cos(), MATRIX.cos())),
    "jvp in one input": lambda f: torch.func.jvp(lambda x: f(x, MATRIX), (VECTOR,), (VECTOR,)),
    "jacrev": lambda f: torch.func.jacrev(f, argnums=(0, 1))(VECTOR, MATRIX),
    "jacfwd": lambda f: torch.func.jacfwd(f, argnums=(0, 1))(VECTOR, MATRIX),
    "hessian": lambda f: torch.func.hessian(f, argnums=(0, 1))(VECTOR, MATRIX),
    "jacrev of jacrev": lambda f: torch.func.jacrev(torch.func.jacrev(f))(VECTOR, MATRIX),
    "jacfwd of jacfwd": lambda f: torch.func.jacfwd(torch.func.jacfwd(f))(VECTOR, MATRIX),
    "jacrev of jacfwd": lambda f: torch.func.jacrev(torch.func.jacfwd(f))(VECTOR, MATRIX),
    "grad of grad": lambda f: second(f)(VECTOR, MATRIX),
    "third order": lambda f: torch.func.jacfwd(torch.func.hessian(f))(VECTOR, MATRIX),
    "vmap": lambda f: torch.func.vmap(f, (0, None))(VECTORS, MATRIX),
    "vmap over the last axis": lambda f: torch.func.vmap(f, (1, None))(VECTORS.T, MATRIX),
    "vmap over both": lambda f: torch.func.vmap(f)(VECTORS[:2], MATRIX[:, None]),
    "vmap of vmap": lambda f: torch.func.vmap(
        lambda x: torch.func.vmap(lambda m: f(x, m[None]))(MATRIX)
    )(VECTORS),
    "vmap of grad": lambda f: torch.func.vmap(torch.func.grad(f, (0, 1)), (0, None))(
        VECTORS, MATRIX
    ),
    "vmap of hessian": lambda f: torch.func.vmap(torch.func.hessian(f), (0, None))(VECTORS, MATRIX),
    "vmap of jvp": lambda f: torch.func.vmap(
        lambda x: torch.func.jvp(lambda x: f(x, MATRIX), (x,), (x.cos(),))
    )(VECTORS),
    "grad of vmap": lambda f: torch.func.grad(
        lambda m: torch.func.vmap(f, (0, None))(VECTORS, m).sin().sum()
    )(MATRIX),
    "functional.jacobian": lambda f: functional.jacobian(f, (VECTOR, MATRIX)),
    "functional.jacobian, vectorized": lambda f: functional.jacobian(
        f, (VECTOR, MATRIX), vectorize=True
    ),
    "functional.jacobian, forward": lambda f: functional.jacobian(
        f, (VECTOR, MATRIX), vectorize=True, strategy="forward-mode"
    ),
    "functional.hessian": lambda f: functional.hessian(f, (VECTOR, MATRIX)),
    "functional.hessian, vectorized": lambda f: functional.hessian(
        f, (VECTOR, MATRIX), vectorize=True
    ),
    "functional.hessian, forward": lambda f: functional.hessian(
        f, (VECTOR, MATRIX), vectorize=True, outer_jacobian_strategy="forward-mode"
    ),
    "functional.hvp": lambda f: functional.hvp(f, (VECTOR, MATRIX), (VECTOR, MATRIX)),
    "functional.vhp": lambda f: functional.vhp(f, (VECTOR, MATRIX), (VECTOR, MATRIX)),
    "functional.jvp": lambda f: functional.jvp(f, (VECTOR, MATRIX), (VECTOR, MATRIX)),
}


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS.keys())
def test_transforms_agree_with_torch(transform: Function) -> None:
    assert_close(transform(through_jax), transform(in_torch))


def test_gradcheck() -> None:
    inputs = (leaf(VECTOR), leaf(MATRIX))
    assert gradcheck(
        through_jax,
        inputs,
        check_forward_ad=True,
        check_batched_grad=True,
        check_batched_forward_grad=True,
    )
    assert gradgradcheck(
        through_jax,
        inputs,
        check_fwd_over_rev=True,
        check_rev_over_rev=True,
        check_batched_grad=True,
        atol=1e-4,
    )


def test_third_order_by_create_graph() -> None:
    def third(function: Function) -> torch.Tensor:
        x = leaf(VECTOR)
        value = function(x, MATRIX)
        for _ in range(3):
            (gradient,) = torch.autograd.grad(value, x, create_graph=True)
            value = gradient.sin().sum()
        return gradient

    assert_close(third(through_jax), third(in_torch))


def test_batched_cotangents() -> None:
    def several(function: Function) -> torch.Tensor:
        x = leaf(VECTOR)
        values = torch.stack([function(x, MATRIX), function(2 * x, MATRIX)])
        return torch.autograd.grad(values, x, torch.eye(2).double(), is_grads_batched=True)[0]

    assert_close(several(through_jax), several(in_torch))


def test_nested_batched_cotangents_raise() -> None:
    def inner(x: torch.Tensor) -> torch.Tensor:
        return functional.jacobian(jax2torch(jnp.sin), x, vectorize=True, create_graph=True)

    with pytest.raises(RuntimeError, match=r"use torch\.func\.vmap, jacrev, jacfwd or hessian"):
        functional.jacobian(inner, VECTOR, vectorize=True, strategy="forward-mode")


def test_dual_numbers() -> None:
    def tangent(function: Function) -> torch.Tensor:
        with forward_ad.dual_level():
            x = forward_ad.make_dual(VECTOR, VECTOR.cos())
            return forward_ad.unpack_dual(function(x, MATRIX)).tangent

    assert_close(tangent(through_jax), tangent(in_torch))


# Complex numbers: torch's gradient is the conjugate of JAX's.

COMPLEX_FUNCTIONS: dict[str, tuple[Function, Function, torch.Tensor]] = {
    "holomorphic": (lambda z: jnp.sin(z) * z[0], lambda z: torch.sin(z) * z[0], COMPLEX),
    "antiholomorphic": (lambda z: jnp.conj(z) ** 2, lambda z: torch.conj(z) ** 2, COMPLEX),
    "neither": (
        lambda z: jnp.conj(z) * z**2 + lax.complex(z.real, z.imag * 0),
        lambda z: torch.conj(z) * z**2 + torch.real(z),
        COMPLEX,
    ),
    "complex to real": (
        lambda z: jnp.abs(z) ** 3 + z.imag,
        lambda z: torch.abs(z) ** 3 + z.imag,
        COMPLEX,
    ),
    "real to complex": (
        lambda x: jnp.exp(lax.complex(0 * x, x)) * (2 + 1j),
        lambda x: torch.exp(1j * x) * (2 + 1j),
        VECTOR,
    ),
    "real to real": (
        lambda x: jnp.abs(jnp.exp(lax.complex(0 * x, x)) + lax.complex(x, 0 * x)) ** 2,
        lambda x: torch.abs(torch.exp(1j * x) + x) ** 2,
        VECTOR,
    ),
}


@pytest.mark.parametrize("case", COMPLEX_FUNCTIONS.values(), ids=COMPLEX_FUNCTIONS.keys())
def test_complex_gradients_agree_with_torch(case: tuple[Function, Function, torch.Tensor]) -> None:
    ours, oracle = jax2torch(case[0]), case[1]
    x, y = leaf(case[2]), leaf(case[2])
    value, expected = ours(x), oracle(y)
    assert_close(value, expected)
    cotangent = (torch.arange(1, 3) * (1 - 0.5j if value.is_complex() else 1)).to(value.dtype)
    (gradient,) = torch.autograd.grad(value, x, cotangent, create_graph=True)
    (wanted,) = torch.autograd.grad(expected, y, cotangent, create_graph=True)
    assert_close(gradient, wanted)
    (curvature,) = torch.autograd.grad(gradient.abs().sum(), x)
    (target,) = torch.autograd.grad(wanted.abs().sum(), y)
    assert_close(curvature, target)


@pytest.mark.parametrize("case", COMPLEX_FUNCTIONS.values(), ids=COMPLEX_FUNCTIONS.keys())
def test_complex_gradcheck(case: tuple[Function, Function, torch.Tensor]) -> None:
    function = jax2torch(case[0])
    assert gradcheck(function, (leaf(case[2]),), check_forward_ad=True, check_batched_grad=True)
    assert gradgradcheck(function, (leaf(case[2]),), check_fwd_over_rev=True, atol=1e-4)


# Pytrees, static arguments, numbers that have no gradient.


def test_pytrees_in_and_out() -> None:
    @jax2torch
    def function(tree: dict[str, Any], *, scale: jax.Array) -> dict[str, Any]:
        first, (second, none) = tree["x"], tree["y"]
        return {"sum": first + second * scale, "rest": [none, (first * second,)]}

    x, y, scale = leaf(VECTOR), leaf(VECTOR.cos()), torch.tensor(3.0).double()
    out = function({"x": x, "y": (y, None)}, scale=scale)
    assert out["rest"][0] is None
    assert_close(out["sum"], x + 3 * y)
    assert_close(out["rest"][1][0], x * y)
    (out["sum"].sum() + out["rest"][1][0].sum()).backward()
    assert_close(x.grad, 1 + y.detach())
    assert_close(y.grad, 3 + x.detach())


FLOATS = st.builds(
    lambda shape, dtype, seed: torch.from_numpy(np.random.default_rng(seed).normal(size=shape)).to(
        dtype
    ),
    st.lists(st.integers(0, 3), max_size=3).map(tuple),
    st.sampled_from([torch.float32, torch.float64]),
    st.integers(0, 9),
)
TREES = st.recursive(
    FLOATS | st.sampled_from([torch.arange(3), torch.tensor(True), 2, "text"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(tuple),
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    ),
    max_leaves=5,
)


@hypothesis.settings(max_examples=40)
@hypothesis.given(tree=TREES)
def test_gradients_of_random_pytrees(tree: Any) -> None:
    """Each leaf goes through a function of its own; what is no float is handed along."""

    def through(sine: Function, tree: Any) -> Any:
        def of(leaf: Any) -> Any:
            return sine(leaf) * 3 if is_float(leaf) else leaf

        return jax.tree.map(of, tree)

    def is_float(leaf: Any) -> bool:
        return hasattr(leaf, "dtype") and "float" in str(leaf.dtype)

    def results(call: Function) -> tuple[list[torch.Tensor], Any]:
        moved = jax.tree.map(lambda x: leaf(x) if is_float(x) else x, tree)
        outputs = call(moved)
        leaves = [x for x in jax.tree.leaves(moved) if is_float(x)]
        tops = [x for x in jax.tree.leaves(outputs) if is_float(x)]
        cotangents = [torch.cos(top.detach()) for top in tops]
        return tops, torch.autograd.grad(tops, leaves, cotangents) if leaves else ()

    function = jax2torch(
        lambda tree: [x for x in jax.tree.leaves(through(jnp.sin, tree)) if hasattr(x, "dtype")]
    )
    expected = results(lambda tree: through(torch.sin, tree))
    torch.testing.assert_close(results(function), expected, rtol=1e-5, atol=1e-6)


def test_only_one_output_is_used() -> None:
    function = jax2torch(lambda x: (jnp.sin(x), jnp.cos(x)))
    for index, derivative in enumerate((torch.cos(VECTOR), -torch.sin(VECTOR))):
        x = leaf(VECTOR)
        function(x)[index].sum().backward()
        assert_close(x.grad, derivative)


def test_an_unused_input_has_zero_gradient() -> None:
    x, y = leaf(VECTOR), leaf(VECTOR)
    jax2torch(lambda x, y: x)(x, y).sum().backward()
    assert_close(y.grad, torch.zeros(2).double())


def test_integers_and_booleans_are_constants() -> None:
    function = jax2torch(
        lambda x, index, mask: (jnp.where(mask, x[index], 0), jnp.argmax(x), x > 0)
    )
    x, index, mask = leaf(VECTOR), torch.tensor([1, 0]), torch.tensor([True, False])
    value, largest, positive = function(x, index, mask)
    assert_close(value.detach(), torch.stack([VECTOR[1], torch.tensor(0.0).double()]))
    assert largest.dtype == torch.int64
    assert not largest.requires_grad
    assert torch.equal(positive, VECTOR > 0)
    value.sum().backward()
    assert_close(x.grad, torch.tensor([0.0, 1.0]).double())


def test_wide_integers_are_exact() -> None:
    assert jax2torch(lambda i: i + 1)(torch.tensor(2**40)).item() == 2**40 + 1


def test_static_arguments() -> None:
    traced = []

    @jax2torch
    def power(x: jax.Array, exponent: Any, kind: str = "plain") -> jax.Array:
        traced.append((exponent, kind))
        result = jnp.ones_like(x)
        for _ in range(int(exponent)):
            result = result * x
        return result if kind == "plain" else -result

    assert_close(power(VECTOR, 3), VECTOR**3)
    assert_close(power(VECTOR, 3), VECTOR**3)
    assert_close(power(VECTOR, 2, kind="negative"), -(VECTOR**2))
    assert traced == [(3, "plain"), (2, "negative")]


@pytest.mark.parametrize("pair", [(1, 1.0), (1, True), (0.0, -0.0)], ids=repr)
def test_static_arguments_that_python_calls_equal(pair: tuple[Any, Any]) -> None:
    function = jax2torch(lambda x, value: x + len(repr(value)))
    zero = torch.zeros(())
    assert [function(zero, value).item() for value in pair] == [len(repr(v)) for v in pair]


def test_only_needed_cotangents_are_computed() -> None:
    asked = []

    @jax.custom_vjp
    def identity(x: jax.Array) -> jax.Array:
        return x

    identity.defvjp(lambda x: (x, None), lambda _, cotangent: (asked.append("x") or cotangent,))
    function = jax2torch(lambda x, y: identity(x) * y)
    function(VECTOR, leaf(VECTOR)).sum().backward()
    assert asked == []
    function(leaf(VECTOR), VECTOR).sum().backward()
    assert asked == ["x"]


def test_a_rule_of_its_own_is_used() -> None:
    @jax.custom_vjp
    def clipped(x: jax.Array) -> jax.Array:
        return x**2

    clipped.defvjp(lambda x: (x**2, None), lambda _, cotangent: (jnp.clip(cotangent, -1, 1),))
    function, x = jax2torch(clipped), leaf(VECTOR)
    (5 * function(x)).sum().backward()
    assert_close(x.grad, torch.ones(2).double())
    with pytest.raises(TypeError, match="forward-mode"):
        torch.func.jvp(function, (VECTOR,), (VECTOR,))


# A good citizen.


def test_without_grad_there_is_no_graph() -> None:
    x = leaf(VECTOR)
    with torch.no_grad():
        assert not through_jax(x, MATRIX).requires_grad
    with torch.inference_mode():
        assert_close(through_jax(VECTOR, MATRIX), in_torch(VECTOR, MATRIX))
    assert not through_jax(VECTOR, MATRIX).requires_grad
    assert through_jax(x, MATRIX).requires_grad


def test_backward_twice() -> None:
    x = leaf(VECTOR)
    value = through_jax(x, MATRIX)
    value.backward(retain_graph=True)
    once = x.grad.clone()
    value.backward()
    assert_close(x.grad, 2 * once)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        value.backward()


def test_checkpointing() -> None:
    x, y = leaf(VECTOR), leaf(VECTOR)
    torch.utils.checkpoint.checkpoint(
        lambda x: through_jax(x.sin(), MATRIX), x, use_reentrant=False
    ).backward()
    in_torch(y.sin(), MATRIX).backward()
    assert_close(x.grad, y.grad)


def test_gradients_agree_with_jax() -> None:
    def function(x: jax.Array, m: jax.Array) -> jax.Array:
        return jnp.tanh(m @ x)

    x, m = leaf(VECTOR), leaf(MATRIX)
    jax2torch(function)(x, m).sum().backward()
    with jax.enable_x64(True):
        expected = jax.grad(lambda *a: function(*a).sum(), argnums=(0, 1))(
            to_jax(VECTOR), to_jax(MATRIX)
        )
    np.testing.assert_allclose(x.grad.numpy(), expected[0], rtol=1e-12)
    np.testing.assert_allclose(m.grad.numpy(), expected[1], rtol=1e-12)


def cube(x: jax.Array) -> jax.Array:
    """The third power."""
    return x**3


def test_copies_and_pickles() -> None:
    function = jax2torch(cube)
    assert_close(function(VECTOR), VECTOR**3)
    for other in (
        copy.deepcopy(function),
        copy.copy(function),
        pickle.loads(pickle.dumps(function)),
    ):
        assert_close(other(VECTOR), VECTOR**3)
    assert function.__name__ == "cube"
    assert function.__doc__ == "The third power."


# Errors.


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.ones(3),), TypeError, "must be tensors or hashable, got ndarray"),
        ((jnp.ones(3),), TypeError, "make arrays tensors"),
        ((torch.eye(2).to_sparse(),), TypeError, "to_dense"),
        ((torch.ones(2, device="meta"),), ValueError, "got meta"),
        ((torch.ones(2), torch.ones(2, device="meta")), ValueError, "meta"),
        ((torch.ones(2).to(torch.float8_e4m3fn),), TypeError, "cast the tensor first"),
    ],
    ids=["numpy", "jax", "sparse", "meta", "two devices", "float8"],
)
def test_bad_arguments(arguments: tuple[Any, ...], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        jax2torch(lambda *arrays: arrays[0])(*arguments)


def test_what_is_no_function() -> None:
    with pytest.raises(TypeError, match="jax2torch takes a function, got int"):
        jax2torch(3)


def test_jax_errors_pass_through() -> None:
    with pytest.raises(jax.errors.TracerBoolConversionError):
        jax2torch(lambda x: x if x[0] > 0 else -x)(VECTOR)


@pytest.mark.parametrize(
    "dtype", [jnp.int2, jnp.int4, jnp.uint4, jnp.float8_e4m3b11fnuz, jnp.float4_e2m1fn]
)
@pytest.mark.parametrize("requires_grad", [False, True])
def test_outputs_of_dtypes_that_torch_lacks(dtype: Any, requires_grad: bool) -> None:
    function = jax2torch(lambda x: x.astype(dtype))
    with pytest.raises(TypeError, match="torch has no dtype for"):
        function(torch.ones(2, requires_grad=requires_grad))


def test_a_random_key_is_no_output() -> None:
    with pytest.raises(TypeError, match=r"key_data"):
        jax2torch(lambda x: jax.random.key(0))(torch.ones(2))
