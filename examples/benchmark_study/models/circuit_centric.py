"""Features as amplitudes of several registers, layers on all (Schuld et al., arXiv:1804.00633)."""

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float
from qiskit import QuantumCircuit

from benchmark_study.models.gradient_model import UNSCALED, GradientModel
from benchmark_study.models.layers import encode_amplitudes, parameters, strongly_entangling
from qjax import EstimatorQNN

BIAS = 0.01  # to start from


@dataclass(frozen=True)
class CircuitCentric(GradientModel):
    """<Z> of the first qubit and a bias, fitted to the labels.

    Attributes:
        features: of a point.
        layers: of rotations and CNOTs.
        copies: of the register that holds the features.
    """

    scaler: ClassVar = UNSCALED

    features: int
    layers: int = 4
    copies: int = 2

    @property
    def qubits(self) -> int:
        """Of all registers."""
        return self.copies * (self.features - 1).bit_length()

    def init(self, keys: Array) -> dict[str, Array]:
        """Angles uniform in [0, 2 pi)."""
        angles = jax.random.uniform(keys[0], (self.layers, self.qubits, 3))
        return {"angles": 2 * jnp.pi * angles, "bias": jnp.full((), BIAS)}

    def score(self, weights: dict[str, Array], x: Array) -> Float[Array, " batch"]:
        """<Z> and the bias."""
        network = _network(self.features, self.layers, self.copies)
        return network.apply(weights["angles"].ravel(), x)[:, 0] + weights["bias"]

    def loss(self, weights: dict[str, Array], batch: tuple[Array, Array]) -> Float[Array, ""]:
        """Half the squared error."""
        x, labels = batch
        return jnp.mean((self.score(weights, x) - labels) ** 2) / 2


@cache
def _network(features: int, layers: int, copies: int) -> EstimatorQNN:
    size = (features - 1).bit_length()
    qubits = copies * size
    weights, x = parameters("w", layers, qubits, 3), parameters("x", features)
    circuit = QuantumCircuit(qubits)
    for start in range(0, qubits, size):
        encode_amplitudes(circuit, x, range(start, start + size))
    strongly_entangling(circuit, weights, "cx", range(qubits))
    return EstimatorQNN(
        circuit=circuit,
        observables=[[("Z", [0], 1.0)]],
        input_params=list(x),
        weight_params=list(weights.flat),
    )
