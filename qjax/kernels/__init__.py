"""Floor 10. Quantum kernels: Gram matrices of states and of expectation values.

This module is imported by name (`import qjax.kernels`): `import qjax` leaves it out.

_fidelity_kernel        the fidelity of states
_projected_kernel       the Gaussian kernel of expectation values
_training               kernel, points, labels -> the kernel with weights that suit them
_alignment              how well a Gram matrix and labels agree
_support_vectors        the loss of the support vector machine that a Gram matrix trains
_positive_semidefinite  the nearest positive semidefinite matrix
_arguments              Gram matrices and labels -> checked arrays
_kernel                 what all kernels compute: Gram matrices, in JAX and in NumPy
_trainable_kernel       the names by which Qiskit Machine Learning asks kernels
_description            what a kernel is made of: circuit, inputs, weights, and numbers for them
_evaluation             more pairs than fit into memory, in NumPy
_gram                   points -> their Gram matrix, compiled and differentiable
_gram_on_mesh           the same, where points lie on several devices
_features               points -> what a kernel compares
_overlap                pairs of points -> the circuit by which a device compares them
_shots                  kernel values -> what a number of shots gives of them
_known_noise            noise models with known numbers, as hashable values
_independent_parts      what of a circuit the fidelity depends on
"""

from qjax.kernels._alignment import target_alignment
from qjax.kernels._fidelity_kernel import FidelityKernel
from qjax.kernels._kernel import QuantumKernel
from qjax.kernels._positive_semidefinite import nearest_psd
from qjax.kernels._projected_kernel import ProjectedKernel
from qjax.kernels._support_vectors import svc_loss
from qjax.kernels._training import TrainedKernel, train

__all__ = [
    "FidelityKernel",
    "ProjectedKernel",
    "QuantumKernel",
    "TrainedKernel",
    "nearest_psd",
    "svc_loss",
    "target_alignment",
    "train",
]
