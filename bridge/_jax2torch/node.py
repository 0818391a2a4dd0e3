"""Floor 2. A compiled function -> a node of torch's graph, with its derivatives as further ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

import torch

from bridge._jax2torch.blocked import are_plain
from bridge._jax2torch.compiled import Program
from bridge._jax2torch.old_vmap import current_level, is_batched, unwrap, wrap
from bridge._jax2torch.operator import find


class Structure:
    """Where the forward pass leaves the tree of its outputs."""

    tree: Any = None


def call(
    program: Program, outputs: Structure, tensors: tuple[torch.Tensor, ...]
) -> tuple[torch.Tensor, ...]:
    """A program on tensors, with a node in torch's graph where something may need one."""
    if any(map(is_batched, tensors)):
        return _call_batched(program, outputs, tensors)
    if (torch.is_grad_enabled() and any(map(_requires_grad, tensors))) or not are_plain(tensors):
        node = _Node if torch._C._are_functorch_transforms_active() else _PlainNode
        return node.apply(program, outputs, *tensors)
    results, outputs.tree = program.run(tensors)
    return results


def _call_batched(
    program: Program, outputs: Structure, tensors: tuple[torch.Tensor, ...]
) -> tuple[torch.Tensor, ...]:
    """A program on tensors of which some are batched by torch's old vmap."""
    level = current_level()
    batched = tuple(map(is_batched, tensors))
    axes = tuple(0 if flag else None for flag in batched)
    whole = tuple(
        unwrap(tensor, level) if flag else tensor
        for tensor, flag in zip(tensors, batched, strict=True)
    )
    return tuple(wrap(result, level) for result in call(program.batched(axes), outputs, whole))


_requires_grad = attrgetter("requires_grad")


def _is_differentiable(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


class _Node(torch.autograd.Function):
    """A program in torch's graph. Its derivatives are nodes of the program's derivatives."""

    @staticmethod
    def forward(
        program: Program, outputs: Structure, *tensors: torch.Tensor
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
        moved = call(program, Structure(), (*tensors, *_present(tangents[2:])))
        return tuple(_spread(moved, ctx.differentiable))

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[int | None, ...],
        program: Program,
        outputs: Structure,
        *tensors: torch.Tensor,
    ) -> tuple[tuple[torch.Tensor, ...], tuple[int, ...]]:
        results = call(program.batched(tuple(in_dims[2:])), outputs, tensors)
        return results, (0,) * len(results)


class _PlainNode(torch.autograd.Function):
    """A program in torch's graph outside of `torch.func`: torch spends half as much on the call.

    If the output is one number its gradients come with it: one compiled call per training step.
    """

    @staticmethod
    def forward(
        ctx: Any, program: Program, outputs: Structure, *tensors: torch.Tensor
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
    return _spread(call(program, Structure(), (*tensors, *_present(cotangents))), wanted)


def _present(tensors: Iterable[torch.Tensor | None]) -> list[torch.Tensor]:
    return [tensor for tensor in tensors if tensor is not None]


def _spread(tensors: Iterable[torch.Tensor], marks: tuple[bool, ...]) -> list[torch.Tensor | None]:
    """The tensors at the marked places, None elsewhere."""
    rest = iter(tensors)
    return [next(rest) if is_marked else None for is_marked in marks]
