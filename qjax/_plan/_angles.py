"""Floor 2. Expressions that share a program -> one table, evaluated in one go."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from qjax._expression import Expression
from qjax._plan._passes import AngleGroup


class Angle(NamedTuple):
    """An angle of a gate, and whether the gate has the period 4 pi in it."""

    expression: Expression
    periodic: bool


def group_angles(
    angles: Iterable[Angle], positions: Mapping[int, int]
) -> tuple[tuple[AngleGroup, ...], dict[Angle, int]]:
    """Tables of the distinct angles, and where each stands in their concatenation.

    Args:
        angles: those of a circuit.
        positions: parameter index -> its position in the array that the executor will hold.
    """
    alike: dict[tuple[tuple[str, ...], bool], dict[Angle, None]] = defaultdict(dict)
    for angle in angles:
        alike[angle.expression.program, angle.periodic].setdefault(angle)
    groups = tuple(
        _group(*key, [angle.expression for angle in members], positions)
        for key, members in alike.items()
    )
    ordered = (angle for members in alike.values() for angle in members)
    return groups, {angle: place for place, angle in enumerate(ordered)}


def _group(
    program: tuple[str, ...],
    periodic: bool,
    members: Sequence[Expression],
    positions: Mapping[int, int],
) -> AngleGroup:
    return AngleGroup(program, periodic, _leaves(members, positions), *_constants(members))


def _leaves(members: Sequence[Expression], positions: Mapping[int, int]) -> np.ndarray:
    return np.array([[positions[p] for p in e.parameters] for e in members], np.int32).T


def _constants(members: Sequence[Expression]) -> tuple[np.ndarray, np.ndarray]:
    constants = np.array([e.constants for e in members], np.float64).T
    return constants, constants - constants.astype(np.float32)
