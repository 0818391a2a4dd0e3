"""Observables of a few among many qubits, as Qiskit's `from_sparse_list` takes them."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.library import efficient_su2
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparseObservable, SparsePauliOp, Statevector

import qjax
from tests.circuits import DOUBLE_TOLERANCE, error

CIRCUIT = efficient_su2(4, reps=1)
VALUES = np.random.default_rng(0).normal(size=CIRCUIT.num_parameters)
STATE = Statevector(CIRCUIT.assign_parameters(VALUES))
TERMS = [("Z", [3], 1.0), ("XX", [0, 2], 0.5), ("YZ", (1, 3), -0.7)]


def mean(terms: list) -> float:
    return float(STATE.expectation_value(SparsePauliOp.from_sparse_list(terms, 4)).real)


@pytest.mark.parametrize(
    ("observables", "right"),
    [
        (TERMS, mean(TERMS)),
        (tuple(TERMS), mean(TERMS)),
        ([list(term) for term in TERMS], mean(TERMS)),
        (("Z", [3], 1.0), mean(TERMS[:1])),
        ([("XY", [2, 0], 2)], mean([("XY", [2, 0], 2)])),
        ([TERMS], [mean(TERMS)]),
        ([TERMS[:1], TERMS[1:]], [mean(TERMS[:1]), mean(TERMS[1:])]),
        ([[each] for each in TERMS], [mean([each]) for each in TERMS]),
        (["ZIII", TERMS[1:]], [mean([("Z", [3], 1)]), mean(TERMS[1:])]),
        (("ZIII", "IZII"), [mean([("Z", [3], 1)]), mean([("Z", [2], 1)])]),
        ([("Z", [0], 1.0), ("Z", [0], 0.5)], mean([("Z", [0], 1.5)])),
        ([("ZI", np.array([0, 1]), np.float32(0.5))], mean([("Z", [0], 0.5)])),
        ([("XYZ", range(1, 4), np.array(1.0))], mean([("XYZ", [1, 2, 3], 1)])),
        ([("", [], 0.3), ("Z", [1], 0.1)], 0.3 + mean([("Z", [1], 0.1)])),
    ],
)
def test_means_are_qiskits(observables: object, right: object, x64: None) -> None:
    found = qjax.expectation(CIRCUIT, observables, VALUES)
    assert found.shape == np.shape(right)
    assert error(found, right) < DOUBLE_TOLERANCE
    network = qjax.EstimatorQNN(
        circuit=CIRCUIT, observables=observables, weight_params=CIRCUIT.parameters
    )
    assert error(network.forward(None, VALUES), np.atleast_2d(right)) < DOUBLE_TOLERANCE


def test_projectors_stand_in_terms(x64: None) -> None:
    terms = [("0+r", [3, 0, 1], 0.7)]
    right = STATE.expectation_value(
        SparsePauliOp.from_sparse_observable(SparseObservable.from_sparse_list(terms, 4))
    ).real
    assert abs(qjax.expectation(CIRCUIT, terms, VALUES) - right) < DOUBLE_TOLERANCE


def test_coefficients_are_parameters(x64: None) -> None:
    a, b = Parameter("a"), ParameterVector("b", 2)
    terms = [("Z", [3], 2 * a), ("XX", [0, 2], b[1] + b[0]), ("Y", [1], 0.3)]
    values = np.concatenate([VALUES, [0.4, -0.2, 0.7]])
    right = mean([("Z", [3], 0.8), ("XX", [0, 2], 0.5), ("Y", [1], 0.3)])
    assert abs(qjax.expectation(CIRCUIT, terms, values) - right) < DOUBLE_TOLERANCE
    named = {"θ": VALUES, "a": 0.4, "b": [-0.2, 0.7]}
    assert abs(qjax.expectation(CIRCUIT, terms, named) - right) < DOUBLE_TOLERANCE
    slope = jax.grad(lambda x: qjax.expectation(CIRCUIT, terms, x))(values)
    assert error(slope[-3], 2 * mean([("Z", [3], 1)])) < DOUBLE_TOLERANCE


def test_wide_circuits_name_few_qubits(x64: None) -> None:
    circuit = QuantumCircuit(60)
    circuit.ry(0.4, range(60))
    circuit.cx(10, 50)
    found = qjax.expectation(circuit, [[("Z", [50], 1.0)], [("ZZ", [10, 50], 2.0)]])
    assert error(found, [np.cos(0.4) ** 2, 2 * np.cos(0.4)]) < DOUBLE_TOLERANCE


def test_estimates_and_older_networks_take_them(x64: None) -> None:
    found = qjax.estimate(CIRCUIT, TERMS, VALUES, 2, jax.random.key(0))
    assert abs(found.values - mean(TERMS)) < DOUBLE_TOLERANCE
    network = qjax.OpflowQNN((TERMS, CIRCUIT), weight_params=CIRCUIT.parameters)
    assert error(network.forward(None, VALUES), [[mean(TERMS)]]) < DOUBLE_TOLERANCE
    assert "OperatorMeasurement(1.0 * ZIII + 0.5 * IXIX + -0.7 * ZIYI)" in str(network.operator)
    two = qjax.TwoLayerQNN(ansatz=CIRCUIT, observable=TERMS)
    assert two.output_shape == (1,)
    remote = qjax.EstimatorQNN(
        circuit=CIRCUIT,
        observables=[TERMS, [("X", [1], 1.0)]],
        weight_params=CIRCUIT.parameters,
        estimator=StatevectorEstimator(),
    )
    right = [[mean(TERMS), mean([("X", [1], 1.0)])]]
    assert error(remote.forward(None, VALUES), right) < DOUBLE_TOLERANCE


@pytest.mark.parametrize(
    ("observables", "kind", "complaint"),
    [
        ([("Z", [4], 1.0)], ValueError, "distinct numbers from 0 to 3"),
        ([("Z", [-1], 1.0)], ValueError, "distinct numbers from 0 to 3"),
        ([("ZZ", [1, 1], 1.0)], ValueError, "distinct"),
        ([("ZZ", [1], 1.0)], ValueError, "2 letters and 1 qubits"),
        ([("A", [1], 1.0)], ValueError, "the letter 'A'; expected some of IXYZ, and"),
        ([("ZW", [1, 2], 1.0)], ValueError, "the letter 'W'"),
        ([("Z", [1], 1j)], ValueError, "not Hermitian"),
        ([("Z", [1], np.nan)], ValueError, "finite"),
        ([("Z", [1], "1")], TypeError, "coefficient.*'1'"),
        ([("Z", [1], True)], TypeError, "coefficient.*True"),
        ([("Z", [1], None)], TypeError, "coefficient.*None"),
        ([("Z", [1], [1.0])], TypeError, "coefficient"),
        (("Z", [1]), TypeError, "expected \\(letters, qubits, coefficient\\)"),
        ([("Z", 1, 1.0)], TypeError, "expected \\(letters, qubits, coefficient\\)"),
        ([("Z", [1.0], 1.0)], TypeError, "whole number"),
        ([("Z", [True], 1.0)], TypeError, "qubit"),
        (["ZZZZ", ("Z", [1], 1.0)], ValueError, "beside observables of other kinds"),
        ([SparsePauliOp("ZZZZ"), ("Z", [1], 1.0)], ValueError, "beside observables"),
        ([[]], TypeError, "unknown observable of type list"),
    ],
)
def test_refused(observables: object, kind: type, complaint: str) -> None:
    with pytest.raises(kind, match=complaint):
        qjax.expectation(CIRCUIT, observables, VALUES)
    with pytest.raises(kind, match=complaint):
        qjax.EstimatorQNN(
            circuit=CIRCUIT, observables=observables, weight_params=CIRCUIT.parameters
        )


def test_a_traced_coefficient_is_no_parameter() -> None:
    def value(c: jax.Array) -> jax.Array:
        return qjax.expectation(CIRCUIT, [("Z", [1], c)], VALUES)

    with pytest.raises(TypeError, match="use a Parameter"):
        jax.grad(value)(0.3)
