"""Networks on Qiskit's primitives: values, derivatives, and how many circuits are sent.

The reference primitives are exact up to shots, so derivatives are compared with differences of
Qiskit's own statevectors, and with the simulated network.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit.circuit.library import RVGate, real_amplitudes
from qiskit.primitives import (
    BackendEstimatorV2,
    BackendSamplerV2,
    StatevectorEstimator,
    StatevectorSampler,
)
from qiskit.providers.basic_provider import BasicSimulator
from qiskit.quantum_info import Operator, SparsePauliOp
from qiskit.transpiler import PassManager, generate_preset_pass_manager

import qjax
from qjax._circuit.circuit import Amplitudes, Circuit
from qjax._expressions import constant, parameter
from qjax.gradients import SPSA, ParameterShift
from qjax.optimizers import natural_gradient
from qjax.primitives import Estimator, Sampler
from tests import networks
from tests.circuits import error, random_circuit, random_observable, value_of
from tests.networks import SMALL, batched, jacobians, readout, slope
from tests.qjax.qnns import DERIVATIVE_TOLERANCE, estimator, parity, sampled, sampler


class Counting(StatevectorEstimator):
    """Remembers the parameter sets of every pub, run by run."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[list[int]] = []
        self.precisions: list[float | None] = []

    def run(self, pubs: Any, *, precision: float | None = None) -> Any:
        pubs = list(pubs)
        self.runs.append([len(pub[2]) if len(pub) > 2 else 1 for pub in pubs])
        self.precisions.append(precision)
        return super().run(pubs, precision=precision)


def on_estimator(name: str, primitive: Any, **options: Any) -> qjax.EstimatorQNN:
    network = SMALL[name]()
    return qjax.EstimatorQNN(
        **network.arguments, observables=network.observables, estimator=primitive, **options
    )


def on_sampler(name: str, primitive: Any, **options: Any) -> qjax.SamplerQNN:
    return qjax.SamplerQNN(**SMALL[name]().arguments, sampler=primitive, **options)


@cache
def oracle(name: str) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Qiskit's values, and derivatives by differences."""
    network = SMALL[name]()
    function = readout(networks.expectations, network)
    return batched(function, *network.data(2)), jacobians(function, *network.data(2))


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


# ---------------------------------------------------------------- how many circuits are sent


def test_number_of_circuits() -> None:
    """Two for a rotation, four for a controlled one; none for what does not move or is not seen."""
    x, w, v = Parameter("x"), Parameter("w"), Parameter("v")
    circuit = QuantumCircuit(3, global_phase=w)
    circuit.ry(x, 0)
    circuit.ry(w, 0)
    circuit.crx(w * x, 0, 1)
    circuit.cp(w, 0, 1)
    circuit.rx(0.3, 1)
    circuit.rz(w, 1)  # commutes with Z
    circuit.ry(v, 2)  # another qubit
    arguments = {
        "circuit": circuit,
        "observables": "IZI",
        "input_params": [x],
        "weight_params": [w, v],
        "estimator": StatevectorEstimator(),
    }
    network = qjax.EstimatorQNN(**arguments)
    assert network.num_circuits() == (1, 2 + 4 + 2)
    assert network.num_circuits(5) == (5, 40)
    assert qjax.EstimatorQNN(**arguments, input_gradients=True).num_circuits(5) == (5, 50)
    assert qjax.EstimatorQNN(**arguments, gradient=SPSA(batch_size=3)).num_circuits(5) == (5, 30)
    assert network.exact().num_circuits(5) == (0, 0)
    assert error(network.backward([0.3], [0.5, 1])[1][..., 1], np.zeros((1, 1))) == 0


def test_samples_without_inputs_are_sent_once() -> None:
    primitive = Counting()
    network = on_estimator("weights only", primitive)
    _, weights = SMALL["weights only"]().data()
    assert network.forward(np.zeros((5, 0)), weights).shape == (5, 2)
    assert network.backward(np.zeros((5, 0)), weights)[1].shape == (5, 2, 4)
    assert network.apply(weights, np.zeros((2, 3, 0))).shape == (2, 3, 2)
    assert primitive.runs == [[count] for count in network.num_circuits(5)] + [[1]]


