"""Floor 5. State -> probabilities, samples. States are batch last."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, Int, UInt, UInt8

from qjax._base import tuning
from qjax._base.memory import check_fits
from qjax._base.mesh import alike, zeros_of
from qjax._base.options import is_whole

T = TypeVar("T")


# For each choice, what there is to choose from in each block: whole numbers, added up.
Choices = tuple[UInt[Array, "blocks size"], ...]


# Indices of 32 bits count no further.
MOST_SHOTS = 1 << 31


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


def choices_of(probabilities: Float[Array, " dim"]) -> Choices:
    """What `draw_states` draws from, for the probabilities of `2**n` basis states.

    A state is found by choosing a block of states, a part of the block, and so on down to one. Each
    choice inverts a cumulative distribution of whole numbers, so that sums are exact and a state of
    probability zero is never drawn. A choice among K errs by less than K / 2**32 in total variation
    for float32 (K / 2**63 for float64), with any number of states, and what is left of the errors
    has no pattern.
    """
    num_bits = len(probabilities).bit_length() - 1
    levels = max(1, -(-num_bits // tuning.CHOICE_BITS))
    tables, weights = [], probabilities
    for level in range(levels):
        rows = weights.reshape(-1, 2 ** ((num_bits + level) // levels))
        weights = _row_sums(rows)
        tables.append(_cumulative(rows, weights))
    return tuple(reversed(tables))


def draw_states(choices: Choices, shots: int, key: Array) -> Int[Array, " shots"]:
    """Draw basis states.

    Args:
        choices: from `choices_of`.
        shots: how many.
        key: a JAX random key.
    """
    states = jnp.zeros(shots, jnp.int32)
    keys = [key] if len(choices) == 1 else jax.random.split(key, len(choices))
    for table, own in zip(choices, keys, strict=True):
        states = _chosen(table, states, own)
    return states


def _row_sums(rows: Float[Array, "blocks choices"]) -> Float[Array, " blocks"]:
    """In parts, as products of matrices: a sum of thousands one by one would lose digits."""
    while rows.shape[1] > 1:
        size = min(rows.shape[1], 64)
        ones = jnp.ones(size, rows.dtype)
        rows = jnp.matmul(rows.reshape(len(rows), -1, size), ones, precision=tuning.PRECISION)
    return rows[:, 0]


def _cumulative(
    rows: Float[Array, "blocks choices"], sums: Float[Array, " blocks"]
) -> UInt[Array, "blocks choices"]:
    """Whole numbers that stand for the probabilities of each row, added up."""
    word = np.dtype(np.uint32 if rows.dtype == np.float32 else np.uint64)
    shares = rows / jnp.maximum(sums, np.finfo(rows.dtype).tiny)[:, None]
    scale = rows.dtype.type(2.0 ** (8 * word.itemsize - 1))
    # Rounded up or down by a sequence that is spread evenly (Weyl's, by the golden ratio): else
    # many small probabilities would all be rounded the same way. Below 1, so that 0 stays 0.
    golden = np.arange(rows.shape[1], dtype=np.uint32) * np.uint32(2654435769)
    spread = (golden >> 8).astype(rows.dtype) / 2**24
    numbers = jnp.floor(shares * scale + spread[None]).astype(word)
    return jnp.cumsum(numbers, axis=1, dtype=word)


def _chosen(
    table: UInt[Array, "blocks choices"], blocks: Int[Array, " shots"], key: Array
) -> Int[Array, " shots"]:
    """Choose in each shot's block: its number among all choices of all blocks."""
    size = table.shape[1]
    bits = jax.random.bits(key, blocks.shape, table.dtype)
    table, blocks, bits = alike((table, blocks, bits))  # the loop wants them so
    flat, first = table.reshape(-1), blocks * size
    drawn = _scaled(bits, flat[first + (size - 1)])

    def step(number: Array, choice: Array) -> Array:
        # Past the choices that end at or before the drawn number, half as many at each step.
        half = jnp.int32(size // 2) >> number
        return jnp.where(flat[choice + (half - 1)] <= drawn, choice + half, choice)

    return lax.fori_loop(0, size.bit_length() - 1, step, first)


def _scaled(bits: UInt[Array, " shots"], bound: UInt[Array, " shots"]) -> UInt[Array, " shots"]:
    """A whole number below `bound`, from evenly distributed bits: their product's upper half."""
    half = np.array(4 * bits.dtype.itemsize, bits.dtype)
    mask = np.array((1 << int(half)) - 1, bits.dtype)
    low, high = bits & mask, bits >> half
    bound_low, bound_high = bound & mask, bound >> half
    middle = high * bound_low + (low * bound_low >> half)
    carried = low * bound_high + (middle & mask)
    return high * bound_high + (middle >> half) + (carried >> half)


def in_parts(
    draw: Callable[[Array, int], T], key: Array, shots: int, most: int, axis: int = 0
) -> T:
    """`draw(key, shots)` in parts of at most `most` shots, one after the other.

    Results have the shots along `axis`. They grow with the number of shots; what else is needed to
    draw them is needed for one part at a time.
    """
    if shots <= most:
        return draw(key, shots)

    def empty(x: jax.ShapeDtypeStruct) -> Array:
        return zeros_of(x, (*x.shape[:axis], shots, *x.shape[axis + 1 :]))

    def put(part: Array, whole: T) -> T:
        drawn = draw(jax.random.fold_in(key, part), most)
        # The last part ends at the end: it is written over some of the one before.
        start = jnp.minimum(part * most, shots - most)
        write = partial(lax.dynamic_update_slice_in_dim, start_index=start, axis=axis)
        return jax.tree.map(write, whole, drawn)

    whole = jax.tree.map(empty, jax.eval_shape(lambda own: draw(own, most), key))
    return lax.fori_loop(0, -(-shots // most), put, whole)


def bits_of(states: Int[Array, " shots"], bits: Sequence[int | None]) -> UInt8[Array, "shots bits"]:
    """The bits of basis states; None stands for a column of zeros."""
    shown = np.array([[bit is not None for bit in bits]], states.dtype)
    shifts = np.array([[bit or 0 for bit in bits]], states.dtype)
    return (states[:, None] >> shifts & shown).astype(jnp.uint8)


def check_shots(shots: int) -> int:
    """Require a positive whole number of at most `2**31`.

    Raises:
        ValueError: for less than 1, or more.
        TypeError: for what is no whole number.
    """
    if not is_whole(shots):
        raise TypeError(f"shots: expected a whole number, got {type(shots).__name__}")
    if shots < 1:
        raise ValueError(f"shots: expected a number of at least 1, got {shots}")
    if shots > MOST_SHOTS:
        raise ValueError(
            f"shots: expected at most 2**31 = {MOST_SHOTS}, got {shots}: indices have 32 bits and "
            "memory is limited; draw them in parts, with a key for each"
        )
    return int(shots)


def check_shots_fit(shots: int, bytes_of_one: int) -> None:
    """Require that a table of samples fits into memory.

    Raises:
        CircuitTooLargeError: otherwise.
    """
    check_fits(shots * bytes_of_one, f"{shots} shots of {bytes_of_one} bytes each", "fewer shots")
