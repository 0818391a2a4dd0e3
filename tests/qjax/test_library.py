"""Every gate and circuit of `qiskit.circuit.library` against Qiskit's own matrix or state."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import qiskit.circuit.library as lib
from qiskit import QuantumCircuit
from qiskit.circuit import Gate, Instruction, Parameter, ParameterVector
from qiskit.quantum_info import (
    Pauli,
    SparsePauliOp,
    random_hermitian,
    random_statevector,
    random_unitary,
)

import qjax
from qjax._gates import GATES
from qjax._qiskit._import import GATE_NAMES
from tests.circuits import (
    circuit_of,
    dressed,
    error,
    matrix_of,
    num_angles,
    random_angles,
    random_values,
    standard_gates,
    state_of,
)
from tests.conftest import Precision

HEISENBERG = SparsePauliOp(["XX", "YY", "ZZ"], [0.1, 0.2, 0.3])  # its terms commute
ISING = SparsePauliOp(["ZZI", "IZZ", "ZIZ"], [0.3, -0.7, 0.2])
EDGES = [[0, 1, 1], [1, 0, 0], [1, 0, 0]]
T = Parameter("t")


def unitary(num_qubits: int, seed: int = 1) -> np.ndarray:
    return random_unitary(2**num_qubits, seed=seed).data


def amplitudes(num_qubits: int) -> np.ndarray:
    return random_statevector(2**num_qubits, seed=3).data


INSTRUCTIONS: dict[str, Callable[[], Instruction]] = {
    "AndGate": lambda: lib.AndGate(3, [1, -1, 0]),
    "BitFlipOracleGate": lambda: lib.BitFlipOracleGate("(a & b) | ~c"),
    "BitwiseXorGate": lambda: lib.BitwiseXorGate(3, 5),
    "C3XGate": lambda: lib.C3XGate(ctrl_state=5),
    "C4XGate": lambda: lib.C4XGate(ctrl_state=9),
    "DiagonalGate": lambda: lib.DiagonalGate(np.exp(1j * np.arange(8)).tolist()),
    "ExactReciprocalGate": lambda: lib.ExactReciprocalGate(2, 0.3, neg_vals=True),
    "FullAdderGate": lambda: lib.FullAdderGate(2),
    "GraphStateGate": lambda: lib.GraphStateGate(EDGES),
    "HalfAdderGate": lambda: lib.HalfAdderGate(2),
    "HamiltonianGate": lambda: lib.HamiltonianGate(random_hermitian(4, seed=1).data, 0.7),
    "InnerProductGate": lambda: lib.InnerProductGate(2),
    "IntegerComparatorGate": lambda: lib.IntegerComparatorGate(3, 3),
    "Isometry": lambda: lib.Isometry(unitary(3)[:, :2], 0, 0),
    "Isometry/ancillas": lambda: lib.Isometry(unitary(2)[:, :2], 1, 1),
    "Isometry/square": lambda: lib.Isometry(unitary(2), 0, 0),
    "LinearAmplitudeFunctionGate": lambda: lib.LinearAmplitudeFunctionGate(
        2, [1, 0.5], [0, 0.2], (0, 1), (0, 2), breakpoints=[0, 0.5]
    ),
    "LinearFunction": lambda: lib.LinearFunction([[1, 1, 0], [0, 1, 0], [1, 0, 1]]),
    "LinearPauliRotationsGate": lambda: lib.LinearPauliRotationsGate(3, 0.4, 0.1, "X"),
    "MCGupDiag": lambda: lib.MCGupDiag(unitary(1), 2, 0, 0),
    "MCMTGate": lambda: lib.MCMTGate(lib.ZGate(), 2, 2),
    "MCMTGate/open": lambda: lib.MCMTGate(lib.RYGate(0.3), 2, 2, ctrl_state=1),
    "MCPhaseGate": lambda: lib.MCPhaseGate(0.3, 3, ctrl_state=2),
    "MCPhaseGate/parameter": lambda: lib.MCPhaseGate(T, 3, ctrl_state=2),
    "MCU1Gate": lambda: lib.MCU1Gate(0.3, 3),
    "MCXGate": lambda: lib.MCXGate(4, ctrl_state=5),
    "MCXGate/five": lambda: lib.MCXGate(5, ctrl_state=11),
    "MCXGrayCode": lambda: lib.MCXGrayCode(3),
    "MCXRecursive": lambda: lib.MCXRecursive(5),
    "MCXVChain": lambda: lib.MCXVChain(3),
    "MCXVChain/dirty": lambda: lib.MCXVChain(4, dirty_ancillas=True),
    "MCXVChain/relative": lambda: lib.MCXVChain(
        4, dirty_ancillas=True, relative_phase=True, action_only=True
    ),
    "MSGate": lambda: lib.MSGate(3, 0.7),
    "MSGate/parameter": lambda: lib.MSGate(3, T),
    "ModularAdderGate": lambda: lib.ModularAdderGate(2),
    "MultiplierGate": lambda: lib.MultiplierGate(1),
    "OrGate": lambda: lib.OrGate(3, [1, -1, 0]),
    "PauliEvolutionGate": lambda: lib.PauliEvolutionGate(HEISENBERG, time=0.7),
    "PauliEvolutionGate/list": lambda: lib.PauliEvolutionGate([Pauli("XX"), Pauli("ZZ")], 0.7),
    "PauliEvolutionGate/list and parameter": lambda: lib.PauliEvolutionGate(
        [Pauli("XX"), Pauli("ZZ")], T
    ),
    "PauliEvolutionGate/parameter": lambda: lib.PauliEvolutionGate(HEISENBERG, time=2 * T),
    "PauliGate": lambda: lib.PauliGate("XYZI"),
    "PauliProductRotationGate": lambda: lib.PauliProductRotationGate(Pauli("-XIZ"), 0.7),
    "PauliProductRotationGate/parameter": lambda: lib.PauliProductRotationGate(Pauli("XYZ"), T),
    "PermutationGate": lambda: lib.PermutationGate([2, 0, 3, 1]),
    "PhaseOracleGate": lambda: lib.PhaseOracleGate("(a & b) | ~c"),
    "PiecewiseChebyshevGate": lambda: lib.PiecewiseChebyshevGate(
        lambda x: x**2, 2, degree=2, breakpoints=[0, 2]
    ),
    "PiecewiseLinearPauliRotationsGate": lambda: lib.PiecewiseLinearPauliRotationsGate(
        2, [0, 2], [0.5, 0.2], [0, 0.1]
    ),
    "PiecewisePolynomialPauliRotationsGate": lambda: lib.PiecewisePolynomialPauliRotationsGate(
        2, [0, 2], [[0.5, 0.2], [0, 0.1]]
    ),
    "PolynomialPauliRotationsGate": lambda: lib.PolynomialPauliRotationsGate(2, [0.5, 0.2, 0.1]),
    "QFTGate": lambda: lib.QFTGate(3),
    "QuadraticFormGate": lambda: lib.QuadraticFormGate(2, [[1, 0], [1, -1]], [1, 1], -1),
    "RVGate": lambda: lib.RVGate(0.1, 0.2, 0.3),
    "StatePreparation": lambda: lib.StatePreparation(amplitudes(3)),
    "StatePreparation/integer": lambda: lib.StatePreparation(5, num_qubits=3),
    "StatePreparation/inverse": lambda: lib.StatePreparation(amplitudes(2), inverse=True),
    "StatePreparation/label": lambda: lib.StatePreparation("01+-rl"),
    "UCGate": lambda: lib.UCGate([unitary(1, seed) for seed in range(4)]),
    "UCGate/diagonal": lambda: lib.UCGate(
        [unitary(1, seed) for seed in range(4)], up_to_diagonal=True
    ),
    "UCPauliRotGate": lambda: lib.UCPauliRotGate([0.3, 0.8, -1.0, 2.0], "Y"),
    "UCRXGate": lambda: lib.UCRXGate([0.3, 0.8, -1.0, 2.0]),
    "UCRYGate": lambda: lib.UCRYGate([0.3, 0.8, -1.0, 2.0]),
    "UCRZGate": lambda: lib.UCRZGate([0.3, 0.8, -1.0, 2.0]),
    "UniformSuperpositionGate": lambda: lib.UniformSuperpositionGate(5, 3),
    "UnitaryGate": lambda: lib.UnitaryGate(unitary(3)),
}
"""Instructions beside the standard gates, by class name and variant."""

ELSEWHERE = {"Barrier", "Initialize", "Measure", "PauliProductMeasurement", "Reset"}
"""What is no gate; other tests say what becomes of these."""

UNDEFINED = {"WeightedSumGate"}
"""Gates with neither a matrix nor a definition in Qiskit: refused."""

ORACLE = QuantumCircuit(2)
ORACLE.cz(0, 1)
LAYER = lib.real_amplitudes(2, reps=1)
PHASE = QuantumCircuit(1)
PHASE.p(0.7, 0)

CIRCUITS: dict[str, Callable[[], QuantumCircuit]] = {
    "efficient_su2": lambda: lib.efficient_su2(3, reps=1, insert_barriers=True),
    "evolved_operator_ansatz": lambda: lib.evolved_operator_ansatz([ISING, SparsePauliOp("XYX")]),
    "excitation_preserving": lambda: lib.excitation_preserving(3, reps=1, mode="fsim"),
    "fourier_checking": lambda: lib.fourier_checking([1, -1, -1, -1], [1, 1, -1, -1]),
    "grover_operator": lambda: lib.grover_operator(ORACLE),
    "hamiltonian_variational_ansatz": lambda: lib.hamiltonian_variational_ansatz(ISING),
    "hidden_linear_function": lambda: lib.hidden_linear_function(EDGES),
    "iqp": lambda: lib.iqp([[6, 5, 3], [5, 4, 5], [3, 5, 1]]),
    "n_local": lambda: lib.n_local(3, ["rx", "h"], "cry", entanglement="circular", reps=1),
    "pauli_feature_map": lambda: lib.pauli_feature_map(2, reps=2, paulis=["Z", "Y", "ZX"]),
    "pauli_two_design": lambda: lib.pauli_two_design(3, reps=2, seed=5),
    "phase_estimation": lambda: lib.phase_estimation(2, PHASE),
    "qaoa_ansatz": lambda: lib.qaoa_ansatz(ISING, reps=2),
    "quantum_volume": lambda: lib.quantum_volume(3, 2, seed=1),
    "random_iqp": lambda: lib.random_iqp(3, seed=2),
    "real_amplitudes": lambda: lib.real_amplitudes(4, reps=2, entanglement="full"),
    "rzx_zz1": lambda: lib.rzx_zz1(T),
    "unitary_overlap": lambda: lib.unitary_overlap(LAYER, LAYER),
    "z_feature_map": lambda: lib.z_feature_map(3, reps=2, alpha=1.3),
    "zz_feature_map": lambda: lib.zz_feature_map(3, reps=2, entanglement="circular"),
    # the older classes, most of them deprecated, that existing programs hold
    "AND": lambda: lib.AND(2, [1, -1]),
    "CDKMRippleCarryAdder": lambda: lib.CDKMRippleCarryAdder(2),
    "Diagonal": lambda: lib.Diagonal(np.exp(1j * np.arange(4)).tolist()),
    "DraperQFTAdder": lambda: lib.DraperQFTAdder(2),
    "EfficientSU2": lambda: lib.EfficientSU2(2, reps=1),
    "EvolvedOperatorAnsatz": lambda: lib.EvolvedOperatorAnsatz([ISING, SparsePauliOp("XYX")]),
    "ExactReciprocal": lambda: lib.ExactReciprocal(2, 0.3),
    "ExcitationPreserving": lambda: lib.ExcitationPreserving(2, reps=1),
    "FourierChecking": lambda: lib.FourierChecking([1, -1, -1, -1], [1, 1, -1, -1]),
    "GMS": lambda: lib.GMS(2, [[0, 0.4], [0.4, 0]]),
    "GR": lambda: lib.GR(2, 0.3, 0.5),
    "GRX": lambda: lib.GRX(2, 0.3),
    "GRY": lambda: lib.GRY(2, 0.3),
    "GRZ": lambda: lib.GRZ(2, 0.3),
    "GraphState": lambda: lib.GraphState(EDGES),
    "GroverOperator": lambda: lib.GroverOperator(ORACLE),
    "HiddenLinearFunction": lambda: lib.HiddenLinearFunction(EDGES),
    "IQP": lambda: lib.IQP([[6, 5], [5, 4]]),
    "InnerProduct": lambda: lib.InnerProduct(2),
    "IntegerComparator": lambda: lib.IntegerComparator(2, 2),
    "LinearAmplitudeFunction": lambda: lib.LinearAmplitudeFunction(2, 0.5, 0.1, (0, 1), (0, 2)),
    "LinearPauliRotations": lambda: lib.LinearPauliRotations(2, 0.4, 0.1),
    "MCMT": lambda: lib.MCMT(lib.ZGate(), 2, 2),
    "MCMTVChain": lambda: lib.MCMTVChain(lib.ZGate(), 3, 1),
    "NLocal": lambda: lib.NLocal(2, lib.RYGate(T), lib.CXGate(), reps=1),
    "OR": lambda: lib.OR(2, [1, -1]),
    "PauliFeatureMap": lambda: lib.PauliFeatureMap(2, reps=1, paulis=["Z", "YX"]),
    "PauliTwoDesign": lambda: lib.PauliTwoDesign(2, reps=1, seed=5),
    "Permutation": lambda: lib.Permutation(3, [2, 0, 1]),
    "PhaseEstimation": lambda: lib.PhaseEstimation(2, PHASE),
    "PhaseOracle": lambda: lib.PhaseOracle("(a & b) | ~c"),
    "PiecewiseLinearPauliRotations": lambda: lib.PiecewiseLinearPauliRotations(
        2, [0, 2], [0.5, 0.2], [0, 0.1]
    ),
    "PolynomialPauliRotations": lambda: lib.PolynomialPauliRotations(2, [0.5, 0.2, 0.1]),
    "QAOAAnsatz": lambda: lib.QAOAAnsatz(ISING, reps=1),
    "QFT": lambda: lib.QFT(3, inverse=True),
    "QuadraticForm": lambda: lib.QuadraticForm(2, [[1, 0], [1, -1]], [1, 1], -1),
    "QuantumVolume": lambda: lib.QuantumVolume(3, 1, seed=1),
    "RealAmplitudes": lambda: lib.RealAmplitudes(3, reps=1),
    "TwoLocal": lambda: lib.TwoLocal(2, ["ry", "rz"], "cz", reps=1),
    "UnitaryOverlap": lambda: lib.UnitaryOverlap(LAYER, LAYER),
    "WeightedAdder": lambda: lib.WeightedAdder(2, [1, 1]),
    "XOR": lambda: lib.XOR(3, 5),
    "ZFeatureMap": lambda: lib.ZFeatureMap(2, reps=1),
    "ZZFeatureMap": lambda: lib.ZZFeatureMap(2, reps=1),
}
"""Circuits built by functions and by classes, by name and variant."""


def quietly(build: Callable[[], object]) -> object:
    """Qiskit deprecates some of what existing programs hold, and SciPy remarks on its sparsity."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return build()


