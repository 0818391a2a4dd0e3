"""Floor 4. What a kernel computes, as a primitive of JAX: lowered as the kernel, or by XLA."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import batching, mlir

from qjax._base.mesh import type_of_result


def kernel_primitive(
    name: str,
    by_kernel: Callable[..., Sequence[Array]],
    by_xla: Callable[..., Sequence[Array]],
    types: Callable[..., Sequence[Any]],
) -> Callable[..., list[Array]]:
    """(pytrees of arrays..., static=...) -> arrays: by a kernel on one CPU, else by XLA.

    Derivatives are up to the caller; mapped over, it runs for one after the other.

    Args:
        name: of the primitive.
        by_kernel: calls the kernel; arguments are the pytrees, and what is static by name.
        by_xla: the same in JAX's operations, for other platforms, several devices, and exports.
        types: the shapes and dtypes of the results.
    """
    primitive = Primitive(f"native_{name}")
    primitive.multiple_results = True

    def bind(*trees: Any, **static: Any) -> list[Array]:
        leaves, structure = jax.tree.flatten(trees)
        results: list[Array] = primitive.bind(*leaves, structure=structure, **static)
        return results

    def of_leaves(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*leaves: Any, structure: Any, **static: Any) -> Any:
            return list(function(*jax.tree.unflatten(structure, leaves), **static))

        return run

    def abstract(*given: ShapedArray, **parameters: Any) -> list[ShapedArray]:
        return [
            type_of_result(x.shape, x.dtype, given) for x in of_leaves(types)(*given, **parameters)
        ]

    kernel, xla = (
        mlir.lower_fun(of_leaves(function), multiple_results=True)
        for function in (by_kernel, by_xla)
    )

    def lower_on_cpu(ctx: Any, *operands: Any, **parameters: Any) -> Any:
        module = ctx.module_context
        uses_kernel = is_alone(module.axis_context) and not module.lowering_parameters.for_export
        return (kernel if uses_kernel else xla)(ctx, *operands, **parameters)

    primitive.def_abstract_eval(abstract)
    primitive.def_impl(_compiled(primitive))
    mlir.register_lowering(primitive, lower_on_cpu, platform="cpu")
    mlir.register_lowering(primitive, xla)
    batching.primitive_batchers[primitive] = _one_by_one(primitive)
    return bind


def is_alone(context: Any) -> bool:
    """Whether each device runs the whole program: the only one, or with a block of its own.

    In `shard_map` over all axes of a mesh, nothing is left for the compiler to partition.
    """
    manual = getattr(context, "manual_axes", None)
    if manual is not None:
        return frozenset(context.mesh.axis_names) == manual
    return getattr(context, "num_devices", None) in (1, None)


def _compiled(primitive: Primitive) -> Callable[..., Any]:
    """Run outside of any program: compiled nevertheless, under `jax.disable_jit()` too."""

    def run(*leaves: Array, **parameters: Any) -> list[Array]:
        with jax.disable_jit(False):
            results: list[Array] = _jitted(primitive)(tuple(parameters.items()), *leaves)
        return results

    return run


@cache
def _jitted(primitive: Primitive) -> Callable[..., list[Array]]:
    def bind(parameters: tuple[tuple[str, Any], ...], *leaves: Array) -> list[Array]:
        results: list[Array] = primitive.bind(*leaves, **dict(parameters))
        return results

    return jax.jit(bind, static_argnums=0)


def _one_by_one(primitive: Primitive) -> Callable[..., Any]:
    def batch(
        arguments: Sequence[Array], axes: Sequence[int | None], **parameters: Any
    ) -> tuple[list[Array], list[int]]:
        mapped = [
            jnp.moveaxis(x, axis, 0)
            for x, axis in zip(arguments, axes, strict=True)
            if axis is not None
        ]

        def run(given: list[Array]) -> list[Array]:
            own = iter(given)
            every = [
                x if axis is None else next(own) for x, axis in zip(arguments, axes, strict=True)
            ]
            results: list[Array] = primitive.bind(*every, **parameters)
            return results

        results = lax.map(run, mapped)
        return results, [0] * len(results)

    return batch
