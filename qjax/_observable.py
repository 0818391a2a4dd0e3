"""Floor 0. What is measured: sums of Pauli strings, or a dense Hermitian matrix."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qjax._circuit import Matrix, freeze_matrix


class PauliTerm(NamedTuple):
    """coefficient * i**popcount(x & z) * X^x Z^z, with bit q of a mask standing for qubit q."""

    x: int
    z: int
    coefficient: float


@dataclass(frozen=True, slots=True)
class PauliSum:
    """A real combination of Pauli strings."""

    num_qubits: int
    terms: tuple[PauliTerm, ...]


@dataclass(frozen=True, slots=True)
class DenseObservable:
    """A Hermitian matrix over all qubits."""

    num_qubits: int
    matrix: Matrix


Observable = PauliSum | DenseObservable


def pauli_sum(num_qubits: int, labelled: Iterable[tuple[str, complex]]) -> PauliSum:
    """A `PauliSum` from (label, coefficient) pairs.

    Args:
        num_qubits: the length of every label.
        labelled: labels over `IXYZ`, the leftmost letter for the highest qubit (as in Qiskit),
            with their coefficients, which must be real and finite.

    Raises:
        ValueError: for another letter, an empty or wrong length, or a bad coefficient.
    """
    return PauliSum(num_qubits, tuple(_term(num_qubits, *pair) for pair in labelled))


def _term(num_qubits: int, label: str, coefficient: complex) -> PauliTerm:
    if not label or set(label) - set("IXYZ"):
        raise ValueError(
            f"Pauli label {label!r}: expected a string of the letters I, X, Y and Z, one for each "
            "qubit, the leftmost for the highest qubit"
        )
    if len(label) != num_qubits:
        raise ValueError(f"Pauli label {label!r} has {len(label)} letters, expected {num_qubits}")
    if not np.isfinite(coefficient):
        raise ValueError(f"the coefficient of {label} is {coefficient}; expected a finite number")
    if abs(complex(coefficient).imag) > 1e-10 * max(1.0, abs(coefficient)):
        raise ValueError(
            f"the observable is not Hermitian: {label} has the coefficient {coefficient}; "
            "expected real ones. Split it into its Hermitian and anti-Hermitian parts"
        )
    x = int("".join("1" if letter in "XY" else "0" for letter in label), 2)
    z = int("".join("1" if letter in "YZ" else "0" for letter in label), 2)
    return PauliTerm(x, z, float(complex(coefficient).real))


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
    """Whether they are made of strings of Z only."""
    return all(
        isinstance(observable, PauliSum) and all(term.x == 0 for term in observable.terms)
        for observable in observables
    )


def support_of(observable: Observable) -> set[int]:
    """The qubits that it acts on."""
    if isinstance(observable, DenseObservable):
        return set(range(observable.num_qubits))
    touched = 0
    for term in observable.terms:
        touched |= term.x | term.z
    return {qubit for qubit in range(observable.num_qubits) if touched >> qubit & 1}


def turned_by(observable: Observable) -> set[int]:
    """The qubits on which it is not diagonal."""
    if isinstance(observable, DenseObservable):
        return set(range(observable.num_qubits))
    flipped = 0
    for term in observable.terms:
        flipped |= term.x
    return {qubit for qubit in range(observable.num_qubits) if flipped >> qubit & 1}


def on_qubits(observable: Observable, qubits: Sequence[int]) -> Observable:
    """The observable on some of its qubits, which include its support; qubit k is `qubits[k]`."""
    if isinstance(observable, DenseObservable):
        return observable
    terms = (
        PauliTerm(_pick(t.x, qubits), _pick(t.z, qubits), t.coefficient) for t in observable.terms
    )
    return PauliSum(len(qubits), tuple(terms))


def _pick(mask: int, qubits: Sequence[int]) -> int:
    return sum((mask >> qubit & 1) << place for place, qubit in enumerate(qubits))
