"""What does not fit into memory is refused, and the message says what to change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector

import qjax
from qjax._base import memory
from qjax._base.memory import check_states_fit, devices_that_hold

SIZE = 60
THETAS = ParameterVector("t", SIZE)
WEIGHTS = np.zeros(SIZE)
LAST = SIZE - 1
WHOLE = [("Z" * SIZE, list(range(SIZE)), 1.0)]


def funnel() -> QuantumCircuit:
    """Z of the last qubit depends on all but the first five, Z of each of those on itself."""
    circuit = QuantumCircuit(SIZE)
    for qubit in range(SIZE):
        circuit.ry(THETAS[qubit], qubit)
    for qubit in range(5, SIZE - 1):
        circuit.cx(qubit, SIZE - 1)
    return circuit


def local(*qubits: int) -> list:
    return [[("Z", [qubit], 1.0)] for qubit in qubits]


def network(observables: Any) -> qjax.EstimatorQNN:
    return qjax.EstimatorQNN(circuit=funnel(), weight_params=THETAS, observables=observables)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: qjax.expectation(funnel(), "Z" + "I" * (SIZE - 1), WEIGHTS),
            "this one depends on 55$",
        ),
        (
            lambda: qjax.expectation(funnel(), local(0, LAST, 1), WEIGHTS),
            r"observables\[1\] depends on 55\b",
        ),
        (lambda: network([WHOLE, *local(0)]).apply(WEIGHTS), r"observables\[0\] depends on 60\b"),
        (
            lambda: network(local(0, LAST)).forward(None, WEIGHTS),
            r"observables\[1\] depends on 55\b",
        ),
        (
            lambda: network(local(0, LAST)).backward(None, WEIGHTS),
            r"observables\[1\] depends on 55\b",
        ),
        (lambda: network(None).plan, r"this one depends on 60\b"),
        (lambda: qjax.plan(funnel()), r"local observables, qnn\.plan is the plan$"),
        (lambda: qjax.statevector(funnel(), WEIGHTS), "Use fewer qubits$"),
        (
            lambda: qjax.SamplerQNN(circuit=funnel(), weight_params=THETAS),
            "60 qubits .* Use fewer qubits",
        ),
    ],
)
def test_wide_circuits(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(qjax.CircuitTooLargeError, match=message) as caught:
        call()
    # They would not help.
    assert "single precision" not in str(caught.value)
    assert "smaller batches" not in str(caught.value)


def test_local_observables_of_the_same_circuit_are_simulated() -> None:
    found = network(local(0, 2))
    assert found.num_simulated == 2
    np.testing.assert_allclose(found.apply(WEIGHTS), 1)


@pytest.mark.parametrize(
    ("columns", "dtype", "remedies"),
    [
        (1, np.complex64, "Use fewer qubits$"),
        (2, np.complex64, "Use fewer qubits or smaller batches$"),
        (1, np.complex128, "Use fewer qubits or single precision$"),
        (2, np.complex128, "Use fewer qubits, smaller batches or single precision$"),
    ],
)
def test_remedies_are_those_that_help(columns: int, dtype: Any, remedies: str) -> None:
    with pytest.raises(qjax.CircuitTooLargeError, match=remedies):
        check_states_fit(SIZE, columns, np.dtype(dtype))


GIB = 2**30


@pytest.mark.parametrize(
    ("num_bytes", "available", "count"),
    [
        (3 * GIB, 2 * GIB, 2),
        (5 * GIB, GIB, 8),
        (8 * GIB, GIB, 8),
        (8 * GIB + 1, GIB, 16),
        (2**60, GIB, None),  # 2**30 devices: nobody has so many
        (GIB, 0, None),
    ],
)
def test_how_many_devices_would_do(num_bytes: int, available: int, count: int | None) -> None:
    assert devices_that_hold(num_bytes, available) == count


def test_refusals_say_how_many_devices_would_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three states of 2**30 amplitudes of 8 bytes are 24 GiB: four devices of 7 GiB."""
    monkeypatch.setattr(memory, "available_memory", lambda device: 7 * GIB)
    with pytest.raises(qjax.CircuitTooLargeError, match=r"fewer qubits, or 4 devices.*\(mesh"):
        check_states_fit(30, 1, np.dtype(np.complex64))
    circuit = QuantumCircuit(30)
    circuit.h(range(30))
    with pytest.raises(qjax.CircuitTooLargeError, match=r"or 4 devices .*StateSharding"):
        qjax.statevector(circuit)
