"""Floor 1. Tables of expressions, parameters -> their values."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from qjax._expressions.compensated import angle_of, without_turns
from qjax._expressions.expression import PARAMETER, evaluate_expression
from qjax._expressions.group import ExpressionGroup
from qjax._expressions.operations import NUMBERS
from qjax._expressions.tables import ExpressionTable
from qjax._expressions.tape import Tape
from qjax._expressions.tape_loop import tape_values


def all_angles(
    tables: Sequence[ExpressionTable],
    parameters: Float[Array, "params *batch"],
    *,
    reduced: bool = True,
) -> Float[Array, "angles *batch"]:
    """Every angle of a circuit, in the order in which `expression_tables` counts them.

    In single precision they are computed in pairs of numbers, so that the last digit is right.

    Args:
        tables: of the angles.
        parameters: as the tables count them.
        reduced: take full turns off those that are a parameter, too. Nothing is lost without, where
            sines and cosines are taken of such an angle, or of half of it, alone.
    """
    compensated = parameters.dtype == np.float32
    return _concatenated(tables, parameters, compensated=compensated, reduced=reduced)


def reduced_angles(
    tables: Sequence[ExpressionTable], angles: Float[Array, "angles *batch"]
) -> Float[Array, "angles *batch"]:
    """What `all_angles` gives by itself, of angles that it gave with `reduced=False`."""
    if angles.dtype != np.float32 or not tables:
        return angles
    parts, start = [], 0
    for table in tables:
        part = lax.slice_in_dim(angles, start, start + table.parameters.shape[1])
        start += len(part)
        is_bare = isinstance(table, ExpressionGroup) and table.program == (PARAMETER,)
        parts.append(without_turns(part) if is_bare and table.periodic else part)
    return parts[0] if len(parts) == 1 else lax.concatenate(parts, 0)


def all_numbers(
    tables: Sequence[ExpressionTable], parameters: Float[Array, "params *batch"]
) -> Float[Array, "numbers *batch"]:
    """The values of what is no angle, such as amplitudes: no full turns are taken off."""
    return _concatenated(tables, parameters, compensated=False, reduced=False)


def _concatenated(
    tables: Sequence[ExpressionTable], parameters: Array, *, compensated: bool, reduced: bool
) -> Array:
    if not tables:
        return jnp.zeros((0, *parameters.shape[1:]), parameters.dtype)
    values = [_values(table, parameters, compensated, reduced) for table in tables]
    return values[0] if len(values) == 1 else lax.concatenate(values, 0)


def _values(table: ExpressionTable, parameters: Array, compensated: bool, reduced: bool) -> Array:
    if isinstance(table, Tape):
        return tape_values(table, parameters, compensated=compensated)
    return _group_values(table, parameters, compensated, reduced)


def _group_values(
    group: ExpressionGroup, parameters: Array, compensated: bool, reduced: bool
) -> Array:
    leaves = [_rows(parameters, row) for row in group.parameters]
    if group.program == (PARAMETER,):
        # Nothing is rounded in it.
        turns = compensated and group.periodic and reduced
        return without_turns(leaves[0]) if turns else leaves[0]
    column = (-1, *(1 for _ in parameters.shape[1:]))
    constants, rests = (
        [jnp.asarray(row, parameters.dtype).reshape(column) for row in table]
        for table in (group.constants, group.rests)
    )
    if compensated:
        values = angle_of(group.program, group.periodic, leaves, constants, rests)
    else:
        values = evaluate_expression(group.program, leaves, constants, algebra=NUMBERS)
    return jnp.broadcast_to(values, (group.parameters.shape[1], *parameters.shape[1:]))


def _rows(parameters: Array, which: Array | np.ndarray) -> Array:
    """Rows by their numbers; where those are known and follow each other, they are no gather."""
    if isinstance(which, np.ndarray) and len(which):
        start, stop = int(which[0]), int(which[0]) + len(which)
        if np.array_equal(which, np.arange(start, stop)):
            return lax.slice_in_dim(parameters, start, stop)
    return parameters.at[which].get(mode="promise_in_bounds", wrap_negative_indices=False)
