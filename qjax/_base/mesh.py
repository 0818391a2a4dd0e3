"""Floor 0. Arrays on a mesh of devices -> arrays that can be computed with together.

JAX types an array by how it lies on a mesh: by its sharding along explicit axes, and by whether it
varies along manual ones, which are those of `shard_map`. A simulation is one computation for all
that it gets: inside, explicit axes are the compiler's, and what varies in part varies as a whole.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.core import ShapedArray, Tracer
from jax.sharding import (
    AbstractMesh,
    ManualAxisType,
    Mesh,
    NamedSharding,
    PartitionSpec,
    SingleDeviceSharding,
)

# What lies along an axis of an array: nothing, or an axis of the mesh, or several.
Placed = None | str | tuple[str, ...]


def alike(tree: Any) -> Any:
    """The same arrays, each varying along all manual axes that any of them varies along."""
    if not jax.sharding.get_abstract_mesh().manual_axes:
        return tree
    leaves, structure = jax.tree.flatten(tree)
    axes = _varying(map(jax.typeof, leaves))
    if not axes:
        return tree
    return jax.tree.unflatten(structure, [made_varying(leaf, axes) for leaf in leaves])


def zeros_of(type_: jax.ShapeDtypeStruct, shape: tuple[int, ...]) -> Array:
    """Zeros that vary like what `jax.eval_shape` says, for the start of a loop that fills them."""
    zeros, kind = jnp.zeros(shape, type_.dtype), type_.manual_axis_type
    return zeros if kind is None else made_varying(zeros, kind.varying)


def made_varying(array: Array, axes: frozenset[str]) -> Array:
    """An array of each device along these manual axes: cotangents of it are not added up."""
    missing = tuple(sorted(axes - jax.typeof(array).manual_axis_type.varying))
    return lax.pcast(array, missing, to="varying") if missing else array


def _varying(types: Iterable[ShapedArray]) -> frozenset[str]:
    return frozenset().union(*(array_type.manual_axis_type.varying for array_type in types))


def type_of_result(shape: Sequence[int], dtype: Any, given: Sequence[ShapedArray]) -> ShapedArray:
    """The type of what is computed of arguments of these types, all of which it depends on."""
    mesh = mesh_of(given)
    if mesh is None:
        return ShapedArray(shape, dtype)
    return ShapedArray(
        shape,
        dtype,
        sharding=NamedSharding(mesh, PartitionSpec(*(None for _ in shape))),
        manual_axis_type=ManualAxisType(varying=_varying(given)),
    )


def on_mesh_of(given: Sequence[ShapedArray], types: Sequence[ShapedArray]) -> list[ShapedArray]:
    """The types, where those of constants, which are on no mesh, are on that of the arguments.

    Else such results would be given to whatever mesh is in use when they leave a program.
    """
    mesh = mesh_of(given)
    if mesh is None:
        return list(types)
    whole = NamedSharding(mesh, PartitionSpec())
    return [t.update(sharding=whole) if t.sharding.mesh.empty else t for t in types]


def context() -> Hashable:
    """What a trace depends on besides the types of its arguments."""
    return jax.config.read("jax_enable_x64"), jax.sharding.get_abstract_mesh()


def on_mesh(function: Callable[..., Any], *arrays: Any, result: Sequence[Placed] = ()) -> Any:
    """function(*arrays), where the compiler partitions along explicit axes.

    Args:
        function: of the arrays.
        arrays: its arguments, arrays or pytrees of them.
        result: what is placed along the axes of each result; nothing unless told.
    """
    around, leaves = jax.sharding.get_abstract_mesh(), jax.tree.leaves(arrays)
    if around.empty and all(map(_on_one_device, leaves)):
        return function(*arrays)
    mesh = mesh_of(map(jax.typeof, leaves)) or around
    if not mesh.explicit_axes:
        return function(*arrays)
    spec = PartitionSpec(*result)
    wrapped = jax.sharding.auto_axes(
        function, axes=mesh.explicit_axes, out_sharding=NamedSharding(mesh, spec)
    )
    return wrapped(*arrays)


def numbers_in_order(
    mesh: Mesh | AbstractMesh, names: Sequence[str]
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Axes in the order of their mesh, and the numbers along them of devices in the given order.

    `lax.axis_index` and `PartitionSpec` number devices in the given order; where these send
    something to each other, JAX numbers them in that of the mesh.
    """
    ordered = tuple(name for name in mesh.axis_names if name in names)
    numbers = np.arange(prod(mesh.shape[name] for name in ordered))
    split = numbers.reshape([mesh.shape[name] for name in ordered])
    return ordered, tuple(split.transpose([ordered.index(n) for n in names]).ravel().tolist())


def placed(array: Array) -> tuple[Placed, ...]:
    """What is placed along each axis of an array."""
    spec = tuple(jax.typeof(array).sharding.spec)
    return spec + (None,) * (array.ndim - len(spec))


def _on_one_device(array: Array | np.ndarray) -> bool:
    # Eager calls ask for little else: types take microseconds.
    if isinstance(array, Tracer):
        return False
    return not isinstance(array, Array) or isinstance(array.sharding, SingleDeviceSharding)


def mesh_of(types: Iterable[ShapedArray]) -> AbstractMesh | None:
    """The mesh that arrays of these types lie on; None for none."""
    return next((t.sharding.mesh for t in types if not t.sharding.mesh.empty), None)
