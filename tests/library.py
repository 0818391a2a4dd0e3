"""One instance or more of everything in Qiskit that a circuit can hold, and what each should be.

The classes and functions of the installed Qiskit are found by introspection; a test fails where
one of them has no row here. Nothing here imports the product.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import qiskit.circuit.library as lib
from qiskit import QuantumCircuit, qasm2
from qiskit.circuit import (
    AnnotatedOperation,
    ControlModifier,
    Delay,
    Duration,
    Gate,
    Instruction,
    InverseModifier,
    Operation,
    Parameter,
    PowerModifier,
)
from qiskit.circuit.classical import expr
from qiskit.converters import circuit_to_dag
from qiskit.quantum_info import (
    PTM,
    Chi,
    Choi,
    Kraus,
    Operator,
    Pauli,
    SparsePauliOp,
    Stinespring,
    SuperOp,
    random_clifford,
    random_cnotdihedral,
    random_hermitian,
    random_statevector,
    random_unitary,
)
from qiskit.synthesis.unitary.aqc import CNOTUnitCircuit
from qiskit.transpiler.passes.routing.commuting_2q_gate_routing.commuting_2q_block import (
    Commuting2qBlock,
)

from tests.circuits import circuit_of

HEISENBERG = SparsePauliOp(["XX", "YY", "ZZ"], [0.1, 0.2, 0.3])  # its terms commute
ISING = SparsePauliOp(["ZZI", "IZZ", "ZIZ"], [0.3, -0.7, 0.2])
EDGES = [[0, 1, 1], [1, 0, 0], [1, 0, 0]]
MIXED = SparsePauliOp(["XI", "ZZ", "IX"], [0.3, 0.5, 0.7])  # its terms do not commute
T = Parameter("t")
ANGLES = [0.3, -1.1, 0.7, 2.0]

ORACLE = QuantumCircuit(2)
ORACLE.cz(0, 1)
LAYER = lib.real_amplitudes(2, reps=1)
PHASE = QuantumCircuit(1)
PHASE.p(0.7, 0)
CONTROLLED = QuantumCircuit(1, global_phase=T)
CONTROLLED.rx(2 * T, 0)


def unitary(num_qubits: int, seed: int = 1) -> np.ndarray:
    return random_unitary(2**num_qubits, seed=seed).data


def amplitudes(num_qubits: int) -> np.ndarray:
    return random_statevector(2**num_qubits, seed=3).data


def defined_in_qasm(definition: str, name: str) -> Instruction:
    """A gate that only a program in OpenQASM 2 defines."""
    program = f'OPENQASM 2.0; include "qelib1.inc"; {definition} qreg q[2]; {name}(0.3) q[1], q[0];'
    return qasm2.loads(program).data[0].operation


def initialized(state: object, num_qubits: int | None = None) -> QuantumCircuit:
    """A preparation of some qubits beside one that has been used."""
    gate = state if isinstance(state, Gate | Instruction) else lib.Initialize(state, num_qubits)
    circuit = QuantumCircuit(gate.num_qubits + 1)
    circuit.h(gate.num_qubits)
    circuit.append(gate, range(gate.num_qubits))
    return circuit


def separated(pause: Instruction, num_qubits: int = 2) -> QuantumCircuit:
    circuit = QuantumCircuit(num_qubits)
    circuit.h(0)
    circuit.append(pause, range(num_qubits))
    circuit.ry(0.3, 0)
    return circuit


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
    "HamiltonianGate/parameter": lambda: lib.HamiltonianGate(random_hermitian(4, seed=1).data, T),
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
    "PauliEvolutionGate/terms that do not commute": lambda: lib.PauliEvolutionGate(MIXED, 0.7),
    "PauliEvolutionGate/terms that do not commute, parameter": lambda: lib.PauliEvolutionGate(
        MIXED, T
    ),
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
    "WeightedSumGate": lambda: lib.WeightedSumGate(2, [3, 2]),
    # what stands outside of `qiskit.circuit.library`
    "AnnotatedOperation": lambda: AnnotatedOperation(
        lib.RYGate(0.3), [PowerModifier(2), ControlModifier(1, 0), InverseModifier()]
    ),
    "AnnotatedOperation/integer power with a parameter": lambda: AnnotatedOperation(
        lib.CRXGate(T), [PowerModifier(-2), ControlModifier(1, 0)]
    ),
    "AnnotatedOperation/of a block": lambda: AnnotatedOperation(
        lib.Isometry(unitary(2)[:, :2], 0, 0), [PowerModifier(2), InverseModifier()]
    ),
    "AnnotatedOperation/of a Clifford": lambda: AnnotatedOperation(
        random_clifford(2, seed=1), [InverseModifier(), ControlModifier(2, 1)]
    ),
    "CNOTDihedral": lambda: random_cnotdihedral(2, seed=1).to_instruction(),
    "Chi": lambda: Chi(Operator(unitary(1))).to_instruction(),
    "Choi": lambda: Choi(Operator(unitary(1))).to_instruction(),
    "Clifford": lambda: random_clifford(3, seed=1),
    "Clifford/instruction": lambda: random_clifford(3, seed=1).to_instruction(),
    "ControlledGate": lambda: lib.RYGate(T).control(3, ctrl_state=5, annotated=False),
    "ControlledGate/of a circuit": lambda: CONTROLLED.to_gate().control(
        2, ctrl_state=2, annotated=False
    ),
    "Delay": lambda: Delay(100, "ns"),
    "Gate/with a definition": LAYER.to_gate,
    "Instruction/with a definition": LAYER.to_instruction,
    "Kraus": lambda: Kraus(unitary(1)).to_instruction(),
    "Operator": lambda: Operator(unitary(2)).to_instruction(),
    "PTM": lambda: PTM(Operator(unitary(1))).to_instruction(),
    "Pauli": lambda: Pauli("-iXYZ").to_instruction(),
    "Stinespring": lambda: Stinespring(unitary(1)).to_instruction(),
    "SuperOp": lambda: SuperOp(Operator(unitary(1))).to_instruction(),
    "_DefinedGate": lambda: defined_in_qasm("gate mine(a) x, y { rz(a / 2) x; cx x, y; }", "mine"),
    "_U0Gate": lambda: qasm2.parse._U0Gate(2),
}
"""Instructions beside the standard gates, by class name and variant: each has a matrix."""

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
    "random_bitwise_xor": lambda: circuit_of(lib.random_bitwise_xor(3, seed=1)),
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
    "HRSCumulativeMultiplier": lambda: lib.HRSCumulativeMultiplier(1),
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
    "PiecewiseChebyshev": lambda: lib.PiecewiseChebyshev(lambda x: x**2, 2, [0, 2], 2),
    "PiecewisePolynomialPauliRotations": lambda: lib.PiecewisePolynomialPauliRotations(
        2, [0, 2], [[0.5, 0.2], [0, 0.1]]
    ),
    "PiecewiseLinearPauliRotations": lambda: lib.PiecewiseLinearPauliRotations(
        2, [0, 2], [0.5, 0.2], [0, 0.1]
    ),
    "PolynomialPauliRotations": lambda: lib.PolynomialPauliRotations(2, [0.5, 0.2, 0.1]),
    "QAOAAnsatz": lambda: lib.QAOAAnsatz(ISING, reps=1),
    "QFT": lambda: lib.QFT(3, inverse=True),
    "QuadraticForm": lambda: lib.QuadraticForm(2, [[1, 0], [1, -1]], [1, 1], -1),
    "RGQFTMultiplier": lambda: lib.RGQFTMultiplier(1),
    "QuantumVolume": lambda: lib.QuantumVolume(3, 1, seed=1),
    "RealAmplitudes": lambda: lib.RealAmplitudes(3, reps=1),
    "TwoLocal": lambda: lib.TwoLocal(2, ["ry", "rz"], "cz", reps=1),
    "UnitaryOverlap": lambda: lib.UnitaryOverlap(LAYER, LAYER),
    "VBERippleCarryAdder": lambda: lib.VBERippleCarryAdder(1),
    "WeightedAdder": lambda: lib.WeightedAdder(2, [1, 1]),
    "XOR": lambda: lib.XOR(3, 5),
    "ZFeatureMap": lambda: lib.ZFeatureMap(2, reps=1),
    "ZZFeatureMap": lambda: lib.ZZFeatureMap(2, reps=1),
    "CNOTUnitCircuit": lambda: CNOTUnitCircuit(2, np.array([[0], [1]])),
    "Barrier": lambda: separated(lib.Barrier(2)),
    "Delay/of a classical expression": lambda: separated(
        Delay(expr.mul(Duration.dt(100), 2), "expr"), 1
    ),
}
"""Circuits built by functions and by classes, by name and variant: each has a state."""

PREPARATIONS: dict[str, Callable[[], QuantumCircuit]] = {
    "Initialize": lambda: initialized(amplitudes(2)),
    "Initialize/integer": lambda: initialized(5, 3),
    "Initialize/label": lambda: initialized("+r1"),
    "Initialize/normalize": lambda: initialized(lib.Initialize([3, 4j], normalize=True)),
}
"""What sets the state of qubits that nothing has touched before, by class name and variant."""


# ---------------------------------------------------------------- what may be refused

FLIP = Kraus([np.sqrt(0.9) * np.eye(2), np.sqrt(0.1) * np.array([[0, 1], [1, 0]])])


def stretched() -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    wait = circuit.add_stretch("wait")
    with circuit.if_test(expr.less(wait, Duration.dt(100))):
        circuit.x(0)
    return circuit


def commuting_block() -> Gate:
    circuit = QuantumCircuit(2)
    circuit.rzz(0.3, 0, 1)
    return Commuting2qBlock(circuit_to_dag(circuit).op_nodes())


MAYBE: dict[str, Callable[[], QuantumCircuit | Operation]] = {
    "AnnotatedOperation/root with a parameter": lambda: AnnotatedOperation(
        lib.CRXGate(T), [PowerModifier(0.5)]
    ),
    "AnnotatedOperation/control of a reset": lambda: AnnotatedOperation(
        lib.Initialize([0, 1]), [ControlModifier(1)]
    ),
    "Chi/not unitary": lambda: Chi(FLIP).to_instruction(),
    "Choi/not unitary": lambda: Choi(FLIP).to_instruction(),
    "Commuting2qBlock": commuting_block,
    "ExactReciprocalGate/parameter": lambda: lib.ExactReciprocalGate(2, T),
    "Gate/without a definition": lambda: Gate("mystery", 1, []),
    "IfElseOp/duration": stretched,
    "Instruction/without a definition": lambda: Instruction("mystery", 1, 0, []),
    "Kraus/not unitary": FLIP.to_instruction,
    "LinearPauliRotationsGate/parameter": lambda: lib.LinearPauliRotationsGate(2, T, 0.1),
    "PTM/not unitary": lambda: PTM(FLIP).to_instruction(),
    "Stinespring/not unitary": lambda: Stinespring(FLIP).to_instruction(),
    "SuperOp/not unitary": lambda: SuperOp(FLIP).to_instruction(),
}
"""What is exact or refused, by class name and variant."""

NEVER: dict[str, str] = {
    "Adder": "base class of circuits",
    "ApproximateCircuit": "base class of circuits",
    "BlueprintCircuit": "base class of circuits",
    "BreakLoopPlaceholder": "stands in a scope that is being built",
    "ContinueLoopPlaceholder": "stands in a scope that is being built",
    "ControlFlowOp": "base class",
    "FunctionalPauliRotations": "base class of circuits",
    "IfElsePlaceholder": "stands in a scope that is being built",
    "InstructionPlaceholder": "base class",
    "Multiplier": "base class of circuits",
    "SingletonControlledGate": "base class",
    "SingletonGate": "base class",
    "SingletonInstruction": "base class",
    "SwitchCasePlaceholder": "stands in a scope that is being built",
    "get_standard_gate_name_mapping": "returns a table of gates",
}
"""What no finished circuit holds, and why."""
