"""The random circuits of `correctness`, and Qiskit's answers about them, in double precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp

from tests.circuits import bind, random_circuit, random_values, state_of
from tests.dynamic import branches, random_dynamic_circuit

Array = np.ndarray

NUM_CIRCUITS = 30
DYNAMIC_SIZES = (3, 2, 4, 5, 3, 4, 5)
SMALLEST, LARGEST = 2, 12
NUM_GATES = 40
NUM_OBSERVABLES = 2
NUM_DIRECTIONS = 3

STEP = 2e-3
STENCIL = ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))
"""First derivatives by central differences of order 6: (steps, weight). With `STEP`, what rounding
adds is about 1e-13, and what is cut off (step**6 / 140 times the seventh derivative) as little."""


@dataclass(frozen=True)
class Case:
    """A circuit, and where it is looked at.

    Attributes:
        values: `(P,)` float64, each of which is a number in single precision, too.
        directions: `(D, P)`, unit vectors along which the derivative is compared.
    """

    name: str
    circuit: QuantumCircuit
    observables: tuple[SparsePauliOp, ...]
    values: Array
    directions: Array
    is_dynamic: bool


@dataclass(frozen=True)
class Answers:
    """Of one circuit.

    Attributes:
        values: expectation values `(O,)`.
        probabilities: of the basis states, `(2**n,)`.
        slopes: derivatives of the sum of the values along the directions, `(D,)`.
    """

    values: Array
    probabilities: Array
    slopes: Array


def cases(
    count: int = NUM_CIRCUITS, largest: int = LARGEST, num_gates: int = NUM_GATES
) -> list[Case]:
    """Circuits of 2 qubits to `largest`, every fourth one dynamic, with a third of the gates."""
    sizes = range(SMALLEST, largest + 1)
    made = [_unitary(seed, sizes[seed % len(sizes)], num_gates) for seed in range(count)]
    for place, size in enumerate(DYNAMIC_SIZES[: count // 4], 1):
        made[4 * place - 3] = _dynamic(place, min(size, largest), num_gates // 3)
    return made


def _unitary(seed: int, num_qubits: int, num_gates: int) -> Case:
    circuit = random_circuit(seed, num_qubits, num_gates, symbolic=True)
    return _case(
        f"n={num_qubits} seed={seed}", _behind_rotations(circuit, circuit.parameters), seed
    )


def _dynamic(seed: int, num_qubits: int, num_gates: int) -> Case:
    angles = [Parameter(name) for name in "abc"]
    circuit = random_dynamic_circuit(seed, num_qubits, num_gates, parameters=angles)
    for qubit in range(num_qubits):  # expectation values are those before final measurements
        circuit.rx(0.4, qubit)
    name = f"dynamic n={num_qubits} seed={seed}"
    return _case(name, _behind_rotations(circuit, angles), seed, is_dynamic=True)


def _behind_rotations(circuit: QuantumCircuit, angles: Sequence[Parameter]) -> QuantumCircuit:
    """The circuit behind RY and RZ on each qubit.

    All of it shows in the state then, and all values depend on its parameters.
    """
    front = circuit.copy_empty_like()
    front.global_phase = 0
    for qubit in range(circuit.num_qubits):
        front.ry(angles[qubit % len(angles)], qubit)
        front.rz(0.3 + qubit, qubit)
    for instruction in circuit.data:
        front.append(instruction)
    front.global_phase = circuit.global_phase
    return front


def _case(name: str, circuit: QuantumCircuit, seed: int, is_dynamic: bool = False) -> Case:
    rng = np.random.default_rng(seed)
    observables = tuple(_observable(rng, circuit.num_qubits) for _ in range(NUM_OBSERVABLES))
    values = random_values(circuit, seed).astype(np.float32).astype(np.float64)
    directions = rng.standard_normal((NUM_DIRECTIONS, len(values)))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    return Case(name, circuit, observables, values, directions, is_dynamic)


def _observable(rng: np.random.Generator, num_qubits: int) -> SparsePauliOp:
    """A letter on each qubit and two on a pair: longer strings are nearly 0 in wide states."""
    places = [[qubit] for qubit in range(num_qubits)]
    places.append(rng.permutation(num_qubits)[:2].tolist())
    terms = [
        ("".join(rng.choice(list("XYZ"), len(qubits))), qubits, float(rng.uniform(-1, 1)))
        for qubits in places
    ]
    return SparsePauliOp.from_sparse_list(terms, num_qubits)


def answers(case: Case) -> Answers:
    """By Qiskit's `quantum_info`: every branch of a dynamic circuit, and finite differences."""
    values, probabilities = _read(case, case.values)
    slopes = [_slope(case, direction) for direction in case.directions]
    return Answers(values, probabilities, np.asarray(slopes))


def _slope(case: Case, direction: Array) -> float:
    total = 0.0
    for steps, weight in STENCIL:
        shift = steps * STEP * direction
        ahead, behind = (np.sum(_read(case, case.values + sign * shift)[0]) for sign in (1, -1))
        total += weight * (ahead - behind) / STEP
    return float(total)


def _read(case: Case, values: Sequence[float]) -> tuple[Array, Array]:
    """Expectation values and probabilities at these values of the parameters."""
    states = _states(case, values)
    matrices = [observable.to_matrix(sparse=True) for observable in case.observables]
    means = [sum(np.vdot(state, matrix @ state).real for state in states) for matrix in matrices]
    return np.asarray(means), sum(np.abs(state) ** 2 for state in states)


def _states(case: Case, values: Sequence[float]) -> list[Array]:
    """One state, or one of each branch, whose squared norm is its probability."""
    if not case.is_dynamic:
        return [state_of(case.circuit, values)]
    return [state.data for _, state in branches(bind(case.circuit, values))]
