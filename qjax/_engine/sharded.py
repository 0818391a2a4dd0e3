"""Floor 6. (task, parameters) -> what is read out of states of which each device holds a part.

Reverse mode is the adjoint method on all devices at once: from the rows at the end back to the
start, exchanges included. Forward mode and second derivatives are JAX's own, of XLA's passes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Shaped

from qjax._base.linear_map import linear_map
from qjax._base.mesh import alike
from qjax._base.store import kept
from qjax._engine.derivatives import run_p
from qjax._engine.sharded_program import ShardedProgram, has_room, planned, sharded_program
from qjax._engine.sharded_states import local_cotangents, local_values
from qjax._engine.task import (
    Expectations,
    Outcomes,
    Part,
    States,
    Task,
    check_parts_fit,
    lack_slopes,
    plan_of,
    seen_of,
)
from qjax._plan import Order, Plan, fits_devices, summarise_sharded
from qjax._readout import sums_of_strings
from qjax._simulators import (
    Gradient,
    Own,
    Parameters,
    StateSharding,
    StateVector,
    as_complex,
    resolved,
)


@dataclass(frozen=True, slots=True)
class _Sharded:
    """What runs for a part of a task, as a key.

    Attributes:
        part: the circuit, and what is read out.
        near: the same beside points where angles have no slope, for derivatives.
        batched: the indices of the parameters that differ per sample.
        sharding: on which devices.
        native: whether the native engine runs.
        x64: the precision of the tables.
        gradient: how reverse mode works.
    """

    part: Part
    near: Part
    batched: frozenset[int]
    sharding: StateSharding
    native: bool
    x64: bool
    gradient: Gradient

    @property
    def beside(self) -> "_Sharded":
        """What derivatives are taken of."""
        return replace(self, part=self.near)

    @property
    def program(self) -> ShardedProgram:
        bits = self.sharding.num_devices.bit_length() - 1
        return sharded_program(self.part, self.batched, bits, self.native, self.x64)


def run_sharded(
    task: Task, shared: Float[Array, " shared"], batched: Float[Array, "batched batch"]
) -> Shaped[Array, "outputs batch"]:
    """What is read out, for all samples at once; as `run`.

    Args:
        task: what to simulate; its simulator says on which devices.
        shared: the parameters that all samples have in common, in the circuit's order.
        batched: those that differ per sample, in the circuit's order, batch last.
    """
    assert task.simulator is not None
    assert task.simulator.sharding is not None
    sharding, batch = task.simulator.sharding, batched.shape[1]
    shared, batched = jnp.asarray(shared), jnp.asarray(batched)
    _check_mesh(sharding, shared, batched)
    more = -batch % sharding.num_batches
    padded = jnp.pad(batched, ((0, 0), (0, more)), mode="edge") if more else batched
    if not sharding.state_axes:
        values_of_all = _batch_by_batch(task, sharding, shared, padded)
        return values_of_all[:, :batch] if more else values_of_all
    parts = seen_of(task).parts
    values = [_part_values(part, task, sharding, Parameters(shared, padded)) for part in parts]
    if len(values) > 1:
        assert isinstance(task.readout, Expectations)
        outputs = np.concatenate([part.outputs for part in parts])
        count = len(task.readout.observables)
        values = [jax.ops.segment_sum(jnp.concatenate(values), outputs, num_segments=count)]
    return values[0][:, :batch] if more else values[0]


def _check_mesh(sharding: StateSharding, *arrays: Array) -> None:
    """Require that arrays, and a mesh that is in use, are those of the simulator.

    Raises:
        ValueError: otherwise.
    """
    if jax.sharding.get_abstract_mesh().manual_axes:
        raise ValueError(
            "simulator: one with a sharding maps over its mesh by itself, and cannot run inside of "
            "another shard_map; call it outside, or leave the sharding out inside"
        )
    own = dict(sharding.mesh.shape)
    others = [jax.typeof(array).sharding.mesh for array in arrays]
    for mesh in (*others, jax.sharding.get_abstract_mesh()):
        if not mesh.empty and dict(mesh.shape) != own:
            raise ValueError(
                f"simulator: its sharding is on a mesh with the axes {own}, and arrays, or a mesh "
                f"that is in use, on one with {dict(mesh.shape)}; use one mesh for both, with "
                "StateSharding(mesh, state=..., batch=...) naming its axes"
            )


def _batch_by_batch(
    task: Task, sharding: StateSharding, shared: Array, batched: Array
) -> Shaped[Array, "outputs batch"]:
    """Each device simulates samples of its own: what runs there is what runs on one device."""
    own = replace(task, simulator=_whole(task))

    def run(shared: Array, batched: Array) -> Array:
        values: Array = run_p.bind(*alike((shared, batched)), task=own)
        return values

    spec = sharding.spec
    every = jax.shard_map(
        run,
        mesh=sharding.auto_mesh,
        in_specs=(spec(None), spec(None, "batch")),
        out_specs=spec(None, "batch"),
    )
    values: Array = every(shared, batched)
    return values


def _part_values(part: Part, task: Task, sharding: StateSharding, given: Parameters) -> Array:
    check_parts_fit(*_sizes(part, given, sharding), sharding)
    if not fits_devices(part.circuit, sharding.num_devices.bit_length() - 1):
        whole = replace(task, circuit=part.circuit, readout=part.readout, simulator=_whole(task))
        values: Array = run_p.bind(*given, task=whole)
        return values
    key = _key(part, task, sharding)
    values = _values(key, given)
    if isinstance(part.readout, States):
        return as_complex(values)
    reading = key.program.reading
    if reading is None:
        return values
    return sums_of_strings(reading, values, *given)


def _sizes(part: Part, given: Parameters, sharding: StateSharding) -> tuple[int, int, np.dtype]:
    """How many qubits there are, of how many samples a device has parts, and their dtype."""
    dtype = np.result_type(given.shared.dtype, given.batched.dtype, np.complex64)
    return part.circuit.num_qubits, given.batched.shape[1] // sharding.num_batches, dtype


def _whole(task: Task) -> StateVector:
    """What simulates states that are too small to be cut, on every device."""
    assert task.simulator is not None
    return replace(task.simulator, sharding=None)


def _key(part: Part, task: Task, sharding: StateSharding) -> _Sharded:
    assert task.simulator is not None
    native = task.simulator.engine == "native"
    x64 = jax.config.read("jax_enable_x64")
    near = part
    if lack_slopes(task):
        near = seen_of(replace(task, near=True)).parts[seen_of(task).parts.index(part)]
    return _Sharded(part, near, task.batched, sharding, native, x64, task.gradient or "adjoint")


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _values(key: _Sharded, given: Parameters) -> Array:
    return _mapped(key, given)[0]


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _values_and_rows(key: _Sharded, given: Parameters) -> tuple[Array, Array]:
    """The same, with the rows of all devices at the end, for reverse mode."""
    return _mapped(key, given)


@_values_and_rows.defjvp
def _values_and_rows_jvp(key: _Sharded, primals: tuple, tangents: tuple) -> tuple:
    """Nothing takes the tangents of the rows: whatever uses those computes them anew."""
    value, rows = _values_and_rows(key, *primals)
    moved = jax.jvp(partial(_values, key), primals, tangents)[1]
    return (value, rows), (moved, jnp.zeros_like(rows))


@_values.defjvp
def _values_jvp(key: _Sharded, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    (given,), (moving,), beside = primals, tangents, key.beside
    # State and cotangent, before and after what is done in place.
    check_parts_fit(*_sizes(key.part, given, key.sharding), key.sharding, states=4.0)
    if key.gradient == "backprop" and not key.native:
        return _values(key, given), jax.jvp(partial(_by_xla, beside), (given,), (moving,))[1]
    value, rows = _values_and_rows(key, given)
    if beside != key:
        rows = _values_and_rows(beside, given)[1]
    residuals = given, rows
    moved = linear_map(
        lambda kept, along: jax.jvp(partial(_by_xla, beside), (kept[0],), (along,))[1],
        lambda kept, cotangent: _pulled_back(beside, kept, cotangent),
        residuals,
        moving,
        like=value,
    )
    return value, moved


def _by_xla(key: _Sharded, given: Parameters) -> Array:
    """The same by XLA's passes, which JAX differentiates."""
    return _mapped(replace(key, native=False), given)[0]


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _pulled_back(key: _Sharded, residuals: tuple, cotangent: Array) -> Parameters:
    """The cotangents of the parameters."""
    given, rows = residuals
    program, spec, parameters = key.program, key.sharding.spec, _spec_of_parameters(key)
    back = jax.shard_map(
        partial(local_cotangents, program, key.sharding),
        mesh=key.sharding.auto_mesh,
        in_specs=(
            spec("state", None),
            parameters,
            _spec_of_state(key),
            _spec_of_values(key),
        ),
        out_specs=parameters,
    )
    return back(_owns(key, given), given, rows, cotangent)


