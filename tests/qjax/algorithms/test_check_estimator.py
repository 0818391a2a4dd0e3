"""scikit-learn's own checks, on estimators of data of any width."""

from __future__ import annotations

import pytest
from sklearn.utils import estimator_checks

from qjax.algorithms import QSVC, QSVR, VQC, VQR, NeuralNetworkClassifier, NeuralNetworkRegressor
from tests.qjax.algorithms.networks import Named, estimator_of_width, sampler_of_width

ESTIMATORS = [
    NeuralNetworkClassifier(Named(sampler_of_width), one_hot=True, max_iter=3),
    NeuralNetworkRegressor(Named(estimator_of_width), optimizer="Nelder-Mead", max_iter=1),
    VQC(optimizer="Nelder-Mead", max_iter=1),
    VQR(optimizer="Nelder-Mead", max_iter=1),
    QSVC(),
    QSVR(),
]
WIDE = "its data have 30 features, so 30 qubits, which fit no machine's memory"
FEW = "three steps train nothing: below with more of them"
FAILED = {
    VQC: {
        "check_sample_weight_equivalence_on_dense_data": WIDE,
        "check_sample_weight_equivalence_on_sparse_data": WIDE,
    },
    NeuralNetworkClassifier: {"check_classifiers_train": FEW},
    NeuralNetworkRegressor: {"check_regressors_train": FEW},
}
FAILED[VQR] = FAILED[QSVC] = FAILED[QSVR] = FAILED[VQC]


@estimator_checks.parametrize_with_checks(
    ESTIMATORS, expected_failed_checks=lambda estimator: FAILED[type(estimator)]
)
def test_of_scikit_learn(estimator, check):
    check(estimator)


CLASSIFIER = NeuralNetworkClassifier(Named(sampler_of_width), one_hot=True, max_iter=25)
REGRESSOR = NeuralNetworkRegressor(Named(estimator_of_width), max_iter=15, restarts=2)


@pytest.mark.parametrize(
    ("check", "estimator"),
    [
        ("check_classifiers_train", CLASSIFIER),
        ("check_regressors_train", REGRESSOR),
    ],
)
def test_with_more_steps(check, estimator):
    getattr(estimator_checks, check)(type(estimator).__name__, estimator)
