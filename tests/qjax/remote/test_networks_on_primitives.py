"""Networks on Qiskit's primitives: values, derivatives, and how many circuits are sent.

The reference primitives are exact up to shots, so derivatives are compared with differences of
Qiskit's own statevectors, and with the simulated network.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import RVGate, real_amplitudes
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparsePauliOp

import qjax
from qjax.gradients import ParameterShift
from qjax.optimizers import natural_gradient
from qjax.primitives import Estimator, Sampler
from tests.circuits import error, random_circuit, random_observable, value_of
from tests.networks import SMALL, slope
from tests.qjax.qnns import DERIVATIVE_TOLERANCE, estimator
from tests.qjax.remote.on_primitives import Counting, on_estimator, oracle

# ---------------------------------------------------------------- values and derivatives


@pytest.mark.parametrize("name", SMALL)
def test_values_and_derivatives(name: str) -> None:
    primitive = Counting()
    network = on_estimator(name, primitive, input_gradients=True)
    inputs, weights = SMALL[name]().data(2)
    values, expected = oracle(name)
    np.testing.assert_allclose(network.forward(inputs, weights), values, atol=1e-12)
    for found, derivative in zip(network.backward(inputs, weights), expected, strict=True):
        if derivative.shape[-1]:
            np.testing.assert_allclose(found, derivative, atol=DERIVATIVE_TOLERANCE)
        else:
            assert found is None
    assert primitive.runs == [[count] for count in network.num_circuits(2)]


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit], ids=["eager", "compiled"])
@pytest.mark.parametrize("name", ["shuffled", "expressions", "controlled"])
def test_apply(name: str, transform: Callable[..., Any], x64: None) -> None:
    """Value and gradient travel in one pub."""
    primitive = Counting()
    network = on_estimator(name, primitive, input_gradients=True)
    inputs, weights = SMALL[name]().data(2)

    def loss(network: Any) -> Callable[..., jax.Array]:
        return lambda w, x: jnp.sum(jnp.sin(network.apply(w, x)))

    expected = jax.value_and_grad(loss(estimator(name)), (0, 1))(weights, inputs)
    found = transform(jax.value_and_grad(loss(network), (0, 1)))(weights, inputs)
    for left, right in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(left, right, atol=1e-12)
    assert primitive.runs == [[sum(network.num_circuits(2))]]


def test_higher_orders_forwards_and_backwards(x64: None) -> None:
    network, inputs = on_estimator("inputs only", StatevectorEstimator()), jnp.array([0.4])
    apply = jax.jit(lambda x: network.apply((), x))
    check_grads(apply, (inputs,), order=2, atol=1e-5, rtol=1e-5)


def test_hessian_in_weights_and_inputs(x64: None) -> None:
    inputs, weights = SMALL["shuffled"]().data(2)
    found = jax.jit(jax.hessian(on_estimator("shuffled", Estimator()).apply, (0, 1)))
    expected = jax.jit(jax.hessian(estimator("shuffled").apply, (0, 1)))
    pairs = zip(
        jax.tree.leaves(found(weights, inputs)),
        jax.tree.leaves(expected(weights, inputs)),
        strict=True,
    )
    for left, right in pairs:
        np.testing.assert_allclose(left, right, atol=1e-12)


def test_vmap_is_one_pub(x64: None) -> None:
    primitive = Counting()
    network = on_estimator("shuffled", primitive)
    inputs, weights = SMALL["shuffled"]().data(2, 3)
    several = np.stack([weights, weights + 0.1])
    mapped = jax.vmap(jax.vmap(network.apply, (None, 0)), (0, None))
    found, expected = mapped(several, inputs), [network.forward(inputs, w) for w in several]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert primitive.runs[0] == [12]


@settings(max_examples=12)
@given(st.integers(0, 2**32 - 1))
def test_random_circuits(seed: int) -> None:
    """Any gates, controls and expressions: values, and the derivative along a random direction."""
    rng = np.random.default_rng(seed)
    circuit = random_circuit(seed, 3, 10, symbolic=True)
    assume(all(gate.name != "rv" for gate in qjax.from_qiskit(circuit).ops))
    split = int(rng.integers(circuit.num_parameters + 1))
    observable = random_observable(rng, 3)
    network = qjax.EstimatorQNN(
        circuit=circuit,
        observables=observable,
        input_params=circuit.parameters[:split],
        weight_params=circuit.parameters[split:],
        input_gradients=True,
        estimator=StatevectorEstimator(),
    )
    at, direction = rng.uniform(-1, 1, (2, circuit.num_parameters))

    def value(step: float) -> np.ndarray:
        return np.array(value_of(circuit, observable, at + step * direction))

    assert error(network.forward(at[:split], at[split:]), value(0)[None, None]) < 1e-12
    parts = [each for each in network.backward(at[:split], at[split:]) if each is not None]
    found = np.concatenate([np.zeros((1, 1, 0)), *parts], axis=-1) @ direction
    assert error(found, slope(value)[None, None]) < 1e-9


def test_qiskit_ml_has_the_same_gradient() -> None:
    """Its rule differentiates what it supports: here, no controlled rotations."""
    gradients = pytest.importorskip("qiskit_machine_learning.gradients")
    ansatz = real_amplitudes(2, reps=1)
    observable = SparsePauliOp(["ZZ", "XI"], [1, 0.5])
    weights = np.random.default_rng(0).uniform(-2, 2, ansatz.num_parameters)
    job = gradients.ParamShiftEstimatorGradient(StatevectorEstimator()).run(
        [ansatz], [observable], [weights]
    )
    network = qjax.EstimatorQNN(
        circuit=ansatz,
        observables=observable,
        weight_params=ansatz.parameters,
        estimator=StatevectorEstimator(),
    )
    _, found = network.backward(None, weights)
    np.testing.assert_allclose(found[0, 0], job.result().gradients[0], atol=1e-12)


# ---------------------------------------------------------------- what a network is


def test_equality_and_copies() -> None:
    primitive = StatevectorEstimator()
    network = on_estimator("tutorial", primitive)
    assert network == on_estimator("tutorial", primitive, gradient="parameter_shift")
    assert hash(network) == hash(on_estimator("tutorial", primitive, gradient=ParameterShift()))
    assert network != on_estimator("tutorial", StatevectorEstimator())
    assert network != on_estimator("tutorial", primitive, gradient="spsa")
    assert network != on_estimator("tutorial", primitive, default_precision=0.1)
    assert network != estimator("tutorial")
    assert network.exact() == estimator("tutorial")
    assert copy.deepcopy(network) == network
    assert network.primitive is primitive
    assert network.exact().primitive is None


def test_trained_on_one_runs_on_the_other() -> None:
    network = on_estimator("tutorial", StatevectorEstimator())
    inputs, weights = (each.astype(np.float32) for each in SMALL["tutorial"]().data(2))
    natural = natural_gradient(network)  # the metric is simulated
    optimizer = optax.chain(natural, optax.scale(-0.1))
    gradient = jax.grad(lambda w: jnp.sum(network.apply(w, inputs)[:, 0]))
    updates, _ = optimizer.update(
        gradient(weights), optimizer.init(weights), weights, inputs=inputs
    )
    trained = weights + updates
    before, after = (network.exact().apply(w, inputs)[:, 0].sum() for w in (weights, trained))
    assert after < before
    np.testing.assert_allclose(
        network.apply(trained, inputs), estimator("tutorial").apply(trained, inputs), atol=1e-5
    )


def test_the_tutorials_names() -> None:
    two = qjax.TwoLayerQNN(2, estimator=StatevectorEstimator(), input_gradients=True)
    inputs, weights = np.ones((2, 2)), np.linspace(0, 1, two.num_weights)
    plain = qjax.TwoLayerQNN(2, input_gradients=True)
    assert error(two.forward(inputs, weights), plain.forward(inputs, weights)) < 1e-12
    for left, right in zip(
        two.backward(inputs, weights), plain.backward(inputs, weights), strict=True
    ):
        assert error(left, right) < 1e-11
    counts = qjax.CircuitQNN(two.circuit, two.input_params, two.weight_params, sampler=Sampler())
    assert counts.probabilities(inputs, weights).shape == (2, 4)
    assert counts.probability_gradients(inputs, weights)[1].shape == (2, 4, two.num_weights)


def rotation_vector() -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.append(RVGate(Parameter("x"), Parameter("w"), 0.2), [0])
    return circuit


def test_a_gate_without_a_shift_rule() -> None:
    arguments = {
        "circuit": rotation_vector(),
        "observables": ["X"],
        "input_params": ["x"],
        "estimator": StatevectorEstimator(),
    }
    with pytest.raises(ValueError, match=r"'rv' has no shift rule.*rotations.*spsa"):
        qjax.EstimatorQNN(**arguments, weight_params=["w"])
    spsa = qjax.EstimatorQNN(**arguments, weight_params=["w"], gradient="spsa")
    assert spsa.backward([0.1], [0.3])[1].shape == (1, 1, 1)
    arguments["circuit"] = rotation_vector().assign_parameters({"w": 0.4})
    fixed = qjax.EstimatorQNN(**arguments)  # nothing asks for derivatives in inputs
    assert error(fixed.forward([0.1], None), fixed.exact().forward([0.1], None)) < 1e-12
    with pytest.raises(ValueError, match="no shift rule"):
        jax.grad(lambda x: fixed.apply((), x)[0])(jnp.ones(1))