@_pulled_back.defjvp
def _pulled_back_jvp(key: _Sharded, primals: tuple, tangents: tuple) -> tuple:
    """The rows move with the parameters: both are taken from those."""
    (given, _), cotangent = primals
    (moved, _), along = tangents

    def cotangents(given: Parameters, cotangent: Array) -> Parameters:
        pulled: Parameters = jax.vjp(partial(_by_xla, key), given)[1](cotangent)[0]
        return pulled

    return _pulled_back(key, *primals), jax.jvp(cotangents, (given, cotangent), (moved, along))[1]


def _mapped(key: _Sharded, given: Parameters) -> tuple[Array, Array]:
    """(what is read out, the rows of all devices at the end)."""
    spec = key.sharding.spec
    run = jax.shard_map(
        partial(local_values, key.program, key.sharding, key.gradient),
        mesh=key.sharding.auto_mesh,
        in_specs=(spec("state", None), _spec_of_parameters(key)),
        out_specs=(_spec_of_values(key), _spec_of_state(key)),
    )
    values: tuple[Array, Array] = run(_owns(key, given), given)
    return values


def _spec_of_parameters(key: _Sharded) -> Parameters:
    specs: list[Any] = [key.sharding.spec(None), key.sharding.spec(None, "batch")]
    return Parameters(*specs)


