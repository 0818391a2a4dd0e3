"""Constructors that are called with arguments which they do not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp

import qjax
from qjax.primitives import Estimator, Sampler

CIRCUIT = QuantumCircuit(1)
CIRCUIT.rx(Parameter("a"), 0)
OPERATOR = qjax.ComposedOp("Z", CIRCUIT)
GIVEN: dict[str, Any] = {"circuit": CIRCUIT, "weight_params": ["a"]}


class Own(qjax.EstimatorQNN):
    """One that passes arguments on, and has an error of its own."""

    def __init__(self, *args: Any, wrong: bool = False, **options: Any) -> None:
        if wrong:
            len(3)  # type: ignore[arg-type]
        super().__init__(*args, **options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: qjax.TwoLayerQNN(2, quantum_instance=1),  # type: ignore[call-arg]
            "TwoLayerQNN has no argument 'quantum_instance'. Leave it out, as simulation is exact",
        ),
        (
            lambda: qjax.CircuitQNN(**GIVEN, quantum_instance=1),
            "give estimator= or sampler=.*expected some of circuit, input_params",
        ),
        (
            lambda: qjax.OpflowQNN(OPERATOR, exp_val=1),  # type: ignore[call-arg]
            "no argument 'exp_val'. Leave it out: expectation values are exact",
        ),
        (
            lambda: qjax.EstimatorQNN(**GIVEN, num_virtual_qubits=2),
            "'num_virtual_qubits'. Leave it out: the circuit",
        ),
        (lambda: qjax.EstimatorQNN(**GIVEN, shot=9), "Did you mean shots?"),
        (lambda: qjax.SamplerQNN(**GIVEN, default_precision=0.1), "asked for shots="),
        (lambda: qjax.EstimatorQNN(**GIVEN, interpret=hash), "SamplerQNN and CircuitQNN have it"),
        (lambda: qjax.EstimatorQNN(**GIVEN, observable="Z"), "Did you mean observables?"),
        (lambda: qjax.SamplerQNN(**GIVEN, input_gradient=True), "Did you mean input_gradients?"),
        (
            lambda: qjax.EstimatorQNN(CIRCUIT),  # type: ignore[misc]
            r"EstimatorQNN: got 1 positional .* by name: circuit=\.\.\., observables=\.\.\.",
        ),
        (
            lambda: qjax.OpflowQNN(OPERATOR, [], ["a"], False, None, None),  # type: ignore[misc]
            r"got 6 .* beyond operator, .*, input_gradients are given by name: estimator=\.\.\.",
        ),
        (
            qjax.CircuitQNN,
            "CircuitQNN: missing a required argument: 'circuit'; expected some of circuit, ",
        ),
        (lambda: qjax.TwoLayerQNN(2, num_qubits=2), "multiple values .*'num_qubits'"),  # type: ignore[misc]
        (lambda: Own(CIRCUIT), "EstimatorQNN: got 1 positional"),
        (lambda: Own(**GIVEN, quantum_instance=1), "no argument 'quantum_instance'. Leave"),
        (
            lambda: qjax.EstimatorQNN(**GIVEN).replace(quantum_instance=1),
            "replace: EstimatorQNN has no argument 'quantum_instance'. Leave it out",
        ),
        (lambda: Sampler(shots=None), "Sampler has no argument 'shots'. .* default_shots="),  # type: ignore[call-arg]
        (lambda: Estimator(backend=1), "no argument 'backend'. Leave it out: circuits are"),  # type: ignore[call-arg]
        (lambda: Estimator(0.1), "by name: default_precision="),  # type: ignore[misc]
    ],
)
def test_the_message_tells_the_right_call(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message) as caught:
        call()
    assert "unexpected keyword" not in str(caught.value)


def test_errors_from_inside_stay_as_they_are() -> None:
    assert Own(**GIVEN) == Own(**GIVEN)
    with pytest.raises(TypeError, match=r"^object of type 'int' has no len\(\)$"):
        Own(**GIVEN, wrong=True)


@pytest.mark.parametrize("key", [0, None, "key", np.zeros(2), np.zeros((2, 2), np.uint32)])
def test_keys(key: Any) -> None:
    qnn = qjax.EstimatorQNN(**GIVEN)
    saved = qjax.load(qjax.export(qnn, batch_size=1))
    for call in (
        qnn.init,
        saved.init,
        lambda key: qjax.sample(CIRCUIT, [0.1], 1, key),
        lambda key: qjax.estimate(CIRCUIT, "Z", [0.1], 1, key),
    ):
        # A key has to be one, and alone.
        kind = ValueError if np.shape(key) == (2, 2) else TypeError
        with pytest.raises(kind, match=r"key: expected one JAX random key, jax.random.key\(seed"):
            call(key)
    draws = [qnn.init(make(1)) for make in (jax.random.key, jax.random.PRNGKey)]
    assert draws[0] == draws[1] == qnn.init(np.asarray(jax.random.PRNGKey(1)))


@pytest.mark.parametrize("observables", ["Z", SparsePauliOp("Z"), ["Z"], [("Z", [0], 1.0)]])
@pytest.mark.parametrize("params", [[0.1], np.array([0.1]), {"a": 0.1}, 0.1])
def test_observables_and_parameters_that_are_swapped(observables: Any, params: Any) -> None:
    with pytest.raises(TypeError, match=r"swapped; the order is circuit, observables, params"):
        qjax.expectation(CIRCUIT, params, observables)
    with pytest.raises(TypeError, match=r"swapped; the order is circuit, observables, params"):
        qjax.estimate(CIRCUIT, params, observables, 1, jax.random.key(0))
