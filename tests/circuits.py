"""Circuits, and Qiskit's own answers about them, shared by the tests.

Everything is seeded: the same seed gives the same circuit. Nothing here imports the product.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import jax
import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Gate, Parameter, ParameterExpression, ParameterVector
from qiskit.circuit.library import (
    efficient_su2,
    get_standard_gate_name_mapping,
    real_amplitudes,
    zz_feature_map,
)
from qiskit.quantum_info import Operator, SparsePauliOp, Statevector

Array = np.ndarray
Angle = float | ParameterExpression

NOT_UNITARY = ("delay", "measure", "reset")
"""Standard instructions that are no gates."""

SINGLE_TOLERANCE = 1e-5
DOUBLE_TOLERANCE = 1e-12


@contextmanager
def double() -> Iterator[None]:
    """Double precision in this thread only; JAX's global flag stays as it is."""
    with jax.enable_x64(True):
        yield


def standard_gates() -> dict[str, type[Gate]]:
    """The classes of all standard gates, by Qiskit's name for them."""
    mapping = get_standard_gate_name_mapping()
    return {name: gate.base_class for name, gate in mapping.items() if name not in NOT_UNITARY}


def num_angles(name: str) -> int:
    """How many angles the standard gate of this name takes."""
    return len(get_standard_gate_name_mapping()[name].params)


def random_angles(rng: np.random.Generator, count: int) -> list[float]:
    """Angles in [-pi, pi)."""
    return [float(angle) for angle in rng.uniform(-math.pi, math.pi, count)]


def random_values(circuit: QuantumCircuit, seed: int = 0) -> Array:
    """One float64 value in [-pi, pi) for each parameter of the circuit."""
    return np.random.default_rng(seed).uniform(-math.pi, math.pi, circuit.num_parameters)


def circuit_of(operation: object, num_qubits: int | None = None) -> QuantumCircuit:
    """A circuit that holds one operation on its first qubits, in order."""
    width = operation.num_qubits  # type: ignore[attr-defined]
    circuit = QuantumCircuit(width if num_qubits is None else num_qubits)
    circuit.append(operation, range(width))
    return circuit


def dressed(circuit: QuantumCircuit, seed: int = 0) -> QuantumCircuit:
    """The circuit behind one random U gate per qubit, so that its state shows all of it."""
    rng = np.random.default_rng(seed)
    front = QuantumCircuit(circuit.num_qubits, circuit.num_clbits)
    for qubit in range(circuit.num_qubits):
        front.u(*random_angles(rng, 3), qubit)
    return front.compose(circuit, front.qubits, front.clbits)


# ---------------------------------------------------------------- oracles


def bind(circuit: QuantumCircuit, values: Sequence[float] = ()) -> QuantumCircuit:
    """The circuit with numbers for its parameters, in the order of `circuit.parameters`."""
    if circuit.num_parameters == 0:
        return circuit
    return circuit.assign_parameters([float(value) for value in values])


def state_of(circuit: QuantumCircuit, values: Sequence[float] = ()) -> Array:
    """Qiskit's state vector."""
    return Statevector(bind(circuit, values)).data


def matrix_of(circuit: QuantumCircuit, values: Sequence[float] = ()) -> Array:
    """Qiskit's unitary matrix."""
    return Operator(bind(circuit, values)).data


def value_of(circuit: QuantumCircuit, observable: object, values: Sequence[float] = ()) -> float:
    """Qiskit's expectation value."""
    state = Statevector(bind(circuit, values))
    return float(np.real(state.expectation_value(observable)))


def controlled_matrix(base: Array, num_controls: int, ctrl_state: int) -> Array:
    """The matrix of a gate controlled by the low qubits being in `ctrl_state`."""
    size = 2**num_controls
    full = np.eye(size * len(base), dtype=complex)
    full[ctrl_state::size, ctrl_state::size] = base
    return full


def finite_gradient(
    function: Callable[[Array], Array | float], point: Array, step: float = 1e-5
) -> Array:
    """Central differences; the axis of the parameters is the last one."""
    columns = []
    for shift in np.eye(len(point)) * step:
        difference = np.asarray(function(point + shift)) - np.asarray(function(point - shift))
        columns.append(difference / (2 * step))
    return np.stack(columns, axis=-1)


def finite_hessian(
    function: Callable[[Array], Array | float], point: Array, step: float = 1e-3
) -> Array:
    """Second derivatives by differences of differences, extrapolated to an error of step**4."""

    def differences(step: float) -> Array:
        return finite_gradient(lambda at: finite_gradient(function, at, step), point, step)

    return (4 * differences(step) - differences(2 * step)) / 3


def error(actual: object, expected: object) -> float:
    """The largest deviation of one entry; NaN and shapes that differ are infinitely far."""
    left, right = np.asarray(actual), np.asarray(expected)
    if left.shape != right.shape:
        return math.inf
    largest = float(np.max(np.abs(left - right), initial=0.0))
    return math.inf if math.isnan(largest) else largest


# ---------------------------------------------------------------- random circuits


