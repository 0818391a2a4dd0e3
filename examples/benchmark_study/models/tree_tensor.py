"""Features as amplitudes of a tree of qubits (Grant et al., arXiv:1804.03680)."""

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float
from qiskit import QuantumCircuit

from benchmark_study.models.gradient_model import UNSCALED, GradientModel
from benchmark_study.models.layers import encode_amplitudes, parameters
from qjax import EstimatorQNN

BIAS_DEVIATION = 0.1


@dataclass(frozen=True)
class TreeTensor(GradientModel):
    """<Z> of the root and a bias, fitted to the labels; each level of the tree halves the qubits.

    The published program's loss compares each output with every label where it runs more than one
    point at once. The published results were computed point by point, where it compares each with
    its own, as here.

    Attributes:
        features: of a point.
    """

    scaler: ClassVar = UNSCALED

    features: int

    @property
    def qubits(self) -> int:
        """The least power of two that holds the features."""
        return 1 << ((self.features - 1).bit_length() - 1).bit_length()

    @property
    def num_keys(self) -> int:
        """One for each kind of weights."""
        return 2

    def init(self, keys: Array) -> dict[str, Array]:
        """Angles uniform in [0, 2 pi), a normal bias."""
        first, second = keys
        angles = 2 * jnp.pi * jax.random.uniform(first, (2 * self.qubits - 1,))
        return {"angles": angles, "bias": BIAS_DEVIATION * jax.random.normal(second, (1,))}

    def score(self, weights: dict[str, Array], x: Array) -> Float[Array, " batch"]:
        """<Z> of the root, and the bias."""
        network = _network(self.features, self.qubits)
        return network.apply(weights["angles"], x)[:, 0] + weights["bias"]

    def loss(self, weights: dict[str, Array], batch: tuple[Array, Array]) -> Float[Array, ""]:
        """The squared error."""
        x, labels = batch
        return jnp.mean((self.score(weights, x) - labels) ** 2)


@cache
def _network(features: int, qubits: int) -> EstimatorQNN:
    weights, x = parameters("w", 2 * qubits - 1), parameters("x", features)
    circuit = QuantumCircuit(qubits)
    encode_amplitudes(circuit, x, range(qubits))
    angles, stride = iter(weights), 1
    while stride < qubits:
        for qubit in range(0, qubits, stride):
            circuit.ry(next(angles), qubit)
        for qubit in range(0, qubits, 2 * stride):
            circuit.cx(qubit + stride, qubit)
        stride *= 2
    circuit.ry(next(angles), 0)
    return EstimatorQNN(
        circuit=circuit,
        observables=[[("Z", [0], 1.0)]],
        input_params=list(x),
        weight_params=list(weights),
    )
