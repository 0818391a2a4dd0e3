"""Floor 11. What estimators that train a network share: fit, and what it leaves behind."""

import warnings
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import jax
import numpy as np
from jaxtyping import Float, Shaped
from scipy.optimize import OptimizeResult
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, is_regressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from qjax._base.arrays import as_real_numpy
from qjax._base.options import as_flag, as_whole
from qjax._networks import Network, evaluate
from qjax._networks.protocol import check_network, output_shape_of
from qjax.algorithms._losses import Loss, as_loss
from qjax.algorithms._objective import Batch, Objective
from qjax.algorithms._optimizers import Way, as_way
from qjax.algorithms._training import Schedule, check_schedule, trained
from qjax.training import Plateau

FLOATS = (np.float64, np.float32)


@dataclass(frozen=True, eq=False)
class Task:
    """What a fit minimises, on which rows, from where.

    Attributes:
        objective: network and loss.
        rows: all rows that are trained on.
        validation: rows that are kept aside, or None.
        starts: shape `(restarts, weights)`.
        seeds: of the batches, shape `(restarts,)`.
        way: how weights are trained.
        schedule: for how long.
    """

    objective: Objective
    rows: Batch
    validation: Batch | None
    starts: Float[np.ndarray, "restarts weights"]
    seeds: Shaped[np.ndarray, " restarts"]
    way: Way
    schedule: Schedule


