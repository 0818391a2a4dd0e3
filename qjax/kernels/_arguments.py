"""Floor 10. Gram matrices and labels that a caller handed in -> checked arrays."""

from typing import Any

import numpy as np
from jax import Array
from jaxtyping import Float

from qjax._base.arrays import Numbers, as_numpy, as_real
from qjax._circuit.domain import is_known


def as_gram_matrix(matrix: Numbers, what: str) -> Float[Array, "points points"]:
    """A real square matrix.

    Raises:
        ValueError: for another shape, and for NaN where the numbers are known.
        TypeError: for values that are not real.
    """
    array = as_real(matrix, what)
    check_square(array, what)
    return array


def check_square(array: Any, what: str) -> None:
    """Require a square matrix of finite numbers, as far as they are known.

    Raises:
        ValueError: otherwise.
    """
    if array.ndim != 2 or array.shape[0] != array.shape[1] or not len(array):
        raise ValueError(
            f"{what}: expected a square matrix, of all pairs of points, got shape {array.shape}"
        )
    if is_known(array) and not np.isfinite(np.asarray(array)).all():
        raise ValueError(f"{what}: holds NaN or infinity; expected finite numbers")


def as_columns(labels: Numbers, count: int) -> Float[Array, "points columns"]:
    """Labels as columns of numbers: one vector is one column.

    Raises:
        ValueError: for another number of them, and for NaN.
        TypeError: for values that are not real.
    """
    array = as_real(labels, "labels")
    if array.ndim not in (1, 2) or len(array) != count:
        raise ValueError(
            f"labels: expected shape ({count},) or ({count}, classes), a label for each row of the "
            f"matrix, got {array.shape}"
        )
    if is_known(array) and not np.isfinite(np.asarray(array)).all():
        raise ValueError("labels: holds NaN or infinity; expected finite numbers")
    return array[:, None] if array.ndim == 1 else array


def class_columns(labels: object, count: int) -> Float[np.ndarray, "points classes"]:
    """Labels of any kind -> one-hot rows, classes in sorted order.

    Raises:
        ValueError: for another number of them, and for fewer than two classes.
        TypeError: for what is no array of labels.
    """
    array = as_numpy(labels, "labels")
    if array.shape != (count,):
        raise ValueError(
            f"labels: expected shape ({count},), one for each point, got {array.shape}"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError("labels: holds NaN or infinity; expected classes")
    classes = np.unique(array)
    if len(classes) < 2:
        raise ValueError(f"labels: got {len(classes)} class; expected two at least")
    return (array[:, None] == classes[None, :]).astype(np.float64)
