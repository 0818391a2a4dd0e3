"""The pure function underneath: transformations of JAX, and what is compiled when."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import real_amplitudes

import qjax
from tests import networks
from tests.circuits import DOUBLE_TOLERANCE, SINGLE_TOLERANCE, error
from tests.networks import (
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
    parity,
)


# ---------------------------------------------------------------- the pure function
def scalar(network: Network) -> Callable[[np.ndarray], float]:
    """Qiskit's sum of squared outputs over a batch, of weights and inputs in one vector."""

    def loss(values: np.ndarray) -> float:
        count = len(network.weights)
        inputs = values[count:].reshape(-1, len(network.inputs))
        outputs = batched(readout(networks.expectations, network), inputs, values[:count])
        return float((outputs**2).sum())

    return loss


def flat_loss(qnn: qjax.EstimatorQNN) -> Callable[[jax.Array], jax.Array]:
    """The same of our own."""

    def loss(values: jax.Array) -> jax.Array:
        weights, inputs = values[: qnn.num_weights], values[qnn.num_weights :]
        return (qnn.apply(weights, inputs.reshape(-1, qnn.num_inputs)) ** 2).sum()

    return loss


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
@pytest.mark.parametrize("kind", KINDS)
def test_apply_keeps_leading_axes_eagerly_and_jitted(kind: str, batch: tuple[int, ...]) -> None:
    build, oracle = KINDS[kind]
    network, qnn = networks.shuffled(), build("shuffled")
    x, w = network.data(*batch)
    expected = batched(readout(oracle, network), x.reshape(-1, 3), w)
    expected = expected.reshape(*batch, *qnn.output_shape)
    outputs = qnn.apply(w, x)
    assert isinstance(outputs, jax.Array)
    assert error(outputs, expected) < DOUBLE_TOLERANCE
    assert error(jax.jit(qnn.apply)(w, x), expected) < DOUBLE_TOLERANCE


@pytest.mark.usefixtures("x64")
def test_apply_under_grad_and_hessian() -> None:
    network, qnn = networks.expressions(), estimator("expressions")
    x, w = network.data(2)
    point = np.concatenate([w, x.ravel() / 3])
    loss, oracle = flat_loss(qnn), scalar(network)
    value, gradient = jax.jit(jax.value_and_grad(loss))(point)
    assert error(value, oracle(point)) < DOUBLE_TOLERANCE * 10

    assert error(gradient, networks.gradient(oracle, point)) < 1e-9
    direction = np.random.default_rng(0).uniform(1, 2, len(point))
    along = slope(lambda t: networks.gradient(oracle, point + t * direction))
    assert error(jax.jit(jax.hessian(loss))(point) @ direction, along) < 1e-7


@pytest.mark.usefixtures("x64")
def test_apply_under_jvp_and_its_transpose() -> None:
    network, qnn = networks.shuffled(), estimator("shuffled")
    (x, w), (dx, dw) = network.data(3), network.data(3, seed=1)
    oracle = readout(networks.expectations, network)
    expected = slope(lambda t: batched(oracle, x + t * dx, w + t * dw))
    _, tangent = jax.jit(lambda *primals: jax.jvp(qnn.apply, primals, (dw, dx)))(w, x)
    assert error(tangent, expected) < DERIVATIVE_TOLERANCE
    _, pull = jax.vjp(qnn.apply, w, x)
    cotangent = np.random.default_rng(0).normal(size=expected.shape)
    weight_cotangent, input_cotangent = pull(jnp.asarray(cotangent))
    both = (weight_cotangent * dw).sum() + (input_cotangent * dx).sum()
    assert error(both, (cotangent * expected).sum()) < 1e-9


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["expressions", "controlled"])
def test_vmap_over_inputs_and_over_weights(kind: str, name: str) -> None:
    build, oracle = KINDS[kind]
    network, qnn = SMALL[name](), build(name)
    x, _ = network.data(3)
    weights = np.stack([network.data(seed=seed)[1] for seed in range(2)])
    expected = [batched(readout(oracle, network), x, w) for w in weights]
    over_inputs = jax.jit(jax.vmap(qnn.apply, (None, 0)))
    assert error(over_inputs(weights[0], x), expected[0]) < DOUBLE_TOLERANCE
    over_weights = jax.jit(jax.vmap(qnn.apply, (0, None)))
    assert error(over_weights(weights, x), np.stack(expected)) < DOUBLE_TOLERANCE


