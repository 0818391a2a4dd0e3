"""Floor 4. State -> expectation values, probabilities, samples. States are batch last."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Complex, Float, Int, UInt8

from qjax._memory import check_fits
from qjax._observable import DenseObservable, Observable, PauliSum
from qjax._plan import Frame, parity_mask, sign_tables, table_class
from qjax._simulators import PRECISION


def probabilities_of(state: Float[Array, "2 dim batch"]) -> Float[Array, "dim batch"]:
    """Born's rule, |psi_i|^2, from real and imaginary parts."""
    return jnp.square(state[0]) + jnp.square(state[1])


def marginal(
    probabilities: Float[Array, "dim batch"], qubits: Sequence[int]
) -> Float[Array, "kept batch"]:
    """The probabilities of some qubits, the first as least significant bit of the index."""
    num_qubits, batch = probabilities.shape[0].bit_length() - 1, probabilities.shape[1]
    split = probabilities.reshape(*(2,) * num_qubits, batch)
    kept = [num_qubits - 1 - qubit for qubit in reversed(qubits)]
    summed = [axis for axis in range(num_qubits) if axis not in kept]
    ordered = split.transpose(*kept, *summed, num_qubits)
    return ordered.reshape(2 ** len(kept), 2 ** len(summed), batch).sum(axis=1)


class _Term(NamedTuple):
    z: int
    observable: int
    coefficient: complex


def expectation_values(
    state: Complex[Array, "dim batch"], observables: Sequence[Observable]
) -> Float[Array, "observables batch"]:
    """<psi|O|psi> for every observable, from one state.

    Pauli strings are applied matrix-free: X^x flips bits, and all strings that flip the same bits
    share one product conj(psi[i ^ x]) psi[i], of which each takes one sign sum.
    """
    by_x: dict[int, list[_Term]] = defaultdict(list)
    values = jnp.zeros((len(observables), state.shape[1]), state.real.dtype)
    for place, observable in enumerate(observables):
        if isinstance(observable, DenseObservable):
            # It acts on the first qubits; those behind them are records.
            matrix = jnp.asarray(observable.matrix.array, state.dtype)
            split = state.reshape(-1, len(matrix), state.shape[1])
            applied = jnp.einsum("ij,rjb->rib", matrix, split, precision=PRECISION)
            values = values.at[place].add(_inner(split, applied).real.sum(axis=(0, 1)))
        else:
            for x, z, coefficient in observable.terms:
                # The Y's of the string: X^x Z^z lacks i for each.
                factor = coefficient * 1j ** (x & z).bit_count()
                by_x[x].append(_Term(z, place, factor))
    num_qubits = state.shape[0].bit_length() - 1
    for x, terms in by_x.items():
        product = _inner(_flip_bits(state, x), state)
        real, imag = (_tables(terms, len(observables), num_qubits, p) for p in (np.real, np.imag))
        # Re(c p) = Re(c) Re(p) - Im(c) Im(p); a part that no term needs is not computed.
        if real.weights.any():
            values = values + signed_sums(real, product.real)
        if imag.weights.any():
            values = values - signed_sums(imag, product.imag)
    return values


@table_class
class SignTables:
    """Signed sums over rows: the sign of a row is that of its high bits times that of its low bits.

    Attributes:
        high, low: `(terms, rows)`, +1 or -1, with `2**l` rows in `low`.
        weights: `(sums, terms)` real: what each term counts for.
    """

    high: np.ndarray
    low: np.ndarray
    weights: np.ndarray


def diagonal_tables(observables: Sequence[Observable], frame: Frame) -> SignTables:
    """Expectation values of sums of Z strings, as signed sums of probabilities.

    Args:
        observables: without X and Y.
        frame: which basis state each row holds: CX maps strings of Z to strings of Z.
    """
    terms = []
    for place, observable in enumerate(observables):
        for _, z, coefficient in observable.terms if isinstance(observable, PauliSum) else ():
            qubits = (q for q in range(observable.num_qubits) if z >> q & 1)
            mask, flip = parity_mask(frame, qubits)
            terms.append(_Term(mask, place, (-1) ** flip * coefficient))
    return _tables(terms, len(observables), len(frame.masks), np.real)


