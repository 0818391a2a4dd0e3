"""Floor 3. Expressions of parameters -> their values."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from qjax._circuit.expression import evaluate
from qjax._plan import AngleGroup, Angles, Tape
from qjax._simulators.statevector.compensated import angle_of
from qjax._simulators.statevector.operations import NUMBERS
from qjax._simulators.statevector.tape_loop import tape_values


def all_angles(
    groups: Sequence[Angles], parameters: Float[Array, "params *batch"]
) -> Float[Array, "angles *batch"]:
    """Every angle of a circuit, in the order in which its plan counts them."""
    return _concatenated(groups, parameters, compensated=parameters.dtype == np.float32)


def all_numbers(
    groups: Sequence[Angles], parameters: Float[Array, "params *batch"]
) -> Float[Array, "numbers *batch"]:
    """The same of what is no angle, such as amplitudes: no full turns are taken off."""
    return _concatenated(groups, parameters, compensated=False)


def _concatenated(groups: Sequence[Angles], parameters: Array, *, compensated: bool) -> Array:
    nothing = jnp.zeros((0, *parameters.shape[1:]), parameters.dtype)
    return jnp.concatenate([nothing, *(_values(g, parameters, compensated) for g in groups)])


def _values(group: Angles, parameters: Array, compensated: bool) -> Array:
    if isinstance(group, Tape):
        return tape_values(group, parameters, compensated=compensated)
    return _together(group, parameters, compensated)


def _together(group: AngleGroup, parameters: Array, compensated: bool) -> Array:
    leaves = [parameters[row] for row in group.parameters]
    column = (-1, *(1 for _ in parameters.shape[1:]))
    constants, rests = (
        [jnp.asarray(row, parameters.dtype).reshape(column) for row in table]
        for table in (group.constants, group.rests)
    )
    if compensated:
        values = angle_of(group.program, group.periodic, leaves, constants, rests)
    else:
        values = evaluate(group.program, leaves, constants, algebra=NUMBERS)
    return jnp.broadcast_to(values, (group.parameters.shape[1], *parameters.shape[1:]))
