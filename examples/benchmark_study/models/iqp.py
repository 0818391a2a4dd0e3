"""Features as phases of qubits and of pairs: a trained circuit, and a kernel.

Havlicek et al., arXiv:1804.11326.
"""

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float
from qiskit import QuantumCircuit

from benchmark_study.models.gradient_model import ANGLES, GradientModel
from benchmark_study.models.kernel_model import KernelModel
from benchmark_study.models.layers import encode_iqp, parameters, strongly_entangling
from qjax import EstimatorQNN
from qjax.kernels import FidelityKernel


@dataclass(frozen=True)
class IQPVariational(GradientModel):
    """<ZZ> of the first two qubits, behind layers of rotations and CZs.

    The published results have phases of pairs in the first repetition only, found here by trying:
    with them in each, as the paper says and PennyLane does today, results differ where there is
    more than one repetition, and as published they are the same, seed by seed.

    Attributes:
        features: of a point; as many qubits, at least 2.
        layers: of rotations and CZs.
        repeats: how often the features enter.
        pairs_once: whether pairs have phases in the first repetition only.
    """

    scaler: ClassVar = ANGLES

    features: int
    layers: int = 10
    repeats: int = 1
    pairs_once: bool = True

    def init(self, keys: Array) -> Float[Array, "layers features 3"]:
        """Uniform in [0, 2 pi)."""
        return 2 * jnp.pi * jax.random.uniform(keys[0], (self.layers, self.features, 3))

    def score(self, weights: Array, x: Array) -> Float[Array, " batch"]:
        """<ZZ>."""
        once = self.pairs_once and self.repeats > 1
        network = _network(self.features, self.layers, self.repeats, once)
        return network.apply(weights.ravel(), x)[:, 0]

    def loss(self, weights: Array, batch: tuple[Array, Array]) -> Float[Array, ""]:
        """How far the output is from the label, linearly."""
        x, labels = batch
        return jnp.mean(1 - labels * self.score(weights, x)) / 2


@cache
def _network(features: int, layers: int, repeats: int, pairs_once: bool) -> EstimatorQNN:
    weights, x = parameters("w", layers, features, 3), parameters("x", features)
    circuit = QuantumCircuit(features)
    encode_iqp(circuit, list(x), repeats, pairs_once=pairs_once)
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
        pairs_once: as in `IQPVariational`.
    """

    features: int
    repeats: int = 2
    pairs_once: bool = True

    @property
    def kernel(self) -> FidelityKernel:
        """That of the package."""
        return _kernel(self.features, self.repeats, self.pairs_once)


@cache
def _kernel(features: int, repeats: int, pairs_once: bool) -> FidelityKernel:
    x = parameters("x", features)
    circuit = QuantumCircuit(features)
    encode_iqp(circuit, list(x), repeats, pairs_once=pairs_once)
    return FidelityKernel(circuit, input_params=list(x))
