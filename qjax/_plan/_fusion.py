"""Floor 2. Gates -> blocks: greedy fusion, each block one pass over the state."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qjax._circuit import Gate
from qjax._gates import ConstantGate, PhaseGate

# Measured on two CPU cores: wider matrices cost flops, narrower ones cost passes.
MAX_DENSE = 4
# A matrix per sample costs memory traffic instead of a GEMM, so those stay narrow.
MAX_BATCHED = 1
# A monomial block costs one pass whatever its width; its table has 2**width rows.
MAX_MONOMIAL = 10


class PlacedGate(NamedTuple):
    """A gate, whether any of its angles differs per sample, and where its angles stand.

    `angles` holds places in the shared or batched angles: one each, or, for a gate of a body that
    repeats, an array `(num_angles, length)`.
    """

    gate: Gate
    batched: bool
    angles: tuple[int, ...] | np.ndarray


@dataclass(frozen=True, slots=True)
class Block:
    """Gates that are applied together, in order."""

    qubits: frozenset[int]
    members: tuple[PlacedGate, ...]
    monomial: bool
    batched: bool


def is_monomial(gate: Gate) -> bool:
    """Whether its matrix has one nonzero entry per column: a permutation with phases."""
    kind = gate.kind
    if isinstance(kind, ConstantGate):
        return bool((np.count_nonzero(kind.matrix, axis=0) == 1).all())
    return isinstance(kind, PhaseGate)


def fuse(members: Iterable[PlacedGate]) -> list[Block]:
    """Blocks whose product, in order, is the product of the gates.

    A gate may join any block from the last one that touches its qubits on: those in between act
    on other qubits and commute with it. It joins the one that grows least.
    """
    blocks: list[Block] = []
    last: dict[int, int] = {}
    for member in members:
        support = frozenset(member.gate.support)
        monomial = is_monomial(member.gate) and len(support) <= MAX_MONOMIAL
        first = max((last.get(qubit, 0) for qubit in support), default=0)
        joined = [
            (len(support - block.qubits), place, grown)
            for place, block in enumerate(blocks[first:], first)
            if (grown := _join(block, member, support, monomial)) is not None
        ]
        if joined:
            _, place, block = min(joined, key=lambda candidate: candidate[:2])
            blocks[place] = block
        else:
            place = len(blocks)
            blocks.append(Block(support, (member,), monomial, member.batched))
        last.update(dict.fromkeys(support, place))
    return blocks


def _join(
    block: Block, member: PlacedGate, support: frozenset[int], monomial: bool
) -> Block | None:
    """The block with the gate in it, or None where it does not fit."""
    qubits, members = block.qubits | support, (*block.members, member)
    if block.monomial and monomial and len(qubits) <= MAX_MONOMIAL:
        return Block(qubits, members, True, block.batched or member.batched)
    if any(other.batched != member.batched for other in block.members):
        return None
    if len(qubits) <= (MAX_BATCHED if member.batched else MAX_DENSE):
        return Block(qubits, members, False, block.batched)
    return None
