"""`qjax.AmplitudeEncoding`: in Qiskit's hands, and in networks."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable

import jax
import numpy as np
import pytest
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Instruction, Parameter, ParameterVector
from qiskit.circuit.exceptions import CircuitError
from qiskit.circuit.library import real_amplitudes
from qiskit.primitives import BaseEstimatorV2, StatevectorEstimator, StatevectorSampler
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit.transpiler import generate_preset_pass_manager

import qjax
import qjax.primitives
from tests.circuits import DOUBLE_TOLERANCE, error, finite_gradient, state_of

X = np.array([0.4, -0.2, 0.9, 0.3])


def encoded() -> QuantumCircuit:
    """Three features and a half, on qubits out of order, and a weight."""
    circuit = QuantumCircuit(3)
    circuit.h(1)
    circuit.append(qjax.AmplitudeEncoding(2, "f", num_features=3, pad_with=0.5), [2, 0])
    circuit.ry(Parameter("w"), 1)
    circuit.cx(0, 1)
    return circuit


def expected() -> np.ndarray:
    """The same with numbers, by Qiskit; the weight comes last."""
    f, w = X[:3], X[3]
    circuit = QuantumCircuit(3)
    circuit.h(1)
    circuit.initialize([*f, 0.5], [2, 0], normalize=True)
    circuit.ry(w, 1)
    circuit.cx(0, 1)
    return state_of(circuit)


def through_qpy(circuit: QuantumCircuit) -> QuantumCircuit:
    file = io.BytesIO()
    qpy.dump(circuit, file)
    file.seek(0)
    return qpy.load(file)[0]


WAYS: dict[str, Callable[[QuantumCircuit], QuantumCircuit]] = {
    "as it is": lambda circuit: circuit,
    "copy": QuantumCircuit.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda circuit: pickle.loads(pickle.dumps(circuit)),
    "qpy": through_qpy,
    "ours": qjax.to_qiskit,
    "decompose": QuantumCircuit.decompose,
    "compose": lambda circuit: QuantumCircuit(3).compose(circuit),
    "instruction": lambda circuit: QuantumCircuit(3).compose(circuit.to_instruction()),
    "some bound": lambda circuit: circuit.assign_parameters({circuit.parameters[0]: X[0]}),
    "bound": lambda circuit: circuit.assign_parameters(X),
    "bound, qpy": lambda circuit: through_qpy(circuit.assign_parameters(X)),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_keeps_the_state(way: str, x64: None) -> None:
    circuit = WAYS[way](encoded())
    values = X[4 - circuit.num_parameters :]
    assert error(qjax.statevector(circuit, values), expected()) < DOUBLE_TOLERANCE


def test_bound_it_is_qiskits() -> None:
    assert error(Statevector(encoded().assign_parameters(X)).data, expected()) < DOUBLE_TOLERANCE
    assert "f[2],0.5" in str(encoded().draw("text"))


def test_complex_amplitudes(x64: None) -> None:
    vector = ParameterVector("x", 4)
    parts = QuantumCircuit(1)
    parts.append(qjax.AmplitudeEncoding(1, vector[:2], vector[2:]), [0])
    sums = QuantumCircuit(1)
    amplitudes = [vector[0] + 1j * vector[2], vector[1] + 1j * vector[3]]
    sums.append(qjax.AmplitudeEncoding(1, amplitudes), [0])
    named = QuantumCircuit(1)
    named.append(qjax.AmplitudeEncoding(1, "a", "b"), [0])
    right = X[:2] + 1j * X[2:]
    for circuit in (parts, sums, named):
        found = qjax.statevector(circuit, X)
        assert error(found, right / np.linalg.norm(right)) < DOUBLE_TOLERANCE
        assert error(Statevector(circuit.assign_parameters(X)).data, found) < DOUBLE_TOLERANCE


def test_networks_learn_from_it(x64: None) -> None:
    """Values and gradients in features by differences of Qiskit's values."""
    feature_map = QuantumCircuit(2)
    feature_map.append(qjax.AmplitudeEncoding(2), [0, 1])
    ansatz = real_amplitudes(2, reps=1)
    weights = np.array([0.3, -0.2, 0.8, 0.4])
    qnn = qjax.TwoLayerQNN(2, feature_map, ansatz, input_gradients=True)

    def value(x: np.ndarray) -> float:
        state = Statevector(list(x / np.linalg.norm(x))).evolve(ansatz.assign_parameters(weights))
        return float(state.expectation_value(SparsePauliOp("ZZ")).real)

    assert error(qnn.forward(X, weights), [[value(X)]]) < DOUBLE_TOLERANCE
    by_input, _ = qnn.backward(X, weights)
    assert error(by_input[0, 0], finite_gradient(value, X)) < 1e-8

    whole = feature_map.compose(ansatz)
    sampler = qjax.SamplerQNN(
        circuit=whole, input_params=feature_map.parameters, weight_params=ansatz.parameters
    )
    state = state_of(whole, np.concatenate([X, weights]))
    assert error(sampler.forward(X, weights)[0], abs(state) ** 2) < DOUBLE_TOLERANCE


