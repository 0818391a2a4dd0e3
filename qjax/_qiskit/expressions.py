"""Floor 3. Qiskit's ParameterExpression <-> Expression."""

import math
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, Protocol, SupportsComplex, SupportsFloat, TypeVar

import jax
import numpy as np
from qiskit.circuit import Parameter, ParameterExpression

from qjax._expressions import (
    BINARY,
    CONSTANT,
    PARAMETER,
    Expression,
    Graph,
    constant,
    evaluate_expression,
    parameter,
)

# Qiskit's opcodes -> NumPy's names; the reversed forms R.. take their operands the other way round.
_OPCODES = {
    "ADD": "add", "SUB": "subtract", "MUL": "multiply", "DIV": "divide", "POW": "power",
    "RSUB": "subtract", "RDIV": "divide", "RPOW": "power",
    "SIN": "sin", "COS": "cos", "TAN": "tan", "ASIN": "arcsin", "ACOS": "arccos", "ATAN": "arctan",
    "EXP": "exp", "LOG": "log", "ABS": "abs", "SIGN": "sign", "CONJ": "conjugate",
}  # fmt: skip


Node = TypeVar("Node")


class Nodes(Protocol[Node]):
    """What makes nodes of an expression, as `Graph` does."""

    def parameter(self, index: int) -> Node:
        """The node of a circuit's parameter."""

    def constant(self, value: Any) -> Node:
        """The node of a number."""

    def operation(self, name: str, *operands: Node) -> Node:
        """The node of an operation on others."""


def to_expression(value: Any, index: Mapping[Parameter, int]) -> Expression:
    """The `Expression` of an angle as Qiskit holds it: a number or a ParameterExpression.

    Args:
        value: the angle, in radians.
        index: the position of each parameter of the circuit.

    Raises:
        ValueError: where the value is not real and finite, uses an operation that is unknown, or
            a parameter that the circuit does not have.
    """
    if isinstance(value, Parameter):
        return parameter(_position(value, index))
    if not isinstance(value, ParameterExpression):
        return constant(_real(value))
    graph = Graph()
    return graph.expression(replay(value, index, graph, _real))


def replay(
    value: ParameterExpression,
    index: Mapping[Parameter, int],
    graph: Nodes[Node],
    number: Callable[[Any], Any],
) -> Node:
    """The node of a `ParameterExpression`; errors as `to_expression`.

    Args:
        value: the expression.
        index: the position of each parameter of the circuit.
        graph: what makes nodes.
        number: what makes one of Qiskit's numbers a constant of the graph.
    """
    if not value.parameters:
        return graph.constant(number(value.numeric()))
    # The record that QPY stores. The printed form is no substitute: Qiskit 2.6 prints
    # x / (-b * c) as "x/-b*c".
    stack: list[Node] = []
    symbols = {symbol.name: _position(symbol, index) for symbol in value.parameters}

    def operand(leaf: Any) -> Node:
        if leaf is None:
            return stack.pop()
        if isinstance(leaf, ParameterExpression):
            return graph.parameter(symbols[leaf.name])
        return graph.constant(number(leaf))

    for step in value._qpy_replay:
        code = str(step.op).rpartition(".")[2]
        if code not in _OPCODES:
            raise ValueError(f"the parameter expression {value} uses the unknown operation {code}")
        name = _OPCODES[code]
        if name in BINARY:
            right = operand(step.rhs)
            left = operand(step.lhs)
            operands = [right, left] if code.startswith("R") else [left, right]
        else:
            operands = [operand(step.lhs)]
        stack.append(graph.operation(name, *operands))
    (root,) = stack
    return root


def _position(symbol: Parameter, index: Mapping[Parameter, int]) -> int:
    if symbol not in index:
        raise ValueError(
            f"its parameter {symbol.name!r} is none of the circuit's `parameters`, so nothing can "
            "bind it; give it a number before the instruction is made"
        )
    return index[symbol]


def refuse_traced(value: object) -> None:
    """Refuse what JAX traces: circuits hold numbers and parameters.

    Raises:
        TypeError: says how to give it.
    """
    if isinstance(value, jax.core.Tracer):
        raise TypeError(
            f"a value that JAX traces ({value}) stands inside of the circuit, which holds numbers "
            "and parameters only: put a qiskit.circuit.Parameter in its place, and give the value "
            "with `params`, as in expectation(circuit, observable, [value])"
        )


def _real(value: SupportsComplex | SupportsFloat) -> float:
    refuse_traced(value)
    number = complex(value)
    if number.imag != 0 or not math.isfinite(number.real):
        raise ValueError(f"an angle is {value}; expected a real, finite number")
    return number.real


def _function(name: str) -> Callable:
    def call(x: ParameterExpression | float) -> ParameterExpression | float:
        return getattr(x, name)() if isinstance(x, ParameterExpression) else getattr(np, name)(x)

    return call


_QISKIT_ALGEBRA = SimpleNamespace(
    add=lambda a, b: a + b,
    subtract=lambda a, b: a - b,
    multiply=lambda a, b: a * b,
    divide=lambda a, b: a / b,
    power=lambda a, b: a**b,
    negative=lambda a: -a,
    **{
        name: _function(name)
        for name in ("sin", "cos", "tan", "arcsin", "arccos", "arctan")
        + ("exp", "log", "abs", "sign", "conjugate")
    },
)


def from_expression(
    expression: Expression, parameters: tuple[Parameter, ...]
) -> ParameterExpression | float:
    """The way back: an angle as Qiskit holds it."""
    if expression.program == (CONSTANT,):
        return expression.constants[0]
    if expression.program == (PARAMETER,):
        return parameters[expression.parameters[0]]
    return evaluate_expression(
        expression.program,
        [parameters[i] for i in expression.parameters],
        expression.constants,
        algebra=_QISKIT_ALGEBRA,
    )
