"""The planner: whatever it fuses, moves and repeats, the state stays Qiskit's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit.library import (
    DiagonalGate,
    GlobalPhaseGate,
    PermutationGate,
    RXGate,
    RYGate,
    UnitaryGate,
    zz_feature_map,
)
from qiskit.quantum_info import random_unitary

import qjax
from qjax._plan.planner import plan_circuit
from tests.circuits import DOUBLE_TOLERANCE, error, random_circuit, random_observable
from tests.networks import Network, batched, expectations, readout
from tests.qjax.plan.plans import A, B, check_plan, planned, ring

pytestmark = pytest.mark.usefixtures("x64")


# ---------------------------------------------------------------- gates too wide to fuse


def between_rotations(num_qubits: int) -> tuple[QuantumCircuit, Callable[[], None]]:
    """A circuit that starts with a U on every qubit, and a function that ends it so."""
    circuit = QuantumCircuit(num_qubits)
    rng = np.random.default_rng(num_qubits)

    def rotate() -> None:
        for qubit in range(num_qubits):
            circuit.u(*rng.uniform(1, 2, 3).tolist(), qubit)

    rotate()
    circuit.ry(A, num_qubits - 1)
    circuit.rx(B, 0)
    return circuit, rotate


def wide_mcx(circuit: QuantumCircuit) -> None:
    circuit.mcx([12, *range(1, 11), 0], 11)


def wide_mcx_open(circuit: QuantumCircuit) -> None:
    circuit.mcx(list(range(12)), 12, ctrl_state=0b101100111010)


def wide_mcp(circuit: QuantumCircuit) -> None:
    circuit.mcp(A + B, [3, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11], 0)


def wide_rotation(circuit: QuantumCircuit) -> None:
    gate = RYGate(A * B).control(11, ctrl_state=0b11111011111, annotated=True)
    circuit.append(gate, [*range(4, 12), 2, 0, 1, 3])


def unitary_of_six(circuit: QuantumCircuit) -> None:
    circuit.append(UnitaryGate(random_unitary(64, seed=1)), [5, 0, 6, 2, 1, 3])
    circuit.cx(6, 5)
    circuit.rx(B, 3)


def controlled_unitary(circuit: QuantumCircuit) -> None:
    gate = UnitaryGate(random_unitary(32, seed=2)).control(2, ctrl_state=1, annotated=True)
    circuit.append(gate, [6, 0, 5, 3, 1, 4, 2])


def phases_of_controls(circuit: QuantumCircuit) -> None:
    circuit.append(GlobalPhaseGate(A).control(3, ctrl_state=2, annotated=True), [4, 0, 2])
    circuit.append(GlobalPhaseGate(0.3).control(1, annotated=True), [1])
    circuit.append(GlobalPhaseGate(A - B), [])
    circuit.append(GlobalPhaseGate(B).control(5, annotated=True), [0, 1, 2, 3, 4])


def wide_phase_of_controls(circuit: QuantumCircuit) -> None:
    circuit.append(GlobalPhaseGate(A * B).control(12, annotated=True), list(range(12)))


def wide_diagonal(circuit: QuantumCircuit) -> None:
    phases = np.exp(1j * np.random.default_rng(3).uniform(0, 6, 2**11))
    circuit.append(DiagonalGate(phases.tolist()), [*range(5, 11), *range(5)])
    for qubit in range(10):
        circuit.cp(A * qubit, qubit, qubit + 1)
        circuit.rzz(B, qubit, 10 - qubit if qubit != 5 else 0)


def permutations(circuit: QuantumCircuit) -> None:
    circuit.append(PermutationGate([3, 0, 2, 6, 1, 5, 4]), [6, 1, 3, 5, 0, 2, 4])
    for qubit in range(7):
        circuit.cx(qubit, (3 * qubit + 1) % 7 if (3 * qubit + 1) % 7 != qubit else 0)
        circuit.iswap(qubit, (qubit + 3) % 7)
        circuit.cy((qubit + 2) % 7, qubit)
        circuit.rz(A + qubit, qubit)
        circuit.dcx((qubit + 1) % 7, qubit)
        circuit.p(B, (qubit + 4) % 7)
    circuit.ccx(6, 2, 0)
    circuit.cswap(1, 5, 4)


def far_apart(circuit: QuantumCircuit) -> None:
    for first, second in ((0, 12), (12, 1), (6, 0), (11, 6)):
        circuit.swap(first, second)
        circuit.ryy(A, second, first)
        circuit.append(RXGate(B).control(1, ctrl_state=0, annotated=False), [first, second])


WIDE: dict[str, tuple[Callable[[QuantumCircuit], None], int]] = {
    "mcx with 12 controls": (wide_mcx, 13),
    "mcx with 12 controls, some open": (wide_mcx_open, 13),
    "mcp on 12 qubits": (wide_mcp, 12),
    "ry with 11 controls": (wide_rotation, 12),
    "matrix on 6 qubits": (unitary_of_six, 7),
    "matrix with controls": (controlled_unitary, 7),
    "controlled global phases": (phases_of_controls, 5),
    "global phase with 12 controls": (wide_phase_of_controls, 12),
    "diagonal on 11 qubits": (wide_diagonal, 11),
    "permutations": (permutations, 7),
    "far apart": (far_apart, 13),
}


@pytest.mark.parametrize("per_sample", [frozenset(), frozenset({1})], ids=["shared", "batched"])
@pytest.mark.parametrize("name", WIDE)
def test_wide_gates(name: str, per_sample: frozenset[int]) -> None:
    build, num_qubits = WIDE[name]
    circuit, rotate = between_rotations(num_qubits)
    build(circuit)
    rotate()
    check_plan(circuit, per_sample)


def test_wide_gates_on_a_state_that_is_still_zero() -> None:
    circuit = QuantumCircuit(12)
    circuit.mcx(list(range(11)), 11, ctrl_state=0)
    circuit.x(range(5))
    circuit.mcp(A, list(range(11)), 11)
    check_plan(circuit, frozenset({0}))


@pytest.mark.parametrize("num_qubits", [0, 1, 3])
def test_circuits_with_nothing_in_them(num_qubits: int) -> None:
    check_plan(QuantumCircuit(num_qubits), frozenset())
    phase = QuantumCircuit(num_qubits, global_phase=A)
    check_plan(phase, frozenset())
    check_plan(phase, frozenset({0}))


def test_a_permutation_moves_basis_states() -> None:
    """Thirteen qubits, no superposition: the plan does on indices what the gates say."""
    circuit = QuantumCircuit(13)
    circuit.x([0, 3, 12])
    circuit.cx(0, 7)
    circuit.swap(7, 1)
    circuit.ccx(3, 12, 5)
    circuit.mcx([0, 1, 3, 5, 12], 11)
    state = planned(circuit, frozenset(), np.zeros((0, 1)))[:, 0]
    expected = sum(1 << qubit for qubit in (0, 1, 3, 5, 11, 12))
    assert np.flatnonzero(np.abs(state) > 1e-12).tolist() == [expected]


# ---------------------------------------------------------------- shared and batched


@pytest.mark.parametrize("seed", range(4))
def test_any_parameters_may_differ_per_sample(seed: int) -> None:
    circuit = random_circuit(seed, 1 + seed, 30, symbolic=True)
    half = np.random.default_rng(seed).random(circuit.num_parameters) < 0.5
    check_plan(circuit, frozenset())
    check_plan(circuit, frozenset(range(circuit.num_parameters)), batch=3)
    check_plan(circuit, frozenset(np.flatnonzero(half).tolist()), batch=3)


def test_plans_of_equal_circuits_are_made_once() -> None:
    first, second = (qjax.from_qiskit(random_circuit(3, 3, symbolic=True)) for _ in range(2))
    assert plan_circuit(first) is plan_circuit(second)
    assert plan_circuit(first) is not plan_circuit(first, frozenset({0}))


def test_a_plan_prints_its_segments() -> None:
    printed = str(plan_circuit(qjax.from_qiskit(ring(3, 10))))
    assert "3 qubits, 90 gates" in printed
    assert "9 x" in printed  # the rotations of the first layer are where the state starts


@pytest.mark.parametrize(
    "per_sample", [frozenset(), frozenset(range(8))], ids=["shared", "batched"]
)
def test_a_layer_of_diagonal_gates_is_not_applied_gate_by_gate(per_sample: frozenset[int]) -> None:
    """The Hadamard gates are the state to start from; the rest is one phase per row."""
    circuit = qjax.from_qiskit(zz_feature_map(8, reps=1, entanglement="full"))
    assert len(circuit.ops) > 90
    assert plan_circuit(circuit, per_sample).num_passes == 0


def test_gates_that_permute_cost_no_pass() -> None:
    """They change which basis state each row holds: 60 of them, then the gates of one matrix."""
    permuting, rng = QuantumCircuit(6), np.random.default_rng(0)
    for _ in range(15):
        qubits = rng.permutation(6).tolist()
        permuting.cx(*qubits[:2])
        permuting.x(qubits[2])
        permuting.swap(*qubits[3:5])
        permuting.append(PermutationGate([2, 0, 1]), qubits[:3])
    assert plan_circuit(qjax.from_qiskit(permuting)).num_passes == 0
    mixing = permuting.compose(QuantumCircuit(6))
    mixing.h([0, 1])
    assert plan_circuit(qjax.from_qiskit(mixing)).num_passes == 1
    circuit = QuantumCircuit(6)
    for qubit in range(6):
        circuit.u(0.3 + qubit, 0.1, 0.2 * qubit, qubit)
    check_plan(circuit.compose(mixing), frozenset())


def test_gates_with_phases_that_permute_cost_no_pass() -> None:
    circuit = QuantumCircuit(4)
    circuit.ry(A, [0, 1, 2, 3])
    for first, second in ((0, 1), (2, 0), (3, 1)):
        circuit.iswap(first, second)
        circuit.cy(second, first)
        circuit.y(first)
        circuit.rzz(B, first, second)
        circuit.cp(A * B, first, second)
    assert plan_circuit(qjax.from_qiskit(circuit)).num_passes == 0
    for per_sample in (frozenset(), frozenset({1}), frozenset({0, 1})):
        check_plan(circuit, per_sample)


def test_gates_on_few_qubits_share_a_pass() -> None:
    """Two hundred gates on three of eight qubits are one matrix, or a few."""
    circuit, rng = QuantumCircuit(8), np.random.default_rng(1)
    for _ in range(100):
        first, second = rng.permutation(3).tolist()[:2]
        circuit.ry(float(rng.normal()), first)
        circuit.cx(first, second)
    assert plan_circuit(qjax.from_qiskit(circuit)).num_passes <= 4


# ---------------------------------------------------------------- random networks


@given(
    seed=st.integers(0, 10**6),
    num_qubits=st.integers(1, 4),
    num_gates=st.integers(0, 14),
    choice=st.integers(0, 2**13 - 1),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=12)
def test_random_networks_agree_with_qiskit(
    seed: int, num_qubits: int, num_gates: int, choice: int, order: object
) -> None:
    """Any circuit, any of its parameters as inputs, in any order: every sample is right."""
    circuit = random_circuit(seed, num_qubits, num_gates, symbolic=True)
    parameters = list(circuit.parameters)
    order.shuffle(parameters)  # type: ignore[attr-defined]
    inputs = [p for k, p in enumerate(parameters) if choice >> k & 1]
    weights = [p for k, p in enumerate(parameters) if not choice >> k & 1]
    observables = [random_observable(np.random.default_rng(seed), num_qubits), "Y" * num_qubits]
    network = Network(circuit, inputs, weights, observables)
    x, w = network.data(3, seed=seed)
    qnn = qjax.EstimatorQNN(**network.arguments, observables=observables)
    expected = batched(readout(expectations, network), x, w)
    assert error(qnn.forward(x, w), expected) < DOUBLE_TOLERANCE * 10


def test_one_of_a_thing_is_no_several() -> None:
    circuit = QuantumCircuit(6, 1)
    circuit.h(range(6))
    for qubit in range(5):
        circuit.cx(qubit, qubit + 1)
    circuit.ry(0.3, 0)
    assert "matrix on qubit 0 from 1 gate\n" in str(qjax.plan(circuit))
    circuit.measure(0, 0)
    circuit.h(0)
    assert "1 further qubit keeps records of them" in str(qjax.plan(circuit))
    single = QuantumCircuit(1)
    single.ry(0.3, 0)
    text = str(qjax.plan(single))
    assert text.startswith("1 qubit, 1 gate: ")
    assert "product state of 1 gate on single qubits" in text
