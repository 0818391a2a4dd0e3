"""Floor 5. Pauli strings on states, matrix-free: their expectation values, and sums of them.

A string is i**popcount(x & z) * X^x Z^z: it flips the bits of x, behind signs. All strings with one
x share the products of amplitudes that they pair, of which each takes a signed sum. On states as
real numbers `(2, 2**n, batch)`, a string with an odd number of Y's also swaps the two planes.

A few such groups are unrolled. Many of them run as a loop over tables, so that neither the program
nor, in reverse mode, the memory grows with their number: from d<psi|P|psi> = 2 Re<P psi|d psi>, the
cotangent of the state is a sum of strings on it, which the same loop computes.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from qjax._base import tuning
from qjax._base.linear_map import linear_map
from qjax._base.tables import static, table_class
from qjax._base.walsh import hadamard
from qjax._readout.signed_sums import (
    SignSums,
    fold,
    low_bits_of,
    parities,
    sign_sums,
    signed_sums,
    total,
)
from qjax._simulators import as_complex

State = Float[Array, "2 dim batch"]


@table_class
class Flip:
    """The strings that flip the same bits.

    Attributes:
        x: the bits.
        imaginary: whether they take the imaginary part of the products, for an odd number of Y's.
        sums: the signed sums.
        signs: `(strings,)`, +1 or -1.
    """

    x: int = static()
    imaginary: bool = static()
    sums: SignSums
    signs: np.ndarray


@table_class
class Loop:
    """Groups of equally many strings; those of a group flip the same bits.

    Attributes:
        x: `(groups,)` the bits.
        imaginary: `(groups,)`, 0 or 1, as in `Flip`.
        z: `(groups, strings)` where signs change.
        signs: `(groups, strings)`: +1 or -1, or 0 where a group has fewer strings.
    """

    x: np.ndarray
    imaginary: np.ndarray
    z: np.ndarray
    signs: np.ndarray


@table_class
class Strings:
    """All strings to be measured: first those of `flips`, then those of `loops`."""

    flips: tuple[Flip, ...]
    loops: tuple[Loop, ...]


class String(NamedTuple):
    """i**popcount(x & z) X^x Z^z."""

    x: int
    z: int


def num_strings(strings: Strings) -> int:
    """How many values there are, those of filled up groups included."""
    return sum(len(flip.signs) for flip in strings.flips) + sum(
        loop.z.size for loop in strings.loops
    )


def tabulate(strings: Sequence[String], num_qubits: int) -> tuple[Strings, list[int]]:
    """The tables of some strings, and the place of each string among their values."""
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place, (x, z) in enumerate(strings):
        groups[x, (x & z).bit_count() & 1].append(place)
    if len(groups) <= tuning.MAX_UNROLLED:
        flips = tuple(
            Flip(
                x,
                bool(odd),
                sign_sums([strings[p].z for p in places], num_qubits),
                _signs(strings, places),
            )
            for (x, odd), places in groups.items()
        )
        order = [place for places in groups.values() for place in places]
        return Strings(flips, ()), _inverse(dict(enumerate(order)))
    by_size: dict[int, list] = defaultdict(list)
    for key, places in groups.items():
        size = next((size for size in tuning.GROUP_SIZES if len(places) <= size), len(places))
        by_size[size].append((key, places))
    wide = [
        each
        for size in list(by_size)
        if size > tuning.GROUP_SIZES[-1]
        for each in by_size.pop(size)
    ]
    if wide:
        by_size[max(len(places) for _, places in wide)] = wide
    loops, at, start = [], {}, 0
    for size, members in sorted(by_size.items()):
        loops.append(_loop(strings, size, members))
        for row, (_, places) in enumerate(members):
            at.update({start + row * size + k: place for k, place in enumerate(places)})
        start += size * len(members)
    return Strings((), tuple(loops)), _inverse(at)


def _inverse(at: Mapping[int, int]) -> list[int]:
    found = [0] * len(at)
    for place, what in at.items():
        found[what] = place
    return found


def _loop(strings: Sequence[String], size: int, members: Sequence) -> Loop:
    z = np.zeros((len(members), size), np.int32)
    signs = np.zeros((len(members), size), np.float64)
    for row, (_, places) in enumerate(members):
        z[row, : len(places)] = [strings[place].z for place in places]
        signs[row, : len(places)] = _signs(strings, places)
    x, imaginary = np.array([key for key, _ in members], np.int32).T
    return Loop(x, imaginary, z, signs)


def _signs(strings: Sequence[String], places: Sequence[int]) -> np.ndarray:
    """Re(i**k p) is +Re(p), -Im(p), -Re(p), +Im(p) for k = 0, 1, 2, 3."""
    counts = np.array([(strings[place].x & strings[place].z).bit_count() for place in places])
    return np.array([1.0, -1.0, -1.0, 1.0])[counts % 4]


# ---------------------------------------------------------------- values


def string_values(strings: Strings, state: State) -> Float[Array, "strings batch"]:
    """<psi|P|psi> of every string, in the order of the tables."""
    parts = [jnp.zeros((0, state.shape[2]), state.dtype)]
    if strings.flips:
        amplitudes = as_complex(state)
        parts.extend(_flip_values(flip, amplitudes) for flip in strings.flips)
    if strings.loops:
        parts.append(_loop_values(strings.loops, state))
    return jnp.concatenate(parts)


def _flip_values(flip: Flip, amplitudes: Array) -> Array:
    product = _flip_bits(amplitudes, flip.x).conj() * amplitudes
    part = product.imag if flip.imaginary else product.real
    signs = jnp.asarray(flip.signs).astype(part.dtype)
    return signed_sums(flip.sums, part) * signs[:, None]


def _flip_bits(state: Array, x: int) -> Array:
    """state[i ^ x]: reverse the axis of each run of set bits."""
    num_qubits = state.shape[0].bit_length() - 1
    bits = [x >> qubit & 1 for qubit in reversed(range(num_qubits))]
    runs = [(bit, len(list(same))) for bit, same in groupby(bits)]
    split = state.reshape(*(2**length for _, length in runs), state.shape[1])
    return jnp.flip(split, [axis for axis, (bit, _) in enumerate(runs) if bit]).reshape(state.shape)


# ---------------------------------------------------------------- loops


@jax.custom_jvp
def _loop_values(loops: tuple[Loop, ...], state: State) -> Float[Array, "strings batch"]:
    return _pairings(loops, state, state)


@_loop_values.defjvp
def _loop_values_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    def push(residuals: tuple, tangent: State) -> Array:
        loops, state = residuals
        return 2 * _pairings(loops, state, tangent)

    def pull(residuals: tuple, cotangent: Array) -> State:
        loops, state = residuals
        return 2 * weighted_sum(loops, cotangent, state)

    return _loop_values(*primals), linear_map(push, pull, primals, tangents[1])


@jax.custom_jvp
def _pairings(loops: tuple[Loop, ...], left: State, right: State) -> Float[Array, "strings batch"]:
    """Re <left|P|right> of every string."""
    parts = []
    for loop in loops:

        def body(_: None, group: _Group) -> tuple[None, Array]:
            # XLA is twenty times slower to sum over the axis of the planes.
            re, im = left * _flipped(right, group)
            return None, _group_sums(group, re + im)

        values = lax.scan(body, None, _groups(loop, left.dtype))[1]
        parts.append(values.reshape(-1, left.shape[2]))
    return jnp.concatenate(parts)


@_pairings.defjvp
def _pairings_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    def push(residuals: tuple, moved: tuple) -> Array:
        loops, left, right = residuals
        return _pairings(loops, moved[0], right) + _pairings(loops, left, moved[1])

    def pull(residuals: tuple, cotangent: Array) -> tuple[State, State]:
        loops, left, right = residuals
        return weighted_sum(loops, cotangent, right), weighted_sum(loops, cotangent, left)

    return _pairings(*primals), linear_map(push, pull, primals, tangents[1:])


@jax.custom_jvp
def weighted_sum(
    loops: tuple[Loop, ...], weights: Float[Array, "strings batch"], state: State
) -> State:
    """sum_P weight_P P |state>; the weights have the state's batch, or one for all of it."""
    result, start = jnp.zeros_like(state), 0
    for loop in loops:
        groups, size = loop.z.shape
        part = weights[start : start + groups * size].reshape(groups, size, -1)
        start += groups * size

        def body(result: State, step: tuple[_Group, Array]) -> tuple[State, None]:
            group, weight = step
            flipped = _flipped(state, group)
            signs = _group_signs(group, weight * group.signs[:, None], state.shape[1])
            return result + signs[None] * flipped, None

        result = lax.scan(body, result, (_groups(loop, state.dtype), part))[0]
    return result


