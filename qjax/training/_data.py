"""Floor 9. What a training is to see -> checked arrays."""

from typing import Any, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Int

from qjax._base.arrays import as_any_number
from qjax._base.placement import parts_of_rows
from qjax.training._sampling import Sampling


def as_data(data: Any, what: str) -> tuple[Any, int]:
    """A pytree of arrays, and their common number of rows; 0 for no data.

    Raises:
        TypeError: for leaves that are no numbers.
        ValueError: for leaves without rows, or with different numbers of them.
    """
    refuse_tracers(data, what)
    arrays = jax.tree.map(
        lambda leaf: _as_array(leaf, what), data, is_leaf=lambda node: isinstance(node, list)
    )
    leaves = jax.tree.leaves(arrays)
    if not leaves:
        return arrays, 0
    counts = {leaf.shape[0] if leaf.ndim else 0 for leaf in leaves}
    if len(counts) > 1 or 0 in counts:
        shapes = ", ".join(str(leaf.shape) for leaf in leaves)
        raise ValueError(
            f"{what}: expected arrays with a common number of rows, at least one, along their "
            f"first axis, got shapes {shapes}"
        )
    return arrays, counts.pop()


def refuse_tracers(tree: Any, what: str) -> None:
    """Require values that are known.

    Raises:
        TypeError: for what JAX traces.
    """
    if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree)):
        raise TypeError(
            f"{what}: got values that JAX traces; trainings are programs already, whose chunks the "
            "host calls: call them outside of jit, grad and vmap (many at once: minimize_many)"
        )


def _as_array(leaf: Any, what: str) -> Array:
    """Numbers as they are: labels are indices, so they stay whole where they fit."""
    array = np.asarray(leaf) if isinstance(leaf, (np.ndarray, np.generic)) else None
    if array is not None and array.dtype.kind in "iu" and array.size:
        index = jax.dtypes.canonicalize_dtype(np.int64)
        if np.iinfo(index).min <= array.min() and array.max() <= np.iinfo(index).max:
            return jnp.asarray(array.astype(index))
    return as_any_number(leaf, what)


def check_parts(data: Any, count: int, what: str) -> None:
    """Require so many rows of the data that they can lie on a mesh of devices as all of them do.

    Raises:
        ValueError: for a number that is no multiple of the parts that the data lie in.
    """
    for leaf in jax.tree.leaves(data):
        axis, parts = parts_of_rows(leaf)
        if count % parts:
            raise ValueError(
                f"{what}: got {count} rows; expected a multiple of {parts}, as the data lie in "
                f"{parts} parts along axis {axis!r} of a mesh"
            )


def as_rows(rows: Any, what: str, count: int, num_rows: int) -> Int[Array, "runs rows"] | None:
    """Which rows of the data each run sees.

    Raises:
        ValueError: for another shape, and rows that are not there.
        TypeError: for what is no whole numbers.
    """
    if rows is None:
        return None
    if not num_rows:
        raise ValueError(f"{what}: got rows without data; expected data that they are rows of")
    array = _positions(rows, what)
    if array.ndim != 2 or len(array) != count or not array.shape[1]:
        raise ValueError(
            f"{what}: expected shape ({count}, rows), as many rows for each run, got {array.shape}"
        )
    if array.min() < 0 or array.max() >= num_rows:
        raise ValueError(
            f"{what}: expected positions from 0 to {num_rows - 1}, got {array.min()} to "
            f"{array.max()}"
        )
    return jnp.asarray(array, jnp.int32)


def as_chosen(
    sampling: Any, count: int, num_rows: int, num_steps: int, batch_size: int | None
) -> Int[np.ndarray, "runs steps batch"] | None:
    """The rows that each step of each run sees, where the caller chose them; None for a name.

    Raises:
        ValueError: for another shape, rows that are not there, and a batch size beside them.
        TypeError: for what is neither a name nor whole numbers.
    """
    if isinstance(sampling, str):
        return None
    array = _positions(sampling, "sampling", f"one of {get_args(Sampling)}, or")
    if not num_rows:
        raise ValueError("sampling: got positions without data; expected data that they are of")
    if batch_size is not None:
        raise ValueError(
            f"batch_size: got {batch_size}; expected None, as `sampling` holds the rows of steps"
        )
    if array.ndim != 3 or len(array) != count or array.shape[1] < num_steps or not array.size:
        raise ValueError(
            "sampling: expected the positions of the rows of each step, shape (steps, batch) with "
            f"at least {num_steps} steps for each of {count} runs, got {array.shape[1:]} for "
            f"{len(array)}"
        )
    if array.min() < 0 or array.max() >= num_rows:
        raise ValueError(
            f"sampling: expected positions from 0 to {num_rows - 1}, got {array.min()} to "
            f"{array.max()}"
        )
    return array.astype(np.int32)


def _positions(values: Any, what: str, or_else: str = "") -> np.ndarray:
    try:
        array = np.asarray(values)
    except ValueError as error:  # ragged
        raise ValueError(f"{what}: expected as many positions for each run; {error}") from error
    if array.dtype.kind not in "iu":
        expected = f"{or_else} positions of rows, whole numbers".strip()
        raise TypeError(f"{what}: expected {expected}, got {values!r}")
    return array
