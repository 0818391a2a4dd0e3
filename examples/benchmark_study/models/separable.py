"""One qubit for each feature, never entangled: a trained circuit, and a kernel."""

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jaxtyping import Float
from qiskit import QuantumCircuit

from benchmark_study.models.gradient_model import ANGLES, GradientModel
from benchmark_study.models.kernel_model import KernelModel
from benchmark_study.models.layers import parameters, rotate
from qjax import EstimatorQNN
from qjax.kernels import FidelityKernel

SHARPNESS = 6  # the logit of the loss, divided by the output


@dataclass(frozen=True)
class SeparableVariational(GradientModel):
    """The mean over features of <Z> of a qubit into which each feature is rotated several times.

    Attributes:
        features: of a point.
        layers: how often each enters.
    """

    scaler: ClassVar = ANGLES

    features: int
    layers: int = 1

    def init(self, keys: Array) -> Float[Array, "features rotations 3"]:
        """Uniform in [0, 2 pi)."""
        return 2 * jnp.pi * jax.random.uniform(keys[0], (self.features, self.layers + 1, 3))

    def score(self, weights: Array, x: Array) -> Float[Array, " batch"]:
        """The mean of <Z>."""
        network = _network(self.layers)
        values = jax.vmap(network.apply)(weights.reshape(self.features, -1), x.T[:, :, None])
        return values[:, :, 0].mean(axis=0)

    def loss(self, weights: Array, batch: tuple[Array, Array]) -> Float[Array, ""]:
        """Cross entropy of the sigmoid of a multiple of the output."""
        x, labels = batch
        logits = SHARPNESS * self.score(weights, x)
        return optax.sigmoid_binary_cross_entropy(logits, (1 + labels) / 2).mean()


@cache
def _network(layers: int) -> EstimatorQNN:
    weights, x = parameters("w", layers + 1, 3), parameters("x", 1)
    circuit = QuantumCircuit(1)
    for angles in weights[:-1]:
        rotate(circuit, 0, angles)
        circuit.ry(x[0], 0)
    rotate(circuit, 0, weights[-1])
    return EstimatorQNN(
        circuit=circuit,
        observables=["Z"],
        input_params=list(x),
        weight_params=list(weights.flat),
    )


@dataclass(frozen=True)
class SeparableKernel(KernelModel):
    """The fidelity of product states.

    Attributes:
        features: of a point; as many qubits.
        layers: how often each enters.
    """

    features: int
    layers: int = 1

    @property
    def kernel(self) -> FidelityKernel:
        """That of the package, which simulates each qubit by itself."""
        return _kernel(self.features, self.layers)


@cache
def _kernel(features: int, layers: int) -> FidelityKernel:
    x = parameters("x", features)
    circuit = QuantumCircuit(features)
    for qubit, feature in enumerate(x):
        for _ in range(layers):
            circuit.rx(-np.pi / 4, qubit)
            circuit.ry(-feature, qubit)
    return FidelityKernel(circuit, input_params=list(x))
