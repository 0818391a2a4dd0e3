"""Floor 3. A gate's angles -> the same without the full turns that are known, in double.

Single precision of an angle of a million radians is good to a sixteenth of a radian. What is known
when a circuit is planned is known in double: there, full turns are taken off.
"""

from dataclasses import replace
from math import atan2, cos, isfinite, pi, sin

import numpy as np

from qjax._circuit.operations import Gate
from qjax._expressions import BINARY, CONSTANT, PARAMETER, RECALL, Expression

# Smaller angles are left as they are.
LARGE = 4 * pi


def without_turns(gate: Gate) -> tuple[Expression, ...]:
    """The angles of a gate; constants in them have lost full turns, of 4 pi, where they may."""
    if not any(angle.constants for angle in gate.angles):
        return gate.angles
    if gate.kind.periodic:
        return tuple([_reduced(angle) for angle in gate.angles])
    if gate.name == "rv" and not any(angle.parameters for angle in gate.angles):
        return _shortened(gate.angles)
    return gate.angles


def _remainder(angle: float) -> float:
    """The angle within 2 pi that has the same half, by the library's exact reduction."""
    if abs(angle) <= LARGE or not isfinite(angle):
        return angle
    return 2 * atan2(sin(angle / 2), cos(angle / 2))


def _reduced(angle: Expression) -> Expression:
    if not angle.constants or max(map(abs, angle.constants)) <= LARGE:
        return angle
    terms = _terms(angle.program)
    constants = [
        _remainder(constant) if is_term else constant
        for constant, is_term in zip(angle.constants, terms, strict=True)
    ]
    return replace(angle, constants=tuple(constants))


def _terms(program: tuple[str, ...]) -> list[bool]:
    """Of each constant, whether the whole is a sum in which it is a term."""
    are_terms, added = [], [True]
    # From the end: every operation comes before its operands.
    for token in reversed(program):
        is_term = added.pop()
        if token == CONSTANT:
            are_terms.append(is_term)
        elif token != PARAMETER and not token.startswith(RECALL):
            # What is kept is used elsewhere too, as no term perhaps.
            inside = is_term and token in ("add", "subtract", "negative")
            added += [inside] * (1 + (token in BINARY))
    return are_terms[::-1]


def _shortened(vector: tuple[Expression, ...]) -> tuple[Expression, ...]:
    """RV turns by the vector's length: without full turns, about the same axis."""
    numbers = np.array([angle.constants[0] for angle in vector])
    length = np.sqrt(numbers @ numbers)
    factor = _remainder(length) / length if length > LARGE else 1.0
    return tuple(
        replace(angle, constants=(factor * number,))
        for angle, number in zip(vector, numbers.tolist(), strict=True)
    )
