"""Floor 3. Qiskit's gates -> what they are made of: controls and a base, a definition, a matrix."""

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import ControlledGate, Instruction, Operation
from qiskit.circuit import Gate as QiskitGate
from qiskit.circuit import library as lib
from qiskit.circuit.exceptions import CircuitError
from qiskit.quantum_info import Operator, SparsePauliOp

from qjax._qiskit.gate_names import GATE_NAMES
from qjax._qiskit.site import unsupported
from qjax._qiskit.weighted_sum import weighted_sum


def is_plain_control(operation: Instruction) -> bool:
    """Whether it is controls and a base gate, nothing else."""
    if not isinstance(operation, ControlledGate):
        return False
    base = operation.base_gate
    # Qiskit assigns parameters to the definition of a controlled composite, not to its base.
    is_simple = base.base_class in GATE_NAMES or isinstance(base, lib.UnitaryGate)
    # What Qiskit makes by controlling a CUGate names UGate as its base and drops the phase.
    may_lack_phase = operation.base_class is ControlledGate and base.base_class is lib.UGate
    # Some multi-controlled gates have ancillas too.
    has_ancillas = operation.num_qubits != operation.num_ctrl_qubits + base.num_qubits
    return is_simple and not may_lack_phase and not has_ancillas


def with_symbolic_time(operation: Operation) -> Operation:
    """The operation; one of a matrix with a symbolic time as the evolution by Pauli strings.

    A HamiltonianGate has no matrix of its own while its time is a parameter.
    """
    if not (isinstance(operation, lib.HamiltonianGate) and operation.is_parameterized()):
        return operation
    matrix, time = operation.params
    return lib.PauliEvolutionGate(SparsePauliOp.from_operator(Operator(matrix)), time)


def definition_of(operation: Instruction, where: str) -> QuantumCircuit | None:
    """The circuit that Qiskit defines it by; None where it has no definition."""
    try:
        if isinstance(operation, lib.WeightedSumGate):
            return weighted_sum(operation)
        return operation.definition
    except (CircuitError, TypeError, ValueError) as error:
        raise unsupported(where, f"Qiskit has no definition for it ({error})") from error


def matrix_of(operation: QiskitGate, where: str) -> np.ndarray:
    """Its matrix, complex, of shape `(2**k, 2**k)`, the first of its k qubits least significant."""
    try:
        return operation.to_matrix()
    except (CircuitError, TypeError) as error:
        why = f"it has neither definition nor matrix; give it a definition ({error})"
        raise unsupported(where, why) from error
