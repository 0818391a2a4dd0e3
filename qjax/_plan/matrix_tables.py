"""Floor 3. Blocks of gates -> index tables that build all their matrices at once."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from qjax._base import tuning
from qjax._circuit.gates import ConstantGate, GateKind, PhaseGate
from qjax._plan.matrices import Bank, Lookup, Matrices, Product
from qjax._plan.placed_gates import Member
from qjax._plan.program import Encoding, Start

ZERO, ONE = 0, 1  # the first two entries of every bank


class MatrixTables:
    """Collects the gates of a segment; each gate's entries stand in a bank, once."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._constants: list[np.ndarray] = [np.array([0, 1], complex)]
        self._size = 2
        self._known: dict[bytes, int] = {}
        self._kinds: dict[tuple[GateKind, bool], list[np.ndarray]] = {}
        # Where the gates of a kind begin is known only when all constants are: until then, an
        # entry of the k-th gate of a kind is written as a negative code.
        self._codes: list[tuple[tuple[GateKind, bool], int]] = []
        self._tables: dict[int, list[np.ndarray]] = defaultdict(list)

    def add(self, members: Sequence[Member], order: Sequence[int]) -> int:
        """The place of a new matrix, the product of `members` on the qubits `order`.

        Args:
            members: gates, in the order of time.
            order: qubits, the most significant first.
        """
        factors = [
            self._constant(factor.matrix, len(order))
            if isinstance(factor, _Constant)
            else self._kronecker(factor.members, order)
            for factor in _factorise(members, order)
        ]
        width = max((len(factor) for factor in factors), default=1)
        if not factors:
            factors = [self._constant(np.eye(2 ** len(order)), len(order))]
        padded = [_pad(factor, width) for factor in factors]
        self._tables[len(order)].append(np.stack(padded))
        return len(self._tables[len(order)]) - 1

    def finish(self) -> tuple[Bank, tuple[Matrices, ...]]:
        """The bank, and the matrices of each width."""
        bank, starts = self._bank()
        matrices = []
        for width, tables in self._tables.items():
            groups = _groups(tables)
            products = tuple(
                Product(self._lookup([_pad_table(tables[slot], shape) for slot in slots], starts))
                for shape, slots in groups
            )
            order = np.argsort([slot for _, slots in groups for slot in slots])
            matrices.append(Matrices(width, products, order.astype(np.int32)))
        return bank, tuple(matrices)

    def finish_start(self, factors: tuple[Encoding | None, ...]) -> Start:
        """The product state of matrices on one qubit each, and of amplitudes that are given."""
        bank, starts = self._bank()
        tables = self._tables[1]
        if not tables:
            return Start(bank, None, factors)
        depth = max(len(table) for table in tables)
        shape = (1 << (depth - 1).bit_length(), 1)
        lookup = self._lookup([_pad_table(table, shape) for table in tables], starts)
        return Start(bank, Lookup(lookup.source[:, :, 0], lookup.uses), factors)

    def _bank(self) -> tuple[Bank, np.ndarray]:
        starts, size = {}, self._size
        for key, places in self._kinds.items():
            starts[key] = size
            size += len(places) * num_entries(key[0])
        first = np.array(
            [starts[key] + gate_index * num_entries(key[0]) for key, gate_index in self._codes],
            np.int64,
        )
        bank = Bank(
            np.concatenate(self._constants),
            tuple(self._kinds),
            tuple(np.stack(places, axis=-1) for places in self._kinds.values()),
        )
        return bank, first

    def _lookup(self, tables: Sequence[np.ndarray], starts: np.ndarray) -> Lookup:
        coded = np.stack(tables)
        source = coded.copy()
        code, entry = np.divmod(-coded[coded < 0] - 1, _CODE)
        source[coded < 0] = starts[code] + entry
        size = self._size + sum(len(p) * num_entries(k[0]) for k, p in self._kinds.items())
        return Lookup(source.astype(np.int32), _uses(source.ravel(), self._size, size))

    def _constant(self, matrix: np.ndarray, width: int) -> np.ndarray:
        """`(1, K, K)` entries of a constant."""
        data = np.ascontiguousarray(matrix, complex)
        key = data.tobytes()
        if key not in self._known:
            self._known[key] = self._size
            self._constants.append(data.ravel())
            self._size += data.size
        entries = self._known[key] + np.arange(data.size).reshape(data.shape)
        entries = np.where(data == 0, ZERO, np.where(data == 1, ONE, entries))
        return entries.reshape(1, 2**width, 2**width)

    def _kronecker(self, members: Sequence[Member], order: Sequence[int]) -> np.ndarray:
        """`(gates, K, K)` entries of gates on different qubits; idle qubits by the first."""
        busy = sum(bits_in_place(order, [q])[-1] for m in members for q in m.support)
        rows = np.arange(2 ** len(order))
        same = (rows[:, None] & ~busy) == (rows[None, :] & ~busy)
        tables = [self._entries(member, order) for member in members]
        tables[0] = np.where(same, tables[0], ZERO)
        return np.stack(tables)

    def _entries(self, member: Member, order: Sequence[int]) -> np.ndarray:
        """`(K, K)` codes of a gate's entries, whatever the qubits it does not touch."""
        key = (member.action.kind, member.batched)
        places = self._kinds.setdefault(key, [])
        self._codes.append((key, len(places)))
        places.append(np.asarray(member.angles))
        return embed(member, -1 - (len(self._codes) - 1) * _CODE, order)


# More than the entries of any gate with angles.
_CODE = 64


class _Constant(NamedTuple):
    matrix: np.ndarray
    touched: frozenset[int]


