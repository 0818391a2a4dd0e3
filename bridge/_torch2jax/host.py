"""Floor 2. Flat torch function + NumPy arrays -> NumPy arrays, if the function is pure."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from bridge._dlpack import WIDE_DTYPES, jax_dtype
from bridge._torch2jax.derivatives import (
    Batched,
    Checked,
    Flat,
    Layouts,
    Pullback,
    Pushforward,
    Typed,
    is_inexact,
)

_CACHED_OUTLINES = 256
_NARROW = {torch.int64: np.dtype(np.int32), torch.uint64: np.dtype(np.uint32)}


def outline(flat: Flat, inputs: Layouts) -> tuple[Layouts, Any]:
    """The layouts and the tree of the outputs, which the function shows when it runs once.

    Raises:
        RuntimeError: it draws random numbers, or changes buffers of its modules.
        TypeError: it returns something else than tensors that JAX can hold.
    """
    # Modules return other things in training.
    modes = tuple(module.training for root in _modules_of(flat) for module in root.modules())
    return _outline(flat, inputs, modes, jax.config.read("jax_enable_x64"))


@functools.lru_cache(_CACHED_OUTLINES)
def _outline(
    flat: Flat, inputs: Layouts, modes: tuple[bool, ...], x64: bool
) -> tuple[Layouts, Any]:
    """Torch's fake tensors would cost less, but stay behind in what a function keeps for later."""
    del modes  # a key
    buffers = _buffers_of(flat)
    before = [buffer.clone() for buffer in buffers]
    tensors = [_to_tensor(_sample(layout)) for layout in inputs]
    with jax.ensure_compile_time_eval():  # the function may call JAX in turn
        leaves, structure = jax.tree.flatten(_run_deterministic(flat, tensors))
    if not all(map(_is_same, buffers, before)):
        with torch.no_grad():
            for buffer, value in zip(buffers, before, strict=True):
                buffer.copy_(value)
        raise _impure()
    return tuple(_layout(leaf, x64) for leaf in leaves), structure


def _sample(layout: jax.ShapeDtypeStruct) -> np.ndarray:
    """Zeros for integers, which may be indices; else numbers between 0 and 1.

    Square matrices get a large diagonal: they may have to be positive definite.
    """
    shape = layout.shape
    if not is_inexact(layout):
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


def run(function: Typed, *arrays: Any) -> list[np.ndarray]:
    """The function, on copies: it may write to its arguments, JAX's arrays must not change.

    Raises:
        RuntimeError: it draws random numbers, or changes buffers of its modules.
        OverflowError: an integer that JAX has no room for.
    """
    buffers = _buffers_of(function.function)
    before = [buffer._version for buffer in buffers]
    tensors = [_to_tensor(np.array(array)) for array in arrays]
    results = _run_deterministic(function.function, tensors)
    if before != [buffer._version for buffer in buffers]:
        raise _impure()
    return list(map(_to_numpy, results, function.outputs))


def _run_deterministic(function: Callable[..., Any], tensors: Sequence[torch.Tensor]) -> Any:
    """What the function returns; an error where it draws random numbers."""
    random = torch.random.get_rng_state()
    with torch.no_grad(), torch.autocast("cpu", enabled=False):
        results = function(*tensors)
        if not torch.equal(random, torch.random.get_rng_state()):
            # It may have been another thread that drew.
            with _RandomRefused():
                function(*tensors)
    return results


def _impure() -> RuntimeError:
    return RuntimeError(
        "the module changes its buffers when called, which JAX may do more or less often than "
        "written: call module.eval()"
    )


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
    if isinstance(function, Flat | Checked | Batched | Pushforward | Pullback):
        return _modules_of(function.function)
    if isinstance(function, functools.partial):
        return [module for part in (function.func, *function.args) for module in _modules_of(part)]
    return _modules_of(function.__self__) if hasattr(function, "__self__") else []


def _buffers_of(function: Any) -> list[torch.Tensor]:
    return [buffer for module in _modules_of(function) for buffer in module.buffers()]


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
