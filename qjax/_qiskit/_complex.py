"""Floor 1. Complex ParameterExpression -> real and imaginary part, each an Expression."""

from collections.abc import Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any

from qiskit.circuit import Parameter

from qjax._expression import BINARY, UNARY, Expression, compose, constant, evaluate, parameter
from qjax._qiskit._expressions import to_complex_expression

Parts = tuple[Expression, Expression]

_ZERO, _ONE = constant(0), constant(1)


def to_parts(value: Any, index: Mapping[Parameter, int]) -> Parts:
    """The real and the imaginary part of a number or a ParameterExpression.

    Args:
        value: what Qiskit holds, of real parameters.
        index: the position of each parameter of the circuit.

    Raises:
        ValueError: where it is not finite, or where complex numbers go into anything but sums,
            differences, products, quotients and conjugates.
    """
    found = to_complex_expression(value, index)
    parameters = [(parameter(place), _ZERO) for place in found.parameters]
    constants = [(constant(c.real), constant(c.imag)) for c in map(complex, found.constants)]
    return evaluate(found.program, parameters, constants, algebra=_PARTS)


def _sum(a: Expression, b: Expression) -> Expression:
    return b if a == _ZERO else a if b == _ZERO else compose("add", (a, b))


def _minus(a: Expression) -> Expression:
    return a if a == _ZERO else compose("negative", (a,))


def _product(a: Expression, b: Expression) -> Expression:
    if _ZERO in (a, b):
        return _ZERO
    return b if a == _ONE else a if b == _ONE else compose("multiply", (a, b))


def _quotient(a: Expression, b: Expression) -> Expression:
    return a if a == _ZERO or b == _ONE else compose("divide", (a, b))


def _negative(a: Parts) -> Parts:
    return _minus(a[0]), _minus(a[1])


def _add(a: Parts, b: Parts) -> Parts:
    return _sum(a[0], b[0]), _sum(a[1], b[1])


def _subtract(a: Parts, b: Parts) -> Parts:
    return _add(a, _negative(b))


def _multiply(a: Parts, b: Parts) -> Parts:
    real = _sum(_product(a[0], b[0]), _minus(_product(a[1], b[1])))
    return real, _sum(_product(a[0], b[1]), _product(a[1], b[0]))


def _conjugate(a: Parts) -> Parts:
    return a[0], _minus(a[1])


def _divide(a: Parts, b: Parts) -> Parts:
    if b[1] != _ZERO:
        a, b = _multiply(a, _conjugate(b)), _multiply(b, _conjugate(b))
    return _quotient(a[0], b[0]), _quotient(a[1], b[0])


def _of_real(name: str, *operands: Parts) -> Parts:
    if any(imag != _ZERO for _, imag in operands):
        raise ValueError(
            f"the parameter expression takes {name} of complex numbers; expected sums, "
            "differences, products, quotients and conjugates of them only"
        )
    return compose(name, [real for real, _ in operands]), _ZERO


_EXACT: dict[str, Any] = {
    "negative": _negative, "add": _add, "subtract": _subtract, "multiply": _multiply,
    "divide": _divide, "conjugate": _conjugate,
}  # fmt: skip
# The operations of expressions, on pairs of a real and an imaginary part.
_PARTS = SimpleNamespace(**({name: partial(_of_real, name) for name in UNARY | BINARY} | _EXACT))
