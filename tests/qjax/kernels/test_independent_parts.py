"""What of a circuit a fidelity depends on: gates that cancel, and qubits that nothing connects."""

from __future__ import annotations

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

import qjax
from qjax._base import tuning
from qjax.kernels._independent_parts import independent_parts


@pytest.fixture(autouse=True)
def parts_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "JOINED_PARTS", 1)
    independent_parts.cache_clear()
    yield
    independent_parts.cache_clear()


def parts_of(source: QuantumCircuit, inputs: str) -> list[tuple[int, list[str]]]:
    """Qubits and gates of each part."""
    circuit = qjax.from_qiskit(source)
    places = tuple(circuit.parameters.index(name) for name in inputs)
    parts = independent_parts(circuit, places)
    assert all(part.parameters == circuit.parameters for part in parts)
    return [(part.num_qubits, [op.name for op in part.ops]) for part in parts]


def test_gates_behind_the_last_input_cancel() -> None:
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.rx(Parameter("a"), 0)
    circuit.cx(0, 1)  # stays: an input follows
    circuit.ry(Parameter("b"), 1)
    circuit.ry(Parameter("w"), 0)
    circuit.cx(1, 2)
    assert parts_of(circuit, "ab") == [(2, ["h", "rx", "x", "ry"])]
    assert parts_of(circuit, "abw") == [(2, ["h", "rx", "x", "ry", "ry"])]
    assert parts_of(circuit, "a") == [(1, ["h", "rx"])]


def test_what_no_input_moves_is_left_out() -> None:
    circuit = QuantumCircuit(4, global_phase=Parameter("a"))
    circuit.rx(Parameter("b"), 3)
    circuit.h(1)
    circuit.rx(Parameter("w"), 2)
    circuit.ry(Parameter("c"), 0)
    assert parts_of(circuit, "abc") == [(1, ["ry"]), (1, ["rx"])]


def test_small_parts_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = QuantumCircuit(5)
    for qubit in range(5):
        circuit.rx(Parameter("abcde"[qubit]), qubit)
    monkeypatch.setattr(tuning, "JOINED_PARTS", 2)
    assert [size for size, _ in parts_of(circuit, "abcde")] == [2, 2, 1]
    monkeypatch.setattr(tuning, "JOINED_PARTS", 8)
    independent_parts.cache_clear()
    assert [size for size, _ in parts_of(circuit, "abcde")] == [5]
