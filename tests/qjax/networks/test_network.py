"""Networks: outputs, derivatives and shapes against Qiskit."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Operator, Pauli, SparsePauliOp

import qjax
from tests import networks
from tests.circuits import DOUBLE_TOLERANCE, SINGLE_TOLERANCE, error
from tests.networks import (
    LARGE,
    SMALL,
    Network,
    batched,
    jacobians,
    readout,
    slope,
)
from tests.qjax.qnns import (
    DERIVATIVE_TOLERANCE,
    KINDS,
    estimator,
    sampler,
)


# ---------------------------------------------------------------- outputs
@pytest.mark.parametrize("name", [*SMALL, *LARGE])
@pytest.mark.parametrize("kind", KINDS)
def test_forward_agrees_with_qiskit(kind: str, name: str) -> None:
    build, oracle = KINDS[kind]
    network = (SMALL | LARGE)[name]()
    x, w = network.data(3)
    outputs = build(name).forward(x, w)
    assert isinstance(outputs, np.ndarray)
    assert outputs.dtype == np.float64
    assert error(outputs, batched(readout(oracle, network), x, w)) < DOUBLE_TOLERANCE


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["expressions", "measured", *LARGE])
def test_single_precision_stays_single(kind: str, name: str) -> None:
    build, oracle = KINDS[kind]
    network = (SMALL | LARGE)[name]()
    x, w = (values.astype(np.float32) for values in network.data(3))
    outputs = build(name).forward(x, w)
    assert outputs.dtype == np.float32
    expected = batched(readout(oracle, network), x.astype(float), w.astype(float))
    assert error(outputs, expected) < SINGLE_TOLERANCE


@pytest.mark.parametrize(
    ("kind", "name"),
    [("estimator", name) for name in SMALL]
    + [("sampler", name) for name in ("controlled", "measured", "inputs only", "weights only")],
)
def test_backward_agrees_with_differences(kind: str, name: str) -> None:
    build, oracle = KINDS[kind]
    qnn, network = build(name, input_gradients=True), SMALL[name]()
    x, w = network.data(3)
    expected = jacobians(readout(oracle, network), x, w)
    for gradient, reference in zip(qnn.backward(x, w), expected, strict=True):
        if reference.shape[-1] == 0:
            assert gradient is None
        else:
            assert gradient.dtype == np.float64
            assert error(gradient, reference) < DERIVATIVE_TOLERANCE


@pytest.mark.parametrize("name", LARGE)
def test_backward_of_large_networks_along_random_directions(name: str) -> None:
    network, qnn = LARGE[name](), estimator(name, input_gradients=True)
    (x, w), (dx, dw) = network.data(3), network.data(3, seed=1)
    x, dx = x / 4, dx / 4  # the feature map's products of inputs make high frequencies
    outputs = readout(networks.expectations, network)

    def moved(t: float) -> np.ndarray:
        return batched(outputs, x + t * dx, w + t * dw)

    input_grad, weight_grad = qnn.backward(x, w)
    along = np.einsum("bop,bp->bo", input_grad, dx) + weight_grad @ dw
    assert error(along, slope(moved, 2e-4)) < 1e-8


def test_single_precision_gradients_stay_single() -> None:
    network = networks.reuploading()
    x, w = network.data(3)
    qnn = estimator("reuploading", input_gradients=True)
    single = qnn.backward(x.astype(np.float32), w.astype(np.float32))
    for gradient, reference in zip(single, qnn.backward(x, w), strict=True):
        assert gradient.dtype == np.float32
        assert error(gradient, reference) < SINGLE_TOLERANCE


def test_one_double_among_the_data_makes_all_double() -> None:
    x, w = networks.tutorial().data(3)
    for inputs, weights in ((x.astype(np.float32), w), (x, w.astype(np.float32))):
        outputs = estimator("tutorial").forward(inputs, weights)
        expected = batched(readout(networks.expectations, networks.tutorial()), inputs, weights)
        assert outputs.dtype == np.float64
        assert error(outputs, expected) < DOUBLE_TOLERANCE


def test_a_network_under_the_global_flag_still_follows_its_data() -> None:
    x, w = networks.tutorial().data(3)
    qnn = estimator("tutorial")
    with jax.enable_x64(True):
        assert qnn.forward(x.astype(np.float32), w.astype(np.float32)).dtype == np.float32
        assert qnn.apply(w.astype(np.float32), x.astype(np.float32)).dtype == np.float32
        assert qnn.apply(w, x).dtype == np.float64
    assert qnn.apply(w.astype(np.float32), x.astype(np.float32)).dtype == np.float32


# ---------------------------------------------------------------- shapes
@pytest.mark.parametrize("batch", [(1,), (64,), (2, 3)])
def test_leading_axes_are_kept(batch: tuple[int, ...]) -> None:
    network, qnn = networks.tutorial(), estimator("tutorial", input_gradients=True)
    x, w = network.data(*batch)
    expected = batched(readout(networks.expectations, network), x, w)
    assert expected.shape == (*batch, 2)
    assert error(qnn.forward(x, w), expected) < DOUBLE_TOLERANCE
    input_grad, weight_grad = qnn.backward(x, w)
    assert input_grad.shape == (*batch, 2, 2)
    assert weight_grad.shape == (*batch, 2, 4)
    last = (0,) * (len(batch) - 1) + (batch[-1] - 1,)  # that a sample keeps its place
    one_input, one_weight = jacobians(readout(networks.expectations, network), x[last][None], w)
    assert error(input_grad[last], one_input[0]) < DERIVATIVE_TOLERANCE
    assert error(weight_grad[last], one_weight[0]) < DERIVATIVE_TOLERANCE


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch", [(0,), (2, 0)])
def test_an_empty_batch_gives_an_empty_result(kind: str, batch: tuple[int, ...]) -> None:
    qnn = KINDS[kind][0]("tutorial", input_gradients=True)
    x, w = np.zeros((*batch, 2)), np.zeros(4)
    shape = (*batch, *qnn.output_shape)
    assert qnn.forward(x, w).shape == shape
    assert [gradient.shape for gradient in qnn.backward(x, w)] == [(*shape, 2), (*shape, 4)]
    applied = qnn.apply(w.astype(np.float32), x.astype(np.float32))
    assert applied.shape == shape


def test_an_empty_batch_of_a_network_without_inputs() -> None:
    assert estimator("weights only").forward(np.zeros((0, 0)), np.zeros(4)).shape == (0, 2)


def test_a_vector_is_a_batch_of_one() -> None:
    network, qnn = networks.tutorial(), estimator("tutorial", input_gradients=True)
    x, w = network.data()
    expected = networks.expectations(network, x, w)
    for data in (x, list(x), tuple(x), x[None]):
        assert error(qnn.forward(data, w), expected[None]) < DOUBLE_TOLERANCE
    assert [gradient.shape for gradient in qnn.backward(x, w)] == [(1, 2, 2), (1, 2, 4)]


@pytest.mark.parametrize("inputs", [None, [], np.zeros((1, 0))])
def test_a_network_without_inputs(inputs: Any) -> None:
    network, qnn = networks.weights_only(), estimator("weights only", input_gradients=True)
    _, w = network.data()
    expected = networks.expectations(network, np.zeros(0), w)
    assert error(qnn.forward(inputs, w), expected[None]) < DOUBLE_TOLERANCE
    input_grad, weight_grad = qnn.backward(inputs, w)
    assert input_grad is None
    assert weight_grad.shape == (1, 2, 4)


def test_a_batch_for_a_network_without_inputs_repeats_its_outputs() -> None:
    network, qnn = networks.weights_only(), estimator("weights only", input_gradients=True)
    _, w = network.data()
    expected = networks.expectations(network, np.zeros(0), w)
    assert error(qnn.forward(np.zeros((5, 0)), w), np.tile(expected, (5, 1))) < DOUBLE_TOLERANCE
    assert qnn.backward(np.zeros((5, 0)), w)[1].shape == (5, 2, 4)
    applied = qnn.apply(w.astype(np.float32), np.zeros((2, 5, 0), np.float32))
    assert applied.shape == (2, 5, 2)


@pytest.mark.parametrize("number", [0.7, np.float64(0.7), np.array(0.7), [0.7], [[0.7]]])
@pytest.mark.parametrize("weights", [None, [], np.zeros(0)])
def test_a_number_for_a_network_with_one_input(number: Any, weights: Any) -> None:
    qnn = estimator("inputs only", input_gradients=True)
    expected = networks.expectations(networks.inputs_only(), np.array([0.7]), np.zeros(0))
    assert error(qnn.forward(number, weights), expected[None]) < DOUBLE_TOLERANCE
    input_grad, weight_grad = qnn.backward(number, weights)
    assert input_grad.shape == (1, 2, 1)
    assert weight_grad is None


def test_a_number_for_a_network_with_one_weight() -> None:
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("w"), 0)
    qnn = qjax.EstimatorQNN(circuit=circuit, weight_params=circuit.parameters)
    assert error(qnn.forward(None, 0.7), [[np.cos(0.7)]]) < DOUBLE_TOLERANCE
    input_grad, weight_grad = qnn.backward(None, 0.7)
    assert input_grad is None
    assert error(weight_grad, [[[-np.sin(0.7)]]]) < DOUBLE_TOLERANCE


def test_a_network_without_parameters() -> None:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    assert error(qjax.EstimatorQNN(circuit=circuit).forward(None, None), [[1]]) < DOUBLE_TOLERANCE
    outputs = qjax.SamplerQNN(circuit=circuit).forward(None, None)
    assert error(outputs, [[0.5, 0, 0, 0.5]]) < DOUBLE_TOLERANCE
    assert qjax.EstimatorQNN(circuit=circuit).backward(None, None) == (None, None)


def test_input_gradients_are_left_out_unless_asked_for() -> None:
    x, w = networks.tutorial().data(3)
    for build in (estimator, sampler):
        without, with_inputs = build("tutorial"), build("tutorial", input_gradients=True)
        assert not without.input_gradients
        assert with_inputs.input_gradients
        input_grad, weight_grad = without.backward(x, w)
        assert input_grad is None
        assert error(weight_grad, with_inputs.backward(x, w)[1]) < DOUBLE_TOLERANCE
    assert estimator("inputs only").backward([[0.7]], None) == (None, None)


def test_sizes() -> None:
    qnn = estimator("shuffled")
    assert (qnn.num_inputs, qnn.num_weights, qnn.output_shape) == (3, 3, (2,))
    assert tuple(qnn.input_params) == ("f", "a", "c")
    assert tuple(qnn.weight_params) == ("d", "b", "e")
    assert sampler("shuffled").output_shape == (8,)
    assert sampler("measured").output_shape == (8,)  # three clbits
    assert not qnn.sparse


def test_integers_are_numbers() -> None:
    network, qnn = networks.tutorial(), estimator("tutorial")
    expected = networks.expectations(network, np.array([1.0, 2.0]), np.arange(4.0))
    outputs = qnn.forward([1, 2], [0, 1, 2, 3])
    assert outputs.dtype == np.float64
    assert error(outputs[0], expected) < DOUBLE_TOLERANCE
    assert error(qnn.apply(jnp.arange(4), jnp.array([1, 2])), expected) < SINGLE_TOLERANCE


def test_half_precision_is_computed_in_single() -> None:
    network, qnn = networks.tutorial(), estimator("tutorial")
    x, w = (values.astype(np.float16) for values in network.data(3))
    expected = batched(readout(networks.expectations, network), x.astype(float), w.astype(float))
    for kind in (np.float16, jnp.bfloat16):
        assert qnn.forward(x.astype(kind), w.astype(kind)).dtype == np.float32
    assert error(qnn.forward(x, w), expected) < SINGLE_TOLERANCE


def test_arrays_of_any_layout() -> None:
    network, qnn = networks.tutorial(), estimator("tutorial")
    x, w = network.data(6)
    expected = batched(readout(networks.expectations, network), x, w)
    assert error(qnn.forward(np.asfortranarray(x), w), expected) < DOUBLE_TOLERANCE
    assert error(qnn.forward(x[::-2], w[::-1][::-1]), expected[::-2]) < DOUBLE_TOLERANCE
    frozen = x.copy()
    frozen.flags.writeable = False
    assert error(qnn.forward(frozen, w), expected) < DOUBLE_TOLERANCE


# ---------------------------------------------------------------- observables
OBSERVABLES: dict[str, Any] = {
    "label": "XY",
    "Pauli": Pauli("-XY"),
    "sum": SparsePauliOp(["XY", "ZI", "XY"], [0.3, -1.2, 0.5]),
    "operator": Operator(np.array([[1, 2j, 0, 0], [-2j, 3, 1, 0], [0, 1, 0, 0], [0, 0, 0, -1]])),
}


@pytest.mark.parametrize("name", OBSERVABLES)
def test_one_observable_is_one_output(name: str) -> None:
    network = networks.tutorial()
    x, w = network.data(2)
    qnn = qjax.EstimatorQNN(**network.arguments, observables=OBSERVABLES[name])
    assert qnn.output_shape == (1,)
    oracle = Network(network.circuit, network.inputs, network.weights, [OBSERVABLES[name]])
    expected = batched(readout(networks.expectations, oracle), x, w)
    assert error(qnn.forward(x, w), expected) < DOUBLE_TOLERANCE


def test_observables_of_all_kinds_together() -> None:
    network = networks.tutorial()
    x, w = network.data(2)
    several = list(OBSERVABLES.values())
    oracle = Network(network.circuit, network.inputs, network.weights, several)
    expected = batched(readout(networks.expectations, oracle), x, w)
    for given in (several, tuple(several)):
        qnn = qjax.EstimatorQNN(**network.arguments, observables=given)
        assert error(qnn.forward(x, w), expected) < DOUBLE_TOLERANCE


@pytest.mark.parametrize("name", ["tutorial", "shuffled"])
def test_the_default_observable_is_z_on_every_qubit(name: str) -> None:
    network = SMALL[name]()
    x, w = network.data(2)
    label = "Z" * network.circuit.num_qubits
    oracle = Network(network.circuit, network.inputs, network.weights, [label])
    expected = batched(readout(networks.expectations, oracle), x, w)
    qnn = qjax.EstimatorQNN(**network.arguments)
    assert error(qnn.forward(x, w), expected) < DOUBLE_TOLERANCE
