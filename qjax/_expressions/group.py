"""Floor 1. Expressions that share a program -> one table, evaluated in one go."""

from collections.abc import Mapping, Sequence

import numpy as np

from qjax._base.tables import static, table_class
from qjax._expressions.expression import Expression
from qjax._expressions.tape import rests_of


@table_class
class ExpressionGroup:
    """Expressions that share a program.

    Attributes:
        program: see `Expression`.
        periodic: see `Value`.
        parameters: `(leaves, expressions)` indices into the parameters.
        constants: `(leaves, expressions)` numbers.
        rests: the same, what rounding to single precision takes from them.
    """

    program: tuple[str, ...] = static()
    periodic: bool = static()
    parameters: np.ndarray
    constants: np.ndarray
    rests: np.ndarray


def group_of(
    members: Sequence[Expression], positions: Mapping[int, int], *, periodic: bool
) -> ExpressionGroup:
    """One table for some expressions, at least one, that share a program.

    Args:
        members: the expressions.
        positions: parameter index -> its position in the array that they are evaluated for.
        periodic: see `ExpressionGroup`.
    """
    parameters = np.array([[positions[p] for p in e.parameters] for e in members], np.int32).T
    constants = np.array([e.constants for e in members], np.float64).T
    program = members[0].program
    return ExpressionGroup(program, periodic, parameters, constants, rests_of(constants))
