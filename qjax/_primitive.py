"""Floor 6. (task, parameters) -> what is read out, as one primitive with rules of its own.

`jax.vmap` of a simulation, or of its derivatives, would batch every operation in it. The batching
rules of these primitives plan the circuit anew instead: what is mapped over becomes what differs
per sample, and runs as fast as a batch that was given as one.

Four primitives, so that derivatives have batching rules too: the simulation; the simulation that
keeps what reverse mode needs (the residuals); its tangents; its cotangents.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.core import ShapedArray
from jax.extend.core import ClosedJaxpr, Primitive, jaxpr_as_fun
from jax.interpreters import ad, batching, mlir
from jaxtyping import Float, Shaped

from qjax._mesh import alike, context, on_mesh_of, type_of_result
from qjax._program import always_compiled, differentiate_now, evaluate, evaluate_now
from qjax._simulators import jvp_of
from qjax._store import kept
from qjax._task import Expectations, Task, differentiable, num_simulated

# From so many qubits on, samples that share nothing run one by one: in single and in double
# precision. Of states and probabilities the results alone leave the cache; their derivatives gain
# from a batch for longer. Measured on two CPU cores.
WIDE_VALUES = 11, 9
WIDE_STATES = 9, 8
WIDE_DERIVATIVES_OF_STATES = 12, 11


def run(
    task: Task, shared: Float[Array, " shared"], batched: Float[Array, "batched batch"]
) -> Shaped[Array, "outputs batch"]:
    """Simulate a circuit for all samples at once.

    Args:
        task: what to simulate.
        shared: the parameters that all samples have in common, in the circuit's order.
        batched: those that differ per sample, in the circuit's order, batch last.
    """
    return _run_p.bind(*alike((shared, batched)), task=task)


_run_p = Primitive("simulate")
_residuals_p = Primitive("simulate_with_residuals")
_residuals_p.multiple_results = True
_tangent_p = Primitive("simulate_tangent")
_cotangent_p = Primitive("simulate_cotangent")
_cotangent_p.multiple_results = True

# `moving` below: the places, among (shared, batched), of what is differentiated.


class _Kept(NamedTuple):
    """A simulation that returns its residuals too, and how to make its cotangents of those."""

    forward: ClosedJaxpr
    structure: Any


@kept()
def _kept(
    task: Task, moving: tuple[int, ...], types: tuple[ShapedArray, ...], traced_in: Hashable
) -> _Kept:
    """`traced_in` is a key: what is traced on one mesh, or in one precision, fits no other."""
    del traced_in
    structure = None

    def forward(*arguments: Array) -> list[Array]:
        nonlocal structure
        given = [arguments[place] for place in moving]
        value, pull_back = jax.vjp(
            _of_moving(partial(evaluate, task=task), arguments, moving), *given
        )
        leaves, structure = jax.tree.flatten(pull_back)
        return [value, *leaves]

    closed = jax.make_jaxpr(forward)(*types)
    return _Kept(closed, structure)


@always_compiled  # else the operations of every pass would be kept one by one
def _kept_for(task: Task, moving: tuple[int, ...], arguments: Sequence[Any]) -> _Kept:
    types = tuple(x if isinstance(x, ShapedArray) else jax.typeof(x) for x in arguments[:2])
    return _kept(task, moving, types, context())


def _of_moving(
    function: Callable[..., Any], arguments: Sequence[Array], moving: tuple[int, ...]
) -> Callable[..., Any]:
    """The function of the arguments at `moving` alone."""

    def of_moving(*given: Array) -> Any:
        filled = list(arguments)
        for place, x in zip(moving, given, strict=True):
            filled[place] = x
        return function(*filled)

    return of_moving


# ---------------------------------------------------------------- what each primitive computes


def _evaluate_residuals(*arguments: Array, task: Task, moving: tuple[int, ...]) -> list[Array]:
    return jaxpr_as_fun(_kept_for(task, moving, arguments).forward)(*arguments)


def _evaluate_tangent(*arguments: Array, task: Task, moving: tuple[int, ...]) -> Array:
    """From the parameters, without residuals: forward mode keeps no states."""
    primals, tangents = arguments[:2], arguments[-len(moving) :]
    of_moving = _of_moving(partial(evaluate, task=task), primals, moving)
    return jax.jvp(of_moving, tuple(primals[place] for place in moving), tuple(tangents))[1]


def _evaluate_cotangent(*arguments: Array, task: Task, moving: tuple[int, ...]) -> list[Array]:
    _, _, *residuals, cotangent = arguments
    pull_back = jax.tree.unflatten(_kept_for(task, moving, arguments).structure, residuals)
    return list(pull_back(cotangent))


def _abstract_run(shared, batched, *, task):
    given = (jax.ShapeDtypeStruct(each.shape, each.dtype) for each in (shared, batched))
    result = jax.eval_shape(partial(evaluate, task=task), *given)
    return type_of_result(result.shape, result.dtype, (shared, batched))


def _abstract_residuals(*arguments, task, moving):
    return on_mesh_of(arguments, _kept_for(task, moving, arguments).forward.out_avals)


def _abstract_tangent(*arguments, task, moving):
    result = _abstract_run(*arguments[:2], task=task)
    del moving
    return type_of_result(result.shape, result.dtype, arguments)


def _abstract_cotangent(*arguments, task, moving):
    del task
    of_moving = (arguments[place] for place in moving)
    return [type_of_result(each.shape, each.dtype, arguments) for each in of_moving]


# ---------------------------------------------------------------- differentiation


def _jvp_run(primals: Sequence[Array], tangents: Sequence, *, task: Task) -> tuple[Array, Array]:
    if (beside := differentiable(task)) is not task:
        return _run_p.bind(*primals, task=task), _jvp_run(primals, tangents, task=beside)[1]
    if not any(isinstance(x, jax.core.Tracer) for x in primals):
        # Without an outer program, derivatives share compiled programs too.
        return differentiate_now(primals, tangents, task=task)
    moving = tuple(place for place, t in enumerate(tangents) if not isinstance(t, ad.Zero))
    value, *residuals = _residuals_p.bind(*primals, task=task, moving=moving)
    given = [tangents[place] for place in moving]
    return value, _tangent_p.bind(*primals, *residuals, *given, task=task, moving=moving)


def _jvp_inside(function: Callable[..., Any], primals, tangents, **parameters):
    """Higher derivatives go through the operations."""
    return jvp_of(partial(function, **parameters), primals, tangents)


def _transpose_tangent(cotangent, *arguments, task, moving):
    known = arguments[: -len(moving)]
    given = ad.instantiate_zeros(cotangent)
    found = _cotangent_p.bind(*known, given, task=task, moving=moving)
    return [*(None for _ in known), *found]


def _transpose_cotangent(cotangents, *arguments, task, moving):
    given = [ad.instantiate_zeros(cotangent) for cotangent in cotangents]
    known = arguments[:-1]
    found = _tangent_p.bind(*known, *given, task=task, moving=moving)
    return [*(None for _ in known), found]


# ---------------------------------------------------------------- batching

Axis = int | None


def _replanned(
    task: Task,
    arguments: Sequence[Array],
    axes: Sequence[Axis],
    size: int,
    differentiated: bool = False,
) -> Shaped[Array, "outputs batch size"]:
    """What is mapped over differs per sample; so does what is not, where it must."""
    (shared, batched), (from_shared, from_batched) = arguments, axes
    if from_batched is not None:
        batched = jnp.moveaxis(batched, from_batched, 2)
    else:
        batched = jnp.broadcast_to(batched[:, :, None], (*batched.shape, size))
    if from_shared is not None:
        task, batched = _all_batched(task, jnp.moveaxis(shared, from_shared, 1), batched)
        if _is_wide(task, shared.dtype, differentiated):
            return _one_by_one(task, batched)
        shared = jnp.zeros((0,), shared.dtype)
    samples = batched.shape[1] * size
    results = run(task, shared, batched.reshape(len(batched), samples))
    return results.reshape(len(results), batched.shape[1], size)


def _is_wide(task: Task, dtype: np.dtype, differentiated: bool) -> bool:
    """Whether states are so large that a batch of them leaves the cache.

    Samples that share no parameter then gain nothing from running together.
    """
    if jax.default_backend() != "cpu":
        return False
    if isinstance(task.readout, Expectations):
        widest = WIDE_VALUES
    else:
        widest = WIDE_DERIVATIVES_OF_STATES if differentiated else WIDE_STATES
    return num_simulated(task) >= widest[dtype == np.float64]


def _one_by_one(
    task: Task, params: Float[Array, "params batch size"]
) -> Shaped[Array, "outputs batch size"]:
    """Each sample's matrices are built and applied by themselves."""
    alone = replace(task, batched=frozenset())
    nothing = jnp.zeros((0, 1), params.dtype)
    # Reverse mode would keep the states of all samples.
    single = jax.checkpoint(lambda own: run(alone, own, nothing)[:, 0])
    results = lax.map(single, params.reshape(len(params), -1).T)
    return results.T.reshape(results.shape[1], *params.shape[1:])


