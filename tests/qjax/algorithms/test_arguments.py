"""What does not fit together, and what the message says of it."""

from __future__ import annotations

import numpy as np
import optax
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import real_amplitudes, zz_feature_map
from qiskit_machine_learning.optimizers import ADAM
from qiskit_machine_learning.utils.loss_functions import CrossEntropyLoss
from sklearn.exceptions import NotFittedError

import qjax
from qjax.algorithms import VQC, VQR, NeuralNetworkClassifier, NeuralNetworkRegressor
from tests.qjax.algorithms.networks import estimator_of_width, points, sampler_of_width

X, Y = points()
NETWORK = sampler_of_width(2, 2)
ONE = estimator_of_width(2, 1)
TWO = estimator_of_width(2, 2)
SQUARE = NETWORK.replace(interpret=lambda integer: (0, integer % 2), output_shape=(2, 2))
STEPS = {"optimizer": optax.adam, "learning_rate": 0.1}
FIXED = QuantumCircuit(2)


class Bare:
    num_inputs, num_weights, output_shape = 2, 0, (1,)

    def apply(self, weights, inputs):
        raise NotImplementedError


CLASSIFIERS = {
    "a name of no loss": ({"loss": "hinge"}, ValueError, "loss: expected one of.*squared.*'hinge'"),
    "no loss": ({"loss": 3}, TypeError, "loss: expected one of .* function .* got 3"),
    "a mean": ({"loss": lambda p, t: (p - t).sum()}, ValueError, "one number for each of the 12"),
    "a name of no optimizer": ({"optimizer": "adamw"}, ValueError, "COBYLA.*optax.*'adamw'"),
    "no optimizer": ({"optimizer": 3}, TypeError, "optimizer: expected None, the name.*got 3"),
    "a class": ({"optimizer": ADAM}, TypeError, "optimizer: expected None.*class"),
    "a rate is missing": ({"optimizer": optax.adam}, ValueError, r"learning_rate.*adam\(0.01\)"),
    "a rate without use": ({"learning_rate": 0.1}, ValueError, "learning_rate.*None.*optax.adam"),
    "a rate twice": (
        {"optimizer": optax.adam(0.1), "learning_rate": 0.1},
        ValueError,
        "learning_rate.*transformation",
    ),
    "a rate of a name": (
        {"learning_rate": 1, "optimizer": "CG"},
        ValueError,
        "learning_rate.*'CG'",
    ),
    "a word for a rate": (STEPS | {"learning_rate": "fast"}, TypeError, "learning_rate: got str"),
    "rates": (STEPS | {"learning_rate": [1, 2]}, ValueError, "learning_rate: expected one finite"),
    "no steps": ({"max_iter": 0}, ValueError, "max_iter: expected a whole number of at least 1"),
    "steps twice": (
        {"max_iter": 5, "optimizer": ADAM(5)},
        ValueError,
        "max_iter: got 5.*own limit",
    ),
    "batches on the host": ({"batch_size": 4}, ValueError, "batch_size: not for an optimizer on"),
    "validation on the host": (
        {"validation_fraction": 0.5},
        ValueError,
        "validation_fraction: not",
    ),
    "no batch": (STEPS | {"batch_size": 0}, ValueError, "batch_size: expected a whole number"),
    "nothing to validate on": (STEPS | {"patience": 3}, ValueError, "patience: got 3 without"),
    "too few aside": (
        STEPS | {"validation_fraction": 0.01},
        ValueError,
        r"validation_fraction: 0.01 of 12 rows cannot.*test_size = 1",
    ),
    "all aside": (
        STEPS | {"validation_fraction": 1.0},
        ValueError,
        "validation_fraction: expected",
    ),
    "no restart": ({"restarts": 0}, ValueError, "restarts: expected a whole number of at least 1"),
    "half a start": ({"initial_point": [0.1]}, ValueError, r"initial_point.*\(10,\), got \(1,\)"),
    "NaN": ({"initial_point": np.full(10, np.nan)}, ValueError, "initial_point: expected finite"),
    "words": ({"initial_point": ["a"] * 10}, TypeError, "initial_point"),
    "more starts": (
        {"initial_point": np.zeros((3, 10)), "restarts": 2},
        ValueError,
        r"initial_point.*up to 2 rows.*\(3, 10\)",
    ),
    "a word for a flag": ({"warm_start": "no"}, TypeError, "warm_start: expected True or False"),
    "another flag": ({"one_hot": 1}, TypeError, "one_hot: expected True or False"),
    "entropy of numbers": ({"loss": "cross_entropy"}, ValueError, "cross_entropy.*one_hot=True"),
    "entropy of a value": (
        {"neural_network": ONE, "loss": "cross_entropy"},
        ValueError,
        "cross_entropy compares the probabilities.*expectation values",
    ),
    "entropy of values": (
        {"neural_network": TWO, "loss": CrossEntropyLoss(), "one_hot": True},
        ValueError,
        "cross_entropy compares the probabilities.*expectation values",
    ),
    "values as probabilities": (
        {"neural_network": TWO},
        ValueError,
        "neural_network: its 2 outputs are expectation values.*one_hot=True",
    ),
    "no callback": ({"callback": 3}, TypeError, r"callback: expected a function.*got 3"),
    "a bar on the host": ({"progress": True}, ValueError, "progress: not for an optimizer on the"),
    "classes that count less than nothing": (
        {"class_weight": {0: -1, 1: 1}},
        ValueError,
        "class_weight: expected finite numbers of at least 0",
    ),
    "rows of one output": (
        {"neural_network": ONE, "one_hot": True},
        ValueError,
        "one_hot: got True with a network of one output",
    ),
    "no network": ({"neural_network": None}, TypeError, "^neural_network: got NoneType"),
    "a class of networks": ({"neural_network": qjax.SamplerQNN}, TypeError, "class SamplerQNN"),
    "a matrix of outputs": ({"neural_network": SQUARE}, ValueError, r"output_shape=\(2, 2\)"),
    "no weights": ({"neural_network": Bare()}, ValueError, "no weights"),
    "another width": (
        {"neural_network": sampler_of_width(3, 2)},
        ValueError,
        "2 features.*takes 3",
    ),
}


