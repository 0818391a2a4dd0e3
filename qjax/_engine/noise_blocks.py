"""Floor 6. Gates and noise -> blocks: what acts on the same few qubits, one after the other.

What acts on one qubit joins what acts on the pair it belongs to, so that a state is passed once for
all of it. Every block is as wide as the widest, and has as many parts: so the blocks of any circuit
run as one loop, whose body is compiled once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32

from qjax._circuit.channels import FixedChannel, Noise
from qjax._circuit.operations import Gate

Noisy = Gate | Noise

# Wider gates would make all blocks as wide.
MOST_QUBITS = 3

# All blocks have as many parts as the longest: what is longer goes on in another block.
_MOST_OPS, _MOST_CHANNELS = 12, 3


class PlacedGate(NamedTuple):
    """A gate in a block.

    Attributes:
        gate: what it is.
        bits: the bits of the block's index that its qubits are, the least significant of its
            matrix first.
        controls: the bits that its controls are, and their values.
    """

    gate: Gate
    bits: tuple[int, ...]
    controls: tuple[tuple[int, int], ...]


class PlacedChannel(NamedTuple):
    """A channel in a block.

    Attributes:
        channel: its number, or a fixed one.
        bits, controls: as of a gate.
    """

    channel: int | FixedChannel
    bits: tuple[int, ...]
    controls: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class BlockProgram:
    """Where blocks act, and where in them something is drawn.

    Attributes:
        num_qubits: of the circuit.
        width: how many qubits each block acts on, k.
        supports: those of any block, ascending; the first is bit 0 of its index.
        where: which of them, for each block.
        jumping: of each block, which jump follows a part: all as many as the longest has, filled up
            with the identity, which comes last.
        num_jumps: how many kinds of them there are, but for the identity.
    """

    num_qubits: int
    width: int
    supports: tuple[tuple[int, ...], ...]
    where: tuple[int, ...]
    jumping: tuple[tuple[int, ...], ...]
    num_jumps: int

    @property
    def jumping_table(self) -> Int32[np.ndarray, "blocks jumps"]:
        """The same as an array, which has its second axis where nothing jumps too."""
        return np.array(self.jumping, np.int32).reshape(len(self.jumping), -1)


@dataclass(frozen=True, eq=False)
class Blocks:
    """Operations in blocks, each as sequence of unitary parts with jumps between them.

    Attributes:
        program: where they act.
        gates: all gates.
        mixtures: channels that are mixtures of unitaries: what they do is drawn beforehand.
        jumps: kinds of other channels in their places in a block; what they do is drawn from the
            state.
        factors: `(blocks, parts, length)` what a unitary part consists of, in the order of time:
            numbers of gates, then those of mixtures, then the identity's.
    """

    program: BlockProgram
    gates: tuple[PlacedGate, ...]
    mixtures: tuple[PlacedChannel, ...]
    jumps: tuple[PlacedChannel, ...]
    factors: Int32[np.ndarray, "blocks parts length"]


@dataclass
class _Draft:
    """A block while it is filled."""

    qubits: tuple[int, ...]
    ops: list[Noisy] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        channels = sum(isinstance(op, Noise) for op in self.ops)
        return len(self.ops) >= _MOST_OPS or channels >= _MOST_CHANNELS


def width_of(ops: Sequence[Noisy], num_qubits: int) -> int:
    """How wide blocks are: as the widest channel, and any gate up to three qubits; two at least."""
    widths = [
        len(op.support) for op in ops if isinstance(op, Noise) or len(op.support) <= MOST_QUBITS
    ]
    return min(num_qubits, max([2, *widths]))


def blocks_of(
    ops: Sequence[Noisy], num_qubits: int, width: int, is_mixture: Sequence[bool]
) -> Blocks:
    """Blocks of some operations.

    Args:
        ops: in order, none wider than `width`.
        num_qubits: of the circuit.
        width: of the blocks.
        is_mixture: whether a channel, by its number, is a mixture of known unitaries.
    """
    drafts = [_widened(draft, num_qubits, width) for draft in _drafts(ops, width)]
    supports = tuple(sorted({draft.qubits for draft in drafts}))
    table = _Table(is_mixture)
    rows = [table.row(draft) for draft in drafts]
    length = max([1, *(len(part) for parts, _ in rows for part in parts)])
    most = max(len(following) for _, following in rows)
    identity = len(table.gates) + len(table.mixtures)
    factors = np.full((len(rows), most + 1, length), identity, np.int32)
    for number, (parts, _) in enumerate(rows):
        for place, part in enumerate(parts):
            factors[number, place, : len(part)] = [
                index + (len(table.gates) if is_drawn else 0) for is_drawn, index in part
            ]
    nothing = len(table.jumps)
    program = BlockProgram(
        num_qubits,
        width,
        supports,
        tuple(supports.index(draft.qubits) for draft in drafts),
        tuple((*jumps, *[nothing] * (most - len(jumps))) for _, jumps in rows),
        nothing,
    )
    return Blocks(program, tuple(table.gates), tuple(table.mixtures), tuple(table.jumps), factors)


def _drafts(ops: Sequence[Noisy], width: int) -> list[_Draft]:
    """Which operations share a block, in an order that runs."""
    drafts: list[_Draft] = []
    latest: dict[int, _Draft] = {}
    waiting: dict[int, list[Noisy]] = {}

    def start(qubits: Sequence[int]) -> _Draft:
        draft = _Draft(tuple(qubits))
        for qubit in qubits:
            draft.ops += waiting.pop(qubit, [])
            latest[qubit] = draft
        drafts.append(draft)
        return draft

    for op in ops:
        # A phase of the whole is one of any qubit.
        support = op.support or (0,)
        draft = latest.get(support[0])
        together = draft is not None and all(latest.get(qubit) is draft for qubit in support)
        if draft is not None and together and not draft.is_full:
            draft.ops.append(op)
        elif len(support) == 1:
            # Whatever touched the qubit before would be its block.
            waiting.setdefault(support[0], []).append(op)
        else:
            start(support).ops.append(op)
    alone = sorted(waiting)
    for first in range(0, len(alone), width):
        start(alone[first : first + width])
    return drafts


def _widened(draft: _Draft, num_qubits: int, width: int) -> _Draft:
    free = (qubit for qubit in range(num_qubits) if qubit not in draft.qubits)
    more = [qubit for qubit, _ in zip(free, range(width - len(draft.qubits)), strict=False)]
    return _Draft(tuple(sorted((*draft.qubits, *more))), draft.ops)


@dataclass
class _Table:
    """Operations of all blocks, as they are counted."""

    is_mixture: Sequence[bool]
    gates: list[PlacedGate] = field(default_factory=list)
    mixtures: list[PlacedChannel] = field(default_factory=list)
    jumps: list[PlacedChannel] = field(default_factory=list)

    def row(self, draft: _Draft) -> tuple[list[list[tuple[bool, int]]], list[int]]:
        """The unitary parts of a block, each (drawn beforehand?, number), and its jumps."""
        parts: list[list[tuple[bool, int]]] = [[]]
        following: list[int] = []
        for op in draft.ops:
            if isinstance(op, Gate):
                parts[-1].append((False, len(self.gates)))
                self.gates.append(PlacedGate(op, *_bits(op, draft.qubits)))
                continue
            placed = PlacedChannel(op.channel, *_bits(op, draft.qubits))
            if self._is_drawn_beforehand(placed):
                parts[-1].append((True, len(self.mixtures)))
                self.mixtures.append(placed)
                continue
            if placed not in self.jumps:
                self.jumps.append(placed)
            following.append(self.jumps.index(placed))
            parts.append([])
        return parts, following

    def _is_drawn_beforehand(self, placed: PlacedChannel) -> bool:
        if isinstance(placed.channel, FixedChannel) or placed.controls:
            return False
        return self.is_mixture[placed.channel]


def _bits(
    op: Noisy, qubits: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
    """The bits of a block's index that an operation acts on, and those that control it."""
    bits = tuple(qubits.index(qubit) for qubit in op.qubits)
    return bits, tuple((qubits.index(control.qubit), control.value) for control in op.controls)
