"""Misread bits inverted: against definitions, Aer's noisy counts and finite differences."""

from __future__ import annotations

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from jax.test_util import check_grads
from qiskit import QuantumCircuit
from qiskit.quantum_info import Pauli, Statevector
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel as AerNoiseModel
from qiskit_aer.noise import ReadoutError as AerReadoutError

from qjax.mitigation import nearest_distribution, readout
from qjax.noise import NoiseModel

RANDOM = np.random.default_rng(0)
MATRICES = np.array([[[0.97, 0.03], [0.08, 0.92]], [[0.9, 0.1], [0.04, 0.96]], [[0.99, 0.01]] * 2])
MATRICES[2, 1] = [0.2, 0.8]
PAIR = np.array([[0.9, 0.05, 0.03, 0.02], [0.1, 0.8, 0.04, 0.06], [0.02, 0.08, 0.85, 0.05]] * 2)[:4]
PAIR[3] = [0.01, 0.02, 0.07, 0.9]
TRUE = RANDOM.dirichlet(np.ones(8), size=(2, 3))

SINGLE = NoiseModel().readout(MATRICES[0], qubits=0).readout(MATRICES[1], qubits=1)
SINGLE = SINGLE.readout(MATRICES[2], qubits=2)
JOINT = NoiseModel().readout(PAIR, qubits=(2, 0)).readout(MATRICES[1], qubits=1)
OVERLAPPING = NoiseModel().readout(MATRICES[0], qubits=[0, 1]).readout(PAIR, qubits=(2, 0))
EVERYWHERE = NoiseModel().readout(MATRICES[0])
DEVICE = NoiseModel(num_qubits=1, is_of_device=True).readout(MATRICES[0])


def joint_matrix(model: NoiseModel, num_bits: int = 3) -> np.ndarray:
    """Entry [i, j]: the probability to read j where i was true, by what a model says of bits."""
    total = np.eye(2**num_bits)
    for error in model.readouts:
        for qubits in error.places or [(q,) for q in range(num_bits)]:
            step = np.zeros_like(total)
            for i, j in product(range(2**num_bits), repeat=2):
                inside = sum(1 << q for q in qubits)
                if (i ^ j) & ~inside == 0:
                    row, column = (
                        sum((n >> q & 1) << k for k, q in enumerate(qubits)) for n in (i, j)
                    )
                    step[i, j] = error.matrix[row, column]
            total = total @ step
    return total


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("model", [SINGLE, JOINT, OVERLAPPING, EVERYWHERE])
def test_probabilities_are_those_of_true_bits(model: NoiseModel) -> None:
    read = TRUE @ joint_matrix(model)
    assert np.allclose(readout(read, model), TRUE, atol=1e-12)
    if model is JOINT:
        assert np.allclose(jax.jit(jax.vmap(readout, (0, None)))(jnp.array(read), model), TRUE)


@pytest.mark.usefixtures("x64")
def test_calibration_matrices_are_models() -> None:
    read = TRUE @ joint_matrix(SINGLE)
    assert np.allclose(readout(read, MATRICES), TRUE, atol=1e-12)
    assert np.allclose(readout(read, joint_matrix(SINGLE)), TRUE, atol=1e-12)


def test_qubits_tell_where_bits_come_from() -> None:
    turned = NoiseModel().readout(MATRICES[0], qubits=7).readout(MATRICES[2], qubits=2)
    read = np.array([0.1, 0.2, 0.3, 0.4])
    expected = readout(read, MATRICES[[2, 0]])
    assert np.allclose(readout(read, turned, qubits=(2, 7)), expected, atol=1e-6)


@pytest.mark.usefixtures("x64")
def test_counts_and_bits_are_frequencies() -> None:
    counts = {"0 01": 10, "1 10": 30, "1 11": 60}
    bits = np.repeat([[1, 0, 0], [0, 1, 1], [1, 1, 1]], [10, 30, 60], axis=0).astype(np.uint8)
    expected = readout(np.array([0, 0.1, 0, 0, 0, 0, 0.3, 0.6]), SINGLE)
    assert np.allclose(readout(counts, SINGLE), expected, atol=1e-12)
    assert np.allclose(jax.jit(readout)(jnp.array(bits), SINGLE), expected, atol=1e-12)
    assert np.allclose(readout(np.stack([bits, bits]), SINGLE), [expected] * 2, atol=1e-12)


