"""Names of vectors of parameters, in the place of their elements."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector

import qjax

X, THETAS, SCALE = ParameterVector("x", 2), ParameterVector("t", 11), Parameter("scale")


def circuit() -> QuantumCircuit:
    """With more than ten elements, whose numerical order is not that of their names."""
    built = QuantumCircuit(2)
    built.ry(X[0] * SCALE, 0)
    built.ry(X[1], 1)
    for place, theta in enumerate(THETAS):
        built.rx(theta, place % 2)
    return built


def network(inputs: Any, weights: Any) -> qjax.EstimatorQNN:
    return qjax.EstimatorQNN(circuit=circuit(), input_params=inputs, weight_params=weights)


@pytest.mark.parametrize(
    ("inputs", "weights"),
    [
        ("x", ["t", "scale"]),
        (["x"], ("t", SCALE)),
        (["x[0]", X[1]], np.array(["t", "scale"], object)),
        (X, [*THETAS, "scale"]),
    ],
)
def test_the_name_of_a_vector_stands_for_its_elements(inputs: Any, weights: Any) -> None:
    found = network(inputs, weights)
    assert found.input_params == tuple(each.name for each in X)
    assert found.weight_params == (*(each.name for each in THETAS), "scale")
    assert found == network(X, [*THETAS, SCALE])


@pytest.mark.parametrize(
    ("named", "spelled"),
    [
        ({"a": "t", "b": "scale"}, {"a": list(THETAS), "b": SCALE}),
        ({"a": ["scale", "t"]}, {"a": [SCALE, *THETAS]}),
        ([["t", "scale"]], [[*THETAS, SCALE]]),
        ({"a": np.array("t"), "b": [["scale"]]}, {"a": list(THETAS), "b": [[SCALE]]}),
    ],
)
def test_in_trees(named: Any, spelled: Any) -> None:
    assert network("x", named) == network(X, spelled)


def test_a_parameter_of_that_name_comes_first() -> None:
    built = QuantumCircuit(1)
    built.rx(THETAS[0] + THETAS[10] + Parameter("t"), 0)
    found = qjax.EstimatorQNN(circuit=built, input_params=["t"], weight_params=["t[10]", "t[0]"])
    assert found.input_params == ("t",)
    assert found.weight_params == ("t[10]", "t[0]")


@pytest.mark.parametrize("inputs", ["x", ["x"], ("x[1]", "x[0]")])
def test_in_plans(inputs: Any) -> None:
    assert qjax.plan(circuit(), inputs) is qjax.plan(circuit(), list(X))
    assert qjax.plan(circuit(), inputs) is not qjax.plan(circuit())


MANY = r"\['scale', 't\[0\]', .*'t\[6\]', \.\.\.\]"


@pytest.mark.parametrize(
    ("inputs", "weights", "kind", "message"),
    [
        (
            "scale",
            "t",
            TypeError,
            "input_params: expected a sequence .* got the single str 'scale'",
        ),
        ("y", "t", TypeError, "input_params: expected a sequence .* got the single str 'y'"),
        ("x", ["t", "t[1]"], ValueError, r"given twice, 't\[1\]', in \['t\[0\]', .*, \.\.\.\]$"),
        ("x", "t", ValueError, r"neither input nor weight: \['scale'\]"),
        ("x", None, ValueError, f"neither input nor weight: {MANY}"),
        ("x", ["u"], ValueError, rf"\['u'\] are not among the circuit's parameters {MANY}$"),
        ("t", ["t", "scale", "x"], ValueError, r"both input and weight: \['t\[0\]', .*, \.\.\.\]"),
        ("x", [["t"], ["scale"]], ValueError, "rows have different lengths"),
    ],
)
def test_wrong_names(inputs: Any, weights: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        network(inputs, weights)
    assert re.search(message, str(caught.value)), caught.value


def test_wrong_names_in_plans() -> None:
    with pytest.raises(ValueError, match=rf"inputs: \['u'\] are not among .* {MANY}$"):
        qjax.plan(circuit(), ["u"])
    with pytest.raises(TypeError, match="expected a sequence of parameters or names, got 'scale'"):
        qjax.plan(circuit(), "scale")
