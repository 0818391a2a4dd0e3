"""Instructions that cannot be represented are refused by name and place, never skipped."""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import AnnotatedOperation, ControlModifier, Duration, Gate, Instruction
from qiskit.circuit.classical import expr
from qiskit.quantum_info import Kraus

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


def opaque(circuit: QuantumCircuit) -> None:
    circuit.append(Gate("mystery", 2, [0.3]), [2, 0])


def opaque_instruction(circuit: QuantumCircuit) -> None:
    circuit.append(Instruction("mystery", 1, 0, []), [2])


def opaque_inside(circuit: QuantumCircuit) -> None:
    inner = QuantumCircuit(2, name="wrapper")
    inner.h(0)
    inner.append(Gate("mystery", 2, []), [0, 1])
    circuit.append(inner.to_gate(), [2, 0])


def measured_inside_a_control(circuit: QuantumCircuit) -> None:
    inner = QuantumCircuit(1, name="wrapper")
    inner.reset(0)
    operation = AnnotatedOperation(inner.to_instruction(), ControlModifier(1))
    circuit.append(operation, [0, 2])


def stretch(circuit: QuantumCircuit) -> None:
    wait = circuit.add_stretch("wait")
    with circuit.if_test(expr.less(wait, Duration.dt(100))):
        circuit.x(2)


def channel(circuit: QuantumCircuit) -> None:
    noise = Kraus([np.sqrt(0.9) * np.eye(2), np.sqrt(0.1) * np.array([[0, 1], [1, 0]])])
    circuit.append(noise.to_instruction(), [2])


def opaque_control(circuit: QuantumCircuit) -> None:
    circuit.append(Gate("mystery", 1, []).control(1, annotated=True), [0, 2])


UNSUPPORTED: dict[str, tuple[Callable[[QuantumCircuit], None], str]] = {
    "opaque gate": (opaque, "mystery"),
    "opaque instruction": (opaque_instruction, "mystery"),
    "opaque gate inside": (opaque_inside, "mystery"),
    "control of an opaque gate": (opaque_control, "mystery|annotated"),
    "reset in a control": (measured_inside_a_control, "reset|wrapper"),
    "a condition on a duration": (stretch, "if_else"),
    "channel": (channel, "kraus"),
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
    assert str(POSITION) in message, message


@pytest.mark.parametrize("name", ["channel", "opaque gate", "opaque gate inside"])
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


def test_error_leaves_nothing_behind() -> None:
    """The same circuit object works once it is mended."""
    circuit = random_circuit(3, 2)
    circuit.add_register(ClassicalRegister(1))
    circuit.append(Gate("mystery", 1, []), [0])
    with pytest.raises(qjax.UnsupportedInstructionError):
        qjax.statevector(circuit)
    circuit.data.pop()
    assert qjax.statevector(circuit).shape == (4,)
