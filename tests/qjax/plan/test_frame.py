"""Affine maps over GF(2), each against the permutation that it stands for, written out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qjax._plan.frame import (
    Frame,
    Image,
    MovingFrame,
    adjacent,
    affine_image,
    axis_frame,
    canonical_frame,
    inverse_move,
    move,
    moved_mask,
    parity_mask,
    permuted,
    row_tables,
    sign_tables,
)


def parity(value: int) -> int:
    return bin(value).count("1") % 2


def basis_states(frame: Frame) -> np.ndarray:
    """Which basis state each row holds, bit by bit from the definition of a frame."""
    pairs = list(zip(frame.masks, frame.flips, strict=True))
    rows = range(2 ** len(frame.masks))
    return np.array(
        [sum((parity(p & mask) ^ flip) << q for q, (mask, flip) in enumerate(pairs)) for p in rows]
    )


@st.composite
def frames(draw: st.DrawFn, num_qubits: int | None = None) -> Frame:
    """Any invertible frame: a random product of elementary row operations, then flips."""
    n = draw(st.integers(1, 6)) if num_qubits is None else num_qubits
    masks = [1 << place for place in draw(st.permutations(range(n)))]
    qubits = st.integers(0, n - 1)
    for target, source in draw(st.lists(st.tuples(qubits, qubits), max_size=12)):
        if target != source:
            masks[target] ^= masks[source]
    flips = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    return Frame(tuple(masks), tuple(flips))


@st.composite
def frame_pairs(draw: st.DrawFn) -> tuple[Frame, Frame]:
    n = draw(st.integers(1, 6))
    return draw(frames(n)), draw(frames(n))


# ---------------------------------------------------------------- frames


@pytest.mark.parametrize("num_qubits", [0, 1, 4])
def test_in_the_canonical_frame_rows_are_basis_states(num_qubits: int) -> None:
    assert basis_states(canonical_frame(num_qubits)).tolist() == list(range(2**num_qubits))


@given(st.permutations(range(4)))
def test_a_layout_lists_the_qubits_from_the_most_significant_bit(layout: list[int]) -> None:
    bits = [[row >> (3 - layout.index(q)) & 1 for q in range(4)] for row in range(16)]
    expected = [sum(bit << q for q, bit in enumerate(row)) for row in bits]
    assert basis_states(axis_frame(layout)).tolist() == expected


@given(frames(), st.data())
def test_parity_of_qubits_is_a_parity_of_row_bits(frame: Frame, data: st.DataObject) -> None:
    n = len(frame.masks)
    qubits = data.draw(st.lists(st.integers(0, n - 1), unique=True))
    mask, flip = parity_mask(frame, qubits)
    chosen = sum(1 << qubit for qubit in qubits)
    for row, state in enumerate(basis_states(frame).tolist()):
        assert parity(row & mask) ^ flip == parity(state & chosen)


@given(frames(), st.data())
def test_adjacent_qubits_are_adjacent_bits(frame: Frame, data: st.DataObject) -> None:
    """`adjacent` says yes exactly where an axis of the array is these qubits' bits."""
    n = len(frame.masks)
    qubits = data.draw(st.lists(st.integers(0, n - 1), unique=True))
    states = basis_states(frame)
    found = adjacent(frame, qubits)
    if found is not None:
        assert sorted(found.order) == sorted(qubits)
        assert _is_axis(states, found.order, found.above, n)
    else:
        places = itertools.product(_orders(qubits), range(n - len(qubits) + 1))
        assert not any(_is_axis(states, order, above, n) for order, above in places)


@pytest.mark.parametrize("above", range(3))
def test_qubits_side_by_side_are_adjacent(above: int) -> None:
    frame = axis_frame([3, 0, 2, 1])
    order = (3, 0, 2, 1)[above : above + 2]
    assert adjacent(frame, order[::-1]) == (order, above)
    assert adjacent(permuted(frame, [order[0]], Image((1,), (1,))), order) is None
    assert adjacent(frame, (3, 2)) is None


def _orders(qubits: list[int]) -> list[tuple[int, ...]]:
    if len(qubits) < 2:
        return [tuple(qubits)]
    return [(q, *o) for q in qubits for o in _orders([other for other in qubits if other != q])]


def _is_axis(states: np.ndarray, order: tuple[int, ...], above: int, num_qubits: int) -> bool:
    """The bits behind so many are the order's qubits; the rest says nothing about them."""
    k = len(order)
    bits = np.arange(2**num_qubits) >> (num_qubits - above - k) & (2**k - 1)
    spelled = sum((states >> q & 1) << (k - 1 - place) for place, q in enumerate(order))
    others = states & ~sum(1 << q for q in order)
    split = others.reshape(2**above, 2**k, -1)
    return bool((bits == spelled).all() and (split == split[:, :1]).all())


