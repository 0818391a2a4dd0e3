"""Every kind of network: `interpret`, sparse results, and the tutorial's older names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import real_amplitudes, z_feature_map, zz_feature_map
from qiskit.quantum_info import SparsePauliOp

import qjax
from qjax.operations import Measure, gate, parameter
from tests import networks
from tests.circuits import DOUBLE_TOLERANCE, error, value_of
from tests.networks import (
    SMALL,
    Network,
    batched,
    jacobians,
    readout,
)
from tests.qjax.qnns import (
    DERIVATIVE_TOLERANCE,
    estimator,
    grid,
    interpreted,
    parity,
    sampler,
)


# ---------------------------------------------------------------- interpret, sparse
@pytest.mark.parametrize(("function", "shape"), [(parity, 2), (parity, (2,)), (grid, (2, 3))])
def test_interpret_sums_what_it_maps_to_one_output(
    function: Callable[[int], Any], shape: int | tuple[int, ...]
) -> None:
    options = {"interpret": function, "output_shape": shape, "input_gradients": True}
    qnn = sampler("tutorial", **options)
    expected_shape = shape if isinstance(shape, tuple) else (shape,)
    assert qnn.output_shape == expected_shape
    x, w = networks.tutorial().data(2, 3)
    oracle = interpreted(function, expected_shape)
    outputs = qnn.forward(x, w)
    assert outputs.shape == (2, 3, *expected_shape)
    assert error(outputs, batched(oracle, x, w)) < DOUBLE_TOLERANCE
    for gradient, reference in zip(qnn.backward(x, w), jacobians(oracle, x, w), strict=True):
        assert error(gradient, reference) < DERIVATIVE_TOLERANCE


def test_interpret_gets_the_measured_integer() -> None:
    seen: list[int] = []

    def remember(integer: int) -> int:
        seen.append(integer)
        return integer >> 2

    network = networks.measured()
    qnn = qjax.SamplerQNN(**network.arguments, interpret=remember, output_shape=2)
    assert set(seen) == {0, 1, 4, 5}  # clbit 1 is never set
    assert all(type(integer) is int for integer in seen)
    x, w = network.data(2)
    marginal = [networks.state(network, row, w).probabilities([0]) for row in x]
    assert error(qnn.forward(x, w), np.array(marginal)) < DOUBLE_TOLERANCE


def test_classical_bits_beyond_a_machine_word() -> None:
    circuit = QuantumCircuit(1, 70)
    circuit.x(0)
    circuit.measure(0, 66)
    qnn = qjax.SamplerQNN(
        circuit=circuit, interpret=lambda integer: int(integer == 2**66), output_shape=2
    )
    assert error(qnn.forward(None, None), [[0, 1]]) < DOUBLE_TOLERANCE


def test_a_bit_shows_the_qubit_that_was_measured_into_it_last() -> None:
    circuit = QuantumCircuit(2, 1)
    circuit.x(0)
    circuit.measure([0, 1], [0, 0])
    assert error(qjax.SamplerQNN(circuit=circuit).forward(None, None), [[1, 0]]) < DOUBLE_TOLERANCE


def test_interpret_may_leave_outputs_empty() -> None:
    x, w = networks.tutorial().data(3)
    outputs = sampler("tutorial", interpret=parity, output_shape=5).forward(x, w)
    assert error(outputs, batched(interpreted(parity, (5,)), x, w)) < DOUBLE_TOLERANCE


def test_output_shape_may_repeat_the_default() -> None:
    x, w = networks.tutorial().data(2)
    given = qjax.SamplerQNN(**networks.tutorial().arguments, output_shape=4)
    assert error(given.forward(x, w), sampler("tutorial").forward(x, w)) == 0


@pytest.mark.parametrize("batch", [(1,), (3,), (2, 3)])
@pytest.mark.parametrize("function", [None, grid])
def test_sparse_results_hold_the_dense_ones(
    function: Callable[[int], Any] | None, batch: tuple[int, ...]
) -> None:
    options = {"interpret": function, "output_shape": function and (2, 3), "input_gradients": True}
    dense = sampler("tutorial", **options)
    sparse = sampler("tutorial", sparse=True, **options)
    assert sparse.sparse
    x, w = networks.tutorial().data(*batch)
    pairs = [(sparse.forward(x, w), dense.forward(x, w))]
    pairs += zip(sparse.backward(x, w), dense.backward(x, w), strict=True)
    for got, expected in pairs:
        assert isinstance(got, scipy.sparse.coo_array)
        assert got.dtype == np.float64
        assert error(got.todense(), expected) == 0  # the shape too


def test_a_sparse_network_without_input_gradients() -> None:
    x, w = networks.tutorial().data(2)
    assert sampler("tutorial", sparse=True).backward(x, w)[0] is None


# ---------------------------------------------------------------- the tutorial's names
def test_two_layer_qnn_defaults_to_zz_feature_map_and_real_amplitudes() -> None:
    qnn = qjax.TwoLayerQNN(num_qubits=2)
    assert (qnn.num_inputs, qnn.num_weights, qnn.output_shape) == (2, 8, (1,))
    feature_map, ansatz = zz_feature_map(2), real_amplitudes(2)
    circuit = feature_map.compose(ansatz)
    network = Network(circuit, feature_map.parameters, ansatz.parameters, ["ZZ"])
    x, w = network.data(3)
    expected = batched(readout(networks.expectations, network), x, w)
    assert error(qnn.forward(x, w), expected) < DOUBLE_TOLERANCE


def test_two_layer_qnn_of_one_qubit_defaults_to_the_z_feature_map() -> None:
    qnn = qjax.TwoLayerQNN(1, input_gradients=True)
    feature_map, ansatz = z_feature_map(1), real_amplitudes(1)
    circuit = feature_map.compose(ansatz)
    network = Network(circuit, feature_map.parameters, ansatz.parameters, ["Z"])
    x, w = network.data(3)
    oracle = readout(networks.expectations, network)
    assert error(qnn.forward(x, w), batched(oracle, x, w)) < DOUBLE_TOLERANCE
    for gradient, reference in zip(qnn.backward(x, w), jacobians(oracle, x, w), strict=True):
        assert error(gradient, reference) < DERIVATIVE_TOLERANCE


def test_two_layer_qnn_of_the_tutorials_regression() -> None:
    """One qubit, RY(x) then RY(y): <Z> = cos(x + y)."""
    feature_map, ansatz = QuantumCircuit(1, name="fm"), QuantumCircuit(1, name="vf")
    feature_map.ry(Parameter("x"), 0)
    ansatz.ry(Parameter("y"), 0)
    qnn = qjax.TwoLayerQNN(1, feature_map, ansatz)
    x = np.linspace(-3, 3, 7)[:, None]
    assert error(qnn.forward(x, [0.4]), np.cos(x + 0.4)) < DOUBLE_TOLERANCE
    assert (qnn.num_qubits, qnn.feature_map.num_parameters, qnn.ansatz.num_parameters) == (1, 1, 1)


def layer(*names: str) -> qjax.Circuit:
    """An entangling gate, and a rotation by each parameter."""
    ops = (gate("h", 0), gate("x", 1, controls=0))
    ops += tuple(gate("ry", k, parameter(k)) for k in range(len(names)))
    return qjax.Circuit(num_qubits=2, ops=ops, parameters=names)


def test_two_layer_qnn_of_circuits_in_python() -> None:
    """Inputs and weights have the order of the circuits, which is not Qiskit's."""
    feature_map, ansatz = layer("x2", "x10"), layer("b", "a")
    qnn = qjax.TwoLayerQNN(2, feature_map, ansatz, "ZX")
    whole = QuantumCircuit(2)
    for values in ([0.3, 1.1], [-0.7, 0.2]):
        whole.h(0)
        whole.cx(0, 1)
        whole.ry(values[0], 0)
        whole.ry(values[1], 1)
    expected = value_of(whole, SparsePauliOp("ZX"))
    assert error(qnn.forward([0.3, 1.1], [-0.7, 0.2]), [[expected]]) < DOUBLE_TOLERANCE
    assert (qnn.feature_map, qnn.ansatz) == (feature_map, ansatz)
    assert qnn.replace(observable="ZZ").num_weights == 2
    mixed = qjax.TwoLayerQNN(feature_map=feature_map, ansatz=real_amplitudes(2, reps=1))
    assert (mixed.num_qubits, mixed.num_weights) == (2, 4)
    assert "CircuitStateFn" in str(qnn.operator)


