"""Angles of thousands to billions of radians, in single precision, against Qiskit in double."""

from __future__ import annotations

from itertools import count

import jax
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit import library as lib
from qiskit.quantum_info import Operator, SparsePauliOp, Statevector
from scipy.linalg import expm

import qjax
from qjax._plan.full_turns import _terms

# Gates and the numbers of their angles.
GATES = {
    lib.PhaseGate: 1, lib.RZGate: 1, lib.RXGate: 1, lib.RYGate: 1, lib.RGate: 2, lib.UGate: 3,
    lib.U1Gate: 1, lib.U2Gate: 2, lib.U3Gate: 3, lib.RXXGate: 1, lib.RYYGate: 1, lib.RZZGate: 1,
    lib.RZXGate: 1, lib.XXPlusYYGate: 2, lib.XXMinusYYGate: 2, lib.CPhaseGate: 1, lib.CRXGate: 1,
    lib.CRYGate: 1, lib.CRZGate: 1, lib.CU1Gate: 1, lib.CU3Gate: 3, lib.CUGate: 4,
    lib.GlobalPhaseGate: 1, lib.RVGate: 3,
}  # fmt: skip
# With one control more.
CONTROLLED = (lib.UGate, lib.U2Gate, lib.RYGate, lib.XXPlusYYGate, lib.CPhaseGate)
SIZES = [1e3, 1e6, 1e9, -1e12]


def circuit_of(angles, gates) -> QuantumCircuit:
    """Every gate once, between others that tell all its entries."""
    circuit, place = QuantumCircuit(3), count()
    for cls in gates:
        for controls in (0, 1) if cls in CONTROLLED else (0,):
            gate = cls(*(angles[next(place)] for _ in range(GATES[cls])))
            gate = gate.control(1) if controls else gate
            circuit.ry(0.9, circuit.qubits)
            circuit.rx(0.4, circuit.qubits)
            circuit.append(gate, range(gate.num_qubits))
    return circuit


def number_of_angles(gates) -> int:
    return sum(GATES[cls] * (1 + (cls in CONTROLLED)) for cls in gates)


def large_angles(size: float, number: int) -> np.ndarray:
    # Even numbers: Qiskit adds the angles of some gates, and halves them, without rounding.
    return 2 * np.round(size / 2 * np.random.default_rng(5).uniform(0.3, 1.7, number))


@pytest.mark.parametrize("size", SIZES)
def test_constants_are_reduced_in_double(size: float) -> None:
    circuit = circuit_of(large_angles(size, number_of_angles(GATES)), GATES)
    state = np.asarray(qjax.statevector(circuit))
    assert state.dtype == np.complex64
    # As for moderate angles.
    np.testing.assert_allclose(state, Statevector(circuit).data, rtol=0, atol=5e-6)


@pytest.mark.parametrize("cls", [lib.UGate, lib.U2Gate, lib.RVGate, lib.CU3Gate, lib.RGate])
def test_matrices_of_constants(cls: type) -> None:
    circuit = QuantumCircuit(2)
    for size in SIZES:
        gate = cls(*large_angles(size, GATES[cls]))
        circuit.append(gate, range(gate.num_qubits))
    matrix = np.asarray(qjax.unitary(circuit))
    np.testing.assert_allclose(matrix, Operator(circuit).data, rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [*SIZES, 1e30])
def test_parameters_keep_matrices_unitary(size: float) -> None:
    """Which turns are meant single precision cannot say; what comes out is a state."""
    gates = [cls for cls in GATES if cls is not lib.RVGate]
    number = number_of_angles(gates)
    circuit = circuit_of(ParameterVector("p", number), gates)
    state = np.asarray(qjax.statevector(circuit, large_angles(size, number).astype(np.float32)))
    assert abs(np.linalg.norm(state) - 1) < 1e-5


@pytest.mark.parametrize("size", SIZES)
def test_constants_in_sums_are_reduced(size: float) -> None:
    x, offset = Parameter("x"), float(np.round(size * 0.77))
    circuit = QuantumCircuit(2)
    circuit.ry(x + offset, 0)
    circuit.p(offset - 2 * x, 1)
    circuit.ry(0.3, 1)
    circuit.cx(0, 1)
    circuit.rx(3 - (offset + x * x), 0)
    circuit.u(x - offset, offset + x, -(x + offset), 1)
    # A factor is no term: turns of it are not turns of the angle.
    circuit.ry(x * 40, 0)
    expected = Statevector(circuit.assign_parameters([0.7])).data
    found = np.asarray(qjax.statevector(circuit, np.array([0.7], np.float32)))
    # Qiskit adds in double: of 1e12, 1e-4 are left.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 + 3e-16 * abs(size))


def test_constants_in_sums_with_a_part_that_is_used_twice() -> None:
    x = Parameter("x")
    part = (x * 1.25 + 1000.5).sin()
    circuit = QuantumCircuit(1)
    circuit.ry(5e6 + (part + part * part * 64) - part, 0)
    expected = Statevector(circuit.assign_parameters([0.7])).data
    found = np.asarray(qjax.statevector(circuit, np.array([0.7], np.float32)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
    # 5e6 and a kept 1000.5: the first is a term, the second is not.
    program = ("c", "p", "c", "add", "sin", "=", "@0", "multiply", "add", "@0", "subtract")
    assert _terms(program) == [True, False]


@pytest.mark.parametrize("size", [1e3, 1e6])
def test_times_of_evolutions(size: float) -> None:
    circuit, expected = QuantumCircuit(2), np.eye(4)
    for operator in (SparsePauliOp(["XX", "ZZ"], [0.5, 1]), SparsePauliOp(["XX", "ZI"])):
        circuit.append(lib.PauliEvolutionGate(operator, size), [0, 1])
        expected = expm(-1j * size * operator.to_matrix()) @ expected
    np.testing.assert_allclose(np.asarray(qjax.unitary(circuit)), expected, rtol=0, atol=2e-6)


def test_an_evolution_is_unitary_at_any_time() -> None:
    circuit = QuantumCircuit(2)
    circuit.append(lib.PauliEvolutionGate(SparsePauliOp(["XX", "ZI"], [1, 0.3]), 1e15), [0, 1])
    with jax.enable_x64(True):
        matrix = np.asarray(qjax.unitary(circuit, np.zeros(0)))
    np.testing.assert_allclose(matrix @ matrix.conj().T, np.eye(4), rtol=0, atol=1e-13)


@pytest.mark.parametrize("size", [1e3, 1e6])
def test_derivatives_at_large_angles(size: float) -> None:
    """<X> of U(theta, phi, lam) |0> is sin(theta) cos(phi)."""
    circuit = QuantumCircuit(1)
    circuit.u(*ParameterVector("p", 3), 0)
    values = large_angles(size, 3).astype(np.float32)
    theta, phi, _ = values.astype(float)
    s, c, u, v = np.sin(theta), np.cos(theta), np.sin(phi), np.cos(phi)

    def x(params):
        return qjax.expectation(circuit, "X", params)

    np.testing.assert_allclose(jax.grad(x)(values), [c * v, -s * u, 0], rtol=0, atol=2e-6)
    second = [[-s * v, -c * u, 0], [-c * u, -s * v, 0], [0, 0, 0]]
    np.testing.assert_allclose(jax.hessian(x)(values), second, rtol=0, atol=3e-6)
