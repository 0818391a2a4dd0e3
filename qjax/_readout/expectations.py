"""Floor 5. State -> expectation values of observables.

A projector is contracted: <psi|(|b><b| Q)|psi> = <phi|Q|phi> with phi = <b|psi> on the other
qubits, half as large. So the projector onto |0...0> looks at one amplitude.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from qjax._base import tuning
from qjax._circuit.observable import Projectors
from qjax._expressions import all_numbers
from qjax._readout.pauli_strings import State, string_values, weighted_value
from qjax._readout.signed_sums import signed_sums
from qjax._readout.string_tables import num_strings
from qjax._readout.tables import Diagonal, Entries, Projected, Reading
from qjax._simulators import as_complex


def expectation_values(
    reading: Reading,
    state: Float[Array, "planes dim batch"],
    shared: Float[Array, " shared"],
    batched: Float[Array, "batched batch"],
) -> Float[Array, "observables batch"]:
    """<psi|O|psi> for every observable, from one state.

    Args:
        reading: the observables.
        state: real and imaginary parts; probabilities, as one plane, if `reading.diagonal`.
        shared: the parameters that all samples have in common, in the circuit's order.
        batched: those that differ per sample.
    """
    values = jnp.zeros((reading.num_outputs, state.shape[2]), state.dtype)
    if reading.matrices is not None:
        values = values.at[jnp.asarray(reading.dense)].add(_of_matrices(reading.matrices, state))
    if not reading.projected:
        return values
    if reading.num_outputs == 1 and _loops(reading):
        coefficients = _coefficients(reading, shared, batched)
        return values + _one_sum(reading, coefficients, state)[None]
    strings = jnp.concatenate([_values_of(group, state) for group in reading.projected])
    return values + sums_of_strings(reading, strings, shared, batched)


def sums_of_strings(
    reading: Reading, strings: Float[Array, "strings batch"], shared: Array, batched: Array
) -> Float[Array, "observables batch"]:
    """The observables, from the values of all strings."""
    values = _by_table(reading, strings)
    if not reading.entries:
        return values
    coefficients = _coefficients(reading, shared, batched)
    for entries in reading.entries:
        summands = _factors(entries, coefficients) * strings[jnp.asarray(entries.rows)]
        values = values + jax.ops.segment_sum(
            summands, jnp.asarray(entries.outputs), reading.num_outputs, indices_are_sorted=True
        )
    return values


def _by_table(reading: Reading, strings: Array) -> Float[Array, "observables batch"]:
    table = reading.table
    if table is None:
        return jnp.zeros((reading.num_outputs, strings.shape[1]), strings.dtype)
    if isinstance(table, np.ndarray) and np.array_equal(table, np.eye(len(strings))):
        return strings
    return jnp.matmul(jnp.asarray(table).astype(strings.dtype), strings, precision=tuning.PRECISION)


def _coefficients(reading: Reading, shared: Array, batched: Array) -> Float[Array, "values batch"]:
    parameters = shared[:, None]
    if reading.mixed:
        spread = jnp.broadcast_to(parameters, (len(shared), batched.shape[1]))
        parameters = jnp.concatenate([batched, spread])
    return all_numbers(reading.groups, parameters)


def _of_matrices(matrices: np.ndarray, state: State) -> Float[Array, "matrices batch"]:
    """They act on the first qubits; those behind them are records of a dynamic circuit."""
    size, batch = matrices.shape[1], state.shape[2]
    amplitudes = as_complex(state).reshape(-1, size, batch)
    rows = jnp.asarray(matrices).astype(amplitudes.dtype).reshape(-1, size)
    first = jnp.moveaxis(amplitudes, 1, 0)
    applied = jnp.matmul(rows, first.reshape(size, -1), precision=tuning.PRECISION)
    products = first.conj()[None] * applied.reshape(len(matrices), *first.shape)
    return products.real.sum(axis=(1, 2))


def _values_of(group: Projected | Diagonal, state: Array) -> Float[Array, "strings batch"]:
    if isinstance(group, Projected):
        return string_values(group.strings, _contracted(group.projectors, state))
    rows, batch = _settings_in_front(group.qubits, state[0]), state.shape[2]
    chosen = jnp.moveaxis(rows[jnp.asarray(group.settings)], 0, 1)
    sums = signed_sums(group.sums, chosen.reshape(len(chosen), -1))
    return jnp.moveaxis(sums.reshape(len(sums), -1, batch), 1, 0).reshape(-1, batch)


def _settings_in_front(
    qubits: Sequence[int], rows: Float[Array, "dim batch"]
) -> Float[Array, "settings rest batch"]:
    dim, batch = rows.shape
    num_qubits = dim.bit_length() - 1
    split = rows.reshape(*(2,) * num_qubits, batch)
    axes = [num_qubits - 1 - qubit for qubit in reversed(qubits)]
    return jnp.moveaxis(split, axes, range(len(axes))).reshape(2 ** len(axes), -1, batch)


def _factors(entries: Entries, coefficients: Array) -> Float[Array, "entries batch"]:
    factors = jnp.asarray(entries.factors).astype(coefficients.dtype)[:, None]
    if entries.places is None:
        return factors
    return factors * coefficients[jnp.asarray(entries.places)]


def _loops(reading: Reading) -> bool:
    return any(isinstance(p, Projected) and bool(p.strings.loops) for p in reading.projected)


def _one_sum(reading: Reading, coefficients: Array, state: State) -> Float[Array, " batch"]:
    """One observable: all its strings applied to the state, which reverse mode needs anyway."""
    weights = jnp.asarray(reading.table).astype(state.dtype)[0][:, None]
    for entries in reading.entries:
        factors = _factors(entries, coefficients)
        weights = jnp.broadcast_to(weights, (len(weights), factors.shape[1]))
        weights = weights.at[jnp.asarray(entries.rows)].add(factors)
    total, start = jnp.zeros((state.shape[2],), state.dtype), 0
    for group in reading.projected:
        assert isinstance(group, Projected)
        part = weights[start : start + num_strings(group.strings)]
        start += len(part)
        left = _contracted(group.projectors, state)
        if group.strings.loops:
            total = total + weighted_value(group.strings.loops, part, left)
        else:
            total = total + (part * string_values(group.strings, left)).sum(axis=0)
    return total


# ---------------------------------------------------------------- projectors


def _contracted(
    projectors: Projectors, state: Float[Array, "planes dim batch"]
) -> Float[Array, "planes rest batch"]:
    """<b|psi> on the qubits without projectors, which stay in their order."""
    planes, _, batch = state.shape
    # From the highest qubit down: those below keep their places.
    for qubit, letter in reversed(projectors):
        zero, one = jnp.moveaxis(state.reshape(planes, -1, 2, 2**qubit, batch), 2, 0)
        state = _bra(letter, zero, one).reshape(planes, -1, batch)
    return state


def _bra(letter: str, zero: Array, one: Array) -> Array:
    if letter in "01":
        return one if letter == "1" else zero
    # <r| = (<0| - i <1|) / sqrt(2).
    turned = jnp.stack([one[1], -one[0]]) if letter in "rl" else one
    both = zero + turned if letter in "+r" else zero - turned
    return both * np.sqrt(0.5).astype(zero.dtype)
