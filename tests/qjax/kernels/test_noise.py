"""Kernels with noise, against Aer's density matrices and finite differences."""

from __future__ import annotations

import pickle
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel as AerNoiseModel
from qiskit_aer.noise import amplitude_damping_error, depolarizing_error

import qjax
from qjax.kernels import FidelityKernel, ProjectedKernel
from qjax.noise import NoiseModel, amplitude_damping, depolarizing

MATRIX = np.array([[0.97, 0.03], [0.08, 0.92]])
GATES = (
    NoiseModel()
    .after(["ry", "rz"], amplitude_damping(0.04))
    .after("cx", depolarizing(0.05, num_qubits=2))
)
NOISE = GATES.readout(MATRIX)
X, WEIGHT = ParameterVector("x", 2), Parameter("w")
POINTS = np.random.default_rng(0).normal(size=(5, 2))
LEFT, RIGHT = POINTS[:2], POINTS[2:]


def feature_map() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    for qubit in range(2):
        circuit.ry(X[qubit], qubit)
        circuit.rz(X[0] * X[1] + qubit, qubit)
    circuit.cx(0, 1)
    circuit.ry(WEIGHT * X[1], 1)
    circuit.cx(1, 0)
    return circuit


def aer_noise() -> AerNoiseModel:
    noise = AerNoiseModel()
    noise.add_all_qubit_quantum_error(amplitude_damping_error(0.04), ["ry", "rz"])
    noise.add_all_qubit_quantum_error(depolarizing_error(0.05, 2), ["cx"])
    return noise


def on_aer(x: np.ndarray, y: np.ndarray, weight: float, matrix: np.ndarray) -> float:
    values = (dict(zip((*X, WEIGHT), (*point, weight), strict=True)) for point in (x, y))
    first, second = (feature_map().assign_parameters(each) for each in values)
    circuit = first.compose(second.inverse())
    circuit.save_density_matrix()
    simulator = AerSimulator(method="density_matrix", noise_model=aer_noise())
    state = simulator.run(circuit).result().data()["density_matrix"]
    return float((state.probabilities() @ np.kron(matrix, matrix))[0])


@pytest.fixture(scope="module")
def kernel() -> FidelityKernel:
    return FidelityKernel(feature_map(), input_params=X, weight_params=[WEIGHT], noise=NOISE)


@pytest.mark.usefixtures("x64")
def test_fidelities_are_those_of_aer(kernel: FidelityKernel) -> None:
    expected = [[on_aer(x, y, 0.7, MATRIX) for y in RIGHT] for x in LEFT]
    assert np.allclose(kernel.matrix(LEFT, RIGHT, weights=[0.7]), expected, atol=1e-10)
    assert np.allclose(kernel.evaluate(LEFT, RIGHT, weights=[0.7]), expected, atol=1e-10)
    without = kernel.replace(noise=GATES).matrix(LEFT[:1], RIGHT[:1], weights=[0.7])
    assert abs(without - on_aer(LEFT[0], RIGHT[0], 0.7, np.eye(2))) < 1e-10


@pytest.mark.usefixtures("x64")
def test_one_set_of_points_is_mirrored(kernel: FidelityKernel) -> None:
    found = kernel.matrix(LEFT, weights=[0.7])
    assert np.array_equal(found, found.T)
    both = [on_aer(LEFT[i], LEFT[j], 0.7, MATRIX) for i, j in ((0, 0), (0, 1), (1, 1))]
    assert np.allclose(found[np.triu_indices(2)], both, atol=1e-10)
    assert (np.diag(found) < 0.9).all()
    assert np.allclose(kernel.evaluate(LEFT, weights=[0.7]), found, atol=1e-12)


@pytest.mark.usefixtures("x64")
def test_blocks_are_parts_of_the_whole(kernel: FidelityKernel) -> None:
    bound = kernel.with_weights([0.7])
    points = np.random.default_rng(1).normal(size=(20, 2))
    assert np.allclose(bound.evaluate(points, max_bytes=4096), bound.matrix(points), atol=1e-12)


@pytest.mark.usefixtures("x64")
def test_derivatives(kernel: FidelityKernel) -> None:
    matrix = partial(kernel.matrix, y=RIGHT)
    arguments = jnp.array(LEFT), jnp.array([0.7])
    of_both = jax.jit(lambda x, w: matrix(x, weights=w))
    check_grads(of_both, arguments, 1, ["rev"], rtol=1e-5)


@pytest.mark.usefixtures("x64")
def test_density_matrices_without_noise_are_exact(kernel: FidelityKernel) -> None:
    pure = kernel.replace(noise=None)
    mixed = pure.replace(simulator=qjax.simulators.DensityMatrix())
    matrices = [each.matrix(LEFT, RIGHT, weights=[0.7]) for each in (pure, mixed)]
    assert np.allclose(*matrices, atol=1e-12)


