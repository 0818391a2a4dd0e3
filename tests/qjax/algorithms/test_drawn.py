"""Estimators whose networks have shots or noise: seeds of draws, clones, grids."""

from __future__ import annotations

import pickle

import numpy as np
import optax
import pytest
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel as AerNoise
from qiskit_aer.noise import depolarizing_error
from qiskit_machine_learning.optimizers import SPSA
from scipy.optimize import OptimizeResult
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score

from qjax.algorithms import VQC, VQR, NeuralNetworkClassifier, NeuralNetworkRegressor, fit_grid
from qjax.noise import NoiseModel, depolarizing
from qjax.simulators import DensityMatrix
from tests.conftest import Compilations
from tests.qjax.algorithms.networks import circuits, expectation, points

X, Y = points(17)  # folds of two sizes
EXACT = expectation()
DRAWN = EXACT.replace(shots=300)
STEPS = {"optimizer": optax.adam, "learning_rate": 0.1, "max_iter": 20}
COBYLA = {"optimizer": "COBYLA", "learning_rate": None, "max_iter": 8}
NOISE = NoiseModel().after("cx", depolarizing(0.05, 2)).readout(0.02)


def test_a_fit_follows_from_the_random_state(compilations: Compilations) -> None:
    model = NeuralNetworkClassifier(DRAWN, **STEPS, restarts=2, random_state=3).fit(X, Y)
    compilations.reset()
    again = clone(model).fit(X, Y)
    other = clone(model).set_params(random_state=4).fit(X, Y)
    assert compilations.count == 0
    np.testing.assert_array_equal(again.weights_, model.weights_)
    np.testing.assert_array_equal(again.loss_curve_, model.loss_curve_)
    np.testing.assert_array_equal(again.decision_function(X), model.decision_function(X))
    assert (other.loss_curve_ != model.loss_curve_).all()
    exact = NeuralNetworkClassifier(EXACT, **STEPS, restarts=2, random_state=3).fit(X, Y)
    # Batches and starting points are the same: what is left is the error of the draws.
    np.testing.assert_allclose(model.loss_curve_, exact.loss_curve_, atol=0.2)
    assert model.loss_ < model.loss_curve_[0]


def test_the_same_call_gives_the_same_prediction() -> None:
    model = NeuralNetworkRegressor(DRAWN, optimizer="COBYLA", max_iter=8).fit(X, Y)
    first = model.predict(X)
    np.testing.assert_array_equal(model.predict(X), first)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), first)
    assert model.score(X, Y) == model.score(X, Y)
    exact = np.asarray(EXACT.forward(X, model.weights_))[:, 0]
    assert (first != exact).any()
    # Five standard errors: sqrt(1 - value^2) / sqrt(shots) at most.
    np.testing.assert_allclose(first, exact, atol=5 / np.sqrt(300))


def still(fun, x0, jac):
    """A minimiser that stays where it is, and asks for values and gradients."""
    values = [fun(x0) for _ in range(3)]
    slopes = [jac(x0) for _ in range(2)]
    assert len(set(values)) == 3
    assert (slopes[0] != slopes[1]).all()
    return OptimizeResult(x=x0, fun=values[0])


@pytest.mark.parametrize(
    "optimizer", ["SLSQP", still, SPSA(2, learning_rate=0.1, perturbation=0.1)]
)
def test_optimizers_on_the_host_have_new_draws_at_each_evaluation(optimizer) -> None:
    model = NeuralNetworkClassifier(
        DRAWN, optimizer=optimizer, max_iter=3 if isinstance(optimizer, str) else None,
        random_state=0,
    )  # fmt: skip
    model.fit(X, Y)
    assert model.weights_.shape == (4,)
    assert len(set(model.loss_curve_.tolist())) == len(model.loss_curve_) > 1


