"""Floor 4. Blocks by the compiled kernels, with reverse mode by hand; all else by XLA.

Blocks that touch few digits together are a group, which is one pass over the state: see
`superoperators.h`. Reverse mode keeps the states between groups, or some of them where these are
many, and computes the others again.
"""

from functools import partial
from math import isqrt
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Int32

from qjax._base import tuning
from qjax._base.linear_map import linear_map
from qjax._base.store import kept
from qjax._simulators.density_matrix.blocks import Block, Schedule
from qjax._simulators.density_matrix.passes import Matrices, acted_by_xla
from qjax._simulators.native.library import target
from qjax._simulators.native.primitive import kernel_primitive

# `superoperator_call.h` has these too: qubits of a block, digits of a group.
MOST_WIDTH = 3
_MOST_DIGITS = 6


def has_kernel(schedule: Schedule) -> bool:
    """Whether the kernels have all blocks of a plan."""
    return len(schedule.blocks) > 0 and all(len(b.qubits) <= MOST_WIDTH for b in schedule.blocks)


def acted_by_kernel(schedule: Schedule, matrices: Matrices, state: Array) -> Array:
    """The state after all blocks, its digits as at the start."""
    final, _ = _acted(schedule, False, matrices, state)
    return final


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _acted(
    schedule: Schedule, keeps: bool, matrices: Matrices, state: Array
) -> tuple[Array, Array]:
    """The state after all blocks, and the states that reverse mode keeps."""
    final, between = _forwards(matrices, state, schedule=schedule, keeps=keeps)
    return final, between


