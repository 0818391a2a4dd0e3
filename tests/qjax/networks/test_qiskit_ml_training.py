"""Trainers of Qiskit Machine Learning find the same with our networks as with its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import Statevector
from qiskit.transpiler import CouplingMap, generate_preset_pass_manager

from qjax.primitives import Estimator, Sampler

pytest.importorskip("qiskit_machine_learning", minversion="0.9")

from qiskit_machine_learning.algorithms import (
    VQC,
    VQR,
    NeuralNetworkClassifier,
    NeuralNetworkRegressor,
)
from qiskit_machine_learning.optimizers import ADAM, COBYLA, SLSQP

from tests.qjax.networks.qiskit_ml_pairs import (
    ANSATZ,
    CIRCUIT,
    CLASSES,
    DEVIATION,
    FEATURES,
    PAIRS,
    POINTS,
    SHOTS,
    SIGNS,
    WEIGHTS,
    close,
    our_estimator,
    our_sampler,
    their_estimator,
)


def bound(inputs: np.ndarray, weights: np.ndarray) -> QuantumCircuit:
    values = dict(zip(FEATURES.parameters, inputs, strict=True))
    return CIRCUIT.assign_parameters(values | dict(zip(ANSATZ.parameters, weights, strict=True)))


@pytest.mark.parametrize("model", [NeuralNetworkClassifier, NeuralNetworkRegressor])
@pytest.mark.parametrize(
    "optimizer",
    [COBYLA(maxiter=15), SLSQP(maxiter=4), ADAM(maxiter=4)],
    ids=lambda o: type(o).__name__,
)
def test_same_training(model: type, optimizer: Any) -> None:
    trained = [
        model(network, optimizer=optimizer, initial_point=WEIGHTS).fit(POINTS, SIGNS)
        for network in (our_estimator(), their_estimator(), their_estimator(Estimator()))
    ]
    for other in trained[1:]:
        close(trained[0].fit_result.fun, other.fit_result.fun, 1e-6)
        close(trained[0].weights, other.weights, 1e-5)
        close(trained[0].predict(POINTS), other.predict(POINTS), 1e-5)


@pytest.mark.parametrize(
    ("targets", "options"),
    [
        (CLASSES, {}),
        (CLASSES, {"loss": "cross_entropy", "one_hot": True}),
        (np.where(CLASSES, "a", "b"), {"loss": "absolute_error"}),
    ],
    ids=["integers", "one hot", "strings"],
)
def test_same_training_of_probabilities(targets: np.ndarray, options: dict[str, Any]) -> None:
    ours, reference = (
        NeuralNetworkClassifier(
            make(), optimizer=SLSQP(maxiter=4), initial_point=WEIGHTS, **options
        ).fit(POINTS, targets)
        for make in PAIRS["sampler"]
    )
    close(ours.fit_result.fun, reference.fit_result.fun, 1e-6)
    close(ours.predict_proba(POINTS), reference.predict_proba(POINTS), 1e-5)
    assert ours.predict(POINTS).tolist() == reference.predict(POINTS).tolist()


def test_trained_models_are_saved(tmp_path: Path) -> None:
    path = str(tmp_path / "model.dill")
    model = NeuralNetworkClassifier(our_sampler(), optimizer=SLSQP(maxiter=2))
    model.fit(POINTS, CLASSES).to_dill(path)
    loaded = NeuralNetworkClassifier.from_dill(path)
    assert loaded.neural_network == model.neural_network
    close(loaded.predict_proba(POINTS), model.predict_proba(POINTS), 0)


def test_vqr() -> None:
    ours, reference = (
        VQR(
            feature_map=FEATURES,
            ansatz=ANSATZ,
            estimator=estimator,
            optimizer=SLSQP(maxiter=3),
            initial_point=WEIGHTS,
        ).fit(POINTS, POINTS[:, 0])
        # A VQR asks for a precision of 1/64. The seeds give the same noise to both.
        for estimator in (Estimator(seed=5), StatevectorEstimator(seed=5))
    )
    close(ours.fit_result.fun, reference.fit_result.fun, 1e-6)
    close(ours.predict(POINTS), reference.predict(POINTS), 1e-5)


@pytest.mark.parametrize("passes", [False, True], ids=["", "pass manager"])
def test_vqc(passes: bool) -> None:
    """Each call of the sampler gives frequencies of Qiskit's probabilities at these weights."""
    line = CouplingMap.from_line(2)
    manager = generate_preset_pass_manager(1, coupling_map=line, basis_gates=["cx", "rz", "sx"])
    model = VQC(
        feature_map=FEATURES,
        ansatz=ANSATZ,
        sampler=Sampler(default_shots=SHOTS, seed=1),
        optimizer=COBYLA(maxiter=8),
        initial_point=WEIGHTS,
        pass_manager=manager if passes else None,
    )
    model.fit(POINTS, CLASSES)
    states = (bound(x, model.weights) for x in POINTS)
    # The default of a VQC: what is measured, modulo the number of classes.
    odd = [Statevector(state).probabilities([0])[1] for state in states]
    close(model.predict_proba(POINTS)[:, 1], odd, DEVIATION)
