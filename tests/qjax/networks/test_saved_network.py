"""What comes back from a file: forward and backward, a description, equality, copies, pickles."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import qjax
from bridge import TorchConnector
from tests import networks
from tests.circuits import DOUBLE_TOLERANCE, SINGLE_TOLERANCE
from tests.conftest import Compilations
from tests.qjax.networks.saved_networks import NAME, VALUES, WEIGHTS, samples
from tests.qjax.qnns import DERIVATIVE_TOLERANCE, estimator, sampler


def test_forward_and_backward_are_the_networks(double: bytes) -> None:
    """Shapes and values of the network that was saved; Jacobians are differences of Qiskit's."""
    live, inputs = estimator(NAME), samples(1, 2)
    loaded = qjax.load(double)
    found = loaded.forward(inputs, WEIGHTS)
    assert found.dtype == np.float64
    np.testing.assert_allclose(
        found, networks.batched(VALUES, inputs, WEIGHTS), atol=DOUBLE_TOLERANCE
    )
    by_input, by_weight = loaded.backward(inputs, WEIGHTS)
    assert by_input is None  # as it was made
    _, slopes = networks.jacobians(VALUES, inputs, WEIGHTS)
    np.testing.assert_allclose(by_weight, slopes, atol=1e-9)
    for batch in ((), (0,), (4,)):
        shape = loaded.forward(samples(*batch), WEIGHTS).shape
        assert shape == live.forward(samples(*batch), WEIGHTS).shape
    assert loaded.backward(inputs[0, 0], WEIGHTS)[1].shape == (1, 2, 4)


def test_backward_in_inputs() -> None:
    loaded = qjax.load(qjax.export(estimator(NAME, input_gradients=True), batch_size=2))
    inputs = samples(3)
    found = loaded.backward(inputs.tolist(), WEIGHTS.tolist())  # lists have no dtype to lose
    for jacobian, expected in zip(found, networks.jacobians(VALUES, inputs, WEIGHTS), strict=True):
        assert jacobian.dtype == np.float32
        assert jacobian.flags.writeable
        np.testing.assert_allclose(jacobian, expected, atol=100 * SINGLE_TOLERANCE)


def test_forward_of_other_networks() -> None:
    sparse = sampler(NAME, sparse=True)
    loaded = qjax.load(qjax.export(sparse, batch_size=1, dtype=np.float64))
    for found, expected in (
        (loaded.forward(samples(2), WEIGHTS), sparse.forward(samples(2), WEIGHTS)),
        (loaded.backward(samples(2), WEIGHTS)[1], sparse.backward(samples(2), WEIGHTS)[1]),
    ):
        assert type(found) is type(expected)
        np.testing.assert_allclose(found.todense(), expected.todense(), atol=DOUBLE_TOLERANCE)
    inputs_only = estimator("inputs only", input_gradients=False)
    loaded = qjax.load(qjax.export(inputs_only, batch_size=1, vjp_order=0))
    assert loaded.backward([0.3], None) == inputs_only.backward([0.3], None) == (None, None)
    np.testing.assert_allclose(loaded.init(jax.random.key(0)), np.zeros(0))
    key = jax.random.key(1)
    np.testing.assert_array_equal(qjax.load(qjax.export(sparse)).init(key), sparse.init(key))


def test_forward_refuses_what_the_network_refuses(saved: bytes) -> None:
    loaded, live = qjax.load(saved), estimator(NAME)
    single = WEIGHTS.astype(np.float32)
    for arguments in (
        (np.zeros(3, np.float32), single),
        (single, np.zeros(2, np.float32)),
        (np.float32([np.nan, 0]), single),
        (np.float32([1, 0]), single * np.float32(np.inf)),
        (np.complex64([1, 0]), single),
        ("text", single),
        (np.zeros((2, 2), np.float32), {"a": single}),
    ):
        messages = []
        for network in (live, loaded):
            for call in (network.forward, network.backward):
                with pytest.raises((ValueError, TypeError)) as caught:
                    call(*arguments)
                messages.append((caught.type, str(caught.value)))
        assert len(set(messages)) == 1
    with pytest.raises(TypeError, match=r"float64 data.*float32.*astype"):
        loaded.forward(samples(2), single)
    without = qjax.load(qjax.export(live, vjp_order=0))
    with pytest.raises(ValueError, match="vjp_order=1"):
        without.backward(np.zeros(2, np.float32), single)


