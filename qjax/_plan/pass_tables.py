"""Floor 3. Passes that are decided on -> their tables.

`builder` decides what a pass does, in terms of gates and qubits; here that becomes numbers.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from qjax._plan.frame import Frame, Move, inverse_move, row_tables, sign_tables
from qjax._plan.matrix_tables import MatrixTables
from qjax._plan.passes import Coefficients, Dense, Pass, PerSample, Phases, Reorder
from qjax._plan.schedule import GateBlock, is_real_block, is_single_gate


class Term(NamedTuple):
    """A phase weight * angle * (-1)**parity(row & mask); without an angle, weight alone."""

    mask: int
    weight: float
    angle: np.ndarray | None
    batched: bool
    carried: bool


class MadePass(NamedTuple):
    """A pass before its tables are made.

    Attributes:
        frame: after it.
        move, terms: how it rearranges the rows, and the phases that it applies.
        block: what its matrix consists of.
        order: the block's qubits as bits of `frame`, the most significant first.
        above: how many bits are more significant than those.
    """

    frame: Frame
    move: Move | None
    terms: tuple[Term, ...]
    block: GateBlock | None
    order: tuple[int, ...]
    above: int = 0


def passes_of(
    made_passes: Sequence[MadePass], tables: MatrixTables, length: int, period: int, num_qubits: int
) -> tuple[Pass, ...]:
    """The passes of a segment; `period` of them in a row make one."""
    passes = []
    for start in range(0, len(made_passes), period):
        group = made_passes[start : start + period]
        operator = _operator(group, tables)
        passes.append(
            Pass(_reorder(group, num_qubits), _phases(group, length, num_qubits), operator)
        )
    return tuple(passes)


def _operator(group: Sequence[MadePass], tables: MatrixTables) -> Dense | PerSample | None:
    block = group[0].block
    if block is None:
        return None
    if not is_single_gate(block):
        slots = [
            tables.add(made_pass.block.members, made_pass.order)
            for made_pass in group
            if made_pass.block
        ]
        real = all(is_real_block(made_pass.block) for made_pass in group if made_pass.block)
        return Dense(len(group[0].order), slots[0], 0, 0, group[0].above, real)
    member = block.members[0]
    num_controls = len(member.controls)
    # The first control is the least significant bit of the setting, and of the leading bits.
    setting = member.action.setting
    if member.batched:
        return PerSample(member.action.kind, num_controls, setting, np.asarray(member.angles))
    bare = member._replace(action=member.action._replace(setting=0), controls=())
    slot = tables.add([bare], group[0].order[num_controls:])
    return Dense(len(member.qubits), slot, num_controls, setting, 0, False)


def _reorder(group: Sequence[MadePass], num_qubits: int) -> Reorder | None:
    if all(made_pass.move is None for made_pass in group):
        return None
    stay = Move(tuple(1 << bit for bit in range(num_qubits)), 0)
    moves = [made_pass.move or stay for made_pass in group]
    forward = [row_tables(move) for move in moves]
    back = [row_tables(inverse_move(move)) for move in moves]
    return Reorder(
        *(np.stack(tables) for tables in (*zip(*forward, strict=True), *zip(*back, strict=True)))
    )


def _phases(group: Sequence[MadePass], length: int, num_qubits: int) -> Phases | None:
    if not any(made_pass.terms for made_pass in group):
        return None
    masks = [list(dict.fromkeys(term.mask for term in made_pass.terms)) for made_pass in group]
    most = max(len(pass_masks) for pass_masks in masks)
    signs = [
        sign_tables(pass_masks + [0] * (most - len(pass_masks)), num_qubits) for pass_masks in masks
    ]
    high, low = (np.stack(tables) for tables in zip(*signs, strict=True))
    shared = [[t for t in made_pass.terms if not t.batched] for made_pass in group]
    batched = [[t for t in made_pass.terms if t.batched] for made_pass in group]
    return Phases(
        high,
        low,
        _coefficients(shared, masks, most, length) if any(shared) else None,
        _coefficients(batched, masks, most, length) if any(batched) else None,
    )


def _coefficients(
    terms: Sequence[Sequence[Term]], masks: Sequence[list[int]], most: int, length: int
) -> Coefficients:
    """Terms of the same parity and angle are one weight; carried and own ones are kept apart."""
    columns = [
        list(
            dict.fromkeys((t.angle.tobytes(), t.carried) for t in pass_terms if t.angle is not None)
        )
        for pass_terms in terms
    ]
    width = max(map(len, columns), default=0)
    constants = np.zeros((2, len(terms), most))
    weights = np.zeros((len(terms), most, width))
    places = np.zeros((length, len(terms), width), np.int32)
    carried = np.zeros((len(terms), width), bool)
    for k, pass_terms in enumerate(terms):
        for term in pass_terms:
            row = masks[k].index(term.mask)
            if term.angle is None:
                constants[int(term.carried), k, row] += term.weight
                continue
            column = columns[k].index((term.angle.tobytes(), term.carried))
            weights[k, row, column] += term.weight
            places[:, k, column] = term.angle
            carried[k, column] = term.carried
    return Coefficients(constants[0], constants[1], weights, places, carried)
