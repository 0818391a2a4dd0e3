"""What the tests of trainings train: a small network, and a quadratic function."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from qiskit.circuit.library import real_amplitudes, zz_feature_map

import qjax


def network() -> qjax.EstimatorQNN:
    features, ansatz = zz_feature_map(2, reps=1), real_amplitudes(2, reps=1)
    return qjax.EstimatorQNN(
        circuit=features.compose(ansatz),
        observables="ZZ",
        input_params=features.parameters,
        weight_params=ansatz.parameters,
    )


@dataclass(frozen=True)
class SquaredError:
    """The mean squared error of a network's one output."""

    network: qjax.EstimatorQNN

    def __call__(self, weights: Array, batch: tuple[Array, Array]) -> Array:
        inputs, targets = batch
        return jnp.mean((self.network.apply(weights, inputs)[:, 0] - targets) ** 2)


def points(count: int = 24) -> tuple[np.ndarray, np.ndarray]:
    inputs = np.random.default_rng(1).uniform(-1, 1, (count, 2)).astype(np.float32)
    return inputs, np.sign(inputs.sum(axis=1))


def starts(count: int) -> Array:
    return jax.vmap(network().init)(jax.random.split(jax.random.key(0), count))


def quadratic(weights: Array, batch: None) -> Array:
    return jnp.sum((weights - jnp.arange(3.0)) ** 2)


def distance(weights: Array, batch: Array) -> Array:
    """Least at the mean of the batch; its gradient tells the batch."""
    return jnp.mean((weights[None] - batch) ** 2)
