"""Floor 9. Samples of a symmetric matrix -> their running mean -> a step preconditioned by it."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from qjax._base import tuning


def second_differences(
    values: Float[Array, "4 samples"],
    directions: Float[Array, "2 samples weights"],
    size: Array,
) -> Float[Array, "weights weights"]:
    """A matrix of second derivatives from values at random points, mean over samples.

    With steps u = c d1 and v = c d2 of random signs, [f(x + u + v) - f(x + u)] - [f(x - u + v) -
    f(x - u)] is 2 c^2 d1^T H d2 and terms of higher order, and the mean of d1 d1^T H d2 d2^T is H:
    signs of different weights are independent. J. C. Spall, IEEE Trans. Autom. Control 45, 1839
    (2000), eq. 2.2, in its symmetric part.

    Args:
        values: at x + u, x - u, x + u + v and x - u + v.
        directions: d1 and d2, of +1 and -1.
        size: c.
    """
    plus, minus, plus_both, minus_both = values
    slopes = ((plus_both - plus) - (minus_both - minus)) / (2 * size**2)
    first, second = directions
    matrix = jnp.einsum("s,si,sj->ij", slopes, first, second, precision=tuning.PRECISION)
    return (matrix + matrix.T) / (2 * len(slopes))


def running_mean(
    mean: Float[Array, "weights weights"], sample: Float[Array, "weights weights"], count: Array
) -> Float[Array, "weights weights"]:
    """The mean of the matrix before the first step and `count` + 1 samples (eq. 2.1b there).

    A sample of a loss that was no number somewhere counts as the mean that is known.
    """
    steps = (count + 1).astype(mean.dtype)
    whole = jnp.all(jnp.isfinite(sample))
    return jnp.where(whole, (steps * mean + sample) / (steps + 1), mean)


def preconditioned(
    matrix: Float[Array, "weights weights"],
    gradient: Float[Array, " weights"],
    regularization: Array,
) -> Float[Array, " weights"]:
    """The solution x of (|matrix| + regularization I) x = gradient.

    |matrix| has the absolute values of the eigenvalues: an estimate need not be positive.
    """
    if not len(gradient):
        return gradient
    values, vectors = jnp.linalg.eigh(matrix)
    along = jnp.matmul(gradient, vectors, precision=tuning.PRECISION)
    return jnp.matmul(
        vectors, along / (jnp.abs(values) + regularization), precision=tuning.PRECISION
    )