def test_nothing_is_sent_for_no_samples() -> None:
    primitive = Counting()
    network = on_estimator("shuffled", primitive)
    assert network.forward(np.zeros((0, 3)), np.zeros(3)).shape == (0, 2)
    assert network.backward(np.zeros((0, 3)), np.zeros(3))[1].shape == (0, 2, 3)
    assert network.apply(np.zeros(3), np.zeros((0, 3))).shape == (0, 2)
    assert primitive.runs == []


def test_evaluate_sends_each_sample_once() -> None:
    primitive = Counting()
    network = on_estimator("shuffled", primitive)
    inputs, weights = SMALL["shuffled"]().data(7)
    found = qjax.evaluate(network, weights, inputs, batch_size=4)
    np.testing.assert_allclose(found, estimator("shuffled").forward(inputs, weights), atol=1e-12)
    assert primitive.runs == [[4], [3]]


def test_precision_is_asked_for() -> None:
    primitive = Counting()
    on_estimator("shuffled", primitive, default_precision=0.25).forward(np.zeros(3), np.zeros(3))
    on_estimator("shuffled", primitive).forward(np.zeros(3), np.zeros(3))
    assert primitive.precisions == [0.25, None]


# ---------------------------------------------------------------- SPSA


@pytest.mark.parametrize("with_inputs", [False, True])
def test_spsa_tends_to_the_gradient(with_inputs: bool) -> None:
    """The standard error of each component is at most the norm of the gradient over 50."""
    choice = SPSA(1e-3, 2500, seed=2)
    options = {"gradient": choice, "input_gradients": with_inputs}
    network = on_estimator("shuffled", Estimator(), **options)
    inputs, weights = SMALL["shuffled"]().data(2)
    expected = estimator("shuffled", input_gradients=with_inputs).backward(inputs, weights)
    norm = np.sqrt(sum(np.sum(np.square(each)) for each in expected if each is not None))
    for found, exact in zip(network.backward(inputs, weights), expected, strict=True):
        assert (found is None) == (exact is None)
        assert found is None or error(found, exact) < 5 * norm / 50


def test_spsa_of_one_parameter_is_a_difference(x64: None) -> None:
    """Either direction gives the same quotient: a difference of Qiskit's values."""
    network = on_estimator("inputs only", StatevectorEstimator(), gradient=SPSA(0.1))
    function = readout(networks.expectations, SMALL["inputs only"]())
    at = np.array([0.4])
    expected = (function(at + 0.1, np.zeros(0)) - function(at - 0.1, np.zeros(0))) / 0.2
    for derivative in (jax.jacfwd, jax.jacrev):
        found = derivative(lambda x: network.apply((), x))(at)
        np.testing.assert_allclose(found[:, 0], expected, atol=1e-12)


def test_spsa_draws_from_seed_and_point(x64: None) -> None:
    inputs, weights = SMALL["tutorial"]().data(3)

    def signs(weights: np.ndarray, seed: int) -> np.ndarray:
        network = on_estimator("tutorial", Estimator(), gradient=SPSA(1e-3, seed=seed))
        found = network.backward(inputs, weights)[1][:, 0]
        return np.sign(found * found[:, :1])

    network = on_estimator("tutorial", Estimator(), gradient=SPSA(1e-3))
    compiled = jax.jit(jax.jacrev(network.apply))(weights, inputs)
    np.testing.assert_allclose(network.backward(inputs, weights)[1], compiled, atol=1e-9)
    first = signs(weights, 0)
    np.testing.assert_array_equal(first, signs(weights, 0))
    assert (first != signs(weights, 1)).any()
    assert (first != signs(weights + 1e-6, 0)).any()
    assert (first[0] != first[1]).any() or (first[0] != first[2]).any()


