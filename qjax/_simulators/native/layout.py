"""Floor 4. How the kernels lay out states: which numbers lie in the lanes of a vector, how many."""

import numpy as np

from qjax._base import tuning

# Bytes of a vector of the kernels.
_VECTOR = 64


def lanes_are_samples(num_qubits: int, batch: int, dtype: np.dtype) -> bool:
    """Whether the lanes of a vector are samples, instead of rows of one sample."""
    lanes = _VECTOR // dtype.itemsize
    if 2**num_qubits < 2 * lanes:
        return True
    if num_qubits <= tuning.MAX_LANES_OF_SAMPLES:
        return 2 * batch >= lanes
    vectors = -(-batch // lanes)
    is_filled = vectors >= 2 and 4 * batch >= 3 * lanes * vectors
    return num_qubits <= tuning.MAX_LANES_OF_MANY_SAMPLES and is_filled


def tile_size(num_qubits: int, batch: int, dtype: np.dtype) -> int:
    """How many numbers the states of all tiles are."""
    lanes = _VECTOR // dtype.itemsize
    samples = -(-batch // lanes) * lanes if lanes_are_samples(num_qubits, batch, dtype) else batch
    return samples * 2 << num_qubits
