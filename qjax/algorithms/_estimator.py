"""Floor 11. What estimators that train a network share: fit, and what it leaves behind."""

import copy
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
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from qjax._base.options import as_flag, as_whole
from qjax._networks import Network, evaluate
from qjax.algorithms._arguments import last_weights, mean_one, split, starting_points
from qjax.algorithms._losses import Loss, as_loss
from qjax.algorithms._objective import Batch, Objective, needs_key, objective_of
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
        seeds: of batches and draws, shape `(restarts,)`.
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

        What it finds is set at its end: a fit that fails, or is interrupted, leaves the estimator
        as it was.

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
        # On a copy: what fails, or is interrupted, leaves the estimator as it was.
        twin = copy.copy(self)
        twin._fit(X, y, sample_weight)
        self.__dict__ = twin.__dict__
        return self

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> None:
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
        self.finish(results, task.starts.dtype)

    def task(self, X: Any, y: Any, sample_weight: Any = None) -> Task:
        """What `fit` minimises. It sets what `fit` learns of the data: classes, widths, network.

        Raises:
            ValueError: as `fit`.
            TypeError: as `fit`.
        """
        way = as_way(self.optimizer, self.learning_rate, self.max_iter)
        if self.callback is not None and not callable(self.callback):
            raise TypeError(f"callback: expected a function (weights, loss), got {self.callback!r}")
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
        starts = starting_points(
            network,
            restarts,
            rng,
            last_weights(network, self.weights_) if warm else self.initial_point,
        ).astype(X.dtype)
        seeds = rng.randint(2**31 - 1, size=restarts)
        batch = Batch(X, targets.astype(X.dtype), weights)
        rows, aside = split(batch, self.validation_fraction, self._strata(y), rng)
        schedule = Schedule(
            self.max_iter, self.batch_size, self.convergence, self.patience,
            as_flag(self.progress, "progress"),
        )  # fmt: skip
        check_schedule(way, schedule, network, aside is not None)
        self.network_ = network
        # One more number, for predictions, where any is needed: all others are what they were.
        self._seed = int(rng.randint(2**31 - 1)) if needs_key(network) else None
        return Task(objective_of(network, loss), rows, aside, starts, seeds, way, schedule)

    def finish(self, results: Sequence[OptimizeResult], dtype: np.dtype) -> Self:
        """Keep the best of what a training gave, from one or more starting points.

        Warns:
            ConvergenceWarning: where loss or weights became infinite or NaN.
        """
        result = min(results, key=_loss_of)
        if what := _gone_astray(result):
            warnings.warn(
                f"{what} at step {result.nit}; expected finite numbers. Try a smaller learning "
                "rate, or another starting point",
                ConvergenceWarning,
                stacklevel=4,
            )
        self.fit_result_ = result
        self.weights_ = np.array(result.x, dtype)
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
        given = vars(self)  # `neural_network` may be a property, of what is fitted
        draws = given.get("shots") is not None or needs_key(given.get("neural_network"))
        fixed = self.initial_point is not None and not draws
        tags.non_deterministic = self.random_state is None and not fixed
        return tags

    def _outputs(self, X: Any) -> Float[np.ndarray, "samples outputs"]:
        """The network's outputs for new samples."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=FLOATS, accept_sparse="csr")
        return evaluate(self.network_, self.weights_, _dense(X), seed=self._seed)

    def _strata(self, y: np.ndarray) -> np.ndarray | None:  # noqa: ARG002
        """What is to be as frequent among the rows that are kept aside as among all."""
        return None


def _gone_astray(result: OptimizeResult) -> str:
    """What became infinite or NaN; nothing where all went well."""
    if not np.isfinite(result.fun):
        return f"the loss became {result.fun}"
    if not getattr(result, "diverged", False):
        return ""
    last = result.losses[-1]
    return (
        "the next weights became infinite or NaN"
        if np.isfinite(last)
        else f"the loss became {last}"
    )


def _loss_of(result: OptimizeResult) -> float:
    return float(result.fun) if np.isfinite(result.fun) else np.inf


def _dense(X: Any) -> np.ndarray:
    return X.toarray() if issparse(X) else X
