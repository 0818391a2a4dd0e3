"""Floor 3. Where the basis states stand in the array: an affine map over GF(2).

X, CX and SWAP permute basis states, and do so linearly in the bits of their indices (Aaronson and
Gottesman, Phys. Rev. A 70, 052328 (2004), sec. II). So they need not touch the state at all: a
frame says which basis state each row of the array holds, and phases and observables are written
in the bits of the row.

On three qubits, nothing has happened at first: row p holds basis state p.

>>> frame = canonical_frame(3)
>>> frame
Frame(masks=(1, 2, 4), flips=(0, 0, 0))

After a CX with control 0 and target 2, qubit 2 of the state in row p is bit 2 of p plus bit 0, its
old value plus the control's. An X on qubit 1 then flips what stands there. No amplitude has moved:

>>> cx = Image(rows=(0b01, 0b11), shift=(0, 0))  # of the bits (control, target)
>>> frame = permuted(frame, [0, 2], cx)
>>> frame = permuted(frame, [1], Image(rows=(0b1,), shift=(1,)))
>>> frame
Frame(masks=(1, 2, 5), flips=(0, 1, 0))

So row 1, which holds |001> (qubit 2 first), now stands for |111>, and "ZZI", the parity of qubits 1
and 2, is read off the rows by the parity of all three bits, flipped:

>>> bits = [(1 & mask).bit_count() % 2 ^ flip for mask, flip in zip(*frame)]
>>> bits  # of qubits 0, 1, 2
[1, 1, 1]
>>> parity_mask(frame, [1, 2])
(7, 1)

Where rows must be in order again, one gather brings them there:

>>> back = move(frame, canonical_frame(3))
>>> high, low = row_tables(back)
>>> [int(high[p >> 1] ^ low[p & 1]) for p in range(8)]  # the row that basis state p stands in
[2, 7, 0, 5, 6, 3, 4, 1]
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np


class Frame(NamedTuple):
    """Bit q of the basis state in row p is parity(p & masks[q]) ^ flips[q]."""

    masks: tuple[int, ...]
    flips: tuple[int, ...]


class Image(NamedTuple):
    """How a gate permutes the values of its own bits: out = columns @ in ^ shift, bit by bit.

    Attributes:
        rows: for each bit of the output, the mask of the input bits whose parity it is.
        shift: for each bit of the output, whether it is flipped.
    """

    rows: tuple[int, ...]
    shift: tuple[int, ...]


def axis_frame(layout: Sequence[int]) -> Frame:
    """Every qubit is one bit of the row; `layout` lists the qubits, most significant bit first."""
    masks = [0] * len(layout)
    for bit, qubit in enumerate(reversed(layout)):
        masks[qubit] = 1 << bit
    return Frame(tuple(masks), (0,) * len(layout))


def canonical_frame(num_qubits: int) -> Frame:
    """Row p holds basis state p."""
    return axis_frame(range(num_qubits)[::-1])


def permuted(frame: Frame, qubits: Sequence[int], image: Image) -> Frame:
    """The frame after a gate has permuted the basis states."""
    masks, flips = list(frame.masks), list(frame.flips)
    for qubit, row, shift in zip(qubits, image.rows, image.shift, strict=True):
        sources = (source for bit, source in enumerate(qubits) if row >> bit & 1)
        masks[qubit], flip = parity_mask(frame, sources)
        flips[qubit] = flip ^ shift
    return Frame(tuple(masks), tuple(flips))


class MovingFrame:
    """A frame while gates permute the basis states, in lists of numbers of the qubits.

    Attributes:
        masks, flips: as in `Frame`.
        differences: what flips a qubit of a row, and no other. The masks M are the rows of a
            matrix over GF(2), these D the columns of its inverse: M D = 1. A gate makes A M of M,
            and D A^-1 of D; both change for its own qubits only.
    """

    def __init__(self, frame: Frame) -> None:
        self.masks, self.flips = list(frame.masks), list(frame.flips)
        self.differences = inverse_columns(frame.masks)

    def permute(self, qubits: Sequence[int], image: Image) -> None:
        """Follow a gate."""
        of_masks, of_differences = _changes(image)
        masks, flips = self.masks, self.flips
        old = [(masks[qubit], flips[qubit]) for qubit in qubits]
        for bit, sources, shift in of_masks:
            mask, flip = 0, shift
            for source in sources:
                mask ^= old[source][0]
                flip ^= old[source][1]
            masks[qubits[bit]], flips[qubits[bit]] = mask, flip
        columns = [self.differences[qubit] for qubit in qubits]
        for bit, sources, _ in of_differences:
            column = 0
            for source in sources:
                column ^= columns[source]
            self.differences[qubits[bit]] = column


_Change = tuple[int, tuple[int, ...], int]


@lru_cache(1024)
def _changes(image: Image) -> tuple[list[_Change], list[_Change]]:
    """(bit, whose sum it is, shift) for what changes of the masks, and of the differences."""
    inverse = inverse_columns(image.rows)
    return _of_rows(image.rows, image.shift), _of_rows(inverse, (0,) * len(inverse))


def _of_rows(rows: Sequence[int], shift: Sequence[int]) -> list[_Change]:
    bits = range(len(rows))
    return [
        (bit, tuple(source for source in bits if rows[bit] >> source & 1), shift[bit])
        for bit in bits
        if shift[bit] or rows[bit] != 1 << bit
    ]


def affine_image(targets: np.ndarray) -> Image | None:
    """The `Image` of a permutation of `2**k` values, or None where it is not affine."""
    size = len(targets)
    shift = int(targets[0])
    columns = [int(targets[1 << bit]) ^ shift for bit in range(size.bit_length() - 1)]
    predicted = np.full(size, shift)
    for bit, column in enumerate(columns):
        predicted ^= np.where(np.arange(size) >> bit & 1, column, 0)
    if (predicted != targets).any():
        return None
    bits = range(len(columns))
    rows = tuple(sum((column >> bit & 1) << k for k, column in enumerate(columns)) for bit in bits)
    return Image(rows, tuple(shift >> bit & 1 for bit in bits))


def parity_mask(frame: Frame | MovingFrame, qubits: Iterable[int]) -> tuple[int, int]:
    """(mask, flip): the parity of these qubits of row p is parity(p & mask) ^ flip."""
    mask = flip = 0
    for qubit in qubits:
        mask ^= frame.masks[qubit]
        flip ^= frame.flips[qubit]
    return mask, flip


class Place(NamedTuple):
    """Where some qubits are adjacent bits of the rows.

    Attributes:
        order: the qubits, the most significant bit first.
        above: how many bits are more significant than all of theirs.
    """

    order: tuple[int, ...]
    above: int


def adjacent(frame: Frame, qubits: Sequence[int]) -> Place | None:
    """Where these qubits are adjacent bits of the rows, or None.

    They are if each is a bit itself, and the other qubits do not depend on those bits.
    """
    bits = 0
    for qubit in qubits:
        bits |= frame.masks[qubit]
    top = bits.bit_length()
    if bits != ((1 << len(qubits)) - 1) << (top - len(qubits)):
        return None
    inside = set(qubits)
    for qubit, mask in enumerate(frame.masks):
        if qubit in inside:
            if frame.flips[qubit] or mask.bit_count() != 1:
                return None
        elif mask & bits:
            return None
    order = tuple(sorted(qubits, key=lambda qubit: -frame.masks[qubit]))
    return Place(order, len(frame.masks) - top)


class Move(NamedTuple):
    """Row p of the new array is row C p ^ shift of the old one.

    Attributes:
        columns: C e_j for every bit j of p.
        shift: the old row of new row 0.
    """

    columns: tuple[int, ...]
    shift: int


def move(old: Frame, new: Frame) -> Move:
    """What rearranges an array in one frame into the other."""
    inverse = inverse_columns(old.masks)
    num_qubits = len(old.masks)
    moved = []
    for bit in range(num_qubits):
        state = sum((mask >> bit & 1) << qubit for qubit, mask in enumerate(new.masks))
        moved.append(_apply(inverse, state))
    flips = sum((a ^ b) << q for q, (a, b) in enumerate(zip(old.flips, new.flips, strict=True)))
    return Move(tuple(moved), _apply(inverse, flips))


def inverse_move(forward: Move) -> Move:
    """The move back."""
    num_bits = len(forward.columns)
    rows = [
        sum((column >> bit & 1) << j for j, column in enumerate(forward.columns))
        for bit in range(num_bits)
    ]
    inverse = inverse_columns(rows)
    columns = tuple(_apply(inverse, 1 << bit) for bit in range(num_bits))
    return Move(columns, _apply(inverse, forward.shift))


def moved_mask(mask: int, through: Move) -> tuple[int, int]:
    """(mask, flip) in the new rows of a parity that was written in the old ones."""
    image = sum(((mask & column).bit_count() & 1) << j for j, column in enumerate(through.columns))
    return image, (mask & through.shift).bit_count() & 1


def row_tables(through: Move) -> tuple[np.ndarray, np.ndarray]:
    """(high, low): the source of row p is high[p >> l] ^ low[p & (2**l - 1)], `2**l` = len(low)."""
    num_bits = len(through.columns)
    low_bits = num_bits // 2
    high = _span(through.columns[low_bits:]) ^ through.shift
    return high.astype(np.int32), _span(through.columns[:low_bits]).astype(np.int32)


def sign_tables(
    masks: Sequence[int], num_bits: int, low_bits: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(high, low), int8: (-1)**parity(p & mask) is high[mask, p >> l] * low[mask, p % 2**l].

    `low_bits` is l; None halves the bits.
    """
    low_bits = num_bits // 2 if low_bits is None else low_bits
    array = np.array(masks, np.int64).reshape(-1, 1)
    high = np.bitwise_count(array >> low_bits & np.arange(2 ** (num_bits - low_bits)))
    low = np.bitwise_count(array & np.arange(2**low_bits))
    return _signs(high), _signs(low)


