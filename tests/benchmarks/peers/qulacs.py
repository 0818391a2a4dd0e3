"""qulacs: C++, backpropagation, sample by sample, in double precision (it has no other).

The gradient of a sum of squares is that of the observable sum_q 2 <Z_q> Z_q with the expectations
held fixed, and that of an energy is its Hamiltonian's: per sample, one forward pass and
`backprop_inner_product` with the observable applied to the state, which is faster than `backprop`
with an `Observable`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from qulacs import Observable, ParametricQuantumCircuit, QuantumState
from qulacs.state import inner_product

from tests.benchmarks.peers._angles import angle_table
from tests.benchmarks.peers._step import Step
from tests.benchmarks.workloads import Op, Workload

AXES = {"rx": 1, "rxx": 1, "ry": 2, "rz": 3, "p": 3, "rzz": 3}
"""P differs from RZ by a phase only."""
NAMES = {"cx": "CNOT", "cz": "CZ", "swap": "SWAP"}


def asarray(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float64)


def build(workload: Workload) -> Step:
    num_qubits, batch = workload.num_qubits, workload.batch
    circuit = ParametricQuantumCircuit(num_qubits)
    for op in workload.ops:
        _add(circuit, op)
    table = angle_table(workload)
    ket, bra = QuantumState(num_qubits), QuantumState(num_qubits)
    read_out = _energy(workload, ket, bra) if workload.hamiltonian else _squares(ket, bra)

    def sample(weights: np.ndarray, inputs: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        for index, angle in enumerate(table.angles(weights, inputs).tolist()):
            circuit.set_parameter(index, -angle)  # exp(+i angle P / 2) there
        ket.set_zero_state()
        circuit.update_quantum_state(ket)
        value = read_out()
        gradient = -2 * np.array(circuit.backprop_inner_product(bra))
        return value, *table.pull_back(gradient, weights, inputs)

    def step(weights: np.ndarray, inputs: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        losses, of_weights, of_inputs = zip(*(sample(weights, row) for row in inputs), strict=True)
        scale = 1 / batch
        return (
            np.asarray(scale * sum(losses)),
            scale * np.sum(of_weights, axis=0),
            scale * np.array(of_inputs),
        )

    return step


def _add(circuit: ParametricQuantumCircuit, op: Op) -> None:
    if op.angle is None:
        getattr(circuit, f"add_{NAMES.get(op.gate, op.gate.upper())}_gate")(*op.qubits)
    elif len(op.qubits) == 2:
        axes = [AXES[op.gate]] * 2
        circuit.add_parametric_multi_Pauli_rotation_gate(list(op.qubits), axes, 0.0)
    else:
        axis = "XYZ"[AXES[op.gate] - 1]
        getattr(circuit, f"add_parametric_R{axis}_gate")(*op.qubits, 0.0)


def _squares(ket: QuantumState, bra: QuantumState) -> Callable[[], float]:
    """The mean of <Z_q>^2, with its observable applied to the ket as the bra."""
    num_qubits = ket.get_qubit_count()

    def read_out() -> float:
        state = ket.get_vector()
        expectations = _z_expectations(state, num_qubits)
        bra.load(state * _diagonal(2 / num_qubits * expectations))
        return np.mean(expectations**2)

    return read_out


def _energy(workload: Workload, ket: QuantumState, bra: QuantumState) -> Callable[[], float]:
    """The energy, with the Hamiltonian applied to the ket as the bra."""
    hamiltonian = Observable(workload.num_qubits)
    for term in workload.hamiltonian:
        string = " ".join(f"{term.pauli} {qubit}" for qubit in term.qubits)
        hamiltonian.add_operator(term.coefficient, string)
    work = QuantumState(workload.num_qubits)

    def read_out() -> float:
        hamiltonian.apply_to_state(work, ket, bra)
        return inner_product(ket, bra).real

    return read_out


def _z_expectations(state: np.ndarray, num_qubits: int) -> np.ndarray:
    probabilities = state.real**2 + state.imag**2
    marginals = [
        probabilities.reshape(-1, 2, 2**qubit).sum(axis=(0, 2)) for qubit in range(num_qubits)
    ]
    return np.array([zero - one for zero, one in marginals])


def _diagonal(coefficients: np.ndarray) -> np.ndarray:
    """The diagonal of sum_q c_q Z_q."""
    diagonal = np.zeros(1)
    for coefficient in coefficients:
        diagonal = np.concatenate([diagonal + coefficient, diagonal - coefficient])
    return diagonal
