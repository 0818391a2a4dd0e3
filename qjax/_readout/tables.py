"""Floor 5. Observables -> the tables by which they are read out of a state, on the host."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from qjax._base import tuning
from qjax._base.tables import static, table_class
from qjax._circuit.observable import (
    Observable,
    PauliSum,
    Projectors,
    is_diagonal,
    pick,
)
from qjax._expressions import Expression, ExpressionTable, Value, expression_tables
from qjax._plan import Frame, parity_mask
from qjax._readout.dense_sums import matrices_of
from qjax._readout.expanded_projectors import cheaply_expanded
from qjax._readout.signed_sums import SignSums, sign_sums
from qjax._readout.string_tables import String, Strings, masks_of, num_strings, tabulate


@table_class
class Projected:
    """The strings that have the same projectors as factors.

    Attributes:
        projectors: qubits and letters.
        strings: what is measured on the other qubits.
    """

    projectors: Projectors = static()
    strings: Strings


@table_class
class Diagonal:
    """Strings of Z behind projectors of the same qubits onto basis states.

    Attributes:
        qubits: those that have projectors, ascending.
        settings: `(settings,)` which basis states these project onto.
        sums: what is measured on the other qubits, for each setting.
    """

    qubits: tuple[int, ...] = static()
    settings: np.ndarray
    sums: SignSums


@table_class
class Entries:
    """Coefficients of strings in observables, one by one.

    Attributes:
        outputs, rows: `(entries,)` which observable and which string, by observable.
        places: `(entries,)` which expression; None for numbers.
        factors: `(entries,)` the numbers, or those that the expressions are multiplied by.
    """

    outputs: np.ndarray
    rows: np.ndarray
    places: np.ndarray | None
    factors: np.ndarray


@table_class
class Reading:
    """What to read out of a state.

    Attributes:
        num_outputs: the number of observables.
        diagonal: whether probabilities are enough.
        any_order: whether the rows of the state serve as they stand, in the frame of the plan.
        mixed: whether coefficients depend on parameters that differ per sample.
        projected: all strings, by their projectors; `Diagonal` where all observables are.
        dense: `(matrices,)` which observables are matrices.
        matrices: `(matrices, 2**n, 2**n)`, or None.
        masks: `(2, strings)` of X's and of Z's, all that kernels need to know of all strings; None
            where none run, strings have projectors, or observables are matrices.
        table: `(observables, strings)` numbers, or None where these stand in `entries`.
        entries: further coefficients.
        groups: expressions among the coefficients.
    """

    num_outputs: int = static()
    diagonal: bool = static()
    any_order: bool = static()
    mixed: bool = static()
    projected: tuple[Projected | Diagonal, ...]
    dense: np.ndarray
    matrices: np.ndarray | None
    masks: np.ndarray | None
    table: np.ndarray | None
    entries: tuple[Entries, ...]
    groups: tuple[ExpressionTable, ...]


_Users = list[tuple[int, float | Expression]]
"""The observables that a string stands in, and its coefficients there."""


@dataclass
class _Draft:
    """What is gathered while the strings are counted."""

    projected: list[Projected | Diagonal] = field(default_factory=list)
    numbers: list[tuple[int, int, float]] = field(default_factory=list)
    expressions: list[tuple[int, int, float, Expression]] = field(default_factory=list)
    rows: int = 0

    def use(self, position: int, users: _Users, sign: float = 1.0) -> None:
        """Whose string stands at this position of the tables that come next."""
        row = self.rows + position
        for output, coefficient in users:
            if isinstance(coefficient, Expression):
                self.expressions.append((output, row, sign, coefficient))
            else:
                self.numbers.append((output, row, sign * coefficient))

    def add(self, tables: Projected | Diagonal, rows: int) -> None:
        self.projected.append(tables)
        self.rows += rows


def reading_of(
    observables: Sequence[Observable],
    num_qubits: int,
    num_params: int,
    batched: frozenset[int],
    frame: Frame,
    kernels: bool = False,
) -> Reading:
    """The tables of some observables.

    Args:
        observables: on all qubits of the circuit.
        num_qubits: n.
        num_params: the number of parameters of the circuit.
        batched: the indices of those that differ per sample.
        frame: which basis state each row holds where the state is not brought in order.
        kernels: whether kernels may read it out, to which qubits are in order: then sums of strings
            are no matrices.
    """
    diagonal = is_diagonal(*observables)
    observables = cheaply_expanded(observables)
    by_kernels = kernels and _without_projectors(observables)
    matrices = {} if diagonal or by_kernels else matrices_of(observables, num_qubits)
    sums = ((p, o) for p, o in enumerate(observables) if p not in matrices)
    groups = _by_projectors((p, o) for p, o in sums if isinstance(o, PauliSum))
    any_order = diagonal and not any(groups)
    draft = _Draft()
    if diagonal:
        _add_diagonal(draft, groups, num_qubits, frame if any_order else None)
    else:
        _add_strings(draft, groups, num_qubits)
    table, entries = _numbers(draft, len(observables))
    mixed = any(not batched.isdisjoint(entry[3].parameters) for entry in draft.expressions)
    shared = [p for p in range(num_params) if p not in batched]
    order = [*sorted(batched), *shared] if mixed else shared
    draft.expressions.sort(key=lambda entry: entry[:2])
    # Coefficients, not angles: they have no period.
    expression_groups, places = expression_tables(
        [Value(entry[3], periodic=False) for entry in draft.expressions],
        {p: position for position, p in enumerate(order)},
    )
    if draft.expressions:
        outputs, rows, signs, _ = zip(*draft.expressions, strict=True)
        signed = Entries(_index(outputs), _index(rows), _index(places), np.array(signs))
        entries = (*entries, signed)
    return Reading(
        len(observables),
        diagonal,
        any_order,
        mixed,
        tuple(draft.projected),
        _index(matrices),
        np.stack(list(matrices.values())) if matrices else None,
        _masks(draft.projected) if by_kernels else None,
        table,
        entries,
        expression_groups,
    )


def _index(values: Iterable[int]) -> np.ndarray:
    return np.array(list(values), np.int32)


def _without_projectors(observables: Iterable[Observable]) -> bool:
    return all(
        isinstance(o, PauliSum) and not any(term.projectors for term in o.terms)
        for o in observables
    )


def _masks(projected: Sequence[Projected | Diagonal]) -> np.ndarray | None:
    """The masks of all strings, which have no projectors."""
    if not projected:
        return None
    (group,) = projected
    if isinstance(group, Projected):
        return masks_of(group.strings)
    return np.stack([np.zeros_like(group.sums.masks), group.sums.masks])


def _by_projectors(
    numbered: Iterable[tuple[int, PauliSum]],
) -> dict[Projectors, dict[String, _Users]]:
    """Each string once, with the observables that it stands in and its coefficients there."""
    groups: dict[Projectors, dict[String, _Users]] = defaultdict(dict)
    for output, observable in numbered:
        for term in observable.terms:
            users = groups[term.projectors].setdefault(String(term.x, term.z), [])
            users.append((output, term.coefficient))
    return groups


def _rest(qubits: Iterable[int], num_qubits: int) -> list[int]:
    taken = set(qubits)
    return [qubit for qubit in range(num_qubits) if qubit not in taken]


_Groups = Mapping[Projectors, Mapping[String, _Users]]


def _add_strings(draft: _Draft, groups: _Groups, num_qubits: int) -> None:
    for projectors, strings in groups.items():
        rest = _rest([qubit for qubit, _ in projectors], num_qubits)
        left = [String(pick(x, rest), pick(z, rest)) for x, z in strings]
        tables, positions = tabulate(left, len(rest))
        for position, users in zip(positions, strings.values(), strict=True):
            draft.use(position, users)
        draft.add(Projected(projectors, tables), num_strings(tables))


def _add_diagonal(draft: _Draft, groups: _Groups, num_qubits: int, frame: Frame | None) -> None:
    """Strings of Z, as signs of basis states; with a frame, as signs of the rows."""
    by_qubits: dict[tuple[int, ...], list[Projectors]] = defaultdict(list)
    for projectors in groups:
        by_qubits[tuple(qubit for qubit, _ in projectors)].append(projectors)
    for qubits, members in by_qubits.items():
        rest = _rest(qubits, num_qubits)
        strings = list(dict.fromkeys(z for projectors in members for _, z in groups[projectors]))
        column = {z: k for k, z in enumerate(strings)}
        signed = [_row_mask(z, rest, frame) for z in strings]
        for row, projectors in enumerate(members):
            for (_, z), users in groups[projectors].items():
                draft.use(row * len(strings) + column[z], users, signed[column[z]][1])
        settings = [
            sum(int(c) << k for k, (_, c) in enumerate(projectors)) for projectors in members
        ]
        sums = sign_sums([mask for mask, _ in signed], len(rest))
        draft.add(Diagonal(qubits, _index(settings), sums), len(members) * len(strings))


def _row_mask(z: int, rest: Sequence[int], frame: Frame | None) -> tuple[int, float]:
    """The mask of a string of Z on rows, and its sign."""
    if frame is None:
        return pick(z, rest), 1.0
    mask, flip = parity_mask(frame, (qubit for qubit in rest if z >> qubit & 1))
    return mask, -1.0 if flip else 1.0


def _numbers(draft: _Draft, num_outputs: int) -> tuple[np.ndarray | None, tuple[Entries, ...]]:
    if num_outputs * draft.rows <= max(tuning.MAX_COEFFICIENT_TABLE, 4 * draft.rows):
        table = np.zeros((num_outputs, draft.rows))
        for output, row, value in draft.numbers:
            table[output, row] += value
        return table, ()
    outputs, rows, values = zip(*sorted(draft.numbers), strict=True)
    return None, (Entries(_index(outputs), _index(rows), None, np.array(values)),)
