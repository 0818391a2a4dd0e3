"""Floor 1. Many expressions -> tables: one for those that share a program, evaluated in one go."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from qjax._base.tables import static, table_class
from qjax._expressions.expression import Expression
from qjax._expressions.graph import LONG
from qjax._expressions.tape import Tape, rests_of, tape_of

# As many operations and leaves of different programs are compiled one by one; of more, the longest
# go to tapes. It takes seconds to compile this many.
MOST_COMPILED = 512

# So many of the longest get a loop of their own each; more share one, the short ones another.
FEW_TAPES = 4


@table_class
class ExpressionGroup:
    """Expressions that share a program.

    Attributes:
        program: see `Expression`.
        periodic: see `Value`.
        parameters: `(leaves, expressions)` indices into the parameters.
        constants: `(leaves, expressions)` numbers.
        rests: the same, what rounding to single precision takes from them.
    """

    program: tuple[str, ...] = static()
    periodic: bool = static()
    parameters: np.ndarray
    constants: np.ndarray
    rests: np.ndarray


ExpressionTable = ExpressionGroup | Tape


class Value(NamedTuple):
    """What is computed of parameters: an angle of a gate, an amplitude, a coefficient.

    Attributes:
        expression: how.
        periodic: whether multiples of 4 pi may be taken off: the period of a gate in its angle.
    """

    expression: Expression
    periodic: bool


def expression_tables(
    values: Iterable[Value], positions: Mapping[int, int]
) -> tuple[tuple[ExpressionTable, ...], dict[Value, int]]:
    """Tables of the distinct values, and where each stands in their concatenation.

    Args:
        values: those of a circuit.
        positions: parameter index -> its position in the array that they are evaluated for.
    """
    alike: dict[tuple[tuple[str, ...], bool], dict[Value, None]] = defaultdict(dict)
    for value in values:
        alike[value.expression.program, value.periodic].setdefault(value)
    taped = _taped([program for program, _ in alike])
    tables: list[ExpressionTable] = []
    ordered: list[Value] = []
    lanes: dict[tuple[Hashable, bool], list[Value]] = defaultdict(list)
    for (program, periodic), members in alike.items():
        if program in taped:
            together = program if len(taped) <= FEW_TAPES else len(program) > LONG
            lanes[together, periodic] += members
        else:
            tables.append(group_of(_expressions(members), positions, periodic=periodic))
            ordered += members
    for (_, periodic), several in lanes.items():
        tables.append(tape_of(_expressions(several), positions, periodic=periodic))
        ordered += several
    return tuple(tables), {value: place for place, value in enumerate(ordered)}


def _expressions(values: Iterable[Value]) -> list[Expression]:
    return [value.expression for value in values]


def _taped(programs: Iterable[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """The programs that would take too long to compile one by one."""
    longest, total = set(), 0
    for program in sorted(set(programs), key=len):
        total += len(program)
        if len(program) > LONG or total > MOST_COMPILED:
            longest.add(program)
    return longest


def group_of(
    members: Sequence[Expression], positions: Mapping[int, int], *, periodic: bool
) -> ExpressionGroup:
    """One table for some expressions, at least one, that share a program.

    Args:
        members: the expressions.
        positions: parameter index -> its position in the array that they are evaluated for.
        periodic: see `ExpressionGroup`.
    """
    parameters = np.array([[positions[p] for p in e.parameters] for e in members], np.int32).T
    constants = np.array([e.constants for e in members], np.float64).T
    program = members[0].program
    return ExpressionGroup(program, periodic, parameters, constants, rests_of(constants))
