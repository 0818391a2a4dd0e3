"""Primitives with noise, against Aer's and Qiskit's on Aer's noisy simulator."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.primitives import BackendEstimatorV2
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel as AerNoiseModel
from qiskit_aer.noise import ReadoutError, depolarizing_error, thermal_relaxation_error
from qiskit_aer.primitives import EstimatorV2, SamplerV2
from scipy.stats import chisquare

import qjax
from qjax.noise import NoiseModel, bit_flip, depolarizing, thermal_relaxation
from qjax.primitives import Estimator, Sampler
from tests.dynamic import endless

MATRIX = [[0.97, 0.03], [0.08, 0.92]]
RELAXATION = (50.0, 60.0, 2.0)
GATES = (
    NoiseModel()
    .after(["rx", "ry"], depolarizing(0.02))
    .after("ry", thermal_relaxation(*RELAXATION))
    .after("cx", depolarizing(0.05, num_qubits=2))
)
NOISE = GATES.readout(MATRIX)
THETA = ParameterVector("theta", 4)
POINTS = np.random.default_rng(0).normal(size=(3, 4))
OBSERVABLES = ["ZZ", "XI", SparsePauliOp(["YX", "IZ", "II"], [0.5, 1.5, 0.2])]


def aer_noise(readout: bool = True) -> AerNoiseModel:
    noise = AerNoiseModel(basis_gates=["rx", "ry", "cx", "h", "sdg"])
    first, relaxation = depolarizing_error(0.02, 1), thermal_relaxation_error(*RELAXATION)
    noise.add_all_qubit_quantum_error(first, ["rx"])
    noise.add_all_qubit_quantum_error(first.compose(relaxation), ["ry"])
    noise.add_all_qubit_quantum_error(depolarizing_error(0.05, 2), ["cx"])
    if readout:
        noise.add_all_qubit_readout_error(ReadoutError(MATRIX))
    return noise


def ansatz() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    for qubit in range(2):
        circuit.rx(THETA[qubit], qubit)
    circuit.cx(0, 1)
    for qubit in range(2):
        circuit.ry(THETA[2 + qubit], qubit)
    circuit.barrier()  # what turns a qubit to be measured is not merged with these
    return circuit


def measured() -> QuantumCircuit:
    """A measurement midway, whose outcome decides, and two registers."""
    circuit = QuantumCircuit(2, 1)
    circuit.rx(THETA[0], 0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.ry(THETA[1], 1)
    circuit.cx(1, 0)
    circuit.measure_all()
    return circuit


def pub(points: np.ndarray) -> tuple[Any, ...]:
    return ansatz(), [[observable] for observable in OBSERVABLES], points


def test_expectation_values_are_those_of_aer() -> None:
    options = {"backend_options": {"noise_model": aer_noise(), "method": "density_matrix"}}
    theirs = EstimatorV2(options=options).run([pub(POINTS)]).result()[0].data.evs
    # Aer's estimator reads the state out, without misread bits.
    ours = Estimator(noise=GATES).run([pub(POINTS)]).result()[0].data.evs
    assert ours.shape == theirs.shape
    assert np.allclose(ours, theirs, atol=1e-10)
    exact = Estimator().run([pub(POINTS)]).result()[0].data.evs
    assert abs(exact - theirs).max() > 0.01


def test_misread_bits_are_those_of_a_device() -> None:
    simulator = AerSimulator(noise_model=aer_noise(), seed_simulator=5)
    device = BackendEstimatorV2(backend=simulator, options={"default_precision": 0.005})
    theirs = device.run([pub(POINTS[:1])]).result()[0].data
    ours = Estimator(noise=NOISE).run([pub(POINTS[:1])]).result()[0].data.evs
    assert (abs(ours - theirs.evs) < 4 * theirs.stds).all()
    without = Estimator(noise=GATES).run([pub(POINTS[:1])]).result()[0].data.evs
    assert (abs(without - theirs.evs) > 10 * theirs.stds).any()


@pytest.mark.parametrize("midway", [False, True])
def test_samples_are_those_of_aer(midway: bool) -> None:
    circuit = measured() if midway else ansatz()
    if not midway:
        circuit.measure_all()
    values, shots = POINTS[0, : circuit.num_parameters], 20_000
    options = {"backend_options": {"noise_model": aer_noise()}}
    aer = SamplerV2(seed=1, options=options).run([(circuit, values)], shots=shots).result()[0]
    exact = Sampler(default_shots=None, noise=NOISE).run([(circuit, values)]).result()[0]
    drawn = Sampler(seed=2, noise=NOISE).run([(circuit, values)], shots=shots).result()[0]
    distribution = exact.join_data().get_probabilities()
    for counts in (each.join_data().get_counts() for each in (aer, drawn)):
        assert set(counts) <= set(distribution)
        expected = np.array([shots * share for share in distribution.values()])
        seen = np.array([counts.get(key, 0) for key in distribution])
        assert chisquare(seen, expected * seen.sum() / expected.sum()).pvalue > 1e-3


def test_other_strengths_compile_nothing(compilations: Any) -> None:
    def values(p: float, t1: float) -> np.ndarray:
        noise = (
            NoiseModel()
            .after("cx", depolarizing(p, 2))
            .after("ry", thermal_relaxation(t1, t1, 1.0))
        )
        return Estimator(noise=noise).run([pub(POINTS)]).result()[0].data.evs

    values(0.1, 50.0)
    compilations.reset()
    first, second = values(0.2, 50.0), values(0.2, np.inf)
    assert compilations.count == 0
    assert abs(first - second).max() > 1e-3
    never = NoiseModel().after("cx", depolarizing(0.2, 2))
    assert np.allclose(second, Estimator(noise=never).run([pub(POINTS)]).result()[0].data.evs)


def test_precision_is_beside_the_noise() -> None:
    noisy = Estimator(noise=NOISE, seed=3)
    exact = noisy.run([pub(POINTS)]).result()[0].data.evs
    blurred = noisy.run([pub(POINTS)], precision=0.01).result()[0].data
    assert (blurred.stds == 0.01).all()
    assert 0 < abs(blurred.evs - exact).max() < 0.05


def test_loops_without_end_have_noise_too() -> None:
    noise = NoiseModel().after("x", bit_flip(0.2))
    circuit = endless()
    circuit.x(0)
    values = Estimator(noise=noise, seed=1).run([(circuit, "Z")], precision=0.02)
    assert abs(values.result()[0].data.evs + 0.6) < 0.1
    circuit.measure_all()
    # Density matrices follow all outcomes; by `Trajectories` there are runs.
    with pytest.raises(qjax.NoExactFormError):
        Sampler(noise=noise).run([circuit]).result()


QNN: dict[str, Any] = {
    "circuit": ansatz(),
    "input_params": list(THETA[:2]),
    "weight_params": list(THETA[2:]),
    "input_gradients": True,
}


@pytest.mark.parametrize("kind", ["estimator", "sampler"])
def test_networks_have_the_noise_of_their_primitive(kind: str) -> None:
    if kind == "estimator":
        given = qjax.EstimatorQNN(**QNN, estimator=Estimator(noise=NOISE))
        own = qjax.EstimatorQNN(**QNN, noise=NOISE)
    else:
        given = qjax.SamplerQNN(**QNN, sampler=Sampler(default_shots=None, noise=NOISE))
        own = qjax.SamplerQNN(**QNN, noise=NOISE)
    data = POINTS[:, :2], POINTS[0, 2:]
    assert np.allclose(given.forward(*data), own.forward(*data), atol=1e-12)
    if kind == "estimator":
        for mine, theirs in zip(given.backward(*data), own.backward(*data), strict=True):
            assert np.allclose(mine, theirs, atol=1e-12)
    with jax.enable_x64(True):
        traced = jax.jit(given.apply)(jnp.asarray(data[1]), jnp.asarray(data[0]))
    assert np.allclose(traced, own.forward(*data), atol=1e-12)


def test_networks_of_qiskit_ml_run_noisy() -> None:
    networks = pytest.importorskip("qiskit_machine_learning.neural_networks")
    theirs = networks.EstimatorQNN(**QNN, estimator=Estimator(noise=NOISE, exact=True))
    own = qjax.EstimatorQNN(**QNN, noise=NOISE)
    data = POINTS[:, :2], POINTS[0, 2:]
    assert np.allclose(theirs.forward(*data), own.forward(*data), atol=1e-10)
    for mine, right in zip(theirs.backward(*data), own.backward(*data), strict=True):
        assert np.allclose(mine, right, atol=1e-10)


def test_kernels_of_qiskit_ml_run_noisy() -> None:
    kernels = pytest.importorskip("qiskit_machine_learning.kernels")
    fidelities = pytest.importorskip("qiskit_machine_learning.state_fidelities")
    sampler = Sampler(default_shots=None, noise=NOISE)
    kernel = kernels.FidelityQuantumKernel(
        feature_map=ansatz(),
        fidelity=fidelities.ComputeUncompute(sampler=sampler),
        enforce_psd=False,
        evaluate_duplicates="all",
    )
    both = ansatz().assign_parameters(POINTS[0])
    both.compose(ansatz().assign_parameters(POINTS[1]).inverse(), inplace=True)
    both.save_density_matrix()
    simulator = AerSimulator(method="density_matrix", noise_model=aer_noise())
    state = simulator.run(both).result().data()["density_matrix"]
    read = state.probabilities() @ np.kron(MATRIX, MATRIX)
    found = kernel.evaluate(POINTS[:1], POINTS[1:2])
    assert np.allclose(found, read[0], atol=1e-6)


@pytest.mark.parametrize("kind", [Estimator, Sampler])
def test_bad_noise(kind: type) -> None:
    with pytest.raises(TypeError, match=r"noise: got NoiseModel; .* qjax.noise.from_aer"):
        kind(noise=aer_noise())
    with pytest.raises(TypeError, match="simulator: got 'aer'"):
        kind(simulator="aer")
    with pytest.raises(TypeError, match="from_aer converts Aer's"):
        kind(noise_model=aer_noise())
    pure = kind(noise=NOISE, simulator=qjax.simulators.StateVector())
    circuit = ansatz()
    circuit.measure_all()
    job = pure.run([(circuit, "ZZ", POINTS[0]) if kind is Estimator else (circuit, POINTS[0])])
    with pytest.raises(ValueError, match="simulator: StateVector has pure states"):
        job.result()
    assert pure.noise is NOISE
    assert pure.simulator == qjax.simulators.StateVector()
