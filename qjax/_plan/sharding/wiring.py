"""Floor 3. Parities and differences of places -> single bits, by adding some bits to others.

As gates, additions are CX: `target` becomes the sum of itself and `source`, so that a parity which
holds the target's bit as it was holds the source's too, and of places that differ at the source the
targets differ as well. They cost nothing, and stay until others are needed: gates of one layer come
down to one bit each.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from qjax._plan.sharding.row_operations import Condition
from qjax._plan.sharding.subspaces import parity


class Addition(NamedTuple):
    """The bit `target` becomes the sum over GF(2) of itself and the bit `source`."""

    target: int
    source: int


class Wiring:
    """What each bit is after some additions.

    Attributes:
        num_local: bits from this one on tell the device: nothing that differs from place to place
            of one device is added to them.
        rows: for each bit, the mask of the bits of a place whose parity it is.
        columns: the inverse: for each bit, the places that differ there and nowhere else.
        additions: the latest, until they are taken.
    """

    def __init__(self, num_local: int, num_bits: int) -> None:
        self.num_local = num_local
        self.rows = [1 << bit for bit in range(num_bits)]
        self.columns = list(self.rows)
        self.additions: list[Addition] = []

    def seen(self, mask: int) -> int:
        """A parity of places as one of bits."""
        return sum(parity(mask & column) << bit for bit, column in enumerate(self.columns))

    def moved(self, difference: int) -> int:
        """A difference of places as one of bits."""
        return sum(parity(difference & row) << bit for bit, row in enumerate(self.rows))

    def device_part(self, bit: int) -> int:
        """The parity of the device's number that a bit holds, beside one of local bits."""
        return self.rows[bit] >> self.num_local

    def bring_target(self, mask: int, difference: int) -> int:
        """The bit that a parity and what flips it come down to: mask . difference is 1."""
        mask, difference = self.seen(mask), self.moved(difference)
        bit = (mask & difference).bit_length() - 1
        self._gather(mask, bit)
        # What was added at the other bits of the difference came to 0, since the product is 1.
        for target in bits_of(difference & ~(1 << bit)):
            self._add(target, bit)
        return bit

    def bring_parity(self, mask: int) -> int:
        """The bit that a parity comes down to: a local one, if the parity holds any."""
        mask = self.seen(mask)
        local = mask & ((1 << self.num_local) - 1)
        return self._gather(mask, (local or mask).bit_length() - 1)

    def bring_controls(self, controls: Iterable[Condition]) -> list[tuple[int, int]]:
        """(bit, value) for controls; those by the device alone last."""
        seen = [Condition(self.seen(mask), value) for mask, value in controls]
        return [
            (self._gather(mask, bit), value) for bit, (mask, value) in solved(seen, self.num_local)
        ]

    def restore_device(self) -> None:
        """Undo what was added to bits of the device."""
        for target in range(self.num_local, len(self.rows)):
            for source in bits_of(self.rows[target] & ~(1 << target)):
                self._add(target, source)

    def bring_rows(self, rows: Sequence[int]) -> None:
        """Make each local bit the parity of those bits of a place that `rows` says."""
        local = (1 << self.num_local) - 1
        seen = [self.seen(row) for row in rows]
        for target, source in additions_of([row & local for row in seen]):
            self._add(target, source)
        for target, row in enumerate(seen):
            for source in bits_of(row & ~local):
                self._add(target, source)

    def take(self) -> list[Addition]:
        """The additions since the last time."""
        taken, self.additions = self.additions, []
        return taken

    def _gather(self, mask: int, bit: int) -> int:
        for source in bits_of(mask & ~(1 << bit)):
            self._add(bit, source)
        return bit

    def _add(self, target: int, source: int) -> None:
        self.rows[target] ^= self.rows[source]
        self.columns[source] ^= self.columns[target]
        self.additions.append(Addition(target, source))


def solved(controls: Sequence[Condition], num_local: int) -> list[tuple[int, Condition]]:
    """Conditions that are met where all of these are, each with a bit that no other has.

    That bit is a local one where there is one left; conditions without come last.
    """
    local = (1 << num_local) - 1
    chosen: list[tuple[int, Condition]] = []
    for take_local in (True, False):
        for control in controls:
            mask, value = _without(control, chosen)
            if not mask or (take_local and not mask & local):
                continue
            bit = (mask & local or mask).bit_length() - 1
            chosen = [
                (b, Condition(m ^ mask, v ^ value) if m >> bit & 1 else Condition(m, v))
                for b, (m, v) in chosen
            ]
            chosen.append((bit, Condition(mask, value)))
    return chosen


def _without(control: Condition, chosen: Sequence[tuple[int, Condition]]) -> Condition:
    """The condition that is left of a control where others are met."""
    mask, value = control
    for bit, other in chosen:
        if mask >> bit & 1:
            mask, value = mask ^ other.mask, value ^ other.value
    return Condition(mask, value)


def bits_of(mask: int) -> Iterable[int]:
    """The places of the ones, from the lowest on."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def additions_of(rows: Sequence[int]) -> list[Addition]:
    """Additions after which bit k is the parity of the bits that rows[k] has now."""
    work, found = list(rows), []
    for bit in range(len(work)):
        if not work[bit] >> bit & 1:
            # The row has the bit after it takes another's that has it.
            other = next(k for k in range(bit + 1, len(work)) if work[k] >> bit & 1)
            work[bit] ^= work[other]
            found.append(Addition(bit, other))
        for other in range(len(work)):
            if other != bit and work[other] >> bit & 1:
                work[other] ^= work[bit]
                found.append(Addition(other, bit))
    return found[::-1]
