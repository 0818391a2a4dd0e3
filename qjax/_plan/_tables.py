"""Floor 2. Blocks -> steps on the leading qubits, with index tables for their matrices."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from qjax._circuit import Gate
from qjax._gates import ConstantGate, GateKind, PhaseGate
from qjax._plan._fusion import Block, PlacedGate
from qjax._plan._steps import Dense, GateBank, Monomial, Product, Step

ZERO, ONE = 0, 1  # the first two entries of every gate bank


def build_bank(members: Sequence[PlacedGate]) -> tuple[GateBank, dict[int, int]]:
    """The bank of these gates, and where each gate's entries start, by the gate's `id`."""
    constants, offsets = [np.array([0, 1], complex)], {}
    size = 2
    known: dict[bytes, int] = {}
    by_kind: dict[str, list[PlacedGate]] = defaultdict(list)
    for member in members:
        kind = member.gate.kind
        if not isinstance(kind, ConstantGate):
            by_kind[member.gate.name].append(member)
            continue
        data = kind.matrix.tobytes()
        if data not in known:
            known[data] = size
            constants.append(kind.matrix.ravel())
            size += kind.matrix.size
        offsets[id(member)] = known[data]
    kinds = []
    for same in by_kind.values():
        kind = same[0].gate.kind
        kinds.append((kind, np.stack([m.angles for m in same], axis=-1)))
        for member in same:
            offsets[id(member)] = size
            size += num_entries(kind)
    return GateBank(np.concatenate(constants), tuple(kinds)), offsets


def num_entries(kind: GateKind) -> int:
    """How many entries of its matrix a bank holds: a diagonal gate's zeros are left out."""
    return 2**kind.num_qubits if isinstance(kind, PhaseGate) else 4**kind.num_qubits


def _bits(order: Sequence[int], qubits: Sequence[int]) -> np.ndarray:
    """The index that each row's bits on `qubits` (first: least significant) spell.

    `order` lists the leading qubits, the most significant first.
    """
    rows = np.arange(2 ** len(order))
    index = np.zeros_like(rows)
    for k, qubit in enumerate(qubits):
        index |= (rows >> (len(order) - 1 - order.index(qubit)) & 1) << k
    return index


def _active(gate: Gate, order: Sequence[int]) -> np.ndarray:
    """Whether each row satisfies the gate's controls."""
    setting = sum(control.value << k for k, control in enumerate(gate.controls))
    return _bits(order, [control.qubit for control in gate.controls]) == setting


def embed(gate: Gate, offset: int, order: Sequence[int]) -> np.ndarray:
    """`(K, K)` indices of bank entries: the gate's matrix on the leading qubits `order`."""
    target = _bits(order, gate.qubits)
    rest = np.arange(2 ** len(order)) - _bits_in_place(order, gate.qubits)
    row, column = target[:, None], target[None, :]
    if isinstance(gate.kind, PhaseGate):
        entry = np.where(row == column, offset + row, ZERO)
    else:
        entry = offset + row * 2 ** len(gate.qubits) + column
    entry = np.where(rest[:, None] == rest[None, :], entry, ZERO)
    identity = np.where(np.eye(len(rest), dtype=bool), ONE, ZERO)
    return np.where(_active(gate, order)[None, :], entry, identity)


def _bits_in_place(order: Sequence[int], qubits: Sequence[int]) -> np.ndarray:
    """The part of each row's index that its bits on `qubits` contribute."""
    mask = sum(1 << (len(order) - 1 - order.index(qubit)) for qubit in qubits)
    return np.arange(2 ** len(order)) & mask


def _monomial(block: Block, order: Sequence[int], length: int) -> Monomial:
    """Pull every phase of the block back to its start, through the permutations before it."""
    rows = np.arange(2 ** len(order))
    where, phase = rows, np.zeros(len(rows))
    columns: dict[bool, list[np.ndarray]] = {False: [], True: []}
    indices: dict[bool, list[np.ndarray]] = {False: [], True: []}
    for member in block.members:
        gate, kind = member.gate, member.gate.kind
        active = _active(gate, order)[where]
        target = _bits(order, gate.qubits)[where]
        if isinstance(kind, PhaseGate):
            columns[member.batched].append(np.where(active, np.array(kind.phases)[target], 0.0))
            indices[member.batched].append(np.asarray(member.angles[0]))
        elif isinstance(kind, ConstantGate):
            image = np.abs(kind.matrix).argmax(axis=0)
            angle = np.angle(kind.matrix[image, np.arange(len(image))])
            phase = phase + np.where(active, angle[target], 0.0)
            spelled = _spell(order, gate.qubits, image)[target]
            moved = where - _bits_in_place(order, gate.qubits)[where] + spelled
            where = np.where(active, moved, where)
    return Monomial(
        constant=np.exp(1j * phase) if phase.any() else None,
        shared=_stack(indices[False], (length, 0)),
        shared_phases=_stack(columns[False], (len(rows), 0)),
        batched=_stack(indices[True], (length, 0)),
        batched_phases=_stack(columns[True], (len(rows), 0)),
        source=None if (where == rows).all() else np.argsort(where),
    )


