"""Floor 6. A simulation and its derivatives as primitives: what each computes.

Five primitives, so that derivatives have rules too: the simulation; the simulation that keeps what
reverse mode needs (the residuals); its tangents; its cotangents; tangents of those.
"""

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
from jax import Array
from jax.core import ShapedArray
from jax.extend.core import ClosedJaxpr, Primitive, jaxpr_as_fun
from jax.interpreters import mlir

from qjax._base import tuning
from qjax._base.mesh import context, on_mesh_of, type_of_result
from qjax._base.store import kept
from qjax._engine.directions import Axis, Kind, columns_at_once, in_groups, size_of
from qjax._engine.execution import always_compiled, execute, execute_now, type_of_values
from qjax._engine.task import Task

run_p = Primitive("simulate")
residuals_p = Primitive("simulate_with_residuals")
residuals_p.multiple_results = True
tangent_p = Primitive("simulate_tangent")
cotangent_p = Primitive("simulate_cotangent")
cotangent_p.multiple_results = True
second_p = Primitive("simulate_second_derivatives")
second_p.multiple_results = True

# `moving` below: the positions, among (shared, batched), of what is differentiated.


class _Kept(NamedTuple):
    """A simulation that returns its residuals too, and what makes its cotangents of them."""

    forward: ClosedJaxpr
    structure: Any


@kept(tuning.TRACE_BYTES, for_tracing=True)
def _kept(
    task: Task, moving: tuple[int, ...], types: tuple[ShapedArray, ...], traced_in: Hashable
) -> _Kept:
    """`traced_in` is a key: what is traced on one mesh, or in one precision, fits no other."""
    del traced_in
    structure = None

    def forward(*arguments: Array) -> list[Array]:
        nonlocal structure
        given = [arguments[position] for position in moving]
        value, pull_back = jax.vjp(
            of_moving(partial(execute, task=task), arguments, moving), *given
        )
        leaves, structure = jax.tree.flatten(pull_back)
        return [value, *leaves]

    closed = jax.make_jaxpr(forward)(*types)
    return _Kept(closed, structure)


@always_compiled  # else the operations of every pass would be kept one by one
def _kept_for(task: Task, moving: tuple[int, ...], arguments: Sequence[Any]) -> _Kept:
    types = tuple(x if isinstance(x, ShapedArray) else jax.typeof(x) for x in arguments[:2])
    return _kept(task, moving, types, context())


def of_moving(
    function: Callable[..., Any], arguments: Sequence[Array], moving: tuple[int, ...]
) -> Callable[..., Any]:
    """The function of the arguments at `moving` alone."""

    def of_given(*given: Array) -> Any:
        filled = list(arguments)
        for position, x in zip(moving, given, strict=True):
            filled[position] = x
        return function(*filled)

    return of_given


def evaluate_residuals(*arguments: Array, task: Task, moving: tuple[int, ...]) -> list[Array]:
    return jaxpr_as_fun(_kept_for(task, moving, arguments).forward)(*arguments)


def evaluate_tangent(*arguments: Array, task: Task, moving: tuple[int, ...]) -> Array:
    """Tangents, from the parameters and without residuals: forward mode keeps no states."""
    primals, tangents = arguments[:2], arguments[-len(moving) :]
    columns_at_once("tangents", task, primals, 1)
    function = of_moving(partial(execute, task=task), primals, moving)
    return jax.jvp(function, tuple(primals[position] for position in moving), tuple(tangents))[1]


def evaluate_cotangent(
    *arguments: Array, task: Task, moving: tuple[int, ...], count: int | None = None
) -> list[Array]:
    """Cotangents of what moves; with a count, of as many cotangents along a first axis."""
    if count is not None:
        axes = (*(None for _ in arguments[1:]), 0)
        inside = partial(evaluate_cotangent, task=task, moving=moving)
        return grouped("cotangents", inside, arguments, axes, task)
    _, _, *residuals, cotangent = arguments
    columns_at_once("cotangents", task, arguments, 1)
    pull_back = jax.tree.unflatten(_kept_for(task, moving, arguments).structure, residuals)
    return list(pull_back(cotangent))


def _cotangents_of(task: Task, moving: tuple[int, ...]) -> Callable[..., Any]:
    """(shared, batched, cotangent) -> cotangents of what moves."""

    def cotangents(shared: Array, batched: Array, cotangent: Array) -> tuple[Array, ...]:
        primals = shared, batched
        function = of_moving(partial(execute, task=task), primals, moving)
        return jax.vjp(function, *(primals[position] for position in moving))[1](cotangent)

    return cotangents


def evaluate_second(
    *arguments: Array,
    task: Task,
    moving: tuple[int, ...],
    along: tuple[int, ...],
    count: int | None = None,
) -> list[Array]:
    """Tangents of the cotangents, as `along`, among (shared, batched, cotangent), moves.

    With a count, along as many directions in front.
    """
    if count is not None:
        axes = (None, None, None, *(0 for _ in along))
        inside = partial(evaluate_second, task=task, moving=moving, along=along)
        return grouped("second derivatives", inside, arguments, axes, task)
    primals, tangents = arguments[:3], arguments[3:]
    columns_at_once("second derivatives", task, primals, 1)
    function = of_moving(_cotangents_of(task, moving), primals, along)
    return list(
        jax.jvp(function, tuple(primals[position] for position in along), tuple(tangents))[1]
    )


def _abstract_run(shared: ShapedArray, batched: ShapedArray, *, task: Task) -> ShapedArray:
    shape, dtype = type_of_values(task, shared, batched)
    return type_of_result(shape, dtype, (shared, batched))


def _abstract_residuals(
    *arguments: ShapedArray, task: Task, moving: tuple[int, ...]
) -> list[ShapedArray]:
    return on_mesh_of(arguments, _kept_for(task, moving, arguments).forward.out_avals)


def _abstract_tangent(*arguments: ShapedArray, task: Task, moving: tuple[int, ...]) -> ShapedArray:
    result = _abstract_run(*arguments[:2], task=task)
    del moving
    return type_of_result(result.shape, result.dtype, arguments)


def _abstract_cotangent(
    *arguments: ShapedArray,
    task: Task,
    moving: tuple[int, ...],
    along: tuple[int, ...] | None = None,
    count: int | None = None,
) -> list[ShapedArray]:
    del task, along
    front = () if count is None else (count,)
    given = (arguments[position] for position in moving)
    return [type_of_result((*front, *x.shape), x.dtype, arguments) for x in given]


def grouped(
    kind: Kind,
    inside: Callable[..., Any],
    arguments: Sequence[Array],
    axes: Sequence[Axis],
    task: Task,
) -> Any:
    size = size_of(arguments, axes)
    width = columns_at_once(kind, task, arguments, size)
    return in_groups(inside, axes, size, width)(*arguments)


run_p.def_impl(execute_now)
run_p.def_abstract_eval(_abstract_run)
mlir.register_lowering(run_p, mlir.lower_fun(execute, multiple_results=False))

for _primitive, _function, _abstract in (
    (residuals_p, evaluate_residuals, _abstract_residuals),
    (tangent_p, evaluate_tangent, _abstract_tangent),
    (cotangent_p, evaluate_cotangent, _abstract_cotangent),
    (second_p, evaluate_second, _abstract_cotangent),
):
    _primitive.def_impl(always_compiled(_function))
    _primitive.def_abstract_eval(_abstract)
    mlir.register_lowering(
        _primitive, mlir.lower_fun(_function, multiple_results=_primitive.multiple_results)
    )
