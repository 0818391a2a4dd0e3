"""Gaussian processes of scikit-learn with quantum kernels: closed forms, gradients, searches."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.circuit.library import zz_feature_map
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, WhiteKernel
from sklearn.svm import SVC

from qjax.algorithms import GaussianProcessKernel
from qjax.kernels import FidelityKernel, ProjectedKernel
from qjax.simulators import Trajectories
from tests.circuits import error

X, NEW = np.split(np.random.default_rng(0).uniform(-1, 1, (28, 2)), [20])
TARGETS = np.sin(2 * X[:, 0])
PLAIN = FidelityKernel(zz_feature_map(2, reps=1))
START = np.array([0.4, -0.8, 1.2])


def trainable() -> FidelityKernel:
    x, w = ParameterVector("x", 2), ParameterVector("w", 3)
    circuit = QuantumCircuit(2)
    circuit.ry(w[0], 0)
    circuit.rx(x[0] * w[2], 0)
    circuit.cx(0, 1)
    circuit.ry(w[1], 1)
    circuit.rx(x[1], 1)
    return FidelityKernel(circuit, weight_params=w)


def test_regression_without_weights() -> None:
    process = GaussianProcessRegressor(GaussianProcessKernel(PLAIN), alpha=0.1).fit(X, TARGETS)
    within, across = PLAIN.evaluate(X) + 0.1 * np.eye(20), PLAIN.evaluate(NEW, X)
    mean, deviation = process.predict(NEW, return_std=True)
    assert error(mean, across @ np.linalg.solve(within, TARGETS)) < 1e-10
    variance = 1 - np.einsum("ij,ji->i", across, np.linalg.solve(within, across.T))
    assert error(deviation**2, variance) < 1e-10


def test_gradients() -> None:
    kernel = GaussianProcessKernel(trainable(), START)
    values, gradient = kernel(X, eval_gradient=True)
    assert error(values, trainable().evaluate(X, weights=START)) == 0
    assert gradient.shape == (20, 20, 3)
    for number, step in enumerate(1e-6 * np.eye(3)):
        ends = [kernel.clone_with_theta(START + sign * step)(X) for sign in (1, -1)]
        assert error(gradient[..., number], (ends[0] - ends[1]) / 2e-6) < 1e-8


def test_a_search_finds_a_larger_likelihood() -> None:
    quantum = GaussianProcessKernel(trainable().with_weights(START))
    kernel = ConstantKernel() * quantum + WhiteKernel(0.01, "fixed")
    process = GaussianProcessRegressor(kernel).fit(X, TARGETS)
    found = process.kernel_.k1.k2
    assert found.theta.shape == (3,)
    assert (found.theta != START).all()
    before = process.log_marginal_likelihood(kernel.theta)
    assert process.log_marginal_likelihood_value_ > before + 1
    gradient = process.log_marginal_likelihood(process.kernel_.theta, eval_gradient=True)[1]
    assert np.abs(gradient[1:4]).max() < 0.05


def test_classification() -> None:
    labels = np.where(TARGETS > 0, "up", "down")
    process = GaussianProcessClassifier(
        2.0 * GaussianProcessKernel(trainable(), START), max_iter_predict=20
    )
    process.fit(X, labels)
    assert process.score(X, labels) > 0.9
    assert error(process.predict_proba(NEW).sum(axis=1), np.ones(8)) < 1e-12


def test_a_kernel_of_scikit_learn_s() -> None:
    kernel = GaussianProcessKernel(trainable(), START, weight_bounds=(-1, 2))
    copied = clone(kernel)
    assert copied == kernel
    assert copied is not kernel
    assert kernel.bounds.tolist() == [[-1, 2]] * 3
    copied.theta = START + 1
    assert copied != kernel
    assert kernel.n_dims == 3
    assert not kernel.is_stationary()
    assert kernel.diag(X).tolist() == [1.0] * 20
    fixed = GaussianProcessKernel(trainable(), START, weight_bounds="fixed")
    assert fixed.n_dims == 0
    assert fixed(X, eval_gradient=True)[1].shape == (20, 20, 0)
    assert set(kernel.get_params()) == {"quantum_kernel", "weights", "weight_bounds"}
    assert SVC(kernel=kernel).fit(X, TARGETS > 0).score(X, TARGETS > 0) > 0.5
    assert GaussianProcessKernel(ProjectedKernel(zz_feature_map(2))).theta.shape == (0,)
    assert repr(kernel).startswith("GaussianProcessKernel(FidelityKernel(")


def test_bad_input() -> None:
    with pytest.raises(TypeError, match="quantum_kernel: got str"):
        GaussianProcessRegressor(GaussianProcessKernel("rbf")).fit(X, TARGETS)
    with pytest.raises(ValueError, match="weights: none given, and the kernel has 3"):
        GaussianProcessRegressor(GaussianProcessKernel(trainable())).fit(X, TARGETS)
    with pytest.raises(ValueError, match=r"theta: expected shape \(3,\)"):
        GaussianProcessKernel(trainable(), START).theta = [1.0]
    for drawn in (trainable().replace(shots=10), trainable().replace(simulator=Trajectories(2))):
        with pytest.raises(ValueError, match=r"values are drawn.*weight_bounds='fixed'"):
            GaussianProcessRegressor(GaussianProcessKernel(drawn, START)).fit(X[:2], TARGETS[:2])


@pytest.mark.parametrize(
    ("bounds", "error", "message"),
    [
        ("Fixd", ValueError, "or 'fixed', got 'Fixd'"),
        (3, ValueError, r"a pair of numbers.*\(3, 2\).*got shape \(\)"),
        (np.zeros((2, 2)), ValueError, r"got shape \(2, 2\)"),
        ((0, np.nan), ValueError, "lower <= upper"),
        ((1, -1), ValueError, "lower <= upper"),
        (("a", "b"), TypeError, "weight_bounds: got"),
    ],
)
def test_bounds(bounds: object, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        GaussianProcessRegressor(GaussianProcessKernel(trainable(), START, bounds)).fit(X, TARGETS)
