"""Floor 2. Flat JAX function -> its pullback, pushforward and batched function, flat as well.

A flat function takes arrays and returns a pytree of arrays. Its derivatives are flat functions
again, so that they have derivatives in turn: that is how second and third order come about.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress
from typing import Any

import jax
import jax.numpy as jnp

FlatFunction = Callable[..., Any]


def pullback(
    function: FlatFunction, wanted: tuple[bool, ...], given: tuple[bool, ...]
) -> FlatFunction:
    """The map (inputs, cotangents) -> gradients, in torch's convention for complex numbers.

    `wanted` marks the inputs to differentiate, `given` the outputs that have a cotangent.
    With L real and z = x + iy, torch's gradient is dL/dx + i dL/dy and JAX's is the conjugate,
    on the way in as on the way out.
    """
    count = len(wanted)

    def gradients(*arrays: jax.Array) -> list[jax.Array]:
        outputs = _restrict(function, arrays[:count], wanted, given)
        _, transpose = jax.vjp(outputs, *compress(arrays, wanted))
        cotangents = [_conjugate(cotangent) for cotangent in arrays[count:]]
        return [_conjugate(gradient) for gradient in transpose(cotangents)]

    return gradients


def with_gradients(function: FlatFunction, wanted: tuple[bool, ...]) -> FlatFunction:
    """The map inputs -> (outputs, gradients), for a function whose one output is one real number.

    The gradients are those of `pullback` for a cotangent of 1.
    """

    def values_and_gradients(*arrays: jax.Array) -> tuple[Any, list[jax.Array]]:
        def restricted(*moving: jax.Array) -> tuple[jax.Array, Any]:
            outputs = _restrict_inputs(function, arrays, moving, wanted)
            return jax.tree.leaves(outputs)[0], outputs

        value, transpose, outputs = jax.vjp(restricted, *compress(arrays, wanted), has_aux=True)
        gradients = transpose(jnp.ones_like(value))
        return outputs, [_conjugate(gradient) for gradient in gradients]

    return values_and_gradients


def pushforward(
    function: FlatFunction, moving: tuple[bool, ...], given: tuple[bool, ...]
) -> FlatFunction:
    """The map (inputs, tangents) -> tangents of the outputs marked in `given`.

    `moving` marks the inputs that have a tangent.
    """
    count = len(moving)

    def tangents(*arrays: jax.Array) -> list[jax.Array]:
        outputs = _restrict(function, arrays[:count], moving, given)
        _, moved = jax.jvp(outputs, tuple(compress(arrays, moving)), arrays[count:])
        return moved

    return tangents


def batched(function: FlatFunction, axes: tuple[int | None, ...]) -> FlatFunction:
    """The function over a batch: `axes` are the inputs' batch axes, the outputs' is 0."""
    return jax.vmap(function, in_axes=axes, out_axes=0)


def _restrict(
    function: FlatFunction,
    primals: Sequence[jax.Array],
    moving: tuple[bool, ...],
    given: tuple[bool, ...],
) -> FlatFunction:
    """The outputs marked in `given` as a function of the inputs marked in `moving`."""

    def outputs(*arrays: jax.Array) -> list[jax.Array]:
        leaves = jax.tree.leaves(_restrict_inputs(function, primals, arrays, moving))
        return list(compress(leaves, given))

    return outputs


def _restrict_inputs(
    function: FlatFunction,
    primals: Sequence[jax.Array],
    arrays: Sequence[jax.Array],
    moving: tuple[bool, ...],
) -> Any:
    """The function with `arrays` for the inputs marked in `moving`, `primals` for the others."""
    moved = iter(arrays)
    return function(
        *(next(moved) if moves else primal for moves, primal in zip(moving, primals, strict=True))
    )


def _conjugate(array: jax.Array) -> jax.Array:
    return jnp.conj(array) if jnp.iscomplexobj(array) else array
