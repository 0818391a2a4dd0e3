"""Parameters, circuits and coefficients that cannot be used, and what the messages say."""

from __future__ import annotations

import math

import jax
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.exceptions import CircuitError

import qjax
from tests.circuits import NAMED, bell
from tests.qjax.bad_input import BAD, wide


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_angle_that_is_no_number_is_refused(value: float) -> None:
    circuit = QuantumCircuit(1)
    circuit.h(0)
    circuit.rx(value, 0)
    with pytest.raises(ValueError, match=r"(?is)(?=.*nan|.*inf|.*finite)(?=.*rx)"):
        qjax.from_qiskit(circuit)


def test_complex_angle_is_refused() -> None:
    theta = Parameter("theta")
    circuit = QuantumCircuit(1)
    circuit.rx(theta * 1j, 0)
    with pytest.raises((TypeError, ValueError), match=r"(?i)complex|real"):
        qjax.statevector(circuit, np.ones(1, np.float32))


def test_unhashable_source_is_told_what_to_do() -> None:
    """A `QuantumCircuit` is mutable: as a static argument, JAX refuses it."""
    with pytest.raises(ValueError, match=r"(?i)hash"):
        jax.jit(qjax.statevector, static_argnums=0)(bell())


def test_messages_name_the_remedy_or_the_expected() -> None:
    """Each message has a got and an expected: two different facts, in a sentence."""
    for name in ("too few parameters", "observable of another size", "gate of another size"):
        call, kind, _ = BAD[name]
        with pytest.raises(kind) as caught:
            call()
        assert len(str(caught.value).split()) >= 8, str(caught.value)


def test_large_circuit_can_be_described_without_being_simulated() -> None:
    circuit = wide(200)
    assert (circuit.num_qubits, circuit.num_params) == (200, 0)
    assert qjax.to_qiskit(circuit).num_qubits == 200


def test_coefficient_beyond_the_precision_of_the_parameters() -> None:
    """With JAX's x64 flag, in which float32 parameters are computed in single all the same."""
    large = ("Z", [0], 1e39)
    circuit = NAMED["one_angle"]()
    with jax.enable_x64(True):
        angle = np.array([0.3])
        unit = qjax.expectation(circuit, ("Z", [0], 1.0), angle)
        assert float(qjax.expectation(circuit, large, angle)) == pytest.approx(1e39 * float(unit))
        for call in (qjax.expectation, jax.jit(qjax.expectation, static_argnums=(0, 1))):
            with pytest.raises(ValueError, match=r"1e\+39.*float32"):
                call(qjax.from_qiskit(circuit), ("Z", (0,), 1e39), angle.astype(np.float32))
        slope = jax.grad(lambda values: qjax.expectation(circuit, large, values))
        with pytest.raises(ValueError, match=r"1e\+39.*float32"):
            slope(jax.numpy.array([0.3], np.float32))


def test_elements_of_a_vector_by_its_name() -> None:
    """Those that the circuit has, by number: w[10] after w[3]."""
    w = ParameterVector("w", 12)
    circuit = QuantumCircuit(1)
    for place in (10, 2, 3):
        circuit.rx(w[place], 0)
    with pytest.raises(ValueError, match=r"\(3,\).*\(12,\).*in order: w\[2\], w\[3\], w\[10\]"):
        qjax.statevector(circuit, {"w": np.zeros(12)})


def test_encodings_have_no_controls_and_powers() -> None:
    for call in (qjax.AmplitudeEncoding(2).control, qjax.AmplitudeEncoding(2).power):
        with pytest.raises(CircuitError, match="resets its qubits"):
            call(2)