def test_description(saved: bytes) -> None:
    loaded = qjax.load(saved)
    assert (loaded.num_inputs, loaded.num_weights, loaded.output_shape) == (2, 4, (2,))
    assert (loaded.dtype, loaded.batch_size, loaded.vjp_order) == ("float32", 4, 1)
    assert loaded.platforms == (jax.default_backend(),)
    assert loaded.num_qubits == 2
    assert not loaded.sparse
    assert dict(loaded.versions)["jax"] == jax.__version__
    assert qjax.load(qjax.export(sampler(NAME, sparse=True), batch_size=1, vjp_order=0)).sparse
    assert qjax.load(qjax.export(estimator(NAME), vjp_order=0)).batch_size == 64


def test_equal_contents_are_equal_networks(saved: bytes, double: bytes) -> None:
    assert qjax.load(saved) == qjax.load(saved)
    assert len({qjax.load(saved), qjax.load(saved), qjax.load(double)}) == 2


@pytest.mark.usefixtures("full_compilation")
def test_settings_change_in_a_copy(saved: bytes) -> None:
    loaded = qjax.load(saved)
    with pytest.raises(
        dataclasses.FrozenInstanceError,
        match=r"dataclasses\.replace\(network, input_gradients=True\)",
    ):
        loaded.input_gradients = True  # type: ignore[misc]
    with pytest.raises(AttributeError, match=r"^num_inputs: .* Export another one$"):
        loaded.num_inputs = 3  # type: ignore[misc]
    other = dataclasses.replace(loaded, input_gradients=True)
    assert (other.input_gradients, loaded.input_gradients) == (True, False)
    by_input, by_weight = other.backward(samples(1).tolist(), WEIGHTS.tolist())
    assert by_input.shape == (1, 2, 2)
    np.testing.assert_array_equal(
        by_weight, loaded.backward(samples(1).tolist(), WEIGHTS.tolist())[1]
    )


def test_pickled_networks_are_whole(saved: bytes) -> None:
    loaded = dataclasses.replace(qjax.load(saved), input_gradients=True)
    again = pickle.loads(pickle.dumps(loaded))
    assert (again, hash(again), again.input_gradients) == (loaded, hash(loaded), True)
    assert copy.deepcopy(loaded) == loaded
    weights = WEIGHTS.astype(np.float32)
    np.testing.assert_array_equal(
        again.forward(samples(2).tolist(), weights), loaded.forward(samples(2).tolist(), weights)
    )


def test_what_programs_of_jax_cannot_is_told(saved: bytes) -> None:
    loaded, x, w = qjax.load(saved), np.float32(samples(2)), np.float32(WEIGHTS)
    with pytest.raises(TypeError, match=r"no vmap; give inputs leading axes"):
        jax.vmap(loaded.apply, (None, 0))(w, x)
    for forward in (jax.hessian, jax.jacfwd):
        with pytest.raises(TypeError, match=r"no forward mode .* use jax\.grad or jax\.vjp"):
            forward(lambda w: jnp.sum(loaded.apply(w, x)))(w)


def test_calls_do_not_recompile(saved: bytes, compilations: Compilations) -> None:
    loaded = qjax.load(saved)
    inputs = jnp.asarray(samples(6), jnp.float32)
    points = [jnp.asarray(scale * WEIGHTS, jnp.float32) for scale in (1, 2, 3)]
    jax.block_until_ready(loaded.apply(points[0], inputs))
    compilations.reset()
    for weights in points[1:]:
        jax.block_until_ready(loaded.apply(weights, inputs))
    assert (compilations.traces, compilations.count) == (0, 0)


def test_torch_trains_a_loaded_network(double: bytes) -> None:
    module = TorchConnector(qjax.load(double), WEIGHTS).double()
    inputs = torch.tensor(samples(5), requires_grad=True)
    loss = module(inputs).square().sum()
    loss.backward()
    weights = WEIGHTS.astype(np.float32).astype(np.float64)  # the connector keeps them in single
    expected = networks.gradient(
        lambda w: float(np.sum(networks.batched(VALUES, samples(5), w) ** 2)), weights
    )
    np.testing.assert_allclose(module.weight.grad, expected, atol=1e2 * DERIVATIVE_TOLERANCE)
    assert inputs.grad is None  # the network was built with input_gradients=False


def test_evaluate_runs_a_loaded_network(saved: bytes, compilations: Compilations) -> None:
    loaded, inputs = qjax.load(saved), samples(23).astype(np.float32)
    found = qjax.evaluate(loaded, WEIGHTS.astype(np.float32), inputs, batch_size=8)
    assert compilations.count == 1
    expected = networks.batched(VALUES, inputs, WEIGHTS)
    np.testing.assert_allclose(found, expected, atol=SINGLE_TOLERANCE)