# ---------------------------------------------------------------- samplers


@pytest.mark.parametrize("primitive", [StatevectorSampler, Sampler])
def test_frequencies(primitive: type) -> None:
    """Within five standard errors of Qiskit's probabilities, derivatives of the exact ones."""
    name, shots = "measured", 10_000
    network = on_sampler(name, primitive(seed=0), shots=shots, input_gradients=True)
    inputs, weights = SMALL[name]().data(2)
    found = network.forward(inputs, weights)
    expected = batched(readout(sampled, SMALL[name]()), inputs, weights)
    np.testing.assert_allclose(found, expected, atol=2.5 / np.sqrt(shots))
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-12)
    exact = sampler(name, input_gradients=True).backward(inputs, weights)
    for left, right in zip(network.backward(inputs, weights), exact, strict=True):
        np.testing.assert_allclose(left, right, atol=10 / np.sqrt(shots))
    compiled = jax.jit(network.apply)(weights.astype("f4"), inputs.astype("f4"))
    np.testing.assert_allclose(compiled, expected, atol=2.5 / np.sqrt(shots))


def test_interpret_and_sparse() -> None:
    options = {"interpret": parity, "output_shape": 2, "sparse": True, "shots": 4000}
    network = on_sampler("tutorial", Sampler(seed=1), **options)
    inputs, weights = SMALL["tutorial"]().data(3)
    exact = network.exact()
    assert exact == sampler("tutorial", interpret=parity, output_shape=2, sparse=True)
    for found, expected in (
        (network.forward(inputs, weights), exact.forward(inputs, weights)),
        (network.backward(inputs, weights)[1], exact.backward(inputs, weights)[1]),
    ):
        assert found.shape == expected.shape
        np.testing.assert_allclose(found.todense(), expected.todense(), atol=0.15)


def test_samples_of_a_measured_circuit() -> None:
    """Clbit 0 shows qubit 2, clbit 2 qubit 0, clbit 1 nothing."""
    arguments = SMALL["measured"]().arguments
    options = {"sampling": True, "shots": 8000}
    network = qjax.CircuitQNN(**arguments, **options, sampler=StatevectorSampler(seed=3))
    inputs, weights = SMALL["measured"]().data(2)
    samples = network.forward(inputs, weights)
    assert samples.shape == (2, 8000, 1)
    expected = batched(readout(sampled, SMALL["measured"]()), inputs, weights)
    for found, probabilities in zip(samples[..., 0], expected, strict=True):
        np.testing.assert_allclose(np.bincount(found, minlength=8) / 8000, probabilities, atol=0.03)
    assert network.exact() == qjax.CircuitQNN(**arguments, **options)
    with pytest.raises(ValueError, match="key: the sampler draws"):
        network.sample(inputs, weights, jax.random.key(0))


def test_a_few_measured_qubits_of_a_wide_circuit() -> None:
    """Of 40 qubits, two are measured: no table of all basis states is made."""
    angle = Parameter("a")
    circuit = QuantumCircuit(40, 2)
    circuit.ry(angle, 35)
    circuit.cx(35, 3)
    circuit.measure([35, 3], [0, 1])
    narrow = QuantumCircuit(2, 2)
    narrow.ry(angle, 0)
    narrow.cx(0, 1)
    narrow.measure([0, 1], [0, 1])

    class Narrow(StatevectorSampler):
        """Runs what is equivalent on two qubits."""

        def run(self, pubs: Any, *, shots: int | None = None) -> Any:
            ((sent, values),) = pubs
            assert sent.num_qubits == 40
            return super().run([(narrow, values)], shots=shots)

    network = qjax.SamplerQNN(circuit=circuit, weight_params=[angle], sampler=Narrow(seed=0))
    found = network.forward(None, [2 * np.pi / 3])
    np.testing.assert_allclose(found, [[0.25, 0, 0, 0.75]], atol=0.05)
    exact = network.exact().forward(None, [2 * np.pi / 3])
    np.testing.assert_allclose(exact, [[0.25, 0, 0, 0.75]], atol=1e-12)


