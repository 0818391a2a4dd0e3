"""Floor 2. What is known of an operation before any parameter is: errors where it has no meaning.

An angle made of constants alone is a number, and so is a part of an expression: the arccosine of 2
is none, whatever the parameters are. A matrix that is not unitary is no gate's.
"""

from functools import lru_cache
from math import isfinite
from numbers import Real
from types import SimpleNamespace
from typing import Any

import numpy as np

from qjax._circuit.operations import Matrix
from qjax._expressions import BINARY, NEAR, UNARY, Expression, evaluate_expression

# Operations that are finite for some numbers only, and where they are.
PARTIAL = {
    "arcsin": "a number from -1 to 1",
    "arccos": "a number from -1 to 1",
    "log": "a positive number",
    "divide": "a divisor other than 0",
    "power": "a power that is a finite, real number",
    "exp": "an exponent of at most 700",
    "tan": "a finite number",
}
# How far rounding may take a number out of an interval.
_SLACK = 4 * float(np.finfo(np.float64).eps)
# Of a matrix's columns, over which Qiskit's check of 1e-5 and that of `matrix_gate` may add up.
_UNITARY = 1e-4


def check_known(expression: Expression, what: str) -> float | None:
    """Require that all that is known of an expression is finite.

    Args:
        expression: one that can be evaluated.
        what: how an error message calls it, such as "an angle".

    Returns:
        its value, if that is the same for all parameters; else None.

    Raises:
        ValueError: for NaN and infinity, given or computed.
        TypeError: for constants that are no real numbers.
    """
    constants = expression.constants
    for constant in constants:
        if type(constant) is not float:
            _check_real(constant, what)
        if not isfinite(constant):
            raise ValueError(f"{what} is {constant}; expected a real, finite number")
    if not constants or len(expression.program) == 1:
        return float(constants[0]) if constants else None
    if not NEAR.isdisjoint(expression.program):  # made of an expression that was looked at
        return None
    try:
        return evaluate_expression(
            expression.program, (None for _ in expression.parameters), constants, _KNOWN
        )
    except _Outside as outside:
        name, operands = outside.args
        expected = PARTIAL.get(name, "a finite number")
        numbers = ", ".join(f"{operand:.10g}" for operand in operands)
        raise ValueError(f"{what} has no value: {name} of {numbers}; expected {expected}") from None


def check_unitary(matrix: Matrix) -> None:
    """Require a matrix that a gate can have, by its product with a vector: that is fast.

    Raises:
        ValueError: for a size that fits no number of qubits, or a matrix that is not unitary.
        TypeError: for what is no matrix of numbers.
    """
    dimension, data = matrix
    if type(dimension) is not int or not isinstance(data, bytes):
        raise TypeError(
            "its matrix holds no dimension and bytes; expected a gate made by "
            "qjax.operations.matrix_gate(matrix, qubits)"
        )
    if dimension.bit_count() != 1 or len(data) != 16 * dimension**2:
        raise ValueError(
            f"its matrix has the dimension {dimension} and {len(data)} bytes; expected a power of "
            "two, and 16 bytes for each element: matrix_gate(matrix, qubits) makes both"
        )
    array, vector = matrix.array, _phases(dimension)
    with np.errstate(all="ignore"):
        if not (abs(array.conj().T @ (array @ vector) - vector) < _UNITARY).all():
            raise ValueError("its matrix is not unitary, so no gate has it")


@lru_cache(8)
def _phases(dimension: int) -> np.ndarray:
    """A vector that no matrix but the identity is likely to leave as it is."""
    return np.exp(1j * np.arange(dimension) ** 2)


class _Outside(Exception):  # noqa: N818 - it never leaves this module
    """An operation without a finite value: its name and operands."""


def _check_real(value: object, what: str) -> None:
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(
            f"{what} holds the {type(value).__name__} {value!r} as a constant; expected a float, "
            "as constant(value) makes it of real numbers"
        )


def _known(name: str) -> Any:
    function = getattr(np, name)

    def compute(*operands: float | None) -> float | None:
        known = [operand for operand in operands if operand is not None]
        if len(known) < len(operands):
            return None
        with np.errstate(all="ignore"):
            value = function(*(map(_within, known) if name in _ENDS else known))
        if not np.isfinite(value):
            raise _Outside(name, known)
        return float(value)

    return compute


_ENDS = ("arcsin", "arccos")


def _within(value: float) -> float:
    return float(np.clip(value, -1, 1)) if abs(value) <= 1 + _SLACK else value


_KNOWN = SimpleNamespace(**{name: _known(name) for name in (UNARY | BINARY) - NEAR})
