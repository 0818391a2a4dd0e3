"""Support vector machines on quantum kernels, and those of Qiskit Machine Learning."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.sparse
from qiskit.circuit.library import z_feature_map, zz_feature_map
from qiskit_machine_learning import algorithms as theirs
from qiskit_machine_learning.kernels import FidelityStatevectorKernel
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

from qjax.algorithms import QSVC, QSVR
from qjax.kernels import FidelityKernel
from tests.qjax.algorithms.networks import points

X, Y = points(30)
NEW, _ = points(7, seed=1)
CIRCUIT = zz_feature_map(2)
KERNEL = FidelityKernel(CIRCUIT)
REFERENCE = FidelityStatevectorKernel(feature_map=CIRCUIT)
NAMES = np.array(["cat", "dog", "eel"])


@pytest.mark.parametrize("kernel", [KERNEL, REFERENCE, None], ids=["ours", "theirs", "default"])
@pytest.mark.parametrize("labels", [Y, NAMES[Y], NAMES[np.arange(30) % 3]], ids=["01", "2", "3"])
def test_classifier(kernel: object, labels: np.ndarray) -> None:
    ours = QSVC(quantum_kernel=kernel, C=5.0, random_state=0).fit(X, labels)
    reference = theirs.QSVC(quantum_kernel=REFERENCE, C=5.0).fit(X, labels)
    np.testing.assert_array_equal(ours.classes_, reference.classes_)
    np.testing.assert_array_equal(ours.predict(NEW), reference.predict(NEW))
    np.testing.assert_allclose(
        ours.decision_function(NEW), reference.decision_function(NEW), atol=1e-4
    )
    np.testing.assert_array_equal(ours.support_, reference.support_)
    np.testing.assert_allclose(ours.dual_coef_, reference.dual_coef_, atol=1e-4)
    np.testing.assert_allclose(ours.intercept_, reference.intercept_, atol=1e-4)
    np.testing.assert_array_equal(ours.n_support_, reference.n_support_)
    np.testing.assert_array_equal(ours.support_vectors_, X[reference.support_])
    assert ours.score(NEW, ours.predict(NEW)) == 1


def test_regressor() -> None:
    y = X.prod(1)
    ours = QSVR(quantum_kernel=KERNEL, C=3.0, epsilon=0.05).fit(X, y)
    reference = theirs.QSVR(quantum_kernel=REFERENCE, C=3.0, epsilon=0.05).fit(X, y)
    np.testing.assert_allclose(ours.predict(NEW), reference.predict(NEW), atol=1e-4)
    assert ours.score(X, y) == pytest.approx(reference.score(X, y), abs=1e-4)


def test_probabilities_sum_to_one() -> None:
    labels = NAMES[np.arange(30) % 3]
    model = QSVC(quantum_kernel=KERNEL, probability=True, C=5.0).fit(X, labels)
    probabilities = model.predict_proba(NEW)
    assert probabilities.shape == (7, 3)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-12)
    plain = QSVC(quantum_kernel=KERNEL, C=5.0).fit(X, labels)
    np.testing.assert_array_equal(model.predict(NEW), plain.predict(NEW))
    assert not hasattr(plain, "predict_proba")


def test_a_search_over_c_and_kernels() -> None:
    kernels = [KERNEL, FidelityKernel(z_feature_map(2))]
    grid = {"C": [0.1, 10.0], "quantum_kernel": kernels}
    search = GridSearchCV(QSVC(), grid, cv=3, n_jobs=1).fit(X, Y)
    expected = [
        GridSearchCV(SVC(kernel=kernel.evaluate), {"C": [0.1, 10.0]}, cv=3).fit(X, Y)
        for kernel in kernels
    ]
    scores = np.stack([part.cv_results_["mean_test_score"] for part in expected], 1).ravel()
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], scores)


def test_gram_matrices() -> None:
    """Computed before; scikit-learn's folds take rows and columns of them."""
    gram = KERNEL.evaluate(X)
    model = QSVC(quantum_kernel="precomputed").fit(gram, Y)
    expected = QSVC(quantum_kernel=KERNEL).fit(X, Y).predict(NEW)
    np.testing.assert_array_equal(model.predict(KERNEL.evaluate(NEW, X)), expected)
    grid = {"C": [1.0]}
    search = GridSearchCV(QSVC(quantum_kernel="precomputed"), grid, cv=2).fit(gram, Y)
    assert search.cv_results_["mean_test_score"] == pytest.approx(
        GridSearchCV(QSVC(quantum_kernel=KERNEL), grid, cv=2).fit(X, Y).best_score_
    )


def test_copies_pickles_and_precision() -> None:
    model = clone(QSVC(quantum_kernel=KERNEL, C=2.0)).fit(X.astype(np.float32), Y)
    assert model.get_params()["C"] == 2.0
    assert model.quantum_kernel == KERNEL
    twin = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(twin.decision_function(NEW), model.decision_function(NEW))
    weights = np.where(Y, 2.0, 1.0)
    np.testing.assert_allclose(
        QSVC(class_weight={0: 1, 1: 2}).fit(X, Y).decision_function(NEW),
        QSVC().fit(X, Y, sample_weight=weights).decision_function(NEW),
        atol=1e-6,
    )


def test_a_fit_that_fails_leaves_the_last_one() -> None:
    model = QSVC(quantum_kernel=KERNEL).fit(X, Y)
    expected = model.predict(NEW)
    with pytest.raises(ValueError, match=r"3 features.*takes 2"):
        model.fit(np.zeros((30, 3)), NAMES[Y])
    np.testing.assert_array_equal(model.predict(NEW), expected)


@pytest.mark.parametrize(
    ("arguments", "x", "y", "error", "message"),
    [
        ({}, scipy.sparse.csr_array(X), Y, TypeError, "[Ss]parse"),
        ({}, X, np.zeros(30, int), ValueError, "at least 2 classes, got one class: 0"),
        ({}, X, X[:, 0], ValueError, "continuous"),
        ({}, np.full((30, 2), np.nan), Y, ValueError, "NaN"),
        ({"quantum_kernel": KERNEL}, np.zeros((30, 3)), Y, ValueError, "3 features.*takes 2"),
        ({"quantum_kernel": 3}, X, Y, TypeError, "quantum_kernel: expected a kernel.*got 3"),
        ({"quantum_kernel": FidelityKernel}, X, Y, TypeError, "quantum_kernel.*class"),
        ({"quantum_kernel": "rbf"}, X, Y, TypeError, "quantum_kernel.*'rbf'"),
        ({"C": -1.0}, X, Y, ValueError, "'C' parameter"),
    ],
)
def test_what_does_not_fit(arguments, x, y, error, message) -> None:
    with pytest.raises(error, match=message):
        QSVC(**arguments).fit(x, y)
