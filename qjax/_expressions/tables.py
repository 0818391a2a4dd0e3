"""Floor 1. Any expressions -> tables: one for those that share a program, tapes of the longest."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
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
) -> tuple[tuple[ExpressionTable, ...], list[int]]:
    """Tables of the distinct values, and where each of the given ones stands in them, joined.

    Args:
        values: those of a circuit.
        positions: parameter index -> its position in the array that they are evaluated for.
    """
    alike, of_values = _alike(values)
    taped = _taped([program for program, _ in alike])
    tables: list[ExpressionTable] = []
    ordered: list[_Alike] = []
    lanes: dict[tuple[Hashable, bool], list[_Alike]] = defaultdict(list)
    for (program, periodic), group in alike.items():
        if program in taped:
            is_long = len(program) > tuning.LONG_EXPRESSION
            together = program if len(taped) <= tuning.FEW_TAPES else is_long
            lanes[together, periodic].append(group)
        else:
            tables.append(group_of(group.expressions, positions, periodic=periodic))
            ordered.append(group)
    for (_, periodic), several in lanes.items():
        members = [expression for group in several for expression in group.expressions]
        tables.append(tape_of(members, positions, periodic=periodic))
        ordered += several
    start = 0
    for group in ordered:
        group.start, start = start, start + len(group.expressions)
    return tuple(tables), [group.start + number for group, number in of_values]


@dataclass(eq=False)
class _Alike:
    """Distinct expressions that share a program, by what else they are made of.

    Attributes:
        expressions: all of them.
        numbers: the number of each among them.
        start: where the first stands among those of all tables.
    """

    expressions: list[Expression] = field(default_factory=list)
    numbers: dict[tuple[tuple[int, ...], tuple[float, ...]], int] = field(default_factory=dict)
    start: int = 0


def _alike(
    values: Iterable[Value],
) -> tuple[dict[tuple[tuple[str, ...], bool], _Alike], list[tuple[_Alike, int]]]:
    """Distinct expressions by (program, periodic), and the group and number of each value."""
    groups: dict[tuple[tuple[str, ...], bool], _Alike] = defaultdict(_Alike)
    of_values = []
    for expression, periodic in values:
        group = groups[expression.program, periodic]
        # Equal expressions of a group are so by these; tuples are hashed faster than expressions.
        key = expression.parameters, expression.constants
        number = group.numbers.get(key)
        if number is None:
            number = group.numbers[key] = len(group.expressions)
            group.expressions.append(expression)
        of_values.append((group, number))
    return groups, of_values


def _taped(programs: Iterable[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """The programs that would take too long to compile one by one."""
    taped, total = set(), 0
    for program in sorted(set(programs), key=len):
        total += len(program)
        if len(program) > tuning.LONG_EXPRESSION or total > tuning.MAX_COMPILED_OPERATIONS:
            taped.add(program)
    return taped
