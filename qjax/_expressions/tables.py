"""Floor 1. Any expressions -> tables: one for those that share a program, tapes of the longest."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from typing import NamedTuple

from qjax._base import tuning
from qjax._expressions.expression import Expression
from qjax._expressions.group import ExpressionGroup, group_of
from qjax._expressions.tape import Tape, tape_of

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
            is_long = len(program) > tuning.LONG_EXPRESSION
            together = program if len(taped) <= tuning.FEW_TAPES else is_long
            lanes[together, periodic] += members
        else:
            tables.append(group_of(_expressions(members), positions, periodic=periodic))
            ordered += members
    for (_, periodic), several in lanes.items():
        tables.append(tape_of(_expressions(several), positions, periodic=periodic))
        ordered += several
    return tuple(tables), {value: position for position, value in enumerate(ordered)}


def _expressions(values: Iterable[Value]) -> list[Expression]:
    return [value.expression for value in values]


def _taped(programs: Iterable[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """The programs that would take too long to compile one by one."""
    taped, total = set(), 0
    for program in sorted(set(programs), key=len):
        total += len(program)
        if len(program) > tuning.LONG_EXPRESSION or total > tuning.MAX_COMPILED_OPERATIONS:
            taped.add(program)
    return taped
