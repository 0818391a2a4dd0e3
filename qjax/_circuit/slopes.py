"""Floor 2. Circuit -> the same one, evaluated beside the points where its angles have no slope.

<Z> after RY(arccos(x)) is x, with slope 1 everywhere; but the slope of arccos is infinite at 1,
where that of the cosine is 0. A derivative there is taken beside it, where the angle is 3e-8 (in
single precision 7e-4) from its own: so much are the limit, where there is one, and derivatives in
parameters that move together with x off. Where several angles reach their ends together, such as
arccos(x) and arccos(x**2), each is as far from its own as the slopes of x and x**2 say: the limit
of their product depends on the ratio. Infinite slopes become large numbers, and second derivatives
in x have no digit. Where x does not move, as inputs of a network that is trained, nothing is off;
of what is then differentiated in x, the value at 1 is NaN.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from qjax._base.store import kept
from qjax._circuit.circuit import Circuit
from qjax._circuit.control_flow import Op
from qjax._circuit.operations import Amplitudes, Gate
from qjax._expressions import (
    AWAY,
    CONSTANT,
    NEAR,
    NEAR_POWER,
    Expression,
    Graph,
    evaluate_expression,
)


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
        for old in expressions_of(op)
        if len(old.program) > 1 and near_expression(old) != old
    )
    return frozenset().union(*changed)


def expressions_of(op: Op) -> tuple[Expression, ...]:
    """The angles or amplitudes of an operation."""
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
    """An expression, evaluated inside of the domains of its operations."""
    if {"arcsin", "arccos", "power"}.isdisjoint(expression.program):
        return expression
    graph = Graph()
    leaves = [_Dual(graph.parameter(p), graph.constant(1.0)) for p in expression.parameters]
    constants = [_Dual(graph.constant(c), None) for c in expression.constants]
    root = evaluate_expression(expression.program, leaves, constants, _Duals(graph)).value
    rewritten = graph.expression(root)
    return expression if NEAR.isdisjoint(rewritten.program) else rewritten


class _Dual(NamedTuple):
    """The nodes of a number, and of its slope as all parameters move alike; None where it is 0."""

    value: int
    slope: int | None


@dataclass(frozen=True)
class _Duals:
    """The operations of expressions, on nodes and their slopes."""

    graph: Graph

    def __getattr__(self, name: str) -> Callable[..., _Dual]:
        return partial(self._applied, name)

    def _applied(self, name: str, first: _Dual, second: _Dual | None = None) -> _Dual:
        if second is None:
            return _Dual(self._unary(name, first), self._unary_slope(name, first))
        return _Dual(self._binary(name, first, second), self._binary_slope(name, first, second))

    def _unary(self, name: str, operand: _Dual) -> int:
        if name in ("arcsin", "arccos"):
            return self.graph.operation(f"near_{name}", operand.value, self._known(operand))
        return self.graph.operation(name, operand.value)

    def _binary(self, name: str, first: _Dual, second: _Dual) -> int:
        base, kind = first.value, self.graph.nodes[second.value]
        if name == "power" and kind[0] != CONSTANT:
            name = NEAR_POWER
        # Whole powers have slopes everywhere; but that of x**0 comes as 0 times infinity.
        elif name == "power" and (kind[1] % 1 or kind[1] == 0):
            base = self.graph.operation(AWAY, base, self._known(first))
        return self.graph.operation(name, base, second.value)

    def _known(self, operand: _Dual) -> int:
        return self.graph.constant(1.0) if operand.slope is None else operand.slope

    # The chain rule. What it is not told of moves as its operands do: only ratios of distances from
    # ends depend on it, where several are reached together.

    def _unary_slope(self, name: str, operand: _Dual) -> int | None:
        make, value, slope = self.graph.operation, operand.value, operand.slope
        if slope is None or name not in ("negative", "sin", "cos", "exp"):
            return slope
        if name == "negative":
            return make(name, slope)
        derivative = make({"sin": "cos", "cos": "sin", "exp": "exp"}[name], value)
        return make(
            "multiply", slope, make("negative", derivative) if name == "cos" else derivative
        )

    def _binary_slope(self, name: str, first: _Dual, second: _Dual) -> int | None:
        make = self.graph.operation
        if name in ("add", "subtract"):
            return self._combined(name, first.slope, second.slope)
        if name == "multiply":
            return self._combined("add", self._times(first, second), self._times(second, first))
        if name == "divide" and second.slope is None:
            return None if first.slope is None else make(name, first.slope, second.value)
        if name == "power" and second.slope is None and first.slope is not None:
            less = make("subtract", second.value, self.graph.constant(1.0))
            outer = make("multiply", second.value, make(name, first.value, less))
            return make("multiply", first.slope, outer)
        return second.slope if first.slope is None else first.slope

    def _times(self, moving: _Dual, other: _Dual) -> int | None:
        if moving.slope is None:
            return None
        return self.graph.operation("multiply", moving.slope, other.value)

    def _combined(self, name: str, first: int | None, second: int | None) -> int | None:
        if first is not None and second is not None:
            return self.graph.operation(name, first, second)
        if second is not None and name == "subtract":
            return self.graph.operation("negative", second)
        return second if first is None else first
