"""Floor 6. The structure of a plan -> the compiled function that runs it.

It dies with the last plan of that structure, and with it what JAX keeps for a function.
"""

from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Int

from qjax._engine.task import Outcomes, States
from qjax._plan import NativeProgram, Program
from qjax._readout import (
    Reading,
    expectation_values,
    marginal,
    native_outcomes,
    native_strings,
    probabilities_of,
    sums_of_strings,
)
from qjax._simulators import (
    Given,
    Gradient,
    angles_of,
    as_complex,
    finish,
    given_states,
    in_order,
    marked,
    native_state,
    native_values,
    simulate,
)

Executor = Callable[..., Array]

_executors: WeakValueDictionary[Any, Executor] = WeakValueDictionary()


def structure_of(program: Program | NativeProgram, reading: Reading | None) -> Any:
    """What must be equal for two plans to run as one program."""
    leaves, structure = jax.tree.flatten((program, reading))
    return structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves)


def executor_of(
    program: Program | NativeProgram, reading: Reading | None, number: int | None
) -> Executor:
    """(program, reading, shared, batched, readout, gradient, chunks) -> what is read out.

    Args:
        program: what runs.
        reading: what is read out for expectation values, or None.
        number: how many programs are stacked; None for one that is not.
    """
    run = _execute if number is None else _execute_all

    def execute(*arguments: Any) -> Array:
        return run(*arguments)

    key = structure_of(program, reading), number
    return _executors.setdefault(key, jax.jit(execute, static_argnums=(4, 5, 6)))


def inlined(program: NativeProgram, reading: Reading | None) -> Executor:
    """The same of one program whose tables are known while it is traced, which makes it shorter."""

    def execute(_: NativeProgram, __: Reading | None, *arguments: Any) -> Array:
        return _execute(program, reading, *arguments)

    return execute


def compiled(execute: Executor) -> Executor:
    """An inlined function, compiled: the tables are constants of it, so that no other shares it."""
    return _executors.setdefault(execute, jax.jit(execute, static_argnums=(4, 5, 6)))


def adder_of(num_outputs: int, num_found: int) -> Executor:
    """(which output each value counts for, values of parts...) -> outputs of all."""

    def add(
        outputs: Int[Array, " found"], *found: Float[Array, "part batch"]
    ) -> Float[Array, "outputs batch"]:
        values = jnp.concatenate(found)
        return jnp.zeros((num_outputs, values.shape[1]), values.dtype).at[outputs].add(values)

    return _executors.setdefault((num_outputs, num_found), jax.jit(add))


def _execute(
    program: Program | NativeProgram,
    reading: Reading | None,
    shared: Array,
    batched: Array,
    readout: States | Outcomes | None,
    gradient: Gradient,
    chunks: int,
) -> Array:
    def run(batched: Array) -> Array:
        if isinstance(program, NativeProgram):
            values = _read_native(program, reading, shared, batched, readout)
        else:
            values = _read_out(program, reading, shared, batched, readout, gradient)
        return marked(program, shared, batched, values)

    if chunks == 1:
        return run(batched)
    batch = batched.shape[1]
    size = -(-batch // chunks)
    padded = jnp.pad(batched, ((0, 0), (0, size * chunks - batch)), mode="edge")
    parts = jnp.moveaxis(padded.reshape(len(batched), chunks, size), 1, 0)
    results = jnp.moveaxis(lax.map(run, parts), 0, 1)
    return results.reshape(len(results), -1)[:, :batch]


def _read_native(
    program: NativeProgram,
    reading: Reading | None,
    shared: Array,
    batched: Array,
    readout: States | Outcomes | None,
) -> Array:
    """By the native engine, whose rows are in order."""
    angles = angles_of(program, shared, batched)
    given = Given(*angles, given_states(program, shared, batched, angles))
    if reading is not None and (strings := native_strings(reading)) is not None:
        values = native_values(program, strings, given)
        return sums_of_strings(reading, values, shared, batched)
    if isinstance(readout, Outcomes) or (reading is not None and reading.diagonal):
        qubits = _qubits_of(readout)
        outcomes = native_outcomes(range(program.num_qubits) if qubits is None else qubits)
        rows = native_values(program, outcomes, given)
        return rows if reading is None else expectation_values(reading, rows[None], shared, batched)
    state = native_state(program, given)
    if reading is not None:
        return expectation_values(reading, state, shared, batched)
    return as_complex(state)


def _read_out(
    program: Program,
    reading: Reading | None,
    shared: Array,
    batched: Array,
    readout: States | Outcomes | None,
    gradient: Gradient,
) -> Array:
    state, last = simulate(program, shared, batched, gradient)
    if isinstance(readout, Outcomes) or (reading is not None and reading.diagonal):
        rows = probabilities_of(state)
        if reading is None:
            ordered, kept = in_order(program, rows), _qubits_of(readout)
            return ordered if kept is None else marginal(ordered, kept)
        if not reading.any_order:
            rows = in_order(program, rows)
        return expectation_values(reading, rows[None], shared, batched)
    state = finish(program, state, last, gradient)
    if reading is not None:
        return expectation_values(reading, state, shared, batched)
    return as_complex(state)


def _qubits_of(readout: States | Outcomes | None) -> tuple[int, ...] | None:
    return readout.qubits if isinstance(readout, Outcomes) else None


def _execute_all(
    program: Program | NativeProgram, reading: Reading, shared: Array, batched: Array, *how: Any
) -> Float[Array, "outputs batch"]:
    """Run programs of one structure, whose tables are stacked, one after the other."""

    def run(tables: tuple[Program | NativeProgram, Reading]) -> Array:
        return _execute(*tables, shared, batched, *how)

    values = lax.map(run, (program, reading))
    return values.reshape(-1, values.shape[-1])
