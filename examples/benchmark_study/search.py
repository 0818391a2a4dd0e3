"""The grids of hyperparameters of the study, searched by cross-validation."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedKFold

from benchmark_study.datasets import Dataset
from benchmark_study.fitting import fit_and_score

FOLDS = 5  # stratified, in the order of the samples
SEED = 42  # of every fit
RATES = (0.001, 0.01, 0.1)
PENALTIES = (0.1, 1.0, 10.0, 100.0)

# The last varies fastest; of equally good points the first wins.
GRIDS: dict[str, dict[str, tuple]] = {
    "DataReuploading": {
        "learning_rate": RATES,
        "layers": (1, 5, 10, 15),
        "observed": ("single", "half", "full"),
    },
    "DressedCircuit": {"learning_rate": RATES, "layers": (1, 5, 10, 15)},
    "CircuitCentric": {"learning_rate": RATES, "copies": (1, 2, 3), "layers": (1, 5, 10)},
    "IQPVariational": {
        "learning_rate": RATES,
        "layers": (1, 5, 10, 15),
        "repeats": (1, 5, 10),
    },
    "QuantumMetricLearner": {"learning_rate": RATES, "layers": (1, 3, 4)},
    "TreeTensor": {"learning_rate": RATES},
    "SeparableVariational": {"layers": (1, 3, 5, 10), "learning_rate": RATES},
    "IQPKernel": {"C": PENALTIES, "repeats": (1, 5, 10)},
    "ProjectedKernel": {
        "C": PENALTIES,
        "gamma_factor": (0.1, 1.0, 10.0),
        "time": (0.01, 0.1, 1.0),
        "trotter_steps": (1, 3, 5),
    },
    "SeparableKernel": {"C": PENALTIES, "layers": (1, 3, 5, 10)},
    "MLP": {
        "alpha": (0.01, 0.001, 0.0001),
        "hidden_layer_sizes": ((100,), (10, 10, 10, 10), (50, 10, 5)),
        "learning_rate_init": RATES,
    },
    "SVC": {"C": PENALTIES, "gamma": (0.001, 0.01, 0.1, 1.0)},
}


@dataclass(frozen=True)
class GridPoint:
    """A point of a grid.

    Attributes:
        hyperparameters: what was fitted.
        accuracy: the mean over folds; NaN where a training did not converge, as in the study.
        seconds, cpu_seconds: for all folds.
    """

    hyperparameters: Mapping[str, Any]
    accuracy: float
    seconds: float
    cpu_seconds: float


def grid_points(model: str) -> list[dict[str, Any]]:
    """The points of a model's grid, in their order."""
    grid = GRIDS[model]
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]


def search(
    model: str,
    dataset: Dataset,
    max_steps: int | None = None,
    told: Callable[[], object] = lambda: None,
) -> list[GridPoint]:
    """The accuracy of each point of a model's grid.

    Points that differ in numbers alone, such as the learning rate, run one compiled program.

    Args:
        model: name.
        dataset: of which the training set is cut into folds.
        max_steps: of a training; None for the study's.
        told: called after each fit.
    """
    return [cross_validated(model, p, dataset, max_steps, told) for p in grid_points(model)]


def best_of(points: list[GridPoint]) -> GridPoint:
    """The point with the highest accuracy, the first of several; of failed ones, the first."""
    accuracies = [-np.inf if np.isnan(point.accuracy) else point.accuracy for point in points]
    return points[int(np.argmax(accuracies))]


def cross_validated(
    model: str,
    hyperparameters: Mapping[str, Any],
    dataset: Dataset,
    max_steps: int | None = None,
    told: Callable[[], object] = lambda: None,
) -> GridPoint:
    """The accuracy of a point, the mean over five folds; arguments as in `search`."""
    fits = []
    for train, test in _folds(dataset):
        fits.append(fit_and_score(model, hyperparameters, train, test, SEED, max_steps))
        told()
    # Perceptrons that were stopped count in the study, too.
    failed = not all(fit.converged for fit in fits)
    return GridPoint(
        hyperparameters,
        np.nan if failed else float(np.mean([fit.test for fit in fits])),
        sum(fit.seconds for fit in fits),
        sum(fit.cpu_seconds for fit in fits),
    )


def _folds(dataset: Dataset) -> Iterator[tuple[tuple, tuple]]:
    points, labels = dataset.train, dataset.train_labels
    for train, test in StratifiedKFold(FOLDS).split(points, labels):
        yield (points[train], labels[train]), (points[test], labels[test])