def random_expression(rng: np.random.Generator, pool: Sequence[Parameter]) -> ParameterExpression:
    """A bare parameter half of the time, else one of the forms that users write."""
    first, second = (pool[int(index)] for index in rng.integers(len(pool), size=2))
    scale, offset = rng.uniform(-1, 1, 2).tolist()
    forms = [
        lambda: scale * first + offset,
        lambda: first - second,
        lambda: first / 3 + scale * second,
        lambda: (math.pi - first) * (math.pi - second),
        lambda: (scale * first).sin() + second,
        lambda: first**2 / 4,
        lambda: -(first * second),
    ]
    return first if rng.random() < 0.5 else forms[int(rng.integers(len(forms)))]()


def random_gate(rng: np.random.Generator, width: int, angle: Callable[[], Angle]) -> Gate:
    """A standard gate on at most `width` qubits, a third of the time with more controls."""
    mapping = get_standard_gate_name_mapping()
    names = [n for n in standard_gates() if mapping[n].num_qubits <= width]
    name = names[int(rng.integers(len(names)))]
    gate = standard_gates()[name](*[angle() for _ in range(num_angles(name))])
    spare = min(width - gate.num_qubits, 2)
    if not 0 < gate.num_qubits <= 2 or spare == 0 or rng.random() > 1 / 3:
        return gate
    controls = int(rng.integers(1, spare + 1))
    state = int(rng.integers(2**controls))
    return gate.control(controls, ctrl_state=state, annotated=bool(rng.random() < 0.5))


def random_circuit(
    seed: int, num_qubits: int, num_gates: int = 40, symbolic: bool = False
) -> QuantumCircuit:
    """Standard gates on random qubits, with numbers or with shared parameters for angles."""
    rng = np.random.default_rng(seed)
    pool = [Parameter("a"), Parameter("b"), *ParameterVector("v", 11)][: int(rng.integers(2, 13))]

    def angle() -> Angle:
        if symbolic and rng.random() < 0.8:
            return random_expression(rng, pool)
        return float(rng.uniform(-math.pi, math.pi))

    circuit = QuantumCircuit(num_qubits, global_phase=angle())
    for _ in range(num_gates):
        gate = random_gate(rng, num_qubits, angle)
        circuit.append(gate, rng.permutation(num_qubits)[: gate.num_qubits].tolist())
    return circuit


def random_observable(rng: np.random.Generator, num_qubits: int, terms: int = 4) -> SparsePauliOp:
    """A real sum of random Pauli strings."""
    labels = ["".join(rng.choice(list("IXYZ"), num_qubits)) for _ in range(terms)]
    return SparsePauliOp(labels, rng.uniform(-1, 1, terms))


# ---------------------------------------------------------------- named circuits


def bell() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    return circuit


def one_angle() -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("theta"), 0)
    return circuit


def shared_angles() -> QuantumCircuit:
    """One parameter in several gates, alone and in expressions, and in the global phase."""
    first, second = Parameter("first"), Parameter("second")
    circuit = QuantumCircuit(3, global_phase=first / 2)
    circuit.rx(first, 0)
    circuit.ry(first * second, 1)
    circuit.crz(second + 0.3, 0, 1)
    circuit.cu(first, second, first - second, 2 * second, 1, 2)
    circuit.rzz(first.sin() * second.cos(), 0, 2)
    circuit.h(range(3))
    return circuit


def layered() -> QuantumCircuit:
    """Identical layers, as a planner that scans over repetitions will see them."""
    angles = ParameterVector("w", 12)
    circuit = QuantumCircuit(3)
    for layer in range(2):
        for qubit in range(3):
            circuit.ry(angles[6 * layer + qubit], qubit)
            circuit.rz(angles[6 * layer + 3 + qubit], qubit)
        for qubit in range(3):
            circuit.cx(qubit, (qubit + 1) % 3)
    return circuit


def classifier() -> QuantumCircuit:
    """Feature map and ansatz, as in a quantum neural network."""
    return zz_feature_map(2, reps=1).compose(real_amplitudes(2, reps=1))


def interacting() -> QuantumCircuit:
    """Two-qubit rotations and controlled ones on qubits in any order."""
    angles = ParameterVector("g", 6)
    circuit = QuantumCircuit(3)
    circuit.h(range(3))
    circuit.rxx(angles[0], 2, 0)
    circuit.ryy(angles[1], 1, 2)
    circuit.rzx(angles[2], 0, 1)
    circuit.append(standard_gates()["xx_plus_yy"](angles[3], angles[4]), [2, 1])
    circuit.append(
        standard_gates()["u"](angles[5], 0.2, angles[0]).control(2, ctrl_state=1, annotated=False),
        [1, 0, 2],
    )
    return circuit


NAMED: dict[str, Callable[[], QuantumCircuit]] = {
    "one_angle": one_angle,
    "shared_angles": shared_angles,
    "layered": layered,
    "classifier": classifier,
    "interacting": interacting,
    "efficient_su2": lambda: efficient_su2(2, reps=1),
}
"""Small parametrised circuits on which every transformation of JAX is tried."""


def applied(matrix: np.ndarray, qubits: Sequence[int], state: np.ndarray) -> np.ndarray:
    """A matrix on some qubits of a state vector, the first of them as bit 0 of its rows."""
    count = state.size.bit_length() - 1
    axes = [count - 1 - qubit for qubit in reversed(qubits)]
    front = np.moveaxis(state.reshape([2] * count), axes, range(len(axes)))
    after = (matrix @ front.reshape(len(matrix), -1)).reshape(front.shape)
    return np.moveaxis(after, range(len(axes)), axes).reshape(-1)
