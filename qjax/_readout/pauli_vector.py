"""Floor 5. Pauli vector of a density matrix -> expectation values, probabilities, the matrix.

The vector holds tr(P rho) for each Pauli string P; digits 0, 1, 2, 3 of an index stand for I, X, Y
and Z on the qubits that `layout` names, most significant first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Complex, Float, Int

from qjax._base import tuning
from qjax._base.store import kept
from qjax._circuit.observable import DenseObservable, Observable, PauliTerm
from qjax._expressions import (
    Expression,
    ExpressionTable,
    Value,
    all_numbers,
    expression_tables,
)

_PAULIS = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])

# A projector is (I + sign P) / 2.
_PROJECTED = {"0": (3, 1), "1": (3, -1), "+": (1, 1), "-": (1, -1), "r": (2, 1), "l": (2, -1)}


@dataclass(frozen=True, eq=False)
class MixedReading:
    """How observables are read out of a Pauli vector.

    Attributes:
        strings: digits of each Pauli string `(strings, qubits)`.
        table: `(observables, strings)` known coefficients.
        rows, columns, factors: what is added to the table, for coefficients with parameters: the
            factor times the number at `places` among those of `tables`.
    """

    strings: Int[np.ndarray, "strings qubits"]
    table: Float[np.ndarray, "observables strings"]
    rows: np.ndarray
    columns: np.ndarray
    factors: np.ndarray
    tables: tuple[ExpressionTable, ...]
    places: np.ndarray


@kept()
def mixed_reading(
    observables: tuple[Observable, ...], num_params: int, batched: frozenset[int]
) -> MixedReading:
    """Tables for observables, whose coefficients are expressions of the circuit's parameters."""
    columns: dict[tuple[int, ...], int] = {}
    # A matrix is on the first qubits; what it is not on are records of outcomes, behind them.
    num_qubits = max(observable.num_qubits for observable in observables)
    entries = [
        (row, columns.setdefault(_filled(digits, num_qubits), len(columns)), factor, coefficient)
        for row, observable in enumerate(observables)
        for digits, factor, coefficient in _strings(observable)
    ]
    table = np.zeros((len(observables), len(columns)))
    moving = []
    for row, column, factor, coefficient in entries:
        if isinstance(coefficient, Expression):
            moving.append((row, column, factor, coefficient))
        else:
            table[row, column] += factor * coefficient
    order = [*sorted(batched), *(p for p in range(num_params) if p not in batched)]
    tables, places = expression_tables(
        [Value(coefficient, periodic=False) for *_, coefficient in moving],
        {parameter: place for place, parameter in enumerate(order)},
    )
    rows, at, factors = (np.array([m[k] for m in moving]) for k in range(3))
    strings = np.array(list(columns), np.int32).reshape(len(columns), num_qubits)
    return MixedReading(strings, table, rows, at, factors, tables, np.array(places, np.int32))


def _filled(digits: tuple[int, ...], num_qubits: int) -> tuple[int, ...]:
    return digits + (0,) * (num_qubits - len(digits))


def _strings(
    observable: Observable,
) -> Iterator[tuple[tuple[int, ...], float, float | Expression]]:
    """(digits by qubit, factor, coefficient) for each Pauli string of an observable."""
    if isinstance(observable, DenseObservable):
        yield from _strings_of_matrix(observable)
        return
    for term in observable.terms:
        yield from _strings_of_term(term, observable.num_qubits)


def _strings_of_term(
    term: PauliTerm, num_qubits: int
) -> Iterator[tuple[tuple[int, ...], float, float | Expression]]:
    digits = [_digit(term.x >> qubit & 1, term.z >> qubit & 1) for qubit in range(num_qubits)]
    choices = [((0, 1), _PROJECTED[letter]) for _, letter in term.projectors]
    for chosen in product(*choices):
        sign = 1
        for (qubit, _), (digit, own) in zip(term.projectors, chosen, strict=True):
            digits[qubit] = digit
            sign *= own
        yield tuple(digits), sign / 2 ** len(choices), term.coefficient


def _digit(x: int, z: int) -> int:
    return (0, 1, 3, 2)[x + 2 * z]


