"""Floor 10. Quantum kernels: Gram matrices of states and of expectation values.

This module is imported by name (`import qjax.kernels`): `import qjax` leaves it out.

_fidelity_kernel    the fidelity of states
_projected_kernel   the Gaussian kernel of expectation values
_kernel             what all kernels compute: Gram matrices, in JAX and in NumPy
_trainable_kernel   the names by which Qiskit Machine Learning asks kernels
_description        what a kernel is made of: circuit, inputs, weights, and numbers for them
_evaluation         more pairs than fit into memory, in NumPy
_gram               points -> their Gram matrix, compiled and differentiable
_features           points -> what a kernel compares
_independent_parts  what of a circuit the fidelity depends on
"""

from qjax.kernels._fidelity_kernel import FidelityKernel as FidelityKernel
from qjax.kernels._kernel import QuantumKernel as QuantumKernel
from qjax.kernels._projected_kernel import ProjectedKernel as ProjectedKernel

__all__ = ["FidelityKernel", "ProjectedKernel", "QuantumKernel"]
