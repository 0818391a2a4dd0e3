"""Bytes that are predicted, beside XLA's own account of compiled programs."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector

import qjax
from qjax.simulators import StateVector


def brickwork(num_qubits: int, layers: int) -> QuantumCircuit:
    circuit, angles = QuantumCircuit(num_qubits), ParameterVector("t", num_qubits * layers)
    left = iter(angles)
    for layer in range(layers):
        for qubit in range(num_qubits):
            circuit.rx(next(left), qubit)
        for qubit in range(layer % 2, num_qubits - 1, 2):
            circuit.cz(qubit, qubit + 1)
    return circuit


def account(engine: str, num_qubits: int, mode: str) -> int:
    circuit = qjax.from_qiskit(brickwork(num_qubits, 6))
    gradient = None if engine == "native" else mode

    def value(params: jax.Array) -> jax.Array:
        return qjax.expectation(
            circuit, "X" * num_qubits, params, gradient=gradient, simulator=StateVector(engine)
        )

    params = np.zeros(circuit.num_params, np.float32)
    found = jax.jit(jax.value_and_grad(value)).lower(params).compile().memory_analysis()
    return found.temp_size_in_bytes + found.argument_size_in_bytes + found.output_size_in_bytes


@pytest.mark.skipif(qjax.engine() != "native", reason="looks at the native engine")
def test_the_native_engine_keeps_one_state() -> None:
    """Of all that it holds, XLA knows the state at the end; its kernel holds two more."""
    found = qjax.resources(brickwork(15, 6))
    state = 8 << 15
    assert account("native", 15, "adjoint") / state == pytest.approx(1, rel=0.05)
    assert found.gradient_bytes["adjoint"] / state == pytest.approx(3, rel=0.05)


@pytest.mark.usefixtures("full_compilation")
def test_xla() -> None:
    found = qjax.resources(brickwork(15, 6), simulator=StateVector("xla"))
    measured = account("xla", 15, "backprop")
    assert found.gradient_bytes["backprop"] / measured == pytest.approx(1, rel=0.3)
