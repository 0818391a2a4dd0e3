"""Many trainings at once: each is what it would be alone."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import Array

from qjax.training import Plateau, Progress, Trained, minimize, minimize_many
from tests.conftest import Compilations
from tests.qjax.training.problems import SquaredError, distance, network, points, starts

LOSS = SquaredError(network())
RATES = np.array([0.01, 0.1, 0.3, 0.03, 0.2], np.float32)
KEYS = jax.random.split(jax.random.key(3), 5)


@pytest.mark.parametrize("vectorized", [True, False])
def test_each_run_is_what_it_is_alone(vectorized: bool) -> None:
    """They converge after different numbers of steps, so that a batch becomes smaller."""
    options = {"steps": 120, "batch_size": 8, "convergence": Plateau(8), "steps_per_call": 10}
    weights = starts(5)
    many = minimize_many(
        LOSS, weights, optax.adam, points(), key=KEYS, settings={"learning_rate": RATES},
        vectorized=vectorized, **options,
    )  # fmt: skip
    assert len(set(many.steps.tolist())) > 2
    for run in range(5):
        alone = minimize(
            LOSS, weights[run], optax.adam, points(), key=KEYS[run],
            settings={"learning_rate": RATES[run]}, **options,
        )  # fmt: skip
        steps = int(alone.steps)
        assert many.steps[run] == steps
        assert many.converged[run] == alone.converged
        np.testing.assert_allclose(many.losses[run, :steps], alone.losses, atol=2e-5)
        assert np.isnan(many.losses[run, steps:]).all()
        np.testing.assert_allclose(many.weights[run], alone.weights, atol=1e-3)


def test_rows_are_what_a_run_sees() -> None:
    data = np.arange(6, dtype=np.float32)[:, None]
    rows = np.array([[0, 1], [4, 5], [2, 2]])
    many = minimize_many(distance, jnp.zeros((3, 1)), optax.sgd(0.5), data, rows=rows, steps=30)
    np.testing.assert_allclose(many.weights[:, 0], [0.5, 4.5, 2], atol=1e-5)


def test_batches_are_drawn_from_the_rows_of_the_run() -> None:
    data = np.arange(8, dtype=np.float32)[:, None]
    rows = np.array([[0, 1, 2], [5, 6, 7]])
    many = minimize_many(
        _first, jnp.zeros((2, 1)), optax.sgd(0.0), data, rows=rows, steps=6, batch_size=1,
        key=KEYS[:2],
    )  # fmt: skip
    for run in range(2):  # two epochs of three rows
        epochs = many.losses[run].reshape(2, 3)
        assert all(sorted(epoch) == rows[run].tolist() for epoch in epochs)


def _first(weights: Array, batch: Array) -> Array:
    return jnp.sum(batch) + 0 * jnp.sum(weights)


def test_one_setting_serves_all_runs(compilations: Compilations) -> None:
    weights = starts(2)
    trained = [
        minimize_many(LOSS, weights, optax.sgd, points(), steps=3, settings={"learning_rate": rate})
        for rate in (0.1, [0.1, 0.1])
    ]
    np.testing.assert_array_equal(trained[0].losses, trained[1].losses)


def test_validation_is_of_each_run() -> None:
    data = np.array([[1.0], [2.0]], np.float32)
    validation = np.array([[0.5], [1.8]], np.float32)
    many = minimize_many(
        distance, jnp.zeros((2, 1)), optax.sgd(0.1), data, rows=[[0], [1]], steps=100,
        steps_per_call=1, validation_data=validation, validation_rows=[[0], [1]], patience=2,
    )  # fmt: skip
    np.testing.assert_allclose(many.weights[:, 0], validation[:, 0], atol=0.1)
    assert many.steps[0] < many.steps[1] < 100


def test_a_run_that_diverges_leaves_the_others_alone() -> None:
    def loss(weights: Array, batch: None) -> Array:
        return jnp.sum(jnp.sqrt(weights))

    many = minimize_many(
        loss, jnp.array([[0.1], [100.0]]), optax.sgd(0.5), steps=6, steps_per_call=2,
        vectorized=True,
    )  # fmt: skip
    assert many.diverged.tolist() == [True, False]
    assert many.steps.tolist() == [2, 6]


@pytest.mark.parametrize("vectorized", [True, False])
def test_callbacks_see_all_runs(vectorized: bool) -> None:
    news: list[Progress] = []
    minimize_many(
        distance, jnp.zeros((3, 1)), optax.sgd(0.1), np.ones((2, 1), np.float32), steps=4,
        callback=news.append, record_weights=True, vectorized=vectorized,
    )  # fmt: skip
    assert news[0].losses.shape == (3, 4)
    assert news[0].weights_before.shape == (3, 4, 1)


@pytest.mark.parametrize("sampling", ["epochs", "replacement"])
def test_chunks_do_not_matter(sampling: str) -> None:
    def train(length: int) -> Trained:
        return minimize_many(
            LOSS, starts(2), optax.sgd(0.1), points(), steps=11, batch_size=5, key=KEYS[:2],
            sampling=sampling, steps_per_call=length,
        )  # fmt: skip

    runs = train(3), train(11)
    np.testing.assert_allclose(runs[0].losses, runs[1].losses, atol=1e-6)
