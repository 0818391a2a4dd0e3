"""Floor 0. Classical values that depend on recorded outcomes, as decision diagrams.

A value is a number, or a node that asks one record and goes on with one of two values. Records are
asked in ascending order, and a node whose two sides are equal is left out, so that equal functions
are equal diagrams (Bryant, IEEE Trans. Comput. C-35, 677 (1986); with numbers as leaves, Bahar et
al., ICCAD 1993).
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple


class Node(NamedTuple):
    """`high` where the record holds 1, else `low`."""

    record: int
    low: "Decision"
    high: "Decision"


Decision = Node | bool | int | float


def outcome_of(record: int) -> Node:
    """The record itself, as a bool."""
    return Node(record, False, True)


def apply(function: Callable[..., Any], *operands: Decision) -> Decision:
    """A function of the operands' values."""
    known: dict[tuple[Decision, ...], Decision] = {}

    def combine(operands: tuple[Decision, ...]) -> Decision:
        if operands not in known:
            known[operands] = split(operands)
        return known[operands]

    def split(operands: tuple[Decision, ...]) -> Decision:
        asked = [each.record for each in operands if isinstance(each, Node)]
        if not asked:
            return function(*operands)
        record = min(asked)
        low, high = (
            combine(tuple(_side(each, record, side) for each in operands)) for side in (0, 1)
        )
        return _node(record, low, high)

    return combine(operands)


def choose(condition: Decision, then: Decision, otherwise: Decision) -> Decision:
    """`then` where the condition holds, else `otherwise`."""
    return apply(lambda c, a, b: a if c else b, condition, then, otherwise)


def both(left: Decision, right: Decision) -> Decision:
    """Where both conditions hold."""
    return apply(lambda a, b: bool(a and b), left, right)


def without(left: Decision, right: Decision) -> Decision:
    """Where the first condition holds and the second does not."""
    return apply(lambda a, b: bool(a and not b), left, right)


def either(left: Decision, right: Decision) -> Decision:
    """Where at least one condition holds."""
    return apply(lambda a, b: bool(a or b), left, right)


def rename(decision: Decision, old: int, new: int) -> Decision:
    """The same value with another record in the place of one."""
    if not isinstance(decision, Node):
        return decision
    low, high = rename(decision.low, old, new), rename(decision.high, old, new)
    if decision.record != old and low is decision.low and high is decision.high:
        return decision
    return choose(outcome_of(new if decision.record == old else decision.record), high, low)


def records_of(decision: Decision) -> set[int]:
    """The records that it asks."""
    if not isinstance(decision, Node):
        return set()
    return {decision.record} | records_of(decision.low) | records_of(decision.high)


def settings(decision: Decision) -> Iterator[dict[int, int]]:
    """Values of records, `{record: value}`, no two of which overlap: where it holds."""
    if isinstance(decision, Node):
        for value, side in ((0, decision.low), (1, decision.high)):
            for setting in settings(side):
                yield {decision.record: value, **setting}
    elif decision:
        yield {}


def _side(decision: Decision, record: int, side: int) -> Decision:
    if isinstance(decision, Node) and decision.record == record:
        return decision.high if side else decision.low
    return decision


def _node(record: int, low: Decision, high: Decision) -> Decision:
    return low if low == high else Node(record, low, high)