def check_unitary(circuit: QuantumCircuit, precision: Precision) -> None:
    values = random_values(circuit).astype(precision.real)
    actual = qjax.unitary(circuit, values)
    assert actual.dtype == precision.complex
    assert error(actual, quietly(lambda: matrix_of(circuit, values))) < precision.tolerance


def check_state(circuit: QuantumCircuit, precision: Precision) -> None:
    values = random_values(circuit).astype(precision.real)
    actual = qjax.statevector(circuit, values)
    assert actual.dtype == precision.complex
    assert error(actual, quietly(lambda: state_of(circuit, values))) < precision.tolerance


def scattered(gate: Instruction) -> QuantumCircuit:
    """The gate on the qubits of a larger register, in falling order."""
    circuit = QuantumCircuit(gate.num_qubits + 1)
    circuit.append(gate, range(gate.num_qubits, 0, -1))
    return circuit


@pytest.mark.parametrize("name", standard_gates())
def test_standard_gate_with_numbers(name: str, precision: Precision) -> None:
    gate = standard_gates()[name](*random_angles(np.random.default_rng(1), num_angles(name)))
    check_unitary(scattered(gate), precision)


@pytest.mark.parametrize("name", [name for name in standard_gates() if num_angles(name)])
def test_standard_gate_with_parameters(name: str, precision: Precision) -> None:
    gate = standard_gates()[name](*ParameterVector("angle", num_angles(name)))
    check_state(dressed(scattered(gate)), precision)