def test_samplers_bind_it() -> None:
    circuit = QuantumCircuit(2)
    circuit.append(qjax.AmplitudeEncoding(2), [0, 1])
    circuit.measure_all()
    chance = X**2 / (X**2).sum()
    for sampler in (qjax.primitives.Sampler(seed=1), StatevectorSampler(seed=1)):
        counts = sampler.run([(circuit, X)], shots=4000).result()[0].data.meas.get_int_counts()
        found = np.array([counts.get(k, 0) for k in range(4)]) / 4000
        assert (abs(found - chance) < 4.5 * np.sqrt(chance * (1 - chance) / 4000)).all()


def test_there_is_no_inverse() -> None:
    with pytest.raises(CircuitError, match="resets its qubits"):
        encoded().inverse()


def test_an_unknown_instruction_learns_its_name() -> None:
    circuit = QuantumCircuit(1)
    circuit.append(Instruction("mine", 1, 0, list(ParameterVector("x", 2))), [0])
    with pytest.raises(qjax.UnsupportedInstructionError, match=r"'mine'.*AmplitudeEncoding"):
        qjax.from_qiskit(circuit)


def test_another_instruction_of_that_name_is_its_definition() -> None:
    inner = QuantumCircuit(1, name="amplitude_encoding")
    inner.ry(Parameter("a"), 0)
    inner.rz(Parameter("b"), 0)
    circuit = QuantumCircuit(1)
    circuit.append(inner.to_instruction(), [0])
    angles = np.array([0.3, 0.4], np.float32)
    assert error(qjax.statevector(circuit, angles), state_of(inner, angles)) < 1e-6


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "complaint"),
    [
        ((2.0,), {}, TypeError, "whole number, got float"),
        ((True,), {}, TypeError, "got bool"),
        ((ParameterVector("x", 4),), {}, TypeError, "AmplitudeEncoding\\(num_qubits"),
        ((0,), {}, ValueError, "at least 1"),
        ((40,), {}, ValueError, "1 to 30"),
        ((2, ""), {}, ValueError, "name"),
        ((2, b"x"), {}, TypeError, "got bytes"),
        ((2, {0.3: 1}), {}, TypeError, "got dict"),
        ((2, np.ma.array(X, mask=[0, 1, 0, 0])), {}, TypeError, "MaskedArray"),
        ((2, [1, 2]), {}, ValueError, "expected 4 amplitudes, got 2; pad_with"),
        ((2, [1] * 8), {}, ValueError, "expected 4 amplitudes, got 8"),
        ((2, [0, 0, 0, 0]), {}, ValueError, "all amplitudes are 0"),
        ((1, [np.nan, 1]), {}, ValueError, "finite"),
        ((1, [True, False]), {}, TypeError, "got bool"),
        ((1, ["a", "b"]), {}, TypeError, "got str"),
        ((1, "x", "x"), {}, ValueError, "name of the real parts"),
        ((2,), {"num_features": 3}, ValueError, "pad_with"),
        ((2,), {"pad_with": 0.5}, ValueError, "pad_with: got 0.5.*nothing to fill up"),
        ((2, "x", "y"), {"pad_with": 0.5}, ValueError, "pad_with.*nothing to fill up"),
        ((2,), {"num_features": True}, TypeError, "num_features.*bool"),
        ((2,), {"num_features": 2.0, "pad_with": 0.0}, TypeError, "num_features.*float"),
        ((2,), {"num_features": 5, "pad_with": 0.0}, ValueError, "at most 4"),
        ((2,), {"num_features": 0, "pad_with": 0.0}, ValueError, "at least 1"),
        ((1, [1, 2]), {"num_features": 2}, ValueError, "with a name only"),
        ((2,), {"num_features": 3, "pad_with": np.inf}, ValueError, "finite"),
        ((2,), {"num_features": 3, "pad_with": "0"}, TypeError, "pad_with"),
    ],
)
def test_refused(arguments: tuple, options: dict, kind: type, complaint: str) -> None:
    with pytest.raises(kind, match=complaint):
        qjax.AmplitudeEncoding(*arguments, **options)


def test_gradient_in_jax(x64: None) -> None:
    def value(x: np.ndarray) -> float:
        circuit = encoded().assign_parameters(x)
        return float(Statevector(circuit).expectation_value(SparsePauliOp("XZY")).real)

    slope = jax.grad(lambda x: qjax.expectation(encoded(), "XZY", x))(X)
    assert error(slope, finite_gradient(value, X)) < 1e-8


