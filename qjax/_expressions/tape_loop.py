"""Floor 1. Tape -> the values of its expressions, by one loop over its steps.

The loop takes the time of its steps, a microsecond or so each, but to compile it takes the same
time for any number of them. Derivatives go through the loop as through any other: a step has a rule
of its own, so that what is kept for reverse mode is two slopes per step.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from qjax._base import tuning
from qjax._expressions.compensated import PAIRS, Pair, without_turns
from qjax._expressions.expression import BINARY
from qjax._expressions.operations import NUMBERS
from qjax._expressions.tape import COPY, Tape

# Where every operation and its derivatives are finite, for lanes that take another one.
_SAFE = 0.5


class _Step(NamedTuple):
    """A row of the tables, with the values of its leaves `(lanes, batch)` and their rests."""

    code: Array
    left: Array
    right: Array
    out: Array
    leaf: Array
    rest: Array


def tape_values(
    tape: Tape, parameters: Float[Array, "params *batch"], *, compensated: bool
) -> Float[Array, "lanes *batch"]:
    """The value of each lane.

    Args:
        tape: the steps.
        parameters: as its indices count them.
        compensated: compute in pairs of single-precision numbers, and take full turns off, where
            the tape is `periodic`.
    """
    flat = parameters.reshape(len(parameters), -1)
    lanes, batch = tape.parameters.shape[1], flat.shape[1]
    run = partial(_run, tape, compensated)
    most = max(1, tuning.TAPE_LEAVES_AT_ONCE // tape.parameters.size)
    if batch <= most:
        values = run(flat)
    else:
        parts = -(-batch // most)
        padded = jnp.pad(flat, ((0, 0), (0, parts * most - batch)), mode="edge")
        split = jnp.moveaxis(padded.reshape(len(flat), parts, most), 1, 0)
        in_parts = jnp.moveaxis(lax.map(jax.checkpoint(run), split), 0, 1)
        values = in_parts.reshape(lanes, -1)[:, :batch]
    return values.reshape(lanes, *parameters.shape[1:])


def _run(tape: Tape, compensated: bool, parameters: Array) -> Float[Array, "lanes batch"]:
    dtype, batch = parameters.dtype, parameters.shape[1]
    lanes = tape.parameters.shape[1]
    constants, rests = (jnp.asarray(x, dtype)[..., None] for x in (tape.constants, tape.rests))
    is_parameter = jnp.asarray(tape.is_parameter)[..., None]
    leaves = jnp.where(is_parameter, parameters[jnp.asarray(tape.parameters)], constants)
    registers = jnp.zeros((tape.num_registers, lanes, batch), dtype)
    code, left, right, out = map(jnp.asarray, (tape.codes, tape.left, tape.right, tape.out))
    steps = _Step(code, left, right, out, leaves, rests)

    def body(carry: Pair, step: _Step) -> tuple[Pair, None]:
        values = carry[0].at[0].set(step.leaf)
        lows = carry[1].at[0].set(jnp.broadcast_to(step.rest, step.leaf.shape))
        operands = [(_at(values, k), _at(lows, k)) for k in (step.left, step.right)]
        value, low = _stepped(tape.operations, compensated, step.code, *operands)
        return (_put(values, step.out, value), _put(lows, step.out, lax.stop_gradient(low))), None

    (values, lows), _ = lax.scan(body, (registers, lax.stop_gradient(registers)), steps)
    value, low = _at(values, steps.out[-1]), _at(lows, steps.out[-1])
    if not compensated:
        return value
    return without_turns(value, low) if tape.periodic else value + low


def _at(registers: Array, register: Array) -> Float[Array, "lanes batch"]:
    if register.ndim == 0:
        return registers[register]
    return jnp.take_along_axis(registers, register[None, :, None], axis=0)[0]


def _put(registers: Array, register: Array, value: Array) -> Array:
    if register.ndim == 0:
        return registers.at[register].set(value)
    here = jnp.arange(len(registers), dtype=register.dtype)[:, None] == register[None]
    return jnp.where(here[..., None], value[None], registers)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _stepped(
    operations: tuple[str, ...], compensated: bool, code: Array, left: Pair, right: Pair
) -> Pair:
    operate = _in_pairs if compensated else _in_numbers
    return _chosen(operations, operate, code, left, right)


@_stepped.defjvp
def _stepped_jvp(
    operations: tuple[str, ...], compensated: bool, primals: tuple, tangents: tuple
) -> tuple[Pair, Pair]:
    code, (left, _), (right, _) = primals
    _, (to_left, _), (to_right, _) = tangents
    slopes = _chosen(operations, _slopes, code, (left,), (right,))
    value, low = _stepped(operations, compensated, *primals)
    return (value, low), (slopes[0] * to_left + slopes[1] * to_right, jnp.zeros_like(low))


def _chosen(
    operations: tuple[str, ...],
    operate: Callable[..., Pair],
    code: Array,
    left: tuple[Array, ...],
    right: tuple[Array, ...],
) -> Pair:
    """operate(name, left, right), for the operation of the step or of each lane."""
    branches = [partial(operate, name) for name in operations]
    if code.ndim == 0:
        return lax.switch(code, branches, left, right)
    candidates = []
    for number, branch in enumerate(branches):
        here = jnp.broadcast_to((code == number)[:, None], left[0].shape)
        safe = (tuple(jnp.where(here, x, _SAFE) for x in operand) for operand in (left, right))
        candidates.append((here, branch(*safe)))
    first, second = candidates[0][1]
    for here, (one, other) in candidates[1:]:
        first, second = jnp.where(here, one, first), jnp.where(here, other, second)
    return first, second


def _in_pairs(name: str, left: Pair, right: Pair) -> Pair:
    if name == COPY:
        return left
    operands = (left, right) if name in BINARY else (left,)
    return getattr(PAIRS, name)(*operands)


def _in_numbers(name: str, left: Pair, right: Pair) -> Pair:
    return _operation(name)(left[0], right[0]), jnp.zeros_like(left[0])


def _slopes(name: str, left: tuple[Array], right: tuple[Array]) -> tuple[Array, Array]:
    """The derivatives in both operands."""
    (a,), (b,) = left, right
    operation, one = _operation(name), jnp.ones_like(a)
    to_left = jax.jvp(lambda x: operation(x, b), (a,), (one,))[1]
    if name not in BINARY:
        return to_left, jnp.zeros_like(a)
    return to_left, jax.jvp(lambda x: operation(a, x), (b,), (one,))[1]


def _operation(name: str) -> Callable[[Array, Array], Array]:
    if name == COPY:
        return lambda a, _: a
    function = getattr(NUMBERS, name)
    return function if name in BINARY else lambda a, _: function(a)
