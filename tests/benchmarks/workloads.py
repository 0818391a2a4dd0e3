"""What is measured: circuits as neutral data, which every peer translates in its own way.

A circuit is one list of operations (gate, qubits, angle). An angle is computed from the weights or
from the inputs of a sample; gates are the ones that every peer has. The loss of a workload is the
mean over samples and qubits of <Z_q>^2, or an energy, where it has a Hamiltonian.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

WEIGHT, INPUT = "weight", "input"

ONE_QUBIT_GATES = ("h", "s", "t", "x", "rx", "ry", "rz", "p")
TWO_QUBIT_GATES = ("cx", "cz", "swap", "rxx", "rzz")
PARAMETRIZED_GATES = ("rx", "ry", "rz", "p", "rxx", "rzz")


@dataclass(frozen=True, slots=True)
class Angle:
    """`scale` times the product of `values[index] + shift` over the indices.

    Attributes:
        source: what `values` are: the weights, or the inputs of a sample.
        indices: one for a plain angle, two for the product angles of a ZZ feature map.
    """

    source: Literal["weight", "input"]
    indices: tuple[int, ...]
    scale: float = 1.0
    shift: float = 0.0

    def of(self, *values: Any) -> Any:
        """The angle, in radians, of the values at the indices."""
        factors = [value + self.shift for value in values] if self.shift else values
        angle = math.prod(factors[1:], start=factors[0])
        return angle if self.scale == 1.0 else angle * self.scale

    def value(self, weights: Any, inputs: Any) -> Any:
        """The angle, in radians, of arrays with the parameters on their last axis."""
        values = weights if self.source == WEIGHT else inputs
        return self.of(*(values[..., index] for index in self.indices))

    @property
    def plain(self) -> bool:
        """Whether it is a parameter as it stands."""
        return len(self.indices) == 1 and (self.scale, self.shift) == (1.0, 0.0)


@dataclass(frozen=True, slots=True)
class Op:
    """One gate of `ONE_QUBIT_GATES` or `TWO_QUBIT_GATES`, the control first."""

    gate: str
    qubits: tuple[int, ...]
    angle: Angle | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """A coefficient times the same Pauli operator on each of the qubits."""

    coefficient: float
    pauli: Literal["X", "Z"]
    qubits: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Workload:
    """A circuit, and the number of samples that share its weights.

    Attributes:
        hamiltonian: whose energy is the loss; empty: the loss is the mean of <Z_q>^2.
    """

    name: str
    family: str
    num_qubits: int
    batch: int
    ops: tuple[Op, ...]
    hamiltonian: tuple[Term, ...] = ()

    @property
    def num_weights(self) -> int:
        return self._count(WEIGHT)

    @property
    def num_inputs(self) -> int:
        return self._count(INPUT)

    @property
    def angles(self) -> tuple[Angle, ...]:
        """Each distinct angle once, in order of its first use."""
        return tuple(dict.fromkeys(op.angle for op in self.ops if op.angle))

    def harder_than(self, other: Workload) -> bool:
        """Whether it is of the same family and in no respect smaller."""
        return self.family == other.family and all(
            mine >= theirs for mine, theirs in zip(self._size, other._size, strict=True)
        )

    @property
    def _size(self) -> tuple[int, int, int]:
        return self.num_qubits, len(self.ops), self.batch

    def _count(self, source: str) -> int:
        angles = (op.angle for op in self.ops if op.angle and op.angle.source == source)
        return max((index + 1 for angle in angles for index in angle.indices), default=0)


def parameters(workload: Workload, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights `(num_weights,)` and inputs `(batch, num_inputs)`, float32, in [-pi, pi)."""
    rng = np.random.default_rng(seed)
    shapes = (workload.num_weights,), (workload.batch, workload.num_inputs)
    weights, inputs = (rng.uniform(-math.pi, math.pi, shape) for shape in shapes)
    return weights.astype(np.float32), inputs.astype(np.float32)


def encoding(num_qubits: int) -> list[Op]:
    """RY(x_q) on each qubit."""
    return [Op("ry", (qubit,), Angle(INPUT, (qubit,))) for qubit in range(num_qubits)]


class _Weights:
    """Numbers the weights in order of use."""

    def __init__(self) -> None:
        self._next = 0

    def __call__(self) -> Angle:
        self._next += 1
        return Angle(WEIGHT, (self._next - 1,))


def layered(num_qubits: int, layers: int, batch: int, family: str = "layered") -> Workload:
    """RY(x) on each qubit, then layers of RY, RZ on each qubit and a ring of CX."""
    weight, ops = _Weights(), encoding(num_qubits)
    for _ in range(layers):
        for qubit in range(num_qubits):
            ops += [Op("ry", (qubit,), weight()), Op("rz", (qubit,), weight())]
        ops += [Op("cx", (qubit, (qubit + 1) % num_qubits)) for qubit in range(num_qubits)]
    name = f"{family} n={num_qubits} L={layers} B={batch}"
    return Workload(name, family, num_qubits, batch, tuple(ops))


