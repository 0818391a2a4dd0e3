"""Networks with shots: what they need, and what follows from keys and seeds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import real_amplitudes, z_feature_map

import qjax
from qjax.gradients import SPSA, ParameterShift

FEATURES, ANSATZ = z_feature_map(2, reps=1), real_amplitudes(2, reps=1)
INPUTS = np.array([[0.1, 0.7], [-0.4, 0.2], [1.0, 2.0]], np.float32)
WEIGHTS = np.array([0.3, -0.2, 1.1, 0.6], np.float32)
KEY = jax.random.key(5)


def parts():
    circuit = QuantumCircuit(2)
    circuit.compose(FEATURES, inplace=True)
    circuit.compose(ANSATZ, inplace=True)
    return {
        "circuit": circuit,
        "input_params": FEATURES.parameters,
        "weight_params": ANSATZ.parameters,
    }


def estimator(**options):
    return qjax.EstimatorQNN(**parts(), observables=["ZZ", "XI"], **options)


def sampler(**options):
    return qjax.SamplerQNN(
        **parts(), interpret=lambda k: k.bit_count() % 2, output_shape=2, **options
    )


KINDS = {
    "estimator": estimator,
    "sampler": sampler,
    "two layers": lambda **options: qjax.TwoLayerQNN(
        feature_map=FEATURES, ansatz=ANSATZ, observable="ZX", **options
    ),
    "opflow": lambda **options: qjax.OpflowQNN(
        ("ZX", parts()["circuit"]), FEATURES.parameters, ANSATZ.parameters, **options
    ),
    "circuit": lambda **options: qjax.CircuitQNN(*parts().values(), **options),
}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_all_networks_take_shots(make):
    exact, drawn = make(input_gradients=True), make(shots=1 << 20, input_gradients=True)
    assert drawn.needs_key
    assert not exact.needs_key
    assert drawn.shots == 1 << 20
    assert drawn == drawn.replace() != exact
    assert drawn.exact() == exact == drawn.replace(shots=None)
    values = drawn.apply(WEIGHTS, INPUTS, key=KEY)
    np.testing.assert_allclose(values, exact.apply(WEIGHTS, INPUTS), atol=6e-3)
    for ours, theirs in zip(
        drawn.backward(INPUTS, WEIGHTS, seed=1), exact.backward(INPUTS, WEIGHTS), strict=True
    ):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, atol=1.5e-2)


def test_the_rule_is_what_was_chosen():
    assert estimator(shots=9).gradient == ParameterShift()
    assert estimator(shots=9, gradient="exact").gradient == "exact"
    assert estimator(shots=9, gradient=SPSA(0.2)).gradient == SPSA(0.2)
    exact = estimator().backward(INPUTS, WEIGHTS)[1]
    ours = estimator(shots=9, gradient="exact").backward(INPUTS, WEIGHTS, seed=0)[1]
    np.testing.assert_allclose(ours, exact, atol=1e-6)


def test_seeds_and_keys_fix_the_draws():
    network = estimator(shots=50)
    assert np.array_equal(*(network.forward(INPUTS, WEIGHTS, seed=3) for _ in range(2)))
    assert not np.array_equal(*(network.forward(INPUTS, WEIGHTS) for _ in range(2)))
    assert not np.array_equal(*(network.forward(INPUTS, WEIGHTS, seed=s) for s in (3, 2**40)))
    eager = network.apply(WEIGHTS, INPUTS, key=KEY)
    compiled = jax.jit(lambda key: network.apply(WEIGHTS, INPUTS, key=key))
    np.testing.assert_array_equal(compiled(KEY), eager)
    evaluated = (qjax.evaluate(network, WEIGHTS, INPUTS, 2, seed=1) for _ in range(2))
    assert np.array_equal(*evaluated)
    fixed = KINDS["circuit"](shots=50, seed=4)
    assert np.array_equal(*(fixed.forward(INPUTS, WEIGHTS) for _ in range(2)))


def test_samples_have_draws_of_their_own():
    same = np.repeat(INPUTS[:1], 40, axis=0)
    assert len(np.unique(estimator(shots=1000).apply(WEIGHTS, same, key=KEY)[:, 0])) > 5
    circuit = real_amplitudes(1, reps=1)
    alone = qjax.EstimatorQNN(circuit=circuit, weight_params=circuit.parameters, shots=1000)
    assert len(np.unique(alone.apply(WEIGHTS[:2], np.zeros((40, 0)), key=KEY))) > 5


def test_training_steps_compile_once():
    network, traces = estimator(shots=20), 0

    @jax.jit
    def step(weights, key):
        nonlocal traces
        traces += 1
        gradient = jax.grad(lambda w: jnp.sum(network.apply(w, INPUTS, key=key) ** 2))
        return weights - 0.1 * gradient(weights)

    weights = jnp.asarray(WEIGHTS)
    for key in jax.random.split(KEY, 3):
        weights = step(weights, key)
    assert traces == 1
    assert np.isfinite(weights).all()


def test_eager_calls_trace_nothing_again(monkeypatch):
    network = estimator(shots=20)
    network.apply(WEIGHTS, INPUTS, key=KEY)
    network.forward(INPUTS, WEIGHTS, seed=0)
    network.backward(INPUTS, WEIGHTS, seed=0)
    counted = []
    monkeypatch.setattr("qjax._engine.model.outputs", lambda *_: counted.append(1))
    network.apply(WEIGHTS, INPUTS, key=jax.random.key(9))
    network.forward(INPUTS, WEIGHTS, seed=7)
    network.backward(INPUTS, WEIGHTS, seed=7)
    assert not counted


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: estimator(shots=9).apply(WEIGHTS, INPUTS), TypeError, "expected a JAX random key"),
        (lambda: estimator().apply(WEIGHTS, INPUTS, key=KEY), TypeError, "nothing is drawn"),
        (lambda: estimator(shots=9).apply(WEIGHTS, INPUTS, key=3), TypeError, "JAX random key"),
        (lambda: estimator().forward(INPUTS, WEIGHTS, seed=1), TypeError, "nothing is drawn"),
        (lambda: estimator(shots=9).forward(INPUTS, WEIGHTS, seed=0.5), ValueError, "seed"),
        (lambda: estimator(shots=0), ValueError, "at least 1"),
        (lambda: estimator(shots=True), TypeError, "whole number"),
        (lambda: estimator(shots=9, gradient="adjoint"), ValueError, "with shots="),
        (lambda: qjax.export(estimator(shots=9)), ValueError, "outputs are drawn"),
        (lambda: qjax.evaluate(estimator(), WEIGHTS, INPUTS, seed=1), TypeError, "nothing"),
        (
            lambda: qjax.evaluate(estimator(shots=9), WEIGHTS, INPUTS, seed=1, key=KEY),
            ValueError,
            "one of them",
        ),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_shots_beside_an_estimator_are_refused():
    with pytest.raises(ValueError, match="default_precision"):
        estimator(shots=9, estimator=qjax.primitives.Estimator())
