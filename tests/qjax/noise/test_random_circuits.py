"""Random circuits with noise of all kinds against Aer, and against all branches with Qiskit."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("qiskit_aer")

from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator

import qjax
from tests import noisy
from tests.circuits import double
from tests.qjax.noise_models import noise_model

DOUBLE, SINGLE, SLOPE = 1e-10, 1e-5, 1e-6
# (seed, number of qubits, whether it is dynamic); tests.benchmarks.noisy_circuits has 200 of them.
CASES = [
    *((seed, num_qubits, False) for seed, num_qubits in enumerate((1, 2, 3, 4, 5))),
    *((seed, num_qubits, True) for seed, num_qubits in enumerate((1, 2, 3), start=6)),
]
SHOTS = 4000


@pytest.mark.parametrize(("seed", "num_qubits", "dynamic"), CASES)
def test_density_matrix_in_double_precision(seed: int, num_qubits: int, dynamic: bool) -> None:
    case = noisy.random_case(seed, num_qubits, dynamic=dynamic)
    with double():
        state = qjax.density_matrix(case.circuit, case.values, noise=noise_model(case))
    assert state.dtype == np.complex128
    expected = noisy.density_matrix(case) if dynamic else noisy.aer_density_matrix(case)
    np.testing.assert_allclose(state, expected, atol=DOUBLE)


@pytest.mark.parametrize(("seed", "num_qubits", "dynamic"), [(16, 3, False), (17, 3, True)])
def test_density_matrix_in_single_precision(seed: int, num_qubits: int, dynamic: bool) -> None:
    case = noisy.random_case(seed, num_qubits, dynamic=dynamic)
    values = case.values.astype(np.float32)
    state = qjax.density_matrix(case.circuit, values, noise=noise_model(case))
    assert state.dtype == np.complex64
    np.testing.assert_allclose(state, noisy.density_matrix(case), atol=SINGLE)


def test_following_branches_is_what_aer_does() -> None:
    case = noisy.random_case(18, 3)
    np.testing.assert_allclose(
        noisy.density_matrix(case), noisy.aer_density_matrix(case), atol=DOUBLE
    )
    dynamic = noisy.random_case(19, 2, dynamic=True)
    counts = noisy.aer_counts(dynamic, SHOTS, seed=0)
    assert noisy.p_value(counts, SHOTS * noisy.distribution(dynamic)) > 1e-3


@pytest.mark.parametrize("dynamic", [False, True])
def test_probabilities_and_expectation_values_are_misread(dynamic: bool) -> None:
    case = noisy.random_case(20, 3, 20, dynamic=dynamic)
    labels = ["IIZ", "XYZ"]
    model = noise_model(case)
    with double():
        probabilities = qjax.probabilities(case.circuit, case.values, noise=model)
        values = qjax.expectation(case.circuit, labels, case.values, noise=model)
    diagonal = noisy.density_matrix(case).diagonal().real
    np.testing.assert_allclose(probabilities, noisy.misread(case, diagonal), atol=DOUBLE)
    expected = [noisy.expectation(case, label) for label in labels]
    np.testing.assert_allclose(values, expected, atol=DOUBLE)


@pytest.mark.parametrize(("seed", "dynamic"), [(21, False), (22, True)])
def test_slopes_in_parameters_and_strengths(seed: int, dynamic: bool) -> None:
    case = noisy.random_case(seed, 2, 16, dynamic=dynamic)
    labels = ["ZX", "YZ"]

    def ours(values: jax.Array, strengths: jax.Array) -> jax.Array:
        model = noise_model(case, strengths)
        return qjax.expectation(case.circuit, labels, values, noise=model).sum()

    def theirs(values: np.ndarray, strengths: np.ndarray) -> float:
        moved = case.at(values, strengths)
        return sum(noisy.expectation(moved, label) for label in labels)

    numbers = case.values, case.strengths
    with double():
        slopes = jax.grad(ours, argnums=(0, 1))(*map(jnp.asarray, numbers))
    for slope, expected in zip(slopes, noisy.slopes(theirs, *numbers), strict=True):
        np.testing.assert_allclose(slope, expected, atol=SLOPE)


@pytest.mark.parametrize(("seed", "dynamic"), [(23, False), (24, True)])
def test_samples_have_the_distribution(seed: int, dynamic: bool) -> None:
    case = noisy.random_case(seed, 2, dynamic=dynamic)
    circuit = noisy.with_measurements(case)
    bits = qjax.sample(circuit, case.values, SHOTS, jax.random.key(0), noise=noise_model(case))
    counts = noisy.counted(np.asarray(bits))
    assert noisy.p_value(counts, SHOTS * noisy.distribution(case)) > 1e-3


def test_matrices_are_observed_beside_strings_after_measurements_midway() -> None:
    # The qubits are followed by records of outcomes, which the matrix is not on.
    case = noisy.random_case(25, 2, 16, dynamic=True)
    matrix = np.random.default_rng(0).normal(size=(4, 4))
    matrix += matrix.T
    noise = dataclasses.replace(noise_model(case), readouts=())
    with double():
        observables = ["ZX", Operator(matrix)]
        values = qjax.expectation(case.circuit, observables, case.values, noise=noise)
    state = noisy.density_matrix(dataclasses.replace(case, readouts={}))
    expected = [np.trace(state @ each) for each in (Operator.from_label("ZX").data, matrix)]
    np.testing.assert_allclose(values, np.real(expected), atol=DOUBLE)


def test_bits_of_known_qubits_are_misread_too() -> None:
    # One qubit shown by two bits, after what makes the circuit dynamic: each by itself.
    circuit = QuantumCircuit(1, 2)
    circuit.reset(0)
    circuit.measure([0, 0, 0], [0, 1, 0])
    noise = qjax.noise.NoiseModel().readout(0.1, 0.25)
    bits = np.asarray(qjax.sample(circuit, (), 20_000, jax.random.key(0), noise=noise))
    shares = np.bincount(bits @ [1, 2], minlength=4) / 20_000
    assert np.allclose(shares, [0.81, 0.09, 0.09, 0.01], atol=0.01)


@pytest.mark.parametrize("dynamic", [False, True])
def test_misread_bits_that_nobody_reads_change_no_observable(*, dynamic: bool) -> None:
    # Final measurements are left out, so X of a measured qubit keeps what the channel leaves of it.
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    if dynamic:
        circuit.x(1)
        circuit.reset(1)
    circuit.measure([0, 1], [0, 1])
    noise = qjax.noise.NoiseModel().readout(0.1).after("h", qjax.noise.depolarizing(0.02))
    key, runs = jax.random.key(0), qjax.simulators.Trajectories(4000)
    ways = [
        qjax.expectation(circuit, "IX", noise=noise),
        qjax.expectation(circuit, "IX", noise=noise, shots=40_000, key=key),
        qjax.expectation(circuit, "IX", noise=noise, simulator=runs, key=key),
    ]
    assert np.allclose(ways, 0.8 * 0.98, atol=0.02)
    assert np.isclose(ways[0], 0.8 * 0.98, atol=1e-6)
