"""Networks to be given what they refuse, and what a message must say."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector

import qjax
import qjax.primitives

NAN, INF = float("nan"), float("inf")
GOOD_X, GOOD_W = [0.1, 0.2], [0.3, 0.4]


@cache
def circuit() -> QuantumCircuit:
    """Inputs x[0], x[1], weights a, b, on two qubits."""
    x, a, b = ParameterVector("x", 2), Parameter("a"), Parameter("b")
    result = QuantumCircuit(2)
    result.ry(x[0] * a, 0)
    result.rx(x[1], 1)
    result.crx(b, 0, 1)
    return result


PARAMETERS = {"input_params": ["x[0]", "x[1]"], "weight_params": ["a", "b"]}


def estimator(**options: Any) -> qjax.EstimatorQNN:
    return qjax.EstimatorQNN(**{"circuit": circuit(), **PARAMETERS, **options})


def sampler(**options: Any) -> qjax.SamplerQNN:
    return qjax.SamplerQNN(**{"circuit": circuit(), **PARAMETERS, **options})


def sampling(**options: Any) -> qjax.CircuitQNN:
    return qjax.CircuitQNN(circuit(), **{**PARAMETERS, "sampling": True, **options})


def check(call: Callable[[], object], kind: type[Exception], facts: Sequence[str]) -> None:
    """The exception is of this kind, and its message holds every fact."""
    with pytest.raises(kind) as caught:
        call()
    message = str(caught.value)
    assert [fact for fact in facts if not re.search(fact, message)] == [], message
