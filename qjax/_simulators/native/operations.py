"""Floor 4. Steps + angles -> the state, and its cotangent -> those of the angles, by the kernels.

Two primitives of JAX. Where a program is lowered for another platform, for several devices, or to
be exported, they are lowered as what XLA computes of the same program. Forward mode and second
derivatives are XLA's everywhere.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import batching, mlir
from jaxtyping import Float

from qjax._base.linear_map import linear_map
from qjax._base.mesh import type_of_result
from qjax._plan import Program
from qjax._simulators.native.library import target
from qjax._simulators.statevector.simulation import State, state_of_angles

Angles = tuple[Float[Array, " angles"], Float[Array, "angles batch"]]

_state_p = Primitive("native_state")
_cotangents_p = Primitive("native_cotangents")
_cotangents_p.multiple_results = True


@jax.custom_jvp
def native_state(program: Program, angles: Angles) -> State:
    """The state after a program that has steps, rows in Qiskit's order, all phases applied.

    Args:
        program: what to run, from |0...0>.
        angles: those that all samples share, and those that differ per sample.
    """
    leaves, structure = jax.tree.flatten((program, angles))
    return _state_p.bind(*leaves, structure=structure)


@native_state.defjvp
def _native_state_jvp(primals: tuple, tangents: tuple) -> tuple[State, State]:
    program, angles = primals
    state = native_state(program, angles)
    residuals = program, angles, state
    return state, linear_map(_push_forward, _pull_back, residuals, tangents[1], like=state)


def _push_forward(residuals: tuple, tangents: Angles) -> State:
    program, angles, _ = residuals
    return jax.jvp(lambda *given: state_of_angles(program, given), angles, tangents)[1]


@jax.custom_jvp
def _pull_back(residuals: tuple, cotangent: State) -> Angles:
    leaves, structure = jax.tree.flatten((*residuals, cotangent))
    shared, batched = _cotangents_p.bind(*leaves, structure=structure)
    return shared, batched


@_pull_back.defjvp
def _pull_back_jvp(primals: tuple, tangents: tuple) -> tuple[Angles, Angles]:
    """Of the angles and the cotangent; the state moves with the angles."""
    (program, angles, state), cotangent = primals
    (_, moved, _), along = tangents

    def cotangents(angles: Angles, cotangent: State) -> Angles:
        return _by_xla(program, angles, cotangent)

    moving = jax.jvp(cotangents, (angles, cotangent), (moved, along))[1]
    return _pull_back((program, angles, state), cotangent), moving


def _by_xla(program: Program, angles: Angles, cotangent: State) -> Angles:
    pull_back = jax.vjp(lambda *given: state_of_angles(program, given), *angles)[1]
    shared, batched = pull_back(cotangent)
    return shared, batched


# ---------------------------------------------------------------- primitives


def _state_type(*given: ShapedArray, structure: Any) -> ShapedArray:
    program, (_, batched) = jax.tree.unflatten(structure, given)
    return type_of_result((2, 2**program.num_qubits, batched.shape[1]), batched.dtype, given)


def _cotangent_types(*given: ShapedArray, structure: Any) -> list[ShapedArray]:
    _, angles, _, _ = jax.tree.unflatten(structure, given)
    return [type_of_result(x.shape, x.dtype, given) for x in angles]


def _state_of_xla(*leaves: Array, structure: Any) -> Array:
    return state_of_angles(*jax.tree.unflatten(structure, leaves))


def _cotangents_of_xla(*leaves: Array, structure: Any) -> Sequence[Array]:
    program, angles, _, cotangent = jax.tree.unflatten(structure, leaves)
    return _by_xla(program, angles, cotangent)


def _state_of_kernels(*leaves: Array, structure: Any) -> Array:
    program, (shared, batched) = jax.tree.unflatten(structure, leaves)
    result = jax.ShapeDtypeStruct((2, 2**program.num_qubits, batched.shape[1]), shared.dtype)
    call = jax.ffi.ffi_call(target("QjaxSimulate", shared.dtype), result)
    return call(*_tables(program, shared), shared, batched)


def _cotangents_of_kernels(*leaves: Array, structure: Any) -> Sequence[Array]:
    program, (shared, batched), state, cotangent = jax.tree.unflatten(structure, leaves)
    results = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in (shared, batched)]
    call = jax.ffi.ffi_call(target("QjaxPullBack", shared.dtype), results)
    return call(*_tables(program, shared), shared, batched, state, cotangent)


def _tables(program: Program, like: Array) -> tuple[Array, Array]:
    return program.steps.words, lax.convert_element_type(program.steps.numbers, like.dtype)


def _one_by_one(primitive: Primitive) -> Callable[..., Any]:
    def batch(arguments: Sequence[Array], axes: Sequence[int | None], *, structure: Any) -> Any:
        moved = [
            x if axis is None else jnp.moveaxis(x, axis, 0)
            for x, axis in zip(arguments, axes, strict=True)
        ]
        mapped = [x for x, axis in zip(moved, axes, strict=True) if axis is not None]

        def single(given: list[Array]) -> Any:
            left = iter(given)
            every = [x if axis is None else next(left) for x, axis in zip(moved, axes, strict=True)]
            return primitive.bind(*every, structure=structure)

        results = lax.map(single, mapped)
        return results, [0] * len(results) if primitive.multiple_results else 0

    return batch


def _lowering(kernels: Callable[..., Any], xla: Callable[..., Any], multiple: bool) -> Any:
    by_kernels = mlir.lower_fun(kernels, multiple_results=multiple)
    by_xla = mlir.lower_fun(xla, multiple_results=multiple)

    def lower(ctx: Any, *operands: Any, **parameters: Any) -> Any:
        module = ctx.module_context
        alone = getattr(module.axis_context, "num_devices", 1) in (1, None)
        portable = module.lowering_parameters.for_export or not alone
        return (by_xla if portable else by_kernels)(ctx, *operands, **parameters)

    return lower, by_xla


for _primitive, _types, _kernels, _xla in (
    (_state_p, _state_type, _state_of_kernels, _state_of_xla),
    (_cotangents_p, _cotangent_types, _cotangents_of_kernels, _cotangents_of_xla),
):
    _primitive.def_abstract_eval(_types)
    _on_cpu, _elsewhere = _lowering(_kernels, _xla, _primitive.multiple_results)
    mlir.register_lowering(_primitive, _on_cpu, platform="cpu")
    mlir.register_lowering(_primitive, _elsewhere)
    batching.primitive_batchers[_primitive] = _one_by_one(_primitive)
    _primitive.def_impl(jax.jit(_primitive.bind, static_argnames="structure"))
