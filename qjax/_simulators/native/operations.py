"""Floor 4. Steps + what they are given -> what is read out, and cotangents back, by kernels.

Each kernel is a primitive of JAX. Where a program is lowered for another platform, for several
devices, or to be exported, they are lowered as what XLA computes of the same program. Forward mode
and second derivatives are XLA's everywhere.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Int

from qjax._base.linear_map import linear_map
from qjax._plan import NativeProgram
from qjax._simulators.native.by_xla import (
    Given,
    Sums,
    cotangents_jvp,
    pull_back_by_xla,
    state_by_xla,
    sums_by_xla,
    sums_of,
    values_jvp,
)
from qjax._simulators.native.layout import lanes_are_samples, tile_size
from qjax._simulators.native.library import target
from qjax._simulators.native.primitive import kernel_primitive
from qjax._simulators.statevector.simulation import State

# ---------------------------------------------------------------- the state


@jax.custom_jvp
def native_state(program: NativeProgram, given: Given) -> State:
    """The state after a program that has steps, rows in Qiskit's order, all phases applied.

    Args:
        program: what to run.
        given: the angles, and the states to start from.
    """
    return _state(program, given)[0]


@partial(native_state.defjvp, symbolic_zeros=True)
def _native_state_jvp(primals: tuple, tangents: tuple) -> tuple[State, State]:
    program, given = primals
    state = native_state(program, given)
    residuals = program, given, state
    return state, _moved(_push_state, _pull_back_state, residuals, tangents[1], state)


def _push_state(residuals: tuple, tangents: Given) -> State:
    program, given, _ = residuals
    return values_jvp(state_by_xla)(program, given, tangents)


@jax.custom_jvp
def _pull_back_state(residuals: tuple, cotangent: State) -> Given:
    return _as_given(residuals[1], _state_back(*residuals, cotangent))


@_pull_back_state.defjvp
def _pull_back_state_jvp(primals: tuple, tangents: tuple) -> tuple[Given, Given]:
    """Of what is given and the cotangent; the state moves with what is given."""
    (program, given, _), cotangent = primals
    (_, moved, _), along = tangents
    moving = cotangents_jvp(state_by_xla)(program, (given, cotangent), (moved, along))
    return _pull_back_state(primals[0], cotangent), moving


# ---------------------------------------------------------------- sums of probabilities


@jax.custom_jvp
def native_sums(program: NativeProgram, masks: Int[Array, " strings"], given: Given) -> Sums:
    """<Z...Z> after a program that has steps, for strings of Z by the masks of their qubits."""
    return _sums(program, masks, given, keep=False)[0]


@partial(native_sums.defjvp, symbolic_zeros=True)
def _native_sums_jvp(primals: tuple, tangents: tuple) -> tuple[Sums, Sums]:
    (sums, _), (moved, _) = _sums_and_tiles_jvp(primals, tangents)
    return sums, moved


@jax.custom_jvp
def _sums_and_tiles(program: NativeProgram, masks: Array, given: Given) -> tuple[Sums, Array]:
    """The same, with the states as the kernels have them, for reverse mode."""
    sums, tiles = _sums(program, masks, given, keep=True)
    return sums, tiles


@partial(_sums_and_tiles.defjvp, symbolic_zeros=True)
def _sums_and_tiles_jvp(primals: tuple, tangents: tuple) -> tuple[tuple, tuple]:
    """Nothing takes the tangents of the states: whatever uses those computes them anew."""
    program, masks, given = primals
    sums, tiles = _sums_and_tiles(program, masks, given)
    residuals = program, masks, given, tiles
    moved = _moved(_push_sums, _pull_back_sums, residuals, tangents[2], sums)
    return (sums, tiles), (moved, jnp.zeros_like(tiles))


def _push_sums(residuals: tuple, tangents: Given) -> Sums:
    program, masks, given, _ = residuals
    return values_jvp(sums_of)((program, masks), given, tangents)


@jax.custom_jvp
def _pull_back_sums(residuals: tuple, cotangent: Sums) -> Given:
    return _as_given(residuals[2], _sums_back(*residuals, cotangent))


@_pull_back_sums.defjvp
def _pull_back_sums_jvp(primals: tuple, tangents: tuple) -> tuple[Given, Given]:
    (program, masks, given, _), cotangent = primals
    (_, _, moved, _), along = tangents
    moving = cotangents_jvp(sums_of)((program, masks), (given, cotangent), (moved, along))
    return _pull_back_sums(primals[0], cotangent), moving


def _as_given(given: Given, cotangents: Sequence[Array]) -> Given:
    start = None if given.start is None else cotangents[2]
    return Given(cotangents[0], cotangents[1], start)


def _moved(
    push: Callable[[Any, Given], Array],
    pull_back: Callable[[Any, Array], Given],
    residuals: Any,
    tangents: Sequence[Any],
    like: Array,
) -> Array:
    """push(residuals, tangents), transposed by pull_back; what does not move takes no part."""
    fixed = tuple(t is None or isinstance(t, SymbolicZero) for t in tangents)
    operand = [t for t, is_fixed in zip(tangents, fixed, strict=True) if not is_fixed]

    def along(residuals: Any, operand: Sequence[Array]) -> Array:
        moving = iter(operand)
        every: Any = (
            next(moving) if not is_fixed else None if t is None else jnp.zeros(t.shape, t.dtype)
            for t, is_fixed in zip(tangents, fixed, strict=True)
        )
        return push(residuals, Given(*every))

    def back(residuals: Any, cotangent: Array) -> list[Array]:
        results = pull_back(residuals, cotangent)
        return [
            x for x, is_fixed in zip(results, fixed, strict=True) if not is_fixed and x is not None
        ]

    return linear_map(along, back, residuals, operand, like=like) if operand else 0 * like


# ---------------------------------------------------------------- kernels


def _call(name: str, program: NativeProgram, given: Given, results: Any, *more: Array) -> Any:
    shared, batched, start = given
    steps = program.steps
    call = jax.ffi.ffi_call(target(name, shared.dtype), results)
    start = jnp.zeros((0,), shared.dtype) if start is None else start
    numbers = jnp.asarray(steps.numbers, shared.dtype)
    by_samples = lanes_are_samples(program.num_qubits, batched.shape[1], shared.dtype)
    words = jnp.asarray(steps.words)
    return call(words, numbers, shared, batched, start, *more, by_samples=by_samples)


def _state_types(program: NativeProgram, given: Given) -> list[jax.ShapeDtypeStruct]:
    batch = given.batched.shape[1]
    return [jax.ShapeDtypeStruct((2, 2**program.num_qubits, batch), given.shared.dtype)]


def _sums_types(
    program: NativeProgram, masks: Array, given: Given, keep: bool
) -> list[jax.ShapeDtypeStruct]:
    batch, dtype = given.batched.shape[1], given.shared.dtype
    sums = jax.ShapeDtypeStruct((masks.shape[0], batch), dtype)
    size = tile_size(program.num_qubits, batch, np.dtype(dtype))
    return [sums, jax.ShapeDtypeStruct((size,), dtype)] if keep else [sums]


def _cotangent_types(given: Given) -> list[jax.ShapeDtypeStruct]:
    """Of what is given; of no states to start from, there is an empty one."""
    start = (0,) if given.start is None else given.start.shape
    shapes = (given.shared.shape, given.batched.shape, start)
    return [jax.ShapeDtypeStruct(shape, given.shared.dtype) for shape in shapes]


def _cotangents_by_xla(
    function: Callable[[Given], Array], given: Given, cotangent: Array
) -> list[Array]:
    shared, batched, start = pull_back_by_xla(function, given, cotangent)
    return [shared, batched, jnp.zeros((0,), shared.dtype) if start is None else start]


_state = kernel_primitive(
    "state",
    lambda program, given: _call("State", program, given, _state_types(program, given)),
    lambda program, given: [state_by_xla(program, given)],
    _state_types,
)

_state_back = kernel_primitive(
    "state_back",
    lambda program, given, state, cotangent: _call(
        "PullBackState", program, given, _cotangent_types(given), state, cotangent
    ),
    lambda program, given, _, cotangent: _cotangents_by_xla(
        lambda at: state_by_xla(program, at), given, cotangent
    ),
    lambda _, given, *__: _cotangent_types(given),
)


def _sums_by_kernel(
    program: NativeProgram, masks: Array, given: Given, keep: bool
) -> Sequence[Array]:
    name, results = "SumsAndTiles" if keep else "Sums", _sums_types(program, masks, given, keep)
    called: Sequence[Array] = _call(name, program, given, results, masks)
    return called


def _sums_without(
    program: NativeProgram, masks: Array, given: Given, keep: bool
) -> Sequence[Array]:
    """By XLA, which computes the state again where it needs it."""
    _, *tiles = _sums_types(program, masks, given, keep)
    return [sums_by_xla(program, masks, given), *(jnp.zeros(x.shape, x.dtype) for x in tiles)]


_sums = kernel_primitive("sums", _sums_by_kernel, _sums_without, _sums_types)

_sums_back = kernel_primitive(
    "sums_back",
    lambda program, masks, given, tiles, cotangent: _call(
        "PullBackSums", program, given, _cotangent_types(given), masks, tiles, cotangent
    ),
    lambda program, masks, given, _, cotangent: _cotangents_by_xla(
        lambda at: sums_by_xla(program, masks, at), given, cotangent
    ),
    lambda _, __, given, *___: _cotangent_types(given),
)
