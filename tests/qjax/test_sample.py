"""Samples: shapes, columns, reproducibility, and their statistics."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter
from qiskit.quantum_info import Statevector
from scipy import stats

import qjax
from tests.circuits import NAMED, bell, bind, random_circuit, random_values

KEY = jax.random.key(7)
SHOTS = 20_000


def integers(samples: object) -> np.ndarray:
    """Rows of bits, column i being bit i, as numbers."""
    bits = np.asarray(samples).astype(np.int64)
    return bits @ (1 << np.arange(bits.shape[1]))


def is_plausible(samples: object, probabilities: np.ndarray) -> bool:
    """Pearson's chi-square over the outcomes that can happen; the others must not happen."""
    counts = np.bincount(integers(samples), minlength=len(probabilities))
    possible = probabilities > 1e-9
    if counts[~possible].any():
        return False
    expected = probabilities[possible] / probabilities[possible].sum() * counts.sum()
    return bool(stats.chisquare(counts[possible], expected).pvalue > 1e-4)


def test_shape_and_dtype() -> None:
    for shots in (1, 5):
        samples = qjax.sample(bell(), (), shots, KEY)
        assert (samples.shape, samples.dtype) == ((shots, 2), np.uint8)


def test_column_i_is_qubit_i() -> None:
    circuit = QuantumCircuit(4)
    circuit.x([0, 2])
    np.testing.assert_array_equal(qjax.sample(circuit, (), 3, KEY), [[1, 0, 1, 0]] * 3)


def test_same_key_same_samples() -> None:
    circuit = qjax.from_qiskit(bell())
    first, again = (qjax.sample(circuit, (), 200, jax.random.key(1)) for _ in range(2))
    other = qjax.sample(circuit, (), 200, jax.random.key(2))
    np.testing.assert_array_equal(first, again)
    assert (np.asarray(first) != np.asarray(other)).any()


def test_raw_keys_are_keys() -> None:
    raw = qjax.sample(bell(), (), 50, jax.random.PRNGKey(7))
    np.testing.assert_array_equal(raw, qjax.sample(bell(), (), 50, KEY))


@pytest.mark.parametrize("name", ["shared_angles", "layered", "classifier"])
def test_distribution(name: str) -> None:
    source = NAMED[name]()
    values = random_values(source).astype(np.float32)
    samples = qjax.sample(source, values, SHOTS, KEY)
    assert is_plausible(samples, Statevector(bind(source, values)).probabilities())


def test_rows_are_independent() -> None:
    """Pairs of rows that follow each other have the product of the distributions."""
    samples = np.asarray(qjax.sample(bell(), (), SHOTS, KEY))
    pairs = np.concatenate([samples[::2, :1], samples[1::2, :1]], axis=1)
    assert is_plausible(pairs, np.full(4, 0.25))


@pytest.mark.parametrize("outcome", range(8))
def test_impossible_outcomes_are_never_drawn(outcome: int) -> None:
    """First and last outcomes are the ones that a cumulative sum rounds away or into."""
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.cx(0, 2)
    for qubit in range(3):
        if outcome >> qubit & 1:
            circuit.x(qubit)
    drawn = set(integers(qjax.sample(circuit, (), 4096, jax.random.key(outcome))))
    assert drawn == {outcome, 7 - outcome}


def test_distribution_of_many_qubits_in_single_precision() -> None:
    """2**14 equally likely outcomes: each qubit is fair, in both halves of the range."""
    circuit = QuantumCircuit(14)
    circuit.h(range(14))
    samples = np.asarray(qjax.sample(circuit, (), SHOTS, KEY))
    ones = samples.sum(axis=0)
    assert stats.binomtest(int(ones.min()), SHOTS, 0.5).pvalue > 1e-5
    assert stats.binomtest(int(ones.max()), SHOTS, 0.5).pvalue > 1e-5
    assert len(np.unique(integers(samples))) > 2**14 * (1 - np.exp(-SHOTS / 2**14)) * 0.97


def test_rounding_of_a_long_cumulative_sum_draws_nothing_impossible() -> None:
    """Half of 2**14 outcomes have probability 0, each next to one that has not."""
    circuit = QuantumCircuit(14)
    for qubit, angle in enumerate(np.random.default_rng(0).uniform(0.5, 2.5, 13)):
        circuit.ry(angle, qubit + 1)
        circuit.cx(qubit + 1, 0)
    samples = np.asarray(qjax.sample(circuit, (), 20 * SHOTS, KEY))
    assert not (samples.sum(axis=1) % 2).any()


def test_every_qubit_of_24_is_right_in_single_precision() -> None:
    """More outcomes than single precision tells apart: the last sum of them ended at 0.84."""
    circuit, shots = QuantumCircuit(24), 200_000
    circuit.h(range(0, 24, 2))
    circuit.ry(1.2, range(1, 24, 2))
    ones = np.asarray(qjax.sample(circuit, (), shots, KEY)).sum(axis=0)
    chances = np.where(np.arange(24) % 2, np.sin(0.6) ** 2, 0.5)
    errors = (ones / shots - chances) / np.sqrt(chances * (1 - chances) / shots)
    assert np.abs(errors).max() < 5
    assert stats.chi2.sf((errors**2).sum(), 24) > 1e-4