# ---------------------------------------------------------------- backends


@pytest.fixture(scope="module")
def backend() -> BasicSimulator:
    simulator = BasicSimulator()
    simulator.set_options(seed_simulator=1)
    return simulator


def test_backend_estimator(backend: BasicSimulator) -> None:
    """A layout with more qubits in another order; observables follow it."""
    passes = generate_preset_pass_manager(
        1, coupling_map=[[0, 1], [1, 2], [2, 3], [3, 4]], basis_gates=["rz", "sx", "x", "cx"],
        initial_layout=[3, 1, 2], seed_transpiler=1,
    )  # fmt: skip
    network = on_estimator(
        "shuffled", BackendEstimatorV2(backend=backend), pass_manager=passes,
        default_precision=0.02, input_gradients=True,
    )  # fmt: skip
    inputs, weights = SMALL["shuffled"]().data(2)
    values, derivatives = oracle("shuffled")
    np.testing.assert_allclose(network.forward(inputs, weights), values, atol=0.1)
    for found, expected in zip(network.backward(inputs, weights), derivatives, strict=True):
        np.testing.assert_allclose(found, expected, atol=0.2)


def test_backend_sampler(backend: BasicSimulator) -> None:
    passes = generate_preset_pass_manager(1, backend, seed_transpiler=1)
    options = {"pass_manager": passes, "shots": 4000}
    network = on_sampler("measured", BackendSamplerV2(backend=backend), **options)
    inputs, weights = SMALL["measured"]().data(2)
    expected = batched(readout(sampled, SMALL["measured"]()), inputs, weights)
    np.testing.assert_allclose(network.forward(inputs, weights), expected, atol=0.05)
    found, exact = (each.backward(inputs, weights)[1] for each in (network, network.exact()))
    np.testing.assert_allclose(found, exact, atol=0.1)


def test_transpiled_once() -> None:
    """A pass may drop parameters: what is left decides what is sent."""
    runs = []

    class Dropping(PassManager):
        def run(self, circuits: Any, **options: Any) -> Any:
            runs.append(circuits)
            short = circuits.copy_empty_like()
            for instruction in circuits.data[:-1]:
                short.append(instruction)
            return short

    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("b"), 0)
    circuit.rx(Parameter("c"), 0)
    circuit.rz(Parameter("a"), 0)
    network = qjax.EstimatorQNN(
        circuit=circuit, weight_params=["a", "b", "c"], observables=["Z"],
        estimator=StatevectorEstimator(), pass_manager=Dropping(),
    )  # fmt: skip
    for _ in range(2):
        found = network.forward(None, [0.3, 0.5, 0.7])
        np.testing.assert_allclose(found, [[np.cos(0.5) * np.cos(0.7)]], atol=1e-12)
    assert len(runs) == 1


def test_a_circuit_that_was_transpiled_before() -> None:
    """Physical qubits stay where they are."""
    ansatz = real_amplitudes(2, reps=1)
    isa = transpile(
        ansatz, basis_gates=["rz", "sx", "cz"], coupling_map=[[0, 1], [1, 2], [2, 3]],
        initial_layout=[3, 2], seed_transpiler=0,
    )  # fmt: skip
    observable = SparsePauliOp(["ZX", "IZ"], [1, 0.5])
    arguments = {"weight_params": ansatz.parameters, "estimator": StatevectorEstimator()}
    wide = qjax.EstimatorQNN(
        circuit=isa, observables=observable.apply_layout(isa.layout), **arguments
    )
    plain = qjax.EstimatorQNN(circuit=ansatz, observables=observable, **arguments)
    weights = np.linspace(-1, 1, ansatz.num_parameters)
    assert error(wide.forward(None, weights), plain.forward(None, weights)) < 1e-12
    assert error(wide.backward(None, weights)[1], plain.backward(None, weights)[1]) < 1e-12
    sent = {each.operation.name for each in wide._remote.source.sent.circuit.data}
    assert sent <= {"rz", "sx", "cz"}