@pytest.mark.usefixtures("x64")
def test_projected_kernels_are_of_noisy_values() -> None:
    arguments = {"input_params": X, "weight_params": [WEIGHT], "gamma": 0.5}
    kernel = ProjectedKernel(feature_map(), **arguments, observables=["ZZ", "XI"], noise=NOISE)
    at = [jnp.array([0.7, *point]) for point in POINTS]  # the weight's name comes first
    values = np.array(
        [qjax.expectation(feature_map(), ["ZZ", "XI"], point, noise=NOISE) for point in at]
    )
    squares = ((values[:2, None] - values[None, 2:]) ** 2).sum(axis=2)
    found = kernel.matrix(LEFT, RIGHT, weights=[0.7])
    assert np.allclose(found, np.exp(-0.5 * squares), atol=1e-12)
    assert np.allclose(kernel.evaluate(LEFT, weights=[0.7]).diagonal(), 1)


def test_kernels_with_noise_are_values(kernel: FidelityKernel) -> None:
    same = FidelityKernel(feature_map(), input_params=X, weight_params=[WEIGHT], noise=NOISE)
    assert kernel == same == kernel.replace() == pickle.loads(pickle.dumps(kernel))
    assert hash(kernel) == hash(same)
    assert kernel != kernel.replace(noise=GATES)
    assert kernel.noise is NOISE
    assert kernel.replace(noise=None) == kernel.replace(noise=None)


def prepared() -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.initialize([0.6, 0.8])
    circuit.ry(X[0], 0)
    return circuit


def test_bad_noise(kernel: FidelityKernel) -> None:
    with pytest.raises(ValueError, match="given amplitudes cannot be undone"):
        FidelityKernel(prepared(), noise=NOISE)
    with pytest.raises(ValueError, match="simulator: StateVector has pure states"):
        kernel.replace(simulator=qjax.simulators.StateVector())
    with pytest.raises(TypeError, match="noise: JAX traces its strengths"):
        jax.jit(lambda model: kernel.replace(noise=model).matrix(LEFT, weights=[0.7]))(NOISE)


def test_shots_are_binomial(kernel: FidelityKernel) -> None:
    few = kernel.with_weights([0.7]).replace(shots=100)
    exact = np.asarray(kernel.matrix(POINTS, weights=[0.7]), float)
    drawn = np.asarray(few.matrix(np.repeat(POINTS, 8, axis=0), key=jax.random.key(0)), float)
    assert np.allclose(drawn * 100, np.round(drawn * 100), atol=1e-3)
    assert np.array_equal(drawn, drawn.T)
    deviation = np.sqrt(exact * (1 - exact) / 100)
    pairs = drawn.reshape(5, 8, 5, 8)  # at least 36 draws of each pair
    assert (abs(pairs.mean(axis=(1, 3)) - exact) < 4 * deviation / 6).all()
    assert np.allclose(pairs.std(axis=(1, 3)), deviation, rtol=0.5)
    on_numpy = np.array([few.evaluate(POINTS, seed=seed) for seed in range(100)])
    assert np.array_equal(on_numpy, on_numpy.transpose(0, 2, 1))
    assert np.array_equal(few.evaluate(POINTS, seed=3), on_numpy[3])
    assert (abs(on_numpy.mean(axis=0) - exact) < 4.5 * deviation / 10).all()


@pytest.mark.usefixtures("x64")
def test_derivatives_with_shots_are_those_without(kernel: FidelityKernel) -> None:
    few = kernel.replace(noise=None, shots=10)
    key = jax.random.key(1)
    assert np.array_equal(few.matrix(LEFT, weights=[0.7], key=key).diagonal(), [1, 1])

    def total(kernel: FidelityKernel, x: jax.Array) -> jax.Array:
        own = key if kernel.needs_key else None
        return kernel.matrix(x, RIGHT, weights=[0.7], key=own).sum()

    pure = few.replace(shots=None)
    slopes = [jax.jit(jax.grad(partial(total, each)))(jnp.array(LEFT)) for each in (few, pure)]
    assert np.allclose(*slopes, atol=1e-12)


def test_shots_need_a_key(kernel: FidelityKernel) -> None:
    few = kernel.replace(shots=10)
    assert few.shots == 10
    assert few != kernel
    with pytest.raises(TypeError, match="key: a kernel with shots draws"):
        few.matrix(LEFT, weights=[0.7])
    with pytest.raises(TypeError, match="key: expected one JAX random key"):
        few.matrix(LEFT, weights=[0.7], key=3)
    with pytest.raises(ValueError, match="seed: expected a whole number"):
        few.evaluate(LEFT, weights=[0.7], seed="a")
