"""Floor 11. Networks and kernels as estimators of scikit-learn's.

Needs scikit-learn (extra `algorithms`, with optax to train), so `import qjax` leaves this package
out.

_classifier        a network as a classifier
_regressor         a network as a regressor
_vqc               the variational quantum classifier: feature map, ansatz, remainders
_vqr               the variational quantum regressor: feature map, ansatz, observable
_qsvc              the support vector classifier on a quantum kernel
_qsvr              the support vector regressor on a quantum kernel
_grid              a grid of numbers, seeds and folds, trained at once
_gaussian_process  a quantum kernel as a kernel of Gaussian processes
_grid_result       what such a search gave
_circuits          feature map and ansatz -> the circuit of a variational estimator
_estimator         what estimators that train a network share: fit, and what it leaves behind
_arguments         what an estimator was handed -> checked
_labels            labels of any type <-> the outputs that stand for them
_losses            losses by name, as objects or functions
_objective         network and loss -> what is minimised
_optimizers        what `optimizer=` was given -> how weights are trained
_training          (objective, rows, starting points) -> trained weights
_evaluations       the objective as minimisers on the host call it
_requirements      scikit-learn, or how to install it
_gram_machine      what support vector machines on quantum kernels share
"""

import qjax.algorithms._requirements  # noqa: F401 - the first: says what is missing
from qjax.algorithms._classifier import NeuralNetworkClassifier
from qjax.algorithms._gaussian_process import GaussianProcessKernel
from qjax.algorithms._grid import fit_grid
from qjax.algorithms._grid_result import GridResult
from qjax.algorithms._qsvc import QSVC
from qjax.algorithms._qsvr import QSVR
from qjax.algorithms._regressor import NeuralNetworkRegressor
from qjax.algorithms._vqc import VQC
from qjax.algorithms._vqr import VQR

__all__ = [
    "QSVC",
    "QSVR",
    "VQC",
    "VQR",
    "GaussianProcessKernel",
    "GridResult",
    "NeuralNetworkClassifier",
    "NeuralNetworkRegressor",
    "fit_grid",
]