@weighted_sum.defjvp
def _weighted_sum_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    def push(residuals: tuple, moved: tuple) -> State:
        loops, weights, state = residuals
        return weighted_sum(loops, moved[0], state) + weighted_sum(loops, weights, moved[1])

    def pull(residuals: tuple, cotangent: State) -> tuple[Array, State]:
        loops, weights, state = residuals
        to_weights = _pairings(loops, cotangent, state)
        if weights.shape[1] == 1:
            to_weights = to_weights.sum(axis=1, keepdims=True)
        return to_weights, weighted_sum(loops, weights, cotangent)

    return weighted_sum(*primals), linear_map(push, pull, primals, tangents[1:])


@jax.custom_jvp
def weighted_value(
    loops: tuple[Loop, ...], weights: Float[Array, "strings batch"], state: State
) -> Float[Array, " batch"]:
    """sum_P weight_P <psi|P|psi>: for one sum, what reverse mode needs comes with its value."""
    return _overlap(state, weighted_sum(loops, weights, state))


def _weighted_value_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    loops, weights, state = primals
    _, to_weights, to_state = tangents
    applied = weighted_sum(loops, weights, state)
    tangent = jnp.zeros((state.shape[2],), state.dtype)
    if not isinstance(to_state, jax.custom_derivatives.SymbolicZero):
        tangent = tangent + 2 * _overlap(to_state, applied)
    if not isinstance(to_weights, jax.custom_derivatives.SymbolicZero):
        tangent = tangent + (to_weights * _loop_values(loops, state)).sum(axis=0)
    return _overlap(state, applied), tangent


