"""Losses that draw: a key for each step, which follows from the run's and the step's number."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import Array

import qjax
from qjax.training import minimize, minimize_many
from tests.conftest import Compilations
from tests.qjax.training.problems import SquaredError, network, points, starts

KEY = jax.random.key(4)
ROW = np.zeros((1, 1))


def drawn(weights: Array, batch: Array | None, *, key: Array) -> Array:
    return weights**2 + jax.random.normal(key)


def drawn_of_weights(weights: Array, key: Array) -> Array:
    return drawn(weights, None, key=key)


def drawn_with_settings(weights: Array, batch: Array | None, settings: dict, key: Array) -> Array:
    return drawn(weights, batch, key=key) + 0 * settings["learning_rate"]


def optional(weights: Array, batch: Array | None, key: Array | None = None) -> Array:
    return weights**2 if key is None else drawn(weights, batch, key=key)


@pytest.mark.parametrize("loss", [drawn, drawn_of_weights, drawn_with_settings, optional])
def test_each_step_has_its_own_draws(loss) -> None:
    given = {"settings": {"learning_rate": 0.0}, "steps": 7}
    trained = minimize(loss, jnp.zeros(()), optax.sgd, key=KEY, **given)
    assert len(set(trained.losses.tolist())) == 7
    again = minimize(loss, jnp.zeros(()), optax.sgd, key=KEY, steps_per_call=3, **given)
    np.testing.assert_array_equal(again.losses, trained.losses)
    other = minimize(loss, jnp.zeros(()), optax.sgd, key=jax.random.key(5), **given)
    assert not set(other.losses.tolist()) & set(trained.losses.tolist())


def test_keys_of_both_kinds() -> None:
    still = optax.sgd(0.0)
    typed = minimize(drawn, jnp.zeros(()), still, steps=3, key=KEY)
    raw = minimize(drawn, jnp.zeros(()), still, steps=3, key=jax.random.key_data(KEY))
    np.testing.assert_array_equal(raw.losses, typed.losses)


def test_a_key_that_is_bound_stays() -> None:
    trained = minimize(partial(drawn, key=KEY), jnp.zeros(()), optax.sgd(0.0), steps=3, key=KEY)
    np.testing.assert_array_equal(trained.losses, [jax.random.normal(KEY)] * 3)


def test_a_missing_key_is_told() -> None:
    with pytest.raises(TypeError, match=r"key: got None, but the loss has an argument `key`"):
        minimize(drawn, jnp.zeros(()), optax.sgd(0.1), steps=1)
    trained = minimize(optional, jnp.ones(()), optax.sgd(0.0), steps=1)
    np.testing.assert_array_equal(trained.losses, [1])


@pytest.mark.parametrize("vectorized", [False, True])
def test_runs_draw_what_they_would_alone(vectorized: bool) -> None:
    keys = jax.random.split(KEY, 3)
    many = minimize_many(
        drawn, jnp.ones(3), optax.sgd(0.1), ROW, steps=4, key=keys, vectorized=vectorized,
        validation_data=ROW, steps_per_call=2,
    )  # fmt: skip
    for own, key in enumerate(keys):
        alone = minimize(
            drawn, jnp.ones(()), optax.sgd(0.1), ROW, steps=4, key=key,
            validation_data=ROW, steps_per_call=2,
        )  # fmt: skip
        np.testing.assert_allclose(many.losses[own], alone.losses, rtol=1e-6)
        np.testing.assert_allclose(many.validation_losses[own], alone.validation_losses, rtol=1e-6)


def test_checks_have_one_key_that_no_step_has() -> None:
    trained = minimize(
        drawn, jnp.zeros(()), optax.sgd(0.0), ROW, steps=6, key=KEY,
        validation_data=ROW, steps_per_call=2,
    )  # fmt: skip
    assert len(set(trained.validation_losses.tolist())) == 1
    assert trained.validation_losses[0] not in trained.losses


@dataclass(frozen=True)
class SampledSquaredError(SquaredError):
    """The same error, of drawn outputs."""

    def __call__(  # type: ignore[override]
        self, weights: Array, batch: tuple[Array, Array], *, key: Array
    ) -> Array:
        inputs, targets = batch
        return jnp.mean((self.network.apply(weights, inputs, key=key)[:, 0] - targets) ** 2)


def test_networks_with_shots_are_trained(compilations: Compilations) -> None:
    loss, exact = SampledSquaredError(network().replace(shots=200)), SquaredError(network())
    optimizer = optax.adam(0.1)
    given = {"batch_size": 12, "steps": 40}
    trained = minimize(loss, starts(1)[0], optimizer, points(), key=KEY, **given)
    weights, key = starts(2)[1], jax.random.key(1)
    compilations.reset()
    minimize(loss, weights, optimizer, points(), key=key, **given)
    assert compilations.count == 0
    assert isinstance(loss.network, qjax.EstimatorQNN)
    assert loss.network.needs_key
    first, last = (float(exact(w, points())) for w in (starts(1)[0], trained.weights))
    reached = minimize(exact, starts(1)[0], optimizer, points(), key=KEY, **given)
    best = float(exact(reached.weights, points()))
    assert best < first - 0.1
    assert last == pytest.approx(best, abs=0.3 * (first - best))


def test_the_last_weights_of_a_loss_that_was_a_number_are_kept() -> None:
    """The error of a noise strength that a step leads out of its range."""

    def loss(strength: Array) -> Array:
        return jnp.where(strength > 1, jnp.nan, -strength)

    trained = minimize(loss, jnp.float32(0), optax.sgd(0.3), steps=20, record_weights=True)
    assert trained.diverged
    np.testing.assert_allclose(trained.weights_before, [0, 0.3, 0.6, 0.9, 1.2], rtol=1e-6)
    assert trained.weights == trained.weights_before[-2]
    hopeless = minimize(loss, jnp.float32(2), optax.sgd(0.3), steps=20)
    assert (hopeless.weights, hopeless.steps) == (2, 1)
