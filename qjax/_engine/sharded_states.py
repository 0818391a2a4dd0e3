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

from qjax._base.mesh import made_varying, numbers_in_order
from qjax._engine.sharded_program import ShardedProgram, ShardedStage
from qjax._plan import Exchange, NativeProgram, Order, Program
from qjax._readout import Reading, expectation_values, marginal, probabilities_of
from qjax._simulators import (
    Gradient,
    LocalState,
    NativeReading,
    Own,
    Parameters,
    StateSharding,
    Way,
    as_rows,
    as_tiles,
    exchange,
    exchange_back,
    finish,
    lanes_of_rows,
    moved,
    of_device,
    read_tiles,
    read_tiles_back,
    run_stage,
    simulate,
    tile_shape,
    undo_stage,
)


class Here(NamedTuple):
    """Where a computation runs, and on what.

    Attributes:
        sharding: the mesh, and what lies along its axes.
        device: the number of this device along the axes of the state.
        num_local: how many qubits it has.
        batch: how many samples it has.
        dtype: of real numbers.
    """

    sharding: StateSharding
    device: Int[Array, ""]
    num_local: int
    batch: int
    dtype: np.dtype

    @property
    def axes(self) -> tuple[str, ...]:
        """Those along which states are cut."""
        return self.sharding.state_axes

    @property
    def everywhere(self) -> frozenset[str]:
        """All axes along which devices differ."""
        return frozenset((*self.axes, *self.sharding.batch_axes))

    def relaid(self, state: LocalState, in_place: bool) -> LocalState:
        """Rows in order as tiles, or tiles as rows in order."""
        return as_tiles(state) if in_place else as_rows(state, self.num_local, self.batch)

    def moved(self, values: Array, sources: Sequence[int]) -> Array:
        """What another device holds."""
        return moved(values, sources, *numbers_in_order(self.sharding.mesh, self.axes))

    def exchanged(
        self, state: LocalState, how: Exchange, in_place: bool, back: bool = False
    ) -> LocalState:
        """What this device holds after an exchange, or before it."""
        exchange_ = exchange_back if back else exchange
        lanes = lanes_of_rows(self.num_local, self.batch, self.dtype) if in_place else 1
        way = Way(how, *numbers_in_order(self.sharding.mesh, self.axes), lanes)
        if not way.fits:
            rows = exchange_(self.relaid(state, False), way._replace(lanes=1), self.device)
            return self.relaid(rows, True)
        return exchange_(state, way, self.device)


def local_values(
    program: ShardedProgram,
    sharding: StateSharding,
    gradient: Gradient,
    owns: Sequence[Own],
    given: Parameters,
) -> tuple[Array, LocalState]:
    """(what is read out, the state at the end) of a device."""
    here, given = _placed(program, sharding, given)
    state = _start(program, given, here)
    found: list[Array] = []
    for place, (stage, own) in enumerate(zip(program.stages, owns, strict=True)):
        was_in_place = program.stages[max(place - 1, 0)].in_place
        if stage.exchange is not None:
            state = here.exchanged(state, stage.exchange, was_in_place)
        if stage.in_place != was_in_place:
            state = here.relaid(state, stage.in_place)
        state = run_stage(stage.program, own, given, state, stage.in_place, gradient)
        if stage.reading is not None:
            found.append(_strings(stage, own, given, state))
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
    """The cotangents of the parameters, from the state at the end and the values' cotangents."""
    here, given = _placed(program, sharding, given)
    cotangent = made_varying(cotangent, here.everywhere)
    to_state: LocalState | None = None
    if program.reading is None:
        _, pull_back = jax.vjp(partial(_own_values, program, here=here), state)
        (to_state,) = pull_back(_sent_back(program, cotangent, here))
    total = jax.tree.map(jnp.zeros_like, given)
    for place in reversed(range(len(program.stages))):
        stage, own = program.stages[place], owns[place]
        if stage.reading is not None:
            read_back = _strings_back(stage, own, given, state, cotangent[stage.strings])
            to_state = read_back if to_state is None else to_state + read_back
        assert to_state is not None
        found, state, to_state = undo_stage(
            stage.program, own, given, state, to_state, stage.in_place
        )
        total = jax.tree.map(jnp.add, total, found)
        was_in_place = program.stages[max(place - 1, 0)].in_place
        if stage.in_place != was_in_place:
            state, to_state = (here.relaid(x, was_in_place) for x in (state, to_state))
        if stage.exchange is not None:
            state, to_state = (
                here.exchanged(x, stage.exchange, was_in_place, back=True)
                for x in (state, to_state)
            )
    _, pull_back = jax.vjp(lambda given: _start(program, given, here), given)
    shared, batched = jax.tree.map(jnp.add, total, *pull_back(to_state))
    everywhere = tuple(sorted(here.everywhere))
    return Parameters(
        lax.psum(shared, everywhere) if everywhere else shared,
        lax.psum(batched, here.axes) if here.axes else batched,
    )