def test_dense_and_trivial_observables() -> None:
    matrix = np.random.default_rng(0).normal(size=(4, 4))
    observables = [Operator(matrix + matrix.T), "II", SparsePauliOp("ZZ", 0.0), "0X", "r-"]
    arguments = {**SMALL["tutorial"]().arguments, "observables": observables}
    data = SMALL["tutorial"]().data(2)
    network = qjax.EstimatorQNN(**arguments, estimator=StatevectorEstimator())
    assert error(network.forward(*data), network.exact().forward(*data)) < 1e-12
    assert error(network.backward(*data)[1], network.exact().backward(*data)[1]) < 1e-11


def test_a_circuit_without_parameters() -> None:
    circuit = QuantumCircuit(1)
    circuit.ry(0.4, 0)
    network = qjax.EstimatorQNN(circuit=circuit, estimator=StatevectorEstimator())
    np.testing.assert_allclose(network.forward(None, None), [[np.cos(0.4)]], atol=1e-12)
    assert network.backward(None, None) == (None, None)
    on_samples = qjax.SamplerQNN(circuit=circuit, sampler=Sampler(seed=0), shots=10_000)
    np.testing.assert_allclose(on_samples.forward(None, None)[0, 0], np.cos(0.2) ** 2, atol=0.02)


# ---------------------------------------------------------------- the engine's own primitives


def test_own_primitives_inside_of_compiled_programs() -> None:
    """Many programs at once: one that waited for another inside of itself would hang."""
    network = on_estimator("tutorial", Estimator(seed=0), default_precision=0.01)
    inputs, weights = (each.astype(np.float32) for each in SMALL["tutorial"]().data(64))

    @jax.jit
    def step(weights: jax.Array) -> jax.Array:
        return weights - 0.1 * jax.grad(lambda w: jnp.mean(network.apply(w, inputs) ** 2))(weights)

    found = [step(weights + k) for k in range(80)]
    exact = jax.grad(lambda w: jnp.mean(estimator("tutorial").apply(w, inputs) ** 2))(weights)
    np.testing.assert_allclose(found[0], weights - 0.1 * exact, atol=0.01)
    assert np.isfinite(np.stack(found)).all()


def test_own_noise_is_the_primitives(x64: None) -> None:
    network = on_estimator("tutorial", Estimator(seed=5), default_precision=0.1)
    inputs, weights = SMALL["tutorial"]().data(4)
    found = jax.jit(network.apply)(weights, inputs)
    noise = np.random.default_rng(5).normal(size=(4, 2)) * 0.1
    np.testing.assert_allclose(found, network.exact().forward(inputs, weights) + noise, atol=1e-12)
    np.testing.assert_allclose(found, network.forward(inputs, weights), atol=1e-12)


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


def dynamic() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    circuit.ry(Parameter("w"), 0)
    circuit.measure(0, 0)
    circuit.x(0)
    return circuit


