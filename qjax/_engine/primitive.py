"""Floor 6. (task, parameters) -> what is read out, as one primitive with rules of its own."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import Array, lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching
from jaxtyping import Float, Shaped

from qjax._base.linear_map import jvp_of
from qjax._base.mesh import alike
from qjax._engine.batching import BATCHERS
from qjax._engine.derivatives import (
    cotangent_p,
    evaluate_cotangent,
    evaluate_residuals,
    evaluate_second,
    evaluate_tangent,
    residuals_p,
    run_p,
    second_p,
    tangent_p,
)
from qjax._engine.directions import columns_at_once, is_large
from qjax._engine.execution import always_compiled, differentiate_now
from qjax._engine.sharded import compiled_sharded
from qjax._engine.task import Task, lack_slopes
from qjax._simulators import resolved

# Of what does not move, JAX gives a symbolic zero.
Tangent = Array | ad.Zero


def run(
    task: Task,
    shared: Float[Array, " shared"],
    batched: Float[Array | np.ndarray, "batched batch"],
) -> Shaped[Array, "outputs batch"]:
    """Simulate a circuit for all samples at once.

    Args:
        task: what to simulate.
        shared: the parameters that all samples have in common, in the circuit's order.
        batched: those that differ per sample, in the circuit's order, batch last.
    """
    if (simulator := resolved(task.simulator)) != task.simulator:
        task = replace(task, simulator=simulator)
    if simulator.sharding is not None:
        return compiled_sharded(task)(shared, batched)
    return run_p.bind(*alike((shared, batched)), task=task)


def _moving(tangents: Sequence[Tangent]) -> tuple[int, ...]:
    """Which arguments move."""
    return tuple(k for k, tangent in enumerate(tangents) if not isinstance(tangent, ad.Zero))


def _jvp_run(
    primals: Sequence[Array], tangents: Sequence[Tangent], *, task: Task
) -> tuple[Array, Array]:
    moving = _moving(tangents)
    if not lack_slopes(task).isdisjoint(moving):
        beside = replace(task, near=True)
        return run_p.bind(*primals, task=task), _jvp_run(primals, tangents, task=beside)[1]
    if not any(isinstance(x, jax.core.Tracer) for x in primals):
        # Without an outer program, what was compiled for a task serves all calls.
        columns_at_once("cotangents", task, primals, 1)
        return differentiate_now(primals, tangents, task=task)
    value, *residuals = residuals_p.bind(*primals, task=task, moving=moving)
    given = [tangents[argument] for argument in moving]
    return value, tangent_p.bind(*primals, *residuals, *given, task=task, moving=moving)


def _jvp_inside(
    function: Callable[..., Any],
    primals: Sequence[Array],
    tangents: Sequence[Tangent],
    **parameters: Any,
) -> tuple[Any, Any]:
    """The tangent of an operation by those inside of it: higher derivatives need no more rules."""
    return jvp_of(partial(function, **parameters), primals, tangents)


def _jvp_residuals(
    primals: Sequence[Array],
    tangents: Sequence[Tangent],
    *,
    task: Task,
    moving: tuple[int, ...],
) -> tuple[Sequence[Array], Sequence[Tangent]]:
    """Nothing takes the tangents of the residuals: whatever uses those computes them anew."""
    if not is_large("second derivatives", task, primals, moving):
        return _jvp_inside(evaluate_residuals, primals, tangents, task=task, moving=moving)
    value, *residuals = residuals_p.bind(*primals, task=task, moving=moving)
    places = _moving(tangents)
    given = [tangents[argument] for argument in places]
    _, *own = residuals_p.bind(*primals, task=task, moving=places)
    moved = tangent_p.bind(*primals, *own, *given, task=task, moving=places)
    nothing = [ad.Zero(jax.typeof(x).to_tangent_aval()) for x in residuals]
    return [value, *residuals], [moved, *nothing]


def _jvp_cotangent(
    primals: Sequence[Array],
    tangents: Sequence[Tangent],
    *,
    task: Task,
    moving: tuple[int, ...],
    count: int | None = None,
) -> tuple[Sequence[Array], Sequence[Array]]:
    """Second derivatives of wide circuits come from the parameters, so that they run in groups."""
    if not is_large("second derivatives", task, primals, moving):
        return _jvp_inside(evaluate_cotangent, primals, tangents, task=task, moving=moving)
    results = cotangent_p.bind(*primals, task=task, moving=moving, count=count)
    moves = (*tangents[:2], tangents[-1])
    along = _moving(moves)
    bind = partial(second_p.bind, task=task, moving=moving, along=along)
    if count is None:
        return results, bind(*primals[:2], primals[-1], *(moves[argument] for argument in along))
    moved = lax.map(
        lambda one: bind(
            *primals[:2],
            one[0],
            *(one[1] if argument == 2 else moves[argument] for argument in along),
        ),
        (primals[-1], ad.instantiate_zeros(tangents[-1])),
    )
    return results, moved


def _transpose_second(
    cotangents: Sequence[Tangent],
    *arguments: Array | None,
    task: Task,
    moving: tuple[int, ...],
    along: tuple[int, ...],
    count: int | None = None,
) -> list[Array | None]:
    """The transpose of a second derivative along `along`, in what `moving` says.

    Second derivatives are symmetric: it is one along the cotangents, in what `along` says.
    """
    known = arguments[:3]
    if count is not None:
        single = partial(_transpose_second, task=task, moving=moving, along=along)
        every = [ad.instantiate_zeros(cotangent) for cotangent in cotangents]
        rows = jax.vmap(lambda *given: single(given, *known, *(None for _ in along))[3:])(*every)
        return [None, None, None, *rows]
    given = [ad.instantiate_zeros(cotangent) for cotangent in cotangents]
    places = tuple(argument for argument in along if argument < 2)
    by_argument: dict[int, Array] = {}
    if places:
        moved = second_p.bind(*known, *given, task=task, moving=places, along=moving)
        by_argument = dict(zip(places, moved, strict=True))
    if 2 in along:
        _, *residuals = residuals_p.bind(*known[:2], task=task, moving=moving)
        by_argument[2] = tangent_p.bind(*known[:2], *residuals, *given, task=task, moving=moving)
    return [None, None, None, *(by_argument[argument] for argument in along)]


def _transpose_tangent(
    cotangent: Tangent,
    *arguments: Array,
    task: Task,
    moving: tuple[int, ...],
) -> list[Array | None]:
    known = arguments[: -len(moving)]
    given = ad.instantiate_zeros(cotangent)
    results = cotangent_p.bind(*known, given, task=task, moving=moving)
    return [*(None for _ in known), *results]


def _transpose_cotangent(
    cotangents: Sequence[Tangent],
    *arguments: Array,
    task: Task,
    moving: tuple[int, ...],
    count: int | None = None,
) -> list[Array | None]:
    given = [ad.instantiate_zeros(cotangent) for cotangent in cotangents]
    known = arguments[:-1]
    bind = partial(tangent_p.bind, *known, task=task, moving=moving)
    result = bind(*given) if count is None else jax.vmap(bind)(*given)
    return [*(None for _ in known), result]


_JVPS: dict[Primitive, Callable[..., Any]] = {
    run_p: _jvp_run,
    residuals_p: _jvp_residuals,
    tangent_p: partial(_jvp_inside, evaluate_tangent),
    cotangent_p: _jvp_cotangent,
    second_p: partial(_jvp_inside, evaluate_second),
}
for _primitive, _jvp in _JVPS.items():
    ad.primitive_jvps[_primitive] = always_compiled(_jvp)
    batching.primitive_batchers[_primitive] = always_compiled(BATCHERS[_primitive])

ad.primitive_transposes[tangent_p] = _transpose_tangent
ad.primitive_transposes[cotangent_p] = _transpose_cotangent
ad.primitive_transposes[second_p] = _transpose_second
