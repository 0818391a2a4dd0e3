"""Floor 11. A quantum kernel as a kernel of scikit-learn's Gaussian processes."""

from collections.abc import Callable
from math import pi
from typing import Any, Literal

import jax
import numpy as np
from jaxtyping import Float
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel

from qjax._base import tuning
from qjax._base.arrays import as_real_numpy
from qjax._base.store import kept
from qjax.kernels import QuantumKernel

FIXED = "fixed"
Bounds = tuple[float, float] | np.ndarray | Literal["fixed"]


class GaussianProcessKernel(Kernel):
    """What `GaussianProcessRegressor` and `GaussianProcessClassifier` ask of a kernel.

        kernel = 1.0 * GaussianProcessKernel(FidelityKernel(circuit)) + WhiteKernel()
        GaussianProcessRegressor(kernel).fit(x, targets)

    The weights of the quantum kernel are hyperparameters: `fit` moves them to where the marginal
    likelihood is largest, by exact gradients. Unlike scikit-learn's own, which are positive, they
    are not searched by their logarithm: `theta` and `bounds` are in radians.

    Args:
        quantum_kernel: one of `qjax.kernels`; an exact one, without shots and `Trajectories`, where
            weights are searched.
        weights: where the search starts, shape `(num_weights,)`; None for the numbers that the
            kernel has.
        weight_bounds: between which numbers each weight is searched, a pair or shape
            `(num_weights, 2)`; "fixed" leaves them as they are.
    """

    def __init__(
        self,
        quantum_kernel: QuantumKernel,
        weights: Float[np.ndarray, " weights"] | None = None,
        weight_bounds: Bounds = (-2 * pi, 2 * pi),
    ) -> None:
        self.quantum_kernel = quantum_kernel
        self.weights = weights
        self.weight_bounds = weight_bounds

    @property
    def hyperparameters(self) -> list[Hyperparameter]:
        """The weights; none for a kernel without, or with fixed ones."""
        count = self._checked_kernel.num_weights
        fixed = isinstance(self.weight_bounds, str)
        bounds = _checked_bounds(self.weight_bounds, count)
        return [Hyperparameter("weights", "numeric", bounds, count, fixed)] if count else []

    @property
    def theta(self) -> Float[np.ndarray, " searched"]:
        """The weights that are searched, in radians."""
        return self._numbers if self._searched else np.zeros(0)

    @theta.setter
    def theta(self, theta: Float[np.ndarray, " searched"]) -> None:
        expected = self._checked_kernel.num_weights if self._searched else 0
        if np.shape(theta) != (expected,):
            raise ValueError(f"theta: expected shape ({expected},), got {np.shape(theta)}")
        if expected:
            self.weights = np.array(theta, np.float64)

    @property
    def bounds(self) -> Float[np.ndarray, "searched 2"]:
        """The bounds of `theta`, in radians."""
        found = [h.bounds for h in self.hyperparameters if not h.fixed]
        return np.vstack(found) if found else np.zeros((0, 2))

    def __call__(self, X: Any, Y: Any = None, eval_gradient: bool = False) -> Any:
        """The kernel of all pairs, and its derivatives by `theta`, `(points, points, searched)`."""
        kernel, numbers = self._checked_kernel, self._numbers
        values = kernel.evaluate(X, Y, weights=numbers)
        if not eval_gradient:
            return values
        if Y is not None:
            raise ValueError("Gradient can only be evaluated when Y is None.")
        if not self._searched:
            return values, np.zeros((*values.shape, 0))
        _check_exact(kernel)
        with jax.enable_x64(True):
            points = np.asarray(X, np.float64)
            return values, np.array(_compiled_jacobian(kernel.without_weights())(numbers, points))

    def diag(self, X: Any) -> Float[np.ndarray, " points"]:
        """The kernel of each point with itself: ones."""
        return np.ones(len(X))

    def is_stationary(self) -> bool:
        """False: values depend on more than differences of points."""
        return False

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GaussianProcessKernel):
            return NotImplemented
        pairs = [(k.quantum_kernel, k.theta.tolist(), k.bounds.tolist()) for k in (self, other)]
        return pairs[0] == pairs[1]

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"GaussianProcessKernel({self.quantum_kernel!r})"

    @property
    def _checked_kernel(self) -> QuantumKernel:
        if not isinstance(self.quantum_kernel, QuantumKernel):
            raise TypeError(
                f"quantum_kernel: got {type(self.quantum_kernel).__name__}; expected one of "
                "qjax.kernels, such as FidelityKernel(circuit)"
            )
        return self.quantum_kernel

    @property
    def _searched(self) -> bool:
        count = self._checked_kernel.num_weights
        fixed = isinstance(_checked_bounds(self.weight_bounds, count), str)
        return bool(count) and not fixed

    @property
    def _numbers(self) -> Float[np.ndarray, " weights"]:
        """The weights as one vector; errors as those of the quantum kernel."""
        kernel = self._checked_kernel
        bound = kernel if self.weights is None else kernel.with_weights(self.weights)
        vector = bound.weight_vector
        if vector is None:
            raise ValueError(
                f"weights: none given, and the kernel has {kernel.num_weights}; expected where the "
                "search starts, GaussianProcessKernel(kernel, weights), or kernel.with_weights(...)"
            )
        return vector


def _check_exact(kernel: QuantumKernel) -> None:
    if kernel.needs_key:
        raise ValueError(
            "quantum_kernel: its values are drawn, and weights are searched by the derivatives of "
            "exact ones; expected kernel.replace(shots=None, simulator=None), or "
            "weight_bounds='fixed'"
        )


def _checked_bounds(bounds: Any, count: int) -> Any:
    """A pair for each weight, or "fixed".

    Raises:
        ValueError: for another word or shape, NaN, and a lower bound above the upper one.
        TypeError: for what is no numbers.
    """
    if isinstance(bounds, str):
        if bounds != FIXED:
            raise ValueError(
                f"weight_bounds: expected a pair of numbers or 'fixed', got {bounds!r}"
            )
        return bounds
    pairs = as_real_numpy(bounds, "weight_bounds").astype(float)
    if pairs.shape not in {(2,), (count, 2)}:
        raise ValueError(
            f"weight_bounds: expected a pair of numbers, one for each weight, shape ({count}, 2), "
            f"or 'fixed', got shape {pairs.shape}"
        )
    pairs = np.broadcast_to(pairs, (count, 2))
    if not (pairs[:, 0] <= pairs[:, 1]).all():
        raise ValueError(f"weight_bounds: expected lower <= upper, got {bounds!r}")
    return pairs


@kept(tuning.DERIVATIVES_BYTES)
def _compiled_jacobian(kernel: QuantumKernel) -> Callable[..., jax.Array]:
    """(weights, points) -> derivatives of the Gram matrix, `(points, points, weights)`."""
    return jax.jit(jax.jacfwd(lambda weights, points: kernel.matrix(points, weights=weights)))
