"""The way back to Qiskit: circuits that are exported mean, or are, the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit.library import CCXGate, real_amplitudes
from qiskit.quantum_info import Operator

import qjax
from tests.circuits import NAMED, circuit_of, error, matrix_of, random_circuit, random_values
from tests.qjax.qiskit.conversions import MODIFIED

pytestmark = pytest.mark.usefixtures("x64")


def measured() -> QuantumCircuit:
    circuit = QuantumCircuit(QuantumRegister(3, "q"), ClassicalRegister(4, "c"))
    circuit.h(range(3))
    circuit.measure([2, 0], [1, 3])
    return circuit


BACK: dict[str, Callable[[], QuantumCircuit]] = {
    **NAMED,
    **{name: MODIFIED[name] for name in ("nested", "pauses", "control", "annotated control")},
    "standard": lambda: random_circuit(11, 4),
    "standard with parameters": lambda: random_circuit(12, 4, symbolic=True),
    "long vector": lambda: real_amplitudes(4, reps=2),
}


@pytest.mark.parametrize("name", BACK)
def test_there_and_back(name: str) -> None:
    circuit = BACK[name]()
    back = qjax.to_qiskit(qjax.from_qiskit(circuit))
    values = random_values(circuit)
    assert isinstance(back, QuantumCircuit)
    assert [p.name for p in back.parameters] == [p.name for p in circuit.parameters]
    assert error(matrix_of(back, values), matrix_of(circuit, values)) < 1e-12


@pytest.mark.parametrize("name", ["shared_angles", "interacting", "nested", "long vector"])
def test_there_and_back_and_there(name: str) -> None:
    circuit = qjax.from_qiskit(BACK[name]())
    values = random_values(BACK[name]())
    again = qjax.from_qiskit(qjax.to_qiskit(circuit))
    assert again.parameters == circuit.parameters
    assert error(qjax.statevector(again, values), qjax.statevector(circuit, values)) < 1e-12


def test_there_and_back_with_controls_of_a_matrix() -> None:
    """Qiskit 2.6 synthesizes a controlled matrix, and panics on this one."""
    gate = CCXGate().control(1, ctrl_state=0, annotated=True).inverse(annotated=True)
    gate = gate.power(3, annotated=True).control(1, ctrl_state=0, annotated=True)
    again = qjax.to_qiskit(qjax.from_qiskit(circuit_of(gate)))
    assert error(Operator(again).data, matrix_of(circuit_of(gate))) < 1e-12


def test_there_and_back_keeps_measurements() -> None:
    circuit = measured()
    back = qjax.to_qiskit(qjax.from_qiskit(circuit))
    places = [
        [
            (of.find_bit(step.qubits[0]).index, of.find_bit(step.clbits[0]).index)
            for step in of.data
            if step.operation.name == "measure"
        ]
        for of in (circuit, back)
    ]
    assert sorted(places[0]) == sorted(places[1])
    assert (back.num_qubits, back.num_clbits) == (3, 4)
