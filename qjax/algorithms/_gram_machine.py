"""Floor 11. What support vector machines on quantum kernels share: Gram matrices of the data."""

import copy
from abc import abstractmethod
from typing import Any, Self

import numpy as np
from jaxtyping import Float, Int
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from qjax._base.store import kept
from qjax.algorithms._arguments import mean_one
from qjax.algorithms._circuits import default_feature_map
from qjax.algorithms._estimator import FLOATS
from qjax.kernels import FidelityKernel

PRECOMPUTED = "precomputed"


class GramMachine(BaseEstimator):
    """A machine of scikit-learn's on the Gram matrix of a quantum kernel.

    The matrix is computed once in `fit`; `predict` compares new points with the support vectors
    only.
    """

    quantum_kernel: Any

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Compute the Gram matrix, and train on it.

        Args:
            X: points, shape `(samples, features)`; or with `quantum_kernel="precomputed"` their
                Gram matrix.
            y: labels or values, shape `(samples,)`.
            sample_weight: factors on C, shape `(samples,)`.

        Returns:
            itself.

        Raises:
            ValueError: for data or arguments that do not fit.
            TypeError: for sparse data, and what is no kernel.
        """
        # On a copy: what fails, or is interrupted, leaves the machine as it was.
        twin = copy.copy(self)
        twin._fit(X, y, sample_weight)
        self.__dict__ = twin.__dict__
        return self

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> None:
        X, y = validate_data(self, X, y, dtype=FLOATS)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=X.dtype)
            mean_one(sample_weight, self)  # before the matrix, which may take long
        self._check_targets(y)
        self.quantum_kernel_ = _checked_kernel(self.quantum_kernel, X.shape[1])
        matrix = X if self._is_precomputed else _gram(self.quantum_kernel_, X)
        self.machine_ = self._trained(matrix, y, sample_weight)
        self._points = X

    def _check_targets(self, y: np.ndarray) -> None:
        """Refuse what the machine cannot be trained on."""

    @abstractmethod
    def _trained(self, matrix: np.ndarray, y: np.ndarray, sample_weight: Any) -> Any:
        """The machine that was trained on a Gram matrix."""

    @property
    def support_(self) -> Int[np.ndarray, " vectors"]:
        """Which samples are support vectors."""
        return self._fitted().support_

    @property
    def support_vectors_(self) -> Float[np.ndarray, "vectors features"]:
        """Those samples; of a precomputed kernel, their rows of the matrix."""
        return self._points[self.support_]

    @property
    def n_support_(self) -> Int[np.ndarray, " classes"]:
        """How many there are, of each class."""
        return self._fitted().n_support_

    @property
    def dual_coef_(self) -> Float[np.ndarray, "machines vectors"]:
        """What support vectors count in the decision."""
        return self._fitted().dual_coef_

    @property
    def intercept_(self) -> Float[np.ndarray, " machines"]:
        """What is added to the decision."""
        return self._fitted().intercept_

    @property
    def n_iter_(self) -> Any:
        """How many iterations the training took."""
        return self._fitted().n_iter_

    def __sklearn_tags__(self) -> Tags:
        """What scikit-learn asks of an estimator."""
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self._is_precomputed
        return tags

    @property
    def _is_precomputed(self) -> bool:
        return isinstance(self.quantum_kernel, str) and self.quantum_kernel == PRECOMPUTED

    def _fitted(self) -> Any:
        check_is_fitted(self, "machine_")
        return self.machine_

    def _matrix(self, X: Any) -> Float[np.ndarray, "points samples"]:
        """The kernel of new points and samples; 0 for those that are no support vectors."""
        machine = self._fitted()
        X = validate_data(self, X, reset=False, dtype=FLOATS)
        if self._is_precomputed:
            return X
        matrix = np.zeros((len(X), len(self._points)), X.dtype)
        if len(machine.support_):
            matrix[:, machine.support_] = _gram(
                self.quantum_kernel_, X, self._points[machine.support_]
            )
        return matrix


@kept()
def default_kernel(num_features: int) -> FidelityKernel:
    """The fidelity of states of the ZZ feature map, with a qubit for each feature."""
    return FidelityKernel(default_feature_map(num_features))


def _checked_kernel(kernel: Any, num_features: int) -> Any:
    if kernel is None:
        return default_kernel(num_features)
    named = isinstance(kernel, str) and kernel == PRECOMPUTED
    computes = callable(getattr(kernel, "evaluate", None)) or callable(kernel)
    if isinstance(kernel, type) or not (named or computes):
        raise TypeError(
            "quantum_kernel: expected a kernel such as qjax.kernels.FidelityKernel(circuit), "
            f"'precomputed' or None, got {kernel!r}"
        )
    width = getattr(kernel, "num_inputs", num_features)
    if width != num_features:
        raise ValueError(f"X has {num_features} features, but the kernel takes {width} inputs")
    return kernel


def _gram(kernel: Any, x: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
    """Of kernels of `qjax` and Qiskit Machine Learning, and of functions as scikit-learn's."""
    if hasattr(kernel, "evaluate"):
        return np.asarray(kernel.evaluate(x, y))
    return np.asarray(kernel(x, x if y is None else y))
