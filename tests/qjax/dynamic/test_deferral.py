"""Measurements midway, resets and control flow, against every branch followed with Qiskit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import PauliProductMeasurement
from qiskit.quantum_info import (
    DensityMatrix,
    Operator,
    Pauli,
    SparseObservable,
    SparsePauliOp,
    Statevector,
)

import qjax
from qjax._dynamic.deferral import deferred, num_records
from tests.dynamic import (
    branches,
    distribution,
    endless,
    mean,
    random_dynamic_circuit,
    read_midway,
)

OBSERVABLE = SparsePauliOp(["XYZ", "ZIX", "IYI", "IIZ"], [0.3, 0.8, -1.1, 0.4])


def disturbed(circuit):
    """With a gate behind everything, so that no measurement is a final one, which is left out."""
    result = circuit.copy()
    result.ry(0.3, result.qubits)
    return result


def measured(circuit):
    """The distribution of the classical bits as the exact form has it, simulated by Qiskit."""
    form = deferred(qjax.from_qiskit(circuit))
    gates = tuple(op for op in form.ops if not hasattr(op, "clbit"))
    state = Statevector(qjax.to_qiskit(qjax.Circuit(form.num_qubits, gates)))
    found = np.zeros(2**form.num_clbits)
    places = [(op.qubit, op.clbit) for op in form.ops if hasattr(op, "clbit")]
    for index, probability in enumerate(state.probabilities()):
        found[sum((index >> qubit & 1) << clbit for qubit, clbit in places)] += probability
    return found


def expected(circuit, size):
    found = np.zeros(size)
    for value, probability in distribution(circuit).items():
        found[value] += probability
    return found


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**31))
def test_exact_form_has_the_distribution_of_the_branches(seed):
    circuit = random_dynamic_circuit(seed)
    circuit.measure(0, 0)
    if num_records(qjax.from_qiskit(circuit)) > 8:
        return
    found = measured(circuit)
    np.testing.assert_allclose(found, expected(circuit, len(found)), atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**31))
def test_round_trip_means_the_same(seed):
    circuit = qjax.from_qiskit(random_dynamic_circuit(seed))
    again = qjax.from_qiskit(qjax.to_qiskit(circuit))
    assert deferred(again) == deferred(circuit)
    assert again.registers == circuit.registers


@pytest.mark.parametrize("seed", range(12))
def test_values_and_gradients(seed):
    parameters = ParameterVector("t", 2)
    circuit = disturbed(random_dynamic_circuit(seed, size=9, parameters=parameters))
    values = np.array([0.4, -1.3])[: circuit.num_parameters]

    def value(at):
        return mean(circuit.assign_parameters(at), OBSERVABLE)

    with jax.enable_x64(True):
        found, gradient = jax.value_and_grad(lambda v: qjax.expectation(circuit, OBSERVABLE, v))(
            jnp.asarray(values)
        )
    np.testing.assert_allclose(found, value(values), atol=1e-9)
    for place in range(len(values)):
        step = 1e-5 * np.eye(len(values))[place]
        numeric = (value(values + step) - value(values - step)) / 2e-5
        np.testing.assert_allclose(gradient[place], numeric, atol=1e-7)


@pytest.mark.parametrize("seed", range(3))
def test_probabilities_are_of_the_qubits_at_the_end(seed):
    circuit = disturbed(random_dynamic_circuit(seed, size=8))
    density = sum(DensityMatrix(state).data for _, state in branches(circuit))
    found = qjax.probabilities(circuit)
    np.testing.assert_allclose(found, np.diag(density).real, atol=1e-6)
    kept = qjax.probabilities(circuit, qubits=[2, 0])
    np.testing.assert_allclose(kept, DensityMatrix(density).probabilities([2, 0]), atol=1e-6)


def teleportation(theta):
    circuit = QuantumCircuit(3, 2)
    circuit.ry(theta, 0)
    circuit.h(1)
    circuit.cx(1, 2)
    circuit.cx(0, 1)
    circuit.h(0)
    circuit.measure([0, 1], [0, 1])
    with circuit.if_test((circuit.clbits[1], 1)):
        circuit.x(2)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.z(2)
    return circuit


def test_teleportation_needs_no_further_qubit():
    circuit = teleportation(Parameter("t"))
    assert num_records(qjax.from_qiskit(circuit)) == 0
    value = jax.value_and_grad(lambda v: qjax.expectation(circuit, "ZII", v[None]))
    np.testing.assert_allclose(value(jnp.float32(0.7)), (np.cos(0.7), -np.sin(0.7)), atol=1e-6)
    assert "dynamic" in str(qjax.plan(circuit))


def test_an_outcome_that_is_read_dephases_its_qubit_and_a_final_one_does_not():
    circuit = QuantumCircuit(2, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    np.testing.assert_allclose(qjax.expectation(circuit, "IX"), 1, atol=1e-6)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    np.testing.assert_allclose(qjax.expectation(circuit, ["IX", "ZZ"]), [0, 1], atol=1e-6)


def test_batches_and_networks():
    x, w = ParameterVector("x", 2), ParameterVector("w", 2)
    circuit = QuantumCircuit(2, 2)
    for q in range(2):
        circuit.ry(x[q], q)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.rx(w[0], 1)
    circuit.reset(0)
    circuit.ry(w[1], 0)
    circuit.cx(0, 1)
    data = np.random.default_rng(0).normal(size=(5, 2))
    weights = np.array([0.3, 1.1])
    network = qjax.EstimatorQNN(
        circuit=circuit, observables="ZX", input_params=x, weight_params=w, input_gradients=True
    )
    wanted = [mean(circuit.assign_parameters([*weights, *row]), Pauli("ZX")) for row in data]
    np.testing.assert_allclose(network.forward(data, weights)[:, 0], wanted, atol=1e-9)
    mapped = jax.vmap(lambda row: qjax.expectation(circuit, "ZX", jnp.concatenate([weights, row])))
    np.testing.assert_allclose(mapped(data), wanted, atol=1e-6)
    inputs, _ = network.backward(data, weights)
    step = 1e-6
    moved = network.forward(data + [step, 0], weights) - network.forward(data - [step, 0], weights)
    np.testing.assert_allclose(inputs[:, 0, 0], moved[:, 0] / (2 * step), atol=1e-8)

    circuit.measure(1, 1)
    sampler = qjax.SamplerQNN(circuit=circuit, input_params=x, weight_params=w)
    for row, found in zip(data, sampler.forward(data, weights), strict=True):
        np.testing.assert_allclose(
            found, expected(circuit.assign_parameters([*weights, *row]), 4), atol=1e-9
        )


def test_samples_are_of_the_classical_bits():
    circuit = QuantumCircuit(1, 3)
    for clbit in range(3):
        circuit.h(0)
        circuit.measure(0, clbit)
    drawn = qjax.sample(circuit, (), 4000, jax.random.key(1))
    counts = np.bincount(np.asarray(drawn, int) @ [1, 2, 4], minlength=8)
    assert drawn.shape == (4000, 3)
    assert abs(counts - 500).max() < 110  # five standard deviations


def test_measured_parity_of_a_pauli_product():
    circuit = QuantumCircuit(2)
    circuit.ry(0.4, 0)
    circuit.rx(1.1, 1)
    odd = (1 - Statevector(circuit).expectation_value(Pauli("XZ")).real) / 2
    circuit.add_register(ClassicalRegister(1))
    circuit.append(PauliProductMeasurement(Pauli("XZ")), [0, 1], [0])
    found = qjax.SamplerQNN(circuit=circuit).forward(None, None)
    np.testing.assert_allclose(found[0], [1 - odd, odd], atol=1e-9)


def test_reset_at_the_start_is_nothing():
    circuit = QuantumCircuit(1)
    circuit.reset(0)
    circuit.initialize([0.6, 0.8], 0)
    np.testing.assert_allclose(qjax.statevector(circuit), [0.6, 0.8], atol=1e-6)


def test_what_has_no_statevector_says_so():
    circuit = QuantumCircuit(2, 1)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.reset(0)
    with pytest.raises(ValueError, match=r"mixture.*use expectation"):
        qjax.statevector(circuit)
    with pytest.raises(ValueError, match="no unitary"):
        qjax.unitary(circuit)


def test_a_loop_without_end_has_no_exact_form():
    with pytest.raises(qjax.NoExactFormError, match="trajectories"):
        qjax.expectation(endless(), "Z")
    idle = QuantumCircuit(1, 1)
    with idle.while_loop((idle.clbits[0], 0)):
        idle.x(0)
    with pytest.raises(qjax.NoExactFormError, match="1000 turns"):
        qjax.expectation(idle, "Z")


def test_input_variables_and_unset_ones_are_refused():
    free = QuantumCircuit(1)
    free.add_input("a", types.Uint(2))
    with pytest.raises(qjax.UnsupportedInstructionError, match=r"'a'.*no values"):
        qjax.from_qiskit(free)
    unset = QuantumCircuit(1)
    flag = expr.Var.new("flag", types.Bool())
    unset.add_uninitialized_var(flag)
    with unset.if_test(flag):
        unset.x(0)
    with pytest.raises(ValueError, match="'flag' is read before it has a value"):
        qjax.expectation(unset, "Z")


def test_a_box_is_what_it_holds_and_its_duration_is_ignored_with_a_warning():
    circuit = QuantumCircuit(1)
    with circuit.box(duration=100, unit="dt"):
        circuit.ry(0.3, 0)
    with pytest.warns(UserWarning, match="duration"):
        found = qjax.statevector(circuit)
    np.testing.assert_allclose(found, [np.cos(0.15), np.sin(0.15)], atol=1e-6)


def test_open_qasm():
    text = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; x q[0]; measure q[0] -> c[0];'
    circuit = qjax.from_qasm(text + " if (c == 1) h q[0];")
    np.testing.assert_allclose(qjax.probabilities(circuit), [0.5, 0.5], atol=1e-6)
    program = """
        OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c;
        h q[0]; c[0] = measure q[0];
        if (c[0]) { x q[1]; } else { z q[1]; }
        reset q[0]; while (c == 2) { x q[0]; }
    """
    np.testing.assert_allclose(qjax.expectation(qjax.from_qasm(program), "ZI"), 0, atol=1e-6)


def test_blocks_with_bits_of_their_own_are_matched_by_position():
    body = QuantumCircuit(QuantumRegister(2, "a"), ClassicalRegister(1, "b"))
    body.cx(0, 1)
    body.measure(1, 0)
    circuit = QuantumCircuit(3, 2)
    circuit.x(2)
    circuit.measure(2, 1)
    circuit.if_test((circuit.clbits[1], 1), body, [2, 0], [0])
    np.testing.assert_allclose(qjax.SamplerQNN(circuit=circuit).forward(None, None)[0, 3], 1)


def test_projectors_and_matrices_see_what_was_measured():
    circuit = QuantumCircuit(2, 1)
    circuit.h(0)
    circuit.ry(0.7, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.rx(0.4, 1)
    density = DensityMatrix(sum(DensityMatrix(state).data for _, state in branches(circuit)))
    matrix = Operator(SparsePauliOp(["XY", "ZI", "YX"], [0.3, 0.8, -0.4]))
    found = qjax.expectation(circuit, ["0+", matrix, "r1"])
    wanted = [
        density.expectation_value(Operator(SparseObservable(label))).real for label in ("0+", "r1")
    ]
    wanted.insert(1, density.expectation_value(matrix).real)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("after", ["if", "cx", "rz", "box"])
def test_a_mixture_without_records_has_no_statevector_either(after):
    circuit = read_midway()
    if after == "if":
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.x(1)
    elif after == "cx":
        circuit.cx(0, 1)
    elif after == "rz":
        circuit.rz(0.3, 0)
    else:
        circuit = QuantumCircuit(2, 2)
        circuit.h(0)
        with circuit.box():
            circuit.measure(0, 0)
        circuit.cx(0, 1)
    assert num_records(qjax.from_qiskit(circuit)) == 0
    with pytest.raises(ValueError, match="mixture"):
        qjax.statevector(circuit)
    circuit.rx(Parameter("t"), 1)
    with pytest.raises(ValueError, match="mixture"):
        qjax.quantum_fisher_information(circuit, [0.1])


def test_an_identity_gate_is_nothing():
    circuit = read_midway()
    circuit.id(0)
    np.testing.assert_allclose(qjax.expectation(circuit, "IX"), 1, atol=1e-6)


def test_networks_say_when_they_are_made_that_there_is_no_exact_form():
    with pytest.raises(qjax.NoExactFormError, match="loop without a bound"):
        qjax.EstimatorQNN(circuit=endless())
    with pytest.raises(qjax.NoExactFormError, match=r"qjax\.estimate"):
        qjax.SamplerQNN(circuit=endless())


def test_the_plan_says_that_samples_are_drawn_by_trajectories():
    circuit = QuantumCircuit(1, 20)
    for clbit in range(20):
        circuit.h(0)
        circuit.measure(0, clbit)
    circuit.h(0)
    assert "samples are drawn by trajectories" in str(qjax.plan(circuit))
