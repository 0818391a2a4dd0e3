"""What users do to circuits beforehand: controls, powers, nesting."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import (
    AnnotatedOperation,
    ControlModifier,
    Gate,
    InverseModifier,
    Parameter,
    ParameterVector,
    PowerModifier,
)
from qiskit.circuit.library import (
    CRXGate,
    CUGate,
    CXGate,
    GlobalPhaseGate,
    GraphStateGate,
    HamiltonianGate,
    HGate,
    Isometry,
    LinearPauliRotationsGate,
    QFTGate,
    RXGate,
    RZGate,
    UGate,
    UnitaryGate,
    WeightedSumGate,
    XXPlusYYGate,
)
from qiskit.quantum_info import Clifford, Operator, random_clifford, random_unitary

import qjax
from tests.circuits import (
    circuit_of,
    controlled_matrix,
    dressed,
    error,
    num_angles,
    random_angles,
    random_values,
    standard_gates,
    state_of,
)
from tests.qjax.qiskit.conversions import MODIFIED

pytestmark = pytest.mark.usefixtures("x64")


def check(circuit: QuantumCircuit) -> None:
    """State after random single-qubit gates, so that every column of the matrix shows."""
    shown = dressed(circuit)
    values = random_values(shown)
    assert error(qjax.statevector(shown, values), state_of(shown, values)) < 1e-12


# ---------------------------------------------------------------- modified gates


@pytest.mark.parametrize("name", [name for name in standard_gates() if name != "global_phase"])
def test_controlled_gate(name: str) -> None:
    """Both representations that Qiskit has for more controls, with open and closed ones."""
    rng = np.random.default_rng(len(name))
    gate = standard_gates()[name](*ParameterVector("angle", num_angles(name)))
    circuit = QuantumCircuit(gate.num_qubits + 3)
    for annotated in (False, True):
        controls = int(rng.integers(1, 4))
        state = int(rng.integers(2**controls))
        controlled = gate.control(controls, ctrl_state=state, annotated=annotated)
        qubits = rng.permutation(circuit.num_qubits)[: controlled.num_qubits]
        circuit.append(controlled, qubits.tolist())
    check(circuit)


@pytest.mark.parametrize("annotated", [False, True], ids=["controlled gate", "annotated"])
@pytest.mark.parametrize(("controls", "state"), [(1, 0), (2, 1), (3, 5), (3, None)])
def test_control_of_a_unitary_is_a_block(annotated: bool, controls: int, state: int | None) -> None:
    base = random_unitary(2, seed=4).data
    gate = UnitaryGate(base).control(controls, ctrl_state=state, annotated=annotated)
    expected = controlled_matrix(base, controls, 2**controls - 1 if state is None else state)
    assert error(qjax.unitary(circuit_of(gate)), expected) < 1e-12


@pytest.mark.parametrize("name", [name for name in standard_gates() if name != "global_phase"])
def test_inverse_and_power_of_gate(name: str) -> None:
    gate = standard_gates()[name](*random_angles(np.random.default_rng(2), num_angles(name)))
    circuit = QuantumCircuit(gate.num_qubits + 1)
    for annotated in (False, True):
        qubits = range(int(annotated), gate.num_qubits + int(annotated))
        circuit.append(gate.inverse(annotated=annotated), qubits)
        for exponent in (2, 0.5, -1.3):
            circuit.append(gate.power(exponent, annotated=annotated), qubits)
    check(circuit)


@pytest.mark.parametrize("gate", [RXGate, RZGate], ids=["rx", "rz"])
def test_power_of_a_parametrised_rotation(gate: type[Gate]) -> None:
    theta = Parameter("theta")
    circuit = QuantumCircuit(1)
    circuit.append(gate(theta).power(2.5), [0])
    circuit.append(gate(theta).inverse(), [0])
    circuit.append(gate(theta).repeat(3), [0])
    check(circuit)


@pytest.mark.parametrize("exponent", [3, -2, 0, 0.5])
@pytest.mark.parametrize("base", [XXPlusYYGate, CUGate, CRXGate, GlobalPhaseGate])
def test_annotated_power_of_a_parametrised_gate_is_right_or_refused(
    base: type[Gate], exponent: float
) -> None:
    count = {XXPlusYYGate: 2, CUGate: 4}.get(base, 1)
    gate = base(*ParameterVector("angle", count)).power(exponent, annotated=True)
    try:
        check(circuit_of(gate.control(1, ctrl_state=0, annotated=True)))
    except qjax.UnsupportedInstructionError as refusal:
        assert not float(exponent).is_integer(), refusal  # noqa: PT017


@pytest.mark.parametrize(
    "modifiers",
    [
        [InverseModifier(), ControlModifier(1, 0)],
        [ControlModifier(2, 1), InverseModifier()],
        [PowerModifier(3), ControlModifier(1), InverseModifier()],
        [ControlModifier(1, 0), ControlModifier(1, 1), PowerModifier(2)],
        [PowerModifier(0.5), InverseModifier(), ControlModifier(2, 2)],
        [],
    ],
    ids=str,
)
def test_annotated_operation(modifiers: list[object]) -> None:
    check(circuit_of(AnnotatedOperation(UGate(0.3, 0.7, -1.1), modifiers)))
    check(circuit_of(AnnotatedOperation(AnnotatedOperation(QFTGate(2), []), modifiers)))
    check(circuit_of(AnnotatedOperation(random_clifford(2, seed=1), modifiers)))


@pytest.mark.parametrize("modifiers", [[InverseModifier()], [PowerModifier(-2)]], ids=str)
def test_annotated_block_that_qiskit_does_not_invert(modifiers: list[object]) -> None:
    """A gate with a matrix only, one that Qiskit cannot rebuild, and one that is no `Gate`."""
    check(circuit_of(AnnotatedOperation(MatrixOnly(), modifiers)))
    check(circuit_of(AnnotatedOperation(GraphStateGate([[0, 1], [1, 0]]), modifiers)))
    check(circuit_of(AnnotatedOperation(Isometry([[0.6], [0.8]], 0, 0), modifiers)))


def test_annotated_weighted_sum() -> None:
    """Qiskit has no matrix of it; what it adds, its inverse takes away again."""
    gate = WeightedSumGate(2, [1, 2])
    undone = circuit_of(AnnotatedOperation(gate, [PowerModifier(2), InverseModifier()]))
    undone.append(gate, range(4))
    undone.append(gate, range(4))
    assert error(qjax.unitary(undone), np.eye(16)) < 1e-12
    controlled = AnnotatedOperation(gate, ControlModifier(1, 0))
    expected = controlled_matrix(np.asarray(qjax.unitary(circuit_of(gate))), 1, 0)
    assert error(qjax.unitary(circuit_of(controlled)), expected) < 1e-12


@pytest.mark.parametrize("state", range(4))
def test_control_state_of_a_standard_gate(state: int) -> None:
    circuit = QuantumCircuit(3)
    circuit.append(standard_gates()["ccx"](ctrl_state=state), [2, 0, 1])
    circuit.append(CXGate(ctrl_state=state % 2), [1, 2])
    circuit.append(standard_gates()["cu"](0.1, 0.2, 0.3, 0.4, ctrl_state=state % 2), [2, 0])
    check(circuit)


def test_clifford_and_operator() -> None:
    circuit = QuantumCircuit(3)
    circuit.append(random_clifford(2, seed=3), [2, 0])
    circuit.append(random_clifford(2, seed=4).to_instruction(), [1, 2])
    circuit.unitary(Operator(random_unitary(4, seed=3)), [0, 2])
    check(circuit)
    assert isinstance(circuit.data[0].operation, Clifford)


# ---------------------------------------------------------------- modified circuits


@pytest.mark.parametrize("name", MODIFIED)
def test_modified_circuit(name: str) -> None:
    check(MODIFIED[name]())


def test_circuit_of_no_qubits_is_a_phase() -> None:
    circuit = QuantumCircuit(global_phase=0.7)
    assert error(qjax.statevector(circuit), [np.exp(0.7j)]) < 1e-12


# ---------------------------------------------------------------- gates of one's own


class Definition(Gate):
    """A gate that has a name which is taken, and another meaning."""

    def __init__(self, name: str, angle: float) -> None:
        super().__init__(name, 1, [angle])

    def _define(self) -> None:
        self.definition = QuantumCircuit(1, global_phase=0.1)
        self.definition.rx(2 * self.params[0], 0)


class MatrixOnly(Gate):
    """A gate without a definition."""

    def __init__(self) -> None:
        super().__init__("matrix_only", 2, [])

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return np.asarray(random_unitary(4, seed=9).data, dtype=dtype)


@pytest.mark.parametrize("name", ["mine", "rz", "ry", "p"])
def test_gate_of_ones_own_is_known_by_its_meaning(name: str) -> None:
    check(circuit_of(Definition(name, 0.4)))
    check(circuit_of(Definition(name, Parameter("angle"))))


def test_gate_that_has_a_matrix_only() -> None:
    circuit = QuantumCircuit(3)
    circuit.append(MatrixOnly(), [2, 0])
    circuit.append(MatrixOnly().control(1, ctrl_state=0, annotated=True), [1, 0, 2])
    check(circuit)


def test_evolution_for_a_time_that_is_a_parameter() -> None:
    gate = HamiltonianGate(np.diag([1, 0.2, -0.7, 3]), 2 * Parameter("time"))
    check(circuit_of(gate))
    check(circuit_of(gate.control(1, ctrl_state=0, annotated=True)))


def test_parameter_that_qiskit_hides_is_refused() -> None:
    """It is in the gate's definition and not in its `params`, so the circuit does not have it."""
    circuit = circuit_of(LinearPauliRotationsGate(2, Parameter("slope"), 0.1))
    with pytest.raises(qjax.UnsupportedInstructionError, match=r"LinPauliRot.*'slope'"):
        qjax.from_qiskit(circuit)


def test_label_is_no_meaning() -> None:
    circuit = QuantumCircuit(1)
    circuit.append(HGate(label="x"), [0])
    check(circuit)
