"""Floor 2. JAX function of arrays -> differentiable torch function of tensors."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from operator import attrgetter
from typing import Any
from weakref import WeakValueDictionary

import jax
import torch
from torch._dynamo import nonstrict_trace
from torch.utils._pytree import tree_map

from bridge._dlpack import needs_wide
from bridge._jax2torch.blocked import are_plain, block_gradient
from bridge._jax2torch.compiled import Program
from bridge._jax2torch.old_vmap import current_level, is_batched, unwrap, wrap
from bridge._jax2torch.operator import find
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
        for place, leaf in enumerate(leaves):
            if isinstance(leaf, torch.Tensor):
                tensors.append(block_gradient(leaf) if place in self._blocked else leaf)
                statics.append(None)
            else:
                statics.append(Static(leaf, "tensors", _REMEDY))
        outputs = _Structure()
        program = self._program(tree, tuple(statics), needs_wide(tensors))
        results = _call(program, outputs, tuple(tensors))
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


class _Structure:
    """Where the forward pass leaves the tree of its outputs."""

    tree: Any = None


def _build(
    function: Callable[..., Any], tree: Any, statics: tuple[Static | None, ...], wide: bool
) -> Program:
    def flat(*arrays: jax.Array) -> Any:
        moving = iter(arrays)
        leaves = [next(moving) if static is None else static.value for static in statics]
        args, kwargs = jax.tree.unflatten(tree, leaves)
        return function(*args, **kwargs)

    return Program(flat, wide=wide)


def _call(
    program: Program, outputs: _Structure, tensors: tuple[torch.Tensor, ...]
) -> tuple[torch.Tensor, ...]:
    """The program on tensors, with a node in torch's graph where something may need one."""
    if any(map(is_batched, tensors)):
        return _call_batched(program, outputs, tensors)
    if (torch.is_grad_enabled() and any(map(_requires_grad, tensors))) or not are_plain(tensors):
        node = _Node if torch._C._are_functorch_transforms_active() else _PlainNode
        return node.apply(program, outputs, *tensors)
    results, outputs.tree = program.run(tensors)
    return results


def _call_batched(
    program: Program, outputs: _Structure, tensors: tuple[torch.Tensor, ...]
) -> tuple[torch.Tensor, ...]:
    """The same under torch's old vmap."""
    level = current_level()
    batched = tuple(map(is_batched, tensors))
    axes = tuple(0 if flag else None for flag in batched)
    whole = tuple(
        unwrap(tensor, level) if flag else tensor
        for tensor, flag in zip(tensors, batched, strict=True)
    )
    return tuple(wrap(result, level) for result in _call(program.batched(axes), outputs, whole))


_requires_grad = attrgetter("requires_grad")


def _is_differentiable(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


class _Node(torch.autograd.Function):
    """A program in torch's graph. Its derivatives are nodes of the program's derivatives."""

    @staticmethod
    def forward(
        program: Program, outputs: _Structure, *tensors: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        results, outputs.tree = program.run(tensors)
        return results

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
        program, _, *tensors = inputs
        ctx.program = program
        ctx.differentiable = tuple(map(_is_differentiable, output))
        if not all(ctx.differentiable):
            ctx.mark_non_differentiable(*(out for out in output if not _is_differentiable(out)))
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        return (None, None, *_gradients(ctx, tuple(ctx.needs_input_grad[2:]), cotangents))

    @staticmethod
    def jvp(ctx: Any, *tangents: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        tensors = ctx.saved_tensors
        moving = tuple(tangent is not None for tangent in tangents[2:])
        program = ctx.program.pushforward(moving, ctx.differentiable)
        moved = _call(program, _Structure(), (*tensors, *_present(tangents[2:])))
        return tuple(_spread(moved, ctx.differentiable))

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[int | None, ...],
        program: Program,
        outputs: _Structure,
        *tensors: torch.Tensor,
    ) -> tuple[tuple[torch.Tensor, ...], tuple[int, ...]]:
        results = _call(program.batched(tuple(in_dims[2:])), outputs, tensors)
        return results, (0,) * len(results)


class _PlainNode(torch.autograd.Function):
    """The same outside of `torch.func`, where torch spends half as much on the call.

    If the output is one number its gradients come with it: one compiled call per training step.
    """

    @staticmethod
    def forward(
        ctx: Any, program: Program, outputs: _Structure, *tensors: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        wanted = tuple(ctx.needs_input_grad[2:])
        ctx.gradients = None
        results: tuple[torch.Tensor, ...]
        if any(wanted) and are_plain(tensors) and program.has_single_output(tensors):
            (result, *ctx.gradients), tree = program.with_gradients(wanted).run(tensors)
            results = (result,)
            outputs.tree = tree.children()[0]
        else:
            results = _Node.forward(program, outputs, *tensors)
        _Node.setup_context(ctx, (program, outputs, *tensors), results)
        return results

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        cotangent = cotangents[0]
        if ctx.gradients is None or cotangent is None:
            return _Node.backward(ctx, *cotangents)
        if torch.is_grad_enabled() or is_batched(cotangent):
            return _Node.backward(ctx, *cotangents)
        _ = ctx.saved_tensors  # raises if one was changed in place since
        scale = cotangent.reshape(())
        scaled = (gradient * scale for gradient in ctx.gradients)
        return (None, None, *_spread(scaled, tuple(ctx.needs_input_grad[2:])))

    jvp = _Node.jvp


def _save(ctx: Any, inputs: tuple[Any, ...], output: list[torch.Tensor]) -> None:
    name, _, tensors, _ = inputs
    _Node.setup_context(ctx, (find(name), None, *tensors), tuple(output))


def _pull_back(ctx: Any, cotangents: list[torch.Tensor | None]) -> tuple[Any, ...]:
    return None, None, _gradients(ctx, tuple(ctx.needs_input_grad[2]), cotangents), None


# What an exported graph trains by: the operator has the derivatives of the function.
torch.library.register_autograd("bridge::run", _pull_back, setup_context=_save)


def _gradients(
    ctx: Any, wanted: tuple[bool, ...], cotangents: Sequence[torch.Tensor | None]
) -> list[torch.Tensor | None]:
    """The gradients that are wanted, by the program's pullback."""
    tensors = ctx.saved_tensors
    given = tuple(cotangent is not None for cotangent in cotangents)
    if not any(given):
        return [None] * len(wanted)
    program = ctx.program.pullback(wanted, given)
    return _spread(_call(program, _Structure(), (*tensors, *_present(cotangents))), wanted)


def _present(tensors: Iterable[torch.Tensor | None]) -> list[torch.Tensor]:
    return [tensor for tensor in tensors if tensor is not None]


def _spread(tensors: Iterable[torch.Tensor], places: tuple[bool, ...]) -> list[torch.Tensor | None]:
    """The tensors at the marked places, None elsewhere."""
    rest = iter(tensors)
    return [next(rest) if place else None for place in places]
