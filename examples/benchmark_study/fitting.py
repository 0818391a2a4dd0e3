"""Name, hyperparameters, data -> a fitted model, and how often it is right."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import numpy as np
import optax
from jax import Array
from sklearn.base import clone
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from benchmark_study.models import GRADIENT_MODELS, KERNEL_MODELS, GradientModel, KernelModel
from benchmark_study.models.gradient_model import ANGLES, Labels, Points
from benchmark_study.streams import QUICK_TO_COMPILE, Stream, as_published
from qjax.training import Plateau, minimize

WINDOW = 200  # losses, of which convergence is decided
EPOCHS = 3000  # of the perceptron, at most

Hyperparameters = Mapping[str, Any]


@dataclass(frozen=True)
class Fitted:
    """A fitted model.

    Attributes:
        predict: points -> labels, -1 or +1.
        steps: of its training; 0 without.
        converged: whether it ended by itself.
    """

    predict: Callable[[Points], Labels]
    steps: int = 0
    converged: bool = True


@dataclass(frozen=True)
class Fit:
    """What a fit came to.

    Attributes:
        train, test: accuracies.
        steps: of the training; 0 without.
        converged: whether it ended by itself.
        seconds, cpu_seconds: for fit and accuracies.
    """

    train: float
    test: float
    steps: int
    converged: bool
    seconds: float
    cpu_seconds: float


def fit(
    name: str,
    hyperparameters: Hyperparameters,
    points: Points,
    labels: Labels,
    seed: int,
    max_steps: int | None = None,
) -> Fitted:
    """Fit a model of the study.

    Args:
        name: one of `MODELS`.
        hyperparameters: fields of the model, and `learning_rate` or `C`; scikit-learn's for the
            classical ones.
        points: shape `(samples, features)`, as they are: each model scales for itself.
        labels: -1 or +1.
        seed: of all that is random.
        max_steps: of training; None for the study's.
    """
    features = points.shape[1]
    with jax.enable_x64(True):  # the study computes in double
        if name in GRADIENT_MODELS:
            rest = {key: value for key, value in hyperparameters.items() if key != "learning_rate"}
            model = _architecture(name, features, tuple(rest.items()))
            rate = hyperparameters["learning_rate"]
            return _trained(model, rate, points, labels, seed, max_steps or model.max_steps)
        if name in KERNEL_MODELS:
            rest = {key: value for key, value in hyperparameters.items() if key != "C"}
            kernel = KERNEL_MODELS[name](features, **rest)
            return _with_kernel(kernel, hyperparameters["C"], points, labels, seed)
    return _classical(name, hyperparameters, points, labels, seed)


def fit_and_score(
    name: str,
    hyperparameters: Hyperparameters,
    train: tuple[Points, Labels],
    test: tuple[Points, Labels],
    seed: int,
    max_steps: int | None = None,
) -> Fit:
    """Fit a model to the training set, and count on both sets."""
    started, cpu_started = time.perf_counter(), time.process_time()
    fitted = fit(name, hyperparameters, *train, seed, max_steps)
    # In this order: the metric learner draws anew each time.
    accuracies = [float(np.mean(fitted.predict(x) == labels)) for x, labels in (train, test)]
    spent = time.perf_counter() - started, time.process_time() - cpu_started
    return Fit(accuracies[0], accuracies[1], fitted.steps, fitted.converged, *spent)


@cache
def _architecture(name: str, features: int, fields: tuple[tuple[str, Any], ...]) -> GradientModel:
    """One object for equal numbers: programs are kept for its methods."""
    return GRADIENT_MODELS[name](features, **dict(fields))


@cache
def _compiled_init(model: GradientModel) -> Callable[[Array], Any]:
    return jax.jit(model.init, compiler_options=QUICK_TO_COMPILE)


@cache
def _compiled_score(model: GradientModel) -> Callable[[Any, Points], Array]:
    return jax.jit(model.score)


def _trained(
    model: GradientModel,
    learning_rate: float,
    points: Points,
    labels: Labels,
    seed: int,
    max_steps: int,
) -> Fitted:
    """Adam at a constant rate, until the loss stays where it is."""
    scaler = clone(model.scaler).fit(points)
    x = scaler.transform(points)
    rows = model.rows(x, labels)
    stream = Stream(seed, model.key_bound)
    size = min(model.batch_size, int(min(np.sum(labels < 0), np.sum(labels > 0))))
    first = model.num_keys
    with as_published():
        weights = _compiled_init(model)(stream.keys(0, first))
    result = minimize(
        model.loss,
        weights,
        optax.adam,
        rows,
        steps=max_steps,
        sampling=stream.positions(first, max_steps, size, len(rows[0])),
        settings={"learning_rate": learning_rate},
        convergence=Plateau(WINDOW),
    )
    steps = int(result.steps)
    used = first + steps

    def predict(others: Points) -> Labels:
        nonlocal used
        with jax.enable_x64(True):
            with as_published():
                weights = model.ready(result.weights, x, labels, stream.keys(used, 2))
            scores = _compiled_score(model)(weights, scaler.transform(others))
        used += 2
        return np.where(np.asarray(scores) > 0, 1.0, -1.0)

    return Fitted(predict, steps, bool(result.converged))


def _with_kernel(
    model: KernelModel, penalty: float, points: Points, labels: Labels, seed: int
) -> Fitted:
    """A support vector machine on the kernel of all pairs."""
    scaler = clone(ANGLES).fit(points)
    x = scaler.transform(points)
    weights = model.weights(np.random.default_rng(seed))
    machine = SVC(kernel="precomputed", C=penalty).fit(model.matrix(x, x, weights), labels)

    def predict(others: Points) -> Labels:
        with jax.enable_x64(True):
            return machine.predict(model.matrix(scaler.transform(others), x, weights))

    return Fitted(predict)


def _classical(
    name: str, hyperparameters: Hyperparameters, points: Points, labels: Labels, seed: int
) -> Fitted:
    """Scikit-learn's, on points as they are."""
    if name == "SVC":
        return Fitted(SVC(kernel="rbf", **hyperparameters).fit(points, labels).predict)
    perceptron = MLPClassifier(
        batch_size=32, max_iter=EPOCHS, random_state=seed, **hyperparameters
    ).fit(points, labels)
    return Fitted(perceptron.predict, perceptron.n_iter_)
