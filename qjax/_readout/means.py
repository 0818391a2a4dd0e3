"""Floor 5. Values of many runs, part by part -> their means and standard errors."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from qjax._base import tuning
from qjax._base.mesh import zeros_of


class _Sum(NamedTuple):
    """A sum of many numbers, and what rounding took from it (W. Kahan, CACM 8, 40 (1965))."""

    total: Array
    excess: Array

    def add(self, number: Array) -> "_Sum":
        missing = number - self.excess
        total = lax.optimization_barrier(self.total + missing)
        return _Sum(total, (total - self.total) - missing)


def means_and_errors(
    part: Callable[[Array], Float[Array, "values size"]], key: Array, shots: int, size: int
) -> tuple[Float[Array, " values"], Float[Array, " values"]]:
    """The means over all runs, and the means' standard errors: NaN for a single run.

    Args:
        part: the values of `size` runs, drawn with the key that it is given.
        key: a JAX random key.
        shots: how many runs.
        size: how many runs at once; memory does not grow with their number in all.
    """
    parts = -(-shots // size)
    left = jnp.arange(size) < shots - (parts - 1) * size
    shape = jax.eval_shape(part, key)
    nothing = zeros_of(shape, shape.shape[:1])

    def add(number: Array, carry: tuple[Array, _Sum, _Sum]) -> tuple[Array, _Sum, _Sum]:
        origin, sums, squares = carry
        values = part(key if parts == 1 else jax.random.fold_in(key, number))
        # Differences from one of the values: variances then lose no digits to the mean.
        origin = jnp.where(number == 0, values[:, 0], origin)
        counted = left | (number < parts - 1)
        deviations = jnp.where(counted[None], values - origin[:, None], 0)
        sums = sums.add(_summed(deviations))
        return origin, sums, squares.add(_summed(jnp.square(deviations)))

    start = nothing, _Sum(nothing, nothing), _Sum(nothing, nothing)
    origin, sums, squares = lax.fori_loop(0, parts, add, start)
    count = float(shots)
    mean = sums.total / count
    variance = (squares.total - sums.total * mean) / (count - 1 if shots > 1 else jnp.nan)
    return origin + mean, jnp.sqrt(jnp.maximum(variance, 0) / count)


def _summed(values: Float[Array, "values size"]) -> Float[Array, " values"]:
    count, size = values.shape
    pieces = -(-size // tuning.MEAN_PIECE)
    padded = jnp.pad(values, ((0, 0), (0, pieces * tuning.MEAN_PIECE - size)))
    ones = jnp.ones(tuning.MEAN_PIECE, values.dtype)
    split = padded.reshape(count, pieces, tuning.MEAN_PIECE)
    return jnp.matmul(split, ones, precision=tuning.PRECISION).sum(axis=1)
