"""Floor 4. Probabilities -> counts of outcomes: a kernel where there is one, else the caller's way.

The kernel shares the shots out down a tree of binomial draws (`draws.h`), by a generator of its
own that starts from four words: about two random bits for each shot and level, not a word. Which
counts come of a key therefore depends on where they are drawn; how they are distributed does not.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import batching, mlir
from jaxtyping import Float, UInt32

from qjax._base.mesh import alike, type_of_result
from qjax._simulators.native.library import target, why_not
from qjax._simulators.native.primitive import is_alone

Draw = Callable[[Array, Array, int], Array]
"""(probabilities (outcomes, batch), words (4,), shots) -> counts."""

# As many as the float of the counts tells apart.
_MOST = {np.dtype(np.float32): 1 << 24, np.dtype(np.float64): 1 << 31}


def draw_counts(
    probabilities: Float[Array, "outcomes batch"],
    words: UInt32[Array, " 4"],
    shots: int,
    otherwise: Draw,
) -> Float[Array, "outcomes batch"]:
    """How many of `shots` shots of each sample had each outcome; NaN if a probability is none.

    Args:
        probabilities: at least 0; they need not add up to 1 exactly.
        words: random, or other ones for each draw: streams of random bits start from their hash.
        shots: how many.
        otherwise: what draws where there is no kernel; a function that lives as long as programs.
    """
    counts: Array = _draw_p.bind(*alike((probabilities, words)), shots=shots, otherwise=otherwise)
    return counts


_draw_p = Primitive("draw_counts")


def _by_kernel(probabilities: Array, words: Array, *, shots: int, otherwise: Draw) -> Array:
    del otherwise
    result = jax.ShapeDtypeStruct(probabilities.shape, probabilities.dtype)
    call = jax.ffi.ffi_call(target("Draw", probabilities.dtype), result)
    counts: Array = call(probabilities, words, shots=np.int64(shots))
    return counts


def _by_xla(probabilities: Array, words: Array, *, shots: int, otherwise: Draw) -> Array:
    lead, ends = probabilities.shape[:-2], probabilities.shape[-2:]
    if 0 in probabilities.shape:
        return jnp.zeros_like(probabilities)
    if not lead:
        return otherwise(probabilities, words, shots)
    given = probabilities.reshape(-1, *ends), words.reshape(-1, 4)
    rows = jax.lax.map(lambda one: otherwise(one[0], one[1], shots), given)
    return rows.reshape(probabilities.shape)


_kernel, _xla = (mlir.lower_fun(f, multiple_results=False) for f in (_by_kernel, _by_xla))


def _lower_on_cpu(ctx: Any, *arguments: Any, **settings: Any) -> Any:
    module, dtype = ctx.module_context, ctx.avals_in[0].dtype
    fits = dtype in _MOST and settings["shots"] <= _MOST[np.dtype(dtype)]
    usable = is_alone(module.axis_context) and fits and why_not() is None
    usable = usable and not module.lowering_parameters.for_export
    return (_kernel if usable else _xla)(ctx, *arguments, **settings)


def _abstract(
    probabilities: ShapedArray, words: ShapedArray, *, shots: int, otherwise: Draw
) -> ShapedArray:
    del shots, otherwise
    return type_of_result(probabilities.shape, probabilities.dtype, (probabilities, words))


def _batched(
    arguments: tuple[Array, Array], axes: tuple[int | None, int | None], **settings: Any
) -> tuple[Array, int]:
    """Words that are not mapped over are the same for all, as keys are under `vmap`."""
    size = next(x.shape[a] for x, a in zip(arguments, axes, strict=True) if a is not None)
    front = (
        jnp.broadcast_to(x, (size, *x.shape)) if axis is None else jnp.moveaxis(x, axis, 0)
        for x, axis in zip(arguments, axes, strict=True)
    )
    return _draw_p.bind(*front, **settings), 0


def _now(probabilities: Array, words: Array, **settings: Any) -> Array:
    with jax.disable_jit(False):
        return jax.jit(lambda *given: _draw_p.bind(*given, **settings))(probabilities, words)


_draw_p.def_impl(_now)
_draw_p.def_abstract_eval(_abstract)
batching.primitive_batchers[_draw_p] = _batched
mlir.register_lowering(_draw_p, _lower_on_cpu, platform="cpu")
mlir.register_lowering(_draw_p, _xla)
