"""Floor 6. What each of several devices computes of a part of a state, forwards and backwards.

These functions run inside of `shard_map`: arrays are a device's own, and what devices add up or
send each other is written out.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, Int

from qjax._base.mesh import made_varying
from qjax._engine.sharded_program import ShardedProgram, ShardedStage
from qjax._plan import Order, Program
from qjax._readout import expectation_values, marginal, probabilities_of
from qjax._simulators import (
    Gradient,
    LocalState,
    Own,
    Parameters,
    StateSharding,
    exchange,
    exchange_back,
    finish,
    moved,
    run_stage,
    simulate,
    undo_stage,
)


class Here(NamedTuple):
    """Where a computation runs.

    Attributes:
        sharding: the mesh, and what lies along its axes.
        device: the number of this device along the axes of the state.
    """

    sharding: StateSharding
    device: Int[Array, ""]

    @property
    def axes(self) -> tuple[str, ...]:
        """Those along which states are cut."""
        return self.sharding.state_axes


def local_values(
    program: ShardedProgram,
    sharding: StateSharding,
    gradient: Gradient,
    owns: Sequence[Own],
    given: Parameters,
) -> tuple[Array, LocalState]:
    """(what is read out, the rows at the end) of a device."""
    here, given = _placed(sharding, given)
    state = _start(program, given, here)
    found: list[Array] = []
    for stage, own in zip(program.stages, owns, strict=True):
        if stage.exchange is not None:
            state = exchange(state, stage.exchange, here.device, here.axes)
        state = run_stage(stage.program, own, given, state, gradient)
        if stage.reading is not None:
            found.append(_strings(stage, own, state))
    if program.reading is None:
        return _read(program, state, here), state
    return lax.psum(_in_order(program, found), here.axes), state


def local_cotangents(
    program: ShardedProgram,
    sharding: StateSharding,
    owns: Sequence[Own],
    given: Parameters,
    state: LocalState,
    cotangent: Array,
) -> Parameters:
    """The cotangents of the parameters, from the rows at the end and the values' cotangents."""
    here, given = _placed(sharding, given)
    cotangent = _varying(cotangent, sharding)
    if program.reading is None:
        _, pull_back = jax.vjp(partial(_own_values, program, here=here), state)
        (to_state,) = pull_back(_sent_back(program, cotangent, here))
    else:
        to_state = jnp.zeros_like(state)
    total = jax.tree.map(jnp.zeros_like, given)
    for stage, own in zip(program.stages[::-1], owns[::-1], strict=True):
        if stage.reading is not None:
            _, pull_back = jax.vjp(partial(_strings, stage, own), state)
            to_state = to_state + pull_back(cotangent[stage.strings])[0]
        found, state, to_state = undo_stage(stage.program, own, given, state, to_state)
        total = jax.tree.map(jnp.add, total, found)
        if stage.exchange is not None:
            state, to_state = (
                exchange_back(rows, stage.exchange, here.device, here.axes)
                for rows in (state, to_state)
            )
    _, pull_back = jax.vjp(lambda given: _start(program, given, here), given)
    shared, batched = jax.tree.map(jnp.add, total, *pull_back(to_state))
    everywhere = (*here.axes, *sharding.batch_axes)
    return Parameters(
        lax.psum(shared, everywhere) if everywhere else shared,
        lax.psum(batched, here.axes) if here.axes else batched,
    )


def _placed(sharding: StateSharding, given: Parameters) -> tuple[Here, Parameters]:
    axes = sharding.state_axes
    device = lax.axis_index(axes) if axes else jnp.int32(0)
    return Here(sharding, device), jax.tree.map(partial(_varying, sharding=sharding), given)


def _varying(array: Array, sharding: StateSharding) -> Array:
    return made_varying(array, frozenset((*sharding.state_axes, *sharding.batch_axes)))


# ---------------------------------------------------------------- the start


def _start(program: ShardedProgram, given: Parameters, here: Here) -> LocalState:
    """The local qubits' product state, times the device's factor."""
    local, of_devices = program.starts
    factor = _whole(of_devices, given)[:, here.device]
    if local is None:
        rows = jnp.zeros((2, 1 << program.plan.num_local, factor.shape[1]), factor.dtype)
        return _varying(rows, here.sharding).at[:, 0].set(factor)
    (re, im), (own_re, own_im) = _whole(local, given), factor
    state = jnp.stack([re * own_re - im * own_im, re * own_im + im * own_re])
    return _varying(state, here.sharding)


def _whole(program: Program, given: Parameters) -> Float[Array, "2 rows batch"]:
    state, last = simulate(program, *given)
    return finish(program, state, last)


# ---------------------------------------------------------------- the end


def _strings(stage: ShardedStage, own: Own, state: LocalState) -> Float[Array, "strings batch"]:
    """What this device adds to the values of strings."""
    assert stage.reading is not None
    rows = probabilities_of(state)[None] if stage.reading.diagonal else state
    nothing = jnp.zeros((0, state.shape[2]), state.dtype)
    values = expectation_values(stage.reading, rows, nothing[:, 0], nothing)
    return values * own.signs[0][:, None]


def _in_order(program: ShardedProgram, found: Sequence[Array]) -> Float[Array, "strings batch"]:
    places = np.concatenate([s.strings for s in program.stages if s.reading is not None])
    return jnp.concatenate(found)[np.argsort(places)]


def _read(program: ShardedProgram, state: LocalState, here: Here) -> Array:
    end, values = program.plan.end, _own_values(program, state, here)
    if isinstance(end, Order):
        return moved(values, end.sources, here.axes)
    return lax.psum(values, here.axes)


def _own_values(program: ShardedProgram, state: LocalState, here: Here) -> Array:
    """Amplitudes or probabilities, before any device sends its to another."""
    end, wanted = program.plan.end, program.plan.wanted
    if not wanted.probabilities:
        return state
    rows = probabilities_of(state)
    if isinstance(end, Order):
        # The qubits that are not measured are the lowest bits.
        kept = program.plan.num_qubits if wanted.qubits is None else len(wanted.qubits)
        return rows.reshape(-1, 1 << (program.plan.num_qubits - kept), rows.shape[1]).sum(1)
    assert end is not None
    told = marginal(rows, range(end.count))
    assert wanted.qubits is not None
    shift = jnp.asarray(np.array(end.shifts, np.int32))[here.device]
    places = jnp.asarray(np.array(end.outcomes, np.int32)) ^ shift
    empty = _varying(jnp.zeros((1 << len(wanted.qubits), rows.shape[1]), rows.dtype), here.sharding)
    return empty.at[places].set(told, unique_indices=True)


def _sent_back(program: ShardedProgram, cotangent: Array, here: Here) -> Array:
    end = program.plan.end
    if not isinstance(end, Order):
        return cotangent
    back = np.argsort(end.sources).tolist()
    return moved(cotangent, back, here.axes)
