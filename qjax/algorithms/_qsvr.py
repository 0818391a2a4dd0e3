"""Floor 11. The support vector regressor on a quantum kernel."""

from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.base import RegressorMixin
from sklearn.svm import SVR

from qjax.algorithms._gram_machine import PRECOMPUTED, GramMachine


class QSVR(RegressorMixin, GramMachine):
    """scikit-learn's support vector regressor on a quantum kernel.

    Qiskit Machine Learning's arguments, scikit-learn's ways.

        regressor = QSVR(quantum_kernel=qjax.kernels.FidelityKernel(circuit)).fit(x, y)

    Args:
        quantum_kernel: as in `QSVC`.
        C, epsilon, shrinking, tol, cache_size, verbose, max_iter: as in `sklearn.svm.SVR`.

    Attributes:
        machine_: the `sklearn.svm.SVR` on the Gram matrix.
        quantum_kernel_: the kernel that was used.
        support_, support_vectors_, n_support_, dual_coef_, intercept_, n_iter_: as in
            `sklearn.svm.SVR`.
        n_features_in_: the number of features.
    """

    def __init__(
        self,
        *,
        quantum_kernel: Any = None,
        C: float = 1.0,
        epsilon: float = 0.1,
        shrinking: bool = True,
        tol: float = 1e-3,
        cache_size: float = 200,
        verbose: bool = False,
        max_iter: int = -1,
    ) -> None:
        self.quantum_kernel = quantum_kernel
        self.C = C
        self.epsilon = epsilon
        self.shrinking = shrinking
        self.tol = tol
        self.cache_size = cache_size
        self.verbose = verbose
        self.max_iter = max_iter

    def predict(self, X: Any) -> Float[np.ndarray, " samples"]:
        """The value at each point."""
        return self._fitted().predict(self._matrix(X))

    def _trained(self, matrix: np.ndarray, y: np.ndarray, sample_weight: Any) -> SVR:
        given = self.get_params(deep=False)
        names = set(given) - {"quantum_kernel"}
        machine = SVR(kernel=PRECOMPUTED, **{name: given[name] for name in names})
        return machine.fit(matrix, y, sample_weight)
