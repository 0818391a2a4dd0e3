"""Floor 3. What is read out of a state -> where its rows must stand for it."""

from collections.abc import Sequence
from dataclasses import dataclass

from qjax._plan.frame import MovingFrame, parity_mask
from qjax._plan.sharding.layouts import Exchange, Layout, exchanged
from qjax._plan.sharding.stages import Stage, filled
from qjax._plan.sharding.subspaces import Span, applied, inverse, parity, transposed
from qjax._plan.sharding.wiring import bits_of

String = tuple[int, int]
"""The masks x and z of i**popcount(x & z) X^x Z^z, in qubits."""


@dataclass(frozen=True)
class Order:
    """What brings basis states in an order, where rows stand in a layout.

    Attributes:
        rows: for each local bit, the mask of the bits of the place whose parity it becomes.
        flips: which of these are flipped.
        sources: for each device, the one that holds what belongs to it.
    """

    rows: tuple[int, ...]
    flips: int
    sources: tuple[int, ...]


@dataclass(frozen=True)
class Outcomes:
    """How outcomes of some qubits follow from places.

    Attributes:
        rows: for each local bit, the mask of those whose parity it becomes; the first tell what
            there is to tell.
        count: how many these are.
        outcomes: `2**count` numbers: the outcome of each of their settings, where the device's
            number is 0.
        shifts: for each device, what is added to that.
    """

    rows: tuple[int, ...]
    count: int
    outcomes: tuple[int, ...]
    shifts: tuple[int, ...]


@dataclass(frozen=True)
class LocalString:
    """A Pauli string, as each device measures it in its part of the state.

    Attributes:
        index: which of the strings.
        x, z: masks of local bits.
        device: the mask of bits of the device, whose parity changes the sign.
        sign: of the string.
    """

    index: int
    x: int
    z: int
    device: int
    sign: int


def in_order(
    layout: Layout, frame: MovingFrame, qubits: Sequence[int]
) -> tuple[Exchange | None, Layout, Order]:
    """What brings basis states in order, the bits of their numbers being these qubits, in order.

    The exchange, if there is one, comes first.
    """
    local, exchange = layout.num_local, None
    wanted = [frame.differences[qubit] for qubit in qubits[:local]]
    if any(layout.difference(vector) >> local for vector in wanted):
        exchange, layout = exchanged(layout, wanted)
    masks = [layout.mask(frame.masks[qubit]) for qubit in qubits]
    flips = sum(frame.flips[qubit] << bit for bit, qubit in enumerate(qubits))
    columns = transposed([mask >> local for mask in masks[local:]], len(qubits) - local)
    sources = [0] * (1 << len(columns))
    for device in range(len(sources)):
        sources[applied(columns, device) ^ flips >> local] = device
    own = flips & ((1 << local) - 1)
    return exchange, layout, Order(tuple(masks[:local]), own, tuple(sources))


def outcomes_in(layout: Layout, frame: MovingFrame, qubits: Sequence[int]) -> Outcomes:
    """How the outcomes of these qubits, the first as least significant bit, follow from places."""
    local = layout.num_local
    low = (1 << local) - 1
    masks = [layout.mask(frame.masks[qubit]) for qubit in qubits]
    told = Span()
    rows = [mask & low for mask in masks if told.add(mask & low)]
    count = len(rows)
    rows += [1 << bit for bit in range(local) if told.add(1 << bit)]
    # Each mask as a sum of the rows, which are a basis.
    to_rows = transposed(inverse(transposed(rows, local)), local)
    of_settings = [applied(to_rows, mask & low) for mask in masks]
    outcomes = [
        sum(parity(own & setting) << bit for bit, own in enumerate(of_settings))
        for setting in range(1 << count)
    ]
    flips = sum(frame.flips[qubit] << bit for bit, qubit in enumerate(qubits))
    shifts = [
        flips ^ sum(parity(mask >> local & device) << bit for bit, mask in enumerate(masks))
        for device in range(1 << (len(layout.columns) - local))
    ]
    return Outcomes(tuple(rows), count, tuple(outcomes), tuple(shifts))


def with_strings(
    stages: Sequence[Stage], frame: MovingFrame, strings: Sequence[String]
) -> tuple[list[Stage], list[list[int]]]:
    """Further stages, where there must be, and which strings can be measured after each stage."""
    stages, left = list(stages), list(range(len(strings)))
    read: list[list[int]] = [[] for _ in stages]
    moves = [_difference(frame, x) for x, _ in strings]
    while True:
        layout = stages[-1].layout
        here = [k for k in left if not layout.difference(moves[k]) >> layout.num_local]
        read[-1] += here
        left = [k for k in left if k not in set(here)]
        if not left:
            return stages, read
        local = Span()
        for k in left:
            if len(local) < layout.num_local:
                local.add(moves[k])
        exchange, layout = exchanged(layout, filled(local, layout))
        stages.append(Stage(exchange, layout, ()))
        read.append([])


def local_string(index: int, string: String, frame: MovingFrame, layout: Layout) -> LocalString:
    """A string whose differences are local in a layout."""
    x, z = string
    mask, flip = parity_mask(frame, bits_of(z))
    moved, placed = layout.difference(_difference(frame, x)), layout.mask(mask)
    low = placed & ((1 << layout.num_local) - 1)
    # Both have the same parity of Y's, so that the factor between them is 1 or -1.
    turns = (x & z).bit_count() - (moved & low).bit_count()
    return LocalString(
        index, moved, low, placed >> layout.num_local, -1 if (turns // 2 + flip) & 1 else 1
    )


def _difference(frame: MovingFrame, x: int) -> int:
    return applied(frame.differences, x)
