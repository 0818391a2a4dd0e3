"""Whatever is mapped over runs as one batch, planned anew, with its derivatives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import ClosedJaxpr, Jaxpr
from qiskit import QuantumCircuit

import qjax
from qjax._engine.task import Task
from tests.circuits import DOUBLE_TOLERANCE, error, matrix_of, state_of, value_of
from tests.networks import gradient as gradient_of
from tests.networks import slope
from tests.qjax.engine.tasks import (
    CIRCUIT,
    CONVERTED,
    NUM_PARAMS,
    OBSERVABLE,
    network,
    network_values,
    points,
)


def simulations(function: Callable[..., Any], *arguments: Any) -> list[Task]:
    """The tasks of all simulations in a program, inner programs included."""
    return list(_tasks(jax.make_jaxpr(function)(*arguments).jaxpr))


def _tasks(jaxpr: Jaxpr) -> Iterator[Task]:
    for equation in jaxpr.eqns:
        if equation.primitive.name == "simulate":
            yield equation.params["task"]
        for value in equation.params.values():
            for inner in value if isinstance(value, (tuple, list)) else [value]:
                if isinstance(inner, (Jaxpr, ClosedJaxpr)):
                    yield from _tasks(inner.jaxpr if isinstance(inner, ClosedJaxpr) else inner)


# ---------------------------------------------------------------- what is mapped is batched


READS: dict[str, tuple[Callable[[Any], Any], Callable[[np.ndarray], np.ndarray]]] = {
    "statevector": (
        lambda p: qjax.statevector(CONVERTED, p),
        lambda p: state_of(CIRCUIT, p),
    ),
    "probabilities": (
        lambda p: qjax.probabilities(CONVERTED, p),
        lambda p: np.abs(state_of(CIRCUIT, p)) ** 2,
    ),
    "probabilities of some": (
        lambda p: qjax.probabilities(CONVERTED, p, [2, 0]),
        lambda p: (np.abs(state_of(CIRCUIT, p)) ** 2).reshape(2, 2, 2).sum(axis=1).T.ravel(),
    ),
    "expectation": (
        lambda p: qjax.expectation(CONVERTED, OBSERVABLE, p),
        lambda p: np.array(value_of(CIRCUIT, OBSERVABLE, p)),
    ),
    "unitary": (
        lambda p: qjax.unitary(CONVERTED, p),
        lambda p: matrix_of(CIRCUIT, p),
    ),
}


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", READS)
def test_vmap_of_every_function(name: str) -> None:
    """Mapped once, twice, over any axis: every sample is Qiskit's."""
    ours, qiskits = READS[name]
    flat = points(4)
    expected = np.stack([qiskits(p) for p in flat])
    assert error(jax.vmap(ours)(flat), expected) < DOUBLE_TOLERANCE
    sideways = jax.vmap(ours, in_axes=1, out_axes=-1)(flat.T)
    assert error(sideways, np.moveaxis(expected, 0, -1)) < DOUBLE_TOLERANCE
    nested = jax.vmap(jax.vmap(ours, in_axes=1), in_axes=0)(flat.reshape(2, 2, -1).swapaxes(1, 2))
    assert error(nested, expected.reshape(2, 2, *expected.shape[1:])) < DOUBLE_TOLERANCE


@pytest.mark.parametrize("name", [name for name in READS if name != "unitary"])
def test_vmap_is_one_batched_simulation(name: str) -> None:
    ours, _ = READS[name]
    for mapped, shape in ((ours, ()), (jax.vmap(ours), (4,)), (jax.vmap(jax.vmap(ours)), (2, 2))):
        (task,) = simulations(mapped, points(*shape).astype(np.float32))
        assert task.batched == frozenset(range(NUM_PARAMS) if shape else ())


@pytest.mark.parametrize("name", READS)
def test_vmap_over_no_samples(name: str) -> None:
    ours, qiskits = READS[name]
    shape = qiskits(points()).shape
    assert jax.vmap(ours)(np.zeros((0, NUM_PARAMS), np.float32)).shape == (0, *shape)


# ---------------------------------------------------------------- networks


