"""Floor 4. Factors -> blocks on few qubits, and where the digits of a state stand as they act.

Each block is one matrix on the leading digits; factors join the last block that acts on their
qubits while it stays small. All blocks of a plan have one width, so that one loop over them runs
the circuit, and compiling takes the same time at any depth.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from qjax._simulators.density_matrix.factors import Entry, Factor

# Factors. Of more, a block is cut: all blocks are filled up to the most that one has.
MOST_FACTORS = 16


class PlacedEntry(NamedTuple):
    """A matrix, and at which digits of its block it acts, least significant first."""

    entry: Entry
    places: tuple[int, ...]


class Block(NamedTuple):
    """Matrices that act on a few qubits, one after the other; `qubits[0]` is digit 0 of it."""

    qubits: tuple[int, ...]
    factors: tuple[PlacedEntry, ...]
    is_batched: bool


class Reorder(NamedTuple):
    """Rows in a new order: the new row i is the old row `high[i >> l] + low[i % 2**l]`.

    The way back is another such table.
    """

    high: np.ndarray
    low: np.ndarray
    back_high: np.ndarray
    back_low: np.ndarray


@dataclass(frozen=True, eq=False)
class Schedule:
    """Blocks in the order in which they act.

    Attributes:
        start: factors on single qubits that act on |0> first, by qubit.
        blocks: all of one width if shared, and of another if batched.
        reorders: what brings the qubits of each block to the leading digits, stacked.
        end: what brings the digits back to where they were at the start.
        start_layout: the qubit that each digit stands for then, most significant first.
    """

    start: tuple[tuple[PlacedEntry, ...], ...]
    blocks: tuple[Block, ...]
    reorders: Reorder
    end: Reorder
    start_layout: tuple[int, ...]

    @property
    def num_qubits(self) -> int:
        return len(self.start_layout)


@dataclass(eq=False)
class _Draft:
    qubits: list[int]
    is_batched: bool
    factors: list[Factor] = field(default_factory=list)


def schedule_of(
    factors: Sequence[Factor], num_qubits: int, given: Sequence[tuple[int, ...]]
) -> Schedule:
    """Blocks for factors in order.

    Args:
        factors: in the order in which they act.
        num_qubits: how many there are.
        given: the qubits that start from amplitudes, together.
    """
    start, later = split_start(factors, num_qubits, frozenset().union(*given))
    widths = {kind: width_of(later, kind, num_qubits) for kind in (False, True)}
    drafts = drafts_of(later, widths)
    blocks, reorders = [], []
    first = layout = layout_of_start(num_qubits, given)
    for draft in drafts:
        width = widths[draft.is_batched]
        idle = [qubit for qubit in reversed(layout) if qubit not in draft.qubits]
        qubits = tuple(sorted(draft.qubits)) + tuple(idle[: width - len(draft.qubits)])
        blocks.append(_block(qubits, draft))
        after = (*reversed(qubits), *(qubit for qubit in layout if qubit not in qubits))
        reorders.append(_reorder(layout, after))
        layout = after
    stacked = (
        Reorder(*map(np.stack, zip(*reorders, strict=True)))
        if reorders
        else _reorder(layout, layout)
    )
    return Schedule(start, tuple(blocks), stacked, _reorder(layout, first), first)


def layout_of_start(num_qubits: int, given: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The qubits in the order of the product state's factors, most significant first."""
    together = [qubit for qubits in given for qubit in reversed(qubits)]
    return (*together, *(q for q in reversed(range(num_qubits)) if q not in together))


def split_start(
    factors: Sequence[Factor], num_qubits: int, started: frozenset[int]
) -> tuple[tuple[tuple[PlacedEntry, ...], ...], list[Factor]]:
    """What acts on single qubits before all else, and the rest."""
    start: list[list[PlacedEntry]] = [[] for _ in range(num_qubits)]
    later, touched = [], set(started)
    for factor in factors:
        if len(factor.qubits) == 1 and factor.qubits[0] not in touched:
            start[factor.qubits[0]].append(PlacedEntry(factor.entry, (0,)))
        else:
            touched.update(factor.qubits)
            later.append(factor)
    return tuple(map(tuple, start)), later


def width_of(factors: Sequence[Factor], is_batched: bool, num_qubits: int) -> int:
    own = [len(f.qubits) for f in factors if f.entry.is_batched == is_batched]
    least = 1 if is_batched else 2
    return min(max([least, *own]), num_qubits)


def drafts_of(factors: Sequence[Factor], widths: dict[bool, int]) -> list[_Draft]:
    drafts: list[_Draft] = []
    last: dict[int, int] = {}
    for factor in factors:
        number = max((last.get(qubit, -1) for qubit in factor.qubits), default=-1)
        if number < 0 or not _joins(drafts[number], factor, widths):
            number = len(drafts)
            drafts.append(_Draft([], factor.entry.is_batched))
        draft = drafts[number]
        draft.factors.append(factor)
        draft.qubits += [qubit for qubit in factor.qubits if qubit not in draft.qubits]
        for qubit in factor.qubits:
            last[qubit] = number
    return drafts


def _joins(draft: _Draft, factor: Factor, widths: dict[bool, int]) -> bool:
    """Whether a factor may act at the end of a block, after which nothing touches its qubits."""
    if len(draft.factors) >= MOST_FACTORS:
        return False
    together = len({*draft.qubits, *factor.qubits})
    if draft.is_batched == factor.entry.is_batched:
        return together <= widths[draft.is_batched]
    # Per sample, a product of small matrices costs less than a further pass over the state.
    return draft.is_batched and together == len(draft.qubits)


def _block(qubits: tuple[int, ...], draft: _Draft) -> Block:
    placed = tuple(
        PlacedEntry(factor.entry, tuple(qubits.index(qubit) for qubit in factor.qubits))
        for factor in draft.factors
    )
    return Block(qubits, placed, draft.is_batched)


def _reorder(before: tuple[int, ...], after: tuple[int, ...]) -> Reorder:
    return Reorder(*_tables(before, after), *_tables(after, before))


def _tables(before: tuple[int, ...], after: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Old rows of the new ones, as sums of what upper and lower digits of the new row say."""
    count = len(before)
    weight = {qubit: 4 ** (count - 1 - place) for place, qubit in enumerate(before)}
    cut = count // 2
    return _sums(after[:cut], weight), _sums(after[cut:], weight)


def _sums(qubits: tuple[int, ...], weight: dict[int, int]) -> np.ndarray:
    sums = np.zeros(1, np.int32)
    for qubit in qubits:
        sums = (sums[:, None] + weight[qubit] * np.arange(4, dtype=np.int32)).reshape(-1)
    return sums
