"""Floor 10. Points -> their Gram matrix: compiled, differentiable, in blocks that fit into memory.

Three facts hold exactly, where rounding would leave them open: a kernel of two equal points is 1,
all values lie in [0, 1], and the matrix of one set of points is symmetric. Values are corrected by
constants, so that derivatives of any order are those of the kernel itself; on the diagonal of one
set of points, k(x, x) = 1 whatever x is, and has none. With noise only the last holds.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Bool, Float

from qjax._base import tuning
from qjax._base.memory import check_fits, columns_that_fit
from qjax._base.mesh import alike
from qjax._base.store import kept
from qjax.kernels._features import Features

Settings = tuple[Array, ...]
Points = Float[Array, "points inputs"]

# Matrices of the result's shape that XLA holds at once.
_MATRICES = 4


@kept(tuning.DERIVATIVES_BYTES)
def compiled_features(features: Features) -> Callable[[Array, Array], Any]:
    """(points, weights) -> their features."""
    return jax.jit(features.of_points)


@kept(tuning.PROGRAM_BYTES)
def compiled_block(features: Features) -> Callable[..., Float[Array, "left right"]]:
    """((x, features of x), (y, features of y) or None, settings) -> the matrix of all pairs."""
    return jax.jit(partial(block_of, features))


def matrix_of(
    features: Features, x: Array, y: Array | None, weights: Array, settings: Settings
) -> Float[Array, "left right"]:
    """The matrix of all pairs of points; of x alone where y is None."""
    rows, columns = len(x), len(x if y is None else y)
    if not rows or not columns:
        return jnp.zeros((rows, columns), x.dtype)
    _check_size(rows, columns, x.dtype)
    if not fit_together(features, x, y):
        fitting = columns_that_fit(features.bytes_of_point(x.dtype))
        return _in_blocks(features, (x, y, weights, settings), max(1, fitting // 2))
    left = x, features.of_points(x, weights)
    return block_of(
        features, left, None if y is None else (y, features.of_points(y, weights)), settings
    )


def fit_together(features: Features, x: Array, y: Array | None) -> bool:
    """Whether the features of all points fit into memory side by side."""
    points = len(x) + (0 if y is None else len(y))
    return points <= columns_that_fit(features.bytes_of_point(x.dtype))


def of_block(settings: Settings, number: int | Array) -> Settings:
    """The settings of a block: a random key among them becomes a key of its own."""
    return tuple(
        setting
        if jnp.issubdtype(setting.dtype, jnp.floating)
        else jax.random.fold_in(setting, number)
        for setting in settings
    )


def _check_size(rows: int, columns: int, dtype: np.dtype) -> None:
    check_fits(
        _MATRICES * rows * columns * dtype.itemsize,
        f"a matrix of {rows} by {columns} kernel values, {_MATRICES} of which are held at once,",
        "fewer points, or `evaluate`, which writes blocks to an array or a file",
    )


def block_of(
    features: Features, left: tuple[Array, Any], right: tuple[Array, Any] | None, settings: Settings
) -> Float[Array, "left right"]:
    """The values of all pairs, of which what is known exactly is exact."""
    values = features.kernel(left[1], None if right is None else right[1], settings)
    if not features.is_exact:
        return values if right is not None else mirrored(values)
    other = left[0] if right is None else right[0]
    exact = jnp.where(_equal_rows(left[0], other), 1.0, jnp.minimum(values, 1.0))
    values = values + lax.stop_gradient(exact.astype(values.dtype) - values)
    return values if right is not None else symmetric(values)


def symmetric(values: Float[Array, "points points"]) -> Float[Array, "points points"]:
    """The upper triangle, mirrored, and ones on the diagonal, which do not depend on anything.

    A point that has no features has no kernel with itself either.
    """
    row, column = (lax.broadcasted_iota(jnp.int32, values.shape, axis) for axis in (0, 1))
    ones = jnp.where(jnp.isnan(lax.stop_gradient(values)), jnp.nan, 1).astype(values.dtype)
    return jnp.where(row == column, ones, mirrored(values))


def mirrored(values: Float[Array, "points points"]) -> Float[Array, "points points"]:
    """The upper triangle and the diagonal, mirrored: each pair is compared in one order."""
    row, column = (lax.broadcasted_iota(jnp.int32, values.shape, axis) for axis in (0, 1))
    return jnp.where(row <= column, values, values.T)


def _equal_rows(x: Points, y: Points) -> Bool[Array, "left right"]:
    return jnp.all(x[:, None, :] == y[None, :, :], axis=2)


def _in_blocks(
    features: Features, given: tuple[Array, Array | None, Array, Settings], size: int
) -> Float[Array, "left right"]:
    """Block by block, states of two blocks at a time; reverse mode computes each again."""
    x, y, weights, settings = given
    rows, columns = _split(x, size), _split(x if y is None else y, size)

    @jax.checkpoint
    def block(left: Array, right: Array, number: Array) -> Array:
        pair = [(points, features.of_points(points, weights)) for points in (left, right)]
        return block_of(features, pair[0], pair[1], of_block(settings, number))

    def of_row(i: Array) -> Array:
        def below_or_not(j: Array) -> Array:
            nothing, _ = alike((jnp.zeros((rows.shape[1], columns.shape[1]), x.dtype), rows))
            number = i * len(columns) + j
            if y is not None:
                return block(rows[i], columns[j], number)
            return lax.cond(j < i, lambda: nothing, lambda: block(rows[i], columns[j], number))

        return lax.map(below_or_not, jnp.arange(len(columns)))

    blocks = lax.map(of_row, jnp.arange(len(rows)))
    whole = blocks.transpose(0, 2, 1, 3).reshape(len(rows) * rows.shape[1], -1)
    values = whole[: len(x), : len(x if y is None else y)]
    if y is not None:
        return values
    return symmetric(values) if features.is_exact else mirrored(values)


def _split(points: Points, size: int) -> Float[Array, "blocks size inputs"]:
    """Blocks of one size; the last is filled up."""
    size = min(size, len(points))
    missing = -len(points) % size
    return jnp.pad(points, ((0, missing), (0, 0)), mode="edge").reshape(-1, size, points.shape[1])
