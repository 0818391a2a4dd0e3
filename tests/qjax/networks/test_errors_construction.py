"""Arguments that networks are not made of: a table of what is wrong, and what is said about it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import real_amplitudes
from qiskit.primitives import (
    BackendEstimatorV2,
    BackendSamplerV2,
    StatevectorEstimator,
    StatevectorSampler,
)
from qiskit.providers.basic_provider import BasicSimulator
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Operator, Pauli, SparsePauliOp, Statevector
from qiskit.transpiler import generate_preset_pass_manager

import qjax
import qjax.primitives
from tests.qjax.networks.refusals import NAN, check, circuit, estimator, sampler, sampling


@cache
def narrow() -> GenericBackendV2:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # that Aer is not there
        return GenericBackendV2(3, basis_gates=["rz", "sx", "cx"], seed=1)


def interpreting(function: Any, output_shape: Any = 2) -> qjax.SamplerQNN:
    return sampler(interpret=function, output_shape=output_shape)


def ansatz_like(width: int) -> QuantumCircuit:
    return real_amplitudes(width, reps=1)


NOT_HERMITIAN = Operator(np.array([[0, 1], [0, 0]])).tensor(Operator(np.eye(2)))
CONSTRUCTION: dict[str, tuple[Callable[[], object], type[Exception], list[str]]] = {
    # the circuit
    "not a circuit": (lambda: estimator(circuit=5), TypeError, ["QuantumCircuit", "int"]),
    "no circuit": (lambda: sampler(circuit=None), TypeError, ["QuantumCircuit", "NoneType"]),
    "text for a circuit": (lambda: estimator(circuit="qft"), TypeError, ["QuantumCircuit", "str"]),
    "a gate for a circuit": (
        lambda: sampler(circuit=circuit().to_gate()), TypeError, ["QuantumCircuit", "Gate"],
    ),
    # its parameters
    "input and weight": (
        lambda: estimator(weight_params=["a", "b", "x[1]"]),
        ValueError,
        ["both", r"x\[1\]"],
    ),
    "unassigned": (
        lambda: estimator(weight_params=["a"]), ValueError, ["neither", "'b'", "assign_parameters"],
    ),
    "none assigned": (
        lambda: qjax.SamplerQNN(circuit=circuit()), ValueError, ["neither", r"x\[0\]", "'a'"],
    ),
    "an input twice": (
        lambda: estimator(input_params=["x[0]", "x[1]", "x[0]"]),
        ValueError,
        ["input_params", "twice", r"x\[0\]"],
    ),
    "a weight twice": (
        lambda: sampler(weight_params=["a", "b", "b"]), ValueError, ["weight_params", "twice"],
    ),
    "not in the circuit": (
        lambda: estimator(weight_params=["a", "b", Parameter("c")]),
        ValueError,
        ["weight_params", "'c'", "not among"],
    ),
    "a single Parameter": (
        lambda: estimator(weight_params=Parameter("a")), TypeError, ["weight_params", "sequence"],
    ),
    "a single name": (
        lambda: estimator(input_params="x[0]"), TypeError, ["input_params", "sequence"],
    ),
    "an expression": (
        lambda: estimator(weight_params=[2 * Parameter("a"), "b"]),
        TypeError,
        ["weight_params", "ParameterExpression"],
    ),
    "numbers for parameters": (
        lambda: estimator(weight_params=[0, 1]), TypeError, ["weight_params", "int"],
    ),
    "a number of parameters": (
        lambda: estimator(weight_params=2), TypeError, ["weight_params", "int"],
    ),
    # observables
    "observable of another size": (
        lambda: estimator(observables="ZZZ"), ValueError, [r"\b3\b", r"\b2\b", "qubits"],
    ),
    "one of several of another size": (
        lambda: estimator(observables=["ZZ", Pauli("X")]), ValueError, [r"\b1\b", r"\b2\b"],
    ),
    "operator of another size": (
        lambda: estimator(observables=Operator(np.eye(8))), ValueError, [r"\b3\b", r"\b2\b"],
    ),
    "unknown letter": (
        lambda: estimator(observables="ZQ"), ValueError, ["'ZQ'", "I, X, Y and Z"],
    ),
    "lower-case letters": (
        lambda: estimator(observables="zz"), ValueError, ["'zz'", "I, X, Y and Z"],
    ),
    "unknown observable": (
        lambda: estimator(observables=5), TypeError, ["observable", "int", "SparsePauliOp"],
    ),
    "a matrix for an observable": (
        lambda: estimator(observables=np.eye(4)), TypeError, ["observable", "ndarray", "Operator"],
    ),
    "None among observables": (
        lambda: estimator(observables=["ZZ", None]), TypeError, ["observable", "NoneType"],
    ),
    "a state for an observable": (
        lambda: estimator(observables=Statevector([1, 0, 0, 0])),
        TypeError,
        ["observable", "Statevector"],
    ),
    "no observables": (lambda: estimator(observables=[]), ValueError, ["observables", "empty"]),
    "imaginary coefficient": (
        lambda: estimator(observables=SparsePauliOp(["ZZ", "XI"], [1, 2j])),
        ValueError,
        ["Hermitian", "XI"],
    ),
    "imaginary Pauli": (
        lambda: estimator(observables=Pauli("iZZ")), ValueError, ["Hermitian"],
    ),
    "operator that is not Hermitian": (
        lambda: estimator(observables=NOT_HERMITIAN), ValueError, ["Hermitian", "adjoint"],
    ),
    "NaN in an operator": (
        lambda: estimator(observables=Operator(np.diag([1, 1, 1, NAN]))), ValueError, ["NaN"],
    ),
    "NaN coefficient": (
        lambda: estimator(observables=SparsePauliOp("ZZ", NAN)), ValueError, ["(?i)nan", "finite"],
    ),
    "free parameter in an observable": (
        lambda: estimator(observables=SparsePauliOp(["ZZ"], np.array([Parameter("q")]))),
        ValueError,
        ["q", "bind"],
    ),
    # interpret
    "interpret without output_shape": (
        lambda: sampler(interpret=lambda i: i % 2), ValueError, ["interpret", "output_shape"],
    ),
    "output_shape without interpret": (
        lambda: sampler(output_shape=2), ValueError, ["output_shape", "interpret", r"\(4,\)"],
    ),
    "interpret beyond output_shape": (
        lambda: interpreting(lambda i: i), ValueError, [r"interpret\(2\)", r"\b2\b", r"\(2,\)"],
    ),
    "negative interpret": (
        lambda: interpreting(lambda i: -(i % 2)), ValueError, [r"interpret\(1\)", "-1", r"\(2,\)"],
    ),
    "interpret beyond one axis": (
        lambda: interpreting(lambda i: (0, i), (2, 3)),
        ValueError,
        [r"interpret\(3\)", r"\(0, 3\)", r"\(2, 3\)"],
    ),
    "interpret gives a float": (
        lambda: interpreting(lambda i: 1.0), ValueError, [r"interpret\(0\)", r"1\.0", "index"],
    ),
    "interpret gives a huge number": (
        lambda: interpreting(lambda i: 10**30), ValueError, [r"interpret\(0\)", "10000", "index"],
    ),
    "interpret gives huge numbers in a tuple": (
        lambda: interpreting(lambda i: (0, -(10**30)), (2, 3)), ValueError, [r"interpret\(0\)"],
    ),
    "samples of a huge number": (
        lambda: sampling(interpret=lambda i: 10**30), ValueError, [r"interpret\(0\)", "integer"],
    ),
    "interpret gives None": (
        lambda: interpreting(lambda i: None), ValueError, [r"interpret\(0\)", "None", "index"],
    ),
    "interpret gives text": (
        lambda: interpreting(lambda i: "1"), ValueError, [r"interpret\(0\)", "'1'", "index"],
    ),
    "interpret gives too short a tuple": (
        lambda: interpreting(lambda i: (0,), (2, 3)), ValueError, [r"interpret\(0\)", r"\(2, 3\)"],
    ),
    "interpret gives too long a tuple": (
        lambda: interpreting(lambda i: (0, 0)), ValueError, [r"interpret\(0\)", r"\(0, 0\)"],
    ),
    "interpret gives a ragged tuple": (
        lambda: interpreting(lambda i: (0, (0, 0)), (2, 2)),
        ValueError,
        [r"interpret\(0\)", r"\(2, 2\)"],
    ),
    "interpret is no function": (
        lambda: interpreting("parity"), TypeError, ["interpret", "str"],
    ),
    "no outputs": (
        lambda: interpreting(lambda i: 0, 0), ValueError, ["output_shape", r"\b0\b", "positive"],
    ),
    "no outputs along one axis": (
        lambda: interpreting(lambda i: (0, 0), (2, 0)), ValueError, ["output_shape", "positive"],
    ),
    "negative output_shape": (
        lambda: interpreting(lambda i: 0, -2), ValueError, ["output_shape", "-2"],
    ),
    "fractional output_shape": (
        lambda: interpreting(lambda i: 0, 2.5), (TypeError, ValueError), ["output_shape", r"2\.5"],
    ),
    "text for output_shape": (
        lambda: interpreting(lambda i: 0, "2"), (TypeError, ValueError), ["output_shape"],
    ),
    # sampling
    "sampling with output_shape": (
        lambda: sampling(output_shape=2, interpret=lambda i: i % 2),
        ValueError,
        ["sampling", "output_shape"],
    ),
    "sampling with sparse": (lambda: sampling(sparse=True), ValueError, ["sampling", "sparse"]),
    "sampling with results of several lengths": (
        lambda: sampling(interpret=lambda i: (0,) * (1 + i % 2)),
        ValueError,
        ["interpret", "length"],
    ),
    "sampling with a float interpret": (
        lambda: sampling(interpret=lambda i: 0.5), ValueError, ["interpret", "integer"],
    ),
    "no shots": (lambda: sampling(shots=0), ValueError, ["shots", r"\b0\b", "at least 1"]),
    "fractional shots": (lambda: sampling(shots=1.5), TypeError, ["shots", "float"]),
    # options
    "a word for input_gradients": (
        lambda: estimator(input_gradients="no"), TypeError, ["input_gradients", "True or", "'no'"],
    ),
    "None for input_gradients": (
        lambda: sampler(input_gradients=None), TypeError, ["input_gradients", "True or", "None"],
    ),
    "a number for input_gradients": (
        lambda: qjax.TwoLayerQNN(2, input_gradients=1), TypeError, ["input_gradients", "True or"],
    ),
    "a word for sparse": (lambda: sampler(sparse="a"), TypeError, ["sparse", "True or", "'a'"]),
    "a word for sampling": (
        lambda: sampling(sampling="x"), TypeError, ["sampling", "True or", "'x'"],
    ),
    "True for output_shape": (
        lambda: sampler(output_shape=True), ValueError, ["output_shape", "positive", "True"],
    ),
    "True among output_shape": (
        lambda: sampler(output_shape=(True, 2)), ValueError, ["output_shape", "positive", "True"],
    ),
    "True for a size": (lambda: qjax.TwoLayerQNN(True), TypeError, ["num_qubits", "True"]),
    "True for a seed": (lambda: sampling(seed=True), ValueError, ["seed", "whole", "True"]),
    "True for a batch": (
        lambda: estimator().num_circuits(True), ValueError, ["batch", "whole", "True"],
    ),
    "half a batch": (
        lambda: sampler(sampler=StatevectorSampler()).num_circuits(1.5), ValueError, ["batch"],
    ),
    "True for a precision": (
        lambda: estimator(estimator=StatevectorEstimator(), default_precision=True),
        ValueError,
        ["default_precision", "True"],
    ),
    # sets, whose order is not fixed
    "a set of weights": (
        lambda: estimator(weight_params={"a", "b"}), TypeError, ["weight_params", "set", "ordered"],
    ),
    "a set of inputs": (
        lambda: sampler(input_params=frozenset(("x[0]", "x[1]"))),
        TypeError,
        ["input_params", "frozenset", "ordered"],
    ),
    "a set among trees of weights": (
        lambda: estimator(weight_params={"k": {"a", "b"}}),
        TypeError,
        [r"weight_params\['k'\]", "set", "ordered"],
    ),
    "a set of outputs": (
        lambda: estimator(observables={"ZZ", "XX"}), TypeError, ["observables", "set", "ordered"],
    ),
    # primitives
    "a sampler for an estimator": (
        lambda: estimator(estimator=StatevectorSampler()),
        TypeError,
        ["estimator", "StatevectorSampler", "BaseEstimatorV2"],
    ),
    "an estimator for a sampler": (
        lambda: sampler(sampler=StatevectorEstimator()), TypeError, ["sampler", "BaseSamplerV2"],
    ),
    "a gradient": (lambda: estimator(gradient="spsa"), ValueError, ["gradient", "not supported"]),
    "a gradient for a sampler": (
        lambda: sampler(gradient=object()), ValueError, ["gradient", "not supported"],
    ),
    "a sampler for the tutorial's names": (
        lambda: qjax.TwoLayerQNN(2, estimator=StatevectorSampler()), TypeError, ["estimator"],
    ),
    "an estimator for the tutorial's names": (
        lambda: sampling(sampler=StatevectorEstimator()), TypeError, ["sampler"],
    ),
    # a backend
    "a backend for an estimator": (
        lambda: estimator(estimator=BasicSimulator()),
        TypeError,
        ["estimator", r"BackendEstimatorV2\(backend=", "pass_manager="],
    ),
    "gates that a backend lacks": (
        lambda: estimator(estimator=BackendEstimatorV2(backend=narrow())),
        ValueError,
        ["does not run the gates crx, rx, ry", "pass_manager=", "generate_preset_pass_manager"],
    ),
    "gates that another backend lacks": (
        lambda: sampler(
            sampler=BackendSamplerV2(backend=narrow()),
            pass_manager=generate_preset_pass_manager(0, basis_gates=["u", "cx"]),
        ),
        ValueError,
        ["does not run the gates u", "pass_manager: it was made for another backend"],
    ),
    "more qubits than a backend has": (
        lambda: qjax.EstimatorQNN(
            circuit=QuantumCircuit(4), estimator=BackendEstimatorV2(backend=narrow())
        ),
        ValueError,
        [r"has 3 qubits", r"circuit's 4"],
    ),
    # the tutorial's names
    "no operator": (lambda: qjax.OpflowQNN(None), TypeError, ["operator", "ComposedOp"]),
    "an observable alone": (
        lambda: qjax.OpflowQNN(SparsePauliOp("ZZ")), TypeError, ["operator", "ComposedOp"],
    ),
    "nothing tells the size": (qjax.TwoLayerQNN, ValueError, ["qubits", "num_qubits"]),
    "sizes disagree": (
        lambda: qjax.TwoLayerQNN(3, ansatz=ansatz_like(2)),
        ValueError,
        ["num_qubits", r"\b3\b", r"\b2\b", "agree"],
    ),
    "circuits disagree": (
        lambda: qjax.TwoLayerQNN(feature_map=ansatz_like(3), ansatz=ansatz_like(2)),
        ValueError,
        ["feature_map", "ansatz", "agree"],
    ),
    "no qubits": (lambda: qjax.TwoLayerQNN(0), ValueError, ["no qubits", r"\b0\b"]),
    "a circuit without qubits": (
        lambda: qjax.EstimatorQNN(circuit=QuantumCircuit(0)), ValueError, ["circuit has no qubits"],
    ),
    "operator of a circuit without qubits": (
        lambda: qjax.OpflowQNN(qjax.ComposedOp("Z", QuantumCircuit(0))),
        ValueError,
        ["circuit has no qubits"],
    ),
    "half a qubit": (lambda: qjax.TwoLayerQNN(1.5), (TypeError, ValueError), ["num_qubits", "1.5"]),
    "ansatz is no circuit": (
        lambda: qjax.TwoLayerQNN(2, ansatz="real"), TypeError, ["ansatz", "QuantumCircuit", "str"],
    ),
    "one circuit twice": (
        lambda: qjax.TwoLayerQNN(2, *[ansatz_like(2)] * 2), ValueError, ["both", r"θ\[0\]"],
    ),
    "observable of another size for two layers": (
        lambda: qjax.TwoLayerQNN(2, observable="Z"), ValueError, [r"\b1\b", r"\b2\b"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONSTRUCTION)
def test_bad_construction(name: str) -> None:
    check(*CONSTRUCTION[name])


def test_networks_take_keywords_only() -> None:
    for kind in (qjax.EstimatorQNN, qjax.SamplerQNN):
        with pytest.raises(TypeError, match="positional"):
            kind(circuit())
