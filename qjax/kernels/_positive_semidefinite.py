"""Floor 10. Gram matrix with noise -> the nearest one that is positive semidefinite."""

from typing import Any, TypeVar

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
        matrix: real, shape `(n, n)`. An array of JAX gives one of JAX, by a pure function; of NumPy
            one of NumPy, in double unless it is single.

    Raises:
        ValueError: for what is not square, and for NaN.
        TypeError: for values that are not real.
    """
    of_jax = isinstance(matrix, Array)
    array = as_real(matrix, "matrix") if of_jax else as_real_numpy(matrix, "matrix")
    check_square(array, "matrix")
    library: Any = jnp if of_jax else np
    product: Any = _exact_product if of_jax else np.matmul
    values, vectors = library.linalg.eigh((array + array.T) / 2)
    kept = product(vectors * library.maximum(values, 0)[None, :], vectors.T)
    return (kept + kept.T) / 2


def _exact_product(left: Array, right: Array) -> Array:
    return jnp.matmul(left, right, precision=tuning.PRECISION)
