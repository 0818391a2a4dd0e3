"""The nearest positive semidefinite matrix: what Higham's theorem says of it."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from jax.test_util import check_grads

from qjax.kernels import nearest_psd
from tests.circuits import error

NOISY = np.random.default_rng(0).normal(size=(8, 8))


def test_nearest() -> None:
    """It is S + N, with S the symmetric part and N psd too, and S + N orthogonal to N."""
    symmetric = (NOISY + NOISY.T) / 2
    repaired = nearest_psd(NOISY)
    added = repaired - symmetric
    for matrix in (repaired, added):
        assert (matrix == matrix.T).all() or np.abs(matrix - matrix.T).max() < 1e-14
        assert np.linalg.eigvalsh(matrix).min() > -1e-13
    assert abs(np.sum(repaired * added)) < 1e-12
    assert repaired.dtype == np.float64
    assert np.abs(nearest_psd(repaired) - repaired).max() < 1e-13


def test_libraries_and_dtypes() -> None:
    assert nearest_psd(np.float32(NOISY)).dtype == np.float32
    inside = jax.jit(nearest_psd)(np.float32(NOISY))
    assert isinstance(inside, jax.Array)
    assert np.abs(inside - nearest_psd(NOISY)).max() < 1e-5
    given = jax.numpy.asarray(np.float32(NOISY))
    assert isinstance(nearest_psd(given), jax.Array)


@pytest.mark.usefixtures("x64")
def test_derivatives() -> None:
    """Against finite differences; for equal eigenvalues, where nothing is cut, the identity's."""
    check_grads(jax.jit(nearest_psd), (jax.numpy.asarray(NOISY[:5, :5]),), order=1)
    slopes = jax.jacobian(nearest_psd)(jax.numpy.eye(3)).reshape(9, 9)
    expected = [np.eye(3)[[i]].T @ np.eye(3)[[j]] for i in range(3) for j in range(3)]
    assert error(slopes.T, np.array([(e + e.T).ravel() / 2 for e in expected])) < 1e-14


@pytest.mark.parametrize(
    ("matrix", "kind", "message"),
    [
        (NOISY[:3], ValueError, "matrix: expected a square matrix"),
        (NOISY * np.nan, ValueError, "matrix: holds NaN"),
        (NOISY * 1j, TypeError, "matrix: got"),
        ("abc", TypeError, "matrix: got"),
    ],
)
def test_bad_input(matrix: object, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        nearest_psd(matrix)