def _owns(key: _Sharded, given: Parameters) -> list[Own]:
    """What devices have of their own, in the precision of the parameters."""
    dtype = given.shared.dtype
    return [
        Own(jnp.asarray(words), jnp.asarray(parities, dtype), jnp.asarray(signs, dtype))
        for words, parities, signs in (stage.own for stage in key.program.stages)
    ]


def _spec_of_state(key: _Sharded) -> Any:
    """Of the states at the end: tiles of samples, or rows in order."""
    in_place = key.program.stages[-1].in_place
    return key.sharding.spec(*("batch", "state", None) if in_place else (None, "state", "batch"))


def _spec_of_values(key: _Sharded) -> Any:
    spec, end = key.sharding.spec, key.program.plan.end
    if not isinstance(end, Order):
        return spec(None, "batch")
    if isinstance(key.part.readout, Outcomes):
        return spec("state", "batch")
    return spec(None, "state", "batch")


def plan_of_sharded(task: Task) -> Plan:
    """How a task is simulated, in words; of the widest part, where there are several."""
    simulator = resolved(task.simulator)
    assert simulator.sharding is not None
    part, bits = seen_of(task).widest, simulator.sharding.num_devices.bit_length() - 1
    if not fits_devices(part.circuit, bits) or not bits:
        whole = plan_of(replace(task, simulator=_whole(replace(task, simulator=simulator))))
        note = f"too small to be cut for {1 << bits} devices: each of them simulates all of it"
        if not bits:
            parts = simulator.sharding.num_batches
            note = f"states are whole; batches are cut into {parts}, and on each device:"
        return replace(whole, summary=f"{note}\n{whole.summary}")
    plan, _ = planned(part, task.batched, bits)
    runs = simulator.engine if has_room(plan) else "xla"
    summary = summarise_sharded(plan, len(seen_of(task).parts))
    return Plan(plan, None, len(plan.stages), f"{summary}\n  engine: {runs}")


@kept()
def compiled_sharded(task: Task) -> Callable[..., Array]:
    """(shared, batched) -> what is read out."""
    return jax.jit(partial(run_sharded, task))
