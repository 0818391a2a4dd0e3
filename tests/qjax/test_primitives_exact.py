"""Primitives that are exact whatever is asked of them, in Qiskit ML's hands and in ours."""

from __future__ import annotations

import warnings
from typing import Any

import jax
import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit.library import real_amplitudes, zz_feature_map
from qiskit.primitives import StatevectorSampler
from qiskit.quantum_info import SparsePauliOp, Statevector

import qjax
from qjax.primitives import Distribution, Estimator, Sampler
from tests.circuits import DOUBLE_TOLERANCE, error, state_of
from tests.dynamic import endless

FEATURES, ANSATZ = zz_feature_map(2, reps=1), real_amplitudes(2, reps=1)
CIRCUIT = FEATURES.compose(ANSATZ)
PARAMS: dict[str, Any] = {
    "circuit": CIRCUIT,
    "input_params": list(FEATURES.parameters),
    "weight_params": list(ANSATZ.parameters),
    "input_gradients": True,
}
RANDOM = np.random.default_rng(0)
X, W = RANDOM.normal(size=(3, 2)), RANDOM.normal(size=ANSATZ.num_parameters)
# The compute-uncompute method, and gradients from counts out of 2**50.
CLOSE = 1e-13


def theirs(module: str) -> Any:
    return pytest.importorskip(f"qiskit_machine_learning.{module}")


def registers() -> QuantumCircuit:
    """Two registers, qubits out of order, a bit that nothing is measured into."""
    a, b = ClassicalRegister(2, "a"), ClassicalRegister(2, "b")
    circuit = QuantumCircuit(QuantumRegister(3), a, b)
    circuit.ry(0.3, 0)
    circuit.ry(1.1, 1)
    circuit.cx(0, 2)
    circuit.h(2)
    circuit.measure([2, 0, 1], [a[0], a[1], b[0]])
    return circuit


def shares_of(circuit: QuantumCircuit, bits: list[int | None]) -> dict[str, float]:
    """By Qiskit's state: the qubits that a register shows, lowest bit first."""
    found: dict[str, float] = {}
    bare = circuit.remove_final_measurements(inplace=False)
    for key, share in Statevector(bare).probabilities_dict().items():
        shown = "".join("0" if q is None else key[-1 - q] for q in reversed(bits))
        found[shown] = found.get(shown, 0) + share
    return found


def check_shares(found: dict[str, float], right: dict[str, float]) -> None:
    assert found.keys() == right.keys()
    assert max(abs(found[key] - right[key]) for key in right) < DOUBLE_TOLERANCE


def test_registers_and_their_join() -> None:
    circuit = registers()
    found = Sampler(default_shots=None).run([circuit]).result()[0]
    check_shares(found.data.a.get_probabilities(), shares_of(circuit, [2, 0]))
    check_shares(found.data.b.get_probabilities(), shares_of(circuit, [1, None]))
    check_shares(found.join_data().get_probabilities(), shares_of(circuit, [2, 0, 1, None]))
    check_shares(
        found.join_data(["b", "a"]).get_probabilities(), shares_of(circuit, [1, None, 2, 0])
    )
    assert found.metadata["shots"] is None
    with pytest.raises(ValueError, match="got \\['c'\\]"):
        found.join_data(["a", "c"])


def test_joins_are_in_the_order_of_samples() -> None:
    circuit = QuantumCircuit(
        QuantumRegister(2), ClassicalRegister(1, "a"), ClassicalRegister(2, "b")
    )
    circuit.x(0)
    circuit.measure([0, 1], [0, 2])
    for names in (None, ["a", "b"], ["b", "a"]):
        exact = Sampler(exact=True).run([circuit]).result()[0].join_data(names)
        drawn = StatevectorSampler().run([circuit], shots=1).result()[0].join_data(names)
        assert exact.get_counts() == drawn.get_counts()
        assert exact.get_int_counts() == drawn.get_int_counts()


