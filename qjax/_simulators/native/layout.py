"""Floor 4. How the kernels lay out states: which numbers lie in the lanes of a vector, how many."""

import numpy as np

from qjax._base import tuning

# Bytes of a vector of the kernels.
_VECTOR = 64


def lanes_are_samples(
    num_qubits: int, batch: int, dtype: np.dtype, copies_states: bool = False
) -> bool:
    """Whether the lanes of a vector are samples, instead of rows of one sample.

    Args:
        num_qubits: n.
        batch: how many samples there are.
        dtype: of real parts.
        copies_states: whether states are given, and states are returned.
    """
    lanes = _VECTOR // dtype.itemsize
    if 2**num_qubits < 2 * lanes:
        return True
    most = tuning.MAX_LANES_OF_COPIES if copies_states else tuning.MAX_LANES_OF_SAMPLES
    return num_qubits <= most and 2 * batch >= lanes


def tile_size(num_qubits: int, batch: int, dtype: np.dtype) -> int:
    """How many numbers the states of all tiles are."""
    lanes = _VECTOR // dtype.itemsize
    samples = -(-batch // lanes) * lanes if lanes_are_samples(num_qubits, batch, dtype) else batch
    return samples * 2 << num_qubits