def test_searches_agree_with_scikit_learn() -> None:
    x, y = X[:16], Y[:16]  # folds of one size
    model = NeuralNetworkClassifier(DRAWN, **{**STEPS, "max_iter": 5}, random_state=2)
    grid, more = {"learning_rate": [0.03, 0.3]}, {"cv": 2, "scoring": "neg_log_loss"}
    ours = fit_grid(model, grid, x, y, **more, refit=False)
    theirs = GridSearchCV(model, grid, **more, refit=False).fit(x, y).cv_results_
    for name in ("mean_test_score", "std_test_score"):
        np.testing.assert_allclose(ours.cv_results_[name], theirs[name], atol=1e-9)
    scores = cross_val_score(model.set_params(learning_rate=0.3), x, y, **more)
    assert scores.mean() == theirs["mean_test_score"][1]


def vqc(**more: object) -> VQC:
    feature_map, ansatz = circuits()
    given = {**STEPS, "max_iter": 3, "random_state": 1, **more}
    return VQC(None, feature_map, ansatz, **given)


def test_noise_of_a_variational_classifier_is_that_of_aer() -> None:
    model = vqc(noise=NOISE, simulator=DensityMatrix()).fit(X, Y)
    device = AerNoise()
    device.add_all_qubit_quantum_error(depolarizing_error(0.05, 2), ["cx"])
    device.add_all_qubit_readout_error([[0.98, 0.02], [0.02, 0.98]])
    network = model.network_
    order = {p.name: p for p in model.circuit.parameters}
    expected = []
    for point in X[:4]:
        names = [*network.input_params, *network.weight_params]
        values = [*point, *model.weights_]
        bound = model.circuit.assign_parameters(
            {order[str(name)]: value for name, value in zip(names, values, strict=True)}
        )
        noiseless_gates = bound.decompose()
        noiseless_gates.measure_all()
        simulator = AerSimulator(method="density_matrix", noise_model=device)
        counts = simulator.run(noiseless_gates, shots=40_000, seed_simulator=5).result()
        found = counts.get_counts()
        odd = sum(count for bits, count in found.items() if int(bits, 2) % 2)
        expected.append(odd / 40_000)
    np.testing.assert_allclose(model.predict_proba(X[:4])[:, 1], expected, atol=5 * 0.0025)


def test_clones_and_grids_of_noise_and_shots(compilations: Compilations) -> None:
    x, y = X[:16], Y[:16]
    model = vqc(noise=NOISE, shots=100, **COBYLA)
    twin = clone(model)
    assert twin.get_params()["shots"] == 100
    assert repr(twin.get_params()["noise"]) == repr(NOISE)
    expected = model.fit(x, y).predict_proba(x)
    compilations.reset()
    np.testing.assert_array_equal(twin.fit(x, y).predict_proba(x), expected)
    assert compilations.count == 0  # equal strengths, whatever object holds them
    assert model.network_ == twin.network_
    grid = {"noise": [None, NOISE], "shots": [None, 50]}
    found = GridSearchCV(vqc(**COBYLA), grid, cv=2, scoring="neg_log_loss").fit(x, y)
    assert len(set(found.cv_results_["mean_test_score"].tolist())) == 4


def test_variational_regressors_take_them_too() -> None:
    feature_map, ansatz = circuits()
    model = VQR(
        None, feature_map, ansatz, **COBYLA,
        noise=NOISE, shots=200, simulator=DensityMatrix(), random_state=0,
    )  # fmt: skip
    values = clone(model).fit(X, Y * 2.0 - 1).predict(X)
    assert values.shape == Y.shape
    # Means of 200 results of -1 and 1.
    np.testing.assert_allclose(values * 100, np.round(values * 100), atol=1e-9)


def test_what_draws_is_no_deterministic_estimator() -> None:
    start = np.zeros(4)
    for model in (
        NeuralNetworkClassifier(DRAWN, initial_point=start),
        vqc(shots=3, random_state=None, initial_point=start),
    ):
        assert model.__sklearn_tags__().non_deterministic
    assert (
        not NeuralNetworkClassifier(EXACT, initial_point=start).__sklearn_tags__().non_deterministic
    )
