"""Subspaces and maps of GF(2)^n, wirings and layouts: each against all vectors, written out."""

from __future__ import annotations

from functools import reduce
from operator import xor

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qjax._plan.sharding.layouts import Layout, axis_layout, exchanged
from qjax._plan.sharding.row_operations import Condition
from qjax._plan.sharding.subspaces import (
    Span,
    applied,
    inverse,
    parity,
    pulled_back,
    transposed,
)
from qjax._plan.sharding.wiring import Addition, Wiring, additions_of, bits_of, solved
from tests.qjax.plan.sharded_plans import sent_to


def dot(first: int, second: int) -> int:
    return bin(first & second).count("1") % 2


def image(columns: list[int], vector: int) -> int:
    return reduce(xor, (c for k, c in enumerate(columns) if vector >> k & 1), 0)


def spanned(vectors: list[int]) -> set[int]:
    found = {0}
    for vector in vectors:
        found |= {vector ^ other for other in found}
    return found


def added(additions: list[Addition], place: int) -> int:
    """What additions make of a place, by their definition."""
    for target, source in additions:
        place ^= (place >> source & 1) << target
    return place


@st.composite
def invertible(draw: st.DrawFn, size: int) -> list[int]:
    """Columns of any invertible matrix, by elementary operations."""
    columns = [1 << place for place in draw(st.permutations(range(size)))]
    places = st.integers(0, size - 1)
    for target, source in draw(st.lists(st.tuples(places, places), max_size=3 * size)):
        if target != source:
            columns[target] ^= columns[source]
    return columns


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    size = draw(st.integers(2, 7))
    return Layout(draw(st.integers(1, size - 1)), tuple(draw(invertible(size))))


@given(st.lists(st.integers(0, 63), max_size=8), st.integers(0, 63))
def test_spans(vectors, vector):
    span, every = Span(), {0}
    for one in vectors:
        assert span.add(one) == (one not in every)
        every = spanned([*every, one])
    assert (vector in span) == (vector in every)
    assert spanned(list(span.basis)) == every
    assert 2 ** len(span) == len(every)
    rest = span.reduced(vector)
    assert (rest ^ vector) in every
    assert (rest == 0) == (vector in every)
    tops = [one.bit_length() - 1 for one in span.basis]
    assert not any(rest >> top & 1 for top in tops)


@given(st.data())
def test_linear_maps(data):
    size = data.draw(st.integers(1, 6))
    columns, back = data.draw(invertible(size)), data.draw(invertible(size))
    vector, mask = (data.draw(st.integers(0, 2**size - 1)) for _ in range(2))
    assert applied(columns, vector) == image(columns, vector)
    assert applied(inverse(columns), image(columns, vector)) == vector
    assert transposed(transposed(back, size), size) == tuple(back)
    for row, entries in enumerate(transposed(columns, size)):
        assert dot(entries, vector) == image(columns, vector) >> row & 1
    assert dot(pulled_back(columns, mask), vector) == dot(mask, image(columns, vector))
    assert parity(vector) == dot(vector, -1)


@given(st.data())
def test_targets_come_down_to_bits_of_their_own(data):
    """Masks and differences of qubits of a gate, which are rows and columns of inverse maps."""
    size = data.draw(st.integers(2, 6))
    columns = data.draw(invertible(size))
    num_local = data.draw(st.integers(1, size - 1))
    masks = transposed(inverse(columns), size)
    pairs = [(m, d) for m, d in zip(masks, columns, strict=True) if d < 1 << num_local]
    assume(pairs)
    controls = [m for m, d in zip(masks, columns, strict=True) if d >= 1 << num_local]
    wiring = Wiring(num_local, size)
    bits = [wiring.bring_target(mask, difference) for mask, difference in pairs]
    on = wiring.bring_controls([Condition(mask, k % 2) for k, mask in enumerate(controls)])
    assert len(set(bits)) == len(pairs)
    assert len({bit for bit, _ in on} | set(bits)) == len(on) + len(bits)
    additions = wiring.take()
    for bit, (mask, difference) in zip(bits, pairs, strict=True):
        assert added(additions, difference) == wiring.moved(difference) == 1 << bit
        assert wiring.seen(mask) == 1 << bit
    for place in range(1 << size):
        after = added(additions, place)
        assert all(dot(m, place) == after >> b & 1 for b, (m, _) in zip(bits, pairs, strict=True))
        met = all(dot(mask, place) == k % 2 for k, mask in enumerate(controls))
        assert met == all(after >> bit & 1 == value for bit, value in on)
    check_wiring(wiring, additions)


def check_wiring(wiring: Wiring, additions: list[Addition]) -> None:
    """What it says of its bits is what additions make of them."""
    size, local = len(wiring.rows), (1 << wiring.num_local) - 1
    for target, source in additions:
        assert target < wiring.num_local or source >= wiring.num_local
    for place in range(1 << size):
        after = added(additions, place)
        own = added(additions, place & local)
        for bit, (row, column) in enumerate(zip(wiring.rows, wiring.columns, strict=True)):
            assert after >> bit & 1 == dot(row, place)
            assert added(additions, column) == 1 << bit
            # What the device adds can be told apart from what local bits do.
            part = wiring.device_part(bit)
            assert after >> bit & 1 == own >> bit & 1 ^ dot(part, place >> wiring.num_local)


