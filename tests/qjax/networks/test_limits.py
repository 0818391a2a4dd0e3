"""What networks refuse before allocating it, and what changes under their feet."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp

import qjax
from qjax._base import memory, tuning
from tests.circuits import error
from tests.qjax.networks.refusals import (
    GOOD_W,
    GOOD_X,
    PARAMETERS,
    check,
    circuit,
    estimator,
    sampler,
)

# ---------------------------------------------------------------- too large for memory


def rotated(num_qubits: int) -> QuantumCircuit:
    """One input on the first qubit, one weight on the last."""
    result = QuantumCircuit(num_qubits)
    result.rx(Parameter("x"), 0)
    result.ry(Parameter("w"), num_qubits - 1)
    return result


ONE_OF_EACH = {"input_params": ["x"], "weight_params": ["w"]}
MEMORY = ["qubits", "memory", "(?i)[kmgtpe]iB"]


@pytest.fixture
def quickly() -> Any:
    """What is refused before it is allocated takes no time."""
    start = time.perf_counter()
    yield
    assert time.perf_counter() - start < 10


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize("method", ["forward", "backward"])
def test_too_many_qubits(method: str) -> None:
    qnn = qjax.EstimatorQNN(circuit=rotated(60), **ONE_OF_EACH, observables="Z" * 60)
    check(lambda: getattr(qnn, method)([0.1], [0.2]), ValueError, [*MEMORY, r"\b60\b"])
    with pytest.raises(MemoryError):
        getattr(qnn, method)([0.1], [0.2])


def test_many_qubits_with_a_local_observable() -> None:
    """<Z> of the last qubit is cos(w), whatever the other 59 do."""
    qnn = qjax.EstimatorQNN(circuit=rotated(60), **ONE_OF_EACH, observables="Z" + "I" * 59)
    assert error(qnn.forward([0.1], [0.2]), [[np.cos(0.2)]]) < 1e-12
    assert error(qnn.backward([0.1], [0.2])[1], [[[-np.sin(0.2)]]]) < 1e-12


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize("build", [qjax.SamplerQNN, qjax.CircuitQNN])
def test_too_many_qubits_for_a_table_of_outputs(build: Callable[..., Any]) -> None:
    large = rotated(60)
    facts = [*MEMORY, r"\b60\b"]
    check(lambda: build(circuit=large, **ONE_OF_EACH), ValueError, facts)
    parity = {"interpret": lambda i: i % 2, "output_shape": 2}
    check(lambda: build(circuit=large, **ONE_OF_EACH, **parity), ValueError, facts)


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize(
    ("build", "method"),
    [
        (qjax.EstimatorQNN, "backward"),
        (qjax.SamplerQNN, "forward"),
        (qjax.SamplerQNN, "backward"),
    ],
)
def test_too_large_a_batch(build: Callable[..., Any], method: str) -> None:
    qnn = build(circuit=rotated(16), **ONE_OF_EACH)
    # 2**(16 + 22) amplitudes of single precision: two TiB.
    inputs, weights = np.zeros((2**22, 1), np.float32), np.zeros(1, np.float32)
    check(lambda: getattr(qnn, method)(inputs, weights), ValueError, MEMORY)


def test_a_batch_larger_than_memory_is_read_out_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `forward` of an estimator needs at once are the states of one part, and the values."""
    monkeypatch.setattr(tuning, "ALWAYS_FITS", 0)
    monkeypatch.setattr(memory, "available_memory", lambda device: 64 << 20)
    qnn = qjax.EstimatorQNN(circuit=rotated(16), **ONE_OF_EACH)
    # 2**(16 + 9) amplitudes of single precision: 256 MiB. Reading out all qubits' Z: cos(x) cos(w).
    inputs, weights = np.linspace(-3, 3, 2**9, dtype=np.float32)[:, None], np.float32([0.3])
    assert error(qnn.forward(inputs, weights), np.cos(inputs) * np.cos(0.3)) < 1e-5
    check(lambda: qnn.backward(inputs, weights), ValueError, MEMORY)


