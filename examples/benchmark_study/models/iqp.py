"""Features as phases of qubits and of pairs: a trained circuit, and a kernel.

Havlicek et al., arXiv:1804.11326.
"""

from dataclasses import dataclass
from functools import cache

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float
from qiskit import QuantumCircuit

from benchmark_study.models.gradient_model import GradientModel, angle_scaler
from benchmark_study.models.kernel_model import KernelModel
from benchmark_study.models.layers import encode_iqp, parameters, strongly_entangling
from qjax import EstimatorQNN
from qjax.kernels import FidelityKernel


@dataclass(frozen=True)
class IQPVariational(GradientModel):
    """<ZZ> of the first two qubits, behind layers of rotations and CZs.

    Attributes:
        features: of a point; as many qubits, at least 2.
        layers: of rotations and CZs.
        repeats: how often the features enter.
    """

    scaler = staticmethod(angle_scaler)

    features: int
    layers: int = 10
    repeats: int = 1

    def init(self, keys: Array) -> Float[Array, "layers features 3"]:
        """Uniform in [0, 2 pi)."""
        return 2 * jnp.pi * jax.random.uniform(keys[0], (self.layers, self.features, 3))

    def score(self, weights: Array, x: Array) -> Float[Array, " batch"]:
        return _network(self.features, self.layers, self.repeats).apply(weights.ravel(), x)[:, 0]

    def loss(self, weights: Array, batch: tuple[Array, Array]) -> Float[Array, ""]:
        """How far the output is from the label, linearly."""
        x, labels = batch
        return jnp.mean(1 - labels * self.score(weights, x)) / 2


@cache
def _network(features: int, layers: int, repeats: int) -> EstimatorQNN:
    weights, x = parameters("w", layers, features, 3), parameters("x", features)
    circuit = QuantumCircuit(features)
    encode_iqp(circuit, list(x), repeats)
    strongly_entangling(circuit, weights, "cz", range(features))
    return EstimatorQNN(
        circuit=circuit,
        observables=[[("ZZ", [0, 1], 1.0)]],
        input_params=list(x),
        weight_params=list(weights.flat),
    )


@dataclass(frozen=True)
class IQPKernel(KernelModel):
    """The fidelity of states without trained layers.

    Attributes:
        features: of a point; as many qubits.
        repeats: how often they enter.
    """

    features: int
    repeats: int = 2

    @property
    def kernel(self) -> FidelityKernel:
        """That of the package."""
        return _kernel(self.features, self.repeats)


@cache
def _kernel(features: int, repeats: int) -> FidelityKernel:
    x = parameters("x", features)
    circuit = QuantumCircuit(features)
    encode_iqp(circuit, list(x), repeats)
    return FidelityKernel(circuit, input_params=list(x))