# ---------------------------------------------------------------- gates that permute


def test_images_of_known_gates() -> None:
    """CX (control 0, target 1), SWAP, X on the second of two; the Toffoli gate has none."""
    assert affine_image(np.array([0, 3, 2, 1])) == Image((0b01, 0b11), (0, 0))
    assert affine_image(np.array([0, 2, 1, 3])) == Image((0b10, 0b01), (0, 0))
    assert affine_image(np.array([2, 3, 0, 1])) == Image((0b01, 0b10), (0, 1))
    assert affine_image(np.array([0, 1, 2, 7, 4, 5, 6, 3])) is None


@given(st.integers(0, 3).flatmap(lambda k: st.permutations(range(2**k))))
def test_an_image_is_found_exactly_where_a_permutation_is_affine(targets: list[int]) -> None:
    image = affine_image(np.array(targets))
    affine = all(
        targets[a] ^ targets[b] ^ targets[a ^ b] == targets[0]
        for a in range(len(targets))
        for b in range(len(targets))
    )
    assert (image is not None) == affine
    if image is not None:
        for value, target in enumerate(targets):
            bits = [parity(value & row) ^ s for row, s in zip(image.rows, image.shift, strict=True)]
            assert sum(bit << place for place, bit in enumerate(bits)) == target


@given(frames(), st.data())
def test_a_permuting_gate_changes_the_frame_and_no_row(frame: Frame, data: st.DataObject) -> None:
    """Each row then holds what the gate makes of the basis state that it held."""
    n = len(frame.masks)
    qubits = data.draw(st.lists(st.integers(0, n - 1), unique=True, min_size=1, max_size=3))
    gate = basis_states(data.draw(frames(len(qubits))))
    image = affine_image(gate)
    assert image is not None
    before, after = basis_states(frame), basis_states(permuted(frame, qubits, image))
    for old, new in zip(before.tolist(), after.tolist(), strict=True):
        spelled = sum((old >> qubit & 1) << place for place, qubit in enumerate(qubits))
        expected = old
        for place, qubit in enumerate(qubits):
            expected = expected & ~(1 << qubit) | (int(gate[spelled]) >> place & 1) << qubit
        assert new == expected


# ---------------------------------------------------------------- moves


def sources(tables: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The old row of each new one, from the two small tables."""
    high, low = tables
    return np.array([high[p // len(low)] ^ low[p % len(low)] for p in range(len(high) * len(low))])


@given(frame_pairs())
def test_a_move_brings_every_basis_state_where_the_new_frame_wants_it(
    pair: tuple[Frame, Frame],
) -> None:
    old, new = pair
    through = move(old, new)
    found = sources(row_tables(through))
    assert sorted(found.tolist()) == list(range(len(found)))
    assert (basis_states(old)[found] == basis_states(new)).all()
    back = sources(row_tables(inverse_move(through)))
    assert (found[back] == np.arange(len(found))).all()
    assert (basis_states(new)[back] == basis_states(old)).all()


@given(frame_pairs(), st.integers(0, 63))
def test_a_parity_moves_along(pair: tuple[Frame, Frame], mask: int) -> None:
    old, new = pair
    assume(mask < 2 ** len(old.masks))
    through = move(old, new)
    moved, flip = moved_mask(mask, through)
    for row, source in enumerate(sources(row_tables(through)).tolist()):
        assert parity(row & moved) ^ flip == parity(source & mask)


@given(st.integers(0, 7), st.lists(st.integers(0, 127), min_size=1, max_size=5))
def test_signs_are_products_of_two_tables(num_bits: int, masks: list[int]) -> None:
    masks = [mask % 2**num_bits for mask in masks]
    high, low = sign_tables(masks, num_bits)
    signs = (high[:, :, None] * low[:, None, :]).reshape(len(masks), -1)
    expected = [[(-1) ** parity(row & mask) for row in range(2**num_bits)] for mask in masks]
    assert signs.tolist() == expected


@given(st.data())
def test_differences_flip_one_qubit(data: st.DataObject) -> None:
    """Along a random walk of gates: masks as `permuted` has them, and what flips one of them."""
    num_qubits = data.draw(st.integers(1, 6))
    frame = canonical_frame(num_qubits)
    moving = MovingFrame(frame)
    for _ in range(data.draw(st.integers(0, 12))):
        width = data.draw(st.integers(1, min(3, num_qubits)))
        qubits = data.draw(st.permutations(range(num_qubits)))[:width]
        image = Image(*data.draw(frames(width)))
        moving.permute(qubits, image)
        frame = permuted(frame, qubits, image)
    assert (tuple(moving.masks), tuple(moving.flips)) == frame
    for qubit, difference in enumerate(moving.differences):
        flipped = [parity(mask & difference) for mask in frame.masks]
        assert flipped == [int(k == qubit) for k in range(num_qubits)]