@pytest.mark.usefixtures("quickly")
def test_too_many_outputs() -> None:
    """Outputs that no measurement sets still cost memory: 2**50 of them."""
    measured = QuantumCircuit(1, 50)
    measured.rx(Parameter("x"), 0)
    measured.measure(0, 49)

    def run() -> object:
        return qjax.SamplerQNN(circuit=measured, input_params=["x"]).forward([0.1], None)

    check(run, ValueError, ["memory|output_shape"])


TOO_MANY_SHOTS = """
from tests.qjax.networks.refusals import GOOD_W, GOOD_X, check, sampling
check(lambda: sampling(shots=10**14).forward(GOOD_X, GOOD_W), ValueError, ["shots", "memory"])
"""


def test_too_many_shots(pytestconfig: pytest.Config) -> None:
    """In a process of its own: reading a result that could not be allocated aborts the process."""
    root = pytestconfig.rootpath
    done = subprocess.run(
        [sys.executable, "-c", TOO_MANY_SHOTS],
        capture_output=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr


# ---------------------------------------------------------------- values that change


def test_a_circuit_that_changes_later_does_not_reach_the_network() -> None:
    mutable = circuit().copy()
    with pytest.raises(TypeError, match="unhashable"):
        hash(mutable)
    networks = [
        qjax.EstimatorQNN(circuit=mutable, **PARAMETERS),
        qjax.SamplerQNN(circuit=mutable, **PARAMETERS),
        qjax.OpflowQNN(qjax.ComposedOp("ZZ", mutable), *PARAMETERS.values()),
    ]
    hashes = [hash(qnn) for qnn in networks]
    before = [qnn.forward(GOOD_X, GOOD_W) for qnn in networks]
    printed = str(networks[2].operator)
    mutable.x(0)
    mutable.rx(Parameter("late"), 1)
    after = [qnn.forward([GOOD_X, GOOD_X], GOOD_W) for qnn in networks]  # compiled anew
    for qnn, value, first, second in zip(networks, hashes, before, after, strict=True):
        assert hash(qnn) == value
        assert error(np.concatenate([first, first]), second) < 1e-12
    assert str(networks[2].operator) == printed
    message = ["neither", "late"]
    check(lambda: qjax.EstimatorQNN(circuit=mutable, **PARAMETERS), ValueError, message)


def test_layers_that_change_later_do_not_reach_the_network() -> None:
    feature_map, ansatz = QuantumCircuit(1), QuantumCircuit(1)
    feature_map.ry(Parameter("x"), 0)
    ansatz.ry(Parameter("w"), 0)
    qnn = qjax.TwoLayerQNN(1, feature_map, ansatz)
    feature_map.x(0)
    ansatz.x(0)
    assert error(qnn.forward([[0.1], [0.2]], [0.3]), np.cos([[0.4], [0.5]])) < 1e-12
    assert qnn.feature_map.size() == qnn.ansatz.size() == 1


def test_observables_that_change_later_do_not_reach_the_network() -> None:
    observable, several = SparsePauliOp("ZZ"), ["ZZ"]
    one, many = estimator(observables=observable), estimator(observables=several)
    before = one.forward(GOOD_X, GOOD_W)
    observable.coeffs *= 3
    several.append("XX")
    assert error(one.forward([GOOD_X], GOOD_W), before) == 0
    assert error(many.forward([GOOD_X], GOOD_W), before) == 0
    assert many.output_shape == (1,)


def test_data_that_change_later_do_not_reach_the_result() -> None:
    inputs, weights = np.array([GOOD_X]), np.array(GOOD_W)
    outputs = estimator().forward(inputs, weights)
    gradients = estimator(input_gradients=True).backward(inputs, weights)
    kept = [result.copy() for result in (outputs, *gradients)]
    inputs[:], weights[:] = 7, 8
    for result, copied in zip((outputs, *gradients), kept, strict=True):
        assert error(result, copied) == 0


def test_lists_and_other_unhashable_data_are_taken() -> None:
    expected = estimator().forward(np.array(GOOD_X), np.array(GOOD_W))
    assert error(estimator().forward([GOOD_X], GOOD_W), expected) == 0
    assert error(estimator().apply(GOOD_W, [GOOD_X]), expected) < 1e-5
    shape = sampler(interpret=lambda i: [i >> 1, i & 1], output_shape=[2, 2])
    assert hash(shape) == hash(sampler(interpret=lambda i: (i >> 1, i & 1), output_shape=(2, 2)))
