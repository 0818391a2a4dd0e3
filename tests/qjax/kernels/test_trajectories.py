"""Kernels by `Trajectories`, against those by density matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from qjax.kernels import FidelityKernel, ProjectedKernel, train
from qjax.noise import NoiseModel, amplitude_damping, depolarizing
from qjax.simulators import DensityMatrix, Trajectories

NOISE = (
    NoiseModel()
    .after("ry", amplitude_damping(0.1))
    .after("cx", depolarizing(0.1, 2))
    .readout(0.05, 0.1)
)
KEY = jax.random.key(5)
POINTS = np.float32([[0.4], [-1.1], [2.0]])
RUNS = Trajectories(200)


def feature_map() -> QuantumCircuit:
    circuit, x = QuantumCircuit(2), Parameter("x")
    circuit.ry(x, 0)
    circuit.cx(0, 1)
    circuit.ry(Parameter("w") * x, 1)
    return circuit


@pytest.fixture(scope="module")
def exact() -> FidelityKernel:
    return FidelityKernel(feature_map(), weight_params=["w"], noise=NOISE).with_weights([0.7])


@pytest.fixture(scope="module")
def drawn(exact: FidelityKernel) -> FidelityKernel:
    return exact.replace(simulator=RUNS)


def projected(**options: Any) -> ProjectedKernel:
    given = {"weight_params": ["w"], "observables": ["ZZ", "IX"], "noise": NOISE, "gamma": 0.5}
    return ProjectedKernel(feature_map(), **(given | options)).with_weights([0.7])


def check(draws: Any, right: Any) -> None:
    """Within four standard errors, which the draws tell."""
    draws = np.asarray(draws, float)
    errors = draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
    assert (abs(draws.mean(axis=0) - right) <= 4 * errors).all()
    assert (errors > 0).all()


def test_exact_kernels_refuse_a_key(exact: FidelityKernel) -> None:
    with pytest.raises(TypeError, match="nothing is drawn"):
        exact.matrix(POINTS, key=KEY)
    with pytest.raises(TypeError, match="nothing is drawn"):
        projected(simulator=DensityMatrix()).features(POINTS, key=KEY)


def test_fidelities_are_means(exact: FidelityKernel, drawn: FidelityKernel) -> None:
    assert drawn.needs_key
    assert not exact.needs_key
    points = np.tile(POINTS, (6, 1))
    found = drawn.matrix(points, key=KEY)
    assert np.array_equal(found, found.T)
    assert np.array_equal(found, drawn.matrix(points, key=KEY))
    assert not np.array_equal(found, drawn.matrix(points, key=jax.random.key(6)))
    # Above the diagonal pairs of points repeat, each with runs of its own.
    blocks = found.reshape(6, 3, 6, 3).transpose(0, 2, 1, 3)
    check(blocks[np.triu_indices(6, 1)], exact.matrix(POINTS, POINTS))


def test_values_on_numpy(exact: FidelityKernel, drawn: FidelityKernel) -> None:
    """Blocks have draws of their own."""
    kernel, points = drawn.replace(simulator=Trajectories(20)), np.tile(POINTS[:1], (20, 1))
    found = kernel.evaluate(points, seed=3, max_bytes=256)
    assert np.array_equal(found, found.T)
    assert np.array_equal(found, kernel.evaluate(points, seed=3, max_bytes=256))
    assert not np.array_equal(found, kernel.evaluate(points, max_bytes=256))
    blocks = found.reshape(10, 2, 10, 2).transpose(0, 2, 1, 3)[np.triu_indices(10, 1)]
    assert len(np.unique(blocks, axis=0)) > 40
    assert abs(found.mean() - exact.matrix(POINTS, POINTS)[0, 0]) < 0.03


def test_derivatives_of_fidelities(exact: FidelityKernel) -> None:
    few = exact.replace(simulator=Trajectories(50))

    def slopes(kernel: FidelityKernel, *key: jax.Array) -> Any:
        def total(x: jax.Array, w: jax.Array) -> jax.Array:
            return kernel.matrix(x, POINTS[1:], w, **dict(zip(["key"], key, strict=False))).sum()

        return jax.grad(total, (0, 1))(jnp.array(POINTS[:1]), jnp.array([0.7]))

    draw = jax.jit(lambda keys: jax.lax.map(lambda key: slopes(few, key), keys))
    for found, right in zip(draw(jax.random.split(KEY, 100)), slopes(exact), strict=True):
        check(found, right)


def test_projected_kernels_have_means_for_features() -> None:
    exact, kernel = projected(), projected(simulator=RUNS)
    points = np.tile(POINTS, (20, 1))
    check(kernel.features(points, key=KEY).reshape(20, 3, 2), exact.features(POINTS))
    matrix = kernel.matrix(points, key=KEY)
    again = kernel.features(points, key=jax.random.split(KEY)[0])
    distances = np.square(again[:, None] - again[None]).sum(axis=2)
    assert np.allclose(matrix, np.exp(-0.5 * distances), atol=1e-6)
    assert np.array_equal(matrix, kernel.matrix(points, key=KEY))
    scaled = kernel.with_scaled_gamma(points, key=KEY).gamma
    assert abs(scaled / exact.with_scaled_gamma(POINTS).gamma - 1) < 0.2
    on_numpy = [kernel.evaluate(POINTS, seed=seed) for seed in (1, 1, 2)]
    assert np.array_equal(*on_numpy[:2])
    assert not np.array_equal(*on_numpy[1:])
    assert abs(on_numpy[0] - np.asarray(exact.matrix(POINTS))).max() < 0.15


def test_derivatives_of_features() -> None:
    exact, few = projected(), projected(simulator=Trajectories(50))

    def slopes(kernel: ProjectedKernel, key: jax.Array | None = None) -> jax.Array:
        def total(x: jax.Array) -> jax.Array:
            return kernel.features(x, key=key).sum()

        return jax.grad(total)(jnp.array(POINTS[:1]))

    draw = jax.jit(lambda keys: jax.lax.map(lambda key: slopes(few, key), keys))
    check(draw(jax.random.split(KEY, 100)), slopes(exact))


@pytest.mark.parametrize("how", [{"simulator": Trajectories(100)}, {"shots": 2000}])
def test_kernels_that_draw_are_trained(exact: FidelityKernel, how: dict[str, Any]) -> None:
    points, labels = POINTS, [0, 1, 1]
    settings: dict[str, Any] = {
        "optimizer": optax.sgd, "settings": {"learning_rate": 0.3}, "steps": 3,
    }  # fmt: skip
    with jax.numpy_dtype_promotion("standard"):
        right = train(exact, points, labels, **settings)
        kernel = exact.replace(**how)
        found = [train(kernel, points, labels, key=KEY, **settings) for _ in "ab"]
        with pytest.raises(TypeError, match="key"):
            train(kernel, points, labels, **settings)
    assert np.array_equal(*(each.losses for each in found))
    assert 0 < abs(found[0].losses - right.losses).max() < 0.05
    assert 0 < abs(found[0].weights - right.weights).max() < 0.1
    assert found[0].kernel == kernel.with_weights(found[0].weights)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda k, p: k.matrix(POINTS), TypeError, r"runs of Trajectories\(samples=200\) are draw"),
        (lambda k, p: p.matrix(POINTS), TypeError, r"runs of Trajectories\(samples=200\) are draw"),
        (lambda k, p: p.features(POINTS), TypeError, "JAX random key"),
        (lambda k, p: p.with_scaled_gamma(POINTS), TypeError, "JAX random key"),
        (lambda k, p: k.matrix(POINTS, key=3), TypeError, "JAX random key"),
        (lambda k, p: k.evaluate(POINTS, seed="a"), ValueError, "seed: expected a whole number"),
        (lambda k, p: k.replace(shots=10), ValueError, "samples are the runs"),
        (lambda k, p: p.replace(shots=10), ValueError, "samples are the runs"),
        (lambda k, p: k.replace(simulator=Trajectories), TypeError, r"such as Trajectories\(1000"),
    ],
)
def test_errors(
    drawn: FidelityKernel, call: Callable[..., object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        call(drawn, projected(simulator=RUNS))


def test_kernels_are_values(exact: FidelityKernel, drawn: FidelityKernel) -> None:
    assert drawn == exact.replace(simulator=Trajectories(200))
    assert drawn != exact.replace(simulator=Trajectories(201))
    assert drawn.replace(simulator=DensityMatrix()) == exact.replace(simulator=DensityMatrix())
    assert drawn.simulator == RUNS