# ---------------------------------------------------------------- on primitives

FEATURES = QuantumCircuit(2)
FEATURES.append(qjax.AmplitudeEncoding(2), [0, 1])
ANSATZ = real_amplitudes(2, reps=1)
NETWORK: dict = {
    "circuit": FEATURES.compose(ANSATZ),
    "input_params": FEATURES.parameters,
    "weight_params": ANSATZ.parameters,
}
SAMPLES = np.stack([X, 20 * X[::-1] + 3])  # only their directions count, full turns stay in them
WEIGHTS = np.array([0.3, -0.2, 0.8, 0.4])


@pytest.mark.parametrize("primitive", [StatevectorEstimator(), qjax.primitives.Estimator()])
def test_estimators_bind_it(primitive: BaseEstimatorV2, x64: None) -> None:
    """Exact values, and exact gradients in the weights by shift rules."""
    remote = qjax.EstimatorQNN(**NETWORK, observables=["ZZ", "XI"], estimator=primitive)
    right = qjax.EstimatorQNN(**NETWORK, observables=["ZZ", "XI"])
    assert error(remote.forward(SAMPLES, WEIGHTS), right.forward(SAMPLES, WEIGHTS)) < 1e-12
    by_inputs, by_weights = remote.backward(SAMPLES, WEIGHTS)
    assert by_inputs is None
    assert error(by_weights, right.backward(SAMPLES, WEIGHTS)[1]) < 1e-12
    slope = jax.jacrev(remote.apply)(WEIGHTS, SAMPLES)
    assert error(slope, jax.jacrev(right.apply)(WEIGHTS, SAMPLES)) < 1e-12
    assert remote.num_circuits(2) == (2, 16)
    with pytest.raises(ValueError, match="amplitudes have no shift rule"):
        jax.jacrev(remote.apply, 1)(WEIGHTS, SAMPLES)


def test_networks_on_samplers_bind_it() -> None:
    right = qjax.SamplerQNN(**NETWORK).forward(SAMPLES, WEIGHTS)
    exact = qjax.SamplerQNN(**NETWORK, sampler=qjax.primitives.Sampler(default_shots=None))
    assert error(exact.forward(SAMPLES, WEIGHTS), right) < 1e-12
    drawn = qjax.SamplerQNN(**NETWORK, sampler=StatevectorSampler(seed=2), shots=4000)
    found = drawn.forward(SAMPLES, WEIGHTS)
    assert (abs(found - right) < 5 * np.sqrt(right * (1 - right) / 4000) + 1e-3).all()


def test_features_have_no_shift_rule() -> None:
    estimator = qjax.primitives.Estimator()
    with pytest.raises(ValueError, match="input_gradients=False"):
        qjax.EstimatorQNN(**NETWORK, estimator=estimator, input_gradients=True)
    swapped = NETWORK | {
        "input_params": ANSATZ.parameters,
        "weight_params": FEATURES.parameters,
    }
    with pytest.raises(ValueError, match="gradient='spsa'"):
        qjax.EstimatorQNN(**swapped, estimator=estimator)
    # Spall's method needs values only; many directions, for a mean that is near.
    rule = qjax.gradients.SPSA(epsilon=1e-3, batch_size=300)
    remote = qjax.EstimatorQNN(**swapped, estimator=estimator, gradient=rule)
    _, found = remote.backward(WEIGHTS, X)
    _, right = qjax.EstimatorQNN(**swapped).backward(WEIGHTS, X)
    assert error(found, right) < 0.5 * np.linalg.norm(right)


def test_nothing_transpiles_amplitudes_that_are_free() -> None:
    manager = generate_preset_pass_manager(1, basis_gates=["u", "cx"])
    with pytest.raises(ValueError, match=r"pass_manager: .* amplitudes"):
        qjax.EstimatorQNN(**NETWORK, estimator=StatevectorEstimator(), pass_manager=manager)
    with pytest.raises(ValueError, match=r"pass_manager: .* amplitudes"):
        qjax.SamplerQNN(**NETWORK, sampler=StatevectorSampler(), pass_manager=manager)
    numbers = FEATURES.assign_parameters(X).compose(ANSATZ)
    remote = qjax.EstimatorQNN(
        circuit=numbers,
        weight_params=ANSATZ.parameters,
        estimator=StatevectorEstimator(),
        pass_manager=manager,
    )
    right = qjax.EstimatorQNN(**NETWORK).forward(X, WEIGHTS)
    assert error(remote.forward(None, WEIGHTS), right) < 1e-9
