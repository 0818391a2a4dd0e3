"""The small random problems of the examples: points to classify and a curve to fit.

One seeded generator draws everything in a fixed order, so each script finds the same numbers.
"""

from dataclasses import dataclass

import numpy as np

NUM_SAMPLES = 20
NOISE = 0.2


@dataclass(frozen=True)
class Problems:
    """What is to be learned, and the weights that learning starts from (angles in radians).

    Attributes:
        points: `(20, 2)`, uniform in the square [-1, 1)^2.
        labels: `(20,)`, 1 for points on or above the line x + y = 0, else 0.
        estimator_weights: `(8,)`, of the classifier by expectation value.
        sampler_weights: `(4,)`, of the classifier by probabilities.
        xs: `(20, 1)`, uniform in [-pi, pi).
        ys: `(20, 1)`, their sines with uniform noise of at most 0.2.
        regression_weights: `(1,)`, of the fitted curve.
    """

    points: np.ndarray
    labels: np.ndarray
    estimator_weights: np.ndarray
    sampler_weights: np.ndarray
    xs: np.ndarray
    ys: np.ndarray
    regression_weights: np.ndarray


def draw_problems(seed: int = 42) -> Problems:
    """The problems of a seed; 42 gives the numbers of Qiskit Machine Learning's tutorial."""
    random = np.random.default_rng(seed).random

    def centred(*shape: int) -> np.ndarray:
        return 2 * random(shape) - 1

    points = centred(NUM_SAMPLES, 2)
    estimator_weights, sampler_weights = 0.1 * centred(8), 0.1 * centred(4)
    xs = 2 * np.pi * random((NUM_SAMPLES, 1)) - np.pi
    ys = np.sin(xs) + NOISE * centred(NUM_SAMPLES, 1)
    return Problems(
        points=points,
        labels=(points.sum(axis=1) >= 0).astype(int),
        estimator_weights=estimator_weights,
        sampler_weights=sampler_weights,
        xs=xs,
        ys=ys,
        regression_weights=0.1 * centred(1),
    )
