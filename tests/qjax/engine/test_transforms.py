"""Every transformation of JAX, and their compositions, over one table of circuits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit.circuit.library import real_amplitudes
from qiskit.quantum_info import SparsePauliOp, Statevector

import qjax
from tests.circuits import (
    NAMED,
    error,
    finite_gradient,
    finite_hessian,
    matrix_of,
    random_observable,
    random_values,
    value_of,
)

pytestmark = pytest.mark.usefixtures("x64")

BATCH = 3


@dataclass(frozen=True)
class Case:
    """A function of parameters, where it is looked at, and what Qiskit says about it there."""

    function: Callable[[jax.Array], jax.Array]
    points: np.ndarray
    values: np.ndarray
    gradients: np.ndarray
    hessians: np.ndarray


@cache
def case(name: str) -> Case:
    source = NAMED[name]()
    observable = random_observable(np.random.default_rng(3), source.num_qubits)
    circuit = qjax.from_qiskit(source)
    points = np.array([random_values(source, seed) / 2 for seed in range(BATCH)])

    def oracle(point: np.ndarray) -> float:
        return value_of(source, observable, point)

    return Case(
        function=lambda params: qjax.expectation(circuit, observable, params),
        points=points,
        values=np.array([oracle(point) for point in points]),
        gradients=np.array([finite_gradient(oracle, point) for point in points]),
        hessians=np.array([finite_hessian(oracle, point) for point in points]),
    )


def tangent(of: Case) -> np.ndarray:
    return np.linspace(-1, 1, of.points.shape[1])


Transform = Callable[[Case], tuple[object, object, float]]
"""What JAX says, what Qiskit says, and how far they may be apart."""


def jit(of: Case) -> tuple[object, object, float]:
    return jax.jit(of.function)(of.points[0]), of.values[0], 1e-12


def grad(of: Case) -> tuple[object, object, float]:
    return jax.grad(of.function)(of.points[0]), of.gradients[0], 1e-6


def vmap(of: Case) -> tuple[object, object, float]:
    return jax.vmap(of.function)(of.points), of.values, 1e-12


def jvp(of: Case) -> tuple[object, object, float]:
    actual = jnp.stack(jax.jvp(of.function, (of.points[0],), (tangent(of),)))
    return actual, [of.values[0], of.gradients[0] @ tangent(of)], 1e-6


def vjp(of: Case) -> tuple[object, object, float]:
    _, pull = jax.vjp(of.function, of.points[0])
    return pull(jnp.asarray(-2.5))[0], -2.5 * of.gradients[0], 1e-5


def linearize(of: Case) -> tuple[object, object, float]:
    _, push = jax.linearize(of.function, of.points[0])
    return push(tangent(of)), of.gradients[0] @ tangent(of), 1e-6


def hessian(of: Case) -> tuple[object, object, float]:
    return jax.jit(jax.hessian(of.function))(of.points[0]), of.hessians[0], 1e-6


def reverse_over_reverse(of: Case) -> tuple[object, object, float]:
    actual = jax.jit(jax.jacrev(jax.grad(of.function)))(of.points[0])
    return actual, of.hessians[0], 1e-6


def reverse_over_forward(of: Case) -> tuple[object, object, float]:
    actual = jax.jit(jax.jacrev(jax.jacfwd(of.function)))(of.points[0])
    return actual, of.hessians[0], 1e-6


def jacfwd(of: Case) -> tuple[object, object, float]:
    return jax.jit(jax.jacfwd(of.function))(of.points[0]), of.gradients[0], 1e-6


def jacrev_of_a_batch(of: Case) -> tuple[object, object, float]:
    actual = jax.jit(jax.jacrev(jax.vmap(of.function)))(of.points)
    expected = np.einsum("bc,bp->bcp", np.eye(BATCH), of.gradients)
    return actual, expected, 1e-6


def vmap_of_grad(of: Case) -> tuple[object, object, float]:
    return jax.vmap(jax.grad(of.function))(of.points), of.gradients, 1e-6


def grad_of_vmap(of: Case) -> tuple[object, object, float]:
    weights = np.array([0.5, -1.0, 2.0])

    def total(points: jax.Array) -> jax.Array:
        return jax.vmap(of.function)(points) @ weights

    return jax.jit(jax.grad(total))(of.points), weights[:, None] * of.gradients, 1e-5


def jit_of_vmap_of_hessian(of: Case) -> tuple[object, object, float]:
    return jax.jit(jax.vmap(jax.hessian(of.function)))(of.points), of.hessians, 1e-6


def grad_under_scan(of: Case) -> tuple[object, object, float]:
    """Gradient descent inside one compiled loop would look like this."""
    _, gradients = jax.lax.scan(lambda c, point: (c, jax.grad(of.function)(point)), 0, of.points)
    return gradients, of.gradients, 1e-6


def checkpoint(of: Case) -> tuple[object, object, float]:
    return jax.grad(jax.checkpoint(of.function))(of.points[0]), of.gradients[0], 1e-6


TRANSFORMS: tuple[Transform, ...] = (
    jit,
    grad,
    vmap,
    jvp,
    vjp,
    linearize,
    hessian,
    jacfwd,
    jacrev_of_a_batch,
    vmap_of_grad,
    grad_of_vmap,
    jit_of_vmap_of_hessian,
    grad_under_scan,
    checkpoint,
)


@pytest.mark.parametrize("transform", [reverse_over_reverse, reverse_over_forward])
@pytest.mark.parametrize("name", ["shared_angles", "classifier"])
def test_other_orders_of_differentiation(name: str, transform: Transform) -> None:
    actual, expected, tolerance = transform(case(name))
    assert error(actual, expected) < tolerance


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda transform: transform.__name__)
@pytest.mark.parametrize("name", NAMED)
def test_transform(name: str, transform: Transform) -> None:
    actual, expected, tolerance = transform(case(name))
    assert error(actual, expected) < tolerance


@pytest.mark.parametrize("name", ["shared_angles", "classifier"])
def test_part_of_the_parameters_in_the_batch(name: str) -> None:
    """Inputs batched, weights shared, as in a neural network."""
    of = case(name)
    weights, inputs = of.points[0, 1:], of.points[:, :1]

    def value(weights: jax.Array, inputs: jax.Array) -> jax.Array:
        return of.function(jnp.concatenate([inputs, weights]))

    source = NAMED[name]()
    observable = random_observable(np.random.default_rng(3), source.num_qubits)
    points = [np.concatenate([row, weights]) for row in inputs]
    expected = [value_of(source, observable, point) for point in points]
    assert error(jax.vmap(value, in_axes=(None, 0))(weights, inputs), expected) < 1e-12


@pytest.mark.parametrize("name", ["shared_angles", "layered"])
def test_complex_results_differentiate(name: str) -> None:
    """State and matrix: forward mode of a complex function of real parameters."""
    source = NAMED[name]()
    circuit, point = qjax.from_qiskit(source), random_values(source)
    state = jax.jit(jax.jacfwd(lambda params: qjax.statevector(circuit, params)))(point)
    matrix = jax.jit(jax.jacfwd(lambda params: qjax.unitary(circuit, params)))(point)
    from_qiskit = finite_gradient(lambda at: matrix_of(source, at), point)
    assert error(matrix, from_qiskit) < 1e-6
    assert error(state, from_qiskit[:, 0]) < 1e-6


def test_gradient_through_one_amplitude() -> None:
    """Reverse mode through complex amplitudes: the loss is the fidelity with a target."""
    source = NAMED["layered"]()
    circuit, point = qjax.from_qiskit(source), random_values(source)
    target = np.exp(1j * np.arange(8)) / np.sqrt(8)

    def fidelity(params: jax.Array) -> jax.Array:
        return jnp.abs(jnp.vdot(target, qjax.statevector(circuit, params))) ** 2

    def oracle(at: np.ndarray) -> float:
        return abs(np.vdot(target, matrix_of(source, at)[:, 0])) ** 2

    assert error(jax.grad(fidelity)(point), finite_gradient(oracle, point)) < 1e-6


def test_wide_circuits_that_share_nothing_are_mapped_right(x64: None) -> None:
    """From nine qubits on in double, samples run one by one; reverse and forward mode too."""
    circuit = real_amplitudes(9, reps=1)
    points = np.random.default_rng(0).normal(size=(3, circuit.num_parameters))
    observable = SparsePauliOp(["XYZIIIIIX", "ZZIIIIIII"], [0.7, -0.3])

    def value(point: jax.Array) -> jax.Array:
        return qjax.expectation(circuit, observable, point)

    wanted = [
        Statevector(circuit.assign_parameters(point)).expectation_value(observable).real
        for point in points
    ]
    np.testing.assert_allclose(jax.vmap(value)(points), wanted, atol=1e-12)
    one_by_one = np.stack([jax.grad(value)(jnp.asarray(point)) for point in points])
    np.testing.assert_allclose(jax.vmap(jax.grad(value))(points), one_by_one, atol=1e-12)
    tangents = jax.jvp(jax.vmap(value), (jnp.asarray(points),), (jnp.ones_like(points),))[1]
    np.testing.assert_allclose(tangents, one_by_one.sum(axis=1), atol=1e-12)
    total = jax.grad(lambda all_points: jax.vmap(value)(all_points).sum())(jnp.asarray(points))
    np.testing.assert_allclose(total, one_by_one, atol=1e-12)
