"""Floor 2. What is measured: sums of Pauli strings, or a dense Hermitian matrix."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qjax._circuit.operations import Matrix, freeze_matrix
from qjax._expressions import Expression

Projectors = tuple[tuple[int, str], ...]
"""Qubits, ascending, and the states that each is projected onto."""

PAULIS, PROJECTIONS = "IXYZ", "01+-rl"


class PauliTerm(NamedTuple):
    """coefficient * i**popcount(x & z) * X^x Z^z, with bit q of a mask standing for qubit q.

    Attributes:
        x, z: the masks.
        coefficient: real; an `Expression` is one of the parameters of the circuit.
        projectors: (qubit, letter) pairs of further factors, on qubits that no mask touches:
            |0><0|, |1><1|, or the projector onto the eigenvector +1 or -1 of X (`+`, `-`) or Y
            (`r`, `l`).
    """

    x: int
    z: int
    coefficient: float | Expression
    projectors: Projectors = ()


@dataclass(frozen=True, slots=True)
class PauliSum:
    """A real combination of Pauli strings, which may have projectors as factors."""

    num_qubits: int
    terms: tuple[PauliTerm, ...]


@dataclass(frozen=True, slots=True)
class DenseObservable:
    """A Hermitian matrix over all qubits."""

    num_qubits: int
    matrix: Matrix


Observable = PauliSum | DenseObservable


def coefficients_of(observables: Iterable[Observable]) -> tuple[Expression, ...]:
    """The coefficients that depend on parameters."""
    sums = [observable.terms for observable in observables if isinstance(observable, PauliSum)]
    coefficients = [
        t.coefficient for terms in sums for t in terms if isinstance(t.coefficient, Expression)
    ]
    return tuple(coefficients)


def pauli_sum(num_qubits: int, labelled: Iterable[tuple[str, complex | Expression]]) -> PauliSum:
    """A `PauliSum` from (label, coefficient) pairs; equal labels are added up.

    Args:
        num_qubits: the length of every label.
        labelled: labels over `IXYZ01+-rl`, the leftmost letter for the highest qubit (as in
            Qiskit), with their coefficients, which must be real and finite.

    Raises:
        ValueError: for another letter, an empty or wrong length, or a bad coefficient.
    """
    numbers: dict[str, complex] = {}
    terms = []
    for label, coefficient in labelled:
        _check_label(num_qubits, label)
        if isinstance(coefficient, Expression):
            terms.append(_term(label, coefficient))
        else:
            numbers[label] = numbers.get(label, 0) + _finite(label, coefficient)
    for label, number in numbers.items():
        value = _real(label, number)
        if value != 0:
            terms.append(_term(label, value))
    return PauliSum(num_qubits, tuple(terms))


def _check_label(num_qubits: int, label: str) -> None:
    if not label or set(label) - set(PAULIS + PROJECTIONS):
        raise ValueError(
            f"Pauli label {label!r}: expected a string of the letters I, X, Y and Z, or 0, 1, +, "
            "-, r and l for projectors, one for each qubit, the leftmost for the highest qubit"
        )
    if len(label) != num_qubits:
        raise ValueError(f"Pauli label {label!r} has {len(label)} letters, expected {num_qubits}")


def _finite(label: str, coefficient: complex) -> complex:
    if not np.isfinite(coefficient):
        raise ValueError(f"the coefficient of {label} is {coefficient}; expected a finite number")
    return complex(coefficient)


def _real(label: str, coefficient: complex) -> float:
    if abs(coefficient.imag) > 1e-10 * max(1.0, abs(coefficient)):
        raise ValueError(
            f"the observable is not Hermitian: {label} has the coefficient {coefficient}; "
            "expected real ones. Split it into its Hermitian and anti-Hermitian parts"
        )
    return coefficient.real


def _term(label: str, coefficient: float | Expression) -> PauliTerm:
    x = int("".join("1" if letter in "XY" else "0" for letter in label), 2)
    z = int("".join("1" if letter in "YZ" else "0" for letter in label), 2)
    projectors = tuple((q, c) for q, c in enumerate(reversed(label)) if c in PROJECTIONS)
    return PauliTerm(x, z, coefficient, projectors)


def dense_observable(matrix: np.ndarray) -> DenseObservable:
    """A `DenseObservable` from a Hermitian `(2**n, 2**n)` matrix.

    Raises:
        ValueError: for a shape that fits no number of qubits, NaN, or a non-Hermitian matrix.
    """
    matrix = np.asarray(matrix)
    dimension = matrix.shape[0] if matrix.ndim == 2 else 0
    if matrix.shape != (dimension, dimension) or dimension.bit_count() != 1:
        raise ValueError(f"an observable has shape (2**n, 2**n); got an operator of {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise ValueError("the observable's matrix holds NaN or infinity; expected finite numbers")
    deviation = np.abs(matrix - matrix.conj().T).max()
    if deviation > 1e-8 * max(1.0, np.abs(matrix).max()):
        raise ValueError(
            f"the observable is not Hermitian: it differs from its adjoint by {deviation:.2g}. "
            "Split it into its Hermitian and anti-Hermitian parts"
        )
    return DenseObservable(dimension.bit_length() - 1, freeze_matrix(matrix))


def is_diagonal(*observables: Observable) -> bool:
    """Whether they are made of Z and projectors onto basis states only."""
    return all(
        isinstance(observable, PauliSum)
        and all(t.x == 0 and all(c in "01" for _, c in t.projectors) for t in observable.terms)
        for observable in observables
    )


def support_of(observable: Observable) -> set[int]:
    """The qubits that it acts on."""
    if isinstance(observable, DenseObservable):
        return set(range(observable.num_qubits))
    touched = 0
    for term in observable.terms:
        touched |= term.x | term.z | sum(1 << qubit for qubit, _ in term.projectors)
    return {qubit for qubit in range(observable.num_qubits) if touched >> qubit & 1}


def turned_by(observable: Observable) -> set[int]:
    """The qubits on which it is not diagonal."""
    if isinstance(observable, DenseObservable):
        return set(range(observable.num_qubits))
    flipped = 0
    for term in observable.terms:
        flipped |= term.x | sum(1 << q for q, letter in term.projectors if letter not in "01")
    return {qubit for qubit in range(observable.num_qubits) if flipped >> qubit & 1}


def on_qubits(observable: Observable, qubits: Sequence[int]) -> Observable:
    """The observable on some of its qubits, which include its support; qubit k is `qubits[k]`."""
    if isinstance(observable, DenseObservable):
        return observable
    return PauliSum(len(qubits), tuple(_moved(term, qubits) for term in observable.terms))


def _moved(term: PauliTerm, qubits: Sequence[int]) -> PauliTerm:
    projectors = (
        (position, letter)
        for position, qubit in enumerate(qubits)
        for at, letter in term.projectors
        if at == qubit
    )
    masks = pick(term.x, qubits), pick(term.z, qubits)
    return PauliTerm(*masks, term.coefficient, tuple(projectors))


def pick(mask: int, qubits: Sequence[int]) -> int:
    """The bits of a mask at these qubits, the first as the lowest."""
    return sum((mask >> qubit & 1) << position for position, qubit in enumerate(qubits))
