"""Floor 3. Blocks in order -> segments of passes, with what is free folded into them.

The builder keeps the frame in which the array stands, and the phases that are still to be applied,
as parities of the row's bits. A block that needs its qubits in front makes a pass; whatever
permutation and phases have gathered until then go with it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import NamedTuple

import numpy as np

from qjax._base import tuning
from qjax._circuit.gates import PhaseGate
from qjax._plan.frame import (
    Frame,
    Move,
    Place,
    adjacent,
    axis_frame,
    canonical_frame,
    move,
    moved_mask,
    parity_mask,
    permuted,
)
from qjax._plan.matrix_tables import MatrixTables
from qjax._plan.pass_tables import MadePass, Term, passes_of
from qjax._plan.placed_gates import Member
from qjax._plan.program import Segment
from qjax._plan.schedule import GateBlock, is_real_block, is_single_gate


class MadeSegment(NamedTuple):
    """Passes that run again and again; see `Segment`."""

    length: int
    period: int
    passes: tuple[MadePass, ...]


@dataclass(frozen=True)
class _State:
    """Where the array stands, and which phases are still to be applied."""

    frame: Frame
    terms: tuple[Term, ...] = ()

    def same_as(self, other: "_State") -> bool:
        """Equal but for the angles' numbers."""
        return self.frame == other.frame and _shape(self.terms) == _shape(other.terms)


def _shape(terms: Sequence[Term]) -> list[tuple]:
    return [(t.mask, t.weight, t.angle is None, t.batched) for t in terms]


class Builder:
    """Turns blocks into segments, run by run.

    Args:
        frame: in which the rows stand at the start.
        with_tables: whether segments get their tables; without, `made_segments` is all there is.
    """

    def __init__(self, frame: Frame, with_tables: bool = True) -> None:
        self._with_tables = with_tables
        self.segments: list[Segment] = []
        self.made_segments: list[MadeSegment] = []
        self._state = _State(frame)
        self._single: list[MadePass] = []

    @property
    def frame(self) -> Frame:
        return self._state.frame

    @property
    def num_passes(self) -> int:
        return sum(segment.length * len(segment.passes) for segment in self.made_segments)

    @property
    def last(self) -> MadePass:
        """What brings the rows in order, and applies the last phases."""
        return _rearranged(self._state, canonical_frame(len(self.frame.masks)))

    def add_run(self, blocks: Sequence[GateBlock], length: int) -> None:
        """Append blocks that are repeated `length` times with different angles."""
        if length == 1:
            passes, state = _advance(self._state, blocks, True)
            if _weight(passes) > tuning.MAX_BODY:
                passes, state = _advance(self._state, blocks, False)
            self._single, self._state = self._single + passes, state
            return
        entry, passes, tail = _steady(len(self.frame.masks), blocks, True)
        if _weight(passes) > tuning.MAX_BODY:
            entry, passes, tail = _steady(len(self.frame.masks), blocks, False)
        if not passes:
            # Nothing but phases and permutations: no pass at all, only terms for each repetition.
            for repetition in range(length):
                self._state = _advance(self._state, [_only(b, repetition) for b in blocks], True)[1]
            return
        if not (self._state.frame == entry.frame and not self._state.terms):
            self._single.append(_rearranged(self._state, entry.frame))
        self._flush()
        self._emit(passes, length)
        # What the last repetition leaves behind: angles of that repetition only.
        self._state = _State(tail.frame, tuple(_last(term) for term in tail.terms))

    def end(self) -> Segment:
        """`last`, as a segment."""
        self.finish()
        tables = MatrixTables(1)
        passes = passes_of([self.last], tables, 1, 1, len(self.frame.masks))
        return Segment(1, 1, passes, *tables.finish())

    def _flush(self) -> None:
        passes, self._single = self._single, []
        self._emit(passes, 1)

    def _emit(self, passes: Sequence[MadePass], length: int) -> None:
        """Cut passes into stretches that one body serves, and others."""
        start = 0
        while start < len(passes):
            stop = start
            while stop < len(passes) and _stacks(passes[stop], passes[start]):
                stop += 1
            whole = start == 0 and stop == len(passes)
            if _weight(passes[start:stop]) > tuning.MAX_BODY and (length == 1 or whole):
                self._append(passes[start:stop], length, stop - start)
                start = stop
            elif length > 1:
                self._append(passes, length, 1)
                start = len(passes)
            else:
                stop = start + 1
                while stop < len(passes) and not self._long_stretch(passes, stop):
                    stop += 1
                self._append(passes[start:stop], length, 1)
                start = stop

    @staticmethod
    def _long_stretch(passes: Sequence[MadePass], start: int) -> bool:
        ahead = passes[start : start + tuning.MAX_BODY + 1]
        stretch = takewhile(lambda made_pass: _stacks(made_pass, ahead[0]), ahead)
        return _weight(list(stretch)) > tuning.MAX_BODY

    def finish(self) -> None:
        """Make segments of all passes but `last`."""
        self._flush()

    def _append(self, made_passes: Sequence[MadePass], length: int, period: int) -> None:
        self.made_segments.append(MadeSegment(length, period, tuple(made_passes)))
        if not self._with_tables:
            return
        tables = MatrixTables(length)
        num_qubits = len(self.frame.masks)
        passes = passes_of(made_passes, tables, length, period, num_qubits)
        bank, matrices = tables.finish()
        self.segments.append(Segment(length, period, passes, bank, matrices))


