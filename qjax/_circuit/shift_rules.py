"""Floor 2. Gate -> the frequencies that its angles bring into expectation values -> shift rules.

An expectation value is a Fourier series in each angle of each gate. The matrix of the gate is a sum
of exp(i e angle) with a few exponents e, for a rotation the eigenvalues of its generator, and the
frequencies are their differences. D. Wierichs, J. Izaac, C. Wang and C. Y.-Y. Lin, Quantum 6, 677
(2022), sections 2 and 3.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from qjax._circuit.gates import ConstantGate, GateKind, PhaseGate, RotationGate

# Matrices are looked at in this many points of their period, and may have exponents up to the next.
_POINTS = 64
_LARGEST = 4


class ShiftRule(NamedTuple):
    """f'(x) = sum of coefficients times f(x + shifts)."""

    shifts: Float[np.ndarray, " terms"]
    coefficients: Float[np.ndarray, " terms"]


@lru_cache
def shift_rule(frequencies: tuple[float, ...]) -> ShiftRule:
    """The derivative of a Fourier series with these frequencies, from twice as many values.

    The shifts are odd multiples of pi / (2 highest frequency): for equidistant frequencies the
    equidistant ones of section 3 there. One frequency w gives the rule of two terms,
    w/2 [f(x + pi/2w) - f(x - pi/2w)].

    Args:
        frequencies: positive, increasing.

    Raises:
        ValueError: for frequencies that these shifts cannot tell apart.
    """
    count = len(frequencies)
    if count == 0:
        return ShiftRule(np.zeros(0), np.zeros(0))
    turns = np.asarray(frequencies)
    shifts = (2 * np.arange(count) + 1) * np.pi / (2 * turns[-1])
    # f'(0) is the sum of frequency times sine coefficient: each difference sees 2 sin(f s) of it.
    system = 2 * np.sin(turns[:, None] * shifts[None, :])
    if np.linalg.cond(system) > 1e6:
        raise ValueError(f"the frequencies {frequencies} have no stable shift rule")
    coefficients = np.linalg.solve(system, turns)
    return ShiftRule(np.append(shifts, -shifts), np.append(coefficients, -coefficients))


@lru_cache
def frequencies_of(kind: GateKind, angle: int, is_controlled: bool) -> tuple[float, ...] | None:
    """The frequencies of expectation values in one angle of a gate; None if it is no such series.

    Args:
        kind: a kind of gate with angles.
        angle: which of them.
        is_controlled: whether it has controls: where they do not hold, the exponent is 0.
    """
    exponents = _exponents(kind, angle)
    if exponents is None:
        return None
    if is_controlled:
        exponents = (*exponents, 0.0)
    return tuple(sorted({abs(a - b) for a in exponents for b in exponents} - {0.0}))


def _exponents(kind: GateKind, angle: int) -> Sequence[float] | None:
    if isinstance(kind, ConstantGate):
        raise ValueError("a gate without angles has no exponents")
    if isinstance(kind, PhaseGate):
        return kind.phases
    return _exponents_of_matrix(kind, angle)


def _exponents_of_matrix(kind: RotationGate, angle: int) -> Sequence[float] | None:
    """By the Fourier transform of the matrix over 4 pi, with any numbers for the other angles."""
    points = np.arange(_POINTS) * (4 * np.pi / _POINTS)
    angles = [np.full(_POINTS, 0.7 + 0.3 * other) for other in range(kind.num_angles)]
    angles[angle] = points
    with jax.core.eval_context():  # a network may be made while JAX traces
        rows = kind.rows(*(jnp.asarray(values, np.float32) for values in angles))
        entries = np.array([[np.asarray(entry) for entry in row] for row in rows])
    spectrum = np.abs(np.fft.fft(entries, axis=-1)).max(axis=(0, 1)) / _POINTS
    halves = np.fft.fftfreq(_POINTS, 1 / _POINTS)[spectrum > 1e-4]
    exponents = [float(half) / 2 for half in halves]
    return exponents if max(map(abs, exponents)) <= _LARGEST else None
