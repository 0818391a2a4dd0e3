"""Shift rules against derivatives of Fourier series and of Qiskit's gates."""

from __future__ import annotations

from math import pi

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit.quantum_info import Operator

from qjax._circuit.gates import GATES
from qjax._circuit.shift_rules import frequencies_of, shift_rule
from qjax._qiskit.gate_names import GATE_NAMES
from tests.circuits import controlled_matrix
from tests.networks import slope

CLASSES = {name: kind for kind, name in GATE_NAMES.items()}
ANGLES = [(name, angle) for name, kind in GATES.items() for angle in range(kind.num_angles)]
SERIES = [(1.0,), (0.5,), (0.5, 1.0), (1.0, 2.0), (1.0, 2.0, 3.0), (0.3, 1.1), (1.0, 3.0)]


@given(st.sampled_from(SERIES), st.integers(0, 2**32 - 1))
def test_rules_are_exact_on_fourier_series(frequencies: tuple[float, ...], seed: int) -> None:
    rng = np.random.default_rng(seed)
    turns = np.array(frequencies)
    cosine, sine, constant, at = *rng.normal(size=(2, len(turns))), *rng.normal(size=2)
    rule = shift_rule(frequencies)
    points = (at + rule.shifts)[:, None] * turns
    values = constant + np.cos(points) @ cosine + np.sin(points) @ sine
    expected = np.sum(turns * (sine * np.cos(turns * at) - cosine * np.sin(turns * at)))
    assert len(rule.shifts) == 2 * len(frequencies)
    assert rule.coefficients @ values == pytest.approx(expected, abs=1e-10)


def test_published_rules() -> None:
    """Two terms: Mitarai et al., PRA 98, 032309 (2018). Four: Anselmetti et al., NJP 23, 113010."""
    two = shift_rule((1.0,))
    np.testing.assert_allclose(two.shifts, [pi / 2, -pi / 2])
    np.testing.assert_allclose(two.coefficients, [0.5, -0.5])
    four = shift_rule((0.5, 1.0))
    root = np.sqrt(2)
    plus, minus = (root + 1) / (4 * root), (root - 1) / (4 * root)
    np.testing.assert_allclose(four.shifts, [pi / 2, 3 * pi / 2, -pi / 2, -3 * pi / 2])
    np.testing.assert_allclose(four.coefficients, [plus, -minus, -plus, minus])


def test_frequencies_that_cannot_be_told_apart() -> None:
    with pytest.raises(ValueError, match="no stable shift rule"):
        shift_rule((1.0, 1.0 + 1e-9))


@pytest.mark.parametrize("is_controlled", [False, True], ids=["plain", "controlled"])
@pytest.mark.parametrize(("name", "angle"), ANGLES)
def test_every_gate(name: str, angle: int, is_controlled: bool) -> None:
    """The rule of a gate differentiates expectation values made of Qiskit's matrix."""
    frequencies = frequencies_of(GATES[name], angle, is_controlled)
    if name == "rv":
        assert frequencies is None  # no Fourier series: the angles stand under a root
        return
    rng = np.random.default_rng(0)
    angles = rng.uniform(-3, 3, GATES[name].num_angles)
    size = 2 ** (GATES[name].num_qubits + is_controlled)
    state = rng.normal(size=size) + 1j * rng.normal(size=size)
    half = rng.normal(size=(size, size)) + 1j * rng.normal(size=(size, size))
    observable = half + half.conj().T

    def value(shift: float) -> float:
        moved = angles + shift * (np.arange(len(angles)) == angle)
        matrix = Operator(CLASSES[name](*moved)).data
        if is_controlled:
            matrix = controlled_matrix(matrix, 1, 1)
        return float(np.real(np.vdot(matrix @ state, observable @ (matrix @ state))))

    rule = shift_rule(frequencies)
    found = sum(c * value(s) for s, c in zip(*rule, strict=True))
    assert found == pytest.approx(slope(value), abs=1e-8)


def test_no_gate_is_shifted_more_than_needed() -> None:
    assert frequencies_of(GATES["rx"], 0, False) == (1.0,)
    assert frequencies_of(GATES["rx"], 0, True) == (0.5, 1.0)
    assert frequencies_of(GATES["p"], 0, True) == (1.0,)
    assert frequencies_of(GATES["u"], 1, True) == (1.0,)
    assert frequencies_of(GATES["global_phase"], 0, False) == ()
