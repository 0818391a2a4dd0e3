"""Misread bits where states are pure, against density matrices on which they act as channels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Operator, SparsePauliOp, Statevector

import qjax
from qjax import CircuitTooLargeError
from qjax.noise import NoiseModel, depolarizing
from qjax.simulators import DensityMatrix, StateVector, Trajectories

KEY = jax.random.key(3)
OBSERVABLES = ["XZYI", "ZZZZ", "IIII", "0+Z1", "rIlX"]
POINT = np.array([0.7, 1.3])


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def confusion(num_qubits, seed):
    matrix = np.random.default_rng(seed).uniform(size=(2**num_qubits,) * 2)
    matrix += 2 * np.eye(2**num_qubits)
    return matrix / matrix.sum(axis=1, keepdims=True)


def model():
    """Of single bits and of pairs, which share qubits."""
    single = NoiseModel().readout(0.1, 0.05).readout(0.2, qubits=1)
    return single.readout(confusion(2, 1), qubits=(2, 0)).readout(confusion(2, 2), qubits=(1, 2))


def circuit():
    a, b = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(4)
    circuit.ry(a, 0)
    circuit.cx(0, 1)
    circuit.rx(b, 2)
    circuit.cx(1, 2)
    circuit.ry(a, 3)
    circuit.cz(2, 3)
    circuit.h(1)
    return circuit


def difference(function):
    return np.abs(function(None) - function(DensityMatrix())).max()


def test_expectation_values():
    matrix = np.random.default_rng(0).normal(size=(16, 16))
    observables = [*OBSERVABLES, Operator(matrix + matrix.T)]

    def values(simulator):
        return qjax.expectation(circuit(), observables, POINT, noise=model(), simulator=simulator)

    assert difference(values) < 1e-12
    np.testing.assert_allclose(values(StateVector()), values(None), rtol=0, atol=1e-14)


@pytest.mark.parametrize("simulator", [None, DensityMatrix()])
def test_all_readout_errors_see_the_basis_of_a_letter(simulator):
    """Those of one qubit, which may leave a letter out, come after joint ones, which need it."""
    labels = ["IXYI", "ZYXY", "IIXI", "IYII", "IIIX"]
    noise = model().readout(0.15, 0.3)
    values = qjax.expectation(circuit(), labels, POINT, noise=noise, simulator=simulator)
    expected = [read_in_its_basis(label) for label in labels]
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-12)


def read_in_its_basis(label):
    """By Qiskit's probabilities of bits; qubits without a letter are measured in Z."""
    turns = {"X": Operator.from_label("H"), "Y": Operator(np.array([[1, -1j], [1, 1j]]) / 2**0.5)}
    state = Statevector(circuit().assign_parameters(POINT))
    for qubit, letter in enumerate(reversed(label)):
        state = state.evolve(turns[letter], [qubit]) if letter in turns else state
    bits = state.probabilities().reshape((2,) * 4)  # qubit 3 first
    wrong = [((qubit,), [[0.9, 0.1], [0.05, 0.95]]) for qubit in range(4)]
    wrong += [((1,), [[0.8, 0.2], [0.2, 0.8]]), ((2, 0), confusion(2, 1))]
    wrong += [((1, 2), confusion(2, 2))]
    wrong += [((qubit,), [[0.85, 0.15], [0.3, 0.7]]) for qubit in range(4)]
    for qubits, matrix in wrong:
        axes = [3 - qubit for qubit in reversed(qubits)]
        split = np.reshape(matrix, (2,) * (2 * len(axes)))
        read = np.tensordot(bits, split, (axes, range(len(axes))))
        bits = np.moveaxis(read, range(-len(axes), 0), axes)
    for letter in label:
        bits = bits.sum(axis=0) if letter == "I" else bits[0] - bits[1]
    return bits


def test_single_and_double_precision_take_turns():
    observables = ["XZYI", SparsePauliOp(["ZIIZ", "IIYI"], [0.3, 0.5])]

    def values(dtype):
        with jax.enable_x64(dtype is np.float64):
            return qjax.expectation(circuit(), observables, POINT.astype(dtype), noise=model())

    single, double, again = map(values, (np.float32, np.float64, np.float32))
    assert (single.dtype, double.dtype, again.dtype) == (np.float32, np.float64, np.float32)
    np.testing.assert_allclose(single, double, atol=2e-6)


def test_coefficients_with_parameters():
    observable = SparsePauliOp(["XXYZ", "ZIIZ"], [Parameter("c"), 2 * Parameter("d")])
    values = {"a": 0.7, "b": 1.3, "c": 0.3, "d": -1.1}
    assert (
        difference(
            lambda how: qjax.expectation(
                circuit(), observable, values, noise=model(), simulator=how
            )
        )
        < 1e-12
    )


