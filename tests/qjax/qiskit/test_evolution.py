"""exp(-i t H), exact and differentiable in t: against the exponential of the matrix of H."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import AnnotatedOperation, ControlModifier, Parameter
from qiskit.circuit.library import PauliEvolutionGate
from qiskit.quantum_info import Operator, Pauli, SparseObservable, SparsePauliOp
from scipy.linalg import expm

import qjax
from tests.circuits import (
    DOUBLE_TOLERANCE,
    circuit_of,
    controlled_matrix,
    dressed,
    error,
    finite_gradient,
    state_of,
)

T, S = Parameter("t"), Parameter("s")
ISING = SparsePauliOp(["XI", "ZZ", "IX"], [0.3, 0.5, 0.7])


def chain(num_qubits: int, *pairs: str, field: float = 0.0) -> SparsePauliOp:
    terms = [(pair, [k, k + 1], 1.0) for k in range(num_qubits - 1) for pair in pairs]
    terms += [("X", [k], field + 0.1 * k) for k in range(num_qubits) if field]
    return SparsePauliOp.from_sparse_list(terms, num_qubits)


HAMILTONIANS = {
    "Ising": chain(3, "ZZ", field=0.7),
    "degenerate": chain(3, "XX", "YY", "ZZ"),
    "degenerate, complex": SparsePauliOp(["XYZ", "YZX", "ZXY", "XII"], [0.5, -0.5, 0.25, 0.5]),
    "one qubit of three": SparsePauliOp(["IXI", "IZI"], [0.6, 0.8]),
    "groups and rotations": SparsePauliOp(
        ["IIIX", "IIIZ", "XIYI", "ZIII", "IZII", "IIII"], [0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    ),
    "same term twice": SparsePauliOp(["XI", "ZZ", "XI"], [0.3, 0.5, -0.1]),
    "commuting": SparsePauliOp(["XX", "ZZ", "YY"], [0.3, 0.5, 0.2]),
    "identity": SparsePauliOp(["II"], [0.4]),
    "list": [SparsePauliOp(["XX", "YY"], [1, 0.5]), Pauli("ZI")],
    "observable": SparseObservable.from_list([("X0+", 0.3), ("ZlI", 0.4), ("YIr", 0.2)]),
    "observable with controls": SparseObservable.from_list([("1X0", 0.3), ("1Z0", 0.4)]),
    "list of observables": [
        SparseObservable.from_list([("X1", 0.3)]),
        SparsePauliOp(["ZI"], [0.6]),
    ],
}


def matrix_of(hamiltonian: object) -> np.ndarray:
    if isinstance(hamiltonian, list):
        return sum(matrix_of(part) for part in hamiltonian)
    if isinstance(hamiltonian, SparseObservable):
        hamiltonian = SparsePauliOp.from_sparse_observable(hamiltonian)
    return Operator(hamiltonian).data


@pytest.mark.parametrize("name", HAMILTONIANS)
def test_unitary_and_its_derivative(name: str, x64: None) -> None:
    """The derivative in time is -i H exp(-i t H)."""
    hamiltonian = HAMILTONIANS[name]
    circuit = qjax.from_qiskit(circuit_of(PauliEvolutionGate(hamiltonian, T)))
    matrix = matrix_of(hamiltonian)
    for time in (0.7, -40.0):
        expected = expm(-1j * time * matrix)
        value, slope = jax.jvp(
            lambda t: qjax.unitary(circuit, t), (np.array([time]),), (np.ones(1),)
        )
        assert error(value, expected) < DOUBLE_TOLERANCE
        assert error(slope, -1j * matrix @ expected) < DOUBLE_TOLERANCE
    number = circuit_of(PauliEvolutionGate(hamiltonian, 0.7))
    assert error(qjax.unitary(number), expm(-0.7j * matrix)) < DOUBLE_TOLERANCE


def test_single_precision_keeps_its_digits_at_large_times() -> None:
    for hamiltonian in (chain(4, "ZZ", field=0.7), chain(4, "XX", "YY", "ZZ")):
        circuit = dressed(circuit_of(PauliEvolutionGate(hamiltonian, T)))
        converted = qjax.from_qiskit(circuit)
        for time in (0.5, 100.25, 1000.5):
            front = dressed(QuantumCircuit(4))
            expected = expm(-1j * time * matrix_of(hamiltonian)) @ state_of(front)
            found = qjax.statevector(converted, np.array([time], np.float32))
            assert error(found, expected) < 3e-6


def test_gradient_in_the_parameters_of_the_time(x64: None) -> None:
    """Beside gates, for a batch of times, and for expressions."""
    circuit = QuantumCircuit(3)
    circuit.h([0, 1, 2])
    circuit.append(PauliEvolutionGate(ISING, T * S + 0.5), [2, 0])
    circuit.ry(S, 1)
    circuit.cx(0, 1)
    circuit.append(PauliEvolutionGate(chain(3, "ZZ", field=0.4), -T), [1, 2, 0])
    converted = qjax.from_qiskit(circuit)
    observable = SparsePauliOp(["XIZ", "IYI", "ZZZ"], [0.4, 0.7, 1.0])
    samples = np.array([[0.3, 0.7], [-1.1, 0.4], [2.0, 1.5]])

    def expected(values: np.ndarray) -> float:
        s, t = values
        state = QuantumCircuit(3)
        state.h([0, 1, 2])
        state.unitary(expm(-1j * (t * s + 0.5) * matrix_of(ISING)), [2, 0])
        state.ry(s, 1)
        state.cx(0, 1)
        state.unitary(expm(1j * t * matrix_of(chain(3, "ZZ", field=0.4))), [1, 2, 0])
        amplitudes = state_of(state)
        return float((amplitudes.conj() @ Operator(observable).data @ amplitudes).real)

    def value(values: jax.Array) -> jax.Array:
        return qjax.expectation(converted, observable, values)

    values, gradients = jax.vmap(jax.value_and_grad(value))(samples)
    assert error(values, [expected(sample) for sample in samples]) < DOUBLE_TOLERANCE
    assert error(gradients, [finite_gradient(expected, sample) for sample in samples]) < 1e-8
    hessian = jax.hessian(value)(samples[0])
    assert error(hessian, finite_gradient(jax.jit(jax.grad(value)), samples[0])) < 1e-8


@pytest.mark.parametrize("ctrl_state", [0, 2, 3])
@pytest.mark.parametrize("time", [T, 0.7], ids=["parameter", "number"])
def test_controls(ctrl_state: int, time: float | Parameter, x64: None) -> None:
    """Qiskit writes controls as projectors, an `AnnotatedOperation` beside the gate."""
    gate = PauliEvolutionGate(ISING, time)
    values = [0.7] if time is T else []
    expected = controlled_matrix(expm(-0.7j * matrix_of(ISING)), 2, ctrl_state)
    for controlled in (
        gate.control(2, ctrl_state=ctrl_state),
        AnnotatedOperation(gate, ControlModifier(2, ctrl_state)),
    ):
        assert error(qjax.unitary(circuit_of(controlled), values), expected) < DOUBLE_TOLERANCE


def test_only_the_qubits_that_terms_share_count(x64: None) -> None:
    """A gate on 20 qubits, in groups of two and three qubits, with two controls."""
    pairs = [("XI", 0.3), ("ZZ", 0.5), ("IX", 0.7)]
    terms = [(label, [1, 7], c) for label, c in pairs]
    terms += [(label, [19, 4], 2 * c) for label, c in pairs]
    hamiltonian = SparsePauliOp.from_sparse_list([*terms, ("ZZZ", [0, 10, 11], 0.4)], 20)
    circuit = QuantumCircuit(22)
    circuit.x(0)
    circuit.h([3, 9, 21, 6])
    gate = PauliEvolutionGate(hamiltonian, T).control(2, ctrl_state=1)
    circuit.append(gate, range(22))

    def expected(time: float, scale: float, label: str) -> float:
        front = QuantumCircuit(2)
        front.h([0, 1])
        state = expm(-1j * time * scale * matrix_of(ISING)) @ state_of(front)
        return float((state.conj() @ matrix_of(SparsePauliOp(label)) @ state).real)

    for qubits, scale in (([3, 9], 1.0), ([21, 6], 2.0)):
        observable = SparsePauliOp.from_sparse_list([("YZ", qubits, 1.0)], 22)
        found = qjax.expectation(circuit, observable, [0.6])
        # In ISING's labels the left letter is the second qubit, here the letters follow the list.
        assert error(found, expected(0.6, scale, "YZ"[::-1])) < DOUBLE_TOLERANCE


def test_round_trip(x64: None) -> None:
    circuit = dressed(circuit_of(PauliEvolutionGate(chain(3, "ZZ", field=0.7), T * S)))
    converted = qjax.from_qiskit(circuit)
    assert qjax.from_qiskit(qjax.to_qiskit(converted)) == converted
    written = qjax.to_qiskit(converted)
    expected = qjax.statevector(converted, [0.3, 0.9])
    assert error(state_of(written, [0.3, 0.9]), expected) < DOUBLE_TOLERANCE


@pytest.mark.parametrize("time", [T, 0.7], ids=["parameter", "number"])
def test_too_wide_is_refused_with_the_remedy(time: float | Parameter) -> None:
    circuit = circuit_of(PauliEvolutionGate(chain(9, "ZZ", field=0.7), time))
    with pytest.raises(
        qjax.UnsupportedInstructionError,
        match=r"'PauliEvolution'.*17 of its terms, on 9 qubits.*at most 8.*operation.definition",
    ):
        qjax.from_qiskit(circuit)
    commuting = circuit_of(PauliEvolutionGate(chain(9, "ZZ"), time))
    assert qjax.from_qiskit(commuting).num_qubits == 9


def test_eight_qubits(x64: None) -> None:
    hamiltonian = chain(8, "ZZ", field=0.7)
    circuit = dressed(circuit_of(PauliEvolutionGate(hamiltonian, T)))
    front = state_of(dressed(QuantumCircuit(8)))
    expected = expm(-0.9j * matrix_of(hamiltonian)) @ front
    assert error(qjax.statevector(circuit, [0.9]), expected) < DOUBLE_TOLERANCE
