"""Floor 2. Flat torch function -> JAX primitive that calls it back, with rules of its own.

Two primitives serve all functions: the call, and its tangents, which are linear and can be
transposed. Their rules bind them again with derivatives of the function: that is how any order
comes about, forwards and backwards, and how `jax.vmap` becomes `torch.func.vmap`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from bridge._torch2jax.derivatives import Pullback, Pushforward, Typed, is_inexact
from bridge._torch2jax.host import run


def call(function: Typed, *arrays: jax.Array) -> list[jax.Array]:
    """The function of arrays, in whatever JAX program this is."""
    return _call_p.bind(*arrays, function=function)


_words_p = Primitive("torch_call_words")
_words_p.multiple_results = True
_call_p = Primitive("torch_call")
_tangent_p = Primitive("torch_tangent")
_call_p.multiple_results = _tangent_p.multiple_results = True


def _call_back(*arrays: jax.Array, function: Typed) -> list[jax.Array]:
    """The call inside of a compiled program."""
    words = _words_p.bind(*arrays, function=function)
    return [_of_words(*pair) for pair in zip(words, function.outputs, strict=True)]


def _as_words(array: np.ndarray) -> np.ndarray:
    """Wide numbers as 32-bit words: JAX would narrow them on a thread without 64-bit mode."""
    if array.dtype.name not in _WIDE:
        return array
    words = np.ascontiguousarray(array).reshape(-1).view(np.uint32)
    return words.reshape(*array.shape, -1, 2)


def _of_words(words: jax.Array, layout: jax.ShapeDtypeStruct) -> jax.Array:
    if layout.dtype.name not in _WIDE:
        return words
    if layout.dtype == jnp.complex128:
        parts = jax.lax.bitcast_convert_type(words, jnp.float64)
        return jax.lax.complex(parts[..., 0], parts[..., 1])
    return jax.lax.bitcast_convert_type(words[..., 0, :], layout.dtype)


_WIDE = frozenset({"float64", "int64", "uint64", "complex128"})


def _abstract_words(*arrays: Any, function: Typed) -> list[jax.core.ShapedArray]:
    del arrays
    return [
        jax.core.ShapedArray((*output.shape, output.dtype.itemsize // 8, 2), np.uint32)
        if output.dtype.name in _WIDE
        else jax.core.ShapedArray(output.shape, output.dtype)
        for output in function.outputs
    ]


def _lower_words(context: mlir.LoweringRuleContext, *arrays: Any, function: Typed) -> Any:
    """`jax.pure_callback` would put the arguments on a device first, and may wait for itself."""

    def words_of(*numbers: Any) -> tuple[np.ndarray, ...]:
        return tuple(map(_as_words, run(function, *numbers)))

    results, _, _ = mlir.emit_python_callback(
        context,
        words_of,
        None,
        list(arrays),
        context.avals_in,  # type: ignore[arg-type]
        context.avals_out,
        has_side_effect=False,
    )
    return results


def _call_now(*arrays: jax.Array, function: Typed) -> list[jax.Array]:
    return [jnp.asarray(result) for result in run(function, *arrays)]


def _tangents(function: Typed, moving: tuple[bool, ...], given: tuple[bool, ...]) -> Typed:
    outputs = tuple(compress(function.outputs, given))
    return Typed(Pushforward(function.function, moving, given), outputs)


def _is_moving(tangent: Any) -> bool:
    return not isinstance(tangent, ad.Zero)


def _jvp_call(
    primals: Sequence[jax.Array], tangents: Sequence[Any], *, function: Typed
) -> tuple[list[jax.Array], list[Any]]:
    moving = tuple(map(_is_moving, tangents))
    given = tuple(map(is_inexact, function.outputs))
    values = _call_p.bind(*primals, function=function)
    moved = iter(
        _tangent_p.bind(
            *primals, *compress(tangents, moving), function=function, moving=moving, given=given
        )
        if any(given)
        else ()
    )
    return values, [
        next(moved) if flag else ad.Zero(jax.typeof(value).to_tangent_aval())
        for flag, value in zip(given, values, strict=True)
    ]


def _jvp_tangent(
    primals: Sequence[jax.Array],
    tangents: Sequence[Any],
    *,
    function: Typed,
    moving: tuple[bool, ...],
    given: tuple[bool, ...],
) -> tuple[list[jax.Array], list[Any]]:
    """Linear in the tangents; in the inputs, the tangents of the pushforward."""
    count = len(moving)
    options = {"function": function, "moving": moving, "given": given}
    values = _tangent_p.bind(*primals, **options)
    parts = []
    if any(map(_is_moving, tangents[count:])):
        later = map(ad.instantiate_zeros, tangents[count:])
        parts.append(_tangent_p.bind(*primals[:count], *later, **options))
    if any(map(_is_moving, tangents[:count])):
        again = (*map(_is_moving, tangents[:count]), *(False for _ in tangents[count:]))
        pushforward = _tangents(function, moving, given)
        parts.append(
            _tangent_p.bind(
                *primals,
                *compress(tangents, again),
                function=pushforward,
                moving=again,
                given=tuple(True for _ in pushforward.outputs),
            )
        )
    return values, [sum(terms[1:], terms[0]) for terms in zip(*parts, strict=True)]


def _transpose_tangent(
    cotangents: Sequence[Any],
    *arguments: Any,
    function: Typed,
    moving: tuple[bool, ...],
    given: tuple[bool, ...],
) -> list[Any]:
    primals = arguments[: len(moving)]
    places = iter(map(_is_moving, cotangents))
    reached = tuple(flag and next(places) for flag in given)
    outputs = tuple(
        jax.ShapeDtypeStruct(primal.shape, primal.dtype) for primal in compress(primals, moving)
    )
    pullback = Typed(Pullback(function.function, moving, reached), outputs)
    pulled_back = _call_p.bind(*primals, *filter(_is_moving, cotangents), function=pullback)
    return [*(None for _ in primals), *pulled_back]


Axis = int | None


def _size(arrays: Sequence[jax.Array], axes: Sequence[Axis]) -> int:
    return next(x.shape[axis] for x, axis in zip(arrays, axes, strict=True) if axis is not None)


def _batch_call(
    arrays: Sequence[jax.Array], axes: Sequence[Axis], *, function: Typed
) -> tuple[list[jax.Array], list[int]]:
    batched = function.batched(tuple(axes), _size(arrays, axes))
    return _call_p.bind(*arrays, function=batched), [0] * len(function.outputs)


def _batch_tangent(
    arrays: Sequence[jax.Array],
    axes: Sequence[Axis],
    *,
    function: Typed,
    moving: tuple[bool, ...],
    given: tuple[bool, ...],
) -> tuple[list[jax.Array], list[int]]:
    """What moves is batched along with its tangent."""
    size, count = _size(arrays, axes), len(moving)
    arrays, axes = list(arrays), list(axes)
    tangent_positions = iter(range(count, len(arrays)))
    for primal_position in compress(range(count), moving):
        pair = primal_position, next(tangent_positions)
        if any(axes[position] is not None for position in pair):
            for position in pair:
                arrays[position] = _in_front(arrays[position], axes[position], size)
                axes[position] = 0
    batched = function.batched(tuple(axes[:count]), size)
    tangents = _tangent_p.bind(*arrays, function=batched, moving=moving, given=given)
    return tangents, [0] * len(tangents)


def _in_front(array: jax.Array, axis: Axis, size: int) -> jax.Array:
    if axis is None:
        return jnp.broadcast_to(array, (size, *array.shape))
    return jnp.moveaxis(array, axis, 0)


def _abstract_call(*arrays: Any, function: Typed) -> list[jax.core.ShapedArray]:
    del arrays
    return [jax.core.ShapedArray(output.shape, output.dtype) for output in function.outputs]


def _as_call(rule: Callable[..., Any]) -> Callable[..., Any]:
    """A rule of the call, for the tangents: they are the call of the pushforward."""

    def of_tangent(
        *arrays: Any, function: Typed, moving: tuple[bool, ...], given: tuple[bool, ...]
    ) -> Any:
        return rule(*arrays, function=_tangents(function, moving, given))

    return of_tangent


_words_p.def_abstract_eval(_abstract_words)
mlir.register_lowering(_words_p, _lower_words)

_call_p.def_impl(_call_now)
_call_p.def_abstract_eval(_abstract_call)
mlir.register_lowering(_call_p, mlir.lower_fun(_call_back, multiple_results=True))
ad.primitive_jvps[_call_p] = _jvp_call
batching.primitive_batchers[_call_p] = _batch_call

_tangent_p.def_impl(_as_call(_call_now))
_tangent_p.def_abstract_eval(_as_call(_abstract_call))
mlir.register_lowering(_tangent_p, mlir.lower_fun(_as_call(_call_back), multiple_results=True))
ad.primitive_jvps[_tangent_p] = _jvp_tangent
ad.primitive_transposes[_tangent_p] = _transpose_tangent
batching.primitive_batchers[_tangent_p] = _batch_tangent
