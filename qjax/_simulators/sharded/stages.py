"""Floor 4. What each device does to its part of a state between two exchanges, and undoes.

Both engines run forwards, and backwards from the state and its cotangent to those before, which is
all that reverse mode needs: nothing is kept on the way (Jones and Gacon, arXiv:2009.02823).
"""

from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int32

from qjax._base.mesh import alike
from qjax._plan import NativeProgram, Program
from qjax._simulators.native.device_rows import (
    native_rows,
    native_rows_back,
    run_tiles,
    undo_tiles,
)
from qjax._simulators.sharded.exchange import LocalState
from qjax._simulators.statevector.simulation import (
    Gradient,
    angles_of,
    finish,
    simulate,
    undone,
)


class Own(NamedTuple):
    """What a device has of its own: leading axes of devices, cut, have length 1.

    Attributes:
        words: of the native engine's program; none for XLA's.
        parities: 0 or 1: of the device's number, further parameters that all samples share.
        signs: 1 or -1: of the strings that are measured.
    """

    words: Int32[Array, "1 words"]
    parities: Float[Array, "1 numbers"]
    signs: Float[Array, "1 strings"]


class Parameters(NamedTuple):
    """Of a circuit: those that all samples share, and those that differ per sample, batch last."""

    shared: Float[Array, " shared"]
    batched: Float[Array, "batched batch"]


def run_stage(
    program: Program | NativeProgram,
    own: Own,
    given: Parameters,
    state: LocalState,
    in_place: bool,
    gradient: Gradient = "adjoint",
) -> LocalState:
    """The state after a stage.

    Args:
        program: what all devices run.
        own: what this one has of its own.
        given: the parameters.
        state: the one before.
        in_place: whether states are tiles of kernels, which leave rows where they are.
        gradient: how XLA's reverse mode works, where JAX differentiates.
    """
    told = _told(own, given)
    if isinstance(program, NativeProgram):
        run = run_tiles if in_place else native_rows
        return run(of_device(program, own), *_angles(program, *told), state)
    after, last = simulate(program, *told, gradient, state)
    return finish(program, after, last, gradient)


def undo_stage(
    program: Program | NativeProgram,
    own: Own,
    given: Parameters,
    state: LocalState,
    cotangent: LocalState,
    in_place: bool,
) -> tuple[Parameters, LocalState, LocalState]:
    """(cotangents of the parameters, the state before, its cotangent) from that after a stage."""
    told = _told(own, given)
    if isinstance(program, NativeProgram):
        angles, pull_back = jax.vjp(partial(_angles, program), *told)
        undo = undo_tiles if in_place else native_rows_back
        *to_angles, before, to_before = undo(of_device(program, own), *angles, state, cotangent)
        to_shared, to_batched = pull_back(tuple(to_angles))
    else:
        to_shared, to_batched, before, to_before = undone(program, *told, state, cotangent)
    return Parameters(to_shared[: len(given.shared)], to_batched), before, to_before


def _told(own: Own, given: Parameters) -> tuple[Array, Array]:
    return jnp.concatenate([given.shared, own.parities[0]]), given.batched


def _angles(program: NativeProgram, shared: Array, batched: Array) -> tuple[Array, Array]:
    """Angles of this device, constant ones too."""
    angles: tuple[Array, Array] = alike((angles_of(program, shared, batched), shared, batched))[0]
    return angles


def of_device(program: NativeProgram, own: Own) -> NativeProgram:
    """What a device runs."""
    steps: Any = replace(program.steps, words=own.words[0])  # type: ignore[arg-type]
    return replace(program, steps=steps)