class _Kronecker(NamedTuple):
    members: tuple[Member, ...]
    touched: frozenset[int]


def _factorise(members: Sequence[Member], order: Sequence[int]) -> list[_Constant | _Kronecker]:
    """Factors in the order of time: constants multiplied here and now, the rest side by side."""
    factors: list[_Constant | _Kronecker] = []
    last: dict[int, int] = {}
    for member in members:
        support = frozenset(member.support)
        after = max((last[q] for q in support if q in last), default=-1)
        constant = isinstance(member.action.kind, ConstantGate)
        kind = _Constant if constant else _Kronecker
        # A constant may be multiplied to the factor that it follows; other gates stand beside.
        start = max(after, 0) if constant else after + 1
        position = next(
            (p for p in range(start, len(factors)) if isinstance(factors[p], kind)), None
        )
        if position is None:
            position = len(factors)
            factors.append(
                _Constant(np.eye(2 ** len(order), dtype=complex), frozenset())
                if constant
                else _Kronecker((), frozenset())
            )
        old = factors[position]
        if isinstance(old, _Constant):
            matrix = constant_matrix(member, order) @ old.matrix
            factors[position] = _Constant(matrix, old.touched | support)
        else:
            factors[position] = _Kronecker((*old.members, member), old.touched | support)
        last.update(dict.fromkeys(support, position))
    return factors


def constant_matrix(member: Member, order: Sequence[int]) -> np.ndarray:
    """`(K, K)`: a constant gate on the qubits `order`, identity on those it does not touch."""
    kind = member.action.kind
    if not isinstance(kind, ConstantGate):
        raise TypeError(f"a {type(kind).__name__} is no constant")
    table = np.concatenate([[0, 1], kind.matrix.ravel()])
    busy = bits_in_place(order, member.support)[-1]
    rows = np.arange(2 ** len(order))
    same = (rows[:, None] & ~busy) == (rows[None, :] & ~busy)
    return np.where(same, table[embed(member, 2, order)], 0)


def embed(member: Member, offset: int, order: Sequence[int]) -> np.ndarray:
    """`(K, K)` places of entries, `offset` and on (or down, if negative), ZERO and ONE apart."""
    kind, step = member.action.kind, 1 if offset >= 0 else -1
    target, control = bits_of(order, member.qubits), bits_of(order, member.controls)
    row, column = target[:, None], target[None, :]
    if isinstance(kind, PhaseGate):
        entry = np.where(row == column, offset + step * row, ZERO)
    else:
        entry = offset + step * (row * 2 ** len(member.qubits) + column)
    active = control == member.action.setting
    entry = np.where(active[None, :], entry, np.where(row == column, ONE, ZERO))
    return np.where(control[:, None] == control[None, :], entry, ZERO)


def bits_of(order: Sequence[int], qubits: Sequence[int]) -> np.ndarray:
    """The index that each row's bits on `qubits` (first: least significant) spell.

    `order` lists the qubits of a row, the most significant first.
    """
    rows = np.arange(2 ** len(order))
    index = np.zeros_like(rows)
    for k, qubit in enumerate(qubits):
        index |= (rows >> (len(order) - 1 - order.index(qubit)) & 1) << k
    return index


def bits_in_place(order: Sequence[int], qubits: Sequence[int]) -> np.ndarray:
    """The part of each row's index that its bits on `qubits` contribute."""
    mask = sum(1 << (len(order) - 1 - order.index(qubit)) for qubit in qubits)
    return np.arange(2 ** len(order)) & mask


def num_entries(kind: GateKind) -> int:
    """How many entries of its matrix a bank holds: a diagonal gate's zeros are left out."""
    return 2**kind.num_qubits if isinstance(kind, PhaseGate) else 4**kind.num_qubits


def _groups(tables: Sequence[np.ndarray]) -> list[tuple[tuple[int, int], list[int]]]:
    """Tables that are padded to one shape (factors, gates): few groups, and little padding."""
    by_depth: dict[int, list[int]] = defaultdict(list)
    deepest = max(len(table) for table in tables)
    small = len(tables) * deepest * tables[0][0, 0].size < tuning.SMALL_MATRICES
    for slot, table in enumerate(tables):
        by_depth[((deepest if small else len(table)) - 1).bit_length()].append(slot)
    return [
        ((1 << depth, max(tables[slot].shape[1] for slot in slots)), slots)
        for depth, slots in by_depth.items()
    ]


def _pad(factor: np.ndarray, gates: int) -> np.ndarray:
    missing = np.full((gates - len(factor), *factor.shape[1:]), ONE)
    return np.concatenate([factor, missing])


def _pad_table(table: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Further factors that are identities."""
    size = table.shape[-1]
    wider = np.full((len(table), shape[1] - table.shape[1], size, size), ONE)
    missing = np.full((shape[0] - len(table), shape[1], size, size), ONE)
    if missing.size:
        missing[:, 0] = np.eye(size, dtype=int)
    return np.concatenate([np.concatenate([table, wider], axis=1), missing])


def _uses(source: np.ndarray, constants: int, size: int) -> np.ndarray:
    """Where each entry is used that comes after the constants."""
    places = np.flatnonzero(source >= constants)
    entries = source[places] - constants
    by_entry = np.argsort(entries, kind="stable")
    counts = np.bincount(entries, minlength=size - constants)
    rank = np.arange(len(entries)) - np.repeat(np.cumsum(counts) - counts, counts)
    uses = np.full((size - constants, max(counts.max(initial=0), 1)), len(source))
    uses[entries[by_entry], rank] = places[by_entry]
    return uses.astype(np.int32)
