"""Instructions that cannot be represented are refused by name and place, never skipped."""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Gate, Instruction
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import PauliProductMeasurement
from qiskit.quantum_info import Kraus, Pauli

import qjax
from tests.circuits import random_circuit

KEY = jax.random.key(0)

POSITION = 4


def prefix() -> QuantumCircuit:
    """Four gates, so that what comes next is instruction number 4, on qubit 2."""
    circuit = QuantumCircuit(QuantumRegister(3, "q"), ClassicalRegister(3, "c"))
    circuit.h([0, 1, 2])
    circuit.cx(0, 2)
    return circuit


def measure_then_gate(circuit: QuantumCircuit) -> None:
    circuit.measure(2, 0)
    circuit.x(2)


def measure_twice(circuit: QuantumCircuit) -> None:
    circuit.measure(2, 0)
    circuit.h(2)
    circuit.measure(2, 1)


def if_test(circuit: QuantumCircuit) -> None:
    with circuit.if_test((circuit.cregs[0], 1)):
        circuit.x(2)


def for_loop(circuit: QuantumCircuit) -> None:
    with circuit.for_loop(range(2)):
        circuit.x(2)


def while_loop(circuit: QuantumCircuit) -> None:
    with circuit.while_loop((circuit.clbits[0], 0)):
        circuit.x(2)


def switch(circuit: QuantumCircuit) -> None:
    with circuit.switch(circuit.cregs[0]) as case:
        with case(1):
            circuit.x(2)
        with case(case.DEFAULT):
            circuit.y(2)


def store(circuit: QuantumCircuit) -> None:
    circuit.store(expr.lift(circuit.clbits[1]), expr.lift(True))


def variable(circuit: QuantumCircuit) -> None:
    circuit.add_var("counter", expr.lift(3, types.Uint(8)))


def initialize_in_the_middle(circuit: QuantumCircuit) -> None:
    circuit.initialize([0.6, 0.8], 2)


def opaque(circuit: QuantumCircuit) -> None:
    circuit.append(Gate("mystery", 2, [0.3]), [2, 0])


def opaque_instruction(circuit: QuantumCircuit) -> None:
    circuit.append(Instruction("mystery", 1, 0, []), [2])


def opaque_inside(circuit: QuantumCircuit) -> None:
    inner = QuantumCircuit(2, name="wrapper")
    inner.h(0)
    inner.append(Gate("mystery", 2, []), [0, 1])
    circuit.append(inner.to_gate(), [2, 0])


def reset_inside(circuit: QuantumCircuit) -> None:
    inner = QuantumCircuit(2, name="wrapper")
    inner.h(0)
    inner.reset(0)
    circuit.append(inner.to_instruction(), [2, 0])


def channel(circuit: QuantumCircuit) -> None:
    noise = Kraus([np.sqrt(0.9) * np.eye(2), np.sqrt(0.1) * np.array([[0, 1], [1, 0]])])
    circuit.append(noise.to_instruction(), [2])


def opaque_control(circuit: QuantumCircuit) -> None:
    circuit.append(Gate("mystery", 1, []).control(1, annotated=True), [0, 2])


UNSUPPORTED: dict[str, tuple[Callable[[QuantumCircuit], None], str]] = {
    "reset": (lambda circuit: circuit.reset(2), "reset"),
    "measurement, then gate": (measure_then_gate, "measure"),
    "measurement in the middle": (measure_twice, "measure"),
    "if": (if_test, "if_else"),
    "for": (for_loop, "for_loop"),
    "while": (while_loop, "while_loop"),
    "switch": (switch, "switch_case"),
    "store": (store, "store"),
    "variable": (variable, "store"),
    "initialize in the middle": (initialize_in_the_middle, "initialize|reset"),
    "opaque gate": (opaque, "mystery"),
    "opaque instruction": (opaque_instruction, "mystery"),
    "opaque gate inside": (opaque_inside, "mystery"),
    "control of an opaque gate": (opaque_control, "mystery|annotated"),
    "reset inside": (reset_inside, "reset"),
    "channel": (channel, "kraus"),
    "measurement of a Pauli product": (
        lambda circuit: circuit.append(PauliProductMeasurement(Pauli("XZ")), [0, 2], [0]),
        "pauli_product_measurement",
    ),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_unsupported_instruction_is_named_with_its_place(name: str) -> None:
    spoil, instruction = UNSUPPORTED[name]
    circuit = prefix()
    spoil(circuit)
    with pytest.raises(qjax.UnsupportedInstructionError) as caught:
        qjax.from_qiskit(circuit)
    message = str(caught.value)
    assert any(word in message.lower() for word in instruction.split("|")), message
    if name != "variable":
        assert str(POSITION) in message or "measurement" in name, message


@pytest.mark.parametrize("name", ["reset", "if", "opaque gate inside"])
def test_every_function_refuses(name: str) -> None:
    circuit = prefix()
    UNSUPPORTED[name][0](circuit)
    for call in (
        lambda: qjax.statevector(circuit),
        lambda: qjax.unitary(circuit),
        lambda: qjax.probabilities(circuit),
        lambda: qjax.expectation(circuit, "ZZZ"),
        lambda: qjax.sample(circuit, (), 5, KEY),
    ):
        with pytest.raises(qjax.UnsupportedInstructionError):
            call()


def test_box_is_transparent_or_refused() -> None:
    circuit = prefix()
    with circuit.box():
        circuit.ry(0.3, 2)
    try:
        actual = qjax.statevector(circuit)
    except qjax.UnsupportedInstructionError as refusal:
        assert "box" in str(refusal)  # noqa: PT017
    else:
        flat = prefix()
        flat.ry(0.3, 2)
        np.testing.assert_allclose(actual, qjax.statevector(flat), atol=1e-6)


def test_open_qasm_with_a_condition_is_refused() -> None:
    text = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; if (c == 1) x q[0];'
    with pytest.raises(qjax.UnsupportedInstructionError, match="if_else"):
        qjax.from_qasm(text)


def test_error_leaves_nothing_behind() -> None:
    """The same circuit object works once it is mended."""
    circuit = random_circuit(3, 2)
    circuit.add_register(ClassicalRegister(1))
    circuit.reset(0)
    with pytest.raises(qjax.UnsupportedInstructionError):
        qjax.statevector(circuit)
    circuit.data.pop()
    assert qjax.statevector(circuit).shape == (4,)
