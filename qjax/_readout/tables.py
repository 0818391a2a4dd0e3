"""Floor 5. Observables -> the tables by which they are read out of a state, on the host."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from qjax._base import tuning
from qjax._base.tables import static, table_class
from qjax._circuit.observable import (
    DenseObservable,
    Observable,
    PauliSum,
    PauliTerm,
    Projectors,
    is_diagonal,
    pick,
)
from qjax._expressions import Expression, ExpressionTable, Value, expression_tables
from qjax._plan import Frame, parity_mask
from qjax._readout.pauli_strings import String, Strings, num_strings, tabulate
from qjax._readout.signed_sums import SignSums, sign_sums


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
    table: np.ndarray | None
    entries: tuple[Entries, ...]
    groups: tuple[ExpressionTable, ...]


# ---------------------------------------------------------------- the tables, on the host


_Users = list[tuple[int, float | Expression]]
"""The observables that a string stands in, and its coefficients there."""


@dataclass
class _Draft:
    """What is gathered while the strings are counted."""

    projected: list[Projected | Diagonal] = field(default_factory=list)
    numbers: list[tuple[int, int, float]] = field(default_factory=list)
    expressions: list[tuple[int, int, float, Expression]] = field(default_factory=list)
    rows: int = 0

    def use(self, place: int, users: _Users, sign: float = 1.0) -> None:
        """Whose string stands at this place of the tables that come next."""
        row = self.rows + place
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
) -> Reading:
    """The tables of some observables.

    Args:
        observables: on all qubits of the circuit.
        num_qubits: n.
        num_params: the number of parameters of the circuit.
        batched: the indices of those that differ per sample.
        frame: which basis state each row holds where the state is not brought in order.
    """
    diagonal = is_diagonal(*observables)
    observables = cheaply_expanded(observables)
    matrices = {} if diagonal else _matrices(observables, num_qubits)
    sums = ((p, o) for p, o in enumerate(observables) if p not in matrices)
    groups = _by_projectors((p, o) for p, o in sums if isinstance(o, PauliSum))
    any_order = diagonal and not any(groups)
    draft = _Draft()
    if diagonal:
        _add_diagonal(draft, groups, num_qubits, frame if any_order else None)
    else:
        _add_strings(draft, groups, num_qubits)
    table, entries = _numbers(draft, len(observables))
    mixed = any(not batched.isdisjoint(each[3].parameters) for each in draft.expressions)
    shared = [p for p in range(num_params) if p not in batched]
    order = [*sorted(batched), *shared] if mixed else shared
    # Coefficients, not angles: they have no period.
    expression_groups, places = expression_tables(
        [Value(each[3], periodic=False) for each in draft.expressions],
        {p: place for place, p in enumerate(order)},
    )
    if draft.expressions:
        draft.expressions.sort(key=lambda each: each[:2])
        outputs, rows, signs, expressions = zip(*draft.expressions, strict=True)
        found = np.array([places[Value(e, periodic=False)] for e in expressions], np.int32)
        entries = (*entries, Entries(_index(outputs), _index(rows), found, np.array(signs)))
    return Reading(
        len(observables),
        diagonal,
        any_order,
        mixed,
        tuple(draft.projected),
        _index(matrices),
        np.stack(list(matrices.values())) if matrices else None,
        table,
        entries,
        expression_groups,
    )


def _index(values: Iterable[int]) -> np.ndarray:
    return np.array(list(values), np.int32)


def _by_projectors(
    numbered: Iterable[tuple[int, PauliSum]],
) -> dict[Projectors, dict[String, _Users]]:
    """Each string once, with the observables that it stands in and its coefficients there."""
    found: dict[Projectors, dict[String, _Users]] = defaultdict(dict)
    for output, observable in numbered:
        for term in observable.terms:
            users = found[term.projectors].setdefault(String(term.x, term.z), [])
            users.append((output, term.coefficient))
    return found


def _rest(qubits: Iterable[int], num_qubits: int) -> list[int]:
    taken = set(qubits)
    return [qubit for qubit in range(num_qubits) if qubit not in taken]


_Groups = Mapping[Projectors, Mapping[String, _Users]]


def _add_strings(draft: _Draft, groups: _Groups, num_qubits: int) -> None:
    for projectors, strings in groups.items():
        rest = _rest([qubit for qubit, _ in projectors], num_qubits)
        left = [String(pick(x, rest), pick(z, rest)) for x, z in strings]
        tables, places = tabulate(left, len(rest))
        for place, users in zip(places, strings.values(), strict=True):
            draft.use(place, users)
        draft.add(Projected(projectors, tables), num_strings(tables))


def _add_diagonal(draft: _Draft, groups: _Groups, num_qubits: int, frame: Frame | None) -> None:
    """Signs of basis states; with a frame, those of the rows that hold them."""
    by_qubits: dict[tuple[int, ...], list[Projectors]] = defaultdict(list)
    for projectors in groups:
        by_qubits[tuple(qubit for qubit, _ in projectors)].append(projectors)
    for qubits, members in by_qubits.items():
        rest = _rest(qubits, num_qubits)
        strings = list(dict.fromkeys(z for projectors in members for _, z in groups[projectors]))
        place = {z: k for k, z in enumerate(strings)}
        signed = [_row_mask(z, rest, frame) for z in strings]
        for row, projectors in enumerate(members):
            for (_, z), users in groups[projectors].items():
                draft.use(row * len(strings) + place[z], users, signed[place[z]][1])
        settings = [sum(int(c) << k for k, (_, c) in enumerate(each)) for each in members]
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


def _matrices(observables: Sequence[Observable], num_qubits: int) -> dict[int, np.ndarray]:
    """What is applied as a matrix: that was given as one, or sums of many strings on few qubits."""
    found = {
        place: observable.matrix.array
        for place, observable in enumerate(observables)
        if isinstance(observable, DenseObservable)
    }
    sums = {p: o for p, o in enumerate(observables) if isinstance(o, PauliSum)}
    terms = [term for observable in sums.values() for term in observable.terms]
    flips = {(term.x, (term.x & term.z).bit_count() & 1) for term in terms}
    plain = not any(isinstance(t.coefficient, Expression) or t.projectors for t in terms)
    # Twice as many numbers per row, multiplied and added, in a GEMM.
    cheap = len(sums) << num_qubits <= tuning.MATRIX_GAIN * len(flips)
    small = len(sums) << 2 * num_qubits <= tuning.MAX_DENSE
    # Given matrices are of the qubits without the records of a dynamic circuit.
    fitting = all(len(matrix) == 2**num_qubits for matrix in found.values())
    if plain and cheap and small and fitting and len(flips) > tuning.MAX_UNROLLED:
        found |= {place: _matrix(sums[place].terms, num_qubits) for place in sums}
    return found


def _matrix(terms: Sequence[PauliTerm], num_qubits: int) -> np.ndarray:
    rows = np.arange(2**num_qubits)
    matrix = np.zeros((len(rows), len(rows)), complex)
    for x, z, coefficient, _ in terms:
        assert not isinstance(coefficient, Expression)
        factor = coefficient * 1j ** (x & z).bit_count()
        matrix[rows ^ x, rows] += factor * (
            1.0 - 2 * (np.bitwise_count(rows & z) & 1).astype(float)
        )
    return matrix


# ---------------------------------------------------------------- projectors as Pauli strings

# |b><b| = (I + sign P)/2, where P has the masks (x, z) on its qubit.
_HALVES = {
    "0": (0, 1, 1), "1": (0, 1, -1), "+": (1, 0, 1), "-": (1, 0, -1),
    "r": (1, 1, 1), "l": (1, 1, -1),
}  # fmt: skip


def expanded(term: PauliTerm) -> list[PauliTerm]:
    """The Pauli strings, `2**len(projectors)` of them, that a term is the sum of."""
    found = [term._replace(projectors=())]
    for qubit, letter in term.projectors:
        x, z, sign = _HALVES[letter]
        found = [
            each._replace(
                x=each.x | taken * x << qubit,
                z=each.z | taken * z << qubit,
                coefficient=_times(each.coefficient, sign / 2 if taken else 1 / 2),
            )
            for each in found
            for taken in (0, 1)
        ]
    return found


def _times(coefficient: float | Expression, factor: float) -> float | Expression:
    if not isinstance(coefficient, Expression):
        return coefficient * factor
    program, parameters, constants = (
        coefficient.program,
        coefficient.parameters,
        coefficient.constants,
    )
    return Expression((*program, "c", "multiply"), parameters, (*constants, factor))


def cheaply_expanded(observables: Sequence[Observable]) -> list[Observable]:
    """Projectors as Pauli strings, where this makes hardly more terms than there are.

    A projector onto |0...0> of n qubits would be `2**n` strings; one on two qubits is four, and
    those of many terms are often the same.
    """
    terms = [t for o in observables if isinstance(o, PauliSum) for t in o.terms]
    widest = 64 if _few_strings(terms, max(64, 4 * len(terms))) else 2
    return [
        PauliSum(
            o.num_qubits,
            tuple(
                part
                for term in o.terms
                for part in (expanded(term) if len(term.projectors) <= widest else [term])
            ),
        )
        if isinstance(o, PauliSum) and any(term.projectors for term in o.terms)
        else o
        for o in observables
    ]


def _few_strings(terms: Sequence[PauliTerm], most: int) -> bool:
    """Whether all terms together are at most this many distinct strings, and soon found out."""
    sizes = [1 << len(term.projectors) for term in terms]
    if max(sizes, default=0) > most or sum(sizes) > tuning.MAX_EXPANDED:
        return False
    strings: set[tuple[int, int]] = set()
    for term in terms:
        strings.update((part.x, part.z) for part in expanded(term))
        if len(strings) > most:
            return False
    return True