class NetworkEstimator(BaseEstimator):
    """The arguments of a training, and `fit`; nothing is checked before, as scikit-learn wants."""

    def __init__(
        self,
        *,
        loss: object,
        optimizer: object,
        warm_start: bool,
        initial_point: object,
        callback: Callable[[np.ndarray, float], object] | None,
        learning_rate: object,
        max_iter: int | None,
        batch_size: int | None,
        validation_fraction: float | None,
        patience: int | None,
        convergence: Plateau | None,
        restarts: int,
        random_state: object,
        progress: bool,
    ) -> None:
        self.loss = loss
        self.optimizer = optimizer
        self.warm_start = warm_start
        self.initial_point = initial_point
        self.callback = callback
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.convergence = convergence
        self.restarts = restarts
        self.random_state = random_state
        self.progress = progress

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the weights.

        Args:
            X: inputs, shape `(samples, features)`, dense or sparse. float32 is computed in single
                precision, all else in double, whatever JAX's flag says.
            y: labels, or values; see the class.
            sample_weight: how much each sample counts, shape `(samples,)`, at least 0.

        Returns:
            itself.

        Raises:
            ValueError: for data, labels, sizes or arguments that do not fit; says which.
            TypeError: for arguments of another kind.
        """
        # Data in single precision stay in it.
        with jax.enable_x64(True):
            task = self.task(X, y, sample_weight)
            results = trained(
                task.objective,
                task.rows,
                task.starts,
                task.way,
                task.schedule,
                seeds=task.seeds,
                validation=task.validation,
                callback=self.callback,
            )
        return self.finish(results, task.starts.dtype)

    def task(self, X: Any, y: Any, sample_weight: Any = None) -> Task:
        """What `fit` minimises. It sets what `fit` learns of the data: classes, widths, network.

        Raises:
            ValueError: as `fit`.
            TypeError: as `fit`.
        """
        way = as_way(self.optimizer, self.learning_rate, self.max_iter)
        restarts = as_whole(self.restarts, "restarts", 1)
        warm = as_flag(self.warm_start, "warm_start") and hasattr(self, "fit_result_")
        X, y = validate_data(
            self,
            X,
            y,
            dtype=FLOATS,
            accept_sparse="csr",
            multi_output=True,
            y_numeric=is_regressor(self),
        )
        X = _dense(X)
        weights = mean_one(_check_sample_weight(sample_weight, X, dtype=X.dtype), self)
        loss = as_loss(self.loss, stated_slopes=way.stated_slopes)
        network, targets, loss, weights = self._learn(X, y, weights, loss)
        rng = check_random_state(self.random_state)
        starts = self._starts(network, restarts, rng, warm).astype(X.dtype)
        seeds = rng.randint(2**31 - 1, size=restarts)
        rows, aside = self._split(Batch(X, targets.astype(X.dtype), weights), y, rng)
        schedule = Schedule(
            self.max_iter, self.batch_size, self.convergence, self.patience,
            as_flag(self.progress, "progress"),
        )  # fmt: skip
        check_schedule(way, schedule, network, aside is not None)
        self.network_ = network
        return Task(Objective(network, loss), rows, aside, starts, seeds, way, schedule)

    def finish(self, results: Sequence[OptimizeResult], dtype: np.dtype) -> Self:
        """Keep the best of what a training gave, from one or more starting points."""
        result = min(results, key=_loss_of)
        if not np.isfinite(result.fun):
            warnings.warn(
                f"the loss became {result.fun}; expected a finite number. Try a smaller learning "
                "rate, or another starting point",
                ConvergenceWarning,
                stacklevel=3,
            )
        self.fit_result_ = result
        self.weights_ = np.asarray(result.x, dtype)
        self.loss_ = float(result.fun)
        self.loss_curve_ = np.asarray(result.losses)
        self.n_iter_ = int(result.nit)
        return self

    @abstractmethod
    def _learn(
        self, X: np.ndarray, y: np.ndarray, weights: np.ndarray, loss: Loss
    ) -> tuple[Network, np.ndarray, Loss, np.ndarray]:
        """Network, targets, loss of the targets, and weights of the samples."""

    @property
    def fit_result(self) -> Any:
        """What the optimizer returned, as in Qiskit Machine Learning; `fit_result.x`: weights."""
        check_is_fitted(self)
        return self.fit_result_

    @property
    def weights(self) -> Float[np.ndarray, " weights"]:
        """The trained weights, as in Qiskit Machine Learning: `weights_`."""
        check_is_fitted(self)
        return self.weights_

    def __sklearn_tags__(self) -> Tags:
        """What scikit-learn asks of an estimator."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.non_deterministic = self.random_state is None and self.initial_point is None
        return tags

    def _outputs(self, X: Any) -> Float[np.ndarray, "samples outputs"]:
        """The network's outputs for new samples."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=FLOATS, accept_sparse="csr")
        return evaluate(self.network_, self.weights_, _dense(X))

    def _starts(
        self, network: Network, restarts: int, rng: np.random.RandomState, warm: bool
    ) -> Float[np.ndarray, "restarts weights"]:
        """Given points come first, random ones follow."""
        drawn = rng.uniform(-1, 1, (restarts, network.num_weights))
        given: Any = self.weights_ if warm else self.initial_point
        if given is None:
            return drawn
        point = as_real_numpy(given, "initial_point").astype(float)
        if point.shape == (network.num_weights,):
            point = point[None]
        if point.ndim != 2 or point.shape[1] != network.num_weights or len(point) > restarts:
            several = f" or up to {restarts} rows of that" if restarts > 1 else ""
            raise ValueError(
                f"initial_point: expected one number for each weight of the network, shape "
                f"({network.num_weights},){several}, got {point.shape}"
            )
        if not np.isfinite(point).all():
            raise ValueError("initial_point: expected finite numbers, got NaN or infinity")
        drawn[: len(point)] = point
        return drawn

    def _split(
        self, rows: Batch, y: np.ndarray, rng: np.random.RandomState
    ) -> tuple[Batch, Batch | None]:
        if self.validation_fraction is None:
            return rows, None
        fraction = as_real_numpy(self.validation_fraction, "validation_fraction")
        if fraction.ndim or not 0 < fraction < 1:
            raise ValueError(
                "validation_fraction: expected a number between 0 and 1, got "
                f"{self.validation_fraction!r}"
            )
        kept, aside = train_test_split(
            np.arange(len(y)),
            test_size=float(fraction),
            random_state=rng,
            stratify=self._strata(y),
        )
        return Batch(*(part[kept] for part in rows)), Batch(*(part[aside] for part in rows))

    def _strata(self, y: np.ndarray) -> np.ndarray | None:  # noqa: ARG002
        """What is to be as frequent among the rows that are kept aside as among all."""
        return None


def checked_network(network: Any, num_features: int, num_classes: int | None) -> Network:
    """A network that takes so many features; made by a function of their number, if it is one.

    Raises:
        TypeError: for what is no network, nor a function that makes one.
        ValueError: for a network of another width, or with outputs that are no vector.
    """
    if callable(network) and not isinstance(network, type) and not isinstance(network, Network):
        network = network(num_features, num_classes)
    check_network(network)
    shape = output_shape_of(network)
    if len(shape) != 1:
        raise ValueError(
            f"neural_network: expected outputs that are a vector, got output_shape={shape}"
        )
    if network.num_inputs != num_features:
        raise ValueError(
            f"X has {num_features} features, but the network takes {network.num_inputs} inputs"
        )
    if not network.num_weights:
        raise ValueError("neural_network: it has no weights, so nothing can be trained")
    return network


def _loss_of(result: OptimizeResult) -> float:
    return float(result.fun) if np.isfinite(result.fun) else np.inf


def _dense(X: Any) -> np.ndarray:
    return X.toarray() if issparse(X) else X


def mean_one(
    weights: Float[np.ndarray, " samples"], estimator: object
) -> Float[np.ndarray, " samples"]:
    """How much each sample counts, so that it is 1 on average.

    Raises:
        ValueError: for negative numbers, and where none counts.
    """
    if (weights < 0).any():
        raise ValueError("sample_weight: expected numbers of at least 0, got negative ones")
    if not weights.any():
        raise ValueError(
            f"sample_weight: all are zero; {type(estimator).__name__} needs samples that count"
        )
    return weights / weights.mean()
