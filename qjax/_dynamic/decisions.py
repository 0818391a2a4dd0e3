"""Floor 3. Classical values that depend on recorded outcomes, as decision diagrams.

A value is a number, or a node that asks one record and goes on with one of two values. Records are
asked in ascending order, a node whose two sides are equal is left out, and equal nodes are one
object, so that equal functions are the same diagram (Bryant, IEEE Trans. Comput. C-35, 677 (1986);
with numbers as leaves, Bahar et al., ICCAD 1993).
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from weakref import WeakValueDictionary


class Node:
    """`high` where the record holds 1, else `low`; made by `_node` only."""

    __slots__ = ("__weakref__", "high", "low", "record")

    def __init__(self, record: int, low: "Decision", high: "Decision") -> None:
        self.record, self.low, self.high = record, low, high


Decision = Node | bool | int | float

# Every node that is in use: `True` and 1 are equal, but not the same leaf.
_NODES: WeakValueDictionary[tuple, Node] = WeakValueDictionary()


def _node(record: int, low: Decision, high: Decision) -> Decision:
    key = (record, type(low), low, type(high), high)
    if key[1:3] == key[3:]:
        return low
    return _NODES.setdefault(key, Node(record, low, high))


def outcome_of(record: int) -> Decision:
    """The decision that is what one record holds, as a bool."""
    return _node(record, False, True)


def apply(function: Callable[..., Any], *operands: Decision) -> Decision:
    """A function of the operands' values."""
    known: dict[tuple[Decision, ...], Decision] = {}

    def combine(operands: tuple[Decision, ...]) -> Decision:
        if operands not in known:
            known[operands] = split(operands)
        return known[operands]

    def split(operands: tuple[Decision, ...]) -> Decision:
        asked = [operand.record for operand in operands if isinstance(operand, Node)]
        if not asked:
            return function(*operands)
        record = min(asked)
        low, high = (
            combine(tuple(_side(operand, record, side) for operand in operands)) for side in (0, 1)
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
    """A decision that asks the record `new` wherever this one asks `old`."""
    known: dict[Decision, Decision] = {}

    def renamed(decision: Decision) -> Decision:
        if not isinstance(decision, Node):
            return decision
        if decision not in known:
            record = new if decision.record == old else decision.record
            low, high = renamed(decision.low), renamed(decision.high)
            known[decision] = choose(outcome_of(record), high, low)
        return known[decision]

    return renamed(decision)


def records_of(decision: Decision) -> set[int]:
    """The records that a decision asks."""
    records: set[int] = set()
    seen: set[Decision] = set()
    left = [decision]
    while left:
        node = left.pop()
        if isinstance(node, Node) and node not in seen:
            seen.add(node)
            records.add(node.record)
            left += [node.low, node.high]
    return records


def settings(decision: Decision) -> Iterator[dict[int, int]]:
    """Values of records, `{record: value}`, no two of which overlap: where a decision holds."""
    if isinstance(decision, Node):
        for value, side in ((0, decision.low), (1, decision.high)):
            for setting in settings(side):
                yield {decision.record: value, **setting}
    elif decision:
        yield {}


def num_settings(decision: Decision) -> int:
    """How many `settings` a decision has, without making them."""
    known: dict[Decision, int] = {}

    def count(decision: Decision) -> int:
        if not isinstance(decision, Node):
            return int(bool(decision))
        if decision not in known:
            known[decision] = count(decision.low) + count(decision.high)
        return known[decision]

    return count(decision)


class Parity(NamedTuple):
    """Whether an odd number of records hold 1; the opposite, if `flipped`."""

    records: tuple[int, ...]
    flipped: bool


def as_parity(decision: Decision) -> Parity | None:
    """The parity that a condition is; None if it is none."""
    if not isinstance(decision, Node):
        return Parity((), bool(decision))
    records: list[int] = []
    while isinstance(decision, Node):
        if apply(lambda value: not value, decision.low) is not apply(bool, decision.high):
            return None
        records.append(decision.record)
        decision = decision.low
    return Parity(tuple(records), bool(decision))


def _side(decision: Decision, record: int, side: int) -> Decision:
    if isinstance(decision, Node) and decision.record == record:
        return decision.high if side else decision.low
    return decision
