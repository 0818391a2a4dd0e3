"""Floor 6. Derivatives of a simulation in many directions: how many side by side fit into memory.

What XLA holds at once, in multiples of the states of one pass, was read from its own account
(`memory_analysis`) for layered, random and encoding circuits in both gradient modes.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array, lax

from qjax._base import tuning
from qjax._base.memory import always_fits, available_memory, check_fits
from qjax._engine.execution import Cost, cost_of
from qjax._engine.task import Task

Axis = int | None
Kind = Literal["tangents", "cotangents", "second derivatives"]

_REMEDIES: dict[Kind, str] = {
    "tangents": "reverse mode (jax.grad, jax.jacrev), fewer qubits or single precision",
    "cotangents": 'gradient="adjoint", smaller batches, fewer qubits or single precision',
    "second derivatives": 'gradient="adjoint", products with vectors (jax.jvp of jax.grad), fewer '
    "qubits or single precision",
}


def states_held(kind: Kind, cost: Cost) -> tuple[float, float]:
    """(once, per direction): the states that are held, in multiples of those of one pass."""
    keeps = cost.gradient == "backprop"
    if kind == "tangents":
        return 2, 3.5 if cost.reads_probabilities else 5
    if kind == "cotangents":
        return 3 + cost.num_passes if keeps else 5, 3
    return 8 if keeps else 5, 5 + cost.num_passes if keeps else 9


def columns_at_once(kind: Kind, task: Task, arguments: Sequence[Any], count: int) -> int:
    """How many of `count` directions to follow side by side.

    Args:
        kind: what is computed for each.
        task: the simulation.
        arguments: what it is given; shapes are all that counts.
        count: how many there are.

    Raises:
        CircuitTooLargeError: where not even one fits.
    """
    cost = cost_of(task, *arguments[:2])
    fixed, per_direction = (
        int(multiple * cost.bytes_of_states) for multiple in states_held(kind, cost)
    )
    fixed += cost.bytes_returned if kind == "tangents" else cost.bytes_between
    if always_fits(fixed + count * per_direction):
        return count
    available = available_memory(jax.devices()[0])
    if fixed + count * per_direction <= available:
        return count
    check_fits(
        fixed + (per_direction if count == 1 else tuning.IN_GROUPS_COPIES * per_direction),
        f"{kind} of a circuit of {cost.num_qubits} qubits, one direction at a time,",
        _REMEDIES[kind],
        True,
    )
    return max(1, (available - fixed) // 2 // (tuning.IN_GROUPS_COPIES * per_direction))


def check_directions(kind: Kind, task: Task, arguments: Sequence[Any], count: int) -> None:
    """Require that `count` directions side by side fit: those that are not followed in groups.

    Args:
        kind: what is computed for each.
        task: the simulation.
        arguments: what it is given; shapes are all that counts.
        count: how many there are.

    Raises:
        CircuitTooLargeError: otherwise.
    """
    cost = cost_of(task, *arguments[:2])
    fixed, per_direction = (multiple * cost.bytes_of_states for multiple in states_held(kind, cost))
    check_fits(
        int(fixed + count * per_direction) + (cost.bytes_between if kind != "tangents" else 0),
        f"{kind} of a circuit of {cost.num_qubits} qubits in {count} direction(s)",
        _REMEDIES[kind],
        True,
    )


def is_large(kind: Kind, task: Task, arguments: Sequence[Any], moving: Sequence[int]) -> bool:
    """Whether all directions at once might not fit."""
    cost = cost_of(task, *arguments[:2])
    count = sum(arguments[argument].size for argument in moving)
    return not always_fits(max(1, count) * states_held(kind, cost)[1] * cost.bytes_of_states)


def size_of(arguments: Sequence[Any], axes: Sequence[Axis]) -> int:
    """The length of what is mapped over."""
    return next(x.shape[a] for x, a in zip(arguments, axes, strict=True) if a is not None)


def in_groups(
    function: Callable[..., Any], axes: Sequence[Axis], size: int, width: int
) -> Callable[..., Any]:
    """`jax.vmap` of a function, `width` of `size` at a time; results have the axis in front."""
    together = jax.vmap(function, tuple(None if axis is None else 0 for axis in axes))
    groups = -(-size // width)

    def run(*arguments: Array) -> Any:
        moved = [
            x if axis is None else jnp.moveaxis(x, axis, 0)
            for x, axis in zip(arguments, axes, strict=True)
        ]
        if groups == 1:
            return together(*moved)
        places = [argument for argument, axis in enumerate(axes) if axis is not None]

        def run_group(group: Sequence[Array]) -> Any:
            filled = list(moved)
            for argument, part in zip(places, group, strict=True):
                filled[argument] = part
            return together(*filled)

        parts = [_split(moved[argument], groups, width) for argument in places]
        return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:size], lax.map(run_group, parts))

    return run


def _split(x: Array, groups: int, width: int) -> Array:
    """The first axis as `(groups, width)`, filled up with zeros: derivatives along nothing."""
    padded = jnp.pad(x, ((0, groups * width - len(x)), *((0, 0) for _ in x.shape[1:])))
    return padded.reshape(groups, width, *x.shape[1:])
