"""scikit-learn's own checks, on estimators of data of any width."""

from __future__ import annotations

import pytest

pytest.importorskip("sklearn")

from sklearn.utils.estimator_checks import parametrize_with_checks

from qjax.algorithms import VQC, VQR, NeuralNetworkClassifier, NeuralNetworkRegressor
from tests.qjax.algorithms.networks import estimator_of_width, sampler_of_width

ESTIMATORS = [
    NeuralNetworkClassifier(sampler_of_width, one_hot=True, max_iter=25),
    NeuralNetworkRegressor(estimator_of_width, max_iter=15, restarts=2),
    VQC(optimizer="COBYLA", max_iter=5),
    VQR(optimizer="COBYLA", max_iter=5),
]


WIDE = "its data have 30 features, so 30 qubits, which fit no machine's memory"
FAILED = {
    "check_sample_weight_equivalence_on_dense_data": WIDE,
    "check_sample_weight_equivalence_on_sparse_data": WIDE,
}


def cannot_apply(estimator) -> dict[str, str]:
    """Checks that are not for an estimator, and why."""
    return FAILED if isinstance(estimator, (VQC, VQR)) else {}


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=cannot_apply)
def test_of_scikit_learn(estimator, check):
    check(estimator)
