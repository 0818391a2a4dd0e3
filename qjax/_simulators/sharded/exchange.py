"""Floor 4. What devices send each other: all-to-alls of parts of their states."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
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
    groups = [list(group) for group in how.groups]
    return lax.all_to_all(parts, axes, 1, 1, axis_index_groups=groups, tiled=True)
