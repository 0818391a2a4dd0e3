"""The algebra of decisions, against truth tables: every setting of a few records, one by one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from operator import mul
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qjax._dynamic.decisions import (
    Decision,
    Node,
    Parity,
    apply,
    as_parity,
    both,
    choose,
    either,
    num_settings,
    outcome_of,
    records_of,
    rename,
    settings,
    without,
)

RECORDS = (1, 3, 4, 7)
SETTINGS = [dict(zip(RECORDS, bits, strict=True)) for bits in product((0, 1), repeat=len(RECORDS))]


def value(decision: Decision, setting: dict[int, int]) -> bool | int | float:
    """What it is worth where the records hold these bits: the definition of a diagram."""
    while isinstance(decision, Node):
        decision = decision.high if setting[decision.record] else decision.low
    return decision


def table(decision: Decision) -> list[bool | int | float]:
    return [value(decision, setting) for setting in SETTINGS]


def shannon(column: list[Any], records: tuple[int, ...] = RECORDS) -> Decision:
    """The diagram of a truth table, asked record by record from the last to the first."""
    if not records:
        return column[0]
    half = len(column) // 2
    low, high = shannon(column[:half], records[1:]), shannon(column[half:], records[1:])
    return choose(outcome_of(records[0]), high, low)


columns = st.lists(st.booleans(), min_size=len(SETTINGS), max_size=len(SETTINGS))
numbers = st.lists(st.integers(0, 2), min_size=len(SETTINGS), max_size=len(SETTINGS))
conditions = columns.map(shannon)
integers = numbers.map(shannon)


# ---------------------------------------------------------------- values


@given(columns)
def test_a_diagram_has_the_values_of_its_table(column: list[bool]) -> None:
    assert table(shannon(column)) == column


@pytest.mark.parametrize("record", RECORDS)
def test_an_outcome_is_what_the_record_holds(record: int) -> None:
    assert table(outcome_of(record)) == [bool(setting[record]) for setting in SETTINGS]
    assert outcome_of(record) is outcome_of(record)


CONNECTIVES = [
    (both, lambda a, b: a and b),
    (either, lambda a, b: a or b),
    (without, lambda a, b: a and not b),
]


@pytest.mark.parametrize(("operation", "meaning"), CONNECTIVES)
@given(left=columns, right=columns)
def test_connectives(
    operation: Callable, meaning: Callable, left: list[bool], right: list[bool]
) -> None:
    expected = [meaning(a, b) for a, b in zip(left, right, strict=True)]
    assert table(operation(shannon(left), shannon(right))) == expected


@given(columns, numbers, numbers)
def test_choose(condition: list[bool], then: list[int], otherwise: list[int]) -> None:
    chosen = choose(shannon(condition), shannon(then), shannon(otherwise))
    rows = zip(condition, then, otherwise, strict=True)
    assert table(chosen) == [a if c else b for c, a, b in rows]


@given(numbers, numbers, numbers)
def test_functions_of_three_values(a: list[int], b: list[int], c: list[int]) -> None:
    result = apply(lambda x, y, z: (x + 2 * y) * z, *map(shannon, (a, b, c)))
    assert table(result) == [(x + 2 * y) * z for x, y, z in zip(a, b, c, strict=True)]


# ---------------------------------------------------------------- one diagram for each function


@given(columns, columns)
def test_equal_functions_are_one_object(left: list[bool], right: list[bool]) -> None:
    assert (shannon(left) is shannon(right)) == (left == right)


@given(conditions, conditions, conditions)
def test_laws_of_boolean_algebra(a: Decision, b: Decision, c: Decision) -> None:
    assert both(a, b) is both(b, a)
    assert either(a, either(b, c)) is either(either(a, b), c)
    assert both(a, either(b, c)) is either(both(a, b), both(a, c))
    assert both(a, either(a, b)) is a  # absorption
    assert without(True, both(a, b)) is either(without(True, a), without(True, b))  # De Morgan
    assert without(True, without(True, a)) is a
    assert either(a, without(True, a)) is True
    assert both(a, without(True, a)) is False
    assert choose(a, b, b) is b


@given(integers)
def test_diagrams_are_ordered_and_reduced(decision: Decision) -> None:
    def check(node: Decision, asked: int) -> None:
        if isinstance(node, Node):
            assert node.record > asked
            assert node.low is not node.high
            check(node.low, node.record)
            check(node.high, node.record)

    check(decision, -1)


def test_true_and_one_are_different_leaves() -> None:
    truth = choose(outcome_of(1), True, False)
    number = choose(outcome_of(1), 1, 0)
    assert truth is not number
    assert type(number.high) is int  # type: ignore[union-attr]
    assert isinstance(choose(outcome_of(1), True, 1), Node)


# ---------------------------------------------------------------- records and settings


@given(numbers)
def test_records_are_those_that_the_value_depends_on(column: list[int]) -> None:
    by_setting = {tuple(s.values()): v for s, v in zip(SETTINGS, column, strict=True)}

    def matters(place: int) -> bool:
        flipped = ((*s[:place], 1 - s[place], *s[place + 1 :]) for s in by_setting)
        return any(by_setting[s] != by_setting[t] for s, t in zip(by_setting, flipped, strict=True))

    expected = {record for place, record in enumerate(RECORDS) if matters(place)}
    assert records_of(shannon(column)) == expected


@given(columns)
def test_settings_cover_where_it_holds_once(column: list[bool]) -> None:
    parts = list(settings(shannon(column)))
    for setting, holds in zip(SETTINGS, column, strict=True):
        covering = [part for part in parts if part.items() <= setting.items()]
        assert len(covering) == holds
    assert num_settings(shannon(column)) == len(parts)


def test_a_parity_of_many_records_is_counted_without_listing_its_settings() -> None:
    parity: Decision = False
    for record in range(60):
        parity = apply(lambda a, b: a != b, parity, outcome_of(record))
    assert num_settings(parity) == 2**59
    assert as_parity(parity) == Parity(tuple(range(60)), False)


@given(columns, st.sampled_from(RECORDS), st.sampled_from((0, 2, 5, 9)))
def test_rename(column: list[bool], old: int, new: int) -> None:
    renamed = rename(shannon(column), old, new)
    for setting, expected in zip(SETTINGS, column, strict=True):
        moved = {new: setting[old], **{r: bit for r, bit in setting.items() if r != old}}
        assert value(renamed, moved) == expected
    assert rename(renamed, new, old) is shannon(column)


# ---------------------------------------------------------------- parities


@given(st.sets(st.sampled_from(RECORDS)), st.booleans())
def test_parities_are_recognised(records: set[int], flipped: bool) -> None:
    column = [sum(s[record] for record in records) % 2 == (not flipped) for s in SETTINGS]
    assert as_parity(shannon(column)) == Parity(tuple(sorted(records)), flipped)


@given(columns)
def test_nothing_else_is_a_parity(column: list[bool]) -> None:
    parities = [
        [sum(map(mul, s.values(), chosen)) % 2 != flip for s in SETTINGS]
        for chosen in product((0, 1), repeat=len(RECORDS))
        for flip in (0, 1)
    ]
    assert (as_parity(shannon(column)) is not None) == (column in parities)
