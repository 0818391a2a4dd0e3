"""Frequencies in a parameter against Fourier transforms of Qiskit's values, and what has none."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Pauli

import qjax
from qjax._circuit.frequencies import common_divisor, parameter_frequencies
from tests.circuits import random_values, value_of

PAULIS = [*map(Pauli, ("XY", "ZZ", "IX", "YI", "YZ"))]
A, B = Parameter("a"), Parameter("b")


def several_gates() -> QuantumCircuit:
    """Of a: in an RX, doubled in a controlled RY, with an offset in a phase; b once."""
    circuit = QuantumCircuit(2)
    circuit.h(1)
    circuit.rx(A, 0)
    circuit.cry(2 * A, 0, 1)
    circuit.p(0.3 - A + B, 1)
    circuit.rxx(B / 2, 0, 1)
    return circuit


def test_spectrum_holds_all_that_values_have() -> None:
    """Over the period 4 pi, coefficients outside of the spectrum are 0, and all inside occur."""
    circuit = several_gates()
    values = random_values(circuit, seed=2)
    spectra = parameter_frequencies(qjax.from_qiskit(circuit))
    for index, spectrum in enumerate(spectra):
        samples = []
        for shift in np.arange(32) * 4 * np.pi / 32:
            moved = values.copy()
            moved[index] += shift
            samples.append([value_of(circuit, p, moved) for p in PAULIS])
        amplitudes = np.abs(np.fft.rfft(samples, axis=0)).max(axis=1) / 32
        present = {float(k) / 2 for k in np.flatnonzero(amplitudes > 1e-10)} - {0.0}
        assert present <= set(spectrum)
        assert max(present) == max(spectrum)
    assert spectra[1] == (0.5, 1.0, 1.5)
    assert spectra[0] == (1.0, 2.0, 3.0, 4.0) or set(spectra[0]) > {1.0, 2.0, 3.0, 4.0}


@pytest.mark.parametrize(
    ("angle", "expected"),
    [
        (3 * A, (3.0,)),
        (A / 4 - 1, (0.25,)),
        (-A + (B * B).sin(), (1.0,)),
        ((2 * A + 1) * 3 - A, (5.0,)),
        (A - A + B, ()),
        (A * B, "no"),
        (A * A, "no"),
        (A.sin(), "no"),
        (1 / A, "no"),
    ],
)
def test_slopes_of_expressions(angle: object, expected: tuple | str) -> None:
    circuit = QuantumCircuit(1)
    circuit.rx(angle, 0)
    if A not in circuit.parameters:
        circuit.rz(0 * A, 0)
    found = parameter_frequencies(qjax.from_qiskit(circuit))[0]
    if expected == "no":
        assert "is not a number times it, plus other parameters" in found
    else:
        assert found == expected


def test_gates_and_amplitudes_without_frequencies() -> None:
    circuit = QuantumCircuit(1)
    circuit.rv(A, 0.1, 0.2, 0)
    assert parameter_frequencies(qjax.from_qiskit(circuit)) == ("a gate 'rv' depends on it",)
    encoded = QuantumCircuit(1)
    encoded.append(qjax.AmplitudeEncoding(1), [0])
    spectra = parameter_frequencies(qjax.from_qiskit(encoded))
    assert set(spectra) == {"amplitudes depend on it"}


@pytest.mark.parametrize(
    ("frequencies", "expected"),
    [((1.0, 2.0), 1.0), ((0.5, 1.0), 0.5), ((2.0, 3.0), 1.0), ((1.0, 2**0.5), None), ((), None)],
)
def test_common_divisor(frequencies: tuple[float, ...], expected: float | None) -> None:
    assert common_divisor(frequencies) == expected