@_acted.defjvp
def _acted_jvp(
    schedule: Schedule, keeps: bool, primals: tuple, tangents: tuple
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    final, between = _acted(schedule, True, *primals)

    def forwards(residuals: Any, moves: Any) -> Array:
        tangent: Array = jax.jvp(partial(acted_by_xla, schedule), residuals[:2], moves)[1]
        return tangent

    def backwards(residuals: Any, cotangent: Array) -> Any:
        return _pulled_back(schedule, *residuals, cotangent)

    like = jax.ShapeDtypeStruct(final.shape, final.dtype)
    moved = linear_map(forwards, backwards, (*primals, between), tangents, like=like)
    # What is kept follows from the other residuals: nobody asks how it moves.
    returned = between if keeps else between[:0]
    return (final, returned), (moved, jnp.zeros_like(returned))


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _pulled_back(
    schedule: Schedule, matrices: Matrices, state: Array, between: Array, cotangent: Array
) -> tuple[Matrices, Array]:
    *moving, start = _backwards(matrices, state, between, cotangent, schedule=schedule)
    return Matrices(*moving), start


@_pulled_back.defjvp
def _pulled_back_jvp(schedule: Schedule, primals: tuple, tangents: tuple) -> tuple[Any, Any]:
    """Second derivatives: through XLA."""

    def pull_back(matrices: Matrices, state: Array, cotangent: Array) -> tuple:
        return tuple(jax.vjp(partial(acted_by_xla, schedule), matrices, state)[1](cotangent))

    def without_kept(given: tuple) -> tuple:
        return (*given[:2], given[3])

    _, moves = jax.jvp(pull_back, without_kept(primals), without_kept(tangents))
    return _pulled_back(schedule, *primals), moves


# ---------------------------------------------------------------- calls of kernels


def _forwards_by_kernel(
    matrices: Matrices, state: Array, *, schedule: Schedule, keeps: bool
) -> list[Array]:
    words, every, _ = _program(schedule, keeps, state)
    types = _forwards_types(matrices, state, schedule=schedule, keeps=keeps)
    call = jax.ffi.ffi_call(target("Superoperators", state.dtype), types)
    return list(call(words, *matrices, state, every=np.int64(every)))


def _forwards_by_xla(
    matrices: Matrices, state: Array, *, schedule: Schedule, keeps: bool
) -> list[Array]:
    between = _forwards_types(matrices, state, schedule=schedule, keeps=keeps)[1]
    return [acted_by_xla(schedule, matrices, state), jnp.zeros(between.shape, between.dtype)]


def _forwards_types(
    matrices: Any, state: Any, *, schedule: Schedule, keeps: bool
) -> tuple[jax.ShapeDtypeStruct, jax.ShapeDtypeStruct]:
    del matrices
    count = _program(schedule, keeps, state)[2]
    one = jax.ShapeDtypeStruct(state.shape, state.dtype)
    return one, jax.ShapeDtypeStruct((count, *state.shape), state.dtype)


def _backwards_by_kernel(
    matrices: Matrices, state: Array, between: Array, cotangent: Array, *, schedule: Schedule
) -> list[Array]:
    words, every, _ = _program(schedule, True, state)
    types = _backwards_types(matrices, state, between, cotangent, schedule=schedule)
    call = jax.ffi.ffi_call(target("PullBackSuperoperators", state.dtype), types)
    return list(call(words, *matrices, state, between, cotangent, every=np.int64(every)))


def _backwards_by_xla(
    matrices: Matrices, state: Array, between: Array, cotangent: Array, *, schedule: Schedule
) -> list[Array]:
    del between
    moving, start = jax.vjp(partial(acted_by_xla, schedule), matrices, state)[1](cotangent)
    return [*moving, start]


def _backwards_types(
    matrices: Any, state: Any, between: Any, cotangent: Any, *, schedule: Schedule
) -> tuple[jax.ShapeDtypeStruct, ...]:
    del between, cotangent, schedule
    return tuple(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in (*matrices, state))


_forwards = kernel_primitive(
    "superoperators", _forwards_by_kernel, _forwards_by_xla, _forwards_types
)
_backwards = kernel_primitive(
    "superoperators_back", _backwards_by_kernel, _backwards_by_xla, _backwards_types
)


def _program(schedule: Schedule, keeps: bool, state: Array) -> tuple[Any, int, int]:
    """Words for the kernel; of how many groups one state is kept, and how many states that are."""
    words, groups = _words(schedule, state.shape[1])
    if not keeps or groups == 0:
        return words, max(groups, 1), 0
    bytes_of_all = groups * state.size * state.dtype.itemsize
    every = 1 if bytes_of_all <= tuning.KEPT_MIXED_BYTES else max(1, isqrt(groups))
    return words, every, (groups - 1) // every


@kept()
def _words(schedule: Schedule, batch: int) -> tuple[Int32[np.ndarray, " words"], int]:
    """The program as the kernel reads it, and how many groups it has."""
    count = schedule.num_qubits
    layout = schedule.start_layout
    place = {qubit: count - 1 - k for k, qubit in enumerate(layout)}
    moving = [block.is_batched for block in schedule.blocks]
    by_samples = any(moving) or batch >= tuning.MIN_MIXED_SAMPLES_IN_LANES
    digits_of_blocks = [[place[qubit] for qubit in block.qubits] for block in schedule.blocks]
    groups = groups_of(digits_of_blocks, by_samples, count)
    numbers = {False: 0, True: 0}
    described = []
    for block in schedule.blocks:
        described.append(_block_words(block, numbers[block.is_batched], place))
        numbers[block.is_batched] += 1
    words = [count, len(described), len(groups), int(by_samples), sum(moving)]
    start = 0
    for members, _ in groups:
        for member in members:
            words += described[member]
    for members, digits in groups:
        filled = [*digits, *[0] * (_MOST_DIGITS - len(digits))]
        words += [start, len(members), len(digits), *filled]
        start += len(members)
    return np.array(words, np.int32), len(groups)


def _block_words(block: Block, number: int, place: dict[int, int]) -> list[int]:
    digits = [place[qubit] for qubit in block.qubits]
    return [len(digits), int(block.is_batched), number, *digits, *[0] * (MOST_WIDTH - len(digits))]


def groups_of(
    blocks: list[list[int]], by_samples: bool, count: int
) -> list[tuple[list[int], list[int]]]:
    """(numbers of blocks, digits) of groups: a block joins the last that touches its digits."""
    widest = max(map(len, blocks))
    most = tuning.MIXED_DIGITS_OF_GROUP
    if not by_samples:  # two further digits are the lanes of vectors
        most = max(widest, min(most, count - 2))
    members: list[list[int]] = []
    touched: list[set[int]] = []
    last: dict[int, int] = {}
    for number, digits in enumerate(blocks):
        group = max((last.get(digit, -1) for digit in digits), default=-1)
        fits = group >= 0 and len(members[group]) < tuning.MIXED_BLOCKS_OF_GROUP
        if not fits or len(touched[group].union(digits)) > most:
            group = len(members)
            members.append([])
            touched.append(set())
        members[group].append(number)
        touched[group].update(digits)
        last.update(dict.fromkeys(digits, group))
    return [(m, sorted(t)) for m, t in zip(members, touched, strict=True)]
