"""A circuit between two classical layers (Mari et al., arXiv:1912.08013)."""

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float
from qiskit import QuantumCircuit

from benchmark_study.models.gradient_model import STANDARD, GradientModel
from benchmark_study.models.layers import parameters
from qjax import EstimatorQNN


@dataclass(frozen=True)
class DressedCircuit(GradientModel):
    """A linear layer and tanh make the angles; a linear layer makes logits of <Z> of each qubit.

    Attributes:
        features: of a point; as many qubits.
        layers: of rotations and rings of CNOTs.
    """

    scaler: ClassVar = STANDARD
    max_steps = 100_000

    features: int
    layers: int = 3

    @property
    def num_keys(self) -> int:
        """One for each kind of weights."""
        return 3

    def init(self, keys: Array) -> dict[str, Array]:
        """Angles uniform in [0, 2 pi), matrices normal with deviation 1/features."""
        first, second, third = keys
        size = self.features
        return {
            "circuit": 2 * jnp.pi * jax.random.uniform(first, (self.layers, size)),
            "input": jax.random.normal(second, (size, size)) / size,
            "output": jax.random.normal(third, (2, size)) / size,
        }

    def logits(self, weights: dict[str, Array], x: Array) -> Float[Array, "batch 2"]:
        """Of the classes -1 and +1."""
        angles = jnp.tanh(x @ weights["input"].T) * (jnp.pi / 2)
        values = _network(self.features, self.layers).apply(weights["circuit"].ravel(), angles)
        return values @ weights["output"].T

    def loss(self, weights: dict[str, Array], batch: tuple[Array, Array]) -> Float[Array, ""]:
        """Cross entropy of the softmax."""
        x, labels = batch
        classes = (labels > 0).astype(jnp.int32)
        errors = optax.softmax_cross_entropy_with_integer_labels(self.logits(weights, x), classes)
        return errors.mean()

    def score(self, weights: dict[str, Array], x: Array) -> Float[Array, " batch"]:
        """How much larger the logit of class +1 is."""
        logits = self.logits(weights, x)
        return logits[:, 1] - logits[:, 0]


@cache
def _network(qubits: int, layers: int) -> EstimatorQNN:
    weights, x = parameters("w", layers, qubits), parameters("x", qubits)
    circuit = QuantumCircuit(qubits)
    for qubit in range(qubits):
        circuit.h(qubit)
        circuit.ry(x[qubit], qubit)
    ring = [(0, 1)] if qubits == 2 else [(q, (q + 1) % qubits) for q in range(qubits)]
    for layer in range(layers):
        for qubit in range(qubits):
            circuit.ry(weights[layer, qubit], qubit)
        for control, target in ring if qubits > 1 else ():
            circuit.cx(control, target)
    return EstimatorQNN(
        circuit=circuit,
        observables=[[("Z", [qubit], 1.0)] for qubit in range(qubits)],
        input_params=list(x),
        weight_params=list(weights.flat),
        input_gradients=True,
    )