weighted_value.defjvp(_weighted_value_jvp, symbolic_zeros=True)


def _overlap(left: State, right: State) -> Float[Array, " batch"]:
    """The real part of the scalar product."""
    return total((left * right).reshape(-1, left.shape[2]))


# ---------------------------------------------------------------- one group of strings


class _Group(NamedTuple):
    """One group of a `Loop`, or all of them."""

    x: Array
    imaginary: Array
    z: Array
    signs: Array


def _groups(loop: Loop, dtype: np.dtype) -> _Group:
    x, imaginary, z = (jnp.asarray(table) for table in (loop.x, loop.imaginary, loop.z))
    return _Group(x, imaginary, z, jnp.asarray(loop.signs).astype(dtype))


def _flipped(state: State, group: _Group) -> State:
    """X^x |state>, times -i for an odd number of Y's."""
    _, dim, batch = state.shape
    # The plane is one more bit of the row; where it is flipped, new real parts change sign.
    rows = jnp.arange(2 * dim, dtype=jnp.int32) ^ (group.x | group.imaginary * dim)
    # Numbers instead of rows of one number: twice as fast on CPU.
    flat = state.reshape(-1) if batch == 1 else state.reshape(-1, batch)
    moved = flat.at[rows].get(unique_indices=True, mode="promise_in_bounds")
    signs = jnp.stack([1 - 2 * group.imaginary, jnp.ones_like(group.imaginary)])
    return moved.reshape(state.shape) * signs.astype(state.dtype)[:, None, None]


def _group_sums(group: _Group, products: Float[Array, "dim batch"]) -> Array:
    dim = len(products)
    if len(group.z) > tuning.MAX_SIGN_SUMS:
        return hadamard(products)[group.z] * group.signs[:, None]
    columns = 1 << low_bits_of(dim.bit_length() - 1)
    high = parities(group.z, jnp.arange(dim // columns, dtype=jnp.int32) * columns, products)
    low = parities(group.z, jnp.arange(columns, dtype=jnp.int32), products)
    return fold(high, low, products) * group.signs[:, None]


def _group_signs(group: _Group, weights: Float[Array, "strings batch"], dim: int) -> Array:
    """sum_k weight_k (-1)**popcount(z_k & i) for every row i."""
    batch = weights.shape[1]
    if len(group.z) > tuning.MAX_SIGN_SUMS:
        # Where weights are numbers, XLA would transform them when it compiles, and take seconds.
        spread = jnp.zeros((dim, batch), weights.dtype).at[group.z].add(weights)
        return hadamard(lax.optimization_barrier(spread))
    if len(group.z) == 1:
        return parities(group.z, jnp.arange(dim, dtype=jnp.int32), weights)[0][:, None] * weights
    columns = 1 << low_bits_of(dim.bit_length() - 1)
    high = parities(group.z, jnp.arange(dim // columns, dtype=jnp.int32) * columns, weights)
    low = parities(group.z, jnp.arange(columns, dtype=jnp.int32), weights)
    weighted = (low[:, :, None] * weights[:, None, :]).reshape(len(low), -1)
    return jnp.matmul(high.T, weighted, precision=tuning.PRECISION).reshape(dim, batch)