def signed_sums(tables: SignTables, rows: Float[Array, "dim batch"]) -> Float[Array, "sums batch"]:
    """Every sum of the tables, over the rows."""
    dtype = rows.dtype
    high, low = (jnp.asarray(table).astype(dtype) for table in (tables.high, tables.low))
    folded = jnp.matmul(high, rows.reshape(high.shape[1], -1), precision=PRECISION)
    sums = (folded.reshape(*low.shape, rows.shape[1]) * low[:, :, None]).sum(axis=1)
    return jnp.matmul(jnp.asarray(tables.weights).astype(dtype), sums, precision=PRECISION)


def _tables(
    terms: Sequence[_Term], num_sums: int, num_qubits: int, part: Callable[[complex], float]
) -> SignTables:
    """Those that add up a part, real or imaginary, of each term's coefficient."""
    # Few rows in `low`: the sums over them are not GEMMs.
    low_bits = max(num_qubits - 10, 0) if num_qubits <= 20 else num_qubits // 2
    weights = np.zeros((num_sums, len(terms)))
    for column, term in enumerate(terms):
        weights[term.observable, column] = part(term.coefficient)
    return SignTables(*sign_tables([term.z for term in terms], num_qubits, low_bits), weights)


def _inner(left: Array, right: Array) -> Array:
    return left.conj() * right


def _flip_bits(state: Array, x: int) -> Array:
    """state[i ^ x]: reverse the axis of each run of set bits."""
    num_qubits = state.shape[0].bit_length() - 1
    bits = [x >> qubit & 1 for qubit in reversed(range(num_qubits))]
    runs = [(bit, len(list(same))) for bit, same in groupby(bits)]
    split = state.reshape(*(2**length for _, length in runs), state.shape[1])
    return jnp.flip(split, [axis for axis, (bit, _) in enumerate(runs) if bit]).reshape(state.shape)


def draw_states(
    probabilities: Float[Array, " dim"], shots: int, key: Array
) -> Int[Array, " shots"]:
    """Draw basis states by inverting the cumulative distribution.

    Args:
        probabilities: of the basis states.
        shots: how many to draw.
        key: a JAX random key.
    """
    cumulative = jnp.cumsum(probabilities)
    # In (0, total]: a state of probability zero is never the first to reach the threshold.
    uniform = jax.random.uniform(key, (shots,), cumulative.dtype)
    return jnp.searchsorted(cumulative, cumulative[-1] * (1 - uniform))


def bits_of(states: Int[Array, " shots"], bits: Sequence[int | None]) -> UInt8[Array, "shots bits"]:
    """The bits of basis states; None stands for a column of zeros."""
    columns = [jnp.zeros_like(states) if bit is None else states >> bit & 1 for bit in bits]
    if not columns:
        return jnp.zeros((len(states), 0), jnp.uint8)
    return jnp.stack(columns, axis=1).astype(jnp.uint8)


def check_shots(shots: int) -> int:
    """Require a positive whole number.

    Raises:
        ValueError: for less than 1.
        TypeError: for what is no whole number.
    """
    if not isinstance(shots, (int, np.integer)) or isinstance(shots, bool):
        raise TypeError(f"shots: expected a whole number, got {type(shots).__name__}")
    if shots < 1:
        raise ValueError(f"shots: expected a number of at least 1, got {shots}")
    return int(shots)


def check_shots_fit(shots: int, columns: int) -> None:
    """Require that a table of samples fits into memory.

    Raises:
        CircuitTooLargeError: otherwise.
    """
    check_fits(8 * shots * columns, f"{shots} shots, {columns} numbers each,", "fewer shots")
