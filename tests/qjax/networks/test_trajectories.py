"""Networks and functions of a circuit by `Trajectories`, against density matrices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

import qjax
from qjax.noise import NoiseModel, amplitude_damping, depolarizing
from qjax.simulators import DensityMatrix, Trajectories

KEY = jax.random.key(7)
NOISE = NoiseModel().after("cx", depolarizing(0.1, 2)).after("ry", amplitude_damping(0.1))
MISREAD = NOISE.readout(0.1, 0.05)
RUNS = Trajectories(2000)
INPUTS, WEIGHTS = np.array([[0.4], [-0.9]], np.float32), np.array([0.3], np.float32)


def circuit():
    x, w = Parameter("x"), Parameter("w")
    circuit = QuantumCircuit(2)
    circuit.ry(x, 0)
    circuit.cx(0, 1)
    circuit.ry(w, 1)
    return circuit


def dynamic():
    circuit = QuantumCircuit(2, 2)
    circuit.ry(Parameter("w"), 0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.h(1)
    circuit.ry(Parameter("x"), 0)
    circuit.measure(0, 0)
    circuit.measure(1, 1)
    return circuit


def estimator(**options):
    options = {"simulator": RUNS, "noise": MISREAD, "observables": ["ZZ", "XI"]} | options
    return qjax.EstimatorQNN(circuit=circuit(), input_params=["x"], weight_params=["w"], **options)


def sampler(made=circuit, **options):
    options = {"simulator": RUNS, "noise": MISREAD} | options
    return qjax.SamplerQNN(circuit=made(), input_params=["x"], weight_params=["w"], **options)


def check(draws, exact):
    """Within four standard errors, which the draws tell."""
    draws = np.asarray(draws)
    errors = np.std(draws, axis=0, ddof=1) / np.sqrt(len(draws))
    assert (np.abs(np.mean(draws, axis=0) - exact) <= 4 * errors + 1e-5).all()


def test_values_and_derivatives_on_numpy_data():
    network, exact = estimator(), estimator().exact()
    assert isinstance(exact._model.simulator, DensityMatrix)
    assert network.needs_key
    assert not exact.needs_key
    check(
        [network.forward(INPUTS, WEIGHTS, seed=s) for s in range(20)], exact.apply(WEIGHTS, INPUTS)
    )
    slopes = [network.backward(INPUTS, WEIGHTS, seed=s)[1] for s in range(20)]
    check(slopes, exact.backward(INPUTS, WEIGHTS)[1])


@pytest.mark.parametrize("made", [circuit, dynamic])
def test_probabilities_and_derivatives_in_jax(made):
    """Those of measured qubits, and of the bits of a dynamic circuit."""
    network, factors = sampler(made), jnp.arange(8.0).reshape(2, 4)

    def value(weights, function):
        values = function(weights)
        return jnp.sum(values * factors), values

    def draw(key):
        of = jax.grad(value, has_aux=True)
        return of(jnp.asarray(WEIGHTS), lambda w: network.apply(w, INPUTS, key=key))

    slopes, values = jax.jit(jax.vmap(draw))(jax.random.split(KEY, 30))
    exact = jax.grad(value, has_aux=True)(
        jnp.asarray(WEIGHTS), lambda w: network.exact().apply(w, INPUTS)
    )
    check(slopes, exact[0])
    check(values, exact[1])


def test_the_older_names():
    parts = circuit(), ["x"], ["w"]
    options = {"simulator": RUNS, "noise": MISREAD}
    opflow = qjax.OpflowQNN(("ZX", parts[0]), *parts[1:], **options)
    probabilities = qjax.CircuitQNN(*parts, **options, seed=3)
    for network in (opflow, probabilities):
        values = network.apply(WEIGHTS, INPUTS, key=KEY)
        np.testing.assert_allclose(values, network.exact().apply(WEIGHTS, INPUTS), atol=0.06)
    assert np.array_equal(*(probabilities.forward(INPUTS, WEIGHTS) for _ in range(2)))


@pytest.mark.parametrize("made", [circuit, dynamic])
def test_samples_are_runs(made):
    """Each sample is a run of its own, in which bits are misread too."""
    options = {"simulator": RUNS, "noise": MISREAD, "seed": 4}
    network = qjax.CircuitQNN(made(), ["x"], ["w"], **options, sampling=True)
    assert network.output_shape == (2000, 1)
    states = network.forward(INPUTS, WEIGHTS)
    assert np.array_equal(states, network.sample(INPUTS, WEIGHTS))
    shares = np.array([np.bincount(row[:, 0], minlength=4) for row in states]) / 2000
    exact = np.asarray(sampler(made).exact().apply(WEIGHTS, INPUTS))
    assert (np.abs(shares - exact) <= 4.5 * np.sqrt(exact * (1 - exact) / 2000)).all()
    means = qjax.CircuitQNN(made(), ["x"], ["w"], **options)
    assert np.array_equal(means.sample(INPUTS, WEIGHTS), states)
    with pytest.raises(ValueError, match=r"shots: got 9 beside .*Trajectories\(9\)"):
        network.replace(shots=9)


def test_functions_of_a_circuit():
    params = np.array([0.3, 0.4])
    how = {"simulator": RUNS, "noise": MISREAD}
    estimate = qjax.estimate(circuit(), ["ZZ", "XI"], params, key=KEY, **how)
    values = qjax.expectation(circuit(), ["ZZ", "XI"], params, key=KEY, **how)
    np.testing.assert_array_equal(values, estimate.values)
    exact = qjax.expectation(circuit(), ["ZZ", "XI"], params, noise=MISREAD)
    assert (np.abs(values - exact) <= 4 * estimate.errors).all()
    shares = qjax.probabilities(circuit(), params, [1], noise=MISREAD)
    drawn = qjax.probabilities(circuit(), params, [1], key=KEY, **how)
    np.testing.assert_allclose(drawn, shares, atol=4 * 0.5 / np.sqrt(2000))
    whole = qjax.probabilities(circuit(), params, noise=MISREAD)
    samples = np.asarray(qjax.sample(circuit(), params, 2000, KEY, **how))
    counts = np.bincount(samples @ [1, 2], minlength=4) / 2000
    assert (np.abs(counts - whole) <= 4 * np.sqrt(whole * (1 - whole) / 2000)).all()
    assert "2000 runs" in str(qjax.plan(circuit(), **how))


def test_seeds_and_batches():
    network = estimator()
    assert np.array_equal(*(network.forward(INPUTS, WEIGHTS, seed=3) for _ in range(2)))
    assert not np.array_equal(*(network.forward(INPUTS, WEIGHTS) for _ in range(2)))
    evaluated = (qjax.evaluate(network, WEIGHTS, INPUTS, key=KEY) for _ in range(2))
    assert np.array_equal(*evaluated)
    values, jacobian = network.forward(INPUTS, WEIGHTS, seed=1), network.backward(INPUTS, WEIGHTS)
    assert values.shape == (2, 2)
    assert jacobian[1].shape == (2, 2, 1)
    assert "trajectories" in str(network.plan)
    assert network.replace(noise=None).exact()._model.simulator is None
    bound = circuit().assign_parameters({"x": 0.4})
    alone = qjax.EstimatorQNN(circuit=bound, weight_params=["w"], simulator=RUNS, noise=NOISE)
    drawn = alone.apply(WEIGHTS, np.zeros((20, 0)), key=KEY)
    assert len(np.unique(drawn)) > 5


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: estimator().apply(WEIGHTS, INPUTS), TypeError, r"Trajectories.*JAX random key"),
        (lambda: estimator(shots=9), ValueError, "samples are the runs"),
        (lambda: sampler(shots=9), ValueError, "samples are the runs"),
        (lambda: estimator(gradient="adjoint"), ValueError, "leave it out"),
        (lambda: of_functions("expectation"), TypeError, "key: runs of Trajectories"),
        (lambda: of_functions("expectation", shots=3, key=KEY), ValueError, "samples are the runs"),
        (lambda: of_functions("expectation", gradient="adjoint", key=KEY), ValueError, "gradient"),
        (lambda: of_functions("expectation", key=3), TypeError, "JAX random key"),
        (lambda: qjax.statevector(circuit(), [1.0, 2.0], simulator=RUNS), ValueError, "no state"),
        (lambda: sample(7), ValueError, "each is one shot"),
        (lambda: sample(2000, method="exact"), ValueError, "method: got 'exact'"),
        (lambda: estimator(simulator=Trajectories), TypeError, r"such as Trajectories\(1000\)"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call()


def of_functions(name, **options):
    return getattr(qjax, name)(circuit(), "ZZ", [0.3, 0.4], simulator=RUNS, **options)


def sample(shots, **options):
    return qjax.sample(circuit(), [0.3, 0.4], shots, KEY, simulator=RUNS, **options)