@pytest.mark.usefixtures("x64")
def test_counts_of_aer_are_inverted() -> None:
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.ry(0.7, 2)
    exact = Statevector(circuit).probabilities()
    noise = AerNoiseModel()
    for qubit, matrix in enumerate(MATRICES):
        noise.add_readout_error(AerReadoutError(matrix), [qubit])
    circuit.measure_all()
    shots = 200_000
    simulator = AerSimulator(noise_model=noise, seed_simulator=3)
    counts = simulator.run(circuit, shots=shots).result().get_counts()
    estimated = readout(counts, SINGLE)
    inverse = np.linalg.inv(joint_matrix(SINGLE))
    read = exact @ joint_matrix(SINGLE)
    covariance = (np.diag(read) - np.outer(read, read)) / shots
    errors = np.sqrt(np.diag(inverse.T @ covariance @ inverse))
    assert (abs(estimated - exact) < 4 * errors).all()
    seen = np.array([counts.get(f"{k:03b}", 0) for k in range(8)]) / shots
    assert abs(seen - exact).max() > 10 * errors.max()  # there was something to correct


def with_rows_of_one(matrix: jax.Array) -> jax.Array:
    return matrix / matrix.sum(axis=1, keepdims=True)


LABELS = ["".join(letters) for letters in product("IXZ", "IXY", "IYZ")][1:]


def read_values(model: NoiseModel, state: Statevector, labels: list[str]) -> np.ndarray:
    """What each string shows: turned to its own basis, then misread."""
    return np.array([read_value(model, state, label) for label in labels])


def read_value(model: NoiseModel, state: Statevector, label: str) -> float:
    turns = QuantumCircuit(3)
    for qubit, letter in enumerate(reversed(label)):
        if letter == "Y":
            turns.sdg(qubit)
        if letter in "XY":
            turns.h(qubit)
    seen = state.evolve(turns).probabilities() @ joint_matrix(model)
    looked_at = sum(1 << q for q, letter in enumerate(reversed(label)) if letter != "I")
    return float(sum(p * (-1) ** (k & looked_at).bit_count() for k, p in enumerate(seen)))


STATE = Statevector(RANDOM.normal(size=8) + 1j * RANDOM.normal(size=8))
STATE = Statevector(STATE.data / np.linalg.norm(STATE.data))
VALUES = np.array([STATE.expectation_value(Pauli(label)).real for label in LABELS])


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("model", [SINGLE, OVERLAPPING])
def test_values_of_strings(model: NoiseModel) -> None:
    read = read_values(model, STATE, LABELS)
    assert abs(read - VALUES).max() > 0.01
    assert np.allclose(readout(read, model, observables=LABELS), VALUES, atol=1e-12)
    parts = ["ZIX", "IIX", "ZII", "III"]  # nothing else is mixed with these
    if model is SINGLE:
        both = np.stack([read_values(model, STATE, parts)] * 2)
        expected = [STATE.expectation_value(Pauli(label)).real for label in parts]
        assert np.allclose(readout(both, model, observables=parts), [expected] * 2, atol=1e-12)


@pytest.mark.usefixtures("x64")
def test_where_bits_are_misread_alike_values_are_divided() -> None:
    matrix = np.array([[0.9, 0.1], [0.1, 0.9]])
    model = NoiseModel().readout(matrix)
    assert abs(readout(0.32, model, observables="XZ") - 0.32 / 0.64) < 1e-12
    assert abs(readout(0.32, model, observables=Pauli("XI")) - 0.32 / 0.8) < 1e-12
    divided = jax.jit(lambda model: readout([0.32], model, observables=["XZ"]))
    assert np.allclose(divided(model), [0.5])
    assert np.isnan(divided(EVERYWHERE)).all()  # its parts are missing


