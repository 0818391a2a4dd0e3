"""Floor 0. The Walsh-Hadamard transform: of values on the host, and of rows of an array.

Entry z of the transform of v is sum_x (-1)**parity(z & x) v[x]; the transform of that is v again,
but for the factor of its length. Of [1, 0, 0, 0] it is [1, 1, 1, 1].
"""

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from qjax._base import tuning


def parity_weights(values: np.ndarray) -> np.ndarray:
    """The weights with values[x] = sum over masks of weights[mask] * (-1)**parity(x & mask).

    Args:
        values: `(2**n,)` real numbers.
    """
    weights = values.astype(float)
    for bit in range(len(values).bit_length() - 1):
        even, odd = weights.reshape(-1, 2, 2**bit).transpose(1, 0, 2)
        weights = np.stack([even + odd, even - odd], axis=1).ravel() / 2
    return weights


def hadamard(rows: Float[Array, "dim batch"]) -> Float[Array, "dim batch"]:
    """The transform of `2**n` rows: row z of the result is sum_x (-1)**parity(z & x) row_x.

    Some of the leading bits at a time, by a GEMM that puts them last: in the end all bits are in
    their order again, behind the batch. It is symmetric.
    """
    dim, batch = rows.shape
    left, flat = dim, rows.reshape(-1)
    while left > 1:
        size = min(left, 32)
        left //= size
        matrix = _hadamard_matrix(size, rows.dtype)
        flat = jnp.matmul(flat.reshape(size, -1).T, matrix, precision=tuning.PRECISION).reshape(-1)
    return flat.reshape(batch, dim).T


def _hadamard_matrix(size: int, dtype: np.dtype) -> Array:
    index = np.arange(size)
    return jnp.asarray(1 - 2 * (np.bitwise_count(index[:, None] & index) & 1).astype(dtype))
