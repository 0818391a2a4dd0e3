"""Bad data for networks: a table of what is wrong, and what the message must say about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.primitives import StatevectorEstimator

import qjax
import qjax.primitives
from tests.qjax.networks.refusals import (
    GOOD_W,
    GOOD_X,
    INF,
    NAN,
    check,
    circuit,
    estimator,
    sampler,
    sampling,
)

# ---------------------------------------------------------------- data


DATA: dict[str, tuple[Any, Any, type[Exception], list[str]]] = {
    "too few inputs": ([0.1], GOOD_W, ValueError, ["input", r"\b2\b", r"\(1,\)", r"x\[0\]"]),
    "too many inputs": ([[1.0] * 3], GOOD_W, ValueError, ["input", r"\b2\b", r"\(1, 3\)"]),
    "a number for two inputs": (0.1, GOOD_W, ValueError, ["input", r"\b2\b"]),
    "no inputs": (None, GOOD_W, ValueError, ["input", r"\b2\b", r"\(0,\)"]),
    "inputs transposed": (np.zeros((2, 5)), GOOD_W, ValueError, ["input", r"\(2, 5\)"]),
    "ragged inputs": ([[0.1, 0.2], [0.3]], GOOD_W, ValueError, ["input", "real numbers"]),
    "too few weights": (GOOD_X, [0.3], ValueError, ["weights", r"\(2,\)", r"\(1,\)", "a, b"]),
    "too many weights": (GOOD_X, [0.3] * 5, ValueError, ["weights", r"\(2,\)", r"\(5,\)"]),
    "no weights": (GOOD_X, None, ValueError, ["weights", r"\(2,\)", r"\(0,\)"]),
    "a batch of weights": (GOOD_X, np.zeros((3, 2)), ValueError, ["weights", r"\(3, 2\)"]),
    "complex inputs": ([1j, 0], GOOD_W, TypeError, ["input", "complex128", "real"]),
    "complex weights": (GOOD_X, [1j, 0], TypeError, ["weights", "complex128", "real"]),
    "boolean inputs": ([True, False], GOOD_W, TypeError, ["input", "bool", "real"]),
    "boolean weights": (GOOD_X, [True, False], TypeError, ["weights", "bool", "real"]),
    "text for inputs": (["0.1", "0.2"], GOOD_W, TypeError, ["input", "real"]),
    "text for weights": (GOOD_X, "ab", TypeError, ["weights", "real"]),
    "None among inputs": ([None, 0.1], GOOD_W, TypeError, ["input", "object", "real"]),
    "a dict for inputs": ({"x": 1}, GOOD_W, TypeError, ["input", "real"]),
    "dates": (np.array(["2020-01-01"] * 2, "M8[D]"), GOOD_W, TypeError, ["input", "datetime"]),
    "duration inputs": (
        np.ones(2, "m8[s]"),
        GOOD_W,
        TypeError,
        ["input", "timedelta64", "real"],
    ),
    "duration weights": (
        GOOD_X,
        np.ones(2, "m8[s]"),
        TypeError,
        ["weights", "timedelta64", "real"],
    ),
    "NaN input": ([0.1, NAN], GOOD_W, ValueError, ["input", "NaN", "finite"]),
    "infinite input": ([[0.1, -INF]], GOOD_W, ValueError, ["input", "infinity", "finite"]),
    "NaN weight": (GOOD_X, [NAN, 0.3], ValueError, ["weights", "NaN", "finite"]),
    "infinite weight": (GOOD_X, [0.3, INF], ValueError, ["weights", "infinity", "finite"]),
}


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("method", ["forward", "backward"])
@pytest.mark.parametrize("build", [estimator, sampler])
def test_bad_data(build: Callable[[], qjax.NeuralNetwork], method: str, name: str) -> None:
    inputs, weights, kind, facts = DATA[name]
    check(lambda: getattr(build(), method)(inputs, weights), kind, facts)


@pytest.mark.parametrize("name", ["too few inputs", "NaN weight", "complex weights"])
def test_bad_data_for_samples(name: str) -> None:
    inputs, weights, kind, facts = DATA[name]
    check(lambda: sampling().sample(inputs, weights), kind, facts)


APPLIED = [name for name in DATA if not re.search(r"NaN i|NaN w|infinite|number for|no ", name)]


@pytest.mark.parametrize("name", APPLIED)
def test_bad_data_for_apply(name: str) -> None:
    inputs, weights, kind, facts = DATA[name]
    check(lambda: estimator().apply(weights, inputs), kind, facts)


def test_bad_jax_arrays_for_apply() -> None:
    good = jnp.ones(2)
    check(lambda: estimator().apply(good, jnp.ones(())), ValueError, ["inputs", r"\(\)"])
    check(
        lambda: estimator().apply(good.astype(jnp.complex64), good),
        TypeError,
        ["weights", "complex64"],
    )
    check(lambda: estimator().apply(good, good > 0), TypeError, ["inputs", "bool"])
    check(lambda: estimator().apply(jnp.ones(3), good), ValueError, ["weights", r"\(3,\)"])


def test_weights_and_inputs_in_each_others_places() -> None:
    three = QuantumCircuit(1)
    a, b, c = ParameterVector("p", 3)
    for angle in (a, b, c):
        three.rx(angle, 0)
    qnn = qjax.EstimatorQNN(circuit=three, input_params=[a], weight_params=[b, c])
    check(lambda: qnn.apply([0.1], [1, 2]), ValueError, [r"swapped.*apply\(weights, inputs\)"])
    check(
        lambda: qnn.forward([1, 2], [0.1]),
        ValueError,
        [r"swapped.*forward\(input_data, weights\)"],
    )


# ---------------------------------------------------------------- construction


CALLS: dict[str, tuple[Callable[[], object], type[Exception], list[str]]] = {
    "several keys": (
        lambda: sampling().sample(GOOD_X, GOOD_W, jax.random.split(jax.random.key(0))),
        ValueError,
        ["one JAX random key", r"\(2,\)"],
    ),
    "a seed for a key": (
        lambda: sampling().sample(GOOD_X, GOOD_W, 3), TypeError, ["one JAX random key", "3"],
    ),
    "a coefficient beyond single precision": (
        lambda: estimator(observables=("Z", [0], 1e39)).forward(
            np.float32(GOOD_X), np.float32(GOOD_W)
        ),
        ValueError,
        [r"1e\+39", "float32"],
    ),
    "no pubs": (lambda: qjax.primitives.Sampler().run(None), TypeError, ["pubs", "list", "None"]),
    "None among pubs": (
        lambda: qjax.primitives.Estimator().run([None]), TypeError, ["pubs", "list", "None"],
    ),
    "durations in a pub": (
        lambda: qjax.primitives.Estimator().run(
            [(circuit(), "ZZ", np.ones(4, "m8[s]"))]
        ),
        TypeError,
        ["parameter values", "timedelta64"],
    ),
    "a duration for a precision": (
        lambda: qjax.primitives.Estimator(default_precision=np.timedelta64(1)),
        TypeError,
        ["default_precision", "timedelta64"],
    ),
    "a number for a path": (lambda: qjax.export(estimator(), 1), TypeError, ["path", "int"]),
    "replace without a name": (
        lambda: estimator().replace(1), TypeError, ["without a name", "input_gradients"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_bad_calls(name: str) -> None:
    check(*CALLS[name])


def test_an_estimator_takes_pubs_without_observables() -> None:
    """As Qiskit's own does, unlike `expectation`: a pub has a shape."""
    pub = (circuit(), [], [0.1] * 4)
    expected = StatevectorEstimator().run([pub]).result()[0].data.evs.shape
    for precision in (0.0, 0.1):
        found = qjax.primitives.Estimator(seed=1).run([pub], precision=precision).result()
        assert found[0].data.evs.shape == expected == (0,)
