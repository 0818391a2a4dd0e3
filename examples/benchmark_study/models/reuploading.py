"""Data re-uploading: features enter in each layer (Perez-Salinas et al., arXiv:1907.02085)."""

from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float
from qiskit import QuantumCircuit

from benchmark_study.models.gradient_model import ANGLES, GradientModel
from benchmark_study.models.layers import parameters, rotate
from qjax import EstimatorQNN

FEATURES_PER_QUBIT = 3


@dataclass(frozen=True)
class DataReuploading(GradientModel):
    """Three features a qubit, times trained factors, in trained rotations between CZs.

    The published results have one rotation in each layer, by the scaled features plus trained
    angles, found here by trying: with these, results are the same, seed by seed. The published
    program has two in each but the last, by the features and by the trained angles.

    Attributes:
        features: of a point.
        layers: how often they enter; once more at the end.
        observed: which qubits are read out: the first, half of them, or all.
        one_rotation: whether each layer has one, or two.
    """

    scaler: ClassVar = ANGLES
    key_bound = 100_000

    features: int
    layers: int = 4
    observed: Literal["single", "half", "full"] = "single"
    one_rotation: bool = True

    @property
    def qubits(self) -> int:
        """Three features share one."""
        return -(-self.features // FEATURES_PER_QUBIT)

    @property
    def outputs(self) -> int:
        """How many qubits are read out."""
        return {"single": 1, "half": max(1, self.qubits // 2), "full": self.qubits}[self.observed]

    @property
    def num_keys(self) -> int:
        """The published program draws weights twice, and takes the second ones."""
        return 2 if self.one_rotation else 4

    def init(self, keys: Array) -> dict[str, Array]:
        """Angles and factors uniform in [0, 1); the weights of the loss are 1."""
        first, second = keys[-2:]
        return {
            "theta": jax.random.uniform(first, (self.qubits, self.layers + 1, FEATURES_PER_QUBIT)),
            "omega": jax.random.uniform(
                second, (self.layers + 1, self.qubits * FEATURES_PER_QUBIT)
            ),
            "alpha": jnp.ones((2, self.outputs)),
        }

    def outputs_of(
        self, weights: dict[str, Array], x: Float[Array, "batch features"]
    ) -> Float[Array, "batch outputs"]:
        """<Z> of the observed qubits."""
        angles = {name: weights[name] for name in ("theta", "omega")}
        filled = jnp.pad(x, ((0, 0), (0, self.qubits * FEATURES_PER_QUBIT - self.features)))
        network = _network(self.qubits, self.layers, self.outputs, self.one_rotation)
        return network.apply(angles, filled)

    def loss(self, weights: dict[str, Array], batch: tuple[Array, Array]) -> Float[Array, ""]:
        """How far weighted fidelities with |1> and |0> are from 1 and 0, or 0 and 1, squared."""
        x, labels = batch
        values, target = self.outputs_of(weights, x), labels[:, None]
        ones, zeros = (1 - values) / 2, (1 + values) / 2
        negative, positive = weights["alpha"][:, None]
        errors = (negative * ones - (1 - target) / 2) ** 2 + (
            positive * zeros - (1 + target) / 2
        ) ** 2
        return errors.sum(axis=1).mean() / 2

    def score(self, weights: dict[str, Array], x: Array) -> Float[Array, " batch"]:
        """The mean of <Z>."""
        return self.outputs_of(weights, x).mean(axis=1)


@cache
def _network(qubits: int, layers: int, outputs: int, one_rotation: bool) -> EstimatorQNN:
    theta = parameters("theta", qubits, layers + 1, FEATURES_PER_QUBIT)
    omega = parameters("omega", layers + 1, qubits * FEATURES_PER_QUBIT)
    x = parameters("x", qubits * FEATURES_PER_QUBIT)
    scaled = (omega * x).reshape(layers + 1, qubits, FEATURES_PER_QUBIT)
    circuit = QuantumCircuit(qubits)
    for layer in range(layers):
        for qubit in range(qubits):
            if one_rotation:
                rotate(circuit, qubit, scaled[layer, qubit] + theta[qubit, layer])
            else:
                rotate(circuit, qubit, scaled[layer, qubit])
                rotate(circuit, qubit, theta[qubit, layer])
        for qubit in range(layer % 2, qubits - 1, 2):
            circuit.cz(qubit, qubit + 1)
    for qubit in range(qubits):
        rotate(circuit, qubit, scaled[layers, qubit] + theta[qubit, layers])
    return EstimatorQNN(
        circuit=circuit,
        observables=[[("Z", [qubit], 1.0)] for qubit in range(outputs)],
        input_params=list(x),
        weight_params={"theta": theta, "omega": omega},
    )