def test_counts_lose_nothing() -> None:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    bell = Sampler(default_shots=None).run([circuit]).result()[0].data.meas
    assert bell.get_counts() == {"00": 1, "11": 1}
    assert bell.get_counts(shots=1000) == {"00": 500, "11": 500}
    assert (bell.num_bits, bell.num_shots, bell.shape, bell.size) == (2, None, (), 1)
    circuit = CIRCUIT.copy()
    circuit.measure_all()
    values = np.broadcast_to(RANDOM.normal(size=6), (2, 3, 6)) * np.arange(6).reshape(2, 3, 1)
    found = Sampler(default_shots=None).run([(circuit, values)]).result()[0].data.meas
    assert found.shape == (2, 3)
    shares = found.get_probabilities()
    for place in np.ndindex(2, 3):
        counts = found.get_counts(place)
        total = sum(counts.values())
        right = Statevector(CIRCUIT.assign_parameters(values[place])).probabilities_dict()
        check_shares(shares[place], found[place].get_probabilities())
        assert max(abs(shares[place].get(key, 0) - p) for key, p in right.items()) < 1e-12
        assert max(abs(counts.get(key, 0) / total - p) for key, p in right.items()) < 1e-12
    assert found[0].shape == (3,)
    union = found.get_counts()
    means = {key: np.mean([each.get(key, 0) for each in shares.ravel()]) for key in union}
    assert max(abs(union[key] / sum(union.values()) - means[key]) for key in union) < 1e-12


def test_no_parameter_sets_and_no_registers() -> None:
    circuit = CIRCUIT.copy()
    circuit.measure_all()
    none = Sampler(exact=True).run([(circuit, np.zeros((0, 6)))]).result()[0].data.meas
    assert none.shape == (0,)
    assert none.get_counts() == {}
    assert none.get_probabilities().shape == (0,)
    with pytest.warns(UserWarning, match="no classical register"):
        bare = Sampler(exact=True).run([QuantumCircuit(1)]).result()[0]
    with pytest.raises(ValueError, match="got none"):
        bare.join_data()


def test_what_asks_for_shots_gets_them_unless_exact() -> None:
    circuit = registers()
    drawn = Sampler(default_shots=None, seed=1).run([circuit], shots=10).result()[0]
    assert drawn.data.a.num_shots == 10
    both = Sampler(default_shots=None, seed=1).run([(circuit, (), 10), circuit]).result()
    assert both[0].data.a.num_shots == 10
    assert isinstance(both[1].data.a, Distribution)
    exact = Sampler(exact=True).run([(circuit, (), 10)], shots=20).result()[0]
    assert isinstance(exact.data.a, Distribution)


def test_an_exact_estimator_ignores_precision() -> None:
    observable = SparsePauliOp(["ZZ", "XI"], [1, 0.5])
    values = np.concatenate([X[0], W])
    right = state_of(CIRCUIT, values)
    for estimator in (Estimator(exact=True), Estimator(exact=True, seed=3)):
        found = estimator.run([(CIRCUIT, observable, values, 0.5)], precision=0.3).result()[0]
        mean = Statevector(right).expectation_value(observable).real
        assert abs(found.data.evs - mean) < DOUBLE_TOLERANCE
        assert found.data.stds == 0
    noisy = Estimator(seed=3).run([(CIRCUIT, observable, values, 0.5)]).result()[0]
    assert abs(noisy.data.evs - mean) > 1e-3


