"""Every gate and circuit of `qiskit.circuit.library` against Qiskit's own matrix or state."""

from __future__ import annotations

import math

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Gate, Instruction, ParameterVector
from qiskit.quantum_info import (
    SparsePauliOp,
)

import qjax
from qjax._circuit.gates import GATES
from qjax._qiskit.gate_names import GATE_NAMES
from tests.circuits import (
    bind,
    circuit_of,
    dressed,
    error,
    num_angles,
    random_angles,
    random_values,
    standard_gates,
    state_of,
)
from tests.conftest import DOUBLE, Precision
from tests.dynamic import distribution, mean
from tests.library import CIRCUITS, INSTRUCTIONS, MAYBE, NEVER, PREPARATIONS, amplitudes
from tests.library_classes import cases, everything, expected_matrix, holding, quietly, templates
from tests.library_dynamic import DYNAMIC


def check_unitary(circuit: QuantumCircuit, precision: Precision) -> None:
    values = random_values(circuit).astype(precision.real)
    actual = qjax.unitary(circuit, values)
    assert actual.dtype == precision.complex
    assert (
        error(actual, quietly(lambda: expected_matrix(bind(circuit, values)))) < precision.tolerance
    )


def check_state(circuit: QuantumCircuit, precision: Precision) -> None:
    values = random_values(circuit).astype(precision.real)
    actual = qjax.statevector(circuit, values)
    assert actual.dtype == precision.complex
    assert error(actual, quietly(lambda: state_of(circuit, values))) < precision.tolerance


def scattered(gate: Instruction) -> QuantumCircuit:
    """The gate on the qubits of a larger register, in falling order."""
    circuit = QuantumCircuit(gate.num_qubits + 1)
    circuit.append(gate, range(gate.num_qubits, 0, -1))
    return circuit


@pytest.mark.parametrize("name", standard_gates())
def test_standard_gate_with_numbers(name: str, precision: Precision) -> None:
    gate = standard_gates()[name](*random_angles(np.random.default_rng(1), num_angles(name)))
    check_unitary(scattered(gate), precision)


@pytest.mark.parametrize("name", [name for name in standard_gates() if num_angles(name)])
def test_standard_gate_with_parameters(name: str, precision: Precision) -> None:
    gate = standard_gates()[name](*ParameterVector("angle", num_angles(name)))
    check_state(dressed(scattered(gate)), precision)


@pytest.mark.parametrize("gate", [g for g, row in GATE_NAMES.items() if GATES[row].num_angles])
def test_period_of_a_gate_is_stated(gate: type[Gate]) -> None:
    """Single precision takes 4 pi off the angles of those gates that have that period in each."""
    kind = GATES[GATE_NAMES[gate]]
    angles = np.array(random_angles(np.random.default_rng(2), kind.num_angles))
    matrix = gate(*angles).to_matrix()
    deviations = [
        error(gate(*(angles + shift)).to_matrix(), matrix)
        for shift in 4 * math.pi * np.eye(kind.num_angles)
    ]
    assert kind.periodic == (max(deviations) < 1e-12)


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_instruction(name: str, precision: Precision) -> None:
    check_unitary(circuit_of(quietly(INSTRUCTIONS[name])), precision)


@pytest.mark.parametrize("name", CIRCUITS)
def test_library_circuit(name: str, precision: Precision) -> None:
    circuit = quietly(CIRCUITS[name])
    assert isinstance(circuit, QuantumCircuit)
    check_state(dressed(circuit), precision)


@pytest.mark.parametrize("name", PREPARATIONS)
def test_preparation(name: str, precision: Precision) -> None:
    check_state(PREPARATIONS[name](), precision)


@pytest.mark.parametrize("name", templates())
def test_template(name: str, x64: None) -> None:
    check_unitary(templates()[name](), DOUBLE)


@pytest.mark.parametrize("name", DYNAMIC)
def test_what_measures(name: str, x64: None) -> None:
    """Classical bits and observables, against every branch followed with Qiskit."""
    circuit = DYNAMIC[name]()
    found = qjax.SamplerQNN(circuit=circuit).forward(None, None)[0]
    expected = distribution(circuit)
    assert error(found, [expected.get(value, 0) for value in range(len(found))]) < 1e-9
    for observable in ("ZY", "XI"):
        actual = qjax.expectation(circuit, observable)
        assert error(actual, mean(circuit, SparsePauliOp(observable))) < 1e-9


@pytest.mark.parametrize("name", MAYBE)
def test_is_exact_or_refused_by_name(name: str, x64: None) -> None:
    circuit = dressed(holding(quietly(MAYBE[name])))
    try:
        converted = qjax.from_qiskit(circuit)
    except qjax.UnsupportedInstructionError as refusal:
        operation = circuit.data[-1].operation
        assert repr(operation.name) in str(refusal)  # noqa: PT017
    else:
        values = random_values(circuit)
        expected = quietly(lambda: state_of(circuit, values))
        assert error(qjax.statevector(converted, values), expected) < 1e-12


def test_nothing_that_qiskit_has_is_forgotten() -> None:
    """Every instruction class, circuit class and circuit function is tried, or has a reason."""
    tried = {name.split("/")[0] for name in cases()}
    assert set(everything()) - tried - set(NEVER) == set()
    assert (tried | set(NEVER)) - set(everything()) == set()


def test_initialize_as_first_instruction(precision: Precision) -> None:
    circuit = QuantumCircuit(4)
    circuit.h(3)
    circuit.initialize(amplitudes(2), [2, 0])
    circuit.initialize("r", 1)
    circuit.cx(0, 3)
    check_state(circuit, precision)


@pytest.mark.parametrize("state", ["+r1", 5], ids=["label", "integer"])
def test_initialize_from(state: str | int, x64: None) -> None:
    circuit = QuantumCircuit(3)
    circuit.initialize(state, range(3))
    assert error(qjax.statevector(circuit), state_of(circuit)) < 1e-12


def test_pi_is_kept_to_the_last_digit(x64: None) -> None:
    circuit = QuantumCircuit(1)
    for _ in range(64):
        circuit.rx(math.pi / 32, 0)
    assert error(qjax.statevector(circuit), [-1, 0]) < 1e-12
