"""What models have in common that are trained by gradients."""

from typing import Any, ClassVar

import numpy as np
from jax import Array
from jaxtyping import Float
from sklearn.base import BaseEstimator
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

Points = Float[np.ndarray, "samples features"]
Labels = Float[np.ndarray, " samples"]

# Each feature of the training data fills [-pi/2, pi/2]; those of other points may go beyond.
ANGLES = MinMaxScaler(feature_range=(-np.pi / 2, np.pi / 2))
STANDARD = StandardScaler()
UNSCALED = FunctionTransformer()


class GradientModel:
    """A model with weights, a loss and a score.

    Attributes:
        scaler: to be cloned and fitted to the training points.
        batch_size: rows of a step.
        max_steps: of a training that does not converge.
        key_bound: random keys are made of numbers below it.
    """

    scaler: ClassVar[BaseEstimator]
    batch_size: ClassVar[int] = 32
    max_steps: ClassVar[int] = 10_000
    key_bound: ClassVar[int] = 1_000_000

    @property
    def num_keys(self) -> int:
        """How many random keys the weights take."""
        return 1

    def init(self, keys: Array) -> Any:
        """The weights to start from, a pytree."""
        raise NotImplementedError

    def loss(self, weights: Any, batch: Any) -> Float[Array, ""]:
        """What is minimised, on rows of `rows`."""
        raise NotImplementedError

    def score(self, weights: Any, x: Float[Array, "batch features"]) -> Float[Array, " batch"]:
        """Above 0 for class +1."""
        raise NotImplementedError

    def rows(self, x: Points, labels: Labels) -> tuple[np.ndarray, np.ndarray]:
        """What batches are drawn from."""
        return x, labels

    def ready(self, weights: Any, x: Points, labels: Labels, keys: Array) -> Any:
        """Trained weights -> those that score points; the metric learner adds examples."""
        del x, labels, keys
        return weights
