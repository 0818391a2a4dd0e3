"""Gates that are read by Qiskit's name of them, each against `quantum_info.Operator`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Gate, Parameter
from qiskit.circuit import library as lib
from qiskit.quantum_info import Operator

import qjax
from qjax._circuit.gates import GATES
from qjax._qiskit.plain_gates import _PLAIN
from tests.circuits import error, random_angles


def check(circuit: QuantumCircuit) -> None:
    assert error(qjax.unitary(circuit), Operator(circuit).data) < 1e-6


@pytest.mark.parametrize("name", _PLAIN)
def test_every_plain_gate(name: str) -> None:
    """Its name, the order of its qubits and angles, and its controls."""
    plain = _PLAIN[name]
    angles = random_angles(np.random.default_rng(3), GATES[plain.name].num_angles)
    gate: Gate = plain.kind(*angles)
    circuit = QuantumCircuit(3)
    circuit.append(gate, list(range(3))[::-1][: gate.num_qubits])
    check(circuit)


@pytest.mark.parametrize("kind", [lib.CXGate, lib.CHGate, lib.CSwapGate, lib.CCXGate])
def test_other_values_of_controls(kind: Any) -> None:
    circuit = QuantumCircuit(3)
    for state in range(2 ** kind().num_ctrl_qubits):
        circuit.append(kind(ctrl_state=state), range(kind().num_qubits))
        circuit.h(0)
    check(circuit)


def test_a_subclass_is_what_it_is_defined_by() -> None:
    """Qiskit calls its objects by the name of the gate that it was derived from."""

    class Half(lib.RXGate):
        def _define(self) -> None:
            self.definition = QuantumCircuit(1)
            self.definition.rx(self.params[0] / 2, 0)

    circuit, same = QuantumCircuit(2), QuantumCircuit(2)
    circuit.append(Half(0.8), [0])
    assert circuit.data[0].is_standard_gate()
    circuit.rx(0.3, 1)
    same.rx(0.4, 0)
    same.rx(0.3, 1)
    assert error(qjax.unitary(circuit), Operator(same).data) < 1e-6


def test_an_angle_is_that_of_its_place() -> None:
    """A gate without angles is one object wherever it stands; one with angles is not."""
    a, b = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(2)
    for angle in (a, 0.5, b, a):
        circuit.ry(angle, 0)
        circuit.cx(0, 1)
    values = np.array([0.3, -1.2], np.float32)
    bound = Operator(circuit.assign_parameters([0.3, -1.2])).data
    assert error(qjax.unitary(circuit, values), bound) < 1e-6


@pytest.mark.parametrize("angle", [float("nan"), float("inf")])
def test_angles_that_are_no_numbers_are_named(angle: float) -> None:
    circuit = QuantumCircuit(1)
    circuit.append(lib.RXGate(angle), [0])
    with pytest.raises(qjax.UnsupportedInstructionError, match="instruction 0, 'rx' on qubits"):
        qjax.from_qiskit(circuit)