# (axes of weights and inputs, shapes of weights and inputs, which parameters are then per sample)
MAPPED: dict[str, tuple[tuple[Any, Any], tuple[int, ...], tuple[int, ...], str]] = {
    "inputs": ((None, 0), (4,), (3, 2), "inputs"),
    "inputs with batches": ((None, 1), (4,), (2, 3, 2), "inputs"),
    "weights": ((0, None), (3, 4), (2,), "all"),
    "weights, a batch of inputs": ((1, None), (4, 3), (5, 2), "all"),
    "both": ((0, 0), (3, 4), (3, 2), "all"),
    "both, with batches": ((1, 2), (4, 3), (5, 2, 3), "all"),
}


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", MAPPED)
def test_vmap_of_networks(name: str) -> None:
    """Equals a loop over single samples; one simulation, batched in what is mapped over."""
    axes, weight_shape, input_shape, per_sample = MAPPED[name]
    qnn, at_inputs, _ = network()
    rng = np.random.default_rng(0)
    weights, inputs = rng.uniform(-2, 2, weight_shape), rng.uniform(-2, 2, input_shape)
    mapped = jax.vmap(qnn.apply, in_axes=axes)
    size = inputs.shape[axes[1]] if axes[1] is not None else weights.shape[axes[0]]
    expected = []
    for k in range(size):
        w = weights if axes[0] is None else np.take(weights, k, axes[0])
        xs = inputs if axes[1] is None else np.take(inputs, k, axes[1])
        if xs.shape == (4,):
            raise AssertionError("the last axis holds the inputs")
        rows = [network_values(w, x) for x in xs.reshape(-1, 2)]
        expected.append(np.stack(rows).reshape(*xs.shape[:-1], 2))
    assert error(mapped(weights, inputs), np.stack(expected)) < DOUBLE_TOLERANCE
    (task,) = simulations(mapped, weights, inputs)
    everything = frozenset(range(NUM_PARAMS))
    assert task.batched == (frozenset(at_inputs) if per_sample == "inputs" else everything)


# What is mapped over (weights, inputs), and what is differentiated.
GRADIENTS = [((0, 0), 0), ((None, 0), 0), ((None, 0), 1), ((0, None), (0, 1)), ((0, 0), (0, 1))]


@pytest.mark.parametrize(("axes", "places"), GRADIENTS, ids=str)
def test_vmapped_gradients(
    axes: tuple[int | None, int | None], places: int | tuple[int, ...], x64: None
) -> None:
    """Each sample's own gradient is planned as a batch, and equals the one by itself."""
    qnn = qjax.EstimatorQNN(
        circuit=CIRCUIT,
        observables=[OBSERVABLE, "ZZZ"],
        input_params=list(CIRCUIT.parameters)[:2],
        weight_params=list(CIRCUIT.parameters)[2:],
        input_gradients=True,
    )
    gradient = jax.jit(jax.value_and_grad(lambda w, x: (qnn.apply(w, x) ** 2).sum(), places))
    count, inner = 4, 3
    draw = np.random.default_rng(0).uniform
    given = [
        draw(-3, 3, shape if axis is None else (count, *shape))
        for axis, shape in zip(axes, [(qnn.num_weights,), (inner, 2)], strict=True)
    ]
    mapped = jax.vmap(gradient, axes)
    found = jax.tree.leaves(mapped(*given))
    one_by_one = [
        gradient(*(x if a is None else x[k] for x, a in zip(given, axes, strict=True)))
        for k in range(count)
    ]
    expected = jax.tree.leaves(jax.tree.map(lambda *each: np.stack(each), *one_by_one))
    for left, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(left, right, rtol=0, atol=1e-10)
    assert {len(task.batched) for task in simulations(mapped, *given)} <= {2, NUM_PARAMS}


