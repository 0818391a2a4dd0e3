"""Floor 1. torch function -> differentiable JAX function that calls it back.

The mirror image of `_function`. Two primitives serve all torch functions: the call, and its
tangents, which are linear and can be transposed. Their rules bind them again with derivatives of
the function, made by `torch.func`: that is how any order comes about, forwards and backwards, and
how `jax.vmap` becomes `torch.func.vmap`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from torch.utils._python_dispatch import TorchDispatchMode

from bridge._dlpack import WIDE_DTYPES, jax_dtype
from bridge._static import Static

Tensors = tuple[torch.Tensor, ...]
Layouts = tuple[jax.ShapeDtypeStruct, ...]

_CACHED_OUTLINES = 256
_REMEDY = "make numbers that change arrays (jnp.asarray)"


def torch2jax(function: Callable[..., Any]) -> Callable[..., Any]:
    """A torch function or module as a JAX function, for use inside `jit`, `grad` and `vmap`.

    Args:
        function: a pure torch function of tensors or pytrees of tensors to a tensor or a pytree,
            or a `torch.nn.Module`, whose parameters are constants: gradients go to the arguments
            only. `functools.partial(torch.func.functional_call, module)` makes a function of
            (parameters, arguments), which JAX can train. Runs on the CPU.

    Returns:
        A function with the same arguments that takes arrays (JAX's or NumPy's) where `function`
        takes tensors and returns JAX arrays where it returns tensors. Other arguments are static
        and have to be hashable. `jax.grad`, `jvp`, `vmap`, `jacfwd`, `jacrev`, `hessian` and their
        nestings work where `torch.func` can transform the function; gradients of complex values
        follow JAX's convention.

    Cost: each call leaves the compiled program for Python and copies arguments and results, about
    0.1 ms on a CPU. The backward pass computes the forward pass anew. XLA may drop or repeat a
    call whose result nobody needs or everybody has. When a program is traced, the function runs
    once on random numbers, to see what it returns. `torch.autocast` works inside the function, not
    around it. A function that calls JAX in turn can wait for ever on a busy CPU if several calls
    are under way: wait for each result (`jax.block_until_ready`).

    Raises:
        TypeError: `function` is not callable or returns something else than tensors; a dtype that
            one side lacks; a double-precision result without JAX's 64-bit mode.
        RuntimeError: (when it runs, inside of JAX's own error) the function draws random numbers
            (dropout in training mode), or changes buffers of the module (batch normalization in
            training mode): it has to give the same result for the same arguments. Or it returns
            other shapes than when it was traced.
    """
    if not callable(function):
        raise TypeError(f"torch2jax takes a function or a module, got {type(function).__name__}")

    @torch.compiler.disable
    @functools.wraps(function, updated=())
    def call(*args: Any, **kwargs: Any) -> Any:
        leaves, tree = jax.tree.flatten((args, kwargs))
        if any(isinstance(leaf, torch.Tensor) for leaf in leaves):
            raise TypeError("a JAX function takes arrays, got a tensor: bridge.to_jax makes one")
        moving = tuple(isinstance(leaf, jax.Array | np.ndarray | np.generic) for leaf in leaves)
        statics = tuple(
            None if moves else Static(leaf, "arrays", _REMEDY)
            for leaf, moves in zip(leaves, moving, strict=True)
        )
        arrays = [jnp.asarray(leaf) for leaf in compress(leaves, moving)]
        flat = _Flat(function, tree, statics)
        layouts = tuple(jax.ShapeDtypeStruct(array.shape, array.dtype) for array in arrays)
        modes = tuple(m.training for module in _modules_of(flat) for m in module.modules())
        outputs, structure = _outline(flat, layouts, modes, jax.config.read("jax_enable_x64"))
        checked = _Checked(flat, outputs, structure)
        results = _call_p.bind(*arrays, function=_Typed(checked, outputs))
        return jax.tree.unflatten(structure, results)

    return call


# ---------------------------------------------------------------- flat torch functions


@dataclass(frozen=True)
class _Flat:
    """A function of tensors, static arguments filled in, to the leaves of what it returns."""

    function: Callable[..., Any]
    tree: Any
    statics: tuple[Static | None, ...]

    def __call__(self, *tensors: torch.Tensor) -> Any:
        moving = iter(tensors)
        leaves = [next(moving) if static is None else static.value for static in self.statics]
        args, kwargs = jax.tree.unflatten(self.tree, leaves)
        return self.function(*args, **kwargs)


@dataclass(frozen=True)
class _Checked:
    """A flat function that returns the leaves of what it returned when it was traced."""

    function: _Flat
    layouts: Layouts
    structure: Any

    def __call__(self, *tensors: torch.Tensor) -> Tensors:
        leaves, structure = jax.tree.flatten(self.function(*tensors))
        expected = [tuple(layout.shape) for layout in self.layouts]
        shapes = [tuple(leaf.shape) for leaf in leaves]
        if structure != self.structure or shapes != expected:
            raise RuntimeError(
                f"the torch function returned shapes {shapes} in {structure}, and {expected} in "
                f"{self.structure} when it was traced: shapes may depend on those of the arguments "
                "only, not on their values"
            )
        return tuple(leaves)


@dataclass(frozen=True)
class _Batched:
    """A flat function over a batch: `axes` are the inputs' batch axes, the outputs' is 0."""

    function: Callable[..., Tensors]
    axes: tuple[int | None, ...]

    def __call__(self, *tensors: torch.Tensor) -> Tensors:
        return torch.func.vmap(self.function, in_dims=self.axes)(*tensors)


@dataclass(frozen=True)
class _Pushforward:
    """(inputs, tangents) -> tangents of the outputs marked in `given`.

    `moving` marks the inputs that have a tangent.
    """

    function: Callable[..., Tensors]
    moving: tuple[bool, ...]
    given: tuple[bool, ...]

    def __call__(self, *tensors: torch.Tensor) -> Tensors:
        primals, tangents = tensors[: len(self.moving)], tensors[len(self.moving) :]
        outputs, moved = _restrict(self.function, primals, self.moving, self.given)
        return torch.func.jvp(outputs, moved, tangents)[1]


@dataclass(frozen=True)
class _Pullback:
    """(inputs, cotangents) -> gradients, in JAX's convention for complex numbers.

    `moving` marks the inputs to differentiate, `given` the outputs that have a cotangent. JAX's
    cotangents and gradients are the conjugates of torch's.
    """

    function: Callable[..., Tensors]
    moving: tuple[bool, ...]
    given: tuple[bool, ...]

    def __call__(self, *tensors: torch.Tensor) -> Tensors:
        primals, cotangents = tensors[: len(self.moving)], tensors[len(self.moving) :]
        outputs, moved = _restrict(self.function, primals, self.moving, self.given)
        with torch.enable_grad():  # recurrent layers look at it
            transpose = torch.func.vjp(outputs, *moved)[1]
        return tuple(g.conj() for g in transpose(tuple(c.conj() for c in cotangents)))


def _restrict(
    function: Callable[..., Tensors],
    primals: Tensors,
    moving: tuple[bool, ...],
    given: tuple[bool, ...],
) -> tuple[Callable[..., Tensors], Tensors]:
    """The outputs marked in `given` as a function of the inputs marked in `moving`, and those."""

    def outputs(*tensors: torch.Tensor) -> Tensors:
        moved = iter(tensors)
        arguments = (
            next(moved) if moves else primal for moves, primal in zip(moving, primals, strict=True)
        )
        return tuple(compress(function(*arguments), given))

    return outputs, tuple(compress(primals, moving))


@dataclass(frozen=True)
class _Typed:
    """A flat function with the layouts of its outputs."""

    function: Callable[..., Tensors]
    outputs: Layouts

    def batched(self, axes: tuple[int | None, ...], size: int) -> _Typed:
        outputs = tuple(
            jax.ShapeDtypeStruct((size, *output.shape), output.dtype) for output in self.outputs
        )
        return _Typed(_Batched(self.function, axes), outputs)


@functools.lru_cache(_CACHED_OUTLINES)
def _outline(
    flat: _Flat, inputs: Layouts, modes: tuple[bool, ...], x64: bool
) -> tuple[Layouts, Any]:
    """The layouts and the tree of the outputs, which the function shows when it runs once.

    torch's fake tensors would cost less, but stay behind in what the function keeps for later.
    """
    del modes  # a key: modules return other things in training
    tensors = [_to_tensor(_sample(each)) for each in inputs]
    with jax.ensure_compile_time_eval():  # the function may call JAX in turn
        leaves, structure = jax.tree.flatten(_run_pure(flat, tensors))
    return tuple(_layout(leaf, x64) for leaf in leaves), structure


def _sample(layout: jax.ShapeDtypeStruct) -> np.ndarray:
    """Zeros for integers, which may be indices; else numbers between 0 and 1.

    Square matrices get a large diagonal: they may have to be positive definite.
    """
    shape = layout.shape
    if not _is_inexact(layout):
        return np.zeros(shape, layout.dtype)
    numbers = np.random.default_rng(0).uniform(size=shape)
    if len(shape) > 1 and shape[-1] == shape[-2]:
        numbers += shape[-1] * np.eye(shape[-1])
    return numbers.astype(layout.dtype)


def _layout(output: Any, x64: bool) -> jax.ShapeDtypeStruct:
    if not isinstance(output, torch.Tensor):
        raise TypeError(
            f"the torch function returned {type(output).__name__}, expected tensors or pytrees of "
            "tensors: torch.as_tensor makes one of numbers"
        )
    dtype = output.dtype
    if dtype in WIDE_DTYPES and not x64:
        if dtype.is_floating_point or dtype.is_complex:
            raise TypeError(
                f"the torch function returned {dtype}, which JAX has in 64-bit mode only: cast the "
                "result (.float()), or enable jax_enable_x64"
            )
        return jax.ShapeDtypeStruct(output.shape, _NARROW[dtype])
    return jax.ShapeDtypeStruct(output.shape, jax_dtype(dtype))


_NARROW = {torch.int64: np.dtype(np.int32), torch.uint64: np.dtype(np.uint32)}


# ---------------------------------------------------------------- running them


def _run(function: _Typed, *arrays: Any) -> list[np.ndarray]:
    """The function, on copies: it may write to its arguments, JAX's arrays must not change."""
    results = _run_pure(function.function, [_to_tensor(np.array(array)) for array in arrays])
    return [
        _to_numpy(result, layout) for result, layout in zip(results, function.outputs, strict=True)
    ]


def _run_pure(function: Callable[..., Any], tensors: Sequence[torch.Tensor]) -> Any:
    """What the function returns; an error where it draws random numbers or changes buffers."""
    buffers = [buffer for module in _modules_of(function) for buffer in module.buffers()]
    kept = [(buffer, buffer.clone()) for buffer in buffers]
    random = torch.random.get_rng_state()
    with torch.no_grad(), torch.autocast("cpu", enabled=False):
        results = function(*tensors)
        if not torch.equal(random, torch.random.get_rng_state()):
            # It may have been another thread that drew.
            with _RandomRefused():
                function(*tensors)
        changed = not all(_is_same(buffer, before) for buffer, before in kept)
        for buffer, before in kept if changed else ():
            buffer.copy_(before)
    if changed:
        raise RuntimeError(
            "the module changes its buffers when called, which JAX may do more or less often than "
            "written: call module.eval()"
        )
    return results


def _is_same(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Whether two tensors hold the same numbers, NaN included."""
    if torch.equal(first, second):
        return True
    return first.is_floating_point() and torch.allclose(first, second, 0, 0, equal_nan=True)


class _RandomRefused(TorchDispatchMode):
    """No operation may draw random numbers."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if torch.Tag.nondeterministic_seeded in func.tags:
            raise RuntimeError(
                "the torch function draws random numbers, so that its derivatives would be those "
                "of other numbers: pass them as an argument, or call module.eval()"
            )
        return func(*args, **(kwargs or {}))


def _modules_of(function: Any) -> list[torch.nn.Module]:
    """The modules that a function is made of, as far as can be seen."""
    if isinstance(function, torch.nn.Module):
        return [function]
    if isinstance(function, _Flat | _Checked | _Batched | _Pushforward | _Pullback):
        return _modules_of(function.function)
    if isinstance(function, functools.partial):
        return [module for part in (function.func, *function.args) for module in _modules_of(part)]
    return _modules_of(function.__self__) if hasattr(function, "__self__") else []


def _to_tensor(array: np.ndarray) -> torch.Tensor:
    if array.dtype == jnp.bfloat16:  # not NumPy's
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def _to_numpy(tensor: torch.Tensor, layout: jax.ShapeDtypeStruct) -> np.ndarray:
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy(force=True).view(jnp.bfloat16)
    array = tensor.numpy(force=True)
    narrow = array.astype(layout.dtype, copy=False)
    if narrow is not array and not np.array_equal(narrow, array):
        raise OverflowError(
            f"an integer of the torch function's result does not fit in {layout.dtype}: enable "
            "jax_enable_x64"
        )
    return narrow


# ---------------------------------------------------------------- the primitives

_words_p = Primitive("torch_call_words")
_words_p.multiple_results = True
_call_p = Primitive("torch_call")
_tangent_p = Primitive("torch_tangent")
_call_p.multiple_results = _tangent_p.multiple_results = True


def _call_back(*arrays: jax.Array, function: _Typed) -> list[jax.Array]:
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


def _abstract_words(*arrays: Any, function: _Typed) -> list[jax.core.ShapedArray]:
    del arrays
    return [
        jax.core.ShapedArray((*output.shape, output.dtype.itemsize // 8, 2), np.uint32)
        if output.dtype.name in _WIDE
        else jax.core.ShapedArray(output.shape, output.dtype)
        for output in function.outputs
    ]


def _lower_words(context: mlir.LoweringRuleContext, *arrays: Any, function: _Typed) -> Any:
    """`jax.pure_callback` would put the arguments on a device first, and may wait for itself."""

    def run(*numbers: Any) -> tuple[np.ndarray, ...]:
        return tuple(map(_as_words, _run(function, *numbers)))

    results, _, _ = mlir.emit_python_callback(
        context,
        run,
        None,
        list(arrays),
        context.avals_in,  # type: ignore[arg-type]
        context.avals_out,
        has_side_effect=False,
    )
    return results


def _call_now(*arrays: jax.Array, function: _Typed) -> list[jax.Array]:
    return [jnp.asarray(result) for result in _run(function, *arrays)]


def _tangents(function: _Typed, moving: tuple[bool, ...], given: tuple[bool, ...]) -> _Typed:
    outputs = tuple(compress(function.outputs, given))
    return _Typed(_Pushforward(function.function, moving, given), outputs)


def _is_inexact(layout: Any) -> bool:
    return jnp.issubdtype(layout.dtype, jnp.inexact)


def _is_moving(tangent: Any) -> bool:
    return not isinstance(tangent, ad.Zero)


def _jvp_call(
    primals: Sequence[jax.Array], tangents: Sequence[Any], *, function: _Typed
) -> tuple[list[jax.Array], list[Any]]:
    moving = tuple(map(_is_moving, tangents))
    given = tuple(map(_is_inexact, function.outputs))
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
    function: _Typed,
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
    function: _Typed,
    moving: tuple[bool, ...],
    given: tuple[bool, ...],
) -> list[Any]:
    primals = arguments[: len(moving)]
    places = iter(map(_is_moving, cotangents))
    reached = tuple(flag and next(places) for flag in given)
    outputs = tuple(
        jax.ShapeDtypeStruct(primal.shape, primal.dtype) for primal in compress(primals, moving)
    )
    pullback = _Typed(_Pullback(function.function, moving, reached), outputs)
    found = _call_p.bind(*primals, *filter(_is_moving, cotangents), function=pullback)
    return [*(None for _ in primals), *found]


Axis = int | None


def _size(arrays: Sequence[jax.Array], axes: Sequence[Axis]) -> int:
    return next(x.shape[axis] for x, axis in zip(arrays, axes, strict=True) if axis is not None)


def _batch_call(
    arrays: Sequence[jax.Array], axes: Sequence[Axis], *, function: _Typed
) -> tuple[list[jax.Array], list[int]]:
    batched = function.batched(tuple(axes), _size(arrays, axes))
    return _call_p.bind(*arrays, function=batched), [0] * len(function.outputs)


def _batch_tangent(
    arrays: Sequence[jax.Array],
    axes: Sequence[Axis],
    *,
    function: _Typed,
    moving: tuple[bool, ...],
    given: tuple[bool, ...],
) -> tuple[list[jax.Array], list[int]]:
    """What moves is batched along with its tangent."""
    size, count = _size(arrays, axes), len(moving)
    arrays, axes = list(arrays), list(axes)
    tangent_places = (place for place in range(count, len(arrays)))
    for place in compress(range(count), moving):
        pair = place, next(tangent_places)
        if any(axes[each] is not None for each in pair):
            for each in pair:
                arrays[each] = _in_front(arrays[each], axes[each], size)
                axes[each] = 0
    batched = function.batched(tuple(axes[:count]), size)
    found = _tangent_p.bind(*arrays, function=batched, moving=moving, given=given)
    return found, [0] * len(found)


def _in_front(array: jax.Array, axis: Axis, size: int) -> jax.Array:
    if axis is None:
        return jnp.broadcast_to(array, (size, *array.shape))
    return jnp.moveaxis(array, axis, 0)


def _abstract_call(*arrays: Any, function: _Typed) -> list[jax.core.ShapedArray]:
    del arrays
    return [jax.core.ShapedArray(output.shape, output.dtype) for output in function.outputs]


def _as_call(rule: Callable[..., Any]) -> Callable[..., Any]:
    """A rule of the call, for the tangents: they are the call of the pushforward."""

    def of_tangent(
        *arrays: Any, function: _Typed, moving: tuple[bool, ...], given: tuple[bool, ...]
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
