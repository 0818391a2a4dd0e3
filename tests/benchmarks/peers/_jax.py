"""What the peers that are written in JAX share: loss, gradient, jit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.benchmarks.peers._step import Step
from tests.benchmarks.workloads import Term, Workload

Expectations = Callable[[jax.Array, jax.Array], jax.Array]


def jitted(workload: Workload, expectations: Expectations) -> Step:
    """The step of `(weights, inputs (batch, inputs)) -> <Z_q>`, or energies, of any shape."""
    function = value_and_grad(workload, expectations)

    def step(weights: jax.Array, inputs: jax.Array) -> tuple[Any, Any, Any]:
        value, (of_weights, of_inputs) = jax.block_until_ready(function(weights, inputs))
        return value, of_weights, of_inputs

    return step


def value_and_grad(workload: Workload, expectations: Expectations) -> Any:
    """The jitted function of `jitted`: weights, inputs -> loss, (gradients of both)."""

    def loss(weights: jax.Array, inputs: jax.Array) -> jax.Array:
        values = expectations(weights, inputs)
        return jnp.mean(values if workload.hamiltonian else jnp.square(values))

    return jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))


def per_sample(expectations: Expectations) -> Expectations:
    """Batch a function of one sample: the weights are shared."""
    return jax.vmap(expectations, in_axes=(None, 0))


def read_out(state: jax.Array, workload: Workload) -> jax.Array:
    """The energy of a state, or <Z_q>."""
    if workload.hamiltonian:
        tensor = state.reshape((2,) * workload.num_qubits)
        energies = [_expectation(tensor, term) for term in workload.hamiltonian]
        return jnp.sum(jnp.stack(energies))
    return z_expectations(state, workload.num_qubits)


def _expectation(state: jax.Array, term: Term) -> jax.Array:
    """Of X by the state with its axes turned round, of Z by marginal probabilities."""
    if term.pauli == "X":
        turned = jnp.flip(state, term.qubits)
        return term.coefficient * jnp.sum(state.real * turned.real + state.imag * turned.imag)
    others = tuple(set(range(state.ndim)) - set(term.qubits))
    marginal = jnp.sum(jnp.square(state.real) + jnp.square(state.imag), axis=others)
    for _ in term.qubits:
        marginal = marginal[0] - marginal[1]
    return term.coefficient * marginal


def z_expectations(state: jax.Array, num_qubits: int) -> jax.Array:
    """<Z_q> of a state, by the marginal probabilities of each qubit."""
    probabilities = jnp.square(state.real) + jnp.square(state.imag)
    marginals = [
        jnp.sum(probabilities.reshape(2**qubit, 2, -1), axis=(0, 2)) for qubit in range(num_qubits)
    ]
    return jnp.stack([marginal[0] - marginal[1] for marginal in marginals])


def asarray(values: np.ndarray) -> jax.Array:
    return jax.block_until_ready(jnp.asarray(values))
