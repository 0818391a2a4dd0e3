"""Floor 10. Gram matrix with noise -> the nearest one that is positive semidefinite."""

from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from qjax._base import tuning
from qjax._base.arrays import as_real, as_real_numpy
from qjax.kernels._arguments import check_square

Matrix = TypeVar("Matrix", Array, np.ndarray)


def nearest_psd(matrix: Matrix) -> Matrix:
    """The positive semidefinite matrix that is nearest in Frobenius' norm.

    The symmetric part, with 0 in the place of its negative eigenvalues (N. J. Higham, Linear
    Algebra and its Applications 103, 103 (1988), theorem 2.1): for Gram matrices that were
    estimated with shots. Exact ones need none: their eigenvalues are negative by rounding at most.

    Args:
        matrix: real, shape `(n, n)`. An array of JAX gives one of JAX, by a pure function whose
            derivative exists for equal eigenvalues too; of NumPy one of NumPy, in double unless it
            is single.

    Raises:
        ValueError: for what is not square, and for NaN.
        TypeError: for values that are not real.
    """
    of_jax = isinstance(matrix, Array)
    array = as_real(matrix, "matrix") if of_jax else as_real_numpy(matrix, "matrix")
    check_square(array, "matrix")
    symmetric: Any = (array + array.T) / 2
    part: Any = _positive_part(symmetric) if of_jax else _positive_part_in_numpy(symmetric)
    return part


def _positive_part_in_numpy(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    whole = np.matmul(vectors * np.maximum(values, 0)[None, :], vectors.T)
    return (whole + whole.T) / 2


@jax.custom_jvp
def _positive_part(matrix: Array) -> Array:
    """A symmetric matrix with 0 in the place of its negative eigenvalues."""
    return _with_eigenvalues(*_parts(matrix)[1:])


@_positive_part.defjvp
def _differential(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    """Between eigenvectors i and j the change is multiplied with (f_i - f_j) / (l_i - l_j).

    By the theorem of Daleckii and Krein (R. Bhatia, Matrix Analysis, theorem V.3.3). For f =
    max(l, 0) that is (f_i + f_j) / (|l_i| + |l_j|), in which nothing cancels; of two zeros it is
    none of both slopes, and taken to be 0.
    """
    values, positive, vectors = _parts(primals[0])
    sums = jnp.abs(values)[:, None] + jnp.abs(values)[None, :]
    slopes = (positive[:, None] + positive[None, :]) / jnp.where(sums > 0, sums, 1)
    change = _product(_product(vectors.T, tangents[0]), vectors)
    moved = _product(_product(vectors, slopes * change), vectors.T)
    return _with_eigenvalues(positive, vectors), (moved + moved.T) / 2


def _parts(matrix: Array) -> tuple[Array, Array, Array]:
    """Eigenvalues, those of them that are positive and 0 else, and eigenvectors."""
    values, vectors = jnp.linalg.eigh(matrix)
    return values, jnp.maximum(values, 0), vectors


def _with_eigenvalues(values: Array, vectors: Array) -> Array:
    whole = _product(vectors * values[None, :], vectors.T)
    return (whole + whole.T) / 2


def _product(left: Array, right: Array) -> Array:
    return jnp.matmul(left, right, precision=tuning.PRECISION)