@pytest.mark.usefixtures("x64")
def test_vmap_of_the_gradient_over_both_arguments() -> None:
    network, qnn = networks.shuffled(), estimator("shuffled")
    x, _ = network.data(2)
    weights = np.stack([network.data(seed=seed)[1] for seed in range(2)])
    gradients = jax.jit(jax.vmap(jax.jacrev(qnn.apply)))(weights, x)
    for gradient, row, w in zip(gradients, x, weights, strict=True):
        reference = jacobians(readout(networks.expectations, network), row[None], w)[1][0]
        assert error(gradient, reference) < DERIVATIVE_TOLERANCE


def test_gradients_in_the_inputs_whatever_input_gradients_says() -> None:
    network, qnn = networks.shuffled(), estimator("shuffled")
    assert not qnn.input_gradients
    x, w = network.data(1)
    gradient = jax.jacobian(qnn.apply, 1)(w.astype(np.float32), x[0].astype(np.float32))
    reference = jacobians(readout(networks.expectations, network), x, w)[0][0]
    assert error(gradient, reference) < SINGLE_TOLERANCE


# ---------------------------------------------------------------- compiled once
def test_nothing_is_compiled_again_for_new_numbers(compilations: Any) -> None:
    network = networks.measured()
    qnn = qjax.EstimatorQNN(**network.arguments, observables=["XYZ", "ZII"], input_gradients=True)

    def use(seed: int) -> None:
        x, w = network.data(3, seed=seed)
        qnn.forward(x, w)
        qnn.backward(x, w)
        qnn.apply(w.astype(np.float32), x.astype(np.float32)).block_until_ready()

    use(0)
    before = compilations.count
    assert before >= 3
    for seed in (1, 2):
        use(seed)
    assert compilations.count == before


def test_nothing_is_compiled_again_for_an_equal_network(compilations: Any) -> None:
    def build() -> qjax.SamplerQNN:
        ansatz = real_amplitudes(2, reps=2)  # every call makes other parameter objects
        return qjax.SamplerQNN(
            circuit=ansatz, weight_params=ansatz.parameters, interpret=parity, output_shape=2
        )

    static = jax.jit(qjax.SamplerQNN.apply, static_argnums=0)

    def use(qnn: qjax.SamplerQNN, seed: int) -> None:
        weights = np.random.default_rng(seed).normal(size=6)
        qnn.forward(None, weights)
        qnn.backward(None, weights)
        single = weights.astype(np.float32), np.zeros(0, np.float32)
        qnn.apply(*single).block_until_ready()
        static(qnn, *single).block_until_ready()

    first, second = build(), build()
    use(first, 0)
    before = compilations.count
    assert before >= 4
    use(second, 1)
    assert compilations.count == before


def test_a_network_without_inputs_is_called_without() -> None:
    """<Z> after RX(a) is cos a, live and saved; where there are inputs, they are asked for."""
    circuit = QuantumCircuit(1)
    circuit.rx(Parameter("a"), 0)
    qnn = qjax.EstimatorQNN(circuit=circuit, weight_params=["a"])
    saved = qjax.load(qjax.export(qnn, batch_size=1, dtype=np.float32))
    weights = np.array([0.3], np.float32)
    for found in (qnn, saved):
        np.testing.assert_allclose(found.apply(weights), [np.cos(0.3)], atol=SINGLE_TOLERANCE)
    other = qjax.EstimatorQNN(circuit=circuit, input_params=["a"])
    with pytest.raises(ValueError, match=r"inputs: expected shape \(..., 1\), got \(0,\).*: a$"):
        other.apply(None)