@pytest.mark.parametrize("gate", [g for g, row in GATE_NAMES.items() if GATES[row].num_angles])
def test_period_of_a_gate_is_stated(gate: type[Gate]) -> None:
    """Single precision takes 4 pi off the angles of those gates that have that period in each."""
    kind = GATES[GATE_NAMES[gate]]
    angles = np.array(random_angles(np.random.default_rng(2), kind.num_angles))
    matrix = gate(*angles).to_matrix()
    deviations = [
        error(gate(*(angles + shift)).to_matrix(), matrix)
        for shift in 4 * math.pi * np.eye(kind.num_angles)
    ]
    assert kind.periodic == (max(deviations) < 1e-12)


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_instruction(name: str, precision: Precision) -> None:
    check_unitary(circuit_of(quietly(INSTRUCTIONS[name])), precision)


@pytest.mark.parametrize("name", CIRCUITS)
def test_library_circuit(name: str, precision: Precision) -> None:
    circuit = quietly(CIRCUITS[name])
    assert isinstance(circuit, QuantumCircuit)
    check_state(dressed(circuit), precision)


@pytest.mark.parametrize("name", sorted(UNDEFINED))
def test_gate_without_matrix_or_definition_is_refused(name: str) -> None:
    circuit = circuit_of(getattr(lib, name)(3))
    with pytest.raises(qjax.UnsupportedInstructionError, match="WeightedSum"):
        qjax.from_qiskit(circuit)