def test_two_layer_qnn_refuses_circuits_that_are_no_layers() -> None:
    measured = qjax.Circuit(num_qubits=1, ops=(Measure(0, 0),), num_clbits=1)
    with pytest.raises(ValueError, match=r"ansatz: got a Circuit with 1 classical bit; .*gates"):
        qjax.TwoLayerQNN(1, ansatz=measured)
    unused = qjax.Circuit(num_qubits=1, ops=(), parameters=("c",))
    with pytest.raises(ValueError, match=r"\['c'\] are not among the circuit's parameters"):
        qjax.TwoLayerQNN(1, ansatz=unused)


def test_two_layer_qnn_takes_its_size_from_a_circuit() -> None:
    ansatz = real_amplitudes(3, reps=1)
    qnn = qjax.TwoLayerQNN(ansatz=ansatz, observable="XII")
    assert (qnn.num_qubits, qnn.num_inputs, qnn.num_weights) == (3, 3, 6)


def test_two_layer_qnn_with_an_empty_feature_map() -> None:
    ansatz = real_amplitudes(2, reps=1)
    qnn = qjax.TwoLayerQNN(2, feature_map=QuantumCircuit(2), ansatz=ansatz)
    _, w = networks.weights_only().data()
    network = Network(ansatz, [], ansatz.parameters, ["ZZ"])
    expected = networks.expectations(network, np.zeros(0), w)
    assert error(qnn.forward(None, w), expected[None]) < DOUBLE_TOLERANCE