def _all_batched(task: Task, shared: Array, batched: Array) -> tuple[Task, Array]:
    """The task with every parameter per sample; `shared` is `(shared, size)`."""
    count = task.circuit.num_params
    per_sample = sorted(task.batched)
    order = np.argsort([*per_sample, *(p for p in range(count) if p not in task.batched)])
    spread = jnp.broadcast_to(shared[:, None], (len(shared), *batched.shape[1:]))
    rows = jnp.concatenate([batched, spread])[order.astype(np.int32)]
    return replace(task, batched=frozenset(range(count))), rows


def _size(arguments: Sequence[Array], axes: Sequence[Axis]) -> int:
    return next(x.shape[a] for x, a in zip(arguments, axes, strict=True) if a is not None)


def _batch_run(arguments: Sequence[Array], axes: Sequence[Axis], *, task: Task):
    return _replanned(task, arguments, axes, _size(arguments, axes)), 2


def _batch_residuals(arguments, axes, *, task, moving):
    value, axis = _batch_run(arguments, axes, task=task)
    # The batched derivatives keep residuals of their own. These, batched operation by operation,
    # serve what reaches in between, and are not computed where nothing does.
    inside = partial(_evaluate_residuals, task=task, moving=moving)
    _, *residuals = jax.vmap(jax.jit(inside), in_axes=axes)(*arguments)
    return [value, *residuals], [axis, *(0 for _ in residuals)]


