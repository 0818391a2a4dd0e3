"""Floor 3. Which rows of a state each device holds, and what changes that.

A layout is a linear map of rows to places: the highest bits of a place tell the device, the others
where it stands there. What mixes rows that differ by vectors which the map sends to local bits runs
on each device alone. Another layout needs an exchange: where k of the directions that it has as
local bits are new ones, groups of 2**k devices send each other all but a 2**-k-th of what they
hold, in one all-to-all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from qjax._plan.sharding.subspaces import Span, applied, inverse, parity, pulled_back


@dataclass(frozen=True)
class Layout:
    """Row r stands at place `columns` r.

    Attributes:
        num_local: how many bits of a place tell where it is on its device.
        columns: an invertible map.
    """

    num_local: int
    columns: tuple[int, ...]

    @cached_property
    def inverse(self) -> tuple[int, ...]:
        """Place -> row."""
        return inverse(self.columns)

    def difference(self, vector: int) -> int:
        """How places of rows that differ by a vector differ."""
        return applied(self.columns, vector)

    def mask(self, mask: int) -> int:
        """A parity of rows as one of places."""
        return pulled_back(self.inverse, mask)

    @cached_property
    def local_rows(self) -> Span:
        """The differences of rows that are on one device."""
        return Span(self.inverse[: self.num_local])


class SentBit(NamedTuple):
    """A local bit of places that is exchanged for one of the device.

    Attributes:
        bit: which one.
        mask: of the bits of a place whose parity says, together with the device, which of a group
            of devices a row goes to; `bit` is among them.
    """

    bit: int
    mask: int


@dataclass(frozen=True)
class Exchange:
    """From one layout to the next: which device a row goes to, at the place that the old one tells.

    Attributes:
        sent: k bits, in ascending order.
        groups: devices that exchange, each group in order.
        shifts: for each device, k bits that are added to the parities.
    """

    sent: tuple[SentBit, ...]
    groups: tuple[tuple[int, ...], ...]
    shifts: tuple[int, ...]

    @property
    def num_bits(self) -> int:
        """k: how many bits of the device are exchanged for local ones."""
        return len(self.sent)

    @property
    def share(self) -> float:
        """The share of its amplitudes that a device sends away."""
        return 1 - 2.0**-self.num_bits


def axis_layout(num_qubits: int, device_qubits: Sequence[int]) -> Layout:
    """Every qubit is a bit of the place; these, the highest last, tell the device."""
    local = [qubit for qubit in range(num_qubits) if qubit not in device_qubits]
    columns = [0] * num_qubits
    for bit, qubit in enumerate([*local, *device_qubits]):
        columns[qubit] = 1 << bit
    return Layout(len(local), tuple(columns))


def exchanged(layout: Layout, directions: Iterable[int]) -> tuple[Exchange, Layout]:
    """The exchange to a layout where these differences of rows are local, and that layout.

    Args:
        layout: the one before.
        directions: `num_local` independent vectors.
    """
    local, num_devices = layout.num_local, 1 << (len(layout.columns) - layout.num_local)
    moved, kept = _parted((layout.difference(d) for d in directions), local)
    count = len(moved)
    sent = _annihilators(kept, local)
    # What is added for each device bit that is exchanged, so that the new ones vanish on `moved`.
    shifts = [
        sum(parity(functional & vector) << k for k, (_, functional) in enumerate(sent))
        for _, vector in moved
    ]

    def index(device: int) -> int:
        return sum((device >> pivot & 1) << k for k, (pivot, _) in enumerate(moved))

    def member(device: int, new: int) -> int:
        change = index(device) ^ new
        for k, (_, vector) in enumerate(moved):
            if change >> k & 1:
                device ^= vector >> local
        return device

    def shift(device: int) -> int:
        return applied(shifts, index(device))

    def place(old: int) -> int:
        device, own = old >> local, old & ((1 << local) - 1)
        target = sum(parity(mask & own) << k for k, (_, mask) in enumerate(sent)) ^ shift(device)
        for k, (bit, _) in enumerate(sent):
            own ^= (own >> bit ^ index(device) >> k & 1) & 1 and 1 << bit
        return member(device, target) << local | own

    firsts = [device for device in range(num_devices) if index(device) == 0]
    exchange = Exchange(
        tuple(sent),
        tuple(tuple(member(first, new) for new in range(1 << count)) for first in firsts),
        tuple(map(shift, range(num_devices))),
    )
    step = [place(1 << bit) for bit in range(len(layout.columns))]
    return exchange, Layout(local, tuple(applied(step, column) for column in layout.columns))


def _parted(vectors: Iterable[int], local: int) -> tuple[list[tuple[int, int]], list[int]]:
    """(pivots and vectors with a device part, none of which has another's pivot; the others)."""
    moved: list[tuple[int, int]] = []
    kept: list[int] = []
    for vector in vectors:
        rest = vector
        for pivot, other in moved:
            if rest >> (local + pivot) & 1:
                rest ^= other
        if not rest >> local:
            kept.append(rest)
            continue
        own = (rest >> local).bit_length() - 1
        moved = [(p, v ^ rest if v >> (local + own) & 1 else v) for p, v in moved]
        moved.append((own, rest))
    return sorted(moved), kept


def _annihilators(vectors: Sequence[int], size: int) -> list[SentBit]:
    """A basis of the parities that vanish on these vectors, each with a bit that no other has.

    Such bits are as high as they can be: what is sent is then in few pieces.
    """
    # In reduced echelon form from the lowest bit on, bits without a pivot are free.
    pivots: dict[int, int] = {}
    for vector in vectors:
        rest = vector
        for pivot, other in pivots.items():
            if rest >> pivot & 1:
                rest ^= other
        if rest:
            low = (rest & -rest).bit_length() - 1
            pivots = {p: v ^ rest if v >> low & 1 else v for p, v in pivots.items()}
            pivots[low] = rest
    return [
        SentBit(free, 1 << free | sum((v >> free & 1) << p for p, v in pivots.items()))
        for free in range(size)
        if free not in pivots
    ]