def test_two_layer_qnn_prints_observable_and_circuit() -> None:
    observable = SparsePauliOp(["ZI", "XY"], [0.5, -2])
    printed = str(qjax.TwoLayerQNN(2, observable=observable).operator)
    for fact in ("ComposedOp", "0.5 * ZI", "-2.0 * XY", "q_1", "ZZFeatureMap", "RealAmplitudes"):
        assert fact in printed
    assert "1.0 * ZZ" in str(qjax.TwoLayerQNN(2).operator)


@pytest.mark.parametrize("pair", [False, True])
def test_opflow_qnn(pair: bool) -> None:
    network = networks.shuffled()
    observable = network.observables[1]
    composed = qjax.ComposedOp(observable, network.circuit)
    operator = (observable, network.circuit) if pair else composed
    qnn = qjax.OpflowQNN(operator, network.inputs, network.weights, True)
    oracle = Network(network.circuit, network.inputs, network.weights, [observable])
    x, w = network.data(2)
    expected = batched(readout(networks.expectations, oracle), x, w)
    assert error(qnn.forward(x, w), expected) < DOUBLE_TOLERANCE
    references = jacobians(readout(networks.expectations, oracle), x, w)
    for gradient, reference in zip(qnn.backward(x, w), references, strict=True):
        assert error(gradient, reference) < DERIVATIVE_TOLERANCE


def test_opflow_qnn_of_several_observables_and_of_a_converted_circuit() -> None:
    network = networks.shuffled()
    names = [[p.name for p in params] for params in (network.inputs, network.weights)]
    converted = qjax.from_qiskit(network.circuit)
    qnn = qjax.OpflowQNN((network.observables, converted), *names)
    x, w = network.data(2)
    expected = batched(readout(networks.expectations, network), x, w)
    assert error(qnn.forward(x, w), expected) < DOUBLE_TOLERANCE
    assert "XIZ" in str(qnn.operator)


def test_circuit_qnn_is_a_sampler() -> None:
    network = networks.tutorial()
    x, w = network.data(2)
    qnn = qjax.CircuitQNN(
        network.circuit,
        network.inputs,
        network.weights,
        interpret=parity,
        output_shape=2,
        input_gradients=True,
    )
    oracle = interpreted(parity, (2,))
    for method in (qnn.forward, qnn.probabilities):
        assert error(method(x, w), batched(oracle, x, w)) < DOUBLE_TOLERANCE
    for method in (qnn.backward, qnn.probability_gradients):
        for gradient, reference in zip(method(x, w), jacobians(oracle, x, w), strict=True):
            assert error(gradient, reference) < DERIVATIVE_TOLERANCE


def test_circuit_qnn_can_be_sparse() -> None:
    network = networks.tutorial()
    x, w = network.data(2)
    qnn = qjax.CircuitQNN(network.circuit, network.inputs, network.weights, sparse=True)
    outputs = qnn.forward(x, w)
    assert isinstance(outputs, scipy.sparse.coo_array)
    expected = batched(readout(networks.probabilities, network), x, w)
    assert error(outputs.todense(), expected) < DOUBLE_TOLERANCE


@pytest.mark.parametrize("name", ["shuffled", "measured"])
def test_parameters_by_name_and_converted_circuits(name: str) -> None:
    network = SMALL[name]()
    x, w = network.data(2)
    named = qjax.EstimatorQNN(
        circuit=qjax.from_qiskit(network.circuit),
        observables=network.observables,
        input_params=[parameter.name for parameter in network.inputs],
        weight_params=(parameter.name for parameter in network.weights),
    )
    assert named == estimator(name)
    expected = batched(readout(networks.expectations, network), x, w)
    assert error(named.forward(x, w), expected) < DOUBLE_TOLERANCE
