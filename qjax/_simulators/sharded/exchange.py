"""Floor 4. What devices send each other: all-to-alls of parts of their states.

A row goes to the device of its group that parities of its place tell, and takes the place where
the bits that were sent are those of the device that it comes from. So every piece of a state, of
rows that differ at nothing but those bits, is exchanged by itself, and a large state in place.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Bool, Float, Int

from qjax._base import tuning
from qjax._base.linear_map import linear_map
from qjax._plan import Exchange

LocalState = Float[Array, "ahead rows behind"]
"""Of a device: `(2, rows, batch)`; or tiles, with some rows side by side behind others."""


class Way(NamedTuple):
    """How states are exchanged.

    Attributes:
        how: who sends what to whom.
        axes: of the mesh, along which states are cut, in its order.
        numbers: for each part of a state, the number of its device along these axes.
        lanes: how many rows lie side by side behind others; a power of two, and none of the bits
            that are sent tells them apart.
    """

    how: Exchange
    axes: tuple[str, ...]
    numbers: tuple[int, ...]
    lanes: int = 1

    @property
    def lane_bits(self) -> int:
        """How many bits of a row tell those apart that lie side by side."""
        return self.lanes.bit_length() - 1

    @property
    def fits(self) -> bool:
        """Whether none of these bits is sent."""
        return self.how.sent[0].bit >= self.lane_bits


def exchange(state: LocalState, way: Way, device: Int[Array, ""]) -> LocalState:
    """The rows that each device holds afterwards, from those that it held.

    Args:
        state: of each device.
        way: how.
        device: the number of this one along the axes.
    """
    forth, back = (partial(_exchanged, way, back) for back in (False, True))
    changed: LocalState = linear_map(forth, back, device, state, like=state)
    return changed


def exchange_back(state: LocalState, way: Way, device: Int[Array, ""]) -> LocalState:
    """The inverse, which is the transpose too."""
    return _exchanged(way, True, device, state)


def moved(
    values: Array, sources: Sequence[int], axes: tuple[str, ...], numbers: Sequence[int]
) -> Array:
    """What another device holds; `sources` has the number of it for each device.

    Args:
        values: of each device.
        sources: for each part of a state.
        axes: as in `Way`.
        numbers: as in `Way`.
    """
    pairs = [(numbers[source], numbers[device]) for device, source in enumerate(sources)]
    if all(source == device for source, device in pairs):
        return values
    return lax.ppermute(values, axes, pairs)


class _Axes(NamedTuple):
    """Rows, cut into axes: bits that stay, in runs, with those that are sent between them.

    Attributes:
        way: how states are exchanged.
        widths: how many bits each run has, from above the highest bit that is sent to below the
            lowest.
        offsets: the lowest bit of each run.
    """

    way: Way
    widths: tuple[int, ...]
    offsets: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of rows: runs and sent bits by turns."""
        return tuple(size for width in self.widths for size in (1 << width, 2))[:-1]

    @property
    def cut(self) -> int:
        """The longest run: pieces are parts of it."""
        return int(np.argmax(self.widths))


def _axes_of(way: Way, num_bits: int) -> _Axes:
    bits = [bit for bit, _ in reversed(way.how.sent)]
    above, below = [num_bits, *bits], [*bits, way.lane_bits - 1]
    widths = tuple(high - low - 1 for high, low in zip(above, below, strict=True))
    return _Axes(way, widths, tuple(low + 1 for low in below))


def _exchanged(way: Way, back: bool, device: Array, state: LocalState) -> LocalState:
    """All of a state; in place, piece by piece, where it is large."""
    how = way.how
    cuts = _axes_of(way, state.shape[1].bit_length() - 1 + way.lane_bits)
    shift = jnp.asarray(np.array(how.shifts, np.int32))[device]
    length = 1 << cuts.widths[cuts.cut]
    pieces = min(length, max(1, state.nbytes // tuning.EXCHANGED_BYTES))
    size, axis = length // pieces, 1 + 2 * cuts.cut

    def of_piece(start: Array | int, piece: Array) -> Array:
        sizes = size, piece.shape[-1]
        odd = [_odd(cuts, k, start, sizes, shift) for k in range(how.num_bits)]
        if back:
            return _turned(_swapped(piece, way), odd)
        return _swapped(_turned(piece, odd), way)

    def step(number: Array, split: Array) -> Array:
        start = number * size
        piece = lax.dynamic_slice_in_dim(split, start, size, axis)
        return lax.dynamic_update_slice_in_dim(split, of_piece(start, piece), start, axis)

    split = state.reshape(len(state), *cuts.shape, state.shape[2])
    done = of_piece(0, split) if pieces == 1 else lax.fori_loop(0, pieces, step, split)
    return done.reshape(state.shape)


def _odd(
    cuts: _Axes, k: int, start: Array | int, sizes: tuple[int, int], shift: Array
) -> Bool[Array, "..."] | None:
    """Where the k-th bit that tells the device is not the one that is sent; None: nowhere."""
    bit, mask = cuts.way.how.sent[k]
    others = mask ^ 1 << bit
    if not others and not any(shift >> k & 1 for shift in cuts.way.how.shifts):
        return None
    size, behind = sizes
    # (mask, numbers, axis) of the runs, and of the rows that lie side by side.
    runs = [(others & cuts.way.lanes - 1, jnp.arange(behind) % cuts.way.lanes, -1)]
    for run, (width, offset) in enumerate(zip(cuts.widths, cuts.offsets, strict=True)):
        numbers = start + jnp.arange(size) if run == cuts.cut else jnp.arange(1 << width)
        runs.append((others >> offset & (1 << width) - 1, numbers, 1 + 2 * run))
    odd = shift >> k & 1
    for own, numbers, axis in runs:
        if own:
            shape = [1] * (2 * len(cuts.widths) + 1)
            shape[axis] = len(numbers)
            parities = lax.population_count(numbers.astype(jnp.int32) & own)
            odd = odd ^ parities.reshape(shape) & 1
    return odd == 1


def _turned(piece: Array, odd: Sequence[Array | None]) -> Array:
    """Each bit that is sent, flipped where it is odd."""
    for k, where in enumerate(odd):
        if where is not None:
            axis = 2 * (len(odd) - k)
            piece = jnp.where(where, jnp.flip(piece, axis), piece)
    return piece


def _swapped(piece: Array, way: Way) -> Array:
    """The bits that are sent first, as numbers of the devices that they go to, and back again."""
    count = way.how.num_bits
    sent = range(2, 2 * count + 1, 2)
    order = (0, *sent, *(axis for axis in range(1, piece.ndim) if axis not in sent))
    ahead = piece.transpose(order)
    parts = ahead.reshape(len(piece), 1 << count, -1, piece.shape[-1])
    groups = tuple(tuple(way.numbers[device] for device in group) for group in way.how.groups)
    changed: Array = _all_to_all_p.bind(parts, groups=groups, axes=way.axes)
    return changed.reshape(ahead.shape).transpose(np.argsort(order).tolist())


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
