"""Estimator and Sampler against Qiskit's reference primitives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Gate, Parameter, ParameterVector
from qiskit.circuit.library import real_amplitudes
from qiskit.primitives import StatevectorEstimator, StatevectorSampler
from qiskit.quantum_info import Pauli, SparsePauliOp, Statevector
from scipy.stats import chi2

import qjax
from qjax.operations import Measure, Register, gate, parameter
from qjax.primitives import Estimator, Sampler
from tests.circuits import random_circuit
from tests.dynamic import repeat_until_success

ANSATZ = real_amplitudes(3, reps=1)
POINTS = np.random.default_rng(0).uniform(-3, 3, (4, 5, ANSATZ.num_parameters))
SUM = SparsePauliOp(["XXI", "IYY", "ZZZ"], [0.5, -2, 0.1])

# Observables and parameter values that are broadcast against each other.
PUBS = {
    "one and one": ("ZZI", POINTS[0, 0]),
    "one observable": (SUM, POINTS),
    "one point": (["ZZI", "XIX", SUM], POINTS[0, 0]),
    "pairs": (["ZII", "XXX", SUM, Pauli("IYZ")], POINTS[:, 0]),
    "all combinations": ([["ZII"], [SUM], ["III"]], POINTS[None, 0]),
    "no points": ([["ZII"], ["XXX"]], POINTS[None, 0, :0]),
}


@pytest.mark.parametrize("name", PUBS)
def test_values_and_shapes(name: str) -> None:
    pub = (ANSATZ, *PUBS[name])
    expected = StatevectorEstimator().run([pub]).result()[0]
    actual = Estimator().run([pub]).result()[0]
    assert actual.data.shape == expected.data.shape
    np.testing.assert_allclose(actual.data.evs, expected.data.evs, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(actual.data.stds, np.zeros(expected.data.shape))
    assert actual.metadata == expected.metadata


def test_several_pubs_and_their_metadata() -> None:
    bell = QuantumCircuit(2, metadata={"name": "bell"})
    bell.h(0)
    bell.cx(0, 1)
    result = Estimator().run([(bell, ["ZZ", "XX", "ZI"]), (ANSATZ, "ZZZ", POINTS)]).result()
    assert result.metadata == {"version": 2}
    np.testing.assert_allclose(result[0].data.evs, [1, 1, 0], atol=1e-12)
    assert result[0].metadata == {"target_precision": 0.0, "circuit_metadata": {"name": "bell"}}
    assert result[1].data.evs.shape == (4, 5)


def test_projectors() -> None:
    """`ObservablesArray` has them beside Paulis; each is a projector on one qubit."""
    terms = {"0+Z": 1.5, "r1I": -0.3, "lX-": 0.7}
    vectors = {"0": [1, 0], "1": [0, 1], "+": [1, 1], "-": [1, -1], "r": [1, 1j], "l": [1, -1j]}
    total = 0
    for label, coefficient in terms.items():
        matrix = np.eye(1)
        for letter in label:
            if letter in vectors:
                vector = np.array(vectors[letter]) / np.linalg.norm(vectors[letter])
                matrix = np.kron(matrix, np.outer(vector, vector.conj()))
            else:
                matrix = np.kron(matrix, Pauli(letter).to_matrix())
        total = total + coefficient * matrix
    values = POINTS[0, 0]
    state = Statevector(ANSATZ.assign_parameters(values)).data
    found = Estimator().run([(ANSATZ, terms, values)]).result()[0].data.evs
    assert found == pytest.approx((state.conj() @ total @ state).real, abs=1e-12)


def test_random_circuits() -> None:
    rng = np.random.default_rng(3)
    for seed in range(6):
        circuit = random_circuit(seed, 1 + seed % 4, 15, symbolic=True)
        labels = ["".join(rng.choice(list("IXYZ"), circuit.num_qubits)) for _ in range(3)]
        points = rng.uniform(-3, 3, (3, circuit.num_parameters))
        pub = (circuit, labels, points)
        expected = StatevectorEstimator().run([pub]).result()[0].data.evs
        found = Estimator().run([pub]).result()[0].data.evs
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


def test_noise_of_a_precision() -> None:
    """The same numbers as Qiskit's for the same seed, and a standard error that says so."""
    pub = (ANSATZ, "ZZZ", POINTS)
    expected = StatevectorEstimator(seed=1).run([pub], precision=0.1).result()[0].data.evs
    result = Estimator(seed=1).run([pub], precision=0.1).result()[0]
    np.testing.assert_allclose(result.data.evs, expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(result.data.stds, np.full((4, 5), 0.1))
    again = Estimator(seed=1, default_precision=0.1).run([pub]).result()[0]
    np.testing.assert_array_equal(again.data.evs, result.data.evs)
    own = Estimator(default_precision=0.1).run([(ANSATZ, "ZZZ", POINTS, 0.0)]).result()[0]
    assert own.metadata["target_precision"] == 0


def test_new_values_compile_nothing(compilations: Any) -> None:
    Estimator().run([(ANSATZ, [["ZZZ"], ["XII"]], POINTS[None, 0])]).result()
    before = compilations.count
    Estimator().run([(ANSATZ, [["ZZZ"], ["XII"]], 2 * POINTS[None, 0])]).result()
    assert compilations.count == before


def mixed_pubs() -> list[tuple[Any, ...]]:
    """Pubs in a row that ask for the same, and others between them."""
    turned = ANSATZ.copy()
    turned.h(0)
    return [
        *((ANSATZ, "ZZI", POINTS[0, place]) for place in range(4)),
        (turned, "ZZI", POINTS[1, 0]),
        (ANSATZ, [["ZII"], [SUM]], POINTS[None, 0]),
        (ANSATZ, "ZZI", POINTS),
        (turned, "ZZI", POINTS[2]),
    ]


@pytest.mark.parametrize("block", [1 << 28, 3 * 8, 1])
def test_pubs_of_a_job(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qjax._base.tuning.READ_OUT_BYTES", block)
    actual = Estimator().run(mixed_pubs()).result()
    expected = StatevectorEstimator().run(mixed_pubs()).result()
    for mine, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(mine.data.evs, other.data.evs, rtol=0, atol=1e-12)


def test_equal_pubs_in_a_row_are_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Qiskit ML's gradients and kernels send a pub for each parameter set."""
    calls = []
    evaluate = qjax.evaluate
    monkeypatch.setattr(
        "qjax.primitives._requests.evaluate", lambda *given: calls.append(given) or evaluate(*given)
    )
    Estimator().run([(ANSATZ, "ZZI", values) for values in POINTS[0]]).result()
    circuit = ANSATZ.measure_all(inplace=False)
    Sampler().run([(circuit, values) for values in POINTS[0]]).result()
    assert [len(points) for _, _, points in calls] == [5, 5]


# Sampler.


@pytest.mark.parametrize("block", [1 << 28, 3 * 8 * 8, 1])
def test_samples_of_a_job(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are those of each pub by itself: an integer is the seed of each."""
    circuit, shots = ANSATZ.measure_all(inplace=False), 4000
    pubs = [(circuit, values) for values in [*POINTS[0], POINTS[1], POINTS[2, :0]]]
    alone = [Sampler(seed=2).run([pub], shots=shots).result()[0] for pub in pubs[:5]]
    monkeypatch.setattr("qjax._base.tuning.READ_OUT_BYTES", block)
    found = Sampler(seed=2).run(pubs, shots=shots).result()
    for place, one in enumerate(alone):
        np.testing.assert_array_equal(found[place].data.meas.array, one.data.meas.array)
        exact = Statevector(ANSATZ.assign_parameters(POINTS[0, place])).probabilities()
        counts = found[place].data.meas.get_int_counts()
        drawn = [counts.get(outcome, 0) / shots for outcome in range(8)]
        np.testing.assert_allclose(drawn, exact, rtol=0, atol=5 * 0.5 / shots**0.5)
    for place in range(5):
        exact = Statevector(ANSATZ.assign_parameters(POINTS[1, place])).probabilities()
        counts = found[5].data.meas.get_int_counts(place)
        drawn = [counts.get(outcome, 0) / shots for outcome in range(8)]
        np.testing.assert_allclose(drawn, exact, rtol=0, atol=5 * 0.5 / shots**0.5)
    assert found[6].data.meas.array.shape == (0, shots, 1)


def registers() -> QuantumCircuit:
    alpha, beta = ClassicalRegister(2, "alpha"), ClassicalRegister(10, "beta")
    circuit = QuantumCircuit(QuantumRegister(3), alpha, beta)
    circuit.ry(Parameter("a"), 0)
    circuit.cx(0, 1)
    circuit.ry(Parameter("b"), 2)
    circuit.measure([2, 0], alpha)
    circuit.measure(1, beta[8])
    return circuit


def test_samples_follow_the_probabilities() -> None:
    circuit, shots = registers(), 40_000
    points = np.random.default_rng(1).uniform(0.5, 2.5, (2, 3, 2))
    result = Sampler(seed=0).run([(circuit, points)], shots=shots).result()[0]
    expected = StatevectorSampler(seed=0).run([(circuit, points)], shots=10).result()[0]
    assert result.metadata == {"shots": shots, "circuit_metadata": {}}
    for name in ("alpha", "beta"):
        mine, other = result.data[name], expected.data[name]
        assert (mine.shape, mine.num_bits, mine.num_shots) == (other.shape, other.num_bits, shots)
        assert mine.array.dtype == other.array.dtype
    bare = circuit.remove_final_measurements(inplace=False)
    for place in np.ndindex(2, 3):
        state = Statevector(bare.assign_parameters(points[place]))
        # alpha is (qubit 0, qubit 2), its later bit first; beta's bit 8 is qubit 1.
        joint = state.probabilities([2, 0, 1])
        alpha = result.data["alpha"].array[place][:, 0].astype(int)
        beta = result.data["beta"].array[place].astype(int)
        assert set(np.unique(beta[:, 1])) == {0}
        counts = np.bincount(alpha + 4 * beta[:, 0], minlength=8)
        possible = joint > 1e-12
        assert counts[~possible].sum() == 0
        means = joint[possible] * shots
        statistic = ((counts[possible] - means) ** 2 / means).sum()
        assert statistic < chi2.ppf(1 - 1e-6, possible.sum() - 1)


def test_seeds_and_shots() -> None:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.measure_all()
    draw = lambda **options: (  # noqa: E731
        Sampler(**options).run([circuit]).result()[0].data.meas.get_bitstrings()
    )
    assert draw(seed=3) == draw(seed=3)
    assert draw(seed=3) != draw(seed=4)
    assert len(draw()) == 1024
    assert len(draw(default_shots=7)) == 7
    own = Sampler().run([(circuit, None, 5)], shots=9).result()[0]
    assert own.data.meas.num_shots == 5


def test_bits_that_nothing_is_measured_into_stay_zero() -> None:
    circuit = QuantumCircuit(1, 3)
    circuit.x(0)
    assert Sampler().run([circuit], shots=4).result()[0].data.c.get_counts() == {"000": 4}
    circuit.measure(0, 1)
    assert Sampler().run([circuit], shots=4).result()[0].data.c.get_counts() == {"010": 4}


# Errors.


def test_what_is_refused() -> None:
    opaque = QuantumCircuit(1, 1)
    opaque.append(Gate("mystery", 1, []), [0])
    with pytest.raises(qjax.UnsupportedInstructionError, match="mystery"):
        Sampler().run([opaque]).result()
    with pytest.warns(UserWarning, match="no classical register"):
        result = Sampler().run([QuantumCircuit(1)]).result()
    assert len(result[0].data) == 0
    vector = ParameterVector("v", 2)
    circuit = QuantumCircuit(1)
    circuit.rx(vector[0] + vector[1], 0)
    with pytest.raises(ValueError, match="inconsistent"):
        Estimator().run([(circuit, "Z", [0.1])])
    with pytest.raises(ValueError, match=r"(?i)hermitian|real"):
        Estimator().run([(QuantumCircuit(1), SparsePauliOp("Z", 1j))]).result()


# Dynamic circuits.


def test_dynamic_circuits_are_sampled_and_estimated() -> None:
    theta = Parameter("t")
    circuit = QuantumCircuit(QuantumRegister(2, "q"), ClassicalRegister(1, "a"))
    circuit.add_register(ClassicalRegister(2, "b"))
    circuit.ry(theta, 0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.cregs[0], 1)):
        circuit.x(1)
    circuit.reset(0)
    value = Estimator().run([(circuit, ["ZI", "IZ"], [[0.3], [1.2]])]).result()[0].data.evs
    np.testing.assert_allclose(value, [np.cos(0.3), 1], atol=1e-12)
    circuit.measure([0, 1], [1, 2])
    data = Sampler(seed=1).run([(circuit, [np.pi])], shots=20).result()[0].data
    assert data.a.get_counts() == {"1": 20}
    assert data.b.get_counts() == {"10": 20}


def test_too_many_outcomes_are_run_shot_by_shot() -> None:
    theta = Parameter("t")
    circuit = QuantumCircuit(1, 30)
    for clbit in range(30):
        circuit.ry(theta, 0)
        circuit.measure(0, clbit)
    result = Sampler(seed=3).run([(circuit, [[np.pi], [0.0]])], shots=6).result()[0].data.c
    assert result.shape == (2,)
    assert result[0].get_counts() == {"01" * 15: 6}
    assert result[1].get_counts() == {"0" * 30: 6}


def test_noise_of_a_single_value_is_an_array() -> None:
    result = Estimator(seed=1).run([(QuantumCircuit(1), "Z")], precision=0.1).result()[0]
    assert result.data.evs.shape == ()
    assert result.data.stds.shape == ()
    assert 0 < abs(result.data.evs - 1) < 0.5


@pytest.mark.parametrize("num_clbits", [0, 1, 2, 3])
def test_bits_that_nothing_is_measured_into_stay_zero_after_a_reset(num_clbits: int) -> None:
    circuit = QuantumCircuit(2, num_clbits)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.reset(0)
    if not num_clbits:
        with pytest.warns(UserWarning, match="no classical register"):
            assert not len(Sampler().run([circuit]).result()[0].data)
        return
    counts = Sampler().run([circuit], shots=10).result()[0].data.c.get_counts()
    assert counts == {"0" * num_clbits: 10}


def test_no_observables_have_no_values() -> None:
    assert Estimator().run([(QuantumCircuit(1), [])]).result()[0].data.evs.shape == (0,)


def test_a_loop_without_a_bound_is_estimated_to_a_precision() -> None:
    circuit = repeat_until_success(Parameter("t"))
    angles = np.array([[0.9], [1.7]])
    again = np.sin(angles / 2) ** 2
    # <Z> after k turns is cos(0.4 k), and k is geometric.
    turns = np.arange(200)
    exact = ((1 - again) * again**turns * np.cos(0.4 * turns)).sum(axis=1)
    pubs = [(QuantumCircuit(2), "ZZ"), (circuit, SparsePauliOp("ZI", 2.0), angles)]
    plain, found = Estimator(seed=1).run(pubs, precision=0.02).result()
    assert abs(plain.data.evs - 1) < 0.1
    np.testing.assert_allclose(found.data.evs, 2 * exact, atol=5 * 0.02)
    assert found.data.stds.shape == (2,)
    with pytest.raises(qjax.NoExactFormError, match="loop without a bound"):
        Estimator().run(pubs).result()


@pytest.mark.parametrize("shots", [10**11, 2**31 + 1])
def test_more_shots_than_are_possible(shots: int) -> None:
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    with pytest.raises(ValueError, match="shots: expected at most"):
        Sampler().run([circuit], shots=shots)


def test_more_shots_than_memory_holds() -> None:
    circuit = QuantumCircuit(30)
    circuit.measure_all()
    with pytest.raises(qjax.CircuitTooLargeError, match="fewer shots"):
        Sampler().run([circuit], shots=2**31)


def in_python(num_clbits: int = 0) -> qjax.Circuit:
    """Parameters in another order than Qiskit's, one of which nothing uses."""
    ops: tuple = (gate("ry", 0, parameter(0)), gate("rx", 1, parameter(2), controls=0))
    ops += tuple(Measure(bit, bit) for bit in range(num_clbits))
    return qjax.Circuit(
        num_qubits=2,
        ops=ops,
        parameters=("w2", "unused", "w10"),
        num_clbits=num_clbits,
        registers=(Register("c", tuple(range(num_clbits))),) if num_clbits else (),
    )


def in_qiskit(values: np.ndarray) -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.ry(values[0], 0)
    circuit.crx(values[2], 0, 1)
    return circuit


THREE = np.random.default_rng(5).uniform(-3, 3, (4, 3))


def test_circuits_in_python_are_estimated() -> None:
    values = Estimator().run([(in_python(), [["ZZ"], ["IX"]], THREE)]).result()[0].data.evs
    states = [Statevector(in_qiskit(point)) for point in THREE]
    expected = [
        [state.expectation_value(Pauli(label)).real for state in states] for label in ("ZZ", "IX")
    ]
    np.testing.assert_allclose(values, expected, atol=1e-12)
    named = dict(zip(("w2", "w10"), THREE[0, [0, 2]], strict=True))
    found = Estimator().run([(in_python(), "ZZ", named)]).result()[0].data.evs
    np.testing.assert_allclose(found, expected[0][0], atol=1e-12)


def test_circuits_in_python_without_used_parameters_are_estimated() -> None:
    still = qjax.Circuit(num_qubits=1, ops=(gate("x", 0),), parameters=("a",))
    assert Estimator().run([(still, "Z")]).result()[0].data.evs == -1
    found = Estimator().run([(still, "Z", [[0.3], [0.4]])]).result()[0].data.evs
    np.testing.assert_array_equal(found, [-1, -1])
    turned = qjax.Circuit(num_qubits=1, ops=(gate("ry", 0, parameter(0)),), parameters=("a",))
    found = Estimator().run([(turned, "Z", [0.3, 0.4])]).result()[0].data.evs
    np.testing.assert_allclose(found, np.cos([0.3, 0.4]), atol=1e-12)


def test_circuits_in_python_are_sampled() -> None:
    exact = Sampler(default_shots=None).run([(in_python(2), THREE)]).result()[0].data.c
    expected = [Statevector(in_qiskit(point)).probabilities() for point in THREE]
    for place, row in enumerate(expected):
        found = exact.get_probabilities(place)
        shown = [found.get(bits, 0.0) for bits in ("00", "01", "10", "11")]
        np.testing.assert_allclose(shown, row, atol=1e-12)
    still = qjax.Circuit(2, (gate("x", 1), Measure(1, 0)), (), 1, (Register("m", (0,)),))
    assert Sampler().run([still]).result()[0].data.m.get_counts() == {"1": 1024}


def test_values_of_another_number_than_the_parameters_of_a_circuit_in_python() -> None:
    with pytest.raises(ValueError, match=r"length 3, got shape \(2,\).*w2, unused, w10"):
        Estimator().run([(in_python(), "ZZ", [0.1, 0.2])])
