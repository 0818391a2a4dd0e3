"""Floor 1. Circuit -> the same one, evaluated beside the points where its angles have no slope.

<Z> after RY(arccos(x)) is x, with slope 1 everywhere; but the slope of arccos is infinite at 1,
where that of the cosine is 0. A derivative there is taken at the last number inside, where the
angle is 1.5e-8 (in single precision 3.5e-4) from its own: so much are the limit, where there is
one, and derivatives in parameters that move together with x off. Infinite slopes become large
numbers, and second derivatives in x have no digit. Where x does not move, as inputs of a network
that is trained, nothing is off; of what is then differentiated in x, the value at 1 is NaN.
"""

from collections.abc import Iterator
from dataclasses import replace

from qjax._base.store import kept
from qjax._circuit.circuit import Amplitudes, Circuit, Gate, Op
from qjax._circuit.expression import AWAY, CONSTANT, INSIDE, Expression


@kept()
def near(circuit: Circuit) -> Circuit:
    """A circuit without control flow, evaluated inside of the domains of its angles.

    It is an equal one where all angles have slopes wherever they have values.
    """
    return replace(circuit, ops=tuple(_op(op) for op in circuit.ops))


@kept()
def without_slopes(circuit: Circuit) -> frozenset[int]:
    """The parameters of a circuit's angles that lack a slope somewhere."""
    changed = (
        old.parameters
        for op in circuit.ops
        for old in _expressions(op)
        if near_expression(old) != old
    )
    return frozenset().union(*changed)


def _expressions(op: Op) -> tuple[Expression, ...]:
    if isinstance(op, Gate):
        return op.angles
    return (*op.real, *op.imag) if isinstance(op, Amplitudes) else ()


def _op(op: Op) -> Op:
    if isinstance(op, Gate):
        angles = tuple(map(near_expression, op.angles))
        return op if angles == op.angles else replace(op, angles=angles)
    if isinstance(op, Amplitudes):
        real, imag = (tuple(map(near_expression, part)) for part in (op.real, op.imag))
        return op if (real, imag) == (op.real, op.imag) else replace(op, real=real, imag=imag)
    return op


def near_expression(expression: Expression) -> Expression:
    """The same for one expression."""
    if {"arcsin", "arccos", "power"}.isdisjoint(expression.program):
        return expression
    program = tuple(_program(expression))
    return expression if program == expression.program else replace(expression, program=program)


def _program(expression: Expression) -> Iterator[str]:
    constants = iter(expression.constants)
    program = expression.program
    for token, following in zip(program, (*program[1:], ""), strict=True):
        if token in ("arcsin", "arccos"):
            yield INSIDE
        # Whole powers have slopes everywhere; but that of x**0 comes as 0 times infinity.
        if token == CONSTANT:
            exponent = next(constants)
            if following == "power" and (exponent % 1 or exponent == 0):
                yield AWAY
        yield token
