"""Floor 0. How samples lie on a mesh of devices, and what each device makes of its own.

Along explicit axes the type of an array says it, along automatic ones only the array itself: for
programs that a caller compiles they are the compiler's.
"""

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import jax
from jax import Array
from jax.core import Tracer
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding, PartitionSpec

from qjax._base.mesh import Placed, mesh_of, on_mesh, placed


class Placement(NamedTuple):
    """How samples lie on a mesh.

    Attributes:
        mesh: of devices.
        axes: what is placed along each leading axis of an array of samples.
    """

    mesh: Mesh | AbstractMesh
    axes: tuple[Placed, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The axes of the mesh along which samples lie."""
        every = ((axis,) if isinstance(axis, str) else axis for axis in self.axes)
        return tuple(name for axis in every if axis is not None for name in axis)

    @property
    def num_parts(self) -> int:
        """How many parts the samples are in."""
        return prod(self.mesh.shape[name] for name in self.names)

    @property
    def along(self) -> NamedSharding:
        """How rows of any number lie: along one axis, in as many parts."""
        return NamedSharding(self.mesh, PartitionSpec(self.names))

    @property
    def everywhere(self) -> NamedSharding:
        """How that lies of which each device has all."""
        return NamedSharding(self.mesh, PartitionSpec())


def over_samples(
    function: Callable[..., Any],
    samples: Array,
    *others: Any,
    placement: Placement | None = None,
) -> Any:
    """function(samples, *others), where each device computes what its own samples give.

    The compiler would partition each operation of a simulation for itself, and bring all samples to
    all devices on the way. What `function` computes of a sample must not depend on the others.

    Args:
        function: (samples, others...) -> an array with the samples' leading axes in front.
        samples: an array whose last axis is that of a sample's numbers.
        others: arrays or pytrees of them, of which every device has all.
        placement: how the samples lie, where types do not say it, as along automatic axes.
    """
    placement = placement or explicit_placement_of(samples)
    if placement is None or any(any(placed(leaf)) for leaf in jax.tree.leaves(others)):
        return on_mesh(function, samples, *others, result=placed(samples)[:-1])
    mesh, axes = placement
    along = PartitionSpec(*axes)
    on_each = jax.shard_map(
        function, mesh=mesh, in_specs=(along, *(PartitionSpec() for _ in others)), out_specs=along
    )
    return on_each(samples, *others)


def explicit_placement_of(samples: Array) -> Placement | None:
    """How samples lie along explicit axes of a mesh, as their type says; None along none."""
    mesh, axes = mesh_of([jax.typeof(samples)]), placed(samples)
    if mesh is None or mesh.manual_axes or axes[-1:] != (None,) or not any(axes):
        return None
    return Placement(mesh, axes[:-1])


def placement_of(samples: Any) -> Placement | None:
    """How samples that are known lie on a mesh; None where they are on one device, or traced."""
    if isinstance(samples, Tracer) or not isinstance(samples, Array):
        return None
    sharding = samples.sharding
    if not isinstance(sharding, NamedSharding) or not samples.ndim:
        return None
    spec = tuple(sharding.spec)
    axes = spec + (None,) * (samples.ndim - len(spec))
    if axes[-1] is not None or not any(axes):
        return None
    return Placement(sharding.mesh, axes[:-1])


def automatic_placement_of(samples: Any) -> Placement | None:
    """The same, where it is the compiler's, which types do not say."""
    placement = placement_of(samples)
    if placement is None or set(placement.mesh.axis_types) != {AxisType.Auto}:
        return None
    return placement


def taken(array: Array, rows: Array) -> Array:
    """Rows of an array, which lie along explicit axes of a mesh as its own do."""
    mesh, axes = mesh_of([jax.typeof(array)]), placed(array)
    if mesh is None or not any(axes):
        return array[rows]
    result: Array = array.at[rows].get(out_sharding=NamedSharding(mesh, PartitionSpec(*axes)))
    return result


def parts_of_rows(array: Array) -> tuple[Placed, int]:
    """The explicit axes of a mesh that the rows of an array lie along, and in how many parts."""
    mesh = mesh_of([jax.typeof(array)])
    first = placed(array)[0]
    if mesh is None or first is None:
        return None, 1
    return first, Placement(mesh, (first,)).num_parts
