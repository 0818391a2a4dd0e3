"""Floor 5. Sums over the rows of a state, with the signs of strings of Z."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from qjax._base.tables import table_class
from qjax._plan import sign_tables
from qjax._simulators import PRECISION

# More strings of Z than this are summed by one Walsh-Hadamard transform.
MAX_SIGN_SUMS = 128


# Sums of more rows than this are added up in parts of so many: else single precision suffers.
LONG, BLOCK = 1 << 14, 64


@table_class
class SignSums:
    """Sums over rows, with the signs of strings of Z.

    Attributes:
        masks: `(strings,)` which bits of a row each string has.
        high, low: `(strings, rows)`: the sign of a row is that of its high bits times that of its
            low bits, with `2**l` rows in `low`. None: too many of them.
    """

    masks: np.ndarray
    high: np.ndarray | None
    low: np.ndarray | None


def sign_sums(masks: Sequence[int], num_bits: int) -> SignSums:
    """The tables of some strings of Z."""
    array = np.array(masks, np.int32)
    if len(masks) > MAX_SIGN_SUMS:
        return SignSums(array, None, None)
    return SignSums(array, *sign_tables(masks, num_bits, low_bits_of(num_bits)))


def low_bits_of(num_bits: int) -> int:
    # Few rows in `low`: the sums over them are not GEMMs.
    return max(num_bits - 10, 0) if num_bits <= 20 else num_bits // 2


def signed_sums(tables: SignSums, rows: Float[Array, "dim batch"]) -> Float[Array, "strings batch"]:
    """Every sum of the tables, over the rows."""
    if tables.high is None or tables.low is None:
        return hadamard(rows)[jnp.asarray(tables.masks)]
    high, low = (jnp.asarray(table).astype(rows.dtype) for table in (tables.high, tables.low))
    return fold(high, low, rows)


def fold(high: Array, low: Array, rows: Array) -> Array:
    """Signed sums, from the signs of high and low bits."""
    if len(rows) <= LONG:
        folded = jnp.matmul(high, rows.reshape(high.shape[1], -1), precision=PRECISION)
        return (folded.reshape(*low.shape, rows.shape[1]) * low[:, :, None]).sum(axis=1)
    blocks = high.reshape(len(high), -1, BLOCK).swapaxes(0, 1)
    split = rows.reshape(len(blocks), BLOCK, -1)
    folded = jnp.matmul(blocks, split, precision=PRECISION)
    signed = folded.reshape(len(blocks), *low.shape, -1) * low[None, :, :, None]
    return total(signed.swapaxes(1, 2).reshape(-1, len(low), rows.shape[1]))


def total(values: Float[Array, "dim *rest"]) -> Float[Array, "*rest"]:
    """The sum over the first axis, of length `2**k`, in short parts.

    A sum of a million numbers, one after the other, would lose two digits of single precision.
    """
    flat = values.reshape(len(values), -1)
    while len(flat) > 1:
        size = min(len(flat), BLOCK)
        ones = jnp.ones((1, size), values.dtype)
        split = flat.reshape(size, -1)
        flat = jnp.matmul(ones, split, precision=PRECISION).reshape(len(flat) // size, -1)
    return flat.reshape(values.shape[1:])


def hadamard(rows: Float[Array, "dim batch"]) -> Float[Array, "dim batch"]:
    """The Walsh-Hadamard transform: row z of the result is sum_i (-1)**popcount(z & i) row_i.

    Some of the leading bits at a time, by a GEMM that puts them last: in the end all bits are in
    their order again, behind the batch. It is symmetric, and its own inverse but for the factor
    `dim`.
    """
    dim, batch = rows.shape
    left, flat = dim, rows.reshape(-1)
    while left > 1:
        size = min(left, 32)
        left //= size
        matrix = _hadamard_matrix(size, rows.dtype)
        flat = jnp.matmul(flat.reshape(size, -1).T, matrix, precision=PRECISION).reshape(-1)
    return flat.reshape(batch, dim).T


def _hadamard_matrix(size: int, dtype: np.dtype) -> Array:
    index = np.arange(size)
    return jnp.asarray(1 - 2 * (np.bitwise_count(index[:, None] & index) & 1).astype(dtype))


def parities(z: Array, rows: Array, like: Array) -> Float[Array, "strings rows"]:
    return (1 - 2 * (lax.population_count(z[:, None] & rows[None]) & 1)).astype(like.dtype)
