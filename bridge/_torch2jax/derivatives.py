"""Floor 2. Flat torch function -> its derivatives and batched function, flat as well.

The mirror image of `bridge._jax2torch.derivative`. A flat function takes tensors and returns a
tuple of tensors; what it is made of decides whether two are equal, so that JAX compiles equal ones
once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import compress
from typing import Any

import jax
import jax.numpy as jnp
import torch

from bridge._static import Static

Tensors = tuple[torch.Tensor, ...]
Layouts = tuple[jax.ShapeDtypeStruct, ...]


@dataclass(frozen=True)
class Flat:
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
class Checked:
    """A flat function that returns the leaves of what it returned when it was traced."""

    function: Flat
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
class Batched:
    """A flat function over a batch: `axes` are the inputs' batch axes, the outputs' is 0."""

    function: Callable[..., Tensors]
    axes: tuple[int | None, ...]

    def __call__(self, *tensors: torch.Tensor) -> Tensors:
        return torch.func.vmap(self.function, in_dims=self.axes)(*tensors)


@dataclass(frozen=True)
class Pushforward:
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
class Pullback:
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
class Typed:
    """A flat function with the layouts of its outputs."""

    function: Callable[..., Tensors]
    outputs: Layouts

    def batched(self, axes: tuple[int | None, ...], size: int) -> Typed:
        outputs = tuple(
            jax.ShapeDtypeStruct((size, *output.shape), output.dtype) for output in self.outputs
        )
        return Typed(Batched(self.function, axes), outputs)


def is_inexact(layout: Any) -> bool:
    """Whether numbers of this layout have derivatives."""
    return jnp.issubdtype(layout.dtype, jnp.inexact)
