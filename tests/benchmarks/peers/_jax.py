"""What the peers that are written in JAX share: loss, gradient, jit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.benchmarks.peers._step import Step

Expectations = Callable[[jax.Array, jax.Array], jax.Array]


def jitted(expectations: Expectations) -> Step:
    """The step of `(weights, inputs (batch, inputs)) -> <Z_q>` of any shape."""

    def loss(weights: jax.Array, inputs: jax.Array) -> jax.Array:
        return jnp.mean(jnp.square(expectations(weights, inputs)))

    value_and_grad = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))

    def step(weights: jax.Array, inputs: jax.Array) -> tuple[Any, Any, Any]:
        value, (of_weights, of_inputs) = jax.block_until_ready(value_and_grad(weights, inputs))
        return value, of_weights, of_inputs

    return step


def per_sample(expectations: Expectations) -> Expectations:
    """Batch a function of one sample: the weights are shared."""
    return jax.vmap(expectations, in_axes=(None, 0))


def z_expectations(state: jax.Array, num_qubits: int) -> jax.Array:
    """<Z_q> of a state, by the marginal probabilities of each qubit."""
    probabilities = jnp.square(state.real) + jnp.square(state.imag)
    marginals = [
        jnp.sum(probabilities.reshape(2**qubit, 2, -1), axis=(0, 2)) for qubit in range(num_qubits)
    ]
    return jnp.stack([marginal[0] - marginal[1] for marginal in marginals])


def asarray(values: np.ndarray) -> jax.Array:
    return jax.block_until_ready(jnp.asarray(values))
