"""A Gaussian kernel of expectation values (Huang et al., arXiv:2011.01938)."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float
from numpy.random import Generator
from qiskit import QuantumCircuit

import qjax.kernels
from benchmark_study.models.gradient_model import Points
from benchmark_study.models.kernel_model import KernelModel
from benchmark_study.models.layers import parameters, rotate


@dataclass(frozen=True)
class ProjectedKernel(KernelModel):
    """The state of a chain of spins that were turned at random, after a time under couplings x.

    Attributes:
        features: of a point; one qubit more.
        gamma_factor: of the default gamma.
        time: for each coupling.
        trotter_steps: into which it is divided.
    """

    features: int
    gamma_factor: float = 1.0
    time: float = 1 / 3
    trotter_steps: int = 5

    def weights(self, generator: Generator) -> Float[np.ndarray, " angles"]:
        """Angles of the first rotations."""
        generator.integers(100_000)  # the published program seeds its support vector machine
        return 2 * np.pi * generator.uniform(size=3 * (self.features + 1))

    @property
    def kernel(self) -> qjax.kernels.ProjectedKernel:
        """With X, Y and Z of all qubits, and gamma 1."""
        return _kernel(self.features, self.time, self.trotter_steps)

    def matrix(
        self, x: Points, y: Points, weights: Float[np.ndarray, " angles"]
    ) -> Float[np.ndarray, "x_points y_points"]:
        """The kernel of all pairs; gamma follows from the spread of the first points.

        So it does in the published program, where the first points are the test set in a test.
        """
        spread = np.var(np.asarray(self.kernel.features(x, weights)))
        scaled = self.kernel.replace(gamma=self.gamma_factor / (self.features * spread))
        return np.asarray(scaled.matrix(x, y, weights))


@cache
def _kernel(features: int, time: float, trotter_steps: int) -> qjax.kernels.ProjectedKernel:
    weights, x = parameters("w", features + 1, 3), parameters("x", features)
    circuit = QuantumCircuit(features + 1)
    for qubit, angles in enumerate(weights):
        rotate(circuit, qubit, angles)
    for _ in range(trotter_steps):
        for qubit, coupling in enumerate(x):
            angle = coupling * (time * features / trotter_steps)
            for rotation in (circuit.rxx, circuit.ryy, circuit.rzz):
                rotation(angle, qubit, qubit + 1)
    return qjax.kernels.ProjectedKernel(
        circuit, input_params=list(x), weight_params=list(weights.flat)
    )
