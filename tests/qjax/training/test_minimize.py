"""One training: against the same loop written with optax, and what may happen in one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import Array

import qjax
from qjax.optimizers import natural_gradient
from qjax.training import Plateau, Progress, minimize
from tests.conftest import Compilations
from tests.qjax.training.problems import SquaredError, distance, network, points, quadratic, starts

LOSS = SquaredError(network())


def by_hand(
    optimizer: optax.GradientTransformation, weights: Array, steps: int
) -> tuple[list[float], Array]:
    state, losses = optimizer.init(weights), []
    for _ in range(steps):
        value, gradient = jax.value_and_grad(LOSS)(weights, points())
        updates, state = optimizer.update(gradient, state, weights)
        weights, losses = optax.apply_updates(weights, updates), [*losses, float(value)]
    return losses, weights


@pytest.mark.parametrize("optimizer", [optax.adam(0.1), optax.sgd(0.2, momentum=0.9)])
def test_it_is_the_loop_that_one_writes_with_optax(optimizer: optax.GradientTransformation) -> None:
    weights = starts(1)[0]
    losses, last = by_hand(optimizer, weights, 12)
    trained = minimize(LOSS, weights, optimizer, points(), steps=12, steps_per_call=5)
    np.testing.assert_allclose(trained.losses, losses, atol=1e-5)
    np.testing.assert_allclose(trained.weights, last, atol=1e-4)
    assert (trained.steps, trained.converged, trained.diverged) == (12, False, False)


def test_double_precision_follows_the_data(x64: None) -> None:
    weights = np.asarray(starts(1)[0], np.float64)
    losses, last = by_hand(optax.adam(0.1), jnp.asarray(weights), 3)
    trained = minimize(LOSS, weights, optax.adam(0.1), points(), steps=3)
    assert trained.weights.dtype == trained.losses.dtype == np.float64
    np.testing.assert_allclose(trained.losses, losses, atol=1e-13)
    np.testing.assert_allclose(trained.weights, last, atol=1e-12)


def test_numbers_are_arguments_of_the_program(compilations: Compilations) -> None:
    weights = starts(2)
    for number, rate in enumerate((0.1, 0.03, 0.2)):
        settings = {"learning_rate": rate}
        trained = minimize(
            LOSS, weights[0], optax.adam, points(), steps=6, settings=settings,
            batch_size=8, key=jax.random.key(number),
        )  # fmt: skip
        if number == 0:
            compilations.reset()
    assert compilations.count == 0
    expected = minimize(
        LOSS, weights[0], optax.adam(0.2), points(), steps=6, batch_size=8, key=jax.random.key(2)
    )
    np.testing.assert_allclose(trained.losses, expected.losses, atol=1e-6)


def test_networks_that_are_equal_share_a_program(compilations: Compilations) -> None:
    def train() -> None:
        minimize(SquaredError(network()), starts(1)[0], optax.adam, points(), steps=4,
                 settings={"learning_rate": 0.1})  # fmt: skip

    train()
    compilations.reset()
    train()
    assert compilations.count == 0


def test_the_loss_gets_the_settings_that_it_asks_for() -> None:
    def regularised(weights: Array, batch: None, settings: dict[str, Array]) -> Array:
        return quadratic(weights, batch) + settings["penalty"] * jnp.sum(weights**2)

    settings = {"learning_rate": 0.1, "penalty": 1.0}
    trained = minimize(regularised, jnp.zeros(3), optax.sgd, steps=60, settings=settings)
    np.testing.assert_allclose(trained.weights, np.arange(3) / 2, atol=1e-5)


def test_losses_of_weights_alone() -> None:
    def loss(weights: Array) -> Array:
        return quadratic(weights, None)

    trained = minimize(loss, jnp.ones(3), optax.sgd(0.5), steps=1)
    np.testing.assert_allclose(trained.weights, [0, 1, 2])
    assert repr(trained) == "Trained(last loss 2.0, steps=1, converged=False, diverged=False)"


def test_settings_may_be_keys_and_seeds() -> None:
    def noisy(rate: float, key: Array, seed: Array) -> optax.GradientTransformation:
        shift = jax.random.uniform(key) + jax.random.uniform(jax.random.key(seed))
        return optax.chain(optax.sgd(rate), optax.scale(shift))

    key, seed = jax.random.key(3), np.array(7)
    settings = {"rate": 0.5, "key": key, "seed": seed}
    trained = minimize(quadratic, jnp.ones(3), noisy, steps=1, settings=settings)
    shift = jax.random.uniform(key) + jax.random.uniform(jax.random.key(7))
    np.testing.assert_allclose(trained.weights, 1 - shift * np.array([1, 0, -1]), rtol=1e-5)


def test_line_searches_are_told_the_function() -> None:
    trained = minimize(quadratic, jnp.ones(3), optax.lbfgs(), steps=8)
    np.testing.assert_allclose(trained.weights, [0, 1, 2], atol=1e-5)


def test_line_searches_ignore_what_others_are_told() -> None:
    trained = minimize(
        LOSS, starts(1)[0], optax.lbfgs(), points(), steps=3,
        update_arguments=lambda batch: {"inputs": batch[0]},
    )  # fmt: skip
    assert trained.losses[-1] < trained.losses[0]


def test_natural_gradients_are_told_the_inputs() -> None:
    optimizer = optax.chain(natural_gradient(LOSS.network), optax.scale(-0.1))
    trained = minimize(
        LOSS, starts(1)[0], optimizer, points(), steps=2, batch_size=6, key=jax.random.key(0),
        update_arguments=lambda batch: {"inputs": batch[0]},
    )  # fmt: skip
    assert np.isfinite(trained.losses).all()


def test_weights_may_be_any_pytree() -> None:
    def loss(weights: dict[str, Array], batch: None) -> Array:
        return jnp.sum(weights["a"] ** 2) + (weights["b"][0] - 1) ** 2

    weights = {"a": np.ones((2, 2), np.float32), "b": [np.float32(3)]}
    trained = minimize(loss, weights, optax.sgd(0.5), steps=1)
    assert jax.tree.structure(trained.weights) == jax.tree.structure(weights)
    np.testing.assert_allclose(trained.weights["b"][0], 1)


def test_a_loss_that_is_no_number_ends_the_training() -> None:
    def loss(weights: Array, batch: None) -> Array:
        return jnp.sum(jnp.sqrt(weights))  # its gradient leads below zero

    trained = minimize(loss, jnp.full(1, 0.5), optax.sgd(0.5), steps=50, steps_per_call=10)
    assert trained.diverged
    assert trained.steps < 5
    assert np.isnan(trained.losses[-1])
    assert np.isfinite(trained.losses[:-1]).all()
    assert np.isfinite(np.asarray(trained.weights)).all()


@pytest.mark.parametrize(
    "loss",
    [
        lambda weights, batch: jnp.sum(weights**4),  # steps so long that they leave all numbers
        lambda weights, batch: jnp.sqrt(jnp.sum((weights - 3) ** 2)),  # no slope where it starts
    ],
)
def test_weights_that_are_no_numbers_are_not_kept(loss: Callable[..., Array]) -> None:
    trained = minimize(loss, jnp.full(2, 3.0), optax.sgd(10.0), steps=50)
    assert trained.diverged
    assert not trained.converged
    assert trained.steps < 10
    assert np.isfinite(np.asarray(trained.weights)).all()


def test_other_numbers_of_steps_compile_nothing(compilations: Compilations) -> None:
    def train(steps: int) -> None:
        trained = minimize(LOSS, starts(1)[0], optax.sgd, points(), steps=steps,
                           batch_size=8, key=jax.random.key(0),
                           settings={"learning_rate": 0.1})  # fmt: skip
        assert len(trained.losses) == steps

    train(3)
    compilations.reset()
    for steps in (4, 60, 130):
        train(steps)
    assert compilations.count == 0


def test_it_stops_where_it_has_converged() -> None:
    constant = minimize(
        lambda weights, batch: 0 * jnp.sum(weights) + 1, jnp.ones(1), optax.sgd(0.1), steps=100,
        convergence=Plateau(10), steps_per_call=7,
    )  # fmt: skip
    assert (constant.steps, constant.converged) == (22, True)  # the first time that it is asked
    falling = minimize(
        lambda weights, batch: jnp.sum(weights), jnp.ones(1), optax.sgd(0.1), steps=40,
        convergence=Plateau(10),
    )  # fmt: skip
    assert (falling.steps, falling.converged) == (40, False)


def test_the_weights_with_the_least_validation_loss_are_kept() -> None:
    """Trained towards 1, validated at 0.3: it passes there, and patience ends it."""
    data, validation = np.ones((4, 1), np.float32), np.full((4, 1), 0.3, np.float32)
    trained = minimize(
        distance, jnp.zeros(1), optax.sgd(0.05), data, steps=200, steps_per_call=1,
        validation_data=validation, patience=3,
    )  # fmt: skip
    assert abs(float(trained.weights[0]) - 0.3) < 0.05
    best = int(np.argmin(trained.validation_losses))
    assert trained.steps == best + 4 < 20
    assert not trained.converged


def test_callbacks_are_told_and_may_stop() -> None:
    news: list[Progress] = []

    def callback(progress: Progress) -> bool:
        news.append(progress)
        return progress.step >= 6

    trained = minimize(
        quadratic, jnp.zeros(3), optax.sgd(0.1), steps=50, steps_per_call=3, callback=callback,
        record_weights=True,
    )  # fmt: skip
    assert [each.step for each in news] == [3, 6]
    assert trained.steps == 6
    before = np.concatenate([each.weights_before for each in news])
    np.testing.assert_allclose([quadratic(w, None) for w in before], trained.losses, rtol=1e-6)
    np.testing.assert_array_equal(news[-1].weights, trained.weights)
    np.testing.assert_array_equal(trained.weights_before, before)
    assert np.isnan(news[0].validation_loss)


def test_the_last_chunk_has_as_many_losses_as_steps() -> None:
    news: list[Progress] = []
    minimize(quadratic, jnp.zeros(3), optax.sgd(0.1), steps=7, steps_per_call=5,
             callback=news.append, record_weights=True)  # fmt: skip
    assert [len(each.losses) for each in news] == [5, 2]
    assert [len(each.weights_before) for each in news] == [5, 2]


def test_states_may_hold_random_keys() -> None:
    def init(weights: Array) -> Array:
        return jax.random.key(0)

    def update(gradient: Array, key: Array, weights: Array | None = None) -> tuple[Array, Array]:
        key, drawn = jax.random.split(key)
        return jax.random.normal(drawn, gradient.shape), key

    optimizer = optax.GradientTransformation(init, update)
    weights = minimize(quadratic, jnp.zeros(3), optimizer, steps=2).weights
    keys = [jax.random.split(jax.random.key(0))]
    keys.append(jax.random.split(keys[0][0]))
    expected = sum(jax.random.normal(key[1], (3,)) for key in keys)
    np.testing.assert_allclose(weights, expected, rtol=1e-6)


def test_progress_bar_counts_steps(capsys: pytest.CaptureFixture[str]) -> None:
    minimize(quadratic, jnp.zeros(3), optax.sgd(0.1), steps=9, progress=True)
    assert "9/9" in capsys.readouterr().err


def test_optax_is_not_imported_for_it() -> None:
    code = """
import sys
import qjax.training
print([name for name in ("optax", "sklearn", "torch", "tqdm") if name in sys.modules])
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_methods_of_networks_are_losses() -> None:
    qnn = qjax.SamplerQNN(circuit=network().circuit, weight_params=network().circuit.parameters)
    with pytest.raises(TypeError, match=r"scalar, got shape \(4,\)"):
        minimize(qnn.apply, jnp.zeros(qnn.num_weights), optax.sgd(0.1), steps=1)


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint32])
def test_labels_stay_whole(dtype: type) -> None:
    def loss(weights: Array, batch: tuple[Array, Array]) -> Array:
        points, labels = batch
        logits = points * weights[None]
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1).mean()

    data = np.ones((4, 2), np.float32), np.array([0, 1, 1, 1], dtype)
    trained = minimize(loss, jnp.zeros(2), optax.sgd(2.0), data, steps=60)
    np.testing.assert_allclose(jax.nn.softmax(trained.weights), [0.25, 0.75], atol=1e-3)
