"""What cannot be trained is refused, with what was expected."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import Array

from qjax.training import minimize, minimize_many
from tests.qjax.training.problems import distance, quadratic

DATA = np.ones((4, 1), np.float32)


class Unhashable:
    __hash__ = None  # type: ignore[assignment]

    def __call__(self, weights: Array, batch: object) -> Array:
        return jnp.sum(weights)


REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"loss": "mse"}, TypeError, "loss: expected a function"),
    ({"loss": Unhashable()}, TypeError, "loss: expected something hashable"),
    ({"loss": lambda w, b: w}, TypeError, r"scalar, got shape \(1,\)"),
    ({"loss": lambda w, b: jnp.sum(w) * 1j}, TypeError, "real scalar"),
    ({"weights": []}, ValueError, "weights: expected a pytree of arrays"),
    ({"weights": "abc"}, TypeError, "weights"),
    ({"weights": np.ones(2, complex)}, TypeError, "weights: got ndarray of dtype complex"),
    ({"optimizer": "adam"}, TypeError, r"optimizer: expected a transformation.*'adam'"),
    ({"optimizer": optax.adam}, ValueError, "needs learning_rate; expected settings="),
    ({"optimizer": lambda: 3}, TypeError, "returned int; expected a transformation"),
    (
        {"settings": {"learning_rate": 0.1}},
        ValueError,
        "learning_rate would have no eff.*has its",
    ),
    (
        {"optimizer": optax.sgd, "settings": {"learning_rate": 0.1, "rate": 1.0}},
        ValueError,
        "rate would have no effect",
    ),
    ({"optimizer": optax.sgd, "settings": {"learning_rate": "fast"}}, TypeError, "learning_rate"),
    ({"optimizer": optax.sgd, "settings": {"learning_rate": [0.1, 0.2]}}, ValueError, r"\(2,\)"),
    ({"steps": 0}, ValueError, "steps: expected a whole number of at least 1, got 0"),
    ({"steps": True}, ValueError, "steps: expected a whole number"),
    ({"data": np.ones(())}, ValueError, r"data: .* got shapes \(\)"),
    ({"data": (DATA, DATA[:2])}, ValueError, r"shapes \(4, 1\), \(2, 1\)"),
    ({"data": DATA[:0]}, ValueError, "at least one"),
    ({"data": np.array(["a"])}, TypeError, "data"),
    ({"batch_size": 2}, ValueError, "key: got None; batches are drawn"),
    ({"batch_size": 0, "key": jax.random.key(0)}, ValueError, "batch_size: expected a whole"),
    ({"batch_size": 2, "data": None, "key": jax.random.key(0)}, ValueError, "without data"),
    ({"key": 3, "batch_size": 2}, TypeError, "key: expected one JAX random key"),
    ({"key": jax.random.split(jax.random.key(0)), "batch_size": 2}, ValueError, "one JAX random"),
    ({"loss": lambda w, b: None}, TypeError, "real scalar, got NoneType"),
    ({"loss": lambda w, b, c: jnp.sum(w)}, ValueError, "settings: got None, but the loss"),
    ({"settings": 0.1}, TypeError, "settings: expected numbers by name"),
    ({"callback": 3}, TypeError, "callback: expected a function"),
    ({"callback": lambda news: news.losses}, TypeError, "callback: what it returned: expected"),
    ({"sampling": "replacement"}, ValueError, "batch_size: got None with sampling"),
    ({"sampling": "bootstrap"}, ValueError, "sampling: expected one of"),
    ({"convergence": 200}, TypeError, r"convergence: expected Plateau\(window\) or None"),
    ({"patience": 3}, ValueError, "validation_data: got None"),
    ({"validation_data": (DATA,)}, ValueError, "validation_data: expected a tree like data"),
    ({"validation_data": DATA, "patience": 0}, ValueError, "patience: expected a whole number"),
    ({"progress": "yes"}, TypeError, "progress: expected True or False"),
    ({"record_weights": 1}, TypeError, "record_weights: expected True or False"),
    ({"steps_per_call": 0}, ValueError, "steps_per_call"),
    ({"update_arguments": {}}, TypeError, "update_arguments: expected a function"),
]


@pytest.mark.parametrize(("change", "kind", "message"), REFUSED)
def test_refused(change: dict[str, Any], kind: type[Exception], message: str) -> None:
    arguments: dict[str, Any] = {
        "loss": distance,
        "weights": np.ones(1, np.float32),
        "optimizer": optax.sgd(0.1),
        "data": DATA,
        "steps": 2,
    }
    with pytest.raises(kind, match=message):
        minimize(**{**arguments, **change})


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"weights": np.ones(())}, ValueError, "common leading axis of runs"),
        ({"weights": [np.ones((2, 1)), np.ones((3, 1))]}, ValueError, r"\(2, 1\), \(3, 1\)"),
        ({"rows": [[0], [1], [2]]}, ValueError, r"rows: expected shape \(2, rows\)"),
        ({"rows": [[0], [4]]}, ValueError, "from 0 to 3, got 0 to 4"),
        ({"rows": [[0.0], [1.0]]}, TypeError, "whole numbers"),
        ({"key": jax.random.key(0), "batch_size": 2}, ValueError, "2 random keys"),
        ({"key": "ab", "batch_size": 2}, TypeError, "2 random keys"),
        ({"rows": [[0, 1], [1]]}, ValueError, "as many positions for each run"),
        ({"rows": [[0], [1]], "data": None}, ValueError, "rows without data"),
        ({"optimizer": optax.sgd, "settings": {"learning_rate": [1, 2, 3]}}, ValueError, r"\(3,\)"),
        ({"validation_rows": [[0], [1]]}, ValueError, "validation_data: got None"),
    ],
)
def test_refused_of_many(change: dict[str, Any], kind: type[Exception], message: str) -> None:
    arguments: dict[str, Any] = {
        "loss": distance,
        "weights": np.ones((2, 1), np.float32),
        "optimizer": optax.sgd(0.1),
        "data": DATA,
        "steps": 2,
    }
    with pytest.raises(kind, match=message):
        minimize_many(**{**arguments, **change})


def test_data_that_the_loss_does_not_use_are_not_needed() -> None:
    trained = minimize(quadratic, [0.0, 0.0, 0.0], optax.sgd(0.5), steps=1)
    np.testing.assert_allclose(trained.weights, [0, 1, 2])


def test_trainings_are_not_traced() -> None:
    def train(weights: Array) -> Array:
        return minimize(quadratic, weights, optax.sgd(0.5), steps=1).weights

    for function in (jax.jit(train), jax.vmap(train)):
        with pytest.raises(TypeError, match="outside of jit, grad and vmap"):
            function(jnp.zeros((3, 3)))
