"""Floor 4. Which devices hold which part of a state, and of a batch: what `sharding=` takes."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from jax.sharding import Mesh, PartitionSpec

Axes = str | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class StateSharding:
    """Which axes of a mesh of devices hold the leading qubits of a state, and the batch.

    `StateSharding(mesh, state="state")` for `qjax.simulators.StateVector(sharding=...)`: each of D
    devices holds `2**n / D` amplitudes, those where the leading log2(D) qubits have one setting.

    Attributes:
        mesh: a `jax.sharding.Mesh`.
        state: the axis, or several, along which states are cut: a power of two devices; None: every
            device holds whole states.
        batch: the axis, or several, along which batches are cut; None: each part of the state has
            all samples.

    Raises:
        TypeError: for what is no mesh, and no name of an axis.
        ValueError: for names that the mesh lacks or that come twice, and for another number of
            devices than a power of two.
    """

    mesh: Mesh
    state: Axes = None
    batch: Axes = None

    def __post_init__(self) -> None:
        if not isinstance(self.mesh, Mesh):
            raise TypeError(
                f"mesh: got {self.mesh!r} of type {type(self.mesh).__name__}; expected a "
                'jax.sharding.Mesh, such as jax.make_mesh((8,), ("state",))'
            )
        for name in ("state", "batch"):
            for axis in _names(getattr(self, name), name):
                if axis not in self.mesh.axis_names:
                    raise ValueError(
                        f"{name}: the mesh has no axis {axis!r}; expected one of "
                        f"{', '.join(map(repr, self.mesh.axis_names))}, or a tuple of them"
                    )
            axes = getattr(self, name)
            if isinstance(axes, tuple) and len(axes) < 2:  # equal for what means the same
                object.__setattr__(self, name, axes[0] if axes else None)
        every = (*self.state_axes, *self.batch_axes)
        if len(set(every)) < len(every):
            raise ValueError(
                f"state and batch: got {self.state!r} and {self.batch!r}; expected every axis of "
                "the mesh at most once"
            )
        if self.num_devices & (self.num_devices - 1):
            raise ValueError(
                f"state: {self.num_devices} devices lie along {self.state!r}; expected a power of "
                "two, as each holds the states of one setting of some qubits"
            )

    @property
    def state_axes(self) -> tuple[str, ...]:
        """The names of the axes along which states are cut."""
        return tuple(_names(self.state, "state"))

    @property
    def batch_axes(self) -> tuple[str, ...]:
        """The names of the axes along which batches are cut."""
        return tuple(_names(self.batch, "batch"))

    @property
    def num_devices(self) -> int:
        """How many parts a state is cut into."""
        return prod(self.mesh.shape[axis] for axis in self.state_axes)

    @property
    def num_batches(self) -> int:
        """How many parts a batch is cut into."""
        return prod(self.mesh.shape[axis] for axis in self.batch_axes)

    @property
    def auto_mesh(self) -> Mesh:
        """The mesh, where the compiler places what no `shard_map` does."""
        return Mesh(self.mesh.devices, self.mesh.axis_names)

    @property
    def platform(self) -> str:
        """Of the devices: "cpu", "gpu" and so on."""
        return str(self.mesh.devices.flat[0].platform)

    def __deepcopy__(self, memo: object) -> "StateSharding":
        """Itself: nothing in it changes."""
        return self

    def __reduce__(self) -> str:
        raise TypeError(
            "a StateSharding names devices of this process, and cannot be pickled; pickle what it "
            "is used in without it, and give it again where it is loaded"
        )

    def spec(self, *placed: str | None) -> PartitionSpec:
        """Of an array whose axes hold "state", "batch", or are whole (None)."""
        axes = {"state": self.state_axes, "batch": self.batch_axes, None: ()}
        return PartitionSpec(*(axes[name] or None for name in placed))


def _names(axes: object, name: str) -> Iterator[str]:
    every = axes if isinstance(axes, tuple) else () if axes is None else (axes,)
    for axis in every:
        if not isinstance(axis, str):
            raise TypeError(
                f"{name}: got {axes!r}; expected the name of an axis of the mesh, a tuple of "
                "names, or None"
            )
        yield axis
