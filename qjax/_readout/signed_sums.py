"""Floor 5. Sums over the rows of a state, with the signs of strings of Z."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from qjax._base import tuning
from qjax._base.tables import table_class
from qjax._base.walsh import hadamard
from qjax._plan import sign_tables


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
    if len(masks) > tuning.MAX_SIGN_SUMS:
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
    if len(rows) <= tuning.LONG_SUM:
        folded = jnp.matmul(high, rows.reshape(high.shape[1], -1), precision=tuning.PRECISION)
        return (folded.reshape(*low.shape, rows.shape[1]) * low[:, :, None]).sum(axis=1)
    blocks = high.reshape(len(high), -1, tuning.SUM_PART).swapaxes(0, 1)
    split = rows.reshape(len(blocks), tuning.SUM_PART, -1)
    folded = jnp.matmul(blocks, split, precision=tuning.PRECISION)
    signed = folded.reshape(len(blocks), *low.shape, -1) * low[None, :, :, None]
    return total(signed.swapaxes(1, 2).reshape(-1, len(low), rows.shape[1]))


def total(values: Float[Array, "dim *rest"]) -> Float[Array, "*rest"]:
    """The sum over the first axis, of length `2**k`, in short parts.

    A sum of a million numbers, one after the other, would lose two digits of single precision.
    """
    flat = values.reshape(len(values), -1)
    while len(flat) > 1:
        size = min(len(flat), tuning.SUM_PART)
        ones = jnp.ones((1, size), values.dtype)
        split = flat.reshape(size, -1)
        flat = jnp.matmul(ones, split, precision=tuning.PRECISION).reshape(len(flat) // size, -1)
    return flat.reshape(values.shape[1:])


def parities(z: Array, rows: Array, like: Array) -> Float[Array, "strings rows"]:
    return (1 - 2 * (lax.population_count(z[:, None] & rows[None]) & 1)).astype(like.dtype)
