"""Floor 2. Circuit -> the frequencies of its expectation values in each parameter.

An angle that is s times a parameter, and whatever else of other parameters, brings s times the
frequencies of its gate; those of several angles add up, as differences of sums of exponents do (M.
Schuld, R. Sweke and J. J. Meyer, PRA 103, 032430 (2021), eq. 9).
"""

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from qjax._base.store import kept
from qjax._circuit.circuit import Circuit
from qjax._circuit.free_angles import free_angles, places_of
from qjax._expressions import BINARY, UNARY, Expression, evaluate_expression

# Frequencies are equal within it. More than so many are of no use to those who ask.
_DIGITS = 9
_MOST = 4096


@kept()
def parameter_frequencies(circuit: Circuit) -> tuple[tuple[float, ...] | str, ...]:
    """The positive frequencies in each parameter, increasing; or why there are none, in words.

    No frequencies at all stand for a parameter that no gate depends on. The set holds all that can
    occur: for some observables fewer do.

    Args:
        circuit: without measurements midway.

    Raises:
        ValueError: for a dynamic circuit.
    """
    free = free_angles(circuit)
    places = places_of(free.circuit)
    results: list[tuple[float, ...] | str] = []
    by_parameter: list[dict[int, Expression]] = [{} for _ in circuit.parameters]
    for index, expression in enumerate(free.expressions):
        for parameter in set(expression.parameters):
            by_parameter[parameter][index] = expression
    for parameter, angles in enumerate(by_parameter):
        spectrum: frozenset[float] | str = frozenset((0.0,))
        for index, expression in angles.items():
            gate, frequencies, _ = places[index]
            spectrum = _joined(spectrum, _slope(expression, parameter), frequencies, gate)
        if isinstance(spectrum, str):
            results.append(spectrum)
        else:
            results.append(tuple(sorted(value for value in spectrum if value > 0)))
    return tuple(results)


def common_divisor(frequencies: tuple[float, ...], most: int = 64) -> float | None:
    """The largest number that all are whole multiples of; None where they exceed `most` of it."""
    if not frequencies:
        return None
    smallest = min(frequencies)
    for divisor in range(1, most + 1):
        multiples = np.asarray(frequencies) * divisor / smallest
        if multiples.max() > most + 0.5:
            return None
        if np.abs(multiples - np.round(multiples)).max() < 1e-6:
            return smallest / divisor
    return None


def _joined(
    spectrum: frozenset[float] | str,
    slope: float,
    frequencies: tuple[float, ...] | None,
    gate: str | None,
) -> frozenset[float] | str:
    """The sums of frequencies, of both signs."""
    if isinstance(spectrum, str):
        return spectrum
    if frequencies is None:
        return "amplitudes depend on it" if gate is None else f"a gate {gate!r} depends on it"
    if math.isnan(slope):
        return f"an angle of a gate {gate!r} is not a number times it, plus other parameters"
    steps = {0.0, *frequencies, *(-value for value in frequencies)}
    joined = frozenset(round(a + slope * b, _DIGITS) + 0.0 for a in spectrum for b in steps)
    return joined if len(joined) <= _MOST else f"it has more than {_MOST} frequencies"


class _Affine(NamedTuple):
    """A number `slope * x + rest`; NaN stands for what depends on x or on other parameters."""

    slope: float
    rest: float


def _slope(expression: Expression, parameter: int) -> float:
    """What a parameter is multiplied by; NaN where that is no number."""
    leaves = [_Affine(1.0, 0.0) if p == parameter else _Affine(0.0, math.nan)
              for p in expression.parameters]  # fmt: skip
    constants = [_Affine(0.0, value) for value in expression.constants]
    with np.errstate(all="ignore"):
        return evaluate_expression(expression.program, leaves, constants, _ALGEBRA).slope


def _times(slope: float, factor: float) -> float:
    return 0.0 if slope == 0 else slope * factor


def _multiply(a: _Affine, b: _Affine) -> _Affine:
    if a.slope and b.slope:
        return _Affine(math.nan, math.nan)
    return _Affine(_times(a.slope, b.rest) + _times(b.slope, a.rest), a.rest * b.rest)


def _divide(a: _Affine, b: _Affine) -> _Affine:
    inverse = _Affine(math.nan if b.slope else 0.0, float(np.divide(1.0, b.rest)))
    return _multiply(a, inverse)


def _without_slope(name: str) -> Callable[..., _Affine]:
    """Any other operation: it may be of other parameters only."""

    def apply(*operands: _Affine) -> _Affine:
        slope = math.nan if any(operand.slope for operand in operands) else 0.0
        known = getattr(np, name, None)
        rest = math.nan if known is None else float(known(*(operand.rest for operand in operands)))
        return _Affine(slope, rest)

    return apply


_ALGEBRA = SimpleNamespace(
    **{name: _without_slope(name) for name in UNARY | BINARY}
    | {
        "add": lambda a, b: _Affine(a.slope + b.slope, a.rest + b.rest),
        "subtract": lambda a, b: _Affine(a.slope - b.slope, a.rest - b.rest),
        "negative": lambda a: _Affine(-a.slope, -a.rest),
        "conjugate": lambda a: a,
        "multiply": _multiply,
        "divide": _divide,
    }
)
