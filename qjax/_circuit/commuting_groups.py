"""Floor 2. Observables -> groups of terms that one measurement of single qubits shows together.

Pauli strings that agree on every qubit on which both act ("qubit-wise commuting") are read out of
the same shots: each qubit is measured in the basis of its letter. A. Kandala et al., Nature 549,
242 (2017), supplementary information. Projectors are letters as the operators that they belong to.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from qjax._circuit.observable import DenseObservable, Observable, PauliSum, PauliTerm
from qjax._circuit.operations import Gate, gate

Letters = dict[int, str]
"""The basis, X, Y or Z, that each qubit is measured in."""

# Each is a row of the batch that is simulated, and has tables of its own.
_MOST_GROUPS = 1024

_BASES = {"0": "Z", "1": "Z", "+": "X", "-": "X", "r": "Y", "l": "Y"}
_AS_BITS = {"0": "0", "1": "1", "+": "0", "-": "1", "r": "0", "l": "1"}


@dataclass(frozen=True, slots=True)
class CommutingGroup:
    """Terms that are read out of the same shots.

    Attributes:
        letters: `(qubit, letter)`, ascending: what each measured qubit is measured in.
        observables: one for each output: its terms in this group, diagonal, on the measured qubits
            in their order.
    """

    letters: tuple[tuple[int, str], ...]
    observables: tuple[PauliSum, ...]

    @property
    def qubits(self) -> tuple[int, ...]:
        """The qubits that are measured."""
        return tuple(qubit for qubit, _ in self.letters)


@dataclass
class _Draft:
    """A group while it is filled: terms with the number of their output."""

    letters: Letters = field(default_factory=dict)
    members: list[tuple[int, PauliTerm]] = field(default_factory=list)

    def takes(self, letters: Letters) -> bool:
        return all(self.letters.get(qubit, letter) == letter for qubit, letter in letters.items())


def commuting_groups(observables: Sequence[Observable]) -> tuple[CommutingGroup, ...]:
    """Each term of each observable in one group; at least one group.

    Terms with most letters come first, each into the first group that takes it. Matrices are sums
    of the Pauli strings that they consist of.
    """
    sums = [_as_sum(observable) for observable in observables]
    numbered = [(output, term) for output, held in enumerate(sums) for term in held.terms]
    numbered.sort(key=lambda entry: -len(letters_of(entry[1])))
    drafts = [_Draft()]
    for output, term in numbered:
        letters = letters_of(term)
        draft = next((draft for draft in drafts if draft.takes(letters)), None)
        if draft is None:
            _refuse_more(len(drafts))
            drafts.append(draft := _Draft())
        draft.letters.update(letters)
        draft.members.append((output, term))
    return tuple(_finished(draft, len(sums)) for draft in drafts)


def letters_of(term: PauliTerm) -> Letters:
    """The basis that each qubit of a term has to be measured in."""
    letters = {
        qubit: "ZXY"[(term.x >> qubit & 1) + (term.x & term.z & 1 << qubit != 0)]
        for qubit in range((term.x | term.z).bit_length())
        if (term.x | term.z) >> qubit & 1
    }
    return letters | {qubit: _BASES[letter] for qubit, letter in term.projectors}


def turn_of(qubit: int, letter: str) -> tuple[Gate, ...]:
    """The gates after which a measurement of Z shows the letter."""
    turns = {"Z": (), "X": ("h",), "Y": ("sdg", "h")}
    return tuple(gate(name, qubit) for name in turns[letter])


def _refuse_more(num_groups: int) -> None:
    if num_groups >= _MOST_GROUPS:
        raise ValueError(
            f"shots: the observables need more than {_MOST_GROUPS} settings of the measured bases; "
            "expected fewer terms, such as Pauli strings instead of matrices on many qubits. "
            "Without shots, they are computed exactly"
        )


def _finished(draft: _Draft, num_outputs: int) -> CommutingGroup:
    letters = tuple(sorted(draft.letters.items()))
    places = {qubit: place for place, (qubit, _) in enumerate(letters)}
    terms: list[list[PauliTerm]] = [[] for _ in range(num_outputs)]
    for output, term in draft.members:
        terms[output].append(_diagonal(term, places))
    return CommutingGroup(letters, tuple(PauliSum(len(letters), tuple(own)) for own in terms))


def _diagonal(term: PauliTerm, places: dict[int, int]) -> PauliTerm:
    acts = term.x | term.z
    mask = sum(1 << place for qubit, place in places.items() if acts >> qubit & 1)
    projectors = sorted((places[qubit], _AS_BITS[letter]) for qubit, letter in term.projectors)
    return PauliTerm(0, mask, term.coefficient, tuple(projectors))


def _as_sum(observable: Observable) -> PauliSum:
    if isinstance(observable, PauliSum):
        return observable
    return pauli_sum_of(observable)


def pauli_sum_of(observable: DenseObservable) -> PauliSum:
    """The Pauli strings of a matrix: coefficients tr(P O) / 2**n, which are real.

    Entries O[b ^ x, b] hold the strings with X's at x: their Walsh transform over b tells the Z's.
    """
    matrix = observable.matrix.array
    size = len(matrix)
    states = np.arange(size)
    largest = np.abs(matrix).max(initial=0.0)
    terms = []
    for x in range(size):
        sums = _walsh(matrix[states ^ x, states]) / size
        for z in np.flatnonzero(np.abs(sums) > 1e-14 * largest).tolist():
            # P = i**popcount(x & z) X^x Z^z has the entries i**popcount(x & z) (-1)**(b & z).
            phase = (-1j) ** ((x & z).bit_count() % 4)
            terms.append(PauliTerm(x, z, float((phase * sums[z]).real)))
    return PauliSum(observable.num_qubits, tuple(terms))


def _walsh(values: np.ndarray) -> np.ndarray:
    """Sums over b of (-1)**popcount(b & z) values[b], for each z."""
    for bit in range(len(values).bit_length() - 1):
        pairs = values.reshape(-1, 2, 1 << bit)
        values = np.stack([pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], axis=1).ravel()
    return values


# ---------------------------------------------------------------- what the readout depends on


@dataclass(frozen=True, slots=True)
class SeenBits:
    """What a group's observables depend on: parities of measured qubits, which are independent.

    A single string of Z on many qubits has two outcomes, not one for each state of them.

    Attributes:
        masks: of each parity, over the places of the measured qubits.
        observables: in terms of the parities, as of qubits.
    """

    masks: tuple[int, ...]
    observables: tuple[PauliSum, ...]


def seen_bits(group: CommutingGroup) -> SeenBits:
    """The fewest parities that tell the values of all observables of a group."""
    terms = [term for observable in group.observables for term in observable.terms]
    projected = sorted({1 << place for term in terms for place, _ in term.projectors})
    masks: list[int] = []
    reduced: dict[int, tuple[int, int]] = {}  # leading bit -> (rest of a mask, which parities)
    for mask in [*projected, *dict.fromkeys(term.z for term in terms if term.z)]:
        left, used = _eliminated(mask, reduced)
        if left:
            reduced[left.bit_length()] = (left, used | 1 << len(masks))
            masks.append(mask)
    if len(masks) == len(group.letters):  # as many as qubits: those are simpler
        return SeenBits(tuple(1 << place for place in range(len(masks))), group.observables)
    at = {mask: place for place, mask in enumerate(masks)}
    return SeenBits(
        tuple(masks),
        tuple(
            PauliSum(len(masks), tuple(_in_parities(t, reduced, at) for t in observable.terms))
            for observable in group.observables
        ),
    )


def _eliminated(mask: int, reduced: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """What is left of a mask without those that are known, and which parities it then is."""
    left, used = mask, 0
    while left and left.bit_length() in reduced:
        other, by = reduced[left.bit_length()]
        left, used = left ^ other, used ^ by
    return left, used


def _in_parities(
    term: PauliTerm, reduced: dict[int, tuple[int, int]], at: dict[int, int]
) -> PauliTerm:
    projectors = sorted((at[1 << place], letter) for place, letter in term.projectors)
    return term._replace(z=_eliminated(term.z, reduced)[1], projectors=tuple(projectors))