def _signs(counts: np.ndarray) -> np.ndarray:
    return (1 - 2 * (counts.astype(np.int8) & 1)).astype(np.int8)


def _span(columns: Sequence[int]) -> np.ndarray:
    """The sum over GF(2) of the columns that each index's bits select."""
    rows = np.zeros(1, np.int64)
    for column in columns:
        rows = np.concatenate([rows, rows ^ column])
    return rows


def _apply(columns: Sequence[int], vector: int) -> int:
    result = 0
    for bit, column in enumerate(columns):
        if vector >> bit & 1:
            result ^= column
    return result


def inverse_columns(rows: Sequence[int]) -> list[int]:
    """The columns of the inverse of the matrix with these rows, by Gauss-Jordan elimination."""
    size = len(rows)
    # Each row carries its half of the identity above its own bits.
    work = [mask | 1 << (size + row) for row, mask in enumerate(rows)]
    for bit in range(size):
        pivot = next(row for row in range(bit, size) if work[row] >> bit & 1)
        work[bit], work[pivot] = work[pivot], work[bit]
        for row in range(size):
            if row != bit and work[row] >> bit & 1:
                work[row] ^= work[bit]
    return [
        sum((work[row] >> (size + bit) & 1) << row for row in range(size)) for bit in range(size)
    ]
