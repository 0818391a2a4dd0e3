"""Floor 2. Flat JAX function -> one compiled for tensors, and its derivatives, compiled once."""

from __future__ import annotations

import contextlib
from typing import Any

import jax
import jax.numpy as jnp
import torch
from jax.tree_util import tree_flatten

from bridge._dlpack import adopt, borrow, jax_dtype, torch_dtype
from bridge._jax2torch.derivative import (
    FlatFunction,
    batched,
    pullback,
    pushforward,
    with_gradients,
)
from bridge._jax2torch.operator import is_recording, record
from bridge._jax2torch.shapes import Shape, infer_shapes
from bridge._process import check_process


class Program:
    """A flat JAX function compiled for tensors; derivatives are programs, made on demand.

    `wide` says that it runs with JAX's 64-bit mode on. It is part of the program because the
    backward pass has to agree with the forward pass, and torch may run it on another thread.
    """

    def __init__(self, function: FlatFunction, *, wide: bool) -> None:
        self._compiled = jax.jit(function)
        self._wide = wide
        self._single: dict[tuple[Any, ...], bool] = {}
        self._derived: dict[tuple[Any, ...], Program] = {}
        self._cpu = None if jax.default_backend() == "cpu" else jax.devices("cpu")[0]

    def run(self, tensors: tuple[torch.Tensor, ...]) -> tuple[tuple[torch.Tensor, ...], Any]:
        """The outputs' leaves, computed (or recorded, where torch records), and their tree.

        Raises:
            RuntimeError: in a forked process, or under `torch.jit.trace`.
        """
        check_process()
        if is_recording():
            return self._record(tensors)
        _check_not_traced()
        with jax.enable_x64(self._wide), self._placement(tensors):
            outputs = self._compiled(*borrow(tensors))
        arrays, tree = tree_flatten(outputs)
        return tuple(adopt(arrays, tensors)), tree

    def has_single_output(self, tensors: tuple[torch.Tensor, ...]) -> bool:
        """Whether the outputs for tensors of these shapes are one real number; raises as `run`."""
        check_process()
        shapes = [tuple(tensor.shape) for tensor in tensors]
        if is_recording() and any(
            isinstance(size, torch.SymInt) for shape in shapes for size in shape
        ):
            return False
        key = tuple((shape, tensor.dtype) for shape, tensor in zip(shapes, tensors, strict=True))
        single = self._single.get(key)
        if single is None:
            leaves = jax.tree.leaves(self._outline(tensors, shapes))
            single = len(leaves) == 1 and leaves[0].size == 1
            single = single and jnp.issubdtype(leaves[0].dtype, jnp.floating)
            self._single[key] = single
        return single

    def with_gradients(self, wanted: tuple[bool, ...]) -> Program:
        return self._derive(with_gradients, wanted)

    def pullback(self, wanted: tuple[bool, ...], given: tuple[bool, ...]) -> Program:
        return self._derive(pullback, wanted, given)

    def pushforward(self, moving: tuple[bool, ...], given: tuple[bool, ...]) -> Program:
        return self._derive(pushforward, moving, given)

    def batched(self, axes: tuple[int | None, ...]) -> Program:
        return self._derive(batched, axes)

    def _derive(self, rule: Any, *options: Any) -> Program:
        key = (rule, *options)
        derived = self._derived.get(key)
        if derived is None:
            derived = Program(rule(self._compiled, *options), wide=self._wide)
            derived = self._derived.setdefault(key, derived)
        return derived

    def _record(self, tensors: tuple[torch.Tensor, ...]) -> tuple[tuple[torch.Tensor, ...], Any]:
        def evaluate(shapes: list[Shape]) -> tuple[list[Shape], Any]:
            leaves, tree = tree_flatten(self._outline(tensors, shapes))
            return [leaf.shape for leaf in leaves], (tree, [leaf.dtype for leaf in leaves])

        shapes, (tree, dtypes) = infer_shapes(evaluate, [tuple(tensor.shape) for tensor in tensors])
        return record(self, tensors, shapes, list(map(torch_dtype, dtypes))), tree

    def _outline(self, tensors: tuple[torch.Tensor, ...], shapes: list[Shape]) -> Any:
        """The outputs' tree with shapes and dtypes, for inputs like the tensors in these shapes."""
        with jax.enable_x64(self._wide):
            return self._compiled.eval_shape(
                *(
                    jax.ShapeDtypeStruct(shape, jax_dtype(tensor.dtype))
                    for shape, tensor in zip(shapes, tensors, strict=True)
                )
            )

    def _placement(self, tensors: tuple[torch.Tensor, ...]) -> Any:
        """CPU tensors travel as NumPy views, which JAX would send to its default device."""
        if self._cpu is None or not tensors or not tensors[0].is_cpu:
            return contextlib.nullcontext()
        return jax.default_device(self._cpu)


def _check_not_traced() -> None:
    """A trace would take the results for constants, and replay those for other inputs."""
    if torch.jit.is_tracing():
        raise RuntimeError("torch.jit.trace can't record a JAX function: use torch.export.export")
