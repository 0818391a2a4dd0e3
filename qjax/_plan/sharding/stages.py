"""Floor 3. In which order what a circuit does to rows runs, and in which layouts.

An operation can run where its differences are local and it commutes with all that come before it
and have not run. A stage is all that runs in one layout. The next layout is chosen for what comes
first: directions of operations are made local in their order while there is room, the rest of it is
filled with directions that are local already, so that few bits are exchanged.
"""

from collections.abc import Sequence
from typing import NamedTuple

from qjax._plan.sharding.layouts import Exchange, Layout, axis_layout, exchanged
from qjax._plan.sharding.row_operations import RowOperation
from qjax._plan.sharding.subspaces import Span, parity


class Stage(NamedTuple):
    """What runs on each device alone, and how it got there.

    Attributes:
        exchange: what comes before it; None at the start.
        layout: where rows are.
        operations: in an order in which they may run.
    """

    exchange: Exchange | None
    layout: Layout
    operations: tuple[RowOperation, ...]


class _Waiting:
    """What has not run, and what an operation must commute with to come before it."""

    def __init__(self, num_bits: int) -> None:
        self.num_bits = num_bits
        self.moves, self.masks = Span(), Span()

    def add(self, operation: RowOperation) -> None:
        for vector in operation.moves:
            self.moves.add(vector)
        for mask in operation.masks:
            self.masks.add(mask)

    def blocks(self, operation: RowOperation) -> bool:
        return any(
            parity(mask & vector) for mask in operation.masks for vector in self.moves.basis
        ) or any(parity(mask & vector) for vector in operation.moves for mask in self.masks.basis)

    @property
    def blocks_all(self) -> bool:
        return len(self.moves) == len(self.masks) == self.num_bits


def _run(
    operations: Sequence[RowOperation], num_bits: int, local: Span, room: int
) -> tuple[list[RowOperation], list[RowOperation]]:
    """(what runs, what waits), while directions are added to `local` up to `room` of them."""
    waiting = _Waiting(num_bits)
    done: list[RowOperation] = []
    left: list[RowOperation] = []
    for position, operation in enumerate(operations):
        if waiting.blocks_all:
            left += operations[position:]
            break
        if not waiting.blocks(operation) and _made_local(operation, local, room):
            done.append(operation)
        else:
            waiting.add(operation)
            left.append(operation)
    return done, left


def _made_local(operation: RowOperation, local: Span, room: int) -> bool:
    new = [vector for vector in operation.moves if vector not in local]
    if len(local) + len(new) > room and len(local) + len(Span(map(local.reduced, new))) > room:
        return False
    for vector in new:
        local.add(vector)
    return True


def stages_of(
    operations: Sequence[RowOperation],
    num_qubits: int,
    num_device_bits: int,
    given: frozenset[int] = frozenset(),
) -> list[Stage]:
    """All stages, the first of them in the best layout whose bits are qubits.

    Args:
        operations: in an order in which they may run.
        num_qubits: n.
        num_device_bits: how many bits tell the device.
        given: qubits that do not tell it at first.

    Raises:
        ValueError: where no layout serves.
    """
    starts = _starts([q for q in range(num_qubits) if q not in given], num_qubits, num_device_bits)
    return min((_from(operations, start) for start in starts), key=_cost)


def _starts(qubits: Sequence[int], num_qubits: int, count: int) -> list[Layout]:
    """Layouts where some of these qubits, side by side, tell the device."""
    firsts = range(len(qubits) - count, -1, -max(1, count))
    if not firsts:
        raise ValueError(
            f"{num_qubits} qubits, {num_qubits - len(qubits)} of which start from given "
            f"amplitudes, do not fit 2**{count} devices: each of these holds the state for one "
            f"setting of {count} qubits, which must start from 0; use fewer devices"
        )
    return [axis_layout(num_qubits, qubits[first : first + count]) for first in firsts]


def _cost(stages: Sequence[Stage]) -> tuple[int, float]:
    exchanges = [stage.exchange for stage in stages if stage.exchange is not None]
    return len(exchanges), sum(exchange.share for exchange in exchanges)


def _from(operations: Sequence[RowOperation], start: Layout) -> list[Stage]:
    num_bits, room = len(start.columns), start.num_local
    done, left = _run(operations, num_bits, start.local_rows, room)
    stages = [Stage(None, start, tuple(done))]
    while left:
        layout = stages[-1].layout
        local = Span()
        done, left = _run(left, num_bits, local, room)
        if not done:
            widest = max(len(operation.moves) for operation in left)
            raise ValueError(
                f"a gate that mixes {widest} qubits does not fit the {room} qubits of one device"
            )
        exchange, layout = exchanged(layout, filled(local, layout))
        stages.append(Stage(exchange, layout, tuple(done)))
    return stages


def filled(local: Span, layout: Layout) -> tuple[int, ...]:
    """Independent differences: these, and as many as there is room for of those local before."""
    span = Span(local.basis)
    for vector in layout.inverse[: layout.num_local]:
        if len(span) == layout.num_local:
            break
        span.add(vector)
    return span.basis
