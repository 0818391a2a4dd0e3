"""Networks on backends, with a pass manager, and on the primitives of this engine."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit.circuit.library import real_amplitudes
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2, StatevectorEstimator
from qiskit.providers.basic_provider import BasicSimulator
from qiskit.quantum_info import Operator, SparsePauliOp
from qiskit.transpiler import PassManager, generate_preset_pass_manager

import qjax
from qjax.primitives import Estimator, Sampler
from tests.circuits import error
from tests.networks import SMALL, batched, readout
from tests.qjax.qnns import estimator, sampled
from tests.qjax.remote.on_primitives import on_estimator, on_sampler, oracle

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
