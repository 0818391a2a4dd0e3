"""Floor 5. Projectors -> Pauli strings, where this makes hardly more terms than there are."""

from collections.abc import Sequence

from qjax._base import tuning
from qjax._circuit.observable import Observable, PauliSum, PauliTerm
from qjax._expressions import Expression

# |b><b| = (I + sign P)/2, where P has the masks (x, z) on its qubit.
_HALVES = {
    "0": (0, 1, 1), "1": (0, 1, -1), "+": (1, 0, 1), "-": (1, 0, -1),
    "r": (1, 1, 1), "l": (1, 1, -1),
}  # fmt: skip


def expanded(term: PauliTerm) -> list[PauliTerm]:
    """The Pauli strings, `2**len(projectors)` of them, that a term is the sum of."""
    strings = [term._replace(projectors=())]
    for qubit, letter in term.projectors:
        x, z, sign = _HALVES[letter]
        strings = [
            string._replace(
                x=string.x | taken * x << qubit,
                z=string.z | taken * z << qubit,
                coefficient=_times(string.coefficient, sign / 2 if taken else 1 / 2),
            )
            for string in strings
            for taken in (0, 1)
        ]
    return strings


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
