"""Floor 3. Repeated layers: cut a sequence of signatures into bodies and their repetitions."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from qjax._base import tuning


class Run(NamedTuple):
    """`length` repetitions of `period` operations, from operation `start` on."""

    start: int
    period: int
    length: int


def find_repeats(signatures: Sequence[Hashable]) -> list[Run]:
    """Cut a sequence into runs; what does not repeat is a run of length 1.

    Args:
        signatures: one per operation, equal where only numbers differ.
    """
    codes: dict[Hashable, int] = {}
    sequence = np.array([codes.setdefault(s, len(codes)) for s in signatures], np.int64)
    runs, start = [], 0
    while start < len(sequence):
        best = _longest(sequence, start)
        if best is None:
            runs.append(Run(start, len(sequence) - start, 1))
            break
        if best.start > start:
            runs.append(Run(start, best.start - start, 1))
        runs.append(best)
        start = best.start + best.period * best.length
    return runs


def _longest(sequence: np.ndarray, start: int) -> Run | None:
    """The repetition that covers most of sequence[start:], of the shortest period among equals."""
    tail, best = sequence[start:], None
    for period in range(1, min(tuning.MAX_PERIOD, len(tail) // tuning.MIN_REPETITIONS) + 1):
        if best is not None and best.period * best.length >= len(tail) - period:
            break
        first, matches = _longest_true(tail[period:] == tail[:-period])
        length = matches // period + 1
        covered = best.period * best.length if best else tuning.MIN_REPEATED_GATES - 1
        if length >= tuning.MIN_REPETITIONS and period * length > covered:
            best = Run(start + first, period, length)
    return best


def _longest_true(mask: np.ndarray) -> tuple[int, int]:
    """Start and length of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False]))))
    if not len(edges):
        return 0, 0
    starts, lengths = edges[::2], np.diff(edges)[::2]
    longest = int(lengths.argmax())
    return int(starts[longest]), int(lengths[longest])
