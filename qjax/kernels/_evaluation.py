"""Floor 10. More pairs of points than fit into memory -> their Gram matrix, in NumPy.

Features are computed for blocks of points, each once where all of them fit beside each other, and
kept for the blocks that come; a block of the matrix is a program of two blocks of features.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from qjax._base import tuning
from qjax._base.memory import available_memory
from qjax._base.options import as_flag, as_whole
from qjax._base.progress import progress_bar
from qjax._base.row_files import Destination, open_array
from qjax.kernels._features import Features
from qjax.kernels._gram import compiled_block, compiled_features, of_block
from qjax.kernels._gram_on_mesh import compiled_matrix

# Sizes of small blocks are powers of two from here on, so that few programs are compiled.
_LEAST_POINTS = 16
# Of kernels that simulate each pair, where more points cost more than another program.
_LEAST_IN_PAIRS = 2


class _Block(NamedTuple):
    """Some rows of the points, filled up to the size of a block.

    Attributes:
        start, stop: which rows they are.
        points: on the device.
    """

    start: int
    stop: int
    points: Any


def matrix_in_blocks(
    features: Features,
    x: np.ndarray,
    y: np.ndarray | None,
    weights: np.ndarray,
    settings: tuple[Any, ...],
    *,
    max_bytes: int | None,
    progress: bool,
    out: Destination,
    overwrite: bool,
    sampled: Callable[[np.ndarray, bool], np.ndarray] | None = None,
) -> np.ndarray:
    """The matrix of all pairs; arguments are checked, and of one dtype.

    `sampled` is what shots make of a block, and whether that is of pairs of the same points.

    Raises:
        ValueError, TypeError, FileExistsError, OSError, CircuitTooLargeError: see `evaluate`.
    """
    progress, overwrite = as_flag(progress, "progress"), as_flag(overwrite, "overwrite")
    shape = len(x), len(x if y is None else y)
    with jax.enable_x64(x.dtype == np.float64), open_array(out, shape, x.dtype, overwrite) as done:
        array, result = done
        if 0 not in shape:
            plan = _Evaluation(features, x.dtype, weights, settings, max_bytes)
            pairs = shape[0] * (shape[0] + 1) // 2 if y is None else shape[0] * shape[1]
            with progress_bar(pairs, progress, "pairs", scale=True) as advance:
                for rows, columns, exact in plan.blocks(x, y):
                    alone = y is None and rows == columns
                    values = exact if sampled is None else sampled(exact, alone)
                    array[rows, columns] = values
                    if y is None and not alone:
                        array[columns, rows] = values.T
                    advance(_count(values, alone))
    return result()


def _count(values: np.ndarray, alone: bool) -> int:
    return len(values) * (len(values) + 1) // 2 if alone else values.size


class _Evaluation:
    """Blocks of features, kept while there is room."""

    def __init__(
        self,
        features: Features,
        dtype: np.dtype,
        weights: np.ndarray,
        settings: tuple[Any, ...],
        max_bytes: int | None,
    ) -> None:
        self._of_points, self._kernel = compiled_features(features), compiled_block(features)
        self._whole = compiled_matrix(features)
        self._weights, self._settings = jax.device_put(weights), jax.device_put(settings)
        self._least = _LEAST_POINTS if features.is_exact else _LEAST_IN_PAIRS
        self._bytes_of_point = features.bytes_of_point(dtype)
        if max_bytes is None:
            self._room = min(tuning.KERNEL_BYTES, available_memory(jax.devices()[0]) // 4)
        else:
            self._room = as_whole(max_bytes, "max_bytes", 1)
        # Three blocks at a time: two that are compared, and one that is simulated.
        fitting = self._room // (3 * self._bytes_of_point)
        self._most = max(1, min(tuning.KERNEL_BLOCK, fitting, _side(self._room // 4, dtype)))
        self._kept: dict[tuple[bool, int], Any] = {}

    def blocks(
        self, x: np.ndarray, y: np.ndarray | None
    ) -> Iterator[tuple[slice, slice, np.ndarray]]:
        """Rows, columns and values; of one set of points, those on and above the diagonal."""
        left, right = self._split(x), self._split(x if y is None else y)
        if len(left) == len(right) == 1:  # one program does it
            second = None if y is None else right[0].points
            whole = self._whole(left[0].points, second, self._weights, self._settings)
            yield slice(len(x)), slice(right[0].stop), np.asarray(whole)[: len(x), : right[0].stop]
            return
        for number, row in enumerate(left):
            own = self._features_of(row, True)
            first = number if y is None else 0
            for place, column in enumerate(right[first:], first):
                alone = y is None and column.start == row.start
                other = None if alone else (column.points, self._features_of(column, y is None))
                settings = of_block(self._settings, number * len(right) + place)
                values = np.asarray(self._kernel((row.points, own), other, settings))
                rows, columns = slice(row.start, row.stop), slice(column.start, column.stop)
                yield rows, columns, values[: row.stop - row.start, : column.stop - column.start]

    def _split(self, points: np.ndarray) -> list[_Block]:
        size = min(self._most, _filled(len(points), self._least))
        blocks = []
        for start in range(0, len(points), size):
            rows = points[start : start + size]
            whole = np.pad(rows, ((0, size - len(rows)), (0, 0)), mode="edge")
            blocks.append(_Block(start, start + len(rows), jax.device_put(whole)))
        return blocks

    def _features_of(self, block: _Block, first: bool) -> Any:
        """Of a block of the first or the second set of points."""
        key = first, block.start
        if key in self._kept:
            return self._kept[key]
        values = self._of_points(block.points, self._weights)
        held = (len(self._kept) + 3) * len(block.points) * self._bytes_of_point
        if held <= self._room:
            self._kept[key] = values
        return values


def _side(num_bytes: int, dtype: np.dtype) -> int:
    """Of a square block of the matrix, which is held a few times while it is computed."""
    return int((num_bytes / (4 * dtype.itemsize)) ** 0.5)


def _filled(count: int, least: int = _LEAST_POINTS) -> int:
    """How many points a block has that holds so many: one of a few sizes, from the least on.

    From 64 on, sizes are an eighth of a power of two apart, so that at most 12.5 % is added.
    """
    if count <= 4 * _LEAST_POINTS:
        return max(least, 1 << (count - 1).bit_length())
    step = (1 << count.bit_length()) >> 4
    return -(-count // step) * step
