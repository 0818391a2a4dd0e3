"""scikit-learn's kernel machines on our kernels, and on the matrices of Qiskit's states."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from qiskit.circuit.library import zz_feature_map
from sklearn.base import clone
from sklearn.cluster import SpectralClustering
from sklearn.decomposition import KernelPCA
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC, SVR

from qjax.kernels import FidelityKernel, ProjectedKernel
from tests.circuits import error, state_of

FEATURES = zz_feature_map(2, reps=1)
X, NEW = np.split(np.random.default_rng(0).uniform(-1, 1, (32, 2)), [24])
TARGETS = X[:, 0] * X[:, 1]
LABELS = np.where(TARGETS > 0, "even", "odd")


def states(points: np.ndarray) -> np.ndarray:
    return np.array([state_of(FEATURES, row) for row in points])


WITHIN = np.abs(states(X).conj() @ states(X).T) ** 2
ACROSS = np.abs(states(NEW).conj() @ states(X).T) ** 2
KERNEL = FidelityKernel(FEATURES)

MACHINES: dict[str, tuple[type, dict[str, Any], np.ndarray, str]] = {
    "SVC": (SVC, {"tol": 1e-8}, LABELS, "decision_function"),
    "SVR": (SVR, {"C": 10.0, "tol": 1e-8}, TARGETS, "predict"),
    "KernelRidge": (KernelRidge, {"alpha": 0.1}, TARGETS, "predict"),
    "KernelPCA": (KernelPCA, {"n_components": 2, "eigen_solver": "dense"}, TARGETS, "transform"),
}


@pytest.mark.parametrize("name", MACHINES)
def test_machines(name: str) -> None:
    machine, options, targets, method = MACHINES[name]
    reference = machine(kernel="precomputed", **options).fit(WITHIN, targets)
    expected = getattr(reference, method)(ACROSS)
    for kernel in (KERNEL, KERNEL.evaluate) if machine in (SVC, SVR) else (KERNEL,):
        fitted = machine(kernel=kernel, **options).fit(X, targets)
        assert error(getattr(fitted, method)(NEW), expected) < 1e-6
    precomputed = machine(kernel="precomputed", **options).fit(KERNEL.evaluate(X), targets)
    assert error(getattr(precomputed, method)(KERNEL.evaluate(NEW, X)), expected) < 1e-6


def test_clusters() -> None:
    found = [
        SpectralClustering(2, affinity="precomputed", random_state=0).fit_predict(matrix)
        for matrix in (KERNEL.evaluate(X), WITHIN)
    ]
    assert (found[0] == found[1]).all()


def test_copies_and_searches() -> None:
    machine = SVC(kernel=KERNEL)
    assert clone(machine).kernel == KERNEL
    assert (
        error(
            pickle.loads(pickle.dumps(machine.fit(X, LABELS))).decision_function(NEW),
            machine.decision_function(NEW),
        )
        == 0
    )
    kernels = [ProjectedKernel(FEATURES, gamma=gamma) for gamma in (0.1, 1.0)]
    search = GridSearchCV(SVC(), {"kernel": [KERNEL, *kernels], "C": [1.0, 10.0]}, cv=3)
    assert search.fit(X, LABELS).best_params_["kernel"] in (KERNEL, *kernels)