def test_dynamic_circuits_are_exact_too() -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.ry(1.1, 0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.ry(0.7, 1)
    circuit.measure(1, 1)
    found = Sampler(exact=True).run([circuit]).result()[0].data.c.get_probabilities()
    one, then = np.sin(0.55) ** 2, np.sin(0.35) ** 2
    check_shares(found, {"00": 1 - one, "01": one * (1 - then), "11": one * then})
    with pytest.raises(qjax.NoExactFormError):
        Sampler(exact=True).run([endless()]).result()


def test_qiskit_ml_computes_exactly_with_them() -> None:
    their_way = {name: value for name, value in PARAMS.items() if name != "circuit"}
    for kind, options in (
        ("SamplerQNN", {"sampler": Sampler(default_shots=None)}),
        ("EstimatorQNN", {"estimator": Estimator(exact=True)}),
    ):
        network = getattr(theirs("neural_networks"), kind)(circuit=CIRCUIT, **their_way, **options)
        ours = getattr(qjax, kind)(**PARAMS)
        assert error(network.forward(X, W), ours.forward(X, W)) < CLOSE
        for found, right in zip(network.backward(X, W), ours.backward(X, W), strict=True):
            assert error(found, right) < CLOSE
    fidelity = theirs("state_fidelities").ComputeUncompute(Sampler(default_shots=None))
    matrix = (
        theirs("kernels").FidelityQuantumKernel(feature_map=FEATURES, fidelity=fidelity).evaluate(X)
    )
    states = [Statevector(FEATURES.assign_parameters(x)).data for x in X]
    assert error(matrix, abs(np.conj(states) @ np.transpose(states)) ** 2) < CLOSE
    # What theirs returns is read by us, too.
    ours = qjax.SamplerQNN(**PARAMS, sampler=theirs("primitives").QMLSampler())
    assert error(ours.forward(X, W), qjax.SamplerQNN(**PARAMS).forward(X, W)) < CLOSE


def test_our_networks_are_exact_on_them(x64: None) -> None:
    exact = qjax.SamplerQNN(**PARAMS)
    remote = qjax.SamplerQNN(**PARAMS, sampler=Sampler(default_shots=None))
    assert error(remote.forward(X, W), exact.forward(X, W)) < CLOSE
    for found, right in zip(remote.backward(X, W), exact.backward(X, W), strict=True):
        assert error(found, right) < CLOSE
    assert error(jax.jit(remote.apply)(W, X), exact.apply(W, X)) < CLOSE
    means = qjax.EstimatorQNN(**PARAMS, estimator=Estimator(exact=True), default_precision=0.1)
    assert error(means.forward(X, W), qjax.EstimatorQNN(**PARAMS).forward(X, W)) < CLOSE


def test_probabilities_are_no_samples() -> None:
    network = qjax.CircuitQNN(CIRCUIT, **{k: v for k, v in PARAMS.items() if k != "circuit"},
                              sampling=True, sampler=Sampler(exact=True))  # fmt: skip
    with pytest.raises(TypeError, match="Distribution"):
        network.sample(X, W)


@pytest.mark.parametrize(
    ("kind", "options", "error", "complaint"),
    [
        (Sampler, {"default_shots": 0}, ValueError, "default_shots.*at least 1, got 0.*None"),
        (Sampler, {"default_shots": -3}, ValueError, "default_shots"),
        (Sampler, {"default_shots": True}, TypeError, "default_shots.*bool"),
        (Sampler, {"default_shots": 1.5}, TypeError, "default_shots.*float"),
        (Sampler, {"default_shots": np.nan}, TypeError, "default_shots"),
        (Sampler, {"default_shots": "1", "exact": True}, TypeError, "default_shots"),
        (Sampler, {"exact": 1}, TypeError, "exact"),
        (Sampler, {"seed": -1}, ValueError, "seed"),
        (Estimator, {"seed": True}, TypeError, "seed"),
        (Estimator, {"seed": 1.5}, TypeError, "seed"),
        (Estimator, {"default_precision": None}, TypeError, "0 for exact"),
        (Estimator, {"default_precision": True}, TypeError, "default_precision"),
        (Estimator, {"default_precision": -0.1}, ValueError, "default_precision"),
        (Estimator, {"default_precision": np.nan}, ValueError, "default_precision"),
        (Estimator, {"default_precision": np.inf}, ValueError, "default_precision"),
        (Estimator, {"default_precision": 0.1, "exact": True}, ValueError, "leave out"),
        (Estimator, {"exact": None}, TypeError, "exact"),
    ],
)
def test_options_are_checked_when_it_is_made(
    kind: type, options: dict, error: type[Exception], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        kind(**options)


def test_precision_is_checked_when_it_is_asked_for() -> None:
    circuit = QuantumCircuit(1)
    for precision in (np.nan, np.inf, -1.0):
        with pytest.raises(ValueError, match="precision"):
            Estimator().run([(circuit, "Z")], precision=precision)
        with pytest.raises(ValueError, match="precision"):
            Estimator().run([(circuit, "Z", (), precision)])
    with pytest.raises(TypeError, match="precision"):
        Estimator().run([(circuit, "Z")], precision=True)


def test_generators_still_seed() -> None:
    circuit = QuantumCircuit(1)
    circuit.h(0)
    circuit.measure_all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for seed in (np.random.default_rng(1), np.int64(3), None):
            assert Sampler(seed=seed).run([circuit], shots=5).result()[0].data.meas.num_shots == 5
