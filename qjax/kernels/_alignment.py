"""Floor 10. Gram matrix, labels -> how well they agree: what trained kernels maximise."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float

from qjax._base import tuning
from qjax._base.arrays import Numbers
from qjax._base.options import as_flag
from qjax._circuit.domain import is_known
from qjax.kernels._arguments import as_columns, as_gram_matrix


def target_alignment(matrix: Numbers, labels: Numbers, centered: bool = False) -> Float[Array, ""]:
    """<K, T> / (|K| |T|) in Frobenius' product, with T = labels labels^T.

    N. Cristianini et al., "On kernel-target alignment" (NIPS 2001), definition 1 and eq. 2. With
    `centered` both K and T are centered first, H K H and H T H with H = I - 11^T / n (C. Cortes, M.
    Mohri and A. Rostamizadeh, JMLR 13, 795 (2012), definition 4), which suits classes of
    different sizes. A pure function, differentiable in the matrix and the labels.

    Args:
        matrix: a Gram matrix, real and symmetric, shape `(n, n)`.
        labels: real: -1 and 1 for two classes, shape `(n,)`; for more, a column for each, shape
            `(n, classes)`, such as one-hot rows minus `1 / classes`. Or targets of a regression.
        centered: whether to center both.

    Returns:
        shape `()`, in [-1, 1]; not below 0 for a positive semidefinite matrix. Where JAX traces,
        what would be refused gives 0, with derivatives of 0: a batch of one class tells nothing.

    Raises:
        ValueError: for other shapes, and for labels or a matrix that are all 0 (`centered`: all
            equal, up to rounding).
        TypeError: for values that are not real.
    """
    given = as_gram_matrix(matrix, "matrix")
    read = as_columns(labels, len(given)).astype(given.dtype)
    kernel, columns = given, read
    if as_flag(centered, "centered"):
        # Centering once is enough: H is a projection, and <H K H, T> = <H K H, H T H>.
        columns = columns - jnp.mean(columns, axis=0, keepdims=True)
        means = jnp.mean(kernel, axis=0)
        kernel = kernel - means[:, None] - means[None, :] + jnp.mean(means)
    varied = _is_left(columns, read), _is_left(kernel, given)
    _check_varied(varied, centered)
    # <K, Y Y^T> = tr(Y^T K Y) and |Y Y^T| = |Y^T Y|: no matrix T is made.
    agreement = jnp.sum(columns * jnp.matmul(kernel, columns, precision=tuning.PRECISION))
    products = jnp.matmul(columns.T, columns, precision=tuning.PRECISION)
    defined = varied[0] & varied[1]
    squares = [jnp.sum(part * part) for part in (kernel, products)]
    norms = [jnp.sqrt(jnp.where(defined, square, 1)) for square in squares]
    return jnp.where(defined, agreement / (norms[0] * norms[1]), 0)


def _is_left(values: Array, given: Array) -> Bool[Array, ""]:
    """Whether more than rounding is left of what was given. NaN is no rounding."""
    rounding = len(given) * jnp.finfo(given.dtype).eps * jnp.max(jnp.abs(given))
    return ~(jnp.max(jnp.abs(values)) <= rounding)


def _check_varied(varied: tuple[Array, Array], centered: bool) -> None:
    """Require labels and a matrix of which something is left, as far as they are known.

    Raises:
        ValueError: otherwise.
    """
    equal = "all equal, and centered they are all 0" if centered else "all 0"
    expected = "labels of at least two classes", "a Gram matrix of points that differ"
    for what, left, wanted in zip(("labels", "matrix"), varied, expected, strict=True):
        if is_known(left) and not left:
            raise ValueError(f"{what}: {equal}; expected {wanted}")