def test_no_instruction_of_the_library_is_forgotten() -> None:
    classes = {
        name
        for name, value in vars(lib).items()
        if inspect.isclass(value) and issubclass(value, Instruction)
    }
    tested = {name.split("/")[0] for name in INSTRUCTIONS}
    standard = {gate.__name__ for gate in standard_gates().values()}
    assert classes - tested - standard - ELSEWHERE - UNDEFINED == set()


@pytest.mark.parametrize("time", [0.7, T], ids=["number", "parameter"])
def test_evolution_under_terms_that_do_not_commute_is_exact(
    time: float | Parameter, x64: None
) -> None:
    """Qiskit's matrix is the exponential; the gate's definition is a Trotter approximation."""
    hamiltonian = SparsePauliOp(["XI", "ZZ", "IX"], [0.3, 0.5, 0.7])
    circuit = dressed(circuit_of(lib.PauliEvolutionGate(hamiltonian, time=time)))
    values = random_values(circuit)
    actual = qjax.statevector(circuit, values)
    assert error(actual, quietly(lambda: state_of(circuit, values))) < 1e-12


def test_initialize_as_first_instruction(precision: Precision) -> None:
    circuit = QuantumCircuit(4)
    circuit.h(3)
    circuit.initialize(amplitudes(2), [2, 0])
    circuit.initialize("r", 1)
    circuit.cx(0, 3)
    check_state(circuit, precision)


@pytest.mark.parametrize("state", ["+r1", 5], ids=["label", "integer"])
def test_initialize_from(state: str | int, x64: None) -> None:
    circuit = QuantumCircuit(3)
    circuit.initialize(state, range(3))
    assert error(qjax.statevector(circuit), state_of(circuit)) < 1e-12


def test_pi_is_kept_to_the_last_digit(x64: None) -> None:
    circuit = QuantumCircuit(1)
    for _ in range(64):
        circuit.rx(math.pi / 32, 0)
    assert error(qjax.statevector(circuit), [-1, 0]) < 1e-12
