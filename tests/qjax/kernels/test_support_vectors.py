"""The loss of support vector machines against scikit-learn's solver, and its gradient."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import SVC

from qjax.kernels import svc_loss
from tests.circuits import double
from tests.conftest import Compilations


def problem(seed: int, count: int = 30) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    points = random.normal(size=(count, 3))
    labels = np.sign(points[:, 0] + 0.7 * random.normal(size=count))
    return rbf_kernel(points, gamma=0.5), labels


def dual_objective(matrix: np.ndarray, labels: np.ndarray, bound: float) -> float:
    machine = SVC(kernel="precomputed", C=bound, tol=1e-9).fit(matrix, labels)
    duals, kept = machine.dual_coef_[0], machine.support_
    return float(np.abs(duals).sum() - duals @ matrix[np.ix_(kept, kept)] @ duals / 2)


@pytest.mark.parametrize("bound", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("seed", range(3))
def test_against_scikit_learn(seed: int, bound: float) -> None:
    matrix, labels = problem(seed)
    with double():
        loss = float(svc_loss(matrix, labels, bound, tolerance=1e-8))
    assert abs(loss - dual_objective(matrix, labels, bound)) < 1e-6 * bound


def test_single_precision_and_equal_points() -> None:
    matrix, labels = problem(1)
    matrix, labels = (np.repeat(part, 2, axis=0) for part in (matrix, labels))
    matrix = np.repeat(matrix, 2, axis=1)
    loss = svc_loss(np.float32(matrix), np.float32(labels))
    assert loss.dtype == np.float32
    assert abs(loss - dual_objective(matrix, labels, 1.0)) < 1e-3


@pytest.mark.usefixtures("x64")
def test_gradient() -> None:
    """Of a matrix that stays symmetric: the optimum's own change does not count to first order."""
    matrix, labels = problem(2, 12)
    direction = np.random.default_rng(0).normal(size=(12, 12))
    direction = jnp.array(direction + direction.T) / 100

    def along(t: jax.Array) -> jax.Array:
        return svc_loss(jnp.array(matrix) + t * direction, labels, 2.0, tolerance=1e-11)

    check_grads(along, (jnp.array(0.3),), order=1, modes=["rev"], rtol=1e-5)


@pytest.mark.usefixtures("x64")
def test_several_machines_and_maps() -> None:
    matrix, labels = problem(3)
    other = np.roll(labels, 1)
    both = svc_loss(matrix, np.stack([labels, other], axis=1), tolerance=1e-8)
    single = svc_loss(matrix, labels, tolerance=1e-8) + svc_loss(matrix, other, tolerance=1e-8)
    assert abs(both - single) < 1e-10
    mapped = jax.vmap(lambda c: svc_loss(matrix, labels, c, tolerance=1e-8))(jnp.array([0.5, 2.0]))
    assert abs(mapped[1] - dual_objective(matrix, labels, 2.0)) < 1e-5
    assert svc_loss(matrix, np.ones(30)) == 0  # a single class costs nothing


def test_other_tolerances_compile_nothing(compilations: Compilations) -> None:
    matrix, labels = problem(4, 10)
    svc_loss(matrix, labels, tolerance=1e-2)
    compilations.reset()
    loss = svc_loss(matrix, labels, tolerance=1e-3)
    assert compilations.count == 0
    assert abs(jax.jit(lambda t: svc_loss(matrix, labels, tolerance=t))(1e-3) - loss) < 1e-5


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        ([0, 1, 1], {}, "labels: expected -1 and 1 only"),
        ([1, -1], {}, r"labels: expected shape \(3,\)"),
        ([1, -1, 1], {"regularization": 0}, "regularization: expected a positive number"),
        ([1, -1, 1], {"regularization": np.nan}, "regularization: expected a positive number"),
        ([1, -1, 1], {"tolerance": -1}, "tolerance: expected a positive number"),
    ],
)
def test_bad_input(labels: list, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        svc_loss(np.eye(3), labels, **options)
