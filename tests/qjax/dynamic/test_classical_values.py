"""Classical values that depend on outcomes: parities, conditions, numbers, variables."""

import jax
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ForLoopOp
from qiskit.circuit.classical import expr, types
from qiskit.quantum_info import Pauli

import qjax
from qjax._dynamic.deferral import num_records
from tests.dynamic import mean, read_midway


def parity(num_bits):
    circuit = QuantumCircuit(num_bits + 1, num_bits)
    circuit.ry(0.4, range(num_bits))
    circuit.measure(range(num_bits), range(num_bits))
    odd = expr.lift(circuit.clbits[0])
    for clbit in circuit.clbits[1:]:
        odd = expr.bit_xor(odd, clbit)
    with circuit.if_test(expr.logic_not(odd)):
        circuit.x(num_bits)
    return circuit


def test_the_parity_of_many_bits_is_one_record():
    circuit = parity(15)
    assert num_records(qjax.from_qiskit(circuit)) == 1
    found = qjax.expectation(circuit, "Z" + "I" * 15)
    np.testing.assert_allclose(found, -(np.cos(0.4) ** 15), atol=1e-6)
    small = parity(3)
    np.testing.assert_allclose(
        qjax.expectation(small, "ZIII"), mean(small, Pauli("ZIII")), atol=1e-6
    )


def test_a_condition_with_too_many_settings_is_left_to_trajectories():
    circuit = QuantumCircuit(17, 17)
    circuit.h(range(16))
    circuit.measure(range(16), range(16))
    total = expr.lift(0, types.Uint(8))
    for clbit in circuit.clbits[:16]:
        total = expr.add(total, expr.cast(clbit, types.Uint(8)))
    with circuit.if_test(expr.greater(total, 7)):
        circuit.x(16)
    circuit.measure(16, 16)
    with pytest.raises(qjax.NoExactFormError, match="settings of outcomes"):
        qjax.expectation(circuit, "Z" + "I" * 16)
    bits = np.asarray(qjax.sample(circuit, (), 30, jax.random.key(0)), int)
    np.testing.assert_array_equal(bits[:, 16], bits[:, :16].sum(axis=1) > 7)


def test_division_by_zero_is_that_of_floating_point_numbers():
    circuit = read_midway()
    number = circuit.add_var("number", expr.lift(0.0))
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.store(number, expr.lift(2.0))
    with circuit.if_test(expr.greater(expr.div(expr.lift(1.0), number), expr.lift(0.6))):
        circuit.x(1)
    circuit.measure(1, 1)
    for method in ("exact", "trajectories"):
        bits = np.asarray(qjax.sample(circuit, (), 40, jax.random.key(0), method=method))
        np.testing.assert_array_equal(bits[:, 1], 1 - bits[:, 0])


def test_blocks_side_by_side_may_use_the_same_name():
    circuit = read_midway()
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.add_var("local", expr.lift(1, types.Uint(2)))
    with otherwise:
        flag = circuit.add_var("local", expr.lift(True))
        with circuit.if_test(flag):
            circuit.x(1)
    converted = qjax.from_qiskit(circuit)
    assert [declared.name for declared in converted.variables] == ["local", "local_1"]
    again = qjax.to_qiskit(converted)
    assert qjax.from_qiskit(again) == converted
    np.testing.assert_allclose(qjax.expectation(again, "ZZ"), -1, atol=1e-6)


def test_a_loop_variable_is_taken_modulo_its_width():
    circuit = QuantumCircuit(1, 1)
    body = QuantumCircuit(1, 1)
    turn = body.add_input("turn", types.Uint(2))
    with body.if_test(expr.equal(turn, 1)):
        body.ry(0.3, 0)
    circuit.append(ForLoopOp((1, 2, 5, -3), turn, body), [0], [0])
    np.testing.assert_allclose(qjax.expectation(circuit, "Z"), np.cos(0.9), atol=1e-6)


def test_without_measurements_there_are_as_many_bits_as_qubits():
    circuit = QuantumCircuit(2, 3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.reset(0)
    assert qjax.SamplerQNN(circuit=circuit).output_shape == (4,)
    assert qjax.sample(circuit, (), 2, jax.random.key(0)).shape == (2, 2)
