"""Floor 5. Pauli strings -> the tables by which they are read out of a state, on the host."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from qjax._base import tuning
from qjax._base.tables import static, table_class
from qjax._readout.signed_sums import SignSums, sign_sums


@table_class
class Flip:
    """The strings that flip the same bits.

    Attributes:
        x: the bits.
        imaginary: whether they take the imaginary part of the products, for an odd number of Y's.
        sums: the signed sums.
        signs: `(strings,)`, +1 or -1.
    """

    x: int = static()
    imaginary: bool = static()
    sums: SignSums
    signs: np.ndarray


@table_class
class Loop:
    """Groups of equally many strings, where all strings of a group flip the same bits.

    Attributes:
        x: `(groups,)` the bits.
        imaginary: `(groups,)`, 0 or 1, as in `Flip`.
        z: `(groups, strings)` where signs change.
        signs: `(groups, strings)`: +1 or -1, or 0 where a group has fewer strings.
    """

    x: np.ndarray
    imaginary: np.ndarray
    z: np.ndarray
    signs: np.ndarray


@table_class
class Strings:
    """All strings to be measured: first those of `flips`, then those of `loops`."""

    flips: tuple[Flip, ...]
    loops: tuple[Loop, ...]


class String(NamedTuple):
    """i**popcount(x & z) X^x Z^z."""

    x: int
    z: int


def num_strings(strings: Strings) -> int:
    """How many values all strings have, with the places that fill up a group."""
    return sum(len(flip.signs) for flip in strings.flips) + sum(
        loop.z.size for loop in strings.loops
    )


def masks_of(strings: Strings) -> Int[np.ndarray, "2 strings"]:
    """The bits x and z of every string, in the order of their values."""
    parts = [(np.full_like(flip.sums.masks, flip.x), flip.sums.masks) for flip in strings.flips]
    parts += [(np.repeat(loop.x, loop.z.shape[1]), loop.z.reshape(-1)) for loop in strings.loops]
    return np.concatenate([np.stack(part) for part in parts], axis=1)


def tabulate(strings: Sequence[String], num_qubits: int) -> tuple[Strings, list[int]]:
    """The tables of some strings, and the position of each string among their values."""
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, (x, z) in enumerate(strings):
        groups[x, (x & z).bit_count() & 1].append(index)
    if len(groups) <= tuning.MAX_UNROLLED:
        flips = tuple(
            Flip(
                x,
                bool(odd),
                sign_sums([strings[index].z for index in indices], num_qubits),
                _signs(strings, indices),
            )
            for (x, odd), indices in groups.items()
        )
        order = [index for indices in groups.values() for index in indices]
        return Strings(flips, ()), _inverse(dict(enumerate(order)))
    by_size: dict[int, list] = defaultdict(list)
    for key, indices in groups.items():
        size = next((size for size in tuning.GROUP_SIZES if len(indices) <= size), len(indices))
        by_size[size].append((key, indices))
    wide = [
        group
        for size in list(by_size)
        if size > tuning.GROUP_SIZES[-1]
        for group in by_size.pop(size)
    ]
    if wide:
        by_size[max(len(indices) for _, indices in wide)] = wide
    loops, at, start = [], {}, 0
    for size, members in sorted(by_size.items()):
        loops.append(_loop(strings, size, members))
        for row, (_, indices) in enumerate(members):
            at.update({start + row * size + k: index for k, index in enumerate(indices)})
        start += size * len(members)
    return Strings((), tuple(loops)), _inverse(at)


def _inverse(at: Mapping[int, int]) -> list[int]:
    positions = [0] * len(at)
    for position, index in at.items():
        positions[index] = position
    return positions


def _loop(strings: Sequence[String], size: int, members: Sequence) -> Loop:
    z = np.zeros((len(members), size), np.int32)
    signs = np.zeros((len(members), size), np.float64)
    for row, (_, indices) in enumerate(members):
        z[row, : len(indices)] = [strings[index].z for index in indices]
        signs[row, : len(indices)] = _signs(strings, indices)
    x, imaginary = np.array([key for key, _ in members], np.int32).T
    return Loop(x, imaginary, z, signs)


def _signs(strings: Sequence[String], indices: Sequence[int]) -> np.ndarray:
    """Re(i**k p) is +Re(p), -Im(p), -Re(p), +Im(p) for k = 0, 1, 2, 3."""
    counts = np.array([(strings[index].x & strings[index].z).bit_count() for index in indices])
    return np.array([1.0, -1.0, -1.0, 1.0])[counts % 4]