def _weight(passes: Sequence[MadePass]) -> int:
    """How long passes take to compile; those with phases take about three times as long."""
    return sum(3 if made_pass.terms else 1 for made_pass in passes)


def _stacks(made_pass: MadePass, first: MadePass) -> bool:
    """Whether both passes can share a body: the same size of matrix, and as costly phases."""
    return _body(made_pass) is not None and _body(made_pass) == _body(first)


def _body(made_pass: MadePass) -> tuple | None:
    """What passes of one body have in common; None for one that shares it with no other."""
    if made_pass.block is None or is_single_gate(made_pass.block):
        return None
    # Phases per sample cost as much as the matrix; those that all samples share cost little.
    return len(made_pass.order), made_pass.above, any(term.batched for term in made_pass.terms)


def _advance(
    state: _State, blocks: Sequence[GateBlock], in_place: bool
) -> tuple[list[MadePass], _State]:
    """The passes of some blocks, and the state after them.

    Args:
        state: before them.
        blocks: in order.
        in_place: whether matrices act on their qubits where they stand, if those are adjacent, and
            those of later blocks are brought side by side; or on leading qubits only.
    """
    passes, frame, terms = [], state.frame, list(state.terms)
    for number, block in enumerate(blocks):
        if block.free:
            member = block.members[0]
            terms += _new_terms(frame, member)
            image = member.action.image
            frame = frame if image is None else permuted(frame, member.support, image)
        else:
            later = blocks[number + 1 :] if in_place else None
            passes.append(_make(_State(frame, tuple(terms)), block, later))
            frame, terms = passes[-1].frame, []
    return passes, _State(frame, tuple(terms))


def _new_terms(frame: Frame, member: Member) -> Iterable[Term]:
    """The phases of a gate that mixes no basis states."""
    angle = member.angles[0] if isinstance(member.action.kind, PhaseGate) else None
    for parity in member.action.parities or ():
        bits = [qubit for k, qubit in enumerate(member.support) if parity.mask >> k & 1]
        mask, flip = parity_mask(frame, bits)
        yield Term(mask, (-1) ** flip * parity.weight, angle, member.batched, False)


def _make(state: _State, block: GateBlock, later: Sequence[GateBlock] | None) -> MadePass:
    """A pass for a block: its qubits are brought in front, unless they can stay where they are."""
    place = adjacent(state.frame, block.qubits)
    if is_single_gate(block):
        member = block.members[0]
        order = (*member.controls[::-1], *member.qubits[::-1])
        stays = place == Place(order, 0)
    else:
        order = tuple(sorted(block.qubits, reverse=True))
        anywhere = later is not None and is_real_block(block)
        stays = place is not None and (place.above == 0 or anywhere)
    if place is None or not stays:
        place = Place(order, 0)
        frame = axis_frame(_layout(order, later or (), len(state.frame.masks)))
    else:
        frame = state.frame
    return _rearranged(state, frame)._replace(block=block, order=place.order, above=place.above)


def _layout(leading: Sequence[int], later: Sequence[GateBlock], num_qubits: int) -> list[int]:
    """All qubits: those that lead, then those of later blocks together, as far as they are free."""
    layout = list(leading)
    for block in later:
        if not block.free and is_real_block(block) and not set(block.qubits) & set(layout):
            layout += sorted(block.qubits, reverse=True)
    return layout + [qubit for qubit in range(num_qubits)[::-1] if qubit not in layout]


def _rearranged(state: _State, frame: Frame) -> MadePass:
    """A pass that brings the array into a frame and applies all phases."""
    return MadePass(frame, _move(state.frame, frame), _moved(state, frame), None, ())


def _move(old: Frame, new: Frame) -> Move | None:
    return None if old == new else move(old, new)


def _moved(state: _State, frame: Frame) -> tuple[Term, ...]:
    """The terms in the bits of another frame's rows."""
    if state.frame == frame:
        return state.terms
    through, moved = move(state.frame, frame), []
    for term in state.terms:
        mask, flip = moved_mask(term.mask, through)
        moved.append(term._replace(mask=mask, weight=(-1) ** flip * term.weight))
    return tuple(moved)


def _steady(
    num_qubits: int, blocks: Sequence[GateBlock], in_place: bool
) -> tuple[_State, list[MadePass], _State]:
    """(state before, passes, state after) of a layer that ends as it begins."""
    entry = _State(canonical_frame(num_qubits))
    for _ in range(tuning.MAX_LAYER_ATTEMPTS):
        passes, tail = _advance(entry, blocks, in_place)
        if not passes or tail.same_as(_State(entry.frame, entry.terms)):
            return entry, passes, tail
        entry = _State(tail.frame, tuple(_carried(term) for term in tail.terms))
    entry = _State(canonical_frame(num_qubits))
    passes, tail = _advance(entry, blocks, in_place)
    # Nothing is carried over if the layer ends by bringing the rows in order.
    passes.append(_rearranged(tail, entry.frame))
    return entry, passes, entry


def _carried(term: Term) -> Term:
    """A term that a repetition leaves to the next: seen from there, angles are one place behind."""
    angle = None if term.angle is None else np.roll(term.angle, 1)
    return term._replace(angle=angle, carried=True)


def _last(term: Term) -> Term:
    angle = None if term.angle is None else term.angle[-1:]
    return term._replace(angle=angle, carried=False)


def _only(block: GateBlock, repetition: int) -> GateBlock:
    chosen = slice(repetition, repetition + 1)
    return replace(
        block, members=tuple(m._replace(angles=m.angles[:, chosen]) for m in block.members)
    )