@given(st.data())
def test_a_parity_comes_down_to_a_bit(data):
    """One after the other, as phases of a stage do."""
    size = data.draw(st.integers(1, 6))
    num_local = data.draw(st.integers(1, size))
    wiring, additions = Wiring(num_local, size), []
    for mask in data.draw(st.lists(st.integers(1, 2**size - 1), max_size=4)):
        bit = wiring.bring_parity(mask)
        additions += wiring.take()
        seen = wiring.seen(mask)
        assert seen == 1 << bit
        for place in range(1 << size):
            assert added(additions, place) >> bit & 1 == dot(mask, place)
        if mask & (1 << num_local) - 1:
            assert bit < num_local
    check_wiring(wiring, additions)


@given(st.data())
def test_wirings_come_to_what_is_asked_for(data):
    """The bits of the device as they were; then local bits that are given parities."""
    size = data.draw(st.integers(2, 6))
    num_local = data.draw(st.integers(1, size - 1))
    wiring = Wiring(num_local, size)
    for mask in data.draw(st.lists(st.integers(1, 2**size - 1), max_size=4)):
        wiring.bring_parity(mask)
    wiring.restore_device()
    assert wiring.rows[num_local:] == [1 << bit for bit in range(num_local, size)]
    own = transposed(data.draw(invertible(num_local)), num_local)
    more = data.draw(st.lists(st.integers(0, 2**size - 1), min_size=num_local, max_size=num_local))
    rows = [row | extra >> num_local << num_local for row, extra in zip(own, more, strict=True)]
    wiring.bring_rows(rows)
    assert wiring.rows[:num_local] == rows
    assert wiring.rows[num_local:] == [1 << bit for bit in range(num_local, size)]
    check_wiring(wiring, wiring.take())
    assert wiring.take() == []


@given(st.data())
def test_solved_conditions_are_met_at_the_same_places(data):
    size = data.draw(st.integers(1, 6))
    masks = data.draw(invertible(size))[: data.draw(st.integers(1, size))]
    values = data.draw(st.lists(st.integers(0, 1), min_size=size, max_size=size))
    num_local = data.draw(st.integers(1, size))
    controls = [Condition(mask, value) for mask, value in zip(masks, values, strict=False)]
    found = solved(controls, num_local)
    for place in range(1 << size):
        met = all(dot(mask, place) == value for mask, value in controls)
        assert met == all(dot(mask, place) == value for _, (mask, value) in found)
    is_local = [bit < num_local for bit, _ in found]
    assert is_local == sorted(is_local, reverse=True)
    for bit, condition in found:
        assert [bit for _, other in found if other.mask >> bit & 1] == [bit]
        assert (bit < num_local) == bool(condition.mask & (1 << num_local) - 1)


@given(st.data())
def test_additions_of_rows(data):
    size = data.draw(st.integers(1, 6))
    rows = transposed(data.draw(invertible(size)), size)
    additions = additions_of(rows)
    for place in range(1 << size):
        wanted = sum(dot(row, place) << bit for bit, row in enumerate(rows))
        assert added(additions, place) == wanted


def test_bits_of():
    assert list(bits_of(0b10110)) == [1, 2, 4]
    assert list(bits_of(0)) == []


@given(layouts(), st.data())
def test_layouts(layout, data):
    size = len(layout.columns)
    row, mask, vector = (data.draw(st.integers(0, 2**size - 1)) for _ in range(3))
    place = image(layout.columns, row)
    assert image(layout.inverse, place) == row
    assert dot(layout.mask(mask), place) == dot(mask, row)
    assert image(layout.columns, row ^ vector) == place ^ layout.difference(vector)
    is_local = layout.difference(vector) < 1 << layout.num_local
    assert (vector in layout.local_rows) == is_local


@given(layouts(), st.data())
def test_an_exchange_is_the_linear_map_to_its_layout(layout, data):
    """Every place of every device once, as `sent_to` reads the exchange, word by word."""
    size, local = len(layout.columns), layout.num_local
    directions = data.draw(invertible(size))[:local]
    exchange, after = exchanged(layout, directions)
    places = [sent_to(exchange, local, place) for place in range(1 << size)]
    assert sorted(places) == list(range(1 << size))
    for row in range(1 << size):
        assert places[image(layout.columns, row)] == image(after.columns, row)
    assert all(after.difference(vector) < 1 << local for vector in directions)
    for device in range(1 << (size - local)):
        own = range(device << local, (device + 1) << local)
        away = sum(places[place] >> local != device for place in own)
        assert away == exchange.share * (1 << local)
    # No exchange brings in more directions than it must: those that are not local before.
    new = len(spanned([*layout.inverse[:local], *directions])).bit_length() - 1 - local
    assert exchange.num_bits == new
    everyone = sorted(device for group in exchange.groups for device in group)
    assert everyone == list(range(1 << (size - local)))
    assert {len(group) for group in exchange.groups} == {1 << exchange.num_bits}
    assert [bit for bit, _ in exchange.sent] == sorted({bit for bit, _ in exchange.sent})
    assert all(mask >> bit & 1 and mask < 1 << local for bit, mask in exchange.sent)


@pytest.mark.parametrize("num_qubits", [3, 6])
def test_axis_layouts(num_qubits):
    devices = [num_qubits - 2, 0]
    layout = axis_layout(num_qubits, devices)
    for row in range(1 << num_qubits):
        device = image(layout.columns, row) >> layout.num_local
        assert device == sum((row >> qubit & 1) << k for k, qubit in enumerate(devices))
    assert layout.num_local == num_qubits - 2
