"""The Walsh-Hadamard transform, on the host and on the device, against SciPy's matrices."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import hadamard as matrix_of

from qjax._base.walsh import hadamard, parity_weights


@pytest.mark.parametrize("num_bits", [0, 1, 3, 5, 6, 11])
def test_rows(num_bits: int) -> None:
    """Of 32 rows and fewer in one product of matrices, of more in several."""
    rows = np.random.default_rng(num_bits).normal(size=(2**num_bits, 3)).astype(np.float32)
    expected = matrix_of(2**num_bits) @ rows.astype(float)
    assert np.abs(hadamard(rows) - expected).max() < 2e-6 * 2**num_bits


@pytest.mark.parametrize("num_bits", [0, 1, 2, 7])
def test_weights_of_parities(num_bits: int) -> None:
    values = np.random.default_rng(num_bits).normal(size=2**num_bits)
    weights = parity_weights(values)
    assert np.abs(matrix_of(2**num_bits) @ weights - values).max() < 1e-12


def test_weights_of_whole_numbers() -> None:
    assert parity_weights(np.array([0, 0, 0, 1])).tolist() == [0.25, -0.25, -0.25, 0.25]
