"""Which engine runs, as it is asked for and as plans say."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest
from qiskit.circuit.library import real_amplitudes, zz_feature_map

import qjax
from qjax._simulators.native.library import why_missing
from qjax.simulators import StateVector
from tests.circuits import error

ANSATZ, FEATURES = real_amplitudes(2, reps=1), zz_feature_map(2)
WEIGHTS = np.linspace(0, 1, ANSATZ.num_parameters, dtype=np.float32)
ROLES = {"input_params": FEATURES.parameters, "weight_params": ANSATZ.parameters}


def of_network(network: Any) -> jax.Array:
    return network.apply(WEIGHTS, np.ones((3, 2), np.float32))


CALLS: list[Callable[..., Any]] = [
    lambda **how: qjax.statevector(ANSATZ, WEIGHTS, **how),
    lambda **how: qjax.expectation(ANSATZ, ["ZZ", "XY"], WEIGHTS, **how),
    lambda **how: qjax.probabilities(ANSATZ, WEIGHTS, [1], **how),
    lambda **how: qjax.sample(ANSATZ, WEIGHTS, 100, jax.random.key(0), **how),
    lambda **how: of_network(qjax.EstimatorQNN(circuit=FEATURES.compose(ANSATZ), **ROLES, **how)),
    lambda **how: of_network(qjax.SamplerQNN(circuit=FEATURES.compose(ANSATZ), **ROLES, **how)),
    lambda **how: of_network(qjax.CircuitQNN(FEATURES.compose(ANSATZ), *ROLES.values(), **how)),
    lambda **how: of_network(qjax.TwoLayerQNN(2, FEATURES, ANSATZ, **how)),
]


@pytest.mark.parametrize("call", CALLS)
def test_engines_give_the_same(call: Callable[..., Any]) -> None:
    by_itself = call()
    assert error(call(simulator=StateVector("xla")), by_itself) < 1e-6
    assert error(call(simulator=StateVector()), by_itself) == 0


@pytest.mark.parametrize("call", [*CALLS, lambda **how: qjax.plan(ANSATZ, **how)])
def test_what_is_no_simulator_is_refused(call: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=r"simulator: got 'xla' of type str; expected one of"):
        call(simulator="xla")
    with pytest.raises(TypeError, match=r"got the class StateVector; expected a value"):
        call(simulator=StateVector)


@pytest.mark.parametrize("engine", ["cuda", "", 3, np.array(["xla"]), b"xla"])
def test_unknown_engines_are_refused(engine: Any) -> None:
    with pytest.raises(ValueError, match=r"engine: got .*; expected 'native', 'xla' or None"):
        StateVector(engine)


def test_plans_say_which_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = qjax.plan(ANSATZ, simulator=StateVector("xla"))
    assert str(chosen).splitlines()[-1] == "  engine: xla"
    monkeypatch.setenv("QJAX_ENGINE", "xla")
    assert str(qjax.plan(ANSATZ)).splitlines()[-1] == "  engine: xla (QJAX_ENGINE=xla)"


@pytest.mark.skipif(why_missing() is not None, reason=f"{why_missing()}")
def test_an_engine_that_is_asked_for_counts_more_than_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("QJAX_ENGINE", "xla")
    text = str(qjax.plan(ANSATZ, simulator=StateVector("native")))
    assert "engine: native, as one operation of" in text.splitlines()[-1]


def test_a_native_engine_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qjax._simulators.native.library.why_missing", lambda: "no compiler")
    with pytest.raises(ValueError, match=r"the native engine cannot run: no compiler; leave"):
        qjax.expectation(ANSATZ, "ZZ", WEIGHTS, simulator=StateVector("native"))
    assert qjax.engine() == "xla (no compiler)" or "QJAX_ENGINE" in qjax.engine()


def test_a_network_on_an_estimator_has_no_simulator() -> None:
    with pytest.raises(ValueError, match=r"simulator: got StateVector.* beside estimator="):
        qjax.EstimatorQNN(
            circuit=ANSATZ,
            weight_params=ANSATZ.parameters,
            estimator=qjax.primitives.Estimator(),
            simulator=StateVector(),
        )
