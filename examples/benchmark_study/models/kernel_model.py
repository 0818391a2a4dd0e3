"""What kernels have in common, which support vector machines are given."""

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from benchmark_study.models.gradient_model import Points
from qjax.kernels import QuantumKernel


class KernelModel:
    """A kernel of points scaled to angles. Of most, nothing is random."""

    def weights(self, generator: Generator) -> Float[np.ndarray, " weights"]:
        """What is drawn for each fit."""
        del generator
        return np.zeros(0)

    def matrix(
        self, x: Points, y: Points, weights: Float[np.ndarray, " weights"]
    ) -> Float[np.ndarray, "x_points y_points"]:
        """The kernel of all pairs."""
        return np.asarray(self.kernel.matrix(x, y, weights))

    @property
    def kernel(self) -> QuantumKernel:
        """That of the package."""
        raise NotImplementedError
