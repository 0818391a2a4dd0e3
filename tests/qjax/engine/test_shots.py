"""Functions with shots: means and spreads of values and of gradients, against exact ones."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp

import qjax
from qjax.gradients import SPSA

A, B = Parameter("a"), Parameter("b")
REPEATS = 10_000
PARAMS = jnp.array([0.4, 1.3], jnp.float32)
OBSERVABLES = [
    SparsePauliOp(["ZZ", "XI", "YX", "II", "IZ"], [0.5, 0.3, -0.7, 2.0, 0.2]),
    "0+",
    "ZZ",
]


def two_term() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.ry(A, 0)
    circuit.cx(0, 1)
    circuit.rx(B, 1)
    return circuit


def four_term() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.crx(A, 0, 1)
    circuit.cry(B, 1, 0)
    return circuit


def shared() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.ry(A, 0)
    circuit.cx(0, 1)
    circuit.rx(A * B, 1)
    circuit.crz(A, 0, 1)
    circuit.ry(2 * B - A, 0)
    return circuit


def keys(count, seed=0):
    return jax.random.split(jax.random.key(seed), count)


def repeated(function, count=REPEATS):
    """Mean over keys, and its standard error."""
    values = np.asarray(jax.jit(jax.vmap(function))(keys(count)), np.float64)
    return values.mean(axis=0), values.std(axis=0) / np.sqrt(count)


def assert_mean(function, exact, count=REPEATS):
    mean, error = repeated(function, count)
    assert (np.abs(mean - np.asarray(exact)) <= 4 * error + 2e-6).all()


@pytest.mark.parametrize("make", [two_term, four_term, shared])
def test_gradients_are_those_of_exact_values_in_the_mean(make):
    circuit = qjax.from_qiskit(make())

    def loss(params, **options):
        return qjax.expectation(circuit, OBSERVABLES[0], params, **options)

    exact = jax.grad(loss)(PARAMS)
    assert_mean(lambda key: jax.grad(loss)(PARAMS, shots=20, key=key), exact)


def test_values_are_exact_ones_in_the_mean_and_spread_as_is_claimed():
    circuit, pure = qjax.from_qiskit(shared()), qjax.simulators.StateVector()
    exact = qjax.expectation(circuit, OBSERVABLES, PARAMS)

    def estimated(key):
        return qjax.estimate(circuit, OBSERVABLES, PARAMS, 50, key, simulator=pure)

    values, errors = jax.jit(jax.vmap(estimated))(keys(REPEATS))
    spread = np.asarray(values, np.float64).std(axis=0)
    assert (np.abs(np.mean(values, axis=0) - exact) < 4 * spread / np.sqrt(REPEATS)).all()
    claimed = np.sqrt((np.asarray(errors, np.float64) ** 2).mean(axis=0))
    np.testing.assert_allclose(claimed, spread, rtol=0.04)
    sampled = qjax.expectation(circuit, OBSERVABLES, PARAMS, shots=50, key=keys(REPEATS)[3])
    np.testing.assert_allclose(sampled, values[3], rtol=1e-5, atol=1e-6)


def test_terms_of_a_group_share_their_shots():
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    values = jax.vmap(lambda key: qjax.expectation(circuit, ["ZI", "IZ"], shots=9, key=key))
    first, second = values(keys(50)).T
    assert np.array_equal(first, second)
    assert np.std(first) > 0.1


def test_derivatives_of_values_that_are_sampled_may_be_exact():
    circuit = qjax.from_qiskit(four_term())

    def values(params, **options):
        return qjax.expectation(circuit, OBSERVABLES, params, **options)

    key = jax.random.key(3)
    exact = jax.jacrev(values)(PARAMS)
    for transform in (jax.jacrev, jax.jacfwd):
        ours = transform(lambda p: values(p, shots=10, key=key, gradient="exact"))(PARAMS)
        np.testing.assert_allclose(ours, exact, atol=2e-6)


def test_second_derivatives_are_exact_ones_in_the_mean():
    circuit = qjax.from_qiskit(two_term())

    def loss(params, **options):
        return qjax.expectation(circuit, "ZX", params, **options)

    exact = jax.hessian(loss)(PARAMS)
    assert_mean(lambda key: jax.hessian(loss)(PARAMS, shots=50, key=key), exact, 2000)


def test_spsa_is_the_gradient_in_the_mean_but_for_its_bias():
    circuit = qjax.from_qiskit(two_term())

    def loss(params, **options):
        return qjax.expectation(circuit, "ZX", params, **options)

    rule = SPSA(epsilon=0.02, batch_size=4)
    exact = jax.grad(loss)(PARAMS)
    draw = lambda key: jax.grad(loss)(PARAMS, shots=1000, key=key, gradient=rule)  # noqa: E731
    assert_mean(draw, exact, 3000)


def test_probabilities_are_shares_of_shots():
    circuit = qjax.from_qiskit(shared())

    def shares(params, **options):
        return qjax.probabilities(circuit, params, [1], **options)

    drawn = shares(PARAMS, shots=40, key=jax.random.key(0)) * 40
    np.testing.assert_allclose(drawn, np.round(drawn), atol=1e-4)
    exact = jax.jacrev(shares)(PARAMS)
    assert_mean(lambda key: jax.jacfwd(shares)(PARAMS, shots=40, key=key), exact, 3000)


def test_circuits_that_measure_midway():
    circuit = QuantumCircuit(2, 1)
    circuit.ry(A, 0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.rx(B, 1)
    converted = qjax.from_qiskit(circuit)

    def loss(params, **options):
        return qjax.expectation(converted, ["YI", "ZZ"], params, **options)

    exact = jax.jacrev(loss)(PARAMS)
    assert_mean(lambda key: jax.jacrev(loss)(PARAMS, shots=30, key=key), exact, 3000)


def test_noise_acts_before_what_is_measured_is_turned():
    circuit = qjax.from_qiskit(four_term())
    noise = qjax.noise.NoiseModel().after("h", qjax.noise.depolarizing(0.2))

    def loss(params, noise=noise, **options):
        return qjax.expectation(circuit, OBSERVABLES[0], params, noise=noise, **options)

    key = jax.random.key(0)
    assert_mean(lambda key: loss(PARAMS, shots=30, key=key), loss(PARAMS), 3000)
    exact = jax.grad(loss)(PARAMS)
    assert_mean(lambda key: jax.grad(loss)(PARAMS, shots=30, key=key), exact, 3000)
    by_strength = jax.grad(lambda n: loss(PARAMS, n))(noise)
    sampled = jax.grad(lambda n: loss(PARAMS, n, shots=9, key=key, gradient="exact"))(noise)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=1e-6), by_strength, sampled)
    with pytest.raises(ValueError, match="strengths of noise have no shift rule"):
        jax.grad(lambda n: loss(PARAMS, n, shots=9, key=key))(noise)


def assert_gradients_are_exact(function, shots=1_000_000):
    """Of so many shots that what is left out of a derivative is no noise."""
    exact = jax.jacfwd(function)(PARAMS)
    draw = functools.partial(function, shots=shots, key=jax.random.key(0))
    np.testing.assert_allclose(jax.jacfwd(draw)(PARAMS), exact, atol=0.008)
    return np.asarray(exact)


@pytest.mark.parametrize("strength", [0.0, 0.2])
def test_what_is_misread_jointly_depends_on_qubits_that_are_not_looked_at(strength):
    circuit = QuantumCircuit(2)
    circuit.ry(A, 0)
    circuit.ry(B, 1)
    matrix = np.array([[0.8, 0, 0, 0.2], [0.1, 0.9, 0, 0], [0, 0.6, 0.4, 0], [0.3, 0, 0, 0.7]])
    noise = qjax.noise.NoiseModel().readout(matrix, qubits=(0, 1))
    noise = noise.after("ry", qjax.noise.depolarizing(strength)) if strength else noise
    exact = assert_gradients_are_exact(
        lambda p, **options: qjax.probabilities(circuit, p, [0], noise=noise, **options)
    )
    assert (np.abs(exact) > 0.05).all()


def test_bits_of_outcomes_midway_are_misread_once_at_shifted_angles_too():
    circuit = QuantumCircuit(2, 2)
    circuit.ry(A, 0)
    circuit.measure(0, 0)
    circuit.ry(B, 0)
    circuit.cx(0, 1)
    circuit.measure(1, 1)
    noise = qjax.noise.NoiseModel().readout(0.15, 0.2)

    def shares(params, shots=None, **options):
        qnn = qjax.SamplerQNN(circuit=circuit, weight_params=[A, B], noise=noise, shots=shots)
        return qnn.apply(params, **options)

    assert_gradients_are_exact(shares)


def test_draws_follow_from_the_key():
    circuit = qjax.from_qiskit(shared())

    def draw(key):
        return qjax.expectation(circuit, OBSERVABLES, PARAMS, shots=100, key=key)

    every = jax.vmap(draw)(keys(3))
    for key, values in zip(keys(3), every, strict=True):
        np.testing.assert_allclose(draw(key), values, atol=1e-6)
        np.testing.assert_allclose(jax.jit(draw)(key), values, atol=1e-6)
    assert not np.array_equal(every[0], every[1])


def test_double_precision_stays_double():
    with jax.enable_x64(True):
        params = jnp.asarray([0.4, 1.3], jnp.float64)
        value = qjax.expectation(two_term(), "ZX", params, shots=10, key=jax.random.key(0))
        assert value.dtype == np.float64


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"shots": 5}, TypeError, "expected a JAX random key"),
        ({"key": jax.random.PRNGKey(0)}, TypeError, "nothing is drawn without shots="),
        ({"shots": 0, "key": jax.random.PRNGKey(0)}, ValueError, "at least 1"),
        ({"shots": 1.5, "key": jax.random.PRNGKey(0)}, TypeError, "whole number"),
        ({"shots": 5, "key": 3}, TypeError, "JAX random key"),
        (
            {"shots": 5, "key": jax.random.PRNGKey(0), "gradient": "adjoint"},
            ValueError,
            "not supported with shots=",
        ),
    ],
)
def test_errors(options, error, words):
    with pytest.raises(error, match=words):
        qjax.expectation(two_term(), "ZZ", PARAMS, **options)
    with pytest.raises(error, match=words):
        qjax.probabilities(two_term(), PARAMS, **options)


def test_amplitudes_have_no_shift_rule():
    circuit = QuantumCircuit(1)
    circuit.append(qjax.AmplitudeEncoding(1), [0])

    def value(params, **options):
        return qjax.expectation(circuit, "Z", params, shots=99, key=jax.random.key(0), **options)

    with pytest.raises(ValueError, match="amplitudes has no shift rule"):
        jax.grad(value)(PARAMS)
    assert np.isfinite(jax.grad(lambda p: value(p, gradient="exact"))(PARAMS)).all()
