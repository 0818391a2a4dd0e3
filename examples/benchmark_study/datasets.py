"""The data sets of the study, from its generators' definitions (Bowles et al. 2024, section 4).

Each is drawn from one stream of NumPy's legacy generator, which runs through sets of 2, 3, ..
features and their splits: ten features need all that comes before drawn too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.random import RandomState
from sklearn.preprocessing import StandardScaler

SAMPLES = 300
TEST_SHARE = 0.2
MANIFOLD_DIMENSIONS = 6
DEGREE, OFFSET, NOISE = 5, 0.1, 0.01  # of two_curves
FEWEST_FEATURES = 2


@dataclass(frozen=True)
class Dataset:
    """Points of two classes, split for training and test.

    Attributes:
        name: of the data set.
        train, test: features, shape `(samples, features)`.
        train_labels, test_labels: -1 or +1, shape `(samples,)`.
    """

    name: str
    train: Float[np.ndarray, "samples features"]
    train_labels: Float[np.ndarray, " samples"]
    test: Float[np.ndarray, "others features"]
    test_labels: Float[np.ndarray, " others"]


Points = tuple[Float[np.ndarray, "samples features"], Float[np.ndarray, " samples"]]


def linearly_separable(stream: RandomState, features: int) -> Points:
    """Uniform points of a cube, on both sides of a plane through its middle, not close to it."""
    margin = 0.02 * features
    points = 2 * stream.rand(2 * SAMPLES, features) - 1
    heights = points.sum(axis=1)
    kept = np.flatnonzero(np.abs(heights) > margin)[:SAMPLES]
    return points[kept], np.where(heights[kept] > 0, -1.0, 1.0)


def hidden_manifold(stream: RandomState, features: int) -> Points:
    """Points of a plane of six dimensions, bent into all; a small network there labels them."""
    size = MANIFOLD_DIMENSIONS
    directions = stream.randn(size, features)
    coordinates = stream.randn(SAMPLES, size)
    shifts = 2 * stream.rand(features) - 1
    points = np.tanh(coordinates @ directions / np.sqrt(size) - shifts)
    inner, outer = stream.randn(size, size), stream.randn(size)
    scores = np.tanh(coordinates @ inner.T) @ outer / np.sqrt(size)
    return points, np.where(scores < np.median(scores), -1.0, 1.0)


def two_curves(stream: RandomState, features: int) -> Points:
    """Points near a random curve, a Fourier series of degree five, and near its shifted copy."""
    coefficients = stream.rand(features, DEGREE + 1, 2)
    coefficients /= np.linalg.norm(coefficients)
    times, noise = np.empty(SAMPLES), np.empty((SAMPLES, features))
    for sample in range(SAMPLES):
        times[sample] = stream.rand()
        noise[sample] = stream.normal(scale=NOISE, size=features)
    phases = np.pi * times[:, None] * np.arange(1, DEGREE + 1)
    points = np.cos(phases) @ coefficients[:, 1:, 0].T + np.sin(phases) @ coefficients[:, 1:, 1].T
    points += coefficients[:, 0].sum(axis=1) + noise
    half = SAMPLES // 2
    points[half:] += OFFSET
    return StandardScaler().fit_transform(points), np.repeat([-1.0, 1.0], half)


# Generator, and the seed of its stream.
GENERATED: dict[str, tuple[Callable[[RandomState, int], Points], int]] = {
    "linearly_separable": (linearly_separable, 42),
    "hidden_manifold": (hidden_manifold, 3),
    "two_curves": (two_curves, 3),
}


def generate(name: str, features: int = 10) -> Dataset:
    """A data set of the study: 240 points for training, 60 for test.

    Args:
        name: a key of `GENERATED`.
        features: how many, from 2; the study has up to 20.

    Raises:
        ValueError: for another name, or fewer features.
    """
    if name not in GENERATED:
        raise ValueError(f"name: expected one of {', '.join(GENERATED)}, got {name!r}")
    if features < FEWEST_FEATURES:
        raise ValueError(f"features: expected at least {FEWEST_FEATURES}, got {features}")
    draw, seed = GENERATED[name]
    stream = RandomState(seed)
    for size in range(FEWEST_FEATURES, features + 1):
        points, labels = draw(stream, size)
        order = stream.permutation(SAMPLES)  # what scikit-learn's train_test_split does
    return split(name, points, labels, order)


def split(
    name: str,
    points: Float[np.ndarray, "samples features"],
    labels: Float[np.ndarray, " samples"],
    order: Sequence[int] | np.ndarray,
) -> Dataset:
    """The first fifth of the order is for test, the rest for training."""
    count = round(TEST_SHARE * len(points))
    test, train = np.asarray(order[:count]), np.asarray(order[count:])
    return Dataset(name, points[train], labels[train], points[test], labels[test])