def zz_feature_map(num_qubits: int, reps: int = 2) -> list[Op]:
    """Qiskit's ZZ feature map with full entanglement: Havlicek et al., Nature 567, 209 (2019)."""
    ops: list[Op] = []
    for _ in range(reps):
        ops += [Op("h", (qubit,)) for qubit in range(num_qubits)]
        ops += [Op("p", (qubit,), Angle(INPUT, (qubit,), scale=2.0)) for qubit in range(num_qubits)]
        for first, second in _pairs(num_qubits):
            product = Angle(INPUT, (first, second), scale=2.0, shift=-math.pi)
            link = Op("cx", (first, second))
            ops += [link, Op("p", (second,), product), link]
    return ops


def zz_real_amplitudes(num_qubits: int, batch: int) -> Workload:
    """ZZ feature map (2 repetitions), then RealAmplitudes (3 repetitions), full entanglement."""
    ops, weight = zz_feature_map(num_qubits), _Weights()
    for rep in range(4):
        ops += [Op("ry", (qubit,), weight()) for qubit in range(num_qubits)]
        ops += [Op("cx", pair) for pair in _pairs(num_qubits) if rep < 3]
    name = f"zz n={num_qubits} B={batch}"
    return Workload(name, "zz", num_qubits, batch, tuple(ops))


def efficient_su2(num_qubits: int, batch: int) -> Workload:
    """RY(x) on each qubit, then EfficientSU2: RY, RZ, a CX chain from the end; 3 repetitions."""
    ops, weight = encoding(num_qubits), _Weights()
    for rep in range(4):
        ops += [
            Op(gate, (qubit,), weight()) for gate in ("ry", "rz") for qubit in range(num_qubits)
        ]
        chain = reversed(range(num_qubits - 1)) if rep < 3 else ()
        ops += [Op("cx", (qubit, qubit + 1)) for qubit in chain]
    name = f"esu2 n={num_qubits} B={batch}"
    return Workload(name, "esu2", num_qubits, batch, tuple(ops))


def qaoa(num_qubits: int, rounds: int = 4) -> Workload:
    """QAOA on a random graph with 80 % of all edges, each with a weight in [0.5, 1.5)."""
    rng = np.random.default_rng(num_qubits)
    edges = [pair for pair in _pairs(num_qubits) if rng.random() < 0.8]
    strengths = rng.uniform(0.5, 1.5, len(edges)).round(4).tolist()
    ops = [Op("h", (qubit,)) for qubit in range(num_qubits)]
    for number in range(rounds):
        gamma, beta = 2 * number, 2 * number + 1
        for edge, strength in zip(edges, strengths, strict=True):
            ops.append(Op("rzz", edge, Angle(WEIGHT, (gamma,), scale=strength)))
        mixer = Angle(WEIGHT, (beta,), scale=2.0)
        ops += [Op("rx", (qubit,), mixer) for qubit in range(num_qubits)]
    name = f"qaoa n={num_qubits} p={rounds}"
    return Workload(name, "qaoa", num_qubits, 1, tuple(ops))


def tfim(num_qubits: int, layers: int = 10) -> Workload:
    """The energy of the transverse-field Ising chain, -sum ZZ - sum X, open at its ends.

    The state is |+...+> after layers of RZZ on the neighbours and RX on each qubit, the
    Hamiltonian variational ansatz: two weights for each layer.
    """
    ops = [Op("h", (qubit,)) for qubit in range(num_qubits)]
    links = [(qubit, qubit + 1) for qubit in range(num_qubits - 1)]
    for layer in range(layers):
        coupling, field = Angle(WEIGHT, (2 * layer,)), Angle(WEIGHT, (2 * layer + 1,))
        ops += [Op("rzz", link, coupling) for link in links]
        ops += [Op("rx", (qubit,), field) for qubit in range(num_qubits)]
    hamiltonian = [Term(-1.0, "Z", link) for link in links]
    hamiltonian += [Term(-1.0, "X", (qubit,)) for qubit in range(num_qubits)]
    name = f"tfim n={num_qubits} L={layers}"
    return Workload(name, "tfim", num_qubits, 1, tuple(ops), tuple(hamiltonian))


def random_circuit(num_qubits: int, gates: int, batch: int) -> Workload:
    """RY(x) on each qubit, then gates of one and two qubits, half of each, without repetition."""
    rng = np.random.default_rng(gates)
    ops, weight = encoding(num_qubits), _Weights()
    for _ in range(gates):
        num_targets = int(rng.integers(1, 3))
        gate = str(rng.choice((ONE_QUBIT_GATES, TWO_QUBIT_GATES)[num_targets - 1]))
        qubits = rng.choice(num_qubits, num_targets, replace=False).tolist()
        ops.append(Op(gate, tuple(qubits), weight() if gate in PARAMETRIZED_GATES else None))
    name = f"random n={num_qubits} G={gates} B={batch}"
    return Workload(name, "random", num_qubits, batch, tuple(ops))


def _pairs(num_qubits: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(num_qubits) for j in range(i + 1, num_qubits)]
