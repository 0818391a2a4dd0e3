"""Floor 11. The support vector classifier on a quantum kernel."""

from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from sklearn.base import ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.svm import SVC
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from qjax._base.options import as_flag
from qjax.algorithms._gram_machine import PRECOMPUTED, GramMachine


def _has_probability(estimator: Any) -> bool:
    if not estimator.probability:
        raise AttributeError("predict_proba: expected QSVC(probability=True), got False")
    return True


class QSVC(ClassifierMixin, GramMachine):
    """scikit-learn's support vector classifier on a quantum kernel.

    Qiskit Machine Learning's arguments, scikit-learn's ways (V. Havlicek et al., Nature 567, 209
    (2019), for the method).

        classifier = QSVC(quantum_kernel=qjax.kernels.FidelityKernel(circuit)).fit(x, labels)

    Args:
        quantum_kernel: a kernel of `qjax.kernels` or of Qiskit Machine Learning; "precomputed",
            where data are Gram matrices; None for the fidelity kernel of `zz_feature_map`, with a
            qubit for each feature.
        C, shrinking, tol, cache_size, class_weight, verbose, max_iter: as in `sklearn.svm.SVC`.
        decision_function_shape, break_ties, random_state: as there.
        probability: whether there is `predict_proba`: a sigmoid of the decision, fitted by
            cross-validation in 5 folds (J. Platt, Advances in Large Margin Classifiers (1999)).

    Attributes:
        classes_: the labels, sorted.
        machine_: the `sklearn.svm.SVC` on the Gram matrix.
        quantum_kernel_: the kernel that was used.
        support_, support_vectors_, n_support_, dual_coef_, intercept_, n_iter_: as in
            `sklearn.svm.SVC`.
        n_features_in_: the number of features.
    """

    def __init__(
        self,
        *,
        quantum_kernel: Any = None,
        C: float = 1.0,
        shrinking: bool = True,
        probability: bool = False,
        tol: float = 1e-3,
        cache_size: float = 200,
        class_weight: Any = None,
        verbose: bool = False,
        max_iter: int = -1,
        decision_function_shape: str = "ovr",
        break_ties: bool = False,
        random_state: Any = None,
    ) -> None:
        self.quantum_kernel = quantum_kernel
        self.C = C
        self.shrinking = shrinking
        self.probability = probability
        self.tol = tol
        self.cache_size = cache_size
        self.class_weight = class_weight
        self.verbose = verbose
        self.max_iter = max_iter
        self.decision_function_shape = decision_function_shape
        self.break_ties = break_ties
        self.random_state = random_state

    def predict(self, X: Any) -> Shaped[np.ndarray, " samples"]:
        """The label of each point."""
        return self._fitted().predict(self._matrix(X))

    def decision_function(self, X: Any) -> Float[np.ndarray, "samples *classes"]:
        """What decides between the classes, as in `sklearn.svm.SVC`."""
        return self._fitted().decision_function(self._matrix(X))

    @available_if(_has_probability)
    def predict_proba(self, X: Any) -> Float[np.ndarray, "samples classes"]:
        """A probability for each class, in the order of `classes_`; rows sum to 1.

        It may differ from `predict` near the border of two classes, as it is fitted on its own.
        """
        self._fitted()
        return self._calibrated.predict_proba(self._matrix(X))

    def _check_targets(self, y: np.ndarray) -> None:
        check_classification_targets(y)
        if len(np.unique(y)) < 2:
            raise ValueError(f"y: QSVC needs labels of at least 2 classes, got one class: {y[0]}")

    def __sklearn_tags__(self) -> Tags:
        """What scikit-learn asks of an estimator."""
        tags = super().__sklearn_tags__()
        # The default kernel fits few data sets: not scikit-learn's blobs.
        tags.classifier_tags.poor_score = self.quantum_kernel is None
        return tags

    def _trained(self, matrix: np.ndarray, y: np.ndarray, sample_weight: Any) -> SVC:
        given = self.get_params(deep=False)
        names = set(given) - {"quantum_kernel", "probability"}
        machine = SVC(kernel=PRECOMPUTED, **{name: given[name] for name in names})
        if not as_flag(self.probability, "probability"):
            machine.fit(matrix, y, sample_weight)
        else:
            self._calibrated = CalibratedClassifierCV(machine, cv=5, ensemble=False)
            self._calibrated.fit(matrix, y, sample_weight)
            machine = self._calibrated.calibrated_classifiers_[0].estimator
        self.classes_ = machine.classes_
        return machine
