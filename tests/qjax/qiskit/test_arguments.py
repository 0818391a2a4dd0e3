"""Parameters by name, wherever a function takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.quantum_info import SparsePauliOp, Statevector

import qjax
from tests.circuits import DOUBLE_TOLERANCE, error, finite_gradient

X, A, B = ParameterVector("x", 12), Parameter("a"), Parameter("b")
# Qiskit orders a, x[0], ..., x[11]: vectors by number; names alone would put x[10] before x[2].
VALUES = np.random.default_rng(0).normal(size=12)
KEY = jax.random.key(0)


def circuit() -> QuantumCircuit:
    made = QuantumCircuit(2)
    for place, angle in enumerate(X):
        made.ry(angle * (place + 1), place % 2)
        made.rx(A, (place + 1) % 2)
        made.cx(0, 1)
    return made


def bound() -> QuantumCircuit:
    return circuit().assign_parameters({A: 0.3, X: VALUES})


BY_NAME: dict[str, Mapping] = {
    "names": {"x": VALUES, "a": 0.3},
    "other order": {"a": 0.3, "x": list(VALUES)},
    "objects": {X: VALUES, A: np.float64(0.3)},
    "elements": {"a": 0.3, **{f"x[{k}]": VALUES[k] for k in reversed(range(12))}},
    "parts": MappingProxyType({A: 0.3, **{element: VALUES[k] for k, element in enumerate(X)}}),
}


@pytest.mark.parametrize("way", BY_NAME)
def test_state_is_that_of_qiskits_binding(way: str, x64: None) -> None:
    found = qjax.statevector(circuit(), BY_NAME[way])
    assert error(found, Statevector(bound()).data) < DOUBLE_TOLERANCE
    assert error(qjax.statevector(qjax.from_qiskit(circuit()), BY_NAME[way]), found) == 0


VECTOR = np.concatenate([[0.3], VALUES])
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "unitary": lambda params: qjax.unitary(circuit(), params),
    "probabilities": lambda params: qjax.probabilities(circuit(), params, [1]),
    "expectation": lambda params: qjax.expectation(circuit(), ["ZZ", "XI"], params),
    "sample": lambda params: qjax.sample(circuit(), params, 50, KEY),
    "trajectories": lambda params: qjax.trajectories(circuit(), params, 3, KEY).states,
    "estimate": lambda params: qjax.estimate(circuit(), "ZZ", params, 3, KEY).values,
    "fisher": lambda params: qjax.quantum_fisher_information(circuit(), params),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_take_names(name: str, x64: None) -> None:
    assert error(FUNCTIONS[name]({"x": VALUES, "a": 0.3}), FUNCTIONS[name](VECTOR)) == 0


def test_coefficients_have_names_too(x64: None) -> None:
    observable = SparsePauliOp(["ZZ", "XI"], [1.0, 2 * B])
    params = {"x": VALUES, A: 0.3, "b": 0.7}
    right = Statevector(bound()).expectation_value(SparsePauliOp(["ZZ", "XI"], [1, 1.4])).real
    assert abs(qjax.expectation(circuit(), observable, params) - right) < DOUBLE_TOLERANCE
    found = qjax.estimate(circuit(), observable, params, 2, KEY)
    assert abs(found.values - right) < DOUBLE_TOLERANCE


def test_it_is_a_pytree(x64: None) -> None:
    def value(params: Mapping) -> jax.Array:
        return qjax.expectation(circuit(), "ZZ", params)

    params = {"x": jnp.asarray(VALUES), "a": jnp.asarray(0.3)}
    slope = jax.jit(jax.grad(value))(params)
    assert slope.keys() == params.keys()

    def of(vector: np.ndarray) -> float:
        state = Statevector(circuit().assign_parameters(vector))
        return float(state.expectation_value(SparsePauliOp("ZZ")).real)

    right = finite_gradient(of, VECTOR)
    assert error(slope["a"], right[0]) < 1e-8
    assert error(slope["x"], right[1:]) < 1e-8
    many = {"x": jnp.stack([VALUES, -VALUES]), "a": jnp.asarray(0.3)}
    found = jax.vmap(value, ({"x": 0, "a": None},))(many)
    assert error(found, [of(VECTOR), of(np.concatenate([[0.3], -VALUES]))]) < DOUBLE_TOLERANCE


def test_precision_follows_the_arrays(x64: None) -> None:
    x, a = VALUES.astype(np.float32), np.float32(0.3)
    assert qjax.probabilities(circuit(), {"x": x, "a": a}).dtype == np.float32
    assert qjax.probabilities(circuit(), {"x": x, "a": 0.3}).dtype == np.float32
    assert qjax.probabilities(circuit(), {"x": x, "a": np.float64(0.3)}).dtype == np.float64
    assert qjax.probabilities(QuantumCircuit(1), {}).dtype == np.float64


def test_part_of_a_vector(x64: None) -> None:
    """A name stands for the elements that the circuit has, the object for all of its own."""
    made = QuantumCircuit(1)
    made.ry(X[10], 0)
    made.rz(X[2], 0)
    right = Statevector(made.assign_parameters({X[10]: 0.4, X[2]: 0.9})).data
    whole = np.zeros(12)
    whole[[2, 10]] = 0.9, 0.4
    assert error(qjax.statevector(made, {"x": [0.9, 0.4]}), right) < DOUBLE_TOLERANCE
    assert error(qjax.statevector(made, {X: whole}), right) < DOUBLE_TOLERANCE
    with pytest.raises(ValueError, match=r"params\['x'\]: expected shape \(2,\).*got \(12,\)"):
        qjax.statevector(made, {"x": whole})
    with pytest.raises(ValueError, match="'x\\[10\\]' are missing"):
        qjax.statevector(made, {ParameterVector("x", 5): whole[:5]})


def test_a_name_may_stand_for_both() -> None:
    """The parameter of exactly this name goes before the vector."""
    operations = qjax.from_qiskit(circuit()).ops[:1]
    made = qjax.Circuit(2, operations, ("x[0]", "x"))
    right = qjax.statevector(made, [0.4, 0.1])
    assert error(qjax.statevector(made, {"x": 0.1, "x[0]": 0.4}), right) == 0


@pytest.mark.parametrize(
    ("params", "kind", "complaint"),
    [
        ({"x": VALUES}, ValueError, "'a' are missing"),
        ({"a": 0.3}, ValueError, r"'x\[0\]', 'x\[1\]'.*are missing"),
        ({}, ValueError, "missing"),
        ({"x": VALUES, "a": 0.3, "y": 1.0}, ValueError, "'y' is none of the circuit's"),
        ({"x": VALUES, A: 0.3, B: 1.0}, ValueError, "'b' is none of the circuit's"),
        ({"x": VALUES, A: 0.3, "x[12]": 1.0}, ValueError, "none of the circuit's"),
        ({"x": VALUES, A: 0.3, Parameter("x"): VALUES}, ValueError, "'x' is none"),
        ({"x": VALUES, A: 0.3, ParameterVector("a", 1): [1.0]}, ValueError, "'a' is none"),
        ({"x": VALUES, "a": 0.3, A: 0.3}, ValueError, "'a' are given twice"),
        ({"x": VALUES, "a": 0.3, "x[3]": 0.1}, ValueError, r"'x\[3\]' are given twice"),
        ({"x": VALUES, "a": [0.3]}, ValueError, r"'a'\]: expected shape \(\).*got \(1,\)"),
        ({"x": VALUES[:11], "a": 0.3}, ValueError, r"expected shape \(12,\).*got \(11,\)"),
        ({"x": 0.1, "a": 0.3}, ValueError, r"expected shape \(12,\).*got \(\)"),
        ({"x": VALUES[None], "a": 0.3}, ValueError, r"got \(1, 12\)"),
        ({"x": VALUES, 0: 0.3}, TypeError, "keys, got 0"),
        ({"x": VALUES, "a": "0.3"}, TypeError, r"params\['a'\]"),
        ({"x": VALUES, "a": 1j}, TypeError, r"params\['a'\]"),
        ({"x": VALUES, "a": True}, TypeError, r"params\['a'\]"),
        ({"x": VALUES, "a": None}, TypeError, r"params\['a'\]"),
        ({"x": np.ma.array(VALUES, mask=VALUES > 0), "a": 0.3}, TypeError, "mask"),
    ],
)
def test_refused(params: dict, kind: type, complaint: str) -> None:
    for function in (FUNCTIONS["probabilities"], FUNCTIONS["sample"], FUNCTIONS["fisher"]):
        with pytest.raises(kind, match=complaint):
            function(params)


def test_samples_refuse_missing_numbers_by_name_too() -> None:
    with pytest.raises(ValueError, match="NaN"):
        qjax.sample(circuit(), {"x": VALUES, "a": np.nan}, 3, KEY)
