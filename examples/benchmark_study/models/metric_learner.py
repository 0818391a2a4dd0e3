"""States of the two classes, pushed apart (Lloyd et al., arXiv:2001.03622)."""

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Complex, Float
from qiskit import QuantumCircuit

import qjax
from benchmark_study.models.gradient_model import ANGLES, GradientModel, Labels, Points
from benchmark_study.models.layers import parameters

DEVIATION = 0.1  # of the first weights
EXAMPLES = 32  # of each class, to compare points with


@dataclass(frozen=True)
class QuantumMetricLearner(GradientModel):
    """Features in rotations of all qubits but one, between trained layers; overlaps decide.

    The paper's loss has overlaps within the classes, too. The published program computes those of
    each state with itself, which are 1: its results, and these, come from the overlaps between the
    classes alone.

    Attributes:
        features: of a point; one qubit more.
        layers: how often they enter; once more at the end.
    """

    scaler: ClassVar = ANGLES
    batch_size = 16
    max_steps = 50_000

    features: int
    layers: int = 3

    @property
    def qubits(self) -> int:
        """One for each feature, and one that gets the same in all points."""
        return self.features + 1

    def init(self, keys: Array) -> Float[Array, "layers angles"]:
        """Normal."""
        count = 3 if self.qubits == 2 else 2 * self.qubits
        return DEVIATION * jax.random.normal(keys[0], (self.layers, count))

    def states(self, weights: Array, x: Array) -> Complex[Array, "batch 2**qubits"]:
        """What the circuit makes of each point."""
        circuit, angles = _embedding(self.features, self.layers), weights.ravel()
        return jax.vmap(lambda point: qjax.statevector(circuit, {"x": point, "w": angles}))(x)

    def rows(self, x: Points, labels: Labels) -> tuple[np.ndarray, np.ndarray]:
        """Pairs, one point of each class.

        The published program draws positions among the points of class -1 and takes the same ones
        of class +1; the last of those, where there are not as many.
        """
        negative, positive = x[labels < 0], x[labels > 0]
        return negative, positive[np.minimum(np.arange(len(negative)), len(positive) - 1)]

    def ready(
        self, weights: Array, x: Points, labels: Labels, keys: Array
    ) -> dict[str, Array | np.ndarray]:
        """The weights, and examples of each class, drawn anew for each set of points to score."""
        classes = {"negative": x[labels < 0], "positive": x[labels > 0]}
        count = min(EXAMPLES, *map(len, classes.values()))

        def drawn(points: Points, key: Array) -> Points:
            return points[np.asarray(jax.random.choice(key, len(points), (count,), replace=False))]

        pairs = zip(classes.items(), keys, strict=True)
        return {"angles": weights} | {name: drawn(points, key) for (name, points), key in pairs}

    def loss(self, weights: Array, batch: tuple[Array, Array]) -> Float[Array, ""]:
        """The mean overlap of pairs, one point of each class.

        Args:
            weights: see `init`.
            batch: the points of class -1 and those of class +1, both `(pairs, features)`.
        """
        negative, positive = batch
        states = self.states(weights, jnp.concatenate([negative, positive]))
        first, second = jnp.split(states, 2)
        return jnp.mean(jnp.abs(jnp.sum(first.conj() * second, axis=1)) ** 2)

    def score(self, weights: dict[str, Array], x: Array) -> Float[Array, " batch"]:
        """How much more a point overlaps with the examples of class +1."""
        examples = weights["negative"], weights["positive"]
        states = self.states(weights["angles"], jnp.concatenate([x, *examples]))
        own, *classes = jnp.split(states, [len(x), len(x) + len(examples[0])])
        negative, positive = (jnp.mean(jnp.abs(own @ one.conj().T) ** 2, axis=1) for one in classes)
        return positive - negative


@cache
def _embedding(features: int, layers: int) -> qjax.Circuit:
    qubits = features + 1
    pairs = [(0, 1)] if qubits == 2 else [(q, (q + 1) % qubits) for q in range(qubits)]
    weights, x = parameters("w", layers, len(pairs) + qubits), parameters("x", features)
    circuit = QuantumCircuit(qubits)

    def encode() -> None:
        for qubit in range(features):
            circuit.rx(x[qubit], qubit)
        circuit.h(features)

    for own in weights:
        encode()
        for angle, (first, second) in zip(own, pairs, strict=False):
            circuit.rzz(angle, first, second)
        for qubit in range(qubits):
            circuit.ry(own[len(pairs) + qubit], qubit)
    encode()
    return qjax.from_qiskit(circuit)