@pytest.mark.parametrize("case", CLASSIFIERS)
def test_arguments(case: str) -> None:
    arguments, error, message = CLASSIFIERS[case]
    with pytest.raises(error, match=message):
        NeuralNetworkClassifier(**({"neural_network": NETWORK} | arguments)).fit(X, Y)


LABELS = {
    "one class": (np.zeros(12, int), "at least 2 classes, got one class only"),
    "continuous": (X[:, 0], "continuous"),
    "three classes": (np.arange(12) % 3, "3 classes.*2 outputs"),
    "no rows of one 1": (np.ones((12, 2), int), "a single 1 in each"),
    "rows for numbers": (np.eye(2, dtype=int)[Y], "one_hot=True"),
    "of two types": (np.array([None, "a"] * 6, object), "labels of one type, got NoneType, str"),
    "of types": (np.array([1, "a"] * 6, object), "labels of one type, got int, str"),
    "too few": (Y[:5], "inconsistent numbers"),
}


@pytest.mark.parametrize("case", LABELS)
def test_labels(case: str) -> None:
    y, message = LABELS[case]
    with pytest.raises((ValueError, TypeError), match=message):
        NeuralNetworkClassifier(NETWORK).fit(X, y)


def test_three_classes_of_one_output() -> None:
    with pytest.raises(ValueError, match="3 classes, but 1 output of the network can tell 2"):
        NeuralNetworkClassifier(ONE).fit(X, np.arange(12) % 3)


def test_more_classes_than_outcomes() -> None:
    with pytest.raises(ValueError, match=r"num_qubits: got 2, which have 4 outcomes.*classes, 5"):
        VQC(num_qubits=2).fit(X, np.arange(12) % 5)
    with pytest.raises(ValueError, match=r"output_shape: expected a whole number.*\(2, 2\)"):
        VQC(output_shape=(2, 2)).fit(X, Y)
    with pytest.raises(ValueError, match="3 classes, but 2 outputs"):
        VQC(output_shape=2).fit(X, np.arange(12) % 3)


def test_warm_start_of_another_network() -> None:
    model = NeuralNetworkClassifier(NETWORK, **STEPS, max_iter=1, warm_start=True).fit(X, Y)
    model.set_params(neural_network=estimator_of_width(3, 1))
    with pytest.raises(ValueError, match="warm_start: the last fit left 10 weights; expected 11"):
        model.fit(X[:, [0, 1, 1]], Y)
    model.weights_[0] = np.nan
    with pytest.raises(ValueError, match=r"warm_start: the last fit left 10 weights.*NaN"):
        model.set_params(neural_network=NETWORK).fit(X, Y)


def test_values() -> None:
    with pytest.raises(ValueError, match=r"y: got 3 values for each sample.*1 output;"):
        NeuralNetworkRegressor(ONE).fit(X, np.zeros((12, 3)))
    with pytest.raises(ValueError, match=r"its 2 outputs are expectation values.*several columns"):
        VQR(observable=["ZI", "IZ"]).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="cross_entropy compares the probabilities"):
        VQR(loss="cross_entropy").fit(X, X[:, 0])
    with pytest.raises(ValueError, match="NaN"):
        NeuralNetworkRegressor(ONE).fit(X, np.full(12, np.nan))
    with pytest.raises(TypeError, match="y: got ndarray of dtype <U1; expected real numbers"):
        NeuralNetworkRegressor(ONE).fit(X, ["a"] * 12)


@pytest.mark.parametrize("weights", [np.zeros(12), -np.ones(12), np.ones(5)])
def test_sample_weights(weights: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"(?i)sample.weight"):
        NeuralNetworkClassifier(NETWORK).fit(X, Y, sample_weight=weights)


CIRCUITS = {
    "a number": ({"feature_map": 2}, TypeError, "feature_map: expected a QuantumCircuit"),
    "too few qubits": (
        {"num_qubits": 1, "ansatz": real_amplitudes(2)},
        ValueError,
        "num_qubits: expected a whole number of at least 2",
    ),
    "another width": (
        {"feature_map": zz_feature_map(3)},
        ValueError,
        "2 features.*3 qubits takes 3",
    ),
    "the same names": (
        {"feature_map": zz_feature_map(2), "ansatz": zz_feature_map(2)},
        ValueError,
        r"both have parameters \['x\[0\]'",
    ),
    "nothing to train": ({"ansatz": FIXED}, ValueError, "no weights"),
}


@pytest.mark.parametrize("case", CIRCUITS)
@pytest.mark.parametrize("kind", [VQC, VQR])
def test_circuits(kind: type, case: str) -> None:
    arguments, error, message = CIRCUITS[case]
    with pytest.raises(error, match=message):
        kind(**arguments).fit(X, Y)


@pytest.mark.parametrize("name", ["predict", "predict_proba", "decision_function"])
def test_before_fit(name: str) -> None:
    with pytest.raises(NotFittedError):
        getattr(VQC(), name)(X)
    assert VQC().num_classes is None
    for attribute in ("weights", "fit_result", "circuit", "neural_network"):
        assert not hasattr(VQC(), attribute)
