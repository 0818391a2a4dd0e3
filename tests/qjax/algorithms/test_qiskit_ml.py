"""From the same start, with the same optimizer: the losses of Qiskit Machine Learning."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import qiskit_machine_learning.algorithms as theirs
from qiskit_machine_learning import neural_networks, optimizers
from qiskit_machine_learning.utils import loss_functions

import qjax
from qjax import algorithms
from tests.qjax.algorithms.networks import circuits, points

FEATURE_MAP, ANSATZ = circuits()
NETWORK = {
    "circuit": FEATURE_MAP.compose(ANSATZ),
    "input_params": list(FEATURE_MAP.parameters),
    "weight_params": list(ANSATZ.parameters),
}
START = np.array([0.3, -0.8, 0.6, 0.1])
X, Y = points(6)
OPTIMIZERS = {
    "COBYLA": lambda: optimizers.COBYLA(maxiter=12),
    "SLSQP": lambda: optimizers.SLSQP(maxiter=4),
    "L_BFGS_B": lambda: optimizers.L_BFGS_B(maxiter=3),
    "ADAM": lambda: optimizers.ADAM(maxiter=5, lr=0.1),
    "default": lambda: None,
}


def losses(kind, X=X, y=Y, **arguments) -> tuple[np.ndarray, object]:
    """What the callback is told, and the fitted estimator."""
    told: list[float] = []

    def callback(*news: object) -> None:  # (weights, loss), or of ADAM (count, weights, loss)
        told.append(float(news[-1]))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs
        model = kind(**arguments, initial_point=START.copy(), callback=callback)
        return np.array(told if model.fit(X, y) else []), model


def assert_same(ours: tuple, expected: tuple) -> None:
    assert len(expected[0]) > 3
    np.testing.assert_allclose(ours[0], expected[0], rtol=0, atol=1e-6)
    assert ours[1].weights.shape == expected[1].weights.shape == (4,)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_vqc(optimizer: str) -> None:
    parts = {"feature_map": FEATURE_MAP, "ansatz": ANSATZ}
    ours, expected = (
        losses(module.VQC, **parts, optimizer=OPTIMIZERS[optimizer]())
        for module in (algorithms, theirs)
    )
    assert_same(ours, expected)
    np.testing.assert_array_equal(ours[1].predict(X), expected[1].predict(X))
    np.testing.assert_allclose(ours[1].predict_proba(X), expected[1].predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error"])
@pytest.mark.parametrize("optimizer", ["COBYLA", "L_BFGS_B"])
@pytest.mark.parametrize("one_hot", [False, True])
def test_classifier_of_probabilities(loss: str, optimizer: str, one_hot: bool) -> None:
    reading = {"interpret": lambda integer: integer % 2, "output_shape": 2}
    arguments = {"loss": loss, "one_hot": one_hot, "optimizer": OPTIMIZERS[optimizer]()}
    ours, expected = (
        losses(
            package.NeuralNetworkClassifier,
            neural_network=module.SamplerQNN(**NETWORK, **reading),
            **arguments,
        )
        for package, module in ((algorithms, qjax), (theirs, neural_networks))
    )
    assert_same(ours, expected)
    np.testing.assert_allclose(ours[1].weights, expected[1].weights, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(ours[1].predict(X), expected[1].predict(X))


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error"])
@pytest.mark.parametrize("kind", ["NeuralNetworkClassifier", "NeuralNetworkRegressor"])
def test_expectation_values(kind: str, loss: str) -> None:
    y = 2 * Y - 1 if "Classifier" in kind else X.sum(1)
    arguments = {"loss": loss, "optimizer": optimizers.SLSQP(maxiter=4), "y": y}
    ours, expected = (
        losses(getattr(package, kind), neural_network=module.EstimatorQNN(**NETWORK), **arguments)
        for package, module in ((algorithms, qjax), (theirs, neural_networks))
    )
    assert_same(ours, expected)
    np.testing.assert_allclose(ours[1].predict(X), expected[1].predict(X).ravel(), atol=1e-5)
    assert ours[1].score(X, y) == pytest.approx(expected[1].score(X, y), abs=1e-5)


def test_vqr() -> None:
    parts = {"feature_map": FEATURE_MAP, "ansatz": ANSATZ, "y": X.sum(1)}
    ours, expected = (
        losses(module.VQR, **parts, optimizer=optimizers.ADAM(maxiter=5, lr=0.1))
        for module in (algorithms, theirs)
    )
    assert_same(ours, expected)


@pytest.mark.parametrize("name", ["L1Loss", "L2Loss", "CrossEntropyLoss"])
def test_their_losses(name: str) -> None:
    loss = getattr(loss_functions, name)()
    parts = {"feature_map": FEATURE_MAP, "ansatz": ANSATZ, "loss": loss}
    ours, expected = (
        losses(module.VQC, **parts, optimizer=optimizers.ADAM(maxiter=5, lr=0.1))
        for module in (algorithms, theirs)
    )
    assert_same(ours, expected)


class Cubed(loss_functions.Loss):
    """One that is not known here: computed by its own methods, in NumPy."""

    def evaluate(self, predict: np.ndarray, target: np.ndarray) -> np.ndarray:
        return (np.abs(predict - target) ** 3).sum(1)

    def gradient(self, predict: np.ndarray, target: np.ndarray) -> np.ndarray:
        return 3 * np.abs(predict - target) * (predict - target)


def test_a_loss_of_its_own() -> None:
    parts = {"feature_map": FEATURE_MAP, "ansatz": ANSATZ, "loss": Cubed()}
    ours, expected = (
        losses(module.VQC, **parts, optimizer=optimizers.SLSQP(maxiter=4))
        for module in (algorithms, theirs)
    )
    assert_same(ours, expected)


def test_their_trainer_on_a_sampler_of_ours_and_ours_on_theirs() -> None:
    """Networks on primitives: values from the sampler, gradients by parameter shift."""
    parts = {"feature_map": FEATURE_MAP, "ansatz": ANSATZ}
    sampler = qjax.primitives.Sampler(default_shots=None)
    ours, expected = (
        losses(module.VQC, **parts, optimizer=optimizers.SLSQP(maxiter=3), sampler=sampler)
        for module in (algorithms, theirs)
    )
    assert_same(ours, expected)


def test_labels_of_three_classes() -> None:
    """Theirs needs `output_shape` for more than two."""
    y = np.array(["a", "b", "c"])[np.arange(len(X)) % 3]
    parts = {"feature_map": FEATURE_MAP, "ansatz": ANSATZ, "y": y}
    optimizer = optimizers.COBYLA(maxiter=12)
    expected = losses(theirs.VQC, **parts, optimizer=optimizer, output_shape=3)
    ours = losses(algorithms.VQC, **parts, optimizer=optimizer)
    assert_same(ours, expected)
    assert set(ours[1].predict(X)) <= {"a", "b", "c"}


def test_one_hot_rows() -> None:
    y = np.eye(2)[Y]
    parts = {"feature_map": FEATURE_MAP, "ansatz": ANSATZ, "y": y}
    ours, expected = (
        losses(module.VQC, **parts, optimizer=optimizers.COBYLA(maxiter=12))
        for module in (algorithms, theirs)
    )
    assert_same(ours, expected)
    np.testing.assert_array_equal(ours[1].predict(X), expected[1].predict(X))
    assert ours[1].score(X, y) == expected[1].score(X, y)
