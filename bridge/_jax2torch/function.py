"""Floor 2. JAX function of arrays -> differentiable torch function of tensors."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from itertools import count
from typing import Any
from weakref import WeakValueDictionary

import jax
import torch
from torch._dynamo import nonstrict_trace
from torch.utils._pytree import tree_map

from bridge._dlpack import needs_wide
from bridge._jax2torch.blocked import block_gradient
from bridge._jax2torch.compiled import Program
from bridge._jax2torch.node import Structure, call
from bridge._process import check_process
from bridge._static import Static

CACHED_PROGRAMS = 256

_REMEDY = "make arrays tensors (torch.from_numpy, bridge.to_torch)"


def jax2torch(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A pure JAX function as a torch function, differentiable by torch.

    Args:
        fn: a pure, traceable function of arrays or pytrees of arrays to an array or a pytree.

    Returns:
        A function with the same arguments that takes tensors where `fn` takes arrays and returns
        tensors where it returns arrays. Other arguments (numbers, strings, functions) are static:
        they must be hashable, and each new value compiles anew; what changes from call to call
        should be a tensor. Reverse mode, double backward, forward mode and `torch.func` transforms
        work in any nesting. Gradients of complex values follow torch's convention.

    Precision: computes in the tensors' dtypes. As soon as one tensor is 64 bits wide the call runs
    in JAX's 64-bit mode, on this thread only; the global flag is neither needed nor changed.

    Compiles once for each structure, shapes and dtypes; each derivative likewise when first used.
    The backward pass computes the forward pass anew rather than keep JAX's intermediate values
    (where the output is one number, its gradients are computed with it), and only the gradients
    that torch asks for.

    `torch.compile(fullgraph=True)`, `torch.export` and `make_fx` record a call as one operator,
    with the backward pass as another; what is recorded stays in memory. There, static arguments
    are numbers and strings, and outputs are trees of dicts, lists and tuples. `torch.export` works
    with `strict=False`, its default.

    Raises:
        TypeError: `fn` is not callable; an argument is neither a tensor nor hashable; a dtype or
            layout that JAX lacks.
        ValueError: tensors on several devices, or on one that JAX can't use.
        RuntimeError: in a process forked after JAX ran; under `torch.jit.trace`.
    """
    if not callable(fn):
        raise TypeError(f"jax2torch takes a function, got {type(fn).__name__}")
    return TorchFunction(fn)


class TorchFunction:
    """What `jax2torch` returns. Pickles and copies as its function; programs are made anew.

    `blocked` are the places of tensors, among all leaves, that no gradient goes back to.
    """

    def __init__(self, function: Callable[..., Any], blocked: tuple[int, ...] = ()) -> None:
        functools.update_wrapper(self, function, updated=())
        self._function = function
        self._blocked = blocked
        self._name = f"{os.getpid()}-{next(_numbers)}"
        _functions[self._name] = self
        self._program = functools.lru_cache(CACHED_PROGRAMS)(functools.partial(_build, function))

    def __reduce__(self) -> tuple[Any, ...]:
        return TorchFunction, (self._function, self._blocked)

    def __deepcopy__(self, memo: Any) -> TorchFunction:
        """Itself, like any function."""
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if torch.compiler.is_compiling():
            hidden = _recorded_call(self._name, *tree_map(_hide_none, (args, kwargs)))
            return tree_map(_tensor_or_none, hidden)
        return self._call(*args, **kwargs)

    def _call(self, *args: Any, **kwargs: Any) -> Any:
        check_process()
        leaves, tree = jax.tree.flatten((args, kwargs))
        tensors: list[torch.Tensor] = []
        statics: list[Static | None] = []
        for position, leaf in enumerate(leaves):
            if isinstance(leaf, torch.Tensor):
                tensors.append(block_gradient(leaf) if position in self._blocked else leaf)
                statics.append(None)
            else:
                statics.append(Static(leaf, "tensors", _REMEDY))
        outputs = Structure()
        program = self._program(tree, tuple(statics), needs_wide(tensors))
        results = call(program, outputs, tuple(tensors))
        return jax.tree.unflatten(outputs.tree, results)


_numbers = count()
_functions: WeakValueDictionary[str, TorchFunction] = WeakValueDictionary()
_NONE = "bridge: None"


def _hide_none(leaf: Any) -> Any:
    return _NONE if leaf is None else leaf


def _show_none(leaf: Any) -> Any:
    return None if isinstance(leaf, str) and leaf == _NONE else leaf


@nonstrict_trace
def _recorded_call(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The call under `torch.compile`, which looks no further than here.

    The function comes by name: that is what makes torch record anew for another function. None is
    no leaf that torch can record.
    """
    return _call_by_name(name, args, kwargs)


@torch.compiler.disable  # for where torch can't record the arguments, and runs the call instead
def _call_by_name(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    args, kwargs = tree_map(_show_none, (args, kwargs))
    return tree_map(_number_none, _functions[name]._call(*args, **kwargs))


def _number_none(leaf: Any) -> Any:
    return 0 if leaf is None else leaf


def _tensor_or_none(leaf: Any) -> Any:
    return leaf if isinstance(leaf, torch.Tensor) else None


def _build(
    function: Callable[..., Any], tree: Any, statics: tuple[Static | None, ...], wide: bool
) -> Program:
    def flat(*arrays: jax.Array) -> Any:
        moving = iter(arrays)
        leaves = [next(moving) if static is None else static.value for static in statics]
        args, kwargs = jax.tree.unflatten(tree, leaves)
        return function(*args, **kwargs)

    return Program(flat, wide=wide)