def test_many_shots_are_drawn_in_parts() -> None:
    """Parts that do not divide the shots; all rows are drawn, from different keys."""
    circuit, shots = QuantumCircuit(2), 300_001
    circuit.ry(0.7, 0)
    circuit.cx(0, 1)
    circuit.ry(1.1, 0)
    samples = qjax.sample(circuit, (), shots, KEY)
    assert samples.shape == (shots, 2)
    assert is_plausible(samples, Statevector(circuit).probabilities())
    rows = integers(samples)
    pairs = np.bincount(rows[:131_072] * 4 + rows[131_072:262_144], minlength=16)
    chances = np.bincount(rows, minlength=4) / shots
    assert stats.chisquare(pairs, np.outer(chances, chances).ravel() * 131_072).pvalue > 1e-4
    np.testing.assert_array_equal(samples, qjax.sample(circuit, (), shots, KEY))


def test_samples_do_not_depend_on_a_global_phase_or_scale() -> None:
    circuit = bell()
    circuit.global_phase = 2.0
    samples = qjax.sample(circuit, (), 50, KEY)
    np.testing.assert_array_equal(samples, qjax.sample(bell(), (), 50, KEY))


# ---------------------------------------------------------------- measured circuits


def test_measured_circuit_gives_clbits() -> None:
    circuit = QuantumCircuit(QuantumRegister(3), ClassicalRegister(2), ClassicalRegister(3))
    circuit.x([0, 2])
    circuit.measure([0, 1, 2], [4, 0, 2])
    np.testing.assert_array_equal(qjax.sample(circuit, (), 4, KEY), [[0, 0, 1, 0, 1]] * 4)


def test_measure_all() -> None:
    source = random_circuit(31, 3)
    probabilities = Statevector(source).probabilities()
    source.measure_all()
    samples = qjax.sample(source, (), SHOTS, KEY)
    assert samples.shape == (SHOTS, 3)
    assert is_plausible(samples, probabilities)


@pytest.mark.parametrize("places", [[1, 2, 0], [2, 0, 1], [3, 0, 2]])
def test_measured_bits_keep_their_joint_distribution(places: list[int]) -> None:
    """Qubit q goes to clbit places[q]; the clbit that nobody writes stays 0."""
    source = random_circuit(32, 3)
    probabilities = np.zeros(16)
    for index, probability in enumerate(Statevector(source).probabilities()):
        moved = sum((index >> qubit & 1) << clbit for qubit, clbit in enumerate(places))
        probabilities[moved] += probability
    source.add_register(ClassicalRegister(4))
    source.measure(range(3), places)
    assert is_plausible(qjax.sample(source, (), SHOTS, KEY), probabilities)


def test_some_qubits_measured() -> None:
    source = random_circuit(33, 3)
    probabilities = Statevector(source).probabilities([2, 0])
    source.add_register(ClassicalRegister(2))
    source.measure([2, 0], [0, 1])
    samples = qjax.sample(source, (), SHOTS, KEY)
    assert samples.shape == (SHOTS, 2)
    assert is_plausible(samples, probabilities)


def test_measurement_before_gates_on_other_qubits_is_final() -> None:
    """Nothing happens to the qubit afterwards but a barrier and a pause."""
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.measure(0, 1)
    circuit.h(1)
    circuit.barrier()
    circuit.delay(10, 0)
    circuit.h(1)
    circuit.measure(1, 0)
    np.testing.assert_array_equal(qjax.sample(circuit, (), 3, KEY), [[0, 1]] * 3)


# ---------------------------------------------------------------- transformations


def test_jit_and_vmap_over_keys_and_parameters() -> None:
    theta = Parameter("theta")
    source = QuantumCircuit(2)
    source.rx(theta, 1)
    circuit = qjax.from_qiskit(source)
    angles = np.array([[0.0], [np.pi], [np.pi / 2]], np.float32)

    @jax.jit
    def batch(params: jax.Array, keys: jax.Array) -> jax.Array:
        return jax.vmap(lambda p, key: qjax.sample(circuit, p, 1000, key))(params, keys)

    samples = np.asarray(batch(angles, jax.random.split(KEY, 3)))
    assert (samples.shape, samples.dtype) == ((3, 1000, 2), np.uint8)
    assert not samples[:, :, 0].any()
    assert samples[0, :, 1].sum() == 0
    assert samples[1, :, 1].sum() == 1000
    assert stats.binomtest(int(samples[2, :, 1].sum()), 1000, 0.5).pvalue > 1e-4


def test_jit_with_static_arguments(x64: None) -> None:
    circuit = qjax.from_qiskit(bell())
    samples = jax.jit(qjax.sample, static_argnums=(0, 2))(circuit, (), 300, KEY)
    assert set(integers(samples)) == {0, 3}