@pytest.mark.parametrize("qubits", [[2], [3, 1]])
def test_probabilities_of_some_qubits(qubits):
    """Those of one qubit depend on others, by pairs that are misread one after the other."""

    def values(simulator):
        return qjax.probabilities(circuit(), POINT, qubits, noise=model(), simulator=simulator)

    assert difference(values) < 1e-12
    whole = qjax.probabilities(circuit(), POINT, noise=model()).reshape(2, 2, 2, 2)
    summed = np.einsum(whole, range(4), [3 - qubit for qubit in reversed(qubits)])
    np.testing.assert_allclose(values(None), summed.ravel(), rtol=0, atol=1e-12)


def test_derivatives_in_parameters_and_in_probabilities_to_misread():
    def value(x, simulator):
        noise = NoiseModel().readout(x[2], x[3])
        values = qjax.expectation(
            circuit(), ["XZYI", "ZZII"], x[:2], noise=noise, simulator=simulator
        )
        return values @ jnp.array([1.0, 0.3])

    x = jnp.array([*POINT, 0.1, 0.05])
    assert difference(lambda how: jax.grad(value)(x, how)) < 1e-12


def test_networks():
    ways = {"circuit": circuit(), "input_params": ["a"], "weight_params": ["b"], "noise": model()}
    inputs = np.array([[0.7], [0.2]])
    sampler = qjax.SamplerQNN(**ways)
    shares = [qjax.probabilities(circuit(), [a, 0.4], noise=model()) for a in inputs[:, 0]]
    np.testing.assert_allclose(sampler.forward(inputs, [0.4]), shares, rtol=0, atol=1e-12)
    estimator = qjax.EstimatorQNN(**ways, observables=OBSERVABLES[:2])
    read = [
        qjax.expectation(circuit(), OBSERVABLES[:2], [a, 0.4], noise=model()) for a in inputs[:, 0]
    ]
    np.testing.assert_allclose(estimator.forward(inputs, [0.4]), read, rtol=0, atol=1e-12)
    above, below = (estimator.forward(inputs, [0.4 + step]) for step in (1e-5, -1e-5))
    slopes = estimator.backward(inputs, [0.4])[1][..., 0]
    np.testing.assert_allclose(slopes, (above - below) / 2e-5, rtol=0, atol=1e-9)
    assert "misread" in str(estimator.plan)


def test_shots_and_samples():
    exact = qjax.expectation(circuit(), OBSERVABLES, POINT, noise=model())
    result = qjax.estimate(
        circuit(), OBSERVABLES, POINT, 20_000, KEY, simulator=StateVector(), noise=model()
    )
    assert (np.abs(result.values - exact) <= 4 * result.errors + 1e-12).all()
    shares = qjax.probabilities(circuit(), POINT, noise=model())
    for method in (None, "trajectories"):
        drawn = qjax.sample(circuit(), POINT, 20_000, KEY, noise=model(), method=method)
        counts = np.bincount(np.asarray(drawn) @ (1 << np.arange(4)), minlength=16)
        spread = np.sqrt(shares * (1 - shares) / 20_000)
        assert (np.abs(counts / 20_000 - shares) < 4.5 * spread).all()


def test_one_precision_after_the_other():
    """Of the same observables and model, which are compiled for both."""
    observables, noise = OBSERVABLES[:2], model()
    for x64 in (False, True, False):
        with jax.enable_x64(x64):
            values = qjax.expectation(circuit(), observables, POINT, noise=noise)
            assert values.dtype == (np.float64 if x64 else np.float32)


def test_runs_are_misread_on_average():
    """Without anything else to draw, each run is the exact value."""
    how = {"key": KEY, "simulator": Trajectories(3), "noise": model()}
    result = qjax.estimate(circuit(), OBSERVABLES, POINT, **how)
    exact = qjax.expectation(circuit(), OBSERVABLES, POINT, noise=model())
    np.testing.assert_allclose(result.values, exact, rtol=0, atol=1e-12)
    assert not result.errors.any()


def test_wide_circuits():
    wide = QuantumCircuit(40)
    wide.h(0)
    wide.ry(0.4, 39)
    wide.cx(38, 39)
    noise = NoiseModel().readout(0.1, 0.02)
    observables = ["Z" + "I" * 39, "I" * 39 + "X"]
    values = qjax.expectation(wide, observables, noise=noise)
    np.testing.assert_allclose(values, [0.88 * np.cos(0.4) - 0.08, 0.88 - 0.08], atol=1e-12)


def test_errors():
    wide = QuantumCircuit(13)
    with pytest.raises(ValueError, match=r"13 factors that are misread.*shots="):
        qjax.expectation(wide, "Z" * 13, noise=NoiseModel().readout(0.1))
    chained = NoiseModel().readout(confusion(2, 0), qubits=[(k, k + 1) for k in range(5)])
    with pytest.raises(CircuitTooLargeError, match=r"overlap on the qubits.*5 at most.*shots="):
        qjax.expectation(QuantumCircuit(6), "X" * 6, noise=chained, simulator=DensityMatrix())
    noise = NoiseModel().after("ry", depolarizing(0.1))
    with pytest.raises(ValueError, match="StateVector has pure states"):
        qjax.expectation(circuit(), "ZZZZ", POINT, noise=noise, simulator=StateVector())
