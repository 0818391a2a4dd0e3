"""Floor 10. Points, on one device or on many -> their Gram matrix.

Each device simulates the points that it has. Where rows and columns lie along different axes of a
mesh, it has what its part of the matrix needs. Where they lie along the same, the features of the
columns go from device to device in a ring: none holds more than two parts of them at once.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.sharding import PartitionSpec
from jaxtyping import Float

from qjax._base import tuning
from qjax._base.mesh import numbers_in_order, on_mesh
from qjax._base.placement import Placement, explicit_placement_of
from qjax._base.store import kept
from qjax._engine import is_sharded
from qjax.kernels._features import Features
from qjax.kernels._gram import Settings, block_of, fit_together, matrix_of, mirrored, symmetric


@kept(tuning.DERIVATIVES_BYTES)
def compiled_matrix(
    features: Features, rows: Placement | None = None, columns: Placement | None = None
) -> Callable[..., Float[Array, "left right"]]:
    """(x, y or None, weights, settings) -> the matrix of all pairs.

    Args:
        features: what is compared.
        rows: how x lies on a mesh, where its axes are automatic, which types do not say.
        columns: the same of y.
    """

    def run(x: Array, y: Array | None, weights: Array, settings: Settings) -> Array:
        left = rows or explicit_placement_of(x)
        right = None if y is None else columns or explicit_placement_of(y)
        if _places_itself(features) or _is_drawn(settings) or not (left or right):
            return _whole(features, x, y, weights, settings)
        return _spread(features, (x, y, weights, settings), left, right)

    return jax.jit(run)


def _places_itself(features: Features) -> bool:
    """Whether it is the simulator that says what lies where."""
    model = getattr(features, "model", None)  # drawn features have none
    return model is not None and is_sharded(model)


def _is_drawn(settings: Settings) -> bool:
    """Whether there is a key: draws depend on how many points there are."""
    return not all(jnp.issubdtype(setting.dtype, jnp.floating) for setting in settings)


def _whole(
    features: Features, x: Array, y: Array | None, weights: Array, settings: Settings
) -> Float[Array, "left right"]:
    def whole(x: Array, weights: Array, *others: Array) -> Array:
        second = None if y is None else others[0]
        return matrix_of(features, x, second, weights, others[len(others) - len(settings) :])

    return on_mesh(whole, x, weights, *(() if y is None else (y,)), *settings)


def _spread(
    features: Features,
    given: tuple[Array, Array | None, Array, Settings],
    left: Placement | None,
    right: Placement | None,
) -> Float[Array, "left right"]:
    """Of rows that lie along axes of a mesh, or columns, or both."""
    x, y, weights, settings = given
    mesh = next(p.mesh for p in (left, right) if p is not None)
    names_x, names_y = (() if p is None else p.names for p in (left, right))
    along_x, along_y, every = (PartitionSpec(*names) for names in ([names_x], [names_y], []))
    run: Callable[..., Array]
    if y is not None and not set(names_x) & set(names_y):
        run = partial(matrix_of, features)
        result = PartitionSpec(names_x or None, names_y or None)
    elif y is None or names_x == names_y:
        run, result = partial(_ring, features, names_x, numbers_in_order(mesh, names_x)), along_x
    else:
        return _whole(features, x, y, weights, settings)
    specs = along_x, along_y, every, every
    values: Array = jax.shard_map(run, mesh=mesh, in_specs=specs, out_specs=result)(*given)
    if y is not None:
        return values
    complete = symmetric if features.is_exact else mirrored
    mirrored_values: Array = on_mesh(complete, values, result=(names_x, None))
    return mirrored_values


def _ring(
    features: Features,
    names: tuple[str, ...],
    in_order: tuple[tuple[str, ...], tuple[int, ...]],
    x: Array,
    y: Array | None,
    weights: Array,
    settings: Settings,
) -> Float[Array, "left right"]:
    """A device's rows of the matrix: one part of the columns after the other comes by."""
    ordered, numbers = in_order
    parts = len(numbers)
    onwards = [(numbers[part], numbers[(part + 1) % parts]) for part in range(parts)]
    points = x if y is None else y
    first: Any = points
    if fit := fit_together(features, x, points):
        left = x, features.of_points(x, weights)
        first = left if y is None else (y, features.of_points(y, weights))

    def turn(part: Any, _: None) -> tuple[Any, Array]:
        values = (
            block_of(features, left, part, settings)
            if fit
            else matrix_of(features, x, part, weights, settings)
        )
        return jax.tree.map(lambda leaf: lax.ppermute(leaf, ordered, onwards), part), values

    _, blocks = lax.scan(turn, first, length=parts)
    # Part j came by after as many turns as it is devices away.
    turns = (lax.axis_index(names) - jnp.arange(parts, dtype=np.int32)) % parts
    return blocks[turns].transpose(1, 0, 2).reshape(len(x), parts * len(points))
