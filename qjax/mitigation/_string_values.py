"""Floor 7. Expectation values of Pauli strings, read from misread bits -> those of true bits.

A string S is read as the parity (-1)^j of its bits. Where bit q is read by the matrix M, the mean
of (-1)^j over what is read for a true i is a (-1)^i + b, with a = 1 - M[0, 1] - M[1, 0] and b =
M[1, 0] - M[0, 1]: so the value that is seen of S is the sum over all parts T of S of the product of
a over T and of b over the rest of S, times the true value of T. Of bits that are read together, the
numbers are C[T, S] = sum_ij (-1)^(T.i) M[i, j] (-1)^(S.j) / 2^k, Walsh-Hadamard transforms of M.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float
from qiskit.quantum_info import Pauli

from qjax._base import tuning
from qjax._base.store import kept
from qjax._circuit.domain import is_known
from qjax._circuit.observable import PauliSum
from qjax._qiskit import as_observable
from qjax.mitigation._misreadings import BitsRead

# Numbers below so many roundings are none.
_ROUNDINGS = 16


class Strings(NamedTuple):
    """Pauli strings.

    Attributes:
        num_qubits: of each.
        masks: (x, z) of each, bit q for qubit q.
        labels: of each, as messages write them.
    """

    num_qubits: int
    masks: tuple[tuple[int, int], ...]
    labels: tuple[str, ...]


def strings_of(observables: object) -> tuple[Strings, bool]:
    """The strings of a list, or of a single one, and whether it was single.

    Raises:
        ValueError: for none, one that occurs twice, and different sizes.
        TypeError: for what is no Pauli string.
    """
    alone = isinstance(observables, (str, Pauli))
    if not alone and not isinstance(observables, (list, tuple)):
        raise TypeError(
            f"observables: expected Pauli strings such as 'XIZ', one or a list, got {observables!r}"
        )
    listed = [observables] if alone else list(observables)  # type: ignore[call-overload]
    if not listed:
        raise ValueError("observables: got an empty list; expected at least one Pauli string")
    if strange := [one for one in listed if not isinstance(one, (str, Pauli))]:
        raise TypeError(
            f"observables: expected Pauli strings such as 'XIZ', got {strange[0]!r}. The strings "
            "of a sum are told apart before they are added up: give the value of each"
        )
    labels = [str(one) for one in listed]
    num_qubits = len(labels[0])
    masks = [_masks(label, num_qubits) for label in labels]
    if twice := [label for k, label in enumerate(labels) if masks[k] in masks[:k]]:
        raise ValueError(f"observables: {twice[0]} is given twice; expected each string once")
    return Strings(num_qubits, tuple(masks), tuple(labels)), alone


def _masks(label: str, num_qubits: int) -> tuple[int, int]:
    observable = as_observable(label, num_qubits)
    (term,) = observable.terms if isinstance(observable, PauliSum) else ()
    if term.projectors or term.coefficient != 1:
        raise ValueError(f"observables: expected strings of I, X, Y and Z, got {label!r}")
    return term.x, term.z


def true_values(
    values: Float[Array, "*batch strings"], strings: Strings, steps: tuple[BitsRead, ...]
) -> Float[Array, "*batch strings"]:
    """The values that true bits would give.

    Raises:
        ValueError: where parts of a string are missing, as far as the matrices are known.
    """
    bits = tuple(step.bits for step in steps)
    true, left_out = _compiled(strings.masks, bits)(values, tuple(step.matrix for step in steps))
    _check_parts(left_out, strings)
    return true


@kept(tuning.PROGRAM_BYTES)
def _compiled(
    masks: tuple[tuple[int, int], ...], bits: tuple[tuple[int, ...], ...]
) -> Callable[[Array, tuple[Array, ...]], tuple[Array, Array]]:
    """(values, matrices) -> true values, NaN where parts are missing, and which those are."""
    # The string of no letters is 1 whatever is read.
    known = [(0, 0), *(mask for mask in masks if mask != (0, 0))]
    column = np.array([known.index(mask) for mask in masks])

    def solve(values: Array, matrices: tuple[Array, ...]) -> tuple[Array, Array]:
        steps = _apart(tuple(map(BitsRead, bits, matrices)))
        seen, left_out = _seen(known, steps, values.dtype)
        given = jnp.ones((*values.shape[:-1], len(known)), values.dtype)
        given = given.at[..., column].set(values)
        # The sum over T of seen[T, S] true[T] is given[S].
        true = jnp.linalg.solve(seen.T, given.reshape(-1, len(known)).T).T.reshape(given.shape)
        true = jnp.where(jnp.broadcast_to(left_out, true.shape), jnp.nan, true)
        return true[..., column], left_out[column]

    return jax.jit(solve)


def _apart(steps: tuple[BitsRead, ...]) -> list[BitsRead]:
    """The same misreadings, one for each set of bits that have to do with each other."""
    apart: list[BitsRead] = []
    for step in steps:
        touched = [one for one in apart if set(one.bits) & set(step.bits)]
        apart = [one for one in apart if not set(one.bits) & set(step.bits)]
        bits = tuple(sorted({*step.bits, *(bit for one in touched for bit in one.bits)}))
        matrix = jnp.eye(2 ** len(bits), dtype=step.matrix.dtype)
        for one in (*touched, step):
            matrix = jnp.matmul(matrix, _widened(one, bits), precision=tuning.PRECISION)
        apart.append(BitsRead(bits, matrix))
    return apart


def _widened(step: BitsRead, bits: tuple[int, ...]) -> Float[Array, "2**k 2**k"]:
    """The matrix on more bits, of which the others are read as they are."""
    if step.bits == bits:
        return step.matrix
    index = np.arange(2 ** len(bits))
    places = [bits.index(bit) for bit in step.bits]
    inside = np.zeros_like(index)
    for k, place in enumerate(places):
        inside |= (index >> place & 1) << k
    rest = index & ~sum(1 << place for place in places)
    same = jnp.asarray(rest[:, None] == rest[None, :], step.matrix.dtype)
    return step.matrix[inside[:, None], inside[None, :]] * same


def _seen(
    masks: list[tuple[int, int]], steps: list[BitsRead], dtype: np.dtype
) -> tuple[Float[Array, "strings strings"], Bool[Array, " strings"]]:
    """What each string T (row) adds to the value that is seen of S; and whether parts are missing.

    The parts of S that count are those whose number, a product of one for each misreading, is not
    0: so many that those of each misreading are multiplied. Each part that is given is one of them.
    """
    size = len(masks)
    support = np.array([x | z for x, z in masks], object)
    outside = ~sum(1 << bit for step in steps for bit in step.bits)
    agree = np.array([[_agree(part, whole) for whole in masks] for part in masks])
    read_as_they_are = ((support[:, None] ^ support[None, :]) & outside) == 0
    numbers = jnp.asarray(agree & read_as_they_are, dtype)
    counted = jnp.ones(size, dtype)
    for bits, matrix in steps:
        local = _transformed(matrix)
        inside = np.array([_inside(mask, bits) for mask in support])
        numbers = numbers * local[inside[:, None], inside[None, :]]
        counted = counted * jnp.sum(local != 0, axis=0).astype(dtype)[inside]
    given = jnp.sum(numbers != 0, axis=0).astype(dtype)
    return numbers, given < counted


def _agree(part: tuple[int, int], whole: tuple[int, int]) -> bool:
    """Whether a string has the letters of another, or Z where that has none, or none."""
    both = (part[0] | part[1]) & (whole[0] | whole[1])
    differs = ((part[0] ^ whole[0]) | (part[1] ^ whole[1])) & both
    return not differs and not part[0] & ~(whole[0] | whole[1])


def _inside(mask: int, bits: tuple[int, ...]) -> int:
    return sum((mask >> bit & 1) << k for k, bit in enumerate(bits))


def _transformed(matrix: Float[Array, "2**k 2**k"]) -> Float[Array, "2**k 2**k"]:
    """C[T, S] of the module's docstring; what is rounding is 0.

    Rows of the matrix add up to one, so that of no bits nothing else is seen.
    """
    size = matrix.shape[0]
    index = np.arange(size)
    signs = 1 - 2 * (np.bitwise_count(index[:, None] & index) & 1).astype(np.int8)
    signs = jnp.asarray(signs, matrix.dtype)
    product = jnp.matmul(matrix, signs, precision=tuning.PRECISION)
    numbers = jnp.matmul(signs, product, precision=tuning.PRECISION) / size
    numbers = jnp.where(jnp.abs(numbers) < _ROUNDINGS * jnp.finfo(matrix.dtype).eps, 0, numbers)
    return numbers.at[:, 0].set(jnp.eye(size, dtype=matrix.dtype)[0])


def _check_parts(left_out: Bool[Array, " strings"], strings: Strings) -> None:
    if not is_known(left_out) or not left_out.any():
        return
    raise ValueError(
        f"observables: of {strings.labels[int(np.argmax(left_out))]}, parts are missing that "
        "misread bits mix it with, as 0 and 1 are not misread equally often; expected those too, "
        "such as 'ZI' and 'IZ' beside 'ZZ'"
    )
