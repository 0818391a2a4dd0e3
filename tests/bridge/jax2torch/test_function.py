"""jax2torch as a function: pytrees, static arguments, graphs, copies, errors."""

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

from bridge import jax2torch, to_jax
from tests.bridge.shared import MATRIX, VECTOR, Function, assert_close, in_torch, leaf, through_jax

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")


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
