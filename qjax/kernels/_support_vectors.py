"""Floor 10. Gram matrix, labels -> the loss of the support vector machine that they train.

The dual problem, in b = y a with box bounds between 0 and C y, is to maximise y.b - b.K b / 2 with
sum(b) = 0. It is solved by sequential minimal optimization in one loop: each step moves along the
pair (i, j), b_i up and b_j down, that promises the largest gain to second order (R.-E. Fan, P.-H.
Chen and C.-J. Lin, JMLR 6, 1889 (2005), working set selection 2), as in LIBSVM.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, Int

from qjax._base import tuning
from qjax._base.arrays import Numbers, as_real_numpy
from qjax._base.mesh import alike
from qjax._base.store import kept
from qjax._circuit.domain import is_known
from qjax.kernels._arguments import as_columns, as_gram_matrix

# Curvature along a pair of equal points is 0: so much is taken instead, as LIBSVM does.
_LEAST_CURVATURE = 1e-12

# Steps for each point; LIBSVM takes some per support vector.
_STEPS_OF_POINT = 1000


def svc_loss(
    matrix: Numbers,
    labels: Numbers,
    regularization: float | Array = 1.0,
    *,
    tolerance: float | Array = 1e-4,
) -> Float[Array, ""]:
    """The dual objective of a support vector machine at its optimum: what its training reaches.

    max over a of sum(a) - (a y).K (a y) / 2, with 0 <= a <= C and a.y = 0. Kernels with a smaller
    one separate the classes better (Hubregtsen et al., Phys. Rev. A 106, 042431 (2022); it is the
    `SVCLoss` of Qiskit ML). A pure function, compiled, solver included.

    Gradients in the matrix are exact by the envelope theorem, -(a y)(a y)^T / 2 at the optimum;
    second derivatives leave out how the optimum moves, and C has none.

    Args:
        matrix: a Gram matrix, real and symmetric, shape `(n, n)`.
        labels: -1 and 1, shape `(n,)`; or a column for each of several machines, shape
            `(n, classes)`, whose losses are added: one against the rest.
        regularization: C, positive, what a point on the wrong side costs.
        tolerance: by how much the conditions of the optimum may be violated, as scikit-learn's
            `tol`.

    Returns:
        shape `()`.

    Raises:
        ValueError: for other shapes, for labels other than -1 and 1, and for a C or a tolerance
            that is not positive.
        TypeError: for values that are not real.
    """
    kernel = as_gram_matrix(matrix, "matrix")
    columns = as_columns(labels, len(kernel))
    if is_known(columns) and not (np.abs(np.asarray(columns)) == 1).all():
        raise ValueError("labels: expected -1 and 1 only, a column for each of several machines")
    for what, number in (("regularization", regularization), ("tolerance", tolerance)):
        _check_positive(number, what)
    bound, gap = (jnp.asarray(each, kernel.dtype) for each in (regularization, tolerance))
    return _compiled_loss()(kernel, columns.astype(kernel.dtype), bound, gap)


def _check_positive(number: float | Array, what: str) -> None:
    if isinstance(number, jax.core.Tracer):
        return
    value = as_real_numpy(number, what)
    if value.ndim or not 0 < value < np.inf:
        raise ValueError(f"{what}: expected a positive number, got {number}")


@kept()
def _compiled_loss() -> jax.stages.Wrapped:
    return jax.jit(_loss)


def _loss(
    kernel: Array, columns: Float[Array, "n machines"], bound: Array, tolerance: Array
) -> Float[Array, ""]:
    solve = jax.vmap(_optimum, in_axes=(None, 1, None, None), out_axes=1)
    duals = solve(*map(lax.stop_gradient, (kernel, columns, bound, tolerance)))
    images = jnp.matmul(kernel, duals, precision=tuning.PRECISION)
    return jnp.sum(columns * duals) - jnp.sum(duals * images) / 2


class _Search(NamedTuple):
    """Where the search stands.

    Attributes:
        duals: b.
        slopes: y - K b, the derivative of the objective by b.
        gap: by how much the conditions of the optimum are violated.
        steps: how many were taken.
    """

    duals: Float[Array, " n"]
    slopes: Float[Array, " n"]
    gap: Float[Array, ""]
    steps: Int[Array, ""]


def _optimum(kernel: Array, labels: Array, bound: Array, tolerance: Array) -> Float[Array, " n"]:
    lower, upper = jnp.minimum(0, bound * labels), jnp.maximum(0, bound * labels)
    diagonal = jnp.diagonal(kernel)

    def step(search: _Search) -> _Search:
        duals, slopes, _, steps = search
        rising = jnp.where(duals < upper, slopes, -jnp.inf)
        falling = jnp.where(duals > lower, slopes, jnp.inf)
        i = jnp.argmax(rising)
        ahead = rising[i] - falling  # the slope along (i, j)
        curvature = jnp.maximum(diagonal[i] + diagonal - 2 * kernel[i], _LEAST_CURVATURE)
        j = jnp.argmax(jnp.where(ahead > 0, ahead * ahead / curvature, -jnp.inf))
        room = jnp.minimum(upper[i] - duals[i], duals[j] - lower[j])
        moved = jnp.minimum(ahead[j] / curvature[j], room)
        gap = jnp.max(ahead)
        moved = jnp.where(gap > tolerance, moved, 0)
        duals = duals.at[i].add(moved).at[j].add(-moved)
        # Rounding would leave a point a little inside of its bounds.
        duals = jnp.clip(duals, lower, upper)
        return _Search(duals, slopes - moved * (kernel[i] - kernel[j]), gap, steps + 1)

    def unfinished(search: _Search) -> Array:
        return (search.gap > tolerance) & (search.steps < _STEPS_OF_POINT * len(labels))

    start = _Search(
        jnp.zeros_like(labels),
        labels,
        jnp.full((), jnp.inf, labels.dtype),
        jnp.zeros((), jnp.int32),
    )
    return lax.while_loop(unfinished, step, _Search(*alike(start))).duals
