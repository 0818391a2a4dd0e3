"""Floor 4. What devices send each other: all-to-alls of parts of their states."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Float, Int

from qjax._plan import Exchange

LocalState = Float[Array, "2 rows batch"]


def exchange(
    state: LocalState, how: Exchange, device: Int[Array, ""], axes: tuple[str, ...]
) -> LocalState:
    """The rows that each device holds afterwards, from those that it held.

    Args:
        state: of each device, rows as the exchange wants them.
        how: who sends what to whom.
        device: the number of this one along the axes.
        axes: of the mesh, along which states are cut.
    """
    return _all_to_all(_shifted(_parts(state, how), how, device), how, axes).reshape(state.shape)


def exchange_back(
    state: LocalState, how: Exchange, device: Int[Array, ""], axes: tuple[str, ...]
) -> LocalState:
    """The inverse, which is the transpose too."""
    parts = _all_to_all(_parts(state, how), how, axes)
    return _shifted(parts, how, device).reshape(state.shape)


def moved(values: Array, sources: Sequence[int], axes: tuple[str, ...]) -> Array:
    """What another device holds; `sources` has the number of it for each device."""
    pairs = [(source, device) for device, source in enumerate(sources)]
    if all(source == device for source, device in pairs):
        return values
    return lax.ppermute(values, axes, pairs)


def _parts(state: LocalState, how: Exchange) -> Float[Array, "2 parts rows batch"]:
    return state.reshape(2, 1 << how.num_bits, -1, state.shape[2])


def _shifted(parts: Array, how: Exchange, device: Array) -> Array:
    """Part k ^ shift in place k."""
    if not any(how.shifts):
        return parts
    shift = jnp.asarray(np.array(how.shifts, np.int32))[device]
    return jnp.take(parts, jnp.arange(1 << how.num_bits) ^ shift, axis=1, unique_indices=True)


def _all_to_all(parts: Array, how: Exchange, axes: tuple[str, ...]) -> Array:
    sent: Array = _all_to_all_p.bind(parts, groups=how.groups, axes=axes)
    return sent


def _sent(parts: Array, *, groups: tuple[tuple[int, ...], ...], axes: tuple[str, ...]) -> Array:
    lists = [list(group) for group in groups]
    return lax.all_to_all(parts, axes, 1, 1, axis_index_groups=lists, tiled=True)


def _mapped(arguments: Sequence[Array], mapped: Sequence[int], **how: Any) -> tuple[Array, int]:
    """What is mapped over is sent together."""
    (parts,), (axis,) = arguments, mapped
    moved = jnp.moveaxis(parts, axis, 2)
    together = moved.reshape(*moved.shape[:2], -1, moved.shape[-1])
    return _all_to_all_p.bind(together, **how).reshape(moved.shape), 2


# Part k of device j and part j of device k change places, in each group: the inverse, and the
# transpose, is the same again. A primitive of our own, since JAX does not map one with groups.
_all_to_all_p = Primitive("exchange_parts")
_all_to_all_p.def_abstract_eval(lambda parts, **_: parts)
mlir.register_lowering(_all_to_all_p, mlir.lower_fun(_sent, multiple_results=False))
ad.deflinear(_all_to_all_p, lambda cotangent, **how: [_all_to_all_p.bind(cotangent, **how)])
batching.primitive_batchers[_all_to_all_p] = _mapped