def _strings_of_matrix(
    observable: DenseObservable,
) -> Iterator[tuple[tuple[int, ...], float, float]]:
    """tr(P O) / 2**n for each string P, qubit by qubit."""
    count = observable.num_qubits
    rows = observable.matrix.array.reshape((2,) * (2 * count))
    for qubit in reversed(range(count)):
        # Of the qubits that are left, the first is the most significant one, of rows and columns.
        turned = np.tensordot(_PAULIS, rows, axes=([2, 1], [0, qubit + 1]))
        rows = np.moveaxis(turned, 0, -1)
    coefficients = rows.real / 2**count
    for digits in zip(*np.nonzero(np.abs(coefficients) > 0), strict=True):
        yield tuple(int(d) for d in reversed(digits)), 1.0, float(coefficients[digits])


def mixed_expectations(
    reading: MixedReading,
    layout: Sequence[int],
    vector: Float[Array, "4**n batch"],
    shared: Float[Array, " shared"],
    batched: Float[Array, "batched batch"],
) -> Float[Array, "observables batch"]:
    """tr(O rho) of each observable and sample."""
    # Of matrices alone strings end before the records of outcomes.
    rows = reading.strings @ _weights(layout)[: reading.strings.shape[1]]
    return sums_of_values(reading, vector[jnp.asarray(rows.astype(np.int32))], shared, batched)


def sums_of_values(
    reading: MixedReading,
    values: Float[Array, "strings batch"],
    shared: Float[Array, " shared"],
    batched: Float[Array, "batched batch"],
) -> Float[Array, "observables batch"]:
    """Each observable, from the values of all strings."""
    table = jnp.asarray(reading.table, values.dtype)
    known = jnp.matmul(table, values, precision=tuning.PRECISION)
    if not len(reading.rows):
        return known
    spread = jnp.broadcast_to(shared[:, None], (len(shared), batched.shape[1]))
    numbers = all_numbers(reading.tables, jnp.concatenate([batched, spread]))
    numbers = (
        numbers[jnp.asarray(reading.places)] * jnp.asarray(reading.factors, numbers.dtype)[:, None]
    )
    return known.at[jnp.asarray(reading.rows)].add(numbers * values[jnp.asarray(reading.columns)])


def mixed_probabilities(
    layout: Sequence[int], qubits: Sequence[int], vector: Float[Array, "4**n batch"]
) -> Float[Array, "2**k batch"]:
    """The probabilities of some qubits, the first as least significant bit of the index.

    p(b) = 2**-k sum over s of (-1)**(b.s) r[Z on the qubits in s].
    """
    weights = _weights(layout)
    rows = np.zeros(1, np.int64)
    for qubit in qubits:
        rows = np.concatenate([rows, rows + 3 * weights[qubit]])
    values = vector[jnp.asarray(rows.astype(np.int32))]
    count, batch = len(qubits), vector.shape[1]
    split = values.reshape(*(2,) * count, batch)
    signs = jnp.asarray([[0.5, 0.5], [0.5, -0.5]], vector.dtype)
    for axis in range(count):
        turned = jnp.tensordot(signs, split, (1, axis), precision=tuning.PRECISION)
        split = jnp.moveaxis(turned, 0, axis)
    return split.reshape(2**count, batch)


def matrix_of(layout: Sequence[int], vector: Float[Array, " 4**n"]) -> Complex[Array, "2**n 2**n"]:
    """The density matrix, 2**-n sum of r[P] P, in Qiskit's order."""
    count = len(layout)
    axes = [layout.index(qubit) for qubit in reversed(range(count))]
    dtype = np.result_type(vector.dtype, np.complex64)
    split = vector.reshape(*(4,) * count).transpose(*axes).astype(dtype)
    halves = jnp.asarray(_PAULIS / 2, dtype)
    for _ in range(count):
        # The most significant qubit first; its row and column go to the end.
        split = jnp.tensordot(split, halves, (0, 0), precision=tuning.PRECISION)
    order = [2 * k for k in range(count)] + [2 * k + 1 for k in range(count)]
    return split.transpose(*order).reshape(2**count, 2**count)


def _weights(layout: Sequence[int]) -> Int[np.ndarray, " qubits"]:
    """How much the digit of each qubit counts in an index."""
    count = len(layout)
    weights = np.zeros(count, np.int64)
    for place, qubit in enumerate(layout):
        weights[qubit] = 4 ** (count - 1 - place)
    return weights