def _differentiable(arguments, axes, *, task, moving) -> tuple[Callable[..., Any], list[Array]]:
    """The batched simulation of what moves, and what it moves from, one for each of the batch."""
    size = _size(arguments, axes)
    primals, from_axes = list(arguments[:2]), list(axes[:2])
    for place in moving:
        if from_axes[place] is None:
            primals[place] = jnp.broadcast_to(primals[place], (size, *primals[place].shape))
        else:
            primals[place] = jnp.moveaxis(primals[place], from_axes[place], 0)
        from_axes[place] = 0

    def simulate(*given: Array) -> Array:
        return jnp.moveaxis(_replanned(task, given, from_axes, size, differentiated=True), 2, 0)

    return _of_moving(simulate, primals, moving), [primals[place] for place in moving]


def _in_front(x: Array, axis: Axis, size: int) -> Array:
    return jnp.broadcast_to(x, (size, *x.shape)) if axis is None else jnp.moveaxis(x, axis, 0)


def _batch_tangent(arguments, axes, *, task, moving):
    if all(axis is None for axis in axes[:2]):
        inside = partial(_evaluate_tangent, task=task, moving=moving)
        return jax.vmap(inside, in_axes=axes)(*arguments), 0
    simulate, primals = _differentiable(arguments, axes, task=task, moving=moving)
    size = _size(arguments, axes)
    last = len(arguments) - len(moving)
    given = [_in_front(x, a, size) for x, a in zip(arguments[last:], axes[last:], strict=True)]
    return jax.jvp(simulate, tuple(primals), tuple(given))[1], 0


def _batch_cotangent(arguments, axes, *, task, moving):
    if all(axis is None for axis in axes[:2]):
        inside = partial(_evaluate_cotangent, task=task, moving=moving)
        results = jax.vmap(inside, in_axes=axes)(*arguments)
    else:
        simulate, primals = _differentiable(arguments, axes, task=task, moving=moving)
        given = _in_front(arguments[-1], axes[-1], _size(arguments, axes))
        results = jax.vjp(simulate, *primals)[1](given)
    return list(results), [0] * len(moving)


_run_p.def_impl(evaluate_now)
_run_p.def_abstract_eval(_abstract_run)
ad.primitive_jvps[_run_p] = always_compiled(_jvp_run)
batching.primitive_batchers[_run_p] = always_compiled(_batch_run)
mlir.register_lowering(_run_p, mlir.lower_fun(evaluate, multiple_results=False))

for _primitive, _function, _abstract, _batch in (
    (_residuals_p, _evaluate_residuals, _abstract_residuals, _batch_residuals),
    (_tangent_p, _evaluate_tangent, _abstract_tangent, _batch_tangent),
    (_cotangent_p, _evaluate_cotangent, _abstract_cotangent, _batch_cotangent),
):
    _primitive.def_impl(always_compiled(_function))
    _primitive.def_abstract_eval(_abstract)
    ad.primitive_jvps[_primitive] = always_compiled(partial(_jvp_inside, _function))
    batching.primitive_batchers[_primitive] = always_compiled(_batch)
    mlir.register_lowering(
        _primitive, mlir.lower_fun(_function, multiple_results=_primitive.multiple_results)
    )
ad.primitive_transposes[_tangent_p] = _transpose_tangent
ad.primitive_transposes[_cotangent_p] = _transpose_cotangent