def _placed(
    program: ShardedProgram, sharding: StateSharding, given: Parameters
) -> tuple[Here, Parameters]:
    axes, (shared, batched) = sharding.state_axes, given
    device = lax.axis_index(axes) if axes else jnp.int32(0)
    dtype = np.result_type(shared.dtype, batched.dtype)
    here = Here(sharding, device, program.plan.num_local, batched.shape[1], dtype)
    own = (made_varying(x.astype(dtype), here.everywhere) for x in given)
    return here, Parameters(*own)


# ---------------------------------------------------------------- the start


def _start(program: ShardedProgram, given: Parameters, here: Here) -> LocalState:
    """The local qubits' product state, times the device's factor."""
    local, of_devices = program.starts
    factor = _whole(of_devices, given)[:, here.device]
    in_place = program.stages[0].in_place
    if local is None and in_place:
        return _first_tiles(factor, here)
    if local is None:
        rows = jnp.zeros((2, 1 << here.num_local, factor.shape[1]), factor.dtype)
        state = made_varying(rows, here.everywhere).at[:, 0].set(factor)
    else:
        (re, im), (own_re, own_im) = _whole(local, given), factor[:, None]
        state = jnp.stack([re * own_re - im * own_im, re * own_im + im * own_re])
    state = made_varying(state, here.everywhere)
    return here.relaid(state, True) if in_place else state


def _first_tiles(factor: Float[Array, "2 batch"], here: Here) -> LocalState:
    """The tiles of |0...0>, times a factor, without the rows of all on the way."""
    shape = tile_shape(here.num_local, here.batch, here.dtype)
    tiles = made_varying(jnp.zeros(shape, here.dtype), here.everywhere)
    lanes, spread = shape[2] // 2, jnp.broadcast_to(factor, (2, here.batch))
    if lanes_of_rows(here.num_local, here.batch, here.dtype) > 1:
        return tiles.at[:, 0, :: shape[2] // 2].set(spread.T)
    padded = jnp.pad(spread, ((0, 0), (0, shape[0] * lanes - here.batch)))
    return tiles.at[:, 0].set(
        padded.reshape(2, shape[0], lanes).swapaxes(0, 1).reshape(shape[0], -1)
    )


def _whole(program: Program, given: Parameters) -> Float[Array, "2 rows batch"]:
    state, last = simulate(program, *given)
    return finish(program, state, last)


# ---------------------------------------------------------------- the end


def _strings(
    stage: ShardedStage, own: Own, given: Parameters, state: LocalState
) -> Float[Array, "strings batch"]:
    """What this device adds to the values of strings."""
    if isinstance(stage.reading, NativeReading):
        assert isinstance(stage.program, NativeProgram)
        program = of_device(stage.program, own)
        values = read_tiles(program, stage.reading, given.batched, state)
    else:
        values = _strings_by_xla(stage, state)
    return values * own.signs[0][:, None]


def _strings_back(
    stage: ShardedStage, own: Own, given: Parameters, state: LocalState, cotangent: Array
) -> LocalState:
    """The cotangent of the state."""
    signed = cotangent * own.signs[0][:, None]
    if isinstance(stage.reading, NativeReading):
        assert isinstance(stage.program, NativeProgram)
        program = of_device(stage.program, own)
        return read_tiles_back(program, stage.reading, given.batched, state, signed)
    to_state: Array = jax.vjp(partial(_strings_by_xla, stage), state)[1](signed)[0]
    return to_state


def _strings_by_xla(stage: ShardedStage, state: LocalState) -> Float[Array, "strings batch"]:
    assert isinstance(stage.reading, Reading)
    rows = probabilities_of(state)[None] if stage.reading.diagonal else state
    nothing = jnp.zeros((0, state.shape[2]), state.dtype)
    return expectation_values(stage.reading, rows, nothing[:, 0], nothing)


def _in_order(program: ShardedProgram, found: Sequence[Array]) -> Float[Array, "strings batch"]:
    places = np.concatenate([s.strings for s in program.stages if s.reading is not None])
    return jnp.concatenate(found)[np.argsort(places)]


def _read(program: ShardedProgram, state: LocalState, here: Here) -> Array:
    end, values = program.plan.end, _own_values(program, state, here)
    if isinstance(end, Order):
        return here.moved(values, end.sources)
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
    empty = jnp.zeros((1 << len(wanted.qubits), rows.shape[1]), rows.dtype)
    empty = made_varying(empty, here.everywhere)
    return empty.at[places].set(told, unique_indices=True)


def _sent_back(program: ShardedProgram, cotangent: Array, here: Here) -> Array:
    end = program.plan.end
    if not isinstance(end, Order):
        return cotangent
    back = np.argsort(end.sources).tolist()
    return here.moved(cotangent, back)
