"""Floor 5. Pauli strings on states, matrix-free: their expectation values, and sums of them.

A string is i**popcount(x & z) * X^x Z^z: it flips the bits of x, behind signs. All strings with one
x share the products of amplitudes that they pair, of which each takes a signed sum. On states as
real numbers `(2, 2**n, batch)`, a string with an odd number of Y's also swaps the two planes.

A few such groups are unrolled. Many of them run as a loop over tables, so that neither the program
nor, in reverse mode, the memory grows with their number: from d<psi|P|psi> = 2 Re<P psi|d psi>, the
cotangent of the state is a sum of strings on it, which the same loop computes.

On three qubits, "IXZ" (X on qubit 1, Z on qubit 0) has x = 0b010 and z = 0b001, "ZXI" the same x
and z = 0b100. Both pair each amplitude with the one two rows away:

>>> psi = np.arange(1, 9) / np.sqrt(204)
>>> rows = np.arange(8)
>>> products = psi[rows ^ 0b010].conj() * psi
>>> (204 * products).round().astype(int).tolist()
[3, 8, 3, 8, 35, 48, 35, 48]

and differ in the signs of the sum, the parities of i & z:

>>> sign_of = lambda z: 1 - 2 * (np.bitwise_count(rows & z) & 1).astype(int)
>>> [int((204 * sign_of(z) * products).sum().round()) for z in (0b001, 0b100)]
[-36, -144]

As a matrix, "IXZ" gives the same:

>>> one, x, z = np.eye(2), np.eye(2)[::-1], np.diag([1, -1])
>>> int((204 * psi @ np.kron(one, np.kron(x, z)) @ psi).round())
-36
"""

from itertools import groupby
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from qjax._base import tuning
from qjax._base.linear_map import linear_map
from qjax._base.walsh import hadamard
from qjax._readout.signed_sums import (
    fold,
    low_bits_of,
    parities,
    signed_sums,
    total,
)
from qjax._readout.string_tables import Flip, Loop, Strings
from qjax._simulators import as_complex

State = Float[Array, "2 dim batch"]


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
    """sum_P weight_P <psi|P|psi>, of one sum: reverse mode finds what it needs beside the value."""
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
    """The tables of a `Loop` as arrays: of one group, or along a first axis of all."""

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
