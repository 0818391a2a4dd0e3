"""Floor 2. Expressions that share a program -> one table, evaluated in one go."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from qjax._expression import Expression
from qjax._plan._passes import AngleGroup


def group_angles(
    expressions: Iterable[Expression], positions: Mapping[int, int]
) -> tuple[tuple[AngleGroup, ...], dict[Expression, int]]:
    """Tables of the distinct expressions, and where each stands in their concatenation.

    Args:
        expressions: the angles of a circuit.
        positions: parameter index -> its position in the array that the executor will hold.
    """
    by_program: dict[tuple[str, ...], dict[Expression, None]] = defaultdict(dict)
    for expression in expressions:
        by_program[expression.program].setdefault(expression)
    groups = tuple(
        AngleGroup(program, _leaves(members, positions), *_constants(members))
        for program, members in ((p, list(m)) for p, m in by_program.items())
    )
    ordered = (e for members in by_program.values() for e in members)
    return groups, {expression: place for place, expression in enumerate(ordered)}


def _leaves(members: Sequence[Expression], positions: Mapping[int, int]) -> np.ndarray:
    return np.array([[positions[p] for p in e.parameters] for e in members], np.int32).T


def _constants(members: Sequence[Expression]) -> tuple[np.ndarray, np.ndarray]:
    constants = np.array([e.constants for e in members], np.float64).T
    return constants, constants - constants.astype(np.float32)
