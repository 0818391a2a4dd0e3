"""Floor 6. Primitives, mapped over: how the simulation and its derivatives are batched.

`jax.vmap` of a simulation, or of its derivatives, would batch every operation in it. These rules
plan the circuit anew instead: what is mapped over becomes what differs per sample, and runs as fast
as a batch that was given as one.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.extend.core import Primitive
from jaxtyping import Float, Shaped

from qjax._base import tuning
from qjax._base.mesh import alike
from qjax._base.store import kept
from qjax._engine.derivatives import (
    cotangent_p,
    evaluate_cotangent,
    evaluate_residuals,
    evaluate_tangent,
    grouped,
    of_moving,
    residuals_p,
    run_p,
    second_p,
    tangent_p,
)
from qjax._engine.directions import Axis, is_large, size_of
from qjax._engine.execution import check_values, cost_of
from qjax._engine.task import Expectations, Task, num_simulated
from qjax._simulators import transposed


def _simulated(task: Task, shared: Array, batched: Array) -> Shaped[Array, "outputs batch"]:
    return run_p.bind(*alike((shared, batched)), task=task)


def _replanned(
    task: Task,
    arguments: Sequence[Array],
    axes: Sequence[Axis],
    size: int,
    differentiated: bool = False,
) -> Shaped[Array, "outputs batch size"]:
    """The task and its parameters, where those that are mapped over differ per sample.

    So do the others, where one array has both.
    """
    (shared, batched), (from_shared, from_batched) = arguments, axes
    if from_batched is not None:
        batched = jnp.moveaxis(batched, from_batched, 2)
    else:
        batched = jnp.broadcast_to(batched[:, :, None], (*batched.shape, size))
    if from_shared is not None:
        columns = shared if from_shared == 1 else _transposed(task, shared)
        task, batched = _all_batched(task, columns, batched)
        if _is_wide(task, shared.dtype, differentiated):
            return _one_by_one(task, batched)
        shared = jnp.zeros((0,), jax.dtypes.canonicalize_dtype(shared.dtype))
    samples = batched.shape[1] * size
    results = _simulated(task, shared, batched.reshape(len(batched), samples))
    return results.reshape(len(results), batched.shape[1], size)


def _is_wide(task: Task, dtype: np.dtype, differentiated: bool) -> bool:
    """Whether states are so large that a batch of them leaves the cache.

    Samples that share no parameter then gain nothing from running together.
    """
    backend = tuning.of_backend(jax.default_backend())
    if isinstance(task.readout, Expectations):
        wide = backend.wide_values
    else:
        wide = backend.wide_derivatives_of_states if differentiated else backend.wide_states
    return wide is not None and num_simulated(task) >= wide[dtype == np.float64]


def _one_by_one(
    task: Task, params: Float[Array, "params batch size"]
) -> Shaped[Array, "outputs batch size"]:
    """Samples one after the other: the matrices of each are built and applied alone."""
    alone = replace(task, batched=frozenset())
    nothing = jnp.zeros((0, 1), params.dtype)
    cost = cost_of(alone, jax.ShapeDtypeStruct(params.shape[:1], params.dtype), nothing)
    count = prod(params.shape[1:])
    returned = cost.bytes_returned * count  # by all samples, of which one is simulated at a time
    check_values(cost._replace(bytes_returned=returned), count, in_loop=True)
    results = _each_alone(alone)(params.reshape(len(params), count).T)
    return results.T.reshape(results.shape[1], *params.shape[1:])


@kept(tuning.DERIVATIVES_BYTES)
def _each_alone(task: Task) -> Callable[[Array], Array]:
    """`(samples, params)` -> `(samples, outputs)`; kept, as JAX compiles each function anew."""

    def alone(own: Array) -> Array:
        return _simulated(task, own, jnp.zeros((0, 1), own.dtype))[:, 0]

    # Reverse mode would keep the states of all samples.
    return jax.jit(partial(lax.map, jax.checkpoint(alone)))


def _all_batched(task: Task, shared: Array, batched: Array) -> tuple[Task, Array]:
    """The task with every parameter per sample; `shared` is `(shared, size)`."""
    count = task.circuit.num_params
    per_sample = sorted(task.batched)
    order = np.argsort([*per_sample, *(p for p in range(count) if p not in task.batched)])
    spread = jnp.broadcast_to(shared[:, None], (len(shared), *batched.shape[1:]))
    rows = jnp.concatenate([batched, spread]) if len(batched) else spread
    if (order != np.arange(count)).any():
        rows = rows[order.astype(np.int32)]
    return replace(task, batched=frozenset(range(count))), rows


def _batch_run(
    arguments: Sequence[Array], axes: Sequence[Axis], *, task: Task
) -> tuple[Array, int]:
    results = _replanned(task, arguments, axes, size_of(arguments, axes))
    if results.shape[1] > 1:
        return results, 2
    return _transposed(task, results[:, 0])[:, :, None], 0


def _transposed(task: Task, matrix: Array) -> Array:
    return transposed(matrix) if task.kernels else matrix.T


def _batch_residuals(
    arguments: Sequence[Array],
    axes: Sequence[Axis],
    *,
    task: Task,
    moving: tuple[int, ...],
) -> tuple[list[Array], list[int]]:
    value, axis = _batch_run(arguments, axes, task=task)
    # The batched derivatives keep residuals of their own. These, batched operation by operation,
    # serve what reaches in between, and are not computed where nothing does.
    _, *residuals = jax.vmap(_residuals_of(task, moving), in_axes=axes)(*arguments)
    return [value, *residuals], [axis, *(0 for _ in residuals)]


@kept(tuning.PROGRAM_BYTES)
def _residuals_of(task: Task, moving: tuple[int, ...]) -> Callable[..., list[Array]]:
    """Kept, as JAX compiles each function anew."""
    return jax.jit(partial(evaluate_residuals, task=task, moving=moving))


def _differentiable(
    arguments: Sequence[Array],
    axes: Sequence[Axis],
    *,
    task: Task,
    moving: tuple[int, ...],
) -> tuple[Callable[..., Any], list[Array]]:
    """The batched simulation of what moves, and what it moves from, one for each of the batch."""
    size = size_of(arguments, axes)
    primals, from_axes = list(arguments[:2]), list(axes[:2])
    for position in moving:
        primals[position] = _in_front(primals[position], from_axes[position], size)
        from_axes[position] = 0

    def simulate(*given: Array) -> Array:
        return jnp.moveaxis(_replanned(task, given, from_axes, size, differentiated=True), 2, 0)

    return of_moving(simulate, primals, moving), [primals[position] for position in moving]


def _in_front(x: Array, axis: Axis, size: int) -> Array:
    return jnp.broadcast_to(x, (size, *x.shape)) if axis is None else jnp.moveaxis(x, axis, 0)


def _batch_tangent(
    arguments: Sequence[Array],
    axes: Sequence[Axis],
    *,
    task: Task,
    moving: tuple[int, ...],
) -> tuple[Array, int]:
    if all(axis is None for axis in axes[:2]):
        inside = partial(evaluate_tangent, task=task, moving=moving)
        return grouped("tangents", inside, arguments, axes, task), 0
    simulate, primals = _differentiable(arguments, axes, task=task, moving=moving)
    size = size_of(arguments, axes)
    last = len(arguments) - len(moving)
    given = [_in_front(x, a, size) for x, a in zip(arguments[last:], axes[last:], strict=True)]
    return jax.jvp(simulate, tuple(primals), tuple(given))[1], 0


def _batch_cotangent(
    arguments: Sequence[Array],
    axes: Sequence[Axis],
    *,
    task: Task,
    moving: tuple[int, ...],
    count: int | None = None,
) -> tuple[list[Array], list[int]]:
    bind = partial(cotangent_p.bind, task=task, moving=moving)
    if count is not None:
        results = _one_after_the_other(partial(bind, count=count), arguments, axes)
    elif all(axis is None for axis in axes[:-1]) and is_large(
        "second derivatives", task, arguments, moving
    ):
        given = _in_front(arguments[-1], axes[-1], size_of(arguments, axes))
        results = bind(*arguments[:-1], given, count=len(given))
    elif all(axis is None for axis in axes[:2]):
        inside = partial(evaluate_cotangent, task=task, moving=moving)
        results = grouped("cotangents", inside, arguments, axes, task)
    else:
        simulate, primals = _differentiable(arguments, axes, task=task, moving=moving)
        given = _in_front(arguments[-1], axes[-1], size_of(arguments, axes))
        results = jax.vjp(simulate, *primals)[1](given)
    return list(results), [0] * len(moving)


def _batch_second(
    arguments: Sequence[Array],
    axes: Sequence[Axis],
    *,
    task: Task,
    moving: tuple[int, ...],
    along: tuple[int, ...],
    count: int | None = None,
) -> tuple[list[Array], list[int]]:
    """Second derivatives mapped over a batch, which only wide circuits take this way.

    Samples, and what has cotangents of its own, run one after the other.
    """
    bind = partial(second_p.bind, task=task, moving=moving, along=along)
    if count is None and all(axis is None for axis in axes[:3]):
        size = size_of(arguments, axes)
        given = [_in_front(x, axis, size) for x, axis in zip(arguments[3:], axes[3:], strict=True)]
        results = bind(*arguments[:3], *given, count=size)
    else:
        results = _one_after_the_other(partial(bind, count=count), arguments, axes)
    return list(results), [0] * len(moving)


def _one_after_the_other(
    bind: Callable[..., Any], arguments: Sequence[Array], axes: Sequence[Axis]
) -> Any:
    size = size_of(arguments, axes)
    every = [_in_front(x, axis, size) for x, axis in zip(arguments, axes, strict=True)]
    return lax.map(lambda one: bind(*one), every)


BATCHERS: dict[Primitive, Callable[..., Any]] = {
    run_p: _batch_run,
    residuals_p: _batch_residuals,
    tangent_p: _batch_tangent,
    cotangent_p: _batch_cotangent,
    second_p: _batch_second,
}
