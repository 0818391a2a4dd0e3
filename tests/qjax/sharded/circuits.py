"""Random circuits with parameters, on two, four and eight devices beside one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from qiskit import QuantumCircuit
from qiskit.circuit import Gate
from qiskit.circuit.library import CCXGate, CCZGate, CSwapGate, RYGate, UnitaryGate, XGate, ZGate
from qiskit.quantum_info import SparsePauliOp, random_unitary

import qjax
from tests.circuits import random_circuit, random_observable, random_values, state_of

Comparison = tuple[str, float]
SEED = 17
SHOTS = 100


@dataclass(frozen=True)
class Case:
    """A circuit and where it runs.

    Attributes:
        seed: of all that is random; it decides about everything else.
    """

    seed: int

    @property
    def num_qubits(self) -> int:
        """From 4 to 18; neighbouring seeds have sizes far apart."""
        return 4 + 7 * self.seed % 15

    @property
    def num_devices(self) -> int:
        """8, 4 or 2."""
        return (8, 4, 2)[self.seed % 3]

    @property
    def x64(self) -> bool:
        """Every other case is in double."""
        return self.seed % 2 == 1

    @property
    def engine(self) -> str:
        """Mostly native: XLA compiles slowly."""
        return "xla" if self.seed % 10 == 7 else "native"

    @property
    def name(self) -> str:
        """As a report shows it."""
        bits = "double" if self.x64 else "single"
        return f"{self.seed}: {self.num_qubits} qubits on {self.num_devices}, {self.engine}, {bits}"


def simulator_of(case: Case) -> qjax.simulators.StateVector:
    mesh = jax.make_mesh((case.num_devices,), ("state",), devices=jax.devices()[: case.num_devices])
    return qjax.simulators.StateVector(case.engine, qjax.StateSharding(mesh, state="state"))


def circuit_of(case: Case) -> QuantumCircuit:
    """Standard gates, with matrices, several controls, and gates that are no Clifford ones."""
    circuit = random_circuit(case.seed, case.num_qubits, 32, symbolic=True)
    rng = np.random.default_rng(case.seed)
    mixed = circuit.copy_empty_like()
    wanted = _others(rng, case.num_qubits)
    places = rng.integers(len(circuit.data) + 1, size=len(wanted))
    for place in range(len(circuit.data) + 1):
        for gate in (g for g, p in zip(wanted, places, strict=True) if p == place):
            mixed.append(gate, rng.permutation(case.num_qubits)[: gate.num_qubits].tolist())
        if place < len(circuit.data):
            mixed.append(circuit.data[place])
    return mixed


def _others(rng: np.random.Generator, width: int) -> list[Gate]:
    def controlled(gate: Gate, most: int) -> Gate:
        count = int(rng.integers(2, min(most, width - 1) + 1))
        state = int(rng.integers(1 << count))
        return gate.control(count, ctrl_state=state, annotated=False)

    def matrix(size: int) -> Gate:
        return UnitaryGate(random_unitary(1 << size, seed=int(rng.integers(1 << 20))))

    angle = float(rng.uniform(-3, 3))
    return [
        CCXGate(),
        CCZGate(),
        CSwapGate(),
        matrix(2),
        matrix(3),
        controlled(XGate(), 5),
        controlled(ZGate(), 5),
        controlled(RYGate(angle), 4),
        matrix(2).control(1, ctrl_state=int(rng.integers(2)), annotated=True),
    ]


def _pairs(rng: np.random.Generator, width: int) -> SparsePauliOp:
    """Strings of two qubits, whose values are not small even where the circuit is wide."""
    terms = [
        ("".join(rng.choice(list("XYZ"), 2)), rng.permutation(width)[:2].tolist(), 1 + rng.random())
        for _ in range(4)
    ]
    return SparsePauliOp.from_sparse_list(terms, width)


def compared(case: Case, thorough: bool) -> Iterator[Comparison]:
    """Values and gradients in one program; states, probabilities and samples.

    Args:
        case: the circuit.
        thorough: all of it; otherwise values and gradients, and one of the others.
    """
    with jax.enable_x64(case.x64):
        yield from _compared(case, thorough)


def _compared(case: Case, thorough: bool) -> Iterator[Comparison]:
    ours, circuit = simulator_of(case), circuit_of(case)
    converted, n = qjax.from_qiskit(circuit), case.num_qubits
    real = np.float64 if case.x64 else np.float32
    point = random_values(circuit, case.seed).astype(real)
    rng = np.random.default_rng(case.seed)
    weights = rng.normal(size=3).astype(real)
    observables = [random_observable(rng, n, 3), _pairs(rng, n), "Z" * n]

    def loss(params: Array, simulator: object) -> tuple[Array, Array]:
        values = qjax.expectation(converted, observables, params, simulator=simulator)
        return (values * weights).sum(), values

    def slope(simulator: object) -> Callable[[Array], tuple[Array, Array]]:
        found = jax.value_and_grad(lambda p: loss(p, simulator), has_aux=True)
        return jax.jit(lambda p: (found(p)[0][1], found(p)[1]))

    values, gradient = slope(ours)(jnp.asarray(point))
    expected, expected_gradient = slope(None)(jnp.asarray(point))
    yield "value", error_of(values, expected)
    yield "gradient", error_of(gradient, expected_gradient)

    few = rng.permutation(n)[: min(n, 3)].tolist()
    many = rng.permutation(n)[: max(17, n - 1)].tolist()
    others: dict[str, Callable[[object], Array]] = {
        "state": lambda s: qjax.statevector(converted, point, simulator=s),
        "probabilities": lambda s: qjax.probabilities(converted, point, few, simulator=s),
        "samples": lambda s: qjax.sample(
            converted, point, SHOTS, jax.random.key(SEED), simulator=s
        ),
        "all probabilities": lambda s: qjax.probabilities(converted, point, many, simulator=s),
    }
    if not thorough:
        name = list(others)[case.seed % 4]
        others = {name: others[name]}
    for name, function in others.items():
        found = function(ours)
        yield name, error_of(found, function(None))
        if name == "state" and n <= 10:
            yield "state of Qiskit's", error_of(found, state_of(circuit, point))


def error_of(found: object, expected: object) -> float:
    """The largest error, relative to the largest entry where that is above 1; NaN is infinite."""
    ours, theirs = np.asarray(found), np.asarray(expected)
    if ours.shape != theirs.shape or ours.dtype.itemsize < theirs.dtype.itemsize / 2:
        return float("inf")
    if ours.dtype == np.uint8:
        return float((ours != theirs).mean())
    largest = float(np.abs(ours - theirs).max(initial=0))
    return float("inf") if np.isnan(largest) else largest / max(1.0, float(np.abs(theirs).max()))
