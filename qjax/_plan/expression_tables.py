"""Floor 2. Expressions that share a program -> one table, evaluated in one go."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from qjax._circuit.expression import Expression
from qjax._circuit.expression_graph import LONG
from qjax._plan.program import AngleGroup, Angles
from qjax._plan.tape import tape_of

# As many operations and leaves of different programs are compiled one by one; of more, the longest
# go to tapes. It takes seconds to compile this many.
MOST_COMPILED = 512

# So many of the longest get a loop of their own each; more share one, the short ones another.
FEW_TAPES = 4


class Angle(NamedTuple):
    """An angle of a gate, and whether the gate has the period 4 pi in it."""

    expression: Expression
    periodic: bool


def group_angles(
    angles: Iterable[Angle], positions: Mapping[int, int]
) -> tuple[tuple[Angles, ...], dict[Angle, int]]:
    """Tables of the distinct angles, and where each stands in their concatenation.

    Args:
        angles: those of a circuit.
        positions: parameter index -> its position in the array that the executor will hold.
    """
    alike: dict[tuple[tuple[str, ...], bool], dict[Angle, None]] = defaultdict(dict)
    for angle in angles:
        alike[angle.expression.program, angle.periodic].setdefault(angle)
    taped = _taped([program for program, _ in alike])
    groups: list[Angles] = []
    ordered: list[Angle] = []
    lanes: dict[tuple[Hashable, bool], list[Angle]] = defaultdict(list)
    for (program, periodic), members in alike.items():
        if program in taped:
            together = program if len(taped) <= FEW_TAPES else len(program) > LONG
            lanes[together, periodic] += members
        else:
            groups.append(_group(program, periodic, [a.expression for a in members], positions))
            ordered += members
    for (_, periodic), several in lanes.items():
        expressions = [angle.expression for angle in several]
        groups.append(tape_of(expressions, positions, periodic=periodic))
        ordered += several
    return tuple(groups), {angle: place for place, angle in enumerate(ordered)}


def _taped(programs: Iterable[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """The programs that would take too long to compile one by one."""
    found, total = set(), 0
    for program in sorted(set(programs), key=len):
        total += len(program)
        if len(program) > LONG or total > MOST_COMPILED:
            found.add(program)
    return found


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
