"""Floor 7. Where to evaluate a function around a point, and how its derivative follows.

The derivative along d is the sum over the stencil's points of (weights . d) times the value there.
"""

from functools import partial
from math import prod
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, UInt32

from qjax._remote.network import Flags, Point, Remote, shift_tables
from qjax.gradients import SPSA


class Stencil(NamedTuple):
    """Points around a point, with `points` as a leading axis; a weight for each of their numbers.

    Attributes:
        points: group by group `(points, *lead, numbers)`.
        weights: the same, or with 1 for the axes `lead`.
    """

    points: Point
    weights: Point


def stencil_size(remote: Remote, moving: Flags) -> int:
    """How many points the stencil has."""
    if isinstance(remote.rule, SPSA):
        return 2 * remote.rule.batch_size
    return len(shift_tables(remote, moving)[0][0])


@partial(jax.jit, static_argnums=(0, 2))
def stencil(remote: Remote, point: Point, moving: Flags) -> Stencil:
    """The stencil of a point, for derivatives in the groups that move."""
    if isinstance(remote.rule, SPSA):
        return _simultaneous(remote.rule, point, moving)
    shifts, coefficients = (
        tuple(map(_with_lead, tables, point)) for tables in shift_tables(remote, moving)
    )
    return Stencil(
        tuple(group[None] + shift for group, shift in zip(point, shifts, strict=True)),
        coefficients,
    )


@jax.jit
def slope(
    around: Stencil, moves: Point, values: Float[Array, "points *lead outputs"]
) -> Float[Array, "*lead outputs"]:
    """The derivative along d, from the values at the stencil's points."""
    terms = [
        jnp.sum(weight * move[None], axis=-1)
        for weight, move in zip(around.weights, moves, strict=True)
    ]
    shape = np.broadcast_shapes(*(term.shape for term in terms))
    along = jnp.sum(jnp.stack([jnp.broadcast_to(term, shape) for term in terms]), axis=0)
    return jnp.sum(along[..., None] * values, axis=0)


def _with_lead(table: np.ndarray, group: Array) -> Array:
    ones = (1 for _ in group.shape[:-1])
    return jnp.asarray(table.astype(group.dtype)).reshape(len(table), *ones, table.shape[1])


def _simultaneous(rule: SPSA, point: Point, moving: Flags) -> Stencil:
    """Spall's stencil: every number moved by plus or minus epsilon at once, and the opposite."""
    directions = [
        group if moves else jnp.zeros_like(group)
        for group, moves in zip(_directions(rule, point), moving, strict=True)
    ]
    steps = [jnp.concatenate([group, -group]) for group in directions]
    scale = 1 / (2 * rule.epsilon * rule.batch_size)
    return Stencil(
        tuple(group[None] + rule.epsilon * step for group, step in zip(point, steps, strict=True)),
        tuple(scale * step for step in steps),
    )


def _directions(rule: SPSA, point: Point) -> Point:
    """Random signs, +1 and -1, `(batch_size, *lead, numbers)` for each group."""
    lead = np.broadcast_shapes(*(group.shape[:-1] for group in point))
    words = _word(
        jnp.concatenate([jnp.broadcast_to(b, (*lead, b.shape[-1])) for b in map(_bits, point)], -1)
    )
    sizes = [group.shape[-1] for group in point]
    start = jax.random.key(np.uint32(rule.seed))

    def draw(word: Array) -> Array:
        key = jax.random.fold_in(start, word)
        return jax.random.rademacher(key, (rule.batch_size, sum(sizes)), point[0].dtype)

    drawn = jax.vmap(draw, out_axes=1)(words.reshape(prod(lead)))
    drawn = drawn.reshape(rule.batch_size, *lead, sum(sizes))
    return tuple(jnp.split(drawn, np.cumsum(sizes)[:-1].tolist(), axis=-1))


def _bits(numbers: Float[Array, "*lead numbers"]) -> UInt32[Array, "*lead words"]:
    words = lax.bitcast_convert_type(lax.stop_gradient(numbers), jnp.uint32)
    return words.reshape(*numbers.shape[:-1], -1)


def _word(bits: UInt32[Array, "*lead words"]) -> UInt32[Array, "*lead"]:
    """One word that changes with each bit: a sum modulo 2**32 with odd factors."""
    factors = np.random.default_rng(0).integers(0, 2**31, bits.shape[-1]) * 2 + 1
    spread = jnp.asarray(factors.astype(np.uint32)).reshape(*(1 for _ in bits.shape[:-1]), -1)
    return jnp.sum(bits * spread, axis=-1, dtype=jnp.uint32)
