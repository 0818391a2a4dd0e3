"""Derivatives of every kind by torch's transforms, against torch's own functions."""

from __future__ import annotations

import jax.numpy as jnp
import pytest
import torch
from jax import lax
from torch.autograd import forward_ad, functional, gradcheck, gradgradcheck

from bridge import jax2torch
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