REFUSED: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "a plan": (
        lambda: on_estimator("tutorial", StatevectorEstimator()).plan,
        ValueError,
        "StatevectorEstimator.*num_circuits.*exact",
    ),
    "export": (
        lambda: qjax.export(on_estimator("tutorial", StatevectorEstimator())),
        ValueError,
        "StatevectorEstimator.*exact",
    ),
    "precision without an estimator": (
        lambda: estimator("tutorial", default_precision=0.1), ValueError, "default_precision.*0.1",
    ),
    "shots without a sampler": (lambda: sampler("tutorial", shots=10), ValueError, "shots.*10"),
    "a pass manager without a sampler": (
        lambda: sampler("tutorial", pass_manager=PassManager()), ValueError, "pass_manager.*give",
    ),
    "SPSA without a sampler": (
        lambda: sampler("tutorial", gradient=SPSA()), ValueError, "SPSA.*sampler=",
    ),
    "a seed beside a sampler": (
        lambda: qjax.CircuitQNN(**SMALL["tutorial"]().arguments, sampler=Sampler(), seed=1),
        ValueError,
        "seed.*sampler",
    ),
    "no such gradient": (
        lambda: on_estimator("tutorial", Estimator(), gradient="adjoint"),
        ValueError,
        "'adjoint'.*'parameter_shift'.*'spsa'",
    ),
    "a sampler for an estimator": (
        lambda: on_estimator("tutorial", Sampler()), TypeError, "Sampler.*BaseEstimatorV2",
    ),
    "an estimator for a sampler": (
        lambda: on_sampler("tutorial", Estimator()), TypeError, "Estimator.*BaseSamplerV2",
    ),
    "a function for a pass manager": (
        lambda: on_estimator("tutorial", Estimator(), pass_manager=transpile),
        TypeError,
        "pass_manager.*function",
    ),
    "a dynamic circuit": (
        lambda: qjax.EstimatorQNN(
            circuit=dynamic(), weight_params=["w"], estimator=StatevectorEstimator()
        ),
        ValueError,
        "midway.*simulation",
    ),
    "a dynamic circuit on a sampler": (
        lambda: qjax.SamplerQNN(circuit=dynamic(), weight_params=["w"], sampler=Sampler()),
        ValueError,
        "midway.*simulation",
    ),
    "parameters as amplitudes": (
        lambda: qjax.EstimatorQNN(
            circuit=Circuit(1, (Amplitudes((0,), (parameter(0), constant(0.5))),), ("w",)),
            weight_params=["w"],
            estimator=StatevectorEstimator(),
        ),
        ValueError,
        "amplitudes have no shift rule",
    ),
    "a parameter in an observable": (
        lambda: qjax.EstimatorQNN(
            circuit=QuantumCircuit(1),
            observables=SparsePauliOp(["Z"], np.array([Parameter("c")])),
            weight_params=["c"],
            estimator=StatevectorEstimator(),
        ),
        ValueError,
        "coefficient has parameters.*outputs",
    ),
    "a precision that is none": (
        lambda: on_estimator("tutorial", Estimator(), default_precision=-1),
        ValueError,
        "default_precision.*-1",
    ),
    "no shots": (lambda: on_sampler("tutorial", Sampler(), shots=0), ValueError, "shots.*at least"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    build, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message):
        build()


def test_samplers_of_qiskit_ml() -> None:
    """With shots it is a sampler like any other; without, it returns probabilities."""
    primitives = pytest.importorskip("qiskit_machine_learning.primitives")
    inputs, weights = SMALL["tutorial"]().data(2)
    network = on_sampler("tutorial", primitives.QMLSampler(shots=4000, seed=0))
    expected = network.exact().forward(inputs, weights)
    np.testing.assert_allclose(network.forward(inputs, weights), expected, atol=0.05)
    exact = on_sampler("tutorial", primitives.QMLSampler()).forward(inputs, weights)
    np.testing.assert_allclose(exact, expected, atol=1e-12)


def test_a_qubit_in_two_bits() -> None:
    circuit = QuantumCircuit(1, 2)
    circuit.measure([0, 0], [0, 1])
    assert qjax.SamplerQNN(circuit=circuit).forward(None, None).shape == (1, 4)
    with pytest.raises(ValueError, match="qubit 0 is measured into several"):
        qjax.SamplerQNN(circuit=circuit, sampler=Sampler())


def test_missing_numbers_are_refused() -> None:
    circuit = QuantumCircuit(1)
    circuit.rx(Parameter("w"), 0)
    network = qjax.EstimatorQNN(
        circuit=circuit, weight_params=["w"], estimator=StatevectorEstimator()
    )
    with pytest.raises(ValueError, match=r"weights or inputs.*NaN"):
        network.apply(np.array([np.nan]), None)
