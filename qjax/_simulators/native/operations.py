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

from qjax._base.linear_map import linear_map
from qjax._plan import NativeProgram
from qjax._simulators.native.by_xla import (
    Given,
    Values,
    cotangents_jvp,
    pull_back_by_xla,
    state_by_xla,
    values_by_xla,
    values_jvp,
    values_of,
)
from qjax._simulators.native.layout import lanes_are_samples, tile_size
from qjax._simulators.native.library import target
from qjax._simulators.native.primitive import kernel_primitive
from qjax._simulators.native.reading import NativeReading
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


# ---------------------------------------------------------------- what is read out


@jax.custom_jvp
def native_values(program: NativeProgram, reading: NativeReading, given: Given) -> Values:
    """What is read out after a program that has steps."""
    return _values(program, reading, given, keep=False)[0]


@partial(native_values.defjvp, symbolic_zeros=True)
def _native_values_jvp(primals: tuple, tangents: tuple) -> tuple[Values, Values]:
    (values, _), (moved, _) = _values_and_tiles_jvp(primals, tangents)
    return values, moved


@jax.custom_jvp
def _values_and_tiles(
    program: NativeProgram, reading: NativeReading, given: Given
) -> tuple[Values, Array]:
    """The same, with the states as the kernels have them, for reverse mode."""
    values, tiles = _values(program, reading, given, keep=True)
    return values, tiles


@partial(_values_and_tiles.defjvp, symbolic_zeros=True)
def _values_and_tiles_jvp(primals: tuple, tangents: tuple) -> tuple[tuple, tuple]:
    """Nothing takes the tangents of the states: whatever uses those computes them anew."""
    program, reading, given = primals
    values, tiles = _values_and_tiles(program, reading, given)
    residuals = program, reading, given, tiles
    moved = _moved(_push_values, _pull_back_values, residuals, tangents[2], values)
    return (values, tiles), (moved, jnp.zeros_like(tiles))


def _push_values(residuals: tuple, tangents: Given) -> Values:
    program, reading, given, _ = residuals
    return values_jvp(values_of)((program, reading), given, tangents)


@jax.custom_jvp
def _pull_back_values(residuals: tuple, cotangent: Values) -> Given:
    return _as_given(residuals[2], _values_back(*residuals, cotangent))


@_pull_back_values.defjvp
def _pull_back_values_jvp(primals: tuple, tangents: tuple) -> tuple[Given, Given]:
    (program, reading, given, _), cotangent = primals
    (_, _, moved, _), along = tangents
    moving = cotangents_jvp(values_of)((program, reading), (given, cotangent), (moved, along))
    return _pull_back_values(primals[0], cotangent), moving


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


def call_kernel(
    name: str,
    program: NativeProgram,
    given: Given,
    results: Any,
    *more: Array,
    in_place: dict[int, int] | None = None,
    **how: bool,
) -> Any:
    """What a kernel returns that runs, or reads out, a program.

    Args:
        name: of the kernel.
        program: its program.
        given: the angles, and the states to start from.
        results: shapes and dtypes.
        more: further arguments.
        in_place: the places of arguments -> those of the results that may take their memory.
        how: what else decides about the call.
    """
    shared, batched, start = given
    steps = program.steps
    named = target(name, shared.dtype)
    call = jax.ffi.ffi_call(named, results, input_output_aliases=in_place)
    numbers = jnp.asarray(steps.numbers, shared.dtype)
    by_samples = lanes_are_samples(program.num_qubits, batched.shape[1], shared.dtype)
    start = jnp.zeros((0,), shared.dtype) if start is None else start
    words = jnp.asarray(steps.words)
    return call(words, numbers, shared, batched, start, *more, by_samples=by_samples, **how)


def read_kernel(
    name: str,
    reading: NativeReading,
    program: NativeProgram,
    given: Given,
    results: Any,
    *more: Array,
) -> Sequence[Array]:
    """What a kernel returns that reads a state out; arguments as in `call_kernel`."""
    words, of_strings = jnp.asarray(reading.words), reading.of_strings
    called: Sequence[Array]
    called = call_kernel(name, program, given, results, words, *more, of_strings=of_strings)
    return called


def state_types(program: NativeProgram, given: Given) -> list[jax.ShapeDtypeStruct]:
    """The shape and dtype of the state."""
    batch = given.batched.shape[1]
    return [jax.ShapeDtypeStruct((2, 2**program.num_qubits, batch), given.shared.dtype)]


def _values_types(
    program: NativeProgram, reading: NativeReading, given: Given, keep: bool
) -> list[jax.ShapeDtypeStruct]:
    batch, dtype = given.batched.shape[1], given.shared.dtype
    values = jax.ShapeDtypeStruct((reading.num_values, batch), dtype)
    size = tile_size(program.num_qubits, batch, np.dtype(dtype))
    return [values, jax.ShapeDtypeStruct((size,), dtype)] if keep else [values]


def cotangent_types(given: Given, *more: tuple[int, ...]) -> list[jax.ShapeDtypeStruct]:
    """Of what is given; of no states to start from, there is an empty one. And of these shapes."""
    start = (0,) if given.start is None else given.start.shape
    shapes = (given.shared.shape, given.batched.shape, start, *more)
    return [jax.ShapeDtypeStruct(shape, given.shared.dtype) for shape in shapes]


def _cotangents_by_xla(
    function: Callable[[Given], Array], given: Given, cotangent: Array
) -> list[Array]:
    shared, batched, start = pull_back_by_xla(function, given, cotangent)
    return [shared, batched, jnp.zeros((0,), shared.dtype) if start is None else start]


_NOTHING = (0,)

_state = kernel_primitive(
    "state",
    lambda program, given: call_kernel("State", program, given, state_types(program, given)),
    lambda program, given: [state_by_xla(program, given)],
    state_types,
)

_state_back = kernel_primitive(
    "state_back",
    lambda program, given, state, cotangent: call_kernel(
        "PullBackState", program, given, cotangent_types(given, _NOTHING), state, cotangent
    )[:3],
    lambda program, given, _, cotangent: _cotangents_by_xla(
        lambda at: state_by_xla(program, at), given, cotangent
    ),
    lambda _, given, *__: cotangent_types(given),
)


def _values_by_kernel(
    program: NativeProgram, reading: NativeReading, given: Given, keep: bool
) -> Sequence[Array]:
    name, results = (
        "ValuesAndTiles" if keep else "Values",
        _values_types(program, reading, given, keep),
    )
    called: Sequence[Array] = call_kernel(
        name, program, given, results, jnp.asarray(reading.words), of_strings=reading.of_strings
    )
    return called


def _values_without(
    program: NativeProgram, reading: NativeReading, given: Given, keep: bool
) -> Sequence[Array]:
    """By XLA, which computes the state again where it needs it."""
    _, *tiles = _values_types(program, reading, given, keep)
    return [values_by_xla(program, reading, given), *(jnp.zeros(x.shape, x.dtype) for x in tiles)]


_values = kernel_primitive("values", _values_by_kernel, _values_without, _values_types)

_values_back = kernel_primitive(
    "values_back",
    lambda program, reading, given, *more: read_kernel(
        "PullBackValues", reading, program, given, cotangent_types(given), *more
    ),
    lambda program, reading, given, _, cotangent: _cotangents_by_xla(
        lambda at: values_by_xla(program, reading, at), given, cotangent
    ),
    lambda _, __, given, *___: cotangent_types(given),
)
