"""Floor 3. Parities and differences of places -> single bits, by adding some bits to others.

What is added is undone after the gate in between. As gates these are CX: `target` becomes the sum
of itself and `source`, so that a parity which holds the target's bit as it was holds the source's
too, and of places that differ at the source the targets differ as well.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from qjax._plan.sharding.row_operations import Condition


class Addition(NamedTuple):
    """The bit `target` becomes the sum over GF(2) of itself and the bit `source`."""

    target: int
    source: int


@dataclass
class Wiring:
    """Additions so far.

    Attributes:
        num_local: bits from this one on tell the device: nothing that differs from place to place
            of one device is added to them.
        additions: in order.
    """

    num_local: int
    additions: list[Addition] = field(default_factory=list)

    def seen(self, mask: int) -> int:
        """A parity of places in the bits after the additions."""
        for target, source in self.additions:
            if mask >> target & 1:
                mask ^= 1 << source
        return mask

    def moved(self, difference: int) -> int:
        """A difference of places in the bits after the additions."""
        for target, source in self.additions:
            if difference >> source & 1:
                difference ^= 1 << target
        return difference

    def bring_target(self, mask: int, difference: int) -> int:
        """The bit that a parity and what flips it come down to: mask . difference is 1."""
        mask, difference = self.seen(mask), self.moved(difference)
        bit = (mask & difference).bit_length() - 1
        for source in bits_of(mask & ~(1 << bit)):
            self.additions.append(Addition(bit, source))
        # What was added at the other bits of the difference came to 0, since the product is 1.
        for target in bits_of(difference & ~(1 << bit)):
            self.additions.append(Addition(target, bit))
        return bit

    def bring_parity(self, mask: int) -> int:
        """The bit that a parity comes down to: a local one, if the parity holds any."""
        mask = self.seen(mask)
        local = mask & ((1 << self.num_local) - 1)
        return self._gathered(mask, (local or mask).bit_length() - 1)

    def bring_controls(self, controls: Iterable[Condition]) -> list[tuple[int, int]]:
        """(bit, value) for controls; those by the device alone last."""
        seen = [Condition(self.seen(mask), value) for mask, value in controls]
        return [
            (self._gathered(mask, bit), value)
            for bit, (mask, value) in solved(seen, self.num_local)
        ]

    def _gathered(self, mask: int, bit: int) -> int:
        for source in bits_of(mask & ~(1 << bit)):
            self.additions.append(Addition(bit, source))
        return bit

    @property
    def local_additions(self) -> list[Addition]:
        """Those that do not depend on the device."""
        return [addition for addition in self.additions if addition.source < self.num_local]

    def device_part(self, bit: int) -> int:
        """The parity of the device's number that the additions give to a bit, besides local bits.

        Of a bit of the device itself, all of it.
        """
        parts = {k: 1 << (k - self.num_local) for _, k in self.additions if k >= self.num_local}
        parts.setdefault(bit, 1 << (bit - self.num_local) if bit >= self.num_local else 0)
        for target, source in self.additions:
            parts[target] = self._part(parts, target) ^ self._part(parts, source)
        return parts[bit]

    def _part(self, parts: dict[int, int], bit: int) -> int:
        own = 1 << (bit - self.num_local) if bit >= self.num_local else 0
        return parts.get(bit, own)


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
