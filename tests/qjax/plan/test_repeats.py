"""Repeated layers: they are found, run as a loop, and the state stays Qiskit's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import random_unitary

import qjax
from qjax._plan.planner import plan_circuit
from qjax._plan.repeats import find_repeats
from tests.qjax.plan.plans import A, B, check_plan, ring

pytestmark = pytest.mark.usefixtures("x64")


def nested() -> QuantumCircuit:
    """Five times [six times (RX, RY, CX), then a phase, a swap]."""
    circuit = QuantumCircuit(3)
    inner, outer = ParameterVector("i", 30), ParameterVector("o", 5)
    for repetition in range(5):
        for layer in range(6):
            circuit.rx(inner[6 * repetition + layer], layer % 2)
            circuit.ry(outer[repetition] * layer, 2)
            circuit.cx(0, 1)
        circuit.cp(outer[repetition], 1, 2)
        circuit.swap(0, 2)
    return circuit


def dressed_ring() -> QuantumCircuit:
    """Layers behind other gates and before others."""
    circuit = QuantumCircuit(4)
    circuit.h(range(4))
    circuit.rxx(A, 0, 3)
    circuit.compose(ring(4, 7), inplace=True)
    circuit.rzx(B, 2, 1)
    reversed_ring = ring(4, 5).reverse_bits()
    circuit.compose(reversed_ring.assign_parameters(np.linspace(0, 5, 40)), inplace=True)
    circuit.h(0)
    return circuit


def swapping() -> QuantumCircuit:
    """Every layer leaves the qubits in another order."""
    angles = ParameterVector("s", 12)
    circuit = QuantumCircuit(5)
    for layer in range(12):
        circuit.ry(angles[layer], 0)
        circuit.unitary(random_unitary(8, seed=4), [4, 1, 2])
        circuit.swap(0, 3)
        circuit.cx(3, 4)
        circuit.crx(angles[layer] * 2, 2, 0)
    return circuit


def alternating() -> QuantumCircuit:
    """Layers that repeat except for the place of one gate."""
    angles = ParameterVector("t", 16)
    circuit = QuantumCircuit(3)
    for layer in range(16):
        circuit.ry(angles[layer], 0)
        circuit.rx(angles[layer], 1)
        circuit.cx(0, 1 if layer % 3 else 2)
    return circuit


def heisenberg(num_qubits: int, steps: int) -> QuantumCircuit:
    """Trotter steps of rotations about XX, YY and ZZ of each pair, in turns of any order."""
    angles = iter(ParameterVector("h", 3 * steps * (num_qubits - 1)))
    circuit = QuantumCircuit(num_qubits)
    circuit.rx(0.4, range(num_qubits))
    for _ in range(steps):
        for qubit in range(num_qubits - 1):
            pair = (qubit, qubit + 1) if qubit % 2 else (qubit + 1, qubit)
            circuit.rxx(next(angles), *pair)
            circuit.ryy(next(angles), *pair[::-1])
            circuit.rzz(next(angles), *pair)
    return circuit


REPEATED: dict[str, tuple[Callable[[], QuantumCircuit], int]] = {
    "ring": (lambda: ring(3, 10), 10),
    "dressed": (dressed_ring, 7),
    "swapping": (swapping, 12),
    "nested": (nested, 5),
    "alternating": (alternating, 5),
    "heisenberg": (lambda: heisenberg(4, 6), 6),
}


@pytest.mark.parametrize("name", REPEATED)
def test_repeated_layers_are_found(name: str) -> None:
    build, length = REPEATED[name]
    segments = plan_circuit(qjax.from_qiskit(build())).program.segments
    # The first gates on single qubits may have become the state to start from.
    assert {length, length - 1} & {segment.length for segment in segments}


@pytest.mark.parametrize("choice", ["none", "even", "all"])
@pytest.mark.parametrize("name", REPEATED)
def test_repeated_layers_are_right(name: str, choice: str) -> None:
    circuit = REPEATED[name][0]()
    chosen = {"none": 0, "even": 2, "all": 1}[choice]
    indices = range(0, circuit.num_parameters, chosen) if chosen else ()
    check_plan(circuit, frozenset(indices))


def test_layers_with_the_same_angles_are_found_too() -> None:
    x = ParameterVector("x", 2)
    circuit = QuantumCircuit(2)
    for layer in range(8):
        circuit.rx(x[0], 0)
        circuit.rx(x[1], 1)
        circuit.ry(0.1 * layer, 0)
        circuit.cx(0, 1)
    plan = plan_circuit(qjax.from_qiskit(circuit), frozenset({0, 1}))
    assert {7, 8} & {segment.length for segment in plan.program.segments}
    check_plan(circuit, frozenset({0, 1}))


@pytest.mark.parametrize("repeats", [1, 3])
def test_rotations_of_a_pair_share_a_basis(repeats: int) -> None:
    """What is measured is the number of phases per sample: one per pair, not one per rotation."""
    circuit = heisenberg(5, repeats)
    batched = frozenset(range(circuit.num_parameters))
    plan = plan_circuit(qjax.from_qiskit(circuit), batched)
    assert plan.num_passes <= 2 * 4 * repeats
    check_plan(circuit, batched)


SEQUENCES = st.lists(st.integers(0, 2), max_size=120)
LAYERED = st.tuples(SEQUENCES, st.lists(st.integers(0, 2), min_size=1, max_size=9), SEQUENCES)


@given(LAYERED, st.integers(0, 20))
@settings(max_examples=100)
@example(([], [0], []), 0)
@example(([0, 0, 1] * 9, [0, 0, 1], [0]), 20)
def test_runs_cover_the_sequence_and_repeat(
    parts: tuple[list[int], list[int], list[int]], count: int
) -> None:
    before, layer, after = parts
    sequence = before + layer * count + after
    at = 0
    for run in find_repeats(sequence):
        assert run.start == at
        assert min(run.period, run.length) >= 1
        at += run.period * run.length
        body = sequence[run.start : run.start + run.period]
        assert sequence[run.start : at] == body * run.length
    assert at == len(sequence)