@pytest.mark.usefixtures("x64")
def test_derivatives() -> None:
    read = jnp.array(TRUE[0] @ joint_matrix(JOINT))
    labels = ["ZIX", "IIX", "ZII"]
    values = jnp.array(read_values(SINGLE, STATE, labels))

    def of_read(read: jax.Array, strengths: NoiseModel) -> jax.Array:
        return readout(read, jax.tree.map(with_rows_of_one, strengths))

    def of_values(values: jax.Array, strengths: NoiseModel) -> jax.Array:
        return readout(values, jax.tree.map(with_rows_of_one, strengths), observables=labels)

    check_grads(jax.jit(of_read), (read, JOINT), 1, ["rev"], rtol=1e-5)
    check_grads(jax.jit(of_values), (values, SINGLE), 1, ["rev"], rtol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_the_nearest_distribution_is_the_nearest(seed: int) -> None:
    numbers = np.random.default_rng(seed).normal(0.2, 0.4, size=5)
    numbers += (1 - numbers.sum()) / 5
    nearest = np.asarray(nearest_distribution(numbers), float)
    assert (nearest >= 0).all()
    assert abs(nearest.sum() - 1) < 1e-6
    # Variational inequality of a projection: no corner of the simplex lies beyond.
    assert ((numbers - nearest) @ (np.eye(5) - nearest).T < 1e-6).all()


@given(arrays(float, 6, elements=st.floats(0, 1)).filter(lambda row: row.sum() > 0.1))
def test_distributions_are_their_own_nearest(row: np.ndarray) -> None:
    distribution = row / row.sum()
    assert np.allclose(nearest_distribution(distribution), distribution, atol=1e-6)


@pytest.mark.usefixtures("x64")
def test_projection_follows_the_inversion() -> None:
    read = np.array([0.01, 0.99])
    assert readout(read, MATRICES[:1]).min() < 0
    assert np.allclose(readout(read, MATRICES[:1], project=True), [0, 1])
    check_grads(nearest_distribution, (jnp.array([0.5, 0.7, -0.3, 0.25]),), 1, ["rev"])


def test_samples_in_single_precision_stay_single() -> None:
    bits = np.array([[0, 1], [1, 1]], np.uint8)  # as `qjax.sample` draws them
    assert readout(bits, EVERYWHERE).dtype == np.float32


@pytest.mark.parametrize(
    ("values", "model", "options", "kind", "message"),
    [
        ({}, SINGLE, {}, ValueError, "values: expected counts"),
        ({"01": 3, "1": 2}, SINGLE, {}, ValueError, "values: expected counts"),
        ({"0x1": 3}, SINGLE, {}, ValueError, "values: expected counts"),
        ({1: 3}, SINGLE, {}, TypeError, "values: expected counts"),
        ({"01": "3"}, SINGLE, {}, TypeError, "values: expected numbers"),
        ({"01": 0}, SINGLE, {}, ValueError, "values: the counts add up to 0"),
        (np.array([480, 520]), EVERYWHERE, {}, ValueError, "divided by the number of shots"),
        (np.full((3, 2), 2), EVERYWHERE, {}, ValueError, "sampled bits are 0 or 1"),
        (np.zeros((0, 2), int), EVERYWHERE, {}, ValueError, "values: expected counts"),
        ([0.2, 0.3, 0.5], EVERYWHERE, {}, ValueError, "values: expected counts"),
        (["a"], EVERYWHERE, {}, TypeError, "values: got"),
        ([0.5, 0.5], MATRICES, {}, ValueError, "model: expected a NoiseModel, or a calibration"),
        ([0.5, 0.5], MATRICES[0].T, {}, ValueError, "add up to one"),
        ([0.5, 0.5], np.full((2, 2), 0.5), {}, ValueError, "cannot be inverted"),
        ([0.5, 0.5], "no", {}, TypeError, "model: got"),
        ([0.5, 0.5], NoiseModel().readout(PAIR, qubits=(2, 0)), {}, ValueError, "together"),
        ([0.5, 0.5], EVERYWHERE, {"qubits": (0, 1)}, ValueError, "qubits: expected 1 distinct"),
        ([0.5, 0.5], EVERYWHERE, {"project": 1}, TypeError, "project: expected True or False"),
        ([0.2, 0.8, 0, 0], DEVICE, {}, ValueError, "a device with 1 qubits"),
        ([0.5], EVERYWHERE, {"observables": ["ZZ"]}, ValueError, "of ZZ, parts are missing"),
        ([0.5], DEVICE, {"observables": "ZI"}, ValueError, "a device with 1 qubits"),
        ([0.5], EVERYWHERE, {"observables": []}, ValueError, "observables: got an empty list"),
        ([0.5], EVERYWHERE, {"observables": [3]}, TypeError, "observables: expected Pauli strings"),
        ([0.5], EVERYWHERE, {"observables": 3}, TypeError, "observables: expected Pauli strings"),
        ([0.5], EVERYWHERE, {"observables": ["0"]}, ValueError, "strings of I, X, Y and Z"),
        ([0.5, 1], EVERYWHERE, {"observables": ["Z", "Z"]}, ValueError, "Z is given twice"),
        ([0.5, 1], EVERYWHERE, {"observables": ["Z"]}, ValueError, r"values: expected shape"),
        ([0.5], EVERYWHERE, {"observables": "Z", "project": True}, ValueError, "project: "),
    ],
)
def test_bad_input(
    values: object, model: object, options: dict, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        readout(values, model, **options)
