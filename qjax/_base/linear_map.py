"""Floor 0. A linear function with a transpose of our own.

`jax.custom_vjp` would take forward mode away, and `jax.custom_derivatives.linear_call` cannot be
vmapped. This primitive is linear in its last arguments, transposed by the rule that is given, and
differentiated in its first ones, the residuals, like the function itself.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.core import ShapedArray
from jax.extend.core import Primitive, jaxpr_as_fun
from jax.interpreters import ad, batching, mlir

from qjax._base import tuning
from qjax._base.memory import check_fits
from qjax._base.mesh import alike, type_of_result

# A function of flat arrays.
_Flat = Callable[..., Sequence[Array]]

# Shapes and dtypes of its results, where they are known without tracing it.
_Types = tuple[tuple[tuple[int, ...], Any], ...] | None

_linear_p = Primitive("linear_map")
_linear_p.multiple_results = True


def linear_map(
    function: Callable[..., Any],
    transpose: Callable[..., Any],
    residuals: Any,
    operand: Any,
    like: Any = None,
) -> Any:
    """function(residuals, operand), whose transpose is transpose(residuals, cotangent).

    Args:
        function: linear in `operand`; both arguments and the result are pytrees of arrays.
        transpose: gives a cotangent of the structure of `operand`.
        residuals: what the function also depends on.
        operand: what it is linear in.
        like: the result's structure, shapes and dtypes; the function is then traced only where
            forward mode needs it. None: they are found by tracing it.
    """
    residuals, operand = alike((residuals, operand))
    flat_residuals, residual_tree = jax.tree.flatten(residuals)
    flat = jax.tree.leaves(operand)
    count = len(flat_residuals)  # The functions below outlive the trace of the arrays.
    if like is None:
        # Traced once, here: what follows uses the result instead of the Python function.
        traced, like = jax.make_jaxpr(function, return_shape=True)(residuals, operand)
        flat_function, types = jaxpr_as_fun(traced), None
    else:
        types = tuple((x.shape, x.dtype) for x in jax.tree.leaves(like))
        operand_tree = jax.tree.structure(operand)

        def flat_function(*arguments: Array) -> list[Array]:
            given = jax.tree.unflatten(residual_tree, arguments[:count])
            moving = jax.tree.unflatten(operand_tree, arguments[count:])
            return jax.tree.leaves(function(given, moving))

    result_tree = jax.tree.structure(like)

    def flat_transpose(*arguments: Array) -> list[Array]:
        given = jax.tree.unflatten(residual_tree, arguments[:count])
        cotangent = jax.tree.unflatten(result_tree, arguments[count:])
        return jax.tree.leaves(transpose(given, cotangent))

    results = _linear_p.bind(
        *flat_residuals,
        *flat,
        function=flat_function,
        transpose=flat_transpose,
        num_residuals=count,
        types=types,
    )
    return jax.tree.unflatten(result_tree, results)


def jvp_of(
    function: Callable[..., Any], primals: Sequence[Array], tangents: Sequence[Any]
) -> tuple[Any, Any]:
    """`jax.jvp` in the rule of a primitive: what has a symbolic zero as tangent stays fixed."""
    indices = [index for index, tangent in enumerate(tangents) if not isinstance(tangent, ad.Zero)]

    def of_moving(*given: Array) -> Any:
        arguments = list(primals)
        for index, x in zip(indices, given, strict=True):
            arguments[index] = x
        return function(*arguments)

    moving = tuple(primals[index] for index in indices)
    return jax.jvp(of_moving, moving, tuple(tangents[index] for index in indices))


def _evaluate(
    *arguments: Array, function: _Flat, transpose: _Flat, num_residuals: int, types: _Types
) -> Sequence[Array]:
    del transpose, num_residuals, types
    return function(*arguments)


def _abstract(
    *arguments: ShapedArray, function: _Flat, transpose: _Flat, num_residuals: int, types: _Types
) -> list[ShapedArray]:
    del transpose, num_residuals
    if types is None:
        results = jax.eval_shape(function, *arguments)
        types = tuple((result.shape, result.dtype) for result in results)
    return [type_of_result(shape, dtype, arguments) for shape, dtype in types]


def _jvp(
    primals: Sequence[Array],
    tangents: Sequence[Array | ad.Zero],
    *,
    function: _Flat,
    transpose: _Flat,
    num_residuals: int,
    types: _Types,
) -> tuple[Sequence[Array], Sequence[Array]]:
    bound = {"function": function, "transpose": transpose, "num_residuals": num_residuals}
    bound |= {"types": types}
    values = _linear_p.bind(*primals, **bound)
    residuals, moving = primals[:num_residuals], tangents[:num_residuals]
    operands = [ad.instantiate_zeros(t) for t in tangents[num_residuals:]]
    results = _linear_p.bind(*residuals, *operands, **bound)
    if any(not isinstance(tangent, ad.Zero) for tangent in moving):

        def of_residuals(*given: Array) -> Sequence[Array]:
            return function(*given, *primals[num_residuals:])

        more = jvp_of(of_residuals, residuals, moving)[1]
        results = [a + b for a, b in zip(results, more, strict=True)]
    return values, results


def _transpose(
    cotangents: Sequence[Array | ad.Zero],
    *arguments: Array,
    function: _Flat,
    transpose: _Flat,
    num_residuals: int,
    types: _Types,
) -> list[Array | None]:
    del function, types
    residuals = arguments[:num_residuals]
    given = [ad.instantiate_zeros(cotangent) for cotangent in cotangents]
    pulled_back = transpose(*residuals, *given)
    return [*(None for _ in residuals), *pulled_back]


def _batch(
    arguments: Sequence[Array],
    dimensions: Sequence[int | None],
    *,
    function: _Flat,
    transpose: _Flat,
    num_residuals: int,
    types: _Types,
) -> tuple[Sequence[Array], list[int]]:
    batched = [dimension is not None for dimension in dimensions]
    moved = [
        x if dimension is None else jnp.moveaxis(x, dimension, 0)
        for x, dimension in zip(arguments, dimensions, strict=True)
    ]
    held = [x.nbytes for x, flag in zip(moved, batched, strict=True) if flag]
    check_fits(
        tuning.LINEAR_MAP_COPIES * sum(held[sum(batched[:num_residuals]) :]),
        "derivatives of states in many directions at once",
        "reverse mode (jax.grad), jax.jit, where directions run in groups, or fewer of them",
    )
    axes = tuple(0 if is_batched else None for is_batched in batched)
    vmapped = jax.vmap(function, in_axes=axes, out_axes=0)

    def vmapped_transpose(*given: Array) -> list[Array]:
        cotangents = len(given) - num_residuals
        inner = jax.vmap(transpose, in_axes=(*axes[:num_residuals], *(0,) * cotangents))(*given)
        # What the batch shares gathers the cotangents of all of it.
        return [
            x if is_batched else x.sum(axis=0)
            for x, is_batched in zip(inner, batched[num_residuals:], strict=True)
        ]

    size = next(x.shape[0] for x, flag in zip(moved, batched, strict=True) if flag)
    results = _linear_p.bind(
        *moved,
        function=vmapped,
        transpose=vmapped_transpose,
        num_residuals=num_residuals,
        types=types and tuple(((size, *shape), dtype) for shape, dtype in types),
    )
    return results, [0] * len(results)


_linear_p.def_impl(_evaluate)
_linear_p.def_abstract_eval(_abstract)
ad.primitive_jvps[_linear_p] = _jvp
ad.primitive_transposes[_linear_p] = _transpose
batching.primitive_batchers[_linear_p] = _batch
mlir.register_lowering(_linear_p, mlir.lower_fun(_evaluate, multiple_results=True))