def _spell(order: Sequence[int], qubits: Sequence[int], index: np.ndarray) -> np.ndarray:
    """The rows in which the bits on `qubits` spell each index, and all other bits are 0."""
    places = [len(order) - 1 - order.index(qubit) for qubit in qubits]
    return sum(((index >> k & 1) << place for k, place in enumerate(places)), np.zeros_like(index))


def _stack(columns: list[np.ndarray], empty: tuple[int, int]) -> np.ndarray:
    if not columns:
        return np.zeros(empty, np.int32)
    return np.stack(columns, axis=-1)


def lay_out(layout: tuple[int, ...], block: Block) -> tuple[int, ...]:
    """The qubits of a block in front, moved only where they are not there yet."""
    wide = _lone_controlled(block)
    if wide is not None:
        leading = (*(control.qubit for control in wide.controls), *reversed(wide.qubits))
    elif set(layout[: len(block.qubits)]) == block.qubits:
        return layout
    else:
        leading = tuple(qubit for qubit in layout if qubit in block.qubits)
    return leading + tuple(qubit for qubit in layout if qubit not in block.qubits)


def _lone_controlled(block: Block) -> Gate | None:
    """The gate of a block that is one controlled gate: it touches one setting of the controls."""
    gate = block.members[0].gate
    alone = len(block.members) == 1 and not block.monomial
    return gate if alone and gate.controls and len(block.qubits) > 1 else None


def tabulate(
    blocks: Sequence[Block],
    layouts: Sequence[tuple[int, ...]],
    offsets: Mapping[int, int],
    length: int,
) -> tuple[list[Dense | Monomial], list[Product]]:
    """The operators of the blocks, and the products that their matrices come from."""
    tables: dict[tuple[bool, int, int], list[np.ndarray]] = defaultdict(list)
    made: list[tuple[tuple, int, Gate | None] | Monomial] = []
    for block, layout in zip(blocks, layouts, strict=True):
        order = layout[: len(block.qubits)]
        if block.monomial:
            made.append(_monomial(block, order, length))
            continue
        wide = _lone_controlled(block)
        gates = [(member.gate, offsets[id(member)]) for member in block.members]
        if wide is not None:
            gates = [(Gate(wide.name, wide.qubits, wide.angles, (), wide.matrix), gates[0][1])]
            order = order[len(wide.controls) :]
        table = [embed(gate, offset, order) for gate, offset in gates]
        # Grouping by the magnitude of their number keeps the padding below a factor of two.
        group = (block.batched, len(order), (len(table) - 1).bit_length())
        tables[group].append(_pad(table, 2 ** group[2]))
        made.append((group, len(tables[group]) - 1, wide))
    places = {group: place for place, group in enumerate(tables)}
    products = [Product(group[0], np.stack(table)) for group, table in tables.items()]
    return [m if isinstance(m, Monomial) else _dense(m, places) for m in made], products


def _pad(table: list[np.ndarray], gates: int) -> np.ndarray:
    identity = np.where(np.eye(table[0].shape[0], dtype=bool), ONE, ZERO)
    return np.stack(table + [identity] * (gates - len(table))).astype(np.int32)


def _dense(made: tuple[tuple, int, Gate | None], places: Mapping[tuple, int]) -> Dense:
    group, slot, wide = made
    if wide is None:
        return Dense(places[group], slot)
    setting = 0
    for control in wide.controls:
        setting = setting << 1 | control.value
    return Dense(places[group], slot, len(wide.controls), setting)


def make_steps(
    blocks: Sequence[Block],
    layouts: Sequence[tuple[int, ...]],
    operators: Sequence[Dense | Monomial],
    start: tuple[int, ...],
) -> list[Step]:
    """Each operator with the move of the axes that it needs."""
    steps, layout = [], start
    for block, after, operator in zip(blocks, layouts, operators, strict=True):
        steps.append(Step(moved_axes(layout, after), len(block.qubits), operator))
        layout = after
    return steps


def moved_axes(before: tuple[int, ...], after: tuple[int, ...]) -> tuple[int, ...] | None:
    """The argument of `transpose` that takes one layout to another; None where they are equal."""
    return None if before == after else tuple(before.index(qubit) for qubit in after)
