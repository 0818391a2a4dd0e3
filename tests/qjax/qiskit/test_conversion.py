"""What users do to circuits beforehand: controls, powers, nesting; and the way back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from qiskit import AncillaRegister, ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import (
    AnnotatedOperation,
    ControlModifier,
    Gate,
    InverseModifier,
    Parameter,
    ParameterVector,
    PowerModifier,
    Qubit,
)
from qiskit.circuit.library import (
    CCXGate,
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
    XGate,
    XXPlusYYGate,
    real_amplitudes,
)
from qiskit.quantum_info import Clifford, Operator, random_clifford, random_unitary

import qjax
from tests.circuits import (
    NAMED,
    circuit_of,
    controlled_matrix,
    dressed,
    error,
    matrix_of,
    num_angles,
    random_angles,
    random_circuit,
    random_values,
    standard_gates,
    state_of,
)

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


def small() -> QuantumCircuit:
    """Parameters, an open control and a global phase, which a control turns into a real one."""
    a, b = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(2, global_phase=a + 0.3)
    circuit.ry(a * b, 0)
    circuit.cp(b, 0, 1)
    circuit.append(XGate().control(1, ctrl_state=0), [1, 0])
    circuit.rx(a - b, 1)
    return circuit


def composed() -> QuantumCircuit:
    outer = QuantumCircuit(3)
    outer.h(range(3))
    outer.compose(small(), [2, 0], inplace=True)
    outer.compose(real_amplitudes(3, reps=1), front=True, inplace=True)
    return outer


def nested() -> QuantumCircuit:
    """Three levels of definitions, with parameters renamed on the way."""
    inner = small().to_gate(label="inner")
    middle = QuantumCircuit(3, global_phase=0.2)
    middle.append(inner, [2, 0])
    middle.append(inner.control(1, ctrl_state=0, annotated=False), [1, 2, 0])
    outer = QuantumCircuit(4)
    outer.append(middle.to_instruction(), [3, 1, 0])
    outer.append(inner.inverse(), [1, 2])
    return outer.assign_parameters({outer.get_parameter("a"): Parameter("z") ** 2 + 0.1})


def exchanged() -> QuantumCircuit:
    """Two parameters change places after a control was put on what holds them."""
    circuit = QuantumCircuit(3)
    circuit.append(small().to_gate().control(1, annotated=False), [2, 0, 1])
    a, b = circuit.parameters
    spare = Parameter("spare")
    for old, new in ((a, spare), (b, a), (spare, b)):
        circuit = circuit.assign_parameters({old: new})
    return circuit


def to_gate_with_map() -> QuantumCircuit:
    circuit = small()
    a, b = circuit.parameters
    x = ParameterVector("x", 2)
    outer = QuantumCircuit(2)
    outer.append(circuit.to_gate({a: x[0].sin(), b: x[1]}), [0, 1])
    outer.append(circuit.to_gate({a: x[1], b: 0.7}), [1, 0])
    return outer


def registers() -> QuantumCircuit:
    qubits = [Qubit(), *QuantumRegister(2, "q"), *AncillaRegister(1, "ancilla")]
    circuit = QuantumCircuit(qubits[:1], QuantumRegister(2, "q"), AncillaRegister(1, "ancilla"))
    circuit.h(0)
    circuit.cry(0.3, circuit.qregs[0][1], circuit.ancillas[0])
    circuit.cx(circuit.qregs[1], circuit.qubits[0])
    return circuit


def pauses() -> QuantumCircuit:
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.barrier()
    circuit.delay(100, 0)
    circuit.delay(1.5, 1, unit="us")
    circuit.barrier(0, 2)
    circuit.cx(0, 2)
    circuit.id(1)
    return circuit


def all_broadcast() -> QuantumCircuit:
    circuit = QuantumCircuit(4)
    circuit.h(range(4))
    circuit.cx([0, 1], [2, 3])
    circuit.cz(0, [1, 2])
    circuit.rz(0.3, [0, 3])
    return circuit


def partly_bound() -> QuantumCircuit:
    circuit = real_amplitudes(2, reps=1)
    first, *_, last = circuit.parameters
    return circuit.assign_parameters({first: 0.4, last: 2 * Parameter("rest") ** 2})


MODIFIED: dict[str, Callable[[], QuantumCircuit]] = {
    "small": small,
    "composed": composed,
    "nested": nested,
    "exchanged": exchanged,
    "bound after control": lambda: exchanged().assign_parameters([0.4, -0.9]),
    "to_gate with map": to_gate_with_map,
    "registers": registers,
    "pauses": pauses,
    "broadcast": all_broadcast,
    "partly bound": partly_bound,
    "control": lambda: small().control(2, ctrl_state=1, annotated=False),
    "control of gate": lambda: circuit_of(
        small().to_gate().control(2, ctrl_state=2, annotated=False)
    ),
    "annotated control": lambda: small().control(1, ctrl_state=0, annotated=True),
    "inverse": lambda: small().inverse(),
    "annotated inverse": lambda: circuit_of(small().to_gate().inverse(annotated=True)),
    "inverse of control": lambda: small().control(1, annotated=False).inverse(),
    "repeat": lambda: small().repeat(3),
    "repeat of gate": lambda: circuit_of(small().to_gate().repeat(2)),
    "power": lambda: small().power(3),
    "negative power": lambda: random_circuit(8, 2, 6).power(-2),
    "power of numbers": lambda: random_circuit(5, 2, 6).power(0.5),
    "matrix power": lambda: random_circuit(6, 2, 6).power(3, matrix_power=True),
    "reverse_bits": lambda: small().reverse_bits(),
    "reverse_ops": lambda: small().reverse_ops(),
    "tensor": lambda: small().tensor(random_circuit(7, 2, 6)),
    "decompose": lambda: nested().decompose(reps=2),
    "empty": lambda: QuantumCircuit(2),
    "phase only": lambda: QuantumCircuit(1, global_phase=Parameter("phase") * 2),
}


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


# ---------------------------------------------------------------- the way back


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
