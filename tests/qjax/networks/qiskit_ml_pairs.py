"""Pairs of networks, ours and Qiskit Machine Learning's, and data for both."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit.circuit.library import real_amplitudes, zz_feature_map
from qiskit.primitives import StatevectorEstimator

import qjax

pytest.importorskip("qiskit_machine_learning", minversion="0.9")

from qiskit_machine_learning import neural_networks as theirs

FEATURES, ANSATZ = zz_feature_map(2, reps=1), real_amplitudes(2, reps=1)
CIRCUIT = FEATURES.compose(ANSATZ)
PARAMS = {
    "circuit": CIRCUIT,
    "input_params": FEATURES.parameters,
    "weight_params": ANSATZ.parameters,
}


RANDOM = np.random.default_rng(7)
POINTS = RANDOM.uniform(-1, 1, (8, 2))
SIGNS = np.where(POINTS.sum(axis=1) > 0, 1, -1)
CLASSES = (SIGNS + 1) // 2
WEIGHTS = RANDOM.uniform(-1, 1, ANSATZ.num_parameters)


# Of values that we compute and values that Qiskit does.
TOLERANCE = 1e-9


# Of frequencies in this many shots: five standard deviations, at most.
SHOTS = 10_000
DEVIATION = 5 * 0.5 / SHOTS**0.5


def parity(integer: int) -> int:
    return integer.bit_count() % 2


def our_estimator(**options: Any) -> qjax.EstimatorQNN:
    return qjax.EstimatorQNN(**PARAMS, **options)


def their_estimator(primitive: object = None, **options: Any) -> theirs.EstimatorQNN:
    chosen = StatevectorEstimator() if primitive is None else primitive
    return theirs.EstimatorQNN(**PARAMS, estimator=chosen, default_precision=0, **options)


def our_sampler(**options: Any) -> qjax.SamplerQNN:
    return qjax.SamplerQNN(**PARAMS, interpret=parity, output_shape=2, **options)


def their_sampler(**options: Any) -> theirs.SamplerQNN:
    """On its own default, `QMLSampler`, which is exact."""
    return theirs.SamplerQNN(**PARAMS, interpret=parity, output_shape=2, **options)


PAIRS = {"estimator": (our_estimator, their_estimator), "sampler": (our_sampler, their_sampler)}


def close(actual: Any, expected: Any, tolerance: float = TOLERANCE) -> None:
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance)
