"""Floor 3. Gates -> an order of blocks: which gates one matrix applies together.

Every gate waits in the queue of each of its qubits; those at the head of all their queues can be
applied next. Gates that permute basis states or shift phases are free (see `qjax._plan.frame`) and
are applied as soon as they can be; between them, the block of qubits that lets most of the
remaining gates be applied is chosen greedily.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import inf
from typing import NamedTuple

from qjax._base import tuning
from qjax._circuit.gates import PhaseGate, is_real
from qjax._plan.placed_gates import Member


@dataclass(frozen=True, slots=True)
class GateBlock:
    """Gates that one matrix applies, in order.

    Attributes:
        qubits: at most as many as the width asked for, unless it is one wider gate.
        members: in order.
        free: whether it only permutes basis states and shifts phases: then it is one gate.
    """

    qubits: tuple[int, ...]
    members: tuple[Member, ...]
    free: bool


def is_single_gate(block: GateBlock) -> bool:
    """Whether a block is applied as its one gate: under controls, or with a matrix per sample."""
    (member, *others) = block.members
    if others or set(block.qubits) != set(member.support):
        return False
    return member.batched or len(member.controls) > 0


def is_real_block(block: GateBlock) -> bool:
    """Whether its matrix is one of real numbers."""
    return all(is_real(member.action.kind) for member in block.members)


class Schedule(NamedTuple):
    """Blocks in order, and why they are as they are.

    Attributes:
        blocks: their product, in order, is the product of the gates.
        width: how many qubits a block may have.
        costs: pairs of a width and the nanoseconds per sample that it would take.
    """

    blocks: tuple[GateBlock, ...]
    width: int
    costs: tuple[tuple[int, float], ...]


def cheapest_schedule(
    members: Sequence[Member], num_qubits: int, batched: bool, may_part: bool = False
) -> Schedule:
    """The schedule of the width that promises to be fastest.

    Args:
        members: gates in the order of time.
        num_qubits: n.
        batched: whether any parameters differ per sample.
        may_part: whether to try blocks without gates that only shift phases, which all are real.
    """
    columns = tuning.TYPICAL_BATCH if batched else 1
    # A gate that is wider than its block takes a pass of its own, which no other shares.
    narrowest = max((len(m.support) for m in members if _wants_block(m)), default=1)
    widths = [width for width in tuning.MULTIPLY if narrowest <= width <= max(num_qubits, 1)]
    by_width: dict[int, list[GateBlock]] = {}
    costs: dict[int, float] = {}
    for width in widths:
        eagers = (True, False) if len(members) <= tuning.MAX_TRIED_GATES else (True,)
        for eager, apart in product(eagers, (False, True) if may_part else (False,)):
            blocks = schedule(members, num_qubits, width, eager, apart)
            nanoseconds = cost(blocks, num_qubits, columns) / columns
            if nanoseconds < costs.get(width, inf):
                by_width[width], costs[width] = blocks, nanoseconds
    best = min(costs, key=lambda width: costs[width])
    return Schedule(tuple(by_width[best]), best, tuple(costs.items()))


def _wants_block(member: Member) -> bool:
    return (
        member.action.parities is None
        and not member.batched
        and len(member.support) <= tuning.MAX_SHARED_WIDTH
    )


def cost(blocks: Sequence[GateBlock], num_qubits: int, batch: int) -> float:
    """Estimated nanoseconds to simulate blocks."""
    amplitudes, total = batch << num_qubits, 0.0
    phases: set[bool] = set()
    for block in blocks:
        if block.free:
            if block.members[0].action.parities:
                phases.add(block.members[0].batched)
            continue
        width = len(block.qubits)
        multiply = tuning.MULTIPLY.get(width, 2.0**width / 20)
        if is_real_block(block):
            # Its rows are hardly ever rearranged, but small products side by side lose as much.
            multiply *= tuning.REAL
        total += tuning.PASS + amplitudes * (tuning.REARRANGE + multiply)
        total += tuning.BUILD * len(block.members) * 8.0**width
        rotated = sum(amplitudes if batched else 1 << num_qubits for batched in phases)
        total += tuning.ROTATE * rotated
        phases = set()
    return total


def schedule(
    members: Sequence[Member],
    num_qubits: int,
    width: int,
    eager: bool = True,
    apart: bool = False,
) -> list[GateBlock]:
    """Blocks whose product, in order, is the product of the members.

    Args:
        members: gates in the order of time.
        num_qubits: n.
        width: how many qubits a block may have.
        eager: whether phases are applied as soon as they can be, so that blocks find more gates,
            or as late as they can be, so that they are gathered in fewer passes.
        apart: whether no block has gates that cost nothing by themselves.
    """
    blocks = list(_Queues(members, num_qubits, width, apart).blocks(eager))
    if sum(not block.free for block in blocks) > tuning.MAX_BODY:
        # Equal widths let one compiled body serve them all.
        return blocks
    return [_trimmed(block) for block in blocks]


def _trimmed(block: GateBlock) -> GateBlock:
    """A block without the qubits that none of its gates touches."""
    if block.free or is_single_gate(block):
        return block
    touched = {qubit for member in block.members for qubit in member.support}
    return replace(block, qubits=tuple(sorted(touched)))


class _Queues:
    """The gates that wait on each qubit, and how many of them have been applied."""

    def __init__(self, members: Sequence[Member], num_qubits: int, width: int, apart: bool) -> None:
        self.members = members
        self.width = width
        self.apart = apart
        self.supports = [member.support for member in members]
        self.free = [member.action.parities is not None for member in members]
        self.gains = [_gain(member) for member in members]
        self.queues: list[list[int]] = [[] for _ in range(num_qubits)]
        for number, support in enumerate(self.supports):
            for qubit in support:
                self.queues[qubit].append(number)
        self.done = [0] * num_qubits

    def blocks(self, eager: bool) -> Iterable[GateBlock]:
        yield from self._take_free([n for n, s in enumerate(self.supports) if not s])
        yield from self._take_free(self._heads(range(len(self.queues))))
        while waiting := self._heads(range(len(self.queues))):
            heads = [n for n in waiting if not self.free[n] or self._joins_next(n)]
            if not heads:
                yield from self._take_free(waiting)
                continue
            lone = next((n for n in heads if self._needs_own_block(n)), None)
            if lone is not None:
                taken, qubits = [lone], self.supports[lone]
            else:
                chosen = max((self._grown(n) for n in heads[: tuning.SEEDS]), key=self._gain)
                taken, qubits = self._taken(chosen), tuple(sorted(chosen))
            for number in taken:
                self._advance(number)
            yield GateBlock(qubits, tuple(self.members[n] for n in taken), False)
            yield from self._take_free(self._heads(qubits), phases=eager)

    def _advance(self, number: int) -> None:
        for qubit in self.supports[number]:
            self.done[qubit] += 1

    def _head(self, qubit: int, done: dict[int, int]) -> int | None:
        position = done.get(qubit, self.done[qubit])
        queue = self.queues[qubit]
        return queue[position] if position < len(queue) else None

    def _heads(self, qubits: Iterable[int]) -> list[int]:
        """The gates on these qubits that can be applied next, in their order."""
        heads = {self._head(qubit, {}) for qubit in qubits}
        ready = [
            number
            for number in heads
            if number is not None
            and all(self._head(qubit, {}) == number for qubit in self.supports[number])
        ]
        return sorted(ready)

    def _take_free(self, heads: list[int], phases: bool = True) -> Iterable[GateBlock]:
        while heads:
            number = heads.pop(0)
            if not self.free[number] or self._joins_next(number):
                continue
            if self.members[number].action.parities and not phases:
                continue
            self._advance(number)
            yield GateBlock(self.supports[number], (self.members[number],), True)
            heads += [n for n in self._heads(self.supports[number]) if n not in heads]

    def _joins_next(self, number: int) -> bool:
        """Whether a phase on one qubit can wait for the matrix that comes to that qubit anyway."""
        member = self.members[number]
        if (
            self.apart
            or len(self.supports[number]) != 1
            or member.batched
            or member.action.image is not None
        ):
            return False
        (qubit,) = self.supports[number]
        for later in self.queues[qubit][self.done[qubit] + 1 :]:
            if not self.free[later]:
                return not self._needs_own_block(later)
            if len(self.supports[later]) > 1 or self.members[later].batched:
                return False
        return False

    def _needs_own_block(self, number: int) -> bool:
        """Whether no other gate joins its block: it is too wide, or has a matrix per sample."""
        return len(self.supports[number]) > self.width or self.members[number].batched

    def _grown(self, seed: int) -> frozenset[int]:
        """The qubits of a gate, and those that let most gates be applied along with it."""
        qubits = frozenset(self.supports[seed])
        while len(qubits) < min(self.width, len(self.queues)):
            best = max(
                (qubits | {qubit} for qubit in range(len(self.queues)) if qubit not in qubits),
                key=self._gain,
            )
            qubits = best
        return qubits

    def _gain(self, qubits: frozenset[int]) -> float:
        return sum(self.gains[number] for number in self._taken(qubits))

    def _taken(self, qubits: Iterable[int]) -> list[int]:
        """The gates that can be applied, one after the other, on these qubits alone."""
        inside = frozenset(qubits)
        done: dict[int, int] = {}
        taken: list[int] = []
        waiting = sorted(inside)
        while waiting and len(taken) < tuning.MAX_BLOCK_GATES:
            qubit = waiting.pop()
            number = self._head(qubit, done)
            if number is None or self.members[number].batched:
                continue
            if self.apart and self.free[number]:
                continue
            support = self.supports[number]
            if inside.issuperset(support) and all(self._head(q, done) == number for q in support):
                taken.append(number)
                for other in support:
                    done[other] = done.get(other, self.done[other]) + 1
                waiting += support
        return taken


def _gain(member: Member) -> float:
    """What it is worth to have a gate in a block: those that are free elsewhere count less."""
    if member.action.parities is None:
        return 1.0 + 0.5 * (len(member.support) - 1)
    return 0.1 if isinstance(member.action.kind, PhaseGate) else 0.5
