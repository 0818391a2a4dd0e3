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


def lanes_of_rows(num_qubits: int, batch: int, dtype: np.dtype) -> int:
    """How many rows of a sample lie side by side in a vector; 1 where its lanes are samples."""
    return 1 if lanes_are_samples(num_qubits, batch, dtype) else _VECTOR // dtype.itemsize


def tile_shape(num_qubits: int, batch: int, dtype: np.dtype) -> tuple[int, int, int]:
    """(tiles, vectors, numbers of a vector's real and imaginary parts) of the states of a batch."""
    lanes = _VECTOR // dtype.itemsize
    if lanes_are_samples(num_qubits, batch, dtype):
        return -(-batch // lanes), 1 << num_qubits, 2 * lanes
    return batch, (1 << num_qubits) // lanes, 2 * lanes


def tile_size(num_qubits: int, batch: int, dtype: np.dtype) -> int:
    """How many numbers the states of all tiles are."""
    lanes = _VECTOR // dtype.itemsize
    samples = -(-batch // lanes) * lanes if lanes_are_samples(num_qubits, batch, dtype) else batch
    return samples * 2 << num_qubits
