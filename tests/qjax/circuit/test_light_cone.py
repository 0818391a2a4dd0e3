"""What an observable can see: the rest is not simulated, and its value stays Qiskit's."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.library import RZGate
from qiskit.quantum_info import Operator, SparsePauliOp, Statevector

import qjax
from qjax._circuit.light_cone import light_cone
from tests.circuits import (
    DOUBLE_TOLERANCE,
    bind,
    error,
    finite_gradient,
    random_circuit,
    random_observable,
    random_values,
    value_of,
)

pytestmark = pytest.mark.usefixtures("x64")


def brickwork(num_qubits: int, depth: int) -> QuantumCircuit:
    """Layers of RY on each qubit and CX on neighbours, in turn from qubit 0 and qubit 1."""
    angles = ParameterVector("w", num_qubits * depth)
    circuit = QuantumCircuit(num_qubits)
    for layer in range(depth):
        for qubit in range(num_qubits):
            circuit.ry(angles[num_qubits * layer + qubit], qubit)
        for qubit in range(layer % 2, num_qubits - 1, 2):
            circuit.cx(qubit, qubit + 1)
    return circuit


def z_on(qubit: int, num_qubits: int) -> SparsePauliOp:
    return SparsePauliOp.from_sparse_list([("Z", [qubit], 1.0)], num_qubits)


def cone_of(
    circuit: QuantumCircuit, measured: set[int], diagonal: bool = True
) -> tuple[list[str], tuple[int, ...]]:
    """The names of the gates that are left, and the qubits."""
    cone = light_cone(qjax.from_qiskit(circuit), measured, diagonal)
    assert cone.circuit.num_qubits == len(cone.qubits)
    return [gate.name for gate in cone.circuit.ops], cone.qubits


# ---------------------------------------------------------------- what is left


def test_a_qubit_sees_its_neighbours_only() -> None:
    """Depth d: CX of layer k joins the cone at most one more qubit to each side."""
    assert cone_of(brickwork(30, 1), {0})[1] == (0, 1)
    assert cone_of(brickwork(30, 2), {0})[1] == (0, 1)
    assert cone_of(brickwork(30, 2), {1})[1] == (0, 1, 2, 3)
    assert cone_of(brickwork(30, 2), {14})[1] == (12, 13, 14, 15)
    assert cone_of(brickwork(30, 3), {14})[1] == tuple(range(12, 18))


def test_gates_outside_are_left_out_and_parameters_stay() -> None:
    circuit = brickwork(6, 2)
    cone = light_cone(qjax.from_qiskit(circuit), {0}, True)
    assert [(gate.name, gate.qubits) for gate in cone.circuit.ops] == [
        ("ry", (0,)),
        ("ry", (1,)),
        ("x", (1,)),
        ("ry", (0,)),
    ]
    assert cone.circuit.parameters == tuple(p.name for p in circuit.parameters)


def test_gates_after_the_last_that_is_seen_do_not_count() -> None:
    """CX behind everything, on other qubits; and one that brings a qubit in."""
    circuit = QuantumCircuit(4)
    circuit.h(range(4))
    circuit.cx(1, 2)
    circuit.cx(3, 0)
    assert cone_of(circuit, {0}) == (["h", "h", "x"], (0, 3))
    assert cone_of(circuit, {1, 2}) == (["h", "h", "x"], (1, 2))
    assert cone_of(circuit, {0, 1, 2, 3})[1] == (0, 1, 2, 3)


def test_phases_at_the_end_matter_to_no_diagonal_observable() -> None:
    a = Parameter("a")
    circuit = QuantumCircuit(3)
    circuit.h(range(3))
    circuit.rzz(a, 0, 1)
    circuit.h(2)
    circuit.cp(a, 0, 2)
    circuit.crz(0.3, 2, 1)
    assert cone_of(circuit, {0}) == (["h"], (0,))
    names, qubits = cone_of(circuit, {0}, diagonal=False)
    assert qubits == (0, 1, 2)
    assert names.count("h") == 4


def test_phases_that_are_mixed_afterwards_stay() -> None:
    a = Parameter("a")
    circuit = QuantumCircuit(2)
    circuit.h([0, 1])
    circuit.rzz(a, 0, 1)
    circuit.h(0)
    circuit.rz(a, 0)
    assert cone_of(circuit, {0}) == (["h", "h", "rzz", "h"], (0, 1))


def test_nothing_measured_is_nothing_simulated() -> None:
    assert cone_of(brickwork(5, 3), set()) == ([], ())


def test_a_circuit_that_is_seen_whole_is_the_same_object() -> None:
    """So that one plan serves it."""
    circuit = qjax.from_qiskit(brickwork(4, 4))
    assert light_cone(circuit, range(4), False).circuit is circuit


# ---------------------------------------------------------------- values


def test_one_qubit_of_thirty() -> None:
    """2**30 amplitudes would not fit; what is seen is the circuit on the first eight qubits."""
    wide, narrow = brickwork(30, 3), brickwork(8, 3)
    values = random_values(wide)
    kept = [30 * layer + qubit for layer in range(3) for qubit in range(8)]
    converted = qjax.from_qiskit(wide)
    number = jax.jit(jax.value_and_grad(lambda v: qjax.expectation(converted, z_on(2, 30), v)))
    value, slope = number(values)
    assert error(value, value_of(narrow, z_on(2, 8), values[kept])) < DOUBLE_TOLERANCE
    expected = finite_gradient(lambda v: value_of(narrow, z_on(2, 8), v), values[kept])
    assert error(slope[np.array(kept)], expected) < 1e-8
    assert np.count_nonzero(np.delete(slope, kept)) == 0


def test_networks_on_thirty_qubits() -> None:
    wide, narrow = brickwork(30, 2), brickwork(6, 2)
    weights, inputs = wide.parameters[4:], wide.parameters[:4]
    observables = [z_on(0, 30), SparsePauliOp.from_sparse_list([("ZX", [1, 2], 0.5)], 30)]
    qnn = qjax.EstimatorQNN(
        circuit=wide, observables=observables, input_params=inputs, weight_params=weights
    )
    x, values = np.random.default_rng(0).uniform(-2, 2, (3, 4)), random_values(wide)
    kept = [30 * layer + qubit for layer in range(2) for qubit in range(6)]
    small = [z_on(0, 6), SparsePauliOp.from_sparse_list([("ZX", [1, 2], 0.5)], 6)]
    expected = [
        [value_of(narrow, o, np.concatenate([row, values[4:]])[kept]) for o in small] for row in x
    ]
    assert error(qnn.forward(x, values[4:]), expected) < DOUBLE_TOLERANCE
    slopes = qnn.backward(x, values[4:])[1]
    assert slopes.shape == (3, 2, 56)
    step = 1e-5 * np.eye(56)[0]  # the fifth rotation of the first layer
    difference = qnn.forward(x, values[4:] + step) - qnn.forward(x, values[4:] - step)
    assert error(slopes[:, :, 0], difference / 2e-5) < 1e-8


@pytest.mark.parametrize("per_sample", [False, True], ids=["one", "batch"])
def test_identity_observables(per_sample: bool) -> None:
    """<1> is its coefficient; no gate can be seen."""
    circuit = brickwork(28, 2)
    converted = qjax.from_qiskit(circuit)
    observables = [SparsePauliOp("I" * 28, 0.7), "I" * 28]
    number = lambda v: qjax.expectation(converted, observables, v)  # noqa: E731
    values = random_values(circuit)
    if per_sample:
        assert error(jax.vmap(number)(np.stack([values, -values])), [[0.7, 1], [0.7, 1]]) < 1e-15
    else:
        assert error(number(values), [0.7, 1]) < 1e-15
        assert np.count_nonzero(jax.grad(lambda v: number(v).sum())(values)) == 0


def test_phases_behind_x_and_dense_observables() -> None:
    """RZ at the end turns X into Y: to leave it out would give 1."""
    circuit = QuantumCircuit(3)
    circuit.h(range(3))
    circuit.rz(Parameter("a"), 1)
    circuit.append(RZGate(0.4).control(1, annotated=True), [0, 1])
    at = np.array([0.6])
    mixed = SparsePauliOp(["IZI", "IXI", "ZYI"], [0.2, 0.5, 0.3])
    for observable in ("IXI", "IYI", mixed, Operator(mixed), ["IZI", "IXI"]):
        several = observable if isinstance(observable, list) else [observable]
        expected = [
            value_of(circuit, SparsePauliOp(o) if isinstance(o, str) else o, at) for o in several
        ]
        found = qjax.expectation(circuit, several, at)
        assert error(found, expected) < DOUBLE_TOLERANCE


@given(seed=st.integers(0, 10**6), num_qubits=st.integers(1, 6), num_gates=st.integers(0, 8))
@settings(max_examples=200)
@pytest.mark.filterwarnings("ignore:to_qiskit. the parameters")
def test_the_cone_of_random_circuits_gives_the_same_values(
    seed: int, num_qubits: int, num_gates: int
) -> None:
    """Qiskit simulates both: the whole circuit, and what is left of it."""
    rng = np.random.default_rng(seed)
    circuit = random_circuit(seed, num_qubits, num_gates, symbolic=True)
    letters = list("IIIZ") if rng.random() < 0.5 else list("IIIXYZ")
    label = "".join(rng.choice(letters, num_qubits))
    measured = {q for q in range(num_qubits) if label[num_qubits - 1 - q] != "I"}
    values = random_values(circuit, seed)
    cone = light_cone(qjax.from_qiskit(circuit), measured, not {"X", "Y"} & set(label))
    kept = "".join(label[num_qubits - 1 - qubit] for qubit in reversed(cone.qubits))
    assert measured <= set(cone.qubits)
    whole = value_of(circuit, SparsePauliOp(label), values)
    if not kept:
        assert error(whole, 1.0) < DOUBLE_TOLERANCE
        return
    # Parameters that are left over are not in Qiskit's circuit: bound by name.
    left = qjax.to_qiskit(cone.circuit)
    by_name = dict(zip((p.name for p in circuit.parameters), values, strict=True))
    bound = bind(left, [by_name[parameter.name] for parameter in left.parameters])
    part = float(np.real(Statevector(bound).expectation_value(SparsePauliOp(kept))))
    assert error(part, whole) < DOUBLE_TOLERANCE


@pytest.mark.parametrize("seed", range(4))
def test_values_and_gradients_through_the_cone(seed: int) -> None:
    """Few gates, several observables of which some see nothing, in one simulation."""
    circuit = random_circuit(seed, 5, 10, symbolic=True)
    letters = "IIZ" if seed % 2 else "IIXYZ"
    rng = np.random.default_rng(seed)
    labels = ["".join(rng.choice(list(letters), 5)) for _ in range(3)] + ["IIIII"]
    observables = [*labels, random_observable(rng, 5)] if seed % 2 == 0 else labels
    values, converted = random_values(circuit, seed), qjax.from_qiskit(circuit)

    def qiskits(v: np.ndarray) -> np.ndarray:
        operators = [SparsePauliOp(o) if isinstance(o, str) else o for o in observables]
        return np.array([value_of(circuit, operator, v) for operator in operators])

    def ours(v: jax.Array) -> jax.Array:
        return qjax.expectation(converted, observables, v)

    assert error(ours(values), qiskits(values)) < DOUBLE_TOLERANCE
    if len(values):
        slopes = jax.jit(jax.jacrev(ours))(values)
        assert error(slopes, finite_gradient(qiskits, values)) < 1e-8
