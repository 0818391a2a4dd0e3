"""Operations on rows and the order in which they run, as matrices, against Qiskit's `Operator`."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import UnitaryGate
from qiskit.quantum_info import random_unitary

import qjax
from qjax._circuit.circuit import gates
from qjax._plan.sharding.layouts import axis_layout
from qjax._plan.sharding.row_operations import row_operations
from qjax._plan.sharding.stages import filled, stages_of
from qjax._plan.sharding.subspaces import Span
from tests.circuits import DOUBLE_TOLERANCE, error, matrix_of, random_circuit
from tests.qjax.plan.sharded_plans import dense, in_frame, sent_to


def circuit_of(seed: int, num_qubits: int, most: int) -> QuantumCircuit:
    """Gates that mix at most so many qubits, among them matrices and gates of several controls."""
    rng = np.random.default_rng(seed)
    circuit = QuantumCircuit(num_qubits)
    for instruction in random_circuit(seed, num_qubits, 30).data:
        converted = QuantumCircuit(num_qubits)
        converted.append(instruction.operation, range(instruction.operation.num_qubits))
        mixing, _ = row_operations(gates(qjax.from_qiskit(converted)), num_qubits)
        if all(len(op.moves) <= most for op in mixing):
            circuit.append(instruction)
        if rng.random() < 0.1:
            size = int(rng.integers(1, most + 1))
            matrix = UnitaryGate(random_unitary(1 << size, seed=int(rng.integers(1 << 20))))
            circuit.append(matrix, rng.permutation(num_qubits)[:size].tolist())
    return circuit


@pytest.mark.parametrize("seed", range(10))
def test_operations_of_rows(seed):
    """The matrix of all operations, its rows in the frame of the end, is that of the circuit."""
    size = 4 + seed % 2
    circuit = circuit_of(seed, size, 3)
    operations, frame = row_operations(gates(qjax.from_qiskit(circuit)), size)
    found = in_frame(frame, dense(operations, size))
    assert error(found, matrix_of(circuit)) < DOUBLE_TOLERANCE


@pytest.mark.parametrize("seed", range(12))
def test_stages(seed):
    """Each operation once, where its differences are local, in an order of the same product."""
    size, bits = (4, 1) if seed % 3 == 0 else (5, 1 + seed % 3)
    circuit = circuit_of(100 + seed, size, size - bits)
    operations, _ = row_operations(gates(qjax.from_qiskit(circuit)), size)
    stages = stages_of(operations, size, bits)
    ran = [operation for stage in stages for operation in stage.operations]
    assert sorted(map(id, ran)) == sorted(map(id, operations))
    assert error(dense(ran, size), dense(operations, size)) < DOUBLE_TOLERANCE
    local = 1 << (size - bits)
    assert stages[0].exchange is None
    for before, stage in zip([stages[0], *stages], stages, strict=False):
        for operation in stage.operations:
            assert all(stage.layout.difference(move) < local for move in operation.moves)
        if stage.exchange is None:
            continue
        for row in range(1 << size):
            place = sent_to(stage.exchange, size - bits, before.layout.difference(row))
            assert place == stage.layout.difference(row)


def test_what_commutes_with_all_that_waits_runs_before_the_exchange():
    circuit = QuantumCircuit(4)
    circuit.h(range(4))
    circuit.rx(0.1, 3)
    circuit.rz(0.2, 3)
    circuit.rzz(0.3, 0, 1)
    circuit.rx(0.4, 2)
    operations, _ = row_operations(gates(qjax.from_qiskit(circuit)), 4)
    first, *others = stages_of(operations, 4, 1)
    assert len(others) == 1
    assert len(first.operations) == len(operations) - 3


def test_qubits_that_start_from_amplitudes_do_not_tell_the_device():
    circuit = QuantumCircuit(5)
    circuit.h(range(5))
    operations, _ = row_operations(gates(qjax.from_qiskit(circuit)), 5)
    first, *_ = stages_of(operations, 5, 2, frozenset({1, 3, 4}))
    assert {first.layout.columns[qubit].bit_length() - 1 for qubit in (0, 2)} == {3, 4}
    with pytest.raises(ValueError, match=r"4 of which start .* use fewer devices"):
        stages_of(operations, 5, 2, frozenset({0, 1, 3, 4}))
    matrix = QuantumCircuit(2)
    matrix.unitary(random_unitary(4, seed=1), [0, 1])
    wide, _ = row_operations(gates(qjax.from_qiskit(matrix)), 2)
    with pytest.raises(ValueError, match=r"a gate that mixes 2 qubits .* the 1 qubits"):
        stages_of(wide, 2, 1)


def test_room_is_filled_with_what_is_local_already():
    layout = axis_layout(5, [3, 4])
    found = filled(Span([0b10000, 0b00011]), layout)
    assert len(found) == 3
    assert 0b10000 in Span(found)
    assert 0b00011 in Span(found)
    assert all(vector in Span([0b10000, 1, 2, 4]) for vector in found)
