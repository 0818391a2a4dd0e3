"""The nearest positive semidefinite matrix: what Higham's theorem says of it."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from qjax.kernels import nearest_psd

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
