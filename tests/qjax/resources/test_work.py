"""Steps, passes and blocks are counted without tables, and are those of the plans that run."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import efficient_su2, real_amplitudes, zz_feature_map

import qjax
from qjax._plan import outline_of, plan_circuit, plan_native, step_counts
from qjax._resources.subject import subject
from qjax._resources.traffic import bytes_sent, exchanges_of
from qjax._resources.work import work_of
from qjax._simulators import DensityMatrix, factors_of, plan_mixed, schedule_shape
from qjax.simulators import StateVector

CIRCUITS = {
    "real": real_amplitudes(5, reps=6),
    "complex": efficient_su2(6, reps=2),
    "encoding": zz_feature_map(5),
}


@pytest.mark.parametrize("name", CIRCUITS)
def test_outlines_are_those_of_plans(name: str) -> None:
    circuit = qjax.from_qiskit(CIRCUITS[name])
    outline, plan = outline_of(circuit), plan_circuit(circuit)
    assert outline.num_passes == plan.num_passes
    assert f"{outline.num_passes} passes over the state" in plan.summary


@pytest.mark.parametrize("name", CIRCUITS)
def test_steps_are_those_of_programs(name: str) -> None:
    """But those that only mix rows of |0...0>: one of each qubit but the last."""
    circuit = qjax.from_qiskit(CIRCUITS[name])
    counts, program = step_counts(circuit), plan_native(circuit)
    assert counts is not None
    assert program is not None
    pairs = program.steps.counts["mixing pairs of rows"]
    assert pairs - circuit.num_qubits <= counts.pairs <= pairs


def test_operations_of_a_rotation() -> None:
    """RY, CX, RY on two qubits: the second RY mixes 4 amplitudes, at 14 operations each."""
    circuit = QuantumCircuit(2)
    circuit.ry(0.1, 0)
    circuit.cx(0, 1)
    circuit.ry(0.2, 0)
    given = subject(qjax.from_qiskit(circuit), 3, np.dtype(np.complex64), None, StateVector(), 1)
    if given.method == "native":
        assert work_of(given).flops == 3 * 4 * 14


@pytest.mark.parametrize("num_qubits", [3, 6])
def test_blocks_are_those_of_plans(num_qubits: int) -> None:
    circuit = qjax.from_qiskit(efficient_su2(num_qubits, reps=2))
    shape = schedule_shape(factors_of(circuit, frozenset()), num_qubits)
    schedule = plan_mixed(circuit).schedule
    assert shape.num_blocks == len(schedule.blocks)
    assert {shape.width} == {len(block.qubits) for block in schedule.blocks}


def test_multiplications_of_superoperators() -> None:
    """A CX is one block of two qubits, a matrix of 16 rows on 4**3 numbers."""
    circuit = QuantumCircuit(3)
    circuit.cx(0, 2)
    given = subject(qjax.from_qiskit(circuit), 1, np.dtype(np.complex64), None, DensityMatrix(), 1)
    assert work_of(given).flops == 2 * 16 * 4**3


def test_bytes_of_an_exchange() -> None:
    """Of 8 devices with 2**7 amplitudes of 8 bytes, each sends 7/8 where three bits are swapped."""
    circuit = qjax.from_qiskit(real_amplitudes(10, reps=3, entanglement="circular"))
    given = subject(circuit, 2, np.dtype(np.complex64), None, None, 8)
    assert given.one_state == 8 << 7
    assert bytes_sent(given, (3,)) == 2 * 7 / 8 * (8 << 7)
    assert bytes_sent(given, (1, 2)) == 2 * (1 / 2 + 3 / 4) * (8 << 7)


def test_one_device_exchanges_nothing() -> None:
    circuit = qjax.from_qiskit(real_amplitudes(4))
    assert exchanges_of(circuit, 0) == ()
