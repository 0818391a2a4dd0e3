"""Tensors and functions that several tests take, and how close results have to be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

from bridge import jax2torch

Function = Callable[..., Any]
RNG = np.random.default_rng(7)
VECTOR = torch.from_numpy(RNG.normal(size=2))
MATRIX = torch.from_numpy(RNG.normal(size=(2, 2, 2)))
VECTORS = torch.from_numpy(RNG.normal(size=(3, 2)))
COMPLEX = torch.from_numpy(RNG.normal(size=2) + 1j * RNG.normal(size=2))


def leaf(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().clone().requires_grad_()


def assert_close(actual: Any, expected: Any) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-12)


# One function written twice, in JAX and in torch: the latter is the oracle for every transform.


@jax2torch
def through_jax(x: jax.Array, m: jax.Array) -> jax.Array:
    return jnp.sum(jnp.sin(x)[None, None] * m @ x) ** 2 + jnp.sum(jnp.exp(m) @ x) * x[0]


def in_torch(x: torch.Tensor, m: torch.Tensor) -> torch.Tensor:
    return torch.sum(torch.sin(x) * m @ x) ** 2 + torch.sum(torch.exp(m) @ x) * x[0]
