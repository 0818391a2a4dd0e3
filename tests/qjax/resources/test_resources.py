"""What `qjax.resources` says, beside numbers that are computed by hand; and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import efficient_su2, real_amplitudes

import qjax
from qjax.simulators import DensityMatrix, StateVector, Trajectories

XLA = StateVector("xla")
FEW = real_amplitudes(3, reps=1)


def ladder(num_qubits: int, layers: int) -> QuantumCircuit:
    """RY of each qubit and a chain of CX, whose qubits all see each other after some layers."""
    return real_amplitudes(num_qubits, reps=layers, entanglement="circular")


@pytest.mark.parametrize("devices", [1, 8, 1000])
def test_forty_qubits_on_paper(devices: int) -> None:
    """2**40 amplitudes of 8 bytes are 8 TiB, of which 512 devices of 1000 hold 16 GiB each."""
    found = qjax.resources(ladder(40, 10), devices=devices)
    used = {1: 1, 8: 8, 1000: 512}[devices]
    assert (found.num_qubits, found.devices, found.devices_used) == (40, devices, used)
    state = 2.0**43 / used
    assert 1 < found.value_bytes / state < 8
    assert found.value_bytes < min(found.gradient_bytes.values()) < found.hessian_bytes
    assert found.value_seconds < found.gradient_seconds
    assert (found.exchanges > 0) == (devices > 1)
    assert found.gradient_bytes_exchanged == 3 * found.bytes_exchanged
    # No exchange sends more than the state, and one of k bits keeps 2**-k of it.
    assert found.bytes_exchanged <= found.exchanges * state * (1 - 1 / used)


def test_wide_density_matrices_on_paper() -> None:
    found = qjax.resources(ladder(20, 2), simulator=DensityMatrix())
    assert found.value_bytes >= 2 * 4 * 4.0**20


def test_backprop_keeps_a_state_for_each_pass() -> None:
    circuit = ladder(16, 3)
    found = qjax.resources(circuit, simulator=XLA)
    passes = qjax.plan(circuit, simulator=XLA).num_passes
    assert found.passes == passes
    kept = found.gradient_bytes["backprop"] - found.gradient_bytes["adjoint"]
    assert kept / (8 << 16) == pytest.approx(passes, abs=2)


def test_gradients_are_chosen_as_they_run() -> None:
    """States of all passes are kept up to 14 MiB: 16 states of 512 KiB, but not of 8 MiB."""
    small, large = (qjax.resources(ladder(n, 3), simulator=XLA) for n in (12, 20))
    assert (small.gradient, large.gradient) == ("backprop", "adjoint")
    asked = qjax.resources(ladder(20, 3), simulator=XLA, gradient="backprop")
    assert asked.gradient == "backprop"


@pytest.mark.parametrize("simulator", [None, XLA, DensityMatrix(), Trajectories(50)])
def test_figures_grow_with_the_batch(simulator: Any) -> None:
    one, many = (qjax.resources(ladder(10, 2), simulator=simulator, batch=b) for b in (2, 64))
    assert many.flops == pytest.approx(32 * one.flops)
    assert many.value_bytes >= one.value_bytes
    assert many.value_seconds > one.value_seconds


def test_doubles_take_twice_the_memory() -> None:
    single, double = (
        qjax.resources(ladder(21, 2), dtype=dtype) for dtype in ("complex64", "complex128")
    )
    assert double.value_bytes / single.value_bytes == pytest.approx(2, rel=0.05)
    assert double.flops == single.flops


def test_records_are_qubits() -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.h(0)
    circuit.measure(0, 1)
    found = qjax.resources(circuit)
    assert found.num_qubits == 2 + found.num_records
    assert found.num_records > 0
    assert "for records" in str(found)


def test_the_table() -> None:
    text = str(qjax.resources(efficient_su2(30, reps=2), devices=1000))
    assert "512 of 1000 devices" in text
    assert "not measured on this machine: run python -m qjax.calibrate" in text
    assert "whole state" in text
    assert "sent for a gradient" not in str(qjax.resources(FEW))


def test_a_circuit_without_gates() -> None:
    for simulator in (None, XLA, DensityMatrix(), Trajectories(5)):
        found = qjax.resources(QuantumCircuit(2), simulator=simulator)
        assert found.flops == 0
        assert found.value_seconds > 0


def test_values_are_frozen() -> None:
    found = qjax.resources(FEW)
    with pytest.raises(AttributeError):
        found.batch = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        found.gradient_bytes["adjoint"] = 0  # type: ignore[index]


REFUSED: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "dtype": (lambda: qjax.resources(FEW, dtype="float32"), ValueError, "dtype: got 'float32'"),
    "unknown dtype": (lambda: qjax.resources(FEW, dtype="c65"), ValueError, "dtype: got 'c65'"),
    "no devices": (lambda: qjax.resources(FEW, devices=0), ValueError, "devices: .*at least 1"),
    "half a batch": (lambda: qjax.resources(FEW, batch=0.5), ValueError, "batch: .*got 0.5"),
    "gradient": (lambda: qjax.resources(FEW, gradient="x"), ValueError, "gradient: 'x'"),
    "circuit": (lambda: qjax.resources("h q[0];"), TypeError, "circuit: got .*of type str"),
    "simulator": (lambda: qjax.resources(FEW, simulator="xla"), TypeError, "simulator: got 'xla'"),
    "mixed states on devices": (
        lambda: qjax.resources(FEW, simulator=DensityMatrix(), devices=8),
        ValueError,
        "devices: got 8 .*devices=1, or StateVector",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input(name: str) -> None:
    call, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message):
        call()


def test_numpy_dtypes_are_taken() -> None:
    assert qjax.resources(FEW, dtype=np.complex128).dtype == "complex128"