def test_transforms_of_vmapped_gradients(x64: None) -> None:
    """Those that come between a gradient and its batch, or after both."""
    circuit = CONVERTED

    def value(p: jax.Array) -> jax.Array:
        return qjax.expectation(circuit, OBSERVABLE, p)

    def several(p: jax.Array) -> jax.Array:
        return qjax.expectation(circuit, ["ZIX", "IZZ"], p)

    def pushed(p: jax.Array) -> jax.Array:
        """The Jacobian's product with a fixed vector, by a cotangent that moves."""
        pull_back = jax.vjp(several, p)[1]
        cotangent = jnp.ones(2, p.dtype)
        return jax.jvp(lambda c: pull_back(c)[0], (cotangent,), (2 * cotangent,))[1]

    at = jnp.asarray(points(2))
    functions = [jax.jacrev(several), jax.jacfwd(several), jax.hessian(value), pushed]
    every = jax.jit(lambda x: [function(x) for function in functions])
    mapped = jax.jit(jax.vmap(lambda x: [function(x) for function in functions]))
    one_by_one = zip(*(every(p) for p in at), strict=True)
    for found, expected in zip(mapped(at), one_by_one, strict=True):
        np.testing.assert_allclose(found, np.stack(expected), rtol=0, atol=1e-10)

    def norm(batch: jax.Array) -> jax.Array:
        return (jax.vmap(jax.jit(jax.grad(value)))(batch) ** 2).sum()

    product = jax.jit(lambda p: 2 * jax.hessian(value)(p) @ jax.grad(value)(p))
    expected = np.stack([product(p) for p in at])
    np.testing.assert_allclose(jax.jit(jax.grad(norm))(at), expected, rtol=0, atol=1e-10)


@pytest.mark.usefixtures("x64")
def test_derivatives_of_vmapped_networks() -> None:
    """Gradients of the mapped and mapped gradients, both modes, in weights and inputs."""
    qnn, _, _ = network()
    rng = np.random.default_rng(1)
    weights, inputs = rng.uniform(-2, 2, (3, 4)), rng.uniform(-2, 2, (3, 2))

    def one(w: Any, x: Any) -> Any:
        return (qnn.apply(w, x) ** 2).sum()

    def qiskits(w: np.ndarray, x: np.ndarray) -> float:
        return float((network_values(w, x) ** 2).sum())

    by_weights = np.stack(
        [gradient_of(lambda w, x=x: qiskits(w, x), w) for w, x in zip(weights, inputs, strict=True)]
    )
    by_inputs = np.stack(
        [gradient_of(lambda x, w=w: qiskits(w, x), x) for w, x in zip(weights, inputs, strict=True)]
    )
    total = jax.jit(jax.grad(lambda w, x: jax.vmap(one)(w, x).sum(), (0, 1)))(weights, inputs)
    per_sample = jax.jit(jax.vmap(jax.grad(one, (0, 1))))(weights, inputs)
    for found in (total, per_sample):
        assert error(found[0], by_weights) < 1e-9
        assert error(found[1], by_inputs) < 1e-9
    # Weights in common: their gradient is the sum over the samples.
    shared = jax.jit(jax.grad(lambda w: jax.vmap(one, (None, 0))(w, inputs).sum()))(weights[0])
    expected = gradient_of(lambda w: sum(qiskits(w, x) for x in inputs), weights[0])
    assert error(shared, expected) < 1e-9


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("transform", [jax.jacfwd, jax.jacrev, jax.hessian])
def test_higher_transforms_of_vmapped(transform: Callable[..., Any]) -> None:
    """d/dp of two samples that are functions of the same p."""
    at, shift = points(), points(seed=5)

    def both(p: Any) -> Any:
        stacked = jnp.stack([p, 2 * p + shift])
        return jax.vmap(lambda p: qjax.expectation(CONVERTED, OBSERVABLE, p))(stacked)

    def qiskits(p: np.ndarray) -> np.ndarray:
        return np.array([value_of(CIRCUIT, OBSERVABLE, q) for q in (p, 2 * p + shift)])

    found = jax.jit(transform(both))(at)
    if transform is jax.hessian:
        direction = np.linspace(-1, 1, NUM_PARAMS)
        expected = slope(lambda t: _jacobian(qiskits, at + t * direction))
        assert error(found @ direction, expected) < 1e-6
    else:
        assert error(found, _jacobian(qiskits, at)) < 1e-9


def _jacobian(function: Callable[[np.ndarray], np.ndarray], at: np.ndarray) -> np.ndarray:
    rows = [slope(lambda t, d=d: function(at + t * d)) for d in np.eye(len(at))]
    return np.stack(rows, axis=-1)


@pytest.mark.parametrize("num_qubits", [2, 12])
def test_circuits_without_parameters(num_qubits: int) -> None:
    circuit = QuantumCircuit(num_qubits)
    circuit.h(range(num_qubits))
    mapped = jax.vmap(lambda at: qjax.expectation(circuit, "X" * num_qubits, at))
    assert error(mapped(np.zeros((3, 0), np.float32)), np.ones(3)) < 1e-5
