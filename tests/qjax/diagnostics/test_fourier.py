"""Fourier series of models: closed forms, Qiskit's values, Parseval, and the frequencies."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.quantum_info import Pauli

import qjax
from qjax.diagnostics import fourier_coefficients, fourier_spectrum, input_frequencies
from tests.circuits import error, value_of
from tests.conftest import Compilations, Precision

X, Y = Parameter("x"), Parameter("y")


def reuploading(layers: int, scale: float = 1.0) -> qjax.EstimatorQNN:
    """One qubit; the input goes in once in each layer."""
    weights, circuit = ParameterVector("w", 2 * layers + 2), QuantumCircuit(1)
    for layer in range(layers + 1):
        circuit.ry(weights[2 * layer], 0)
        circuit.rz(weights[2 * layer + 1], 0)
        if layer < layers:
            circuit.rx(scale * X, 0)
    return qjax.EstimatorQNN(
        circuit=circuit, observables="X", input_params=[X], weight_params=weights
    )


def network(circuit: QuantumCircuit, inputs: list, observables: object = None) -> qjax.EstimatorQNN:
    return qjax.EstimatorQNN(circuit=circuit, observables=observables, input_params=inputs)


def test_rotation_is_a_cosine(precision: Precision) -> None:
    circuit = QuantumCircuit(1)
    circuit.rx(X, 0)
    series = fourier_spectrum(network(circuit, [X], "Z"), np.zeros(0, precision.real))
    assert series.frequencies[0].tolist() == [-1, 0, 1]
    assert series.coefficients.dtype == precision.complex
    assert error(series.coefficients[:, 0], np.array([0.5, 0, 0.5])) < precision.tolerance
    sine = fourier_spectrum(network(circuit, [X], "Y")).coefficients[:, 0]
    assert error(sine, np.array([-0.5j, 0, 0.5j])) < 1e-6  # <Y> = -sin x


@pytest.mark.usefixtures("x64")
def test_two_inputs_against_qiskit() -> None:
    """The series at random points is Qiskit's value; Parseval's sum is the mean of the square."""
    circuit = QuantumCircuit(2)
    circuit.ry(0.4, 0)
    circuit.rx(X / 2, 0)
    circuit.cry(Y, 0, 1)
    circuit.rx(1.5 * X + 0.3, 1)
    circuit.rzz(0.7, 0, 1)
    circuit.ry(Y, 0)
    observables = ["ZZ", "XI"]
    qnn = network(circuit, [Y, X], observables)
    series = fourier_spectrum(qnn)
    assert [len(axis) for axis in series.frequencies] == [9, 9]
    assert series.frequencies[1][-1] == 2.0
    rng = np.random.default_rng(0)
    for y, x in rng.uniform(-9, 9, (4, 2)):
        waves = np.exp(1j * np.add.outer(series.frequencies[0] * y, series.frequencies[1] * x))
        values = np.einsum("ab,abo->o", waves, series.coefficients)
        expected = np.asarray(qnn.apply((), np.array([y, x])))
        assert error(values, expected + 0j) < 1e-12
        qiskits = [value_of(circuit, Pauli(label), [x, y]) for label in observables]
        assert error(values.real, np.array(qiskits)) < 1e-12
    mirrored = series.coefficients[::-1, ::-1].conj()
    assert error(mirrored, series.coefficients) < 1e-14
    grid = np.stack(np.meshgrid(*[np.arange(32) * 4 * np.pi / 32] * 2), axis=-1)
    mean_square = np.mean(np.asarray(qnn.apply((), grid)) ** 2, axis=(0, 1))
    power = np.sum(np.abs(series.coefficients) ** 2, axis=(0, 1))
    assert error(power, mean_square) < 1e-13


@pytest.mark.usefixtures("x64")
def test_layers_bring_frequencies_and_weights_are_a_batch() -> None:
    """Schuld et al., figure 3: k layers give k frequencies, all of which occur."""
    qnn = reuploading(3)
    assert input_frequencies(qnn) == ((1.0, 2.0, 3.0),)
    weights = np.random.default_rng(1).uniform(-3, 3, (2, 5, 8))
    series = fourier_spectrum(qnn, weights)
    assert series.coefficients.shape == (2, 5, 7, 1)
    assert np.abs(series.coefficients).max(axis=(0, 1, 3)).min() > 1e-2
    more = fourier_spectrum(qnn, weights, degrees=6).coefficients
    assert error(more[:, :, 3:-3], series.coefficients) < 1e-13
    assert np.abs(more[:, :, :3]).max() < 1e-14
    assert error(fourier_spectrum(qnn, weights[0, 1]).coefficients, series.coefficients[0, 1]) == 0


@pytest.mark.usefixtures("x64")
def test_units() -> None:
    series = fourier_spectrum(reuploading(2, 0.3), np.ones(6))
    assert error(series.frequencies[0], 0.3 * np.arange(-2, 3)) < 1e-14
    finer = fourier_spectrum(reuploading(2, 0.3), np.ones(6), units=0.1).coefficients
    assert finer.shape == (13, 1)
    assert error(finer[::3], series.coefficients) < 1e-14
    assert np.abs(finer[1::3]).max() < 1e-15


@pytest.mark.usefixtures("x64")
def test_any_function() -> None:
    def function(x: jax.Array) -> jax.Array:
        return jnp.stack([1 + 2 * jnp.cos(3 * x[0] - x[1]), jnp.sin(x[1])])

    found = fourier_coefficients(function, (3, 1))
    assert (found == fourier_coefficients(function, np.array([3, 1]))).all()
    expected = np.zeros((7, 3, 2), complex)
    expected[3, 1, 0] = 1
    expected[6, 0, 0] = expected[0, 2, 0] = 1
    expected[3, 2, 1], expected[3, 0, 1] = -0.5j, 0.5j
    assert error(found, expected) < 1e-14
    scale = lambda a: jnp.abs(fourier_coefficients(lambda x: a * jnp.cos(x[0]), (1,))[0])  # noqa: E731
    assert jax.jit(jax.grad(scale))(2.0) == pytest.approx(0.5)


def test_probabilities_and_compilations(compilations: Compilations) -> None:
    circuit, weight = QuantumCircuit(1), Parameter("w")
    circuit.ry(X, 0)
    circuit.ry(weight, 0)
    qnn = qjax.SamplerQNN(circuit=circuit, input_params=[X], weight_params=[weight])
    series = fourier_spectrum(qnn, jnp.zeros(1))
    assert error(series.coefficients[:, 0], np.array([0.25, 0.5, 0.25])) < 1e-6
    jax.block_until_ready(series.coefficients)
    compilations.reset()
    fourier_spectrum(qnn, jnp.ones(1)).coefficients.block_until_ready()
    assert compilations.count == 0


def test_frequencies_of_circuits_and_what_has_none() -> None:
    circuit = QuantumCircuit(2)
    circuit.crx(X, 0, 1)
    circuit.rz(2 * X, 0)
    circuit.p(Y, 1)
    assert input_frequencies(circuit)[1] == (1.0,)
    assert input_frequencies(circuit)[0][-1] == 3.0
    product = QuantumCircuit(1)
    product.rx(X * Y, 0)
    trained = qjax.EstimatorQNN(circuit=product, input_params=[X], weight_params=[Y])
    with pytest.raises(ValueError, match="model: there are no fixed frequencies in x: an angle of"):
        input_frequencies(trained)
    with pytest.raises(ValueError, match="Give degrees=, how many"):
        fourier_spectrum(trained, np.ones(1))
    series = fourier_spectrum(trained, np.ones(1, np.float32), degrees=2)
    assert error(series.coefficients[:, 0], np.array([0, 0.5, 0, 0.5, 0])) < 1e-6
    uneven = QuantumCircuit(1)
    uneven.rx(X, 0)
    uneven.ry(2**0.5 * X, 0)
    with pytest.raises(ValueError, match=r"units: the frequencies .* have no common unit"):
        fourier_spectrum(network(uneven, [X]))


def test_wrong_arguments() -> None:
    qnn = reuploading(1)
    with pytest.raises(TypeError, match="network: expected a network of qjax, got Quantum"):
        fourier_spectrum(QuantumCircuit(1))
    with pytest.raises(TypeError, match="model: expected a circuit or a network, got int"):
        input_frequencies(3)
    with pytest.raises(ValueError, match="network: it has no inputs"):
        fourier_spectrum(network(QuantumCircuit(1), []))
    with pytest.raises(ValueError, match=r"weights: expected shape \(..., 4\)"):
        fourier_spectrum(qnn, np.ones(3))
    for wrong in (-1, [1, 2], 0.5):
        with pytest.raises((ValueError, TypeError), match="degrees: expected"):
            fourier_spectrum(qnn, np.ones(4), degrees=wrong)
    with pytest.raises(ValueError, match="units: expected positive numbers"):
        fourier_spectrum(qnn, np.ones(4), units=0.0)
    with pytest.raises(ValueError, match="degrees: expected a whole number for each input"):
        fourier_coefficients(jnp.sum, 3)
    many = ParameterVector("x", 12)
    wide = QuantumCircuit(12)
    for qubit in range(12):
        wide.rx(many[qubit], qubit)
        wide.ry(many[qubit], qubit)
        wide.rx(many[qubit], qubit)
    with pytest.raises(ValueError, match="grid of a Fourier series in 12 inputs"):
        fourier_spectrum(network(wide, list(many)))
    with pytest.raises(qjax.CircuitTooLargeError, match="grid of a Fourier series in 5 inputs"):
        fourier_coefficients(jnp.sum, [1000] * 5)
