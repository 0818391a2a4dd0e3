"""Floor 3. Qiskit's classical expressions <-> ClassicalExpression."""

from collections.abc import Container, Mapping, Sequence
from itertools import count
from typing import Any

from qiskit.circuit import Clbit
from qiskit.circuit.classical import expr, types

from qjax._circuit.classical import (
    BOOL,
    FLOAT,
    Bits,
    ClassicalExpression,
    ClassicalOperation,
    ClassicalType,
    Literal,
    Variable,
)
from qjax._circuit.operations import Declaration


def to_classical(
    node: expr.Expr, clbits: Mapping[Clbit, int], variables: dict[expr.Var, Variable]
) -> ClassicalExpression:
    """The expression as data.

    Args:
        node: Qiskit's expression.
        clbits: the number of each classical bit.
        variables: the variables that were met so far; new ones are added.

    Raises:
        ValueError: for durations and stretches.
    """
    if isinstance(node, expr.Value):
        return Literal(node.value, _type(node.type))
    if isinstance(node, expr.Var):
        if node.standalone:
            return variables.setdefault(node, Variable(len(variables), _type(node.type)))
        bits = (node.var,) if isinstance(node.var, Clbit) else tuple(node.var)
        return Bits(tuple(clbits[bit] for bit in bits), _type(node.type))
    operands: tuple[expr.Expr, ...]
    if isinstance(node, expr.Cast):
        name, operands = "cast", (node.operand,)
    elif isinstance(node, expr.Index):
        name, operands = "index", (node.target, node.index)
    elif isinstance(node, expr.Unary):
        name, operands = node.op.name.lower(), (node.operand,)
    elif isinstance(node, expr.Binary):
        name, operands = node.op.name.lower(), (node.left, node.right)
    else:
        name = node.name if isinstance(node, expr.Stretch) else node
        raise ValueError(f"it depends on {name!r}, a duration that only hardware knows")
    converted = tuple(to_classical(operand, clbits, variables) for operand in operands)
    return ClassicalOperation(name, converted, _type(node.type))


def declarations_of(variables: Mapping[expr.Var, Variable]) -> tuple[Declaration, ...]:
    """The variables in the order of their numbers, each with a name of its own.

    Blocks side by side may have used the same name: the second becomes `name_1`.
    """
    declared: dict[str, Declaration] = {}
    for var, variable in variables.items():
        name = unused_name(var.name, declared)
        declared[name] = Declaration(name, variable.type)
    return tuple(declared.values())


def unused_name(name: str, used: Container[str]) -> str:
    """A name that is not used yet: this one, or it with a number behind."""
    names = (f"{name}_{number}" if number else name for number in count())
    return next(each for each in names if each not in used)


def _type(kind: types.Type) -> ClassicalType:
    if isinstance(kind, types.Bool):
        return BOOL
    if isinstance(kind, types.Uint):
        return ClassicalType("uint", kind.width)
    if isinstance(kind, types.Float):
        return FLOAT
    raise ValueError("it computes with durations, which an ideal simulation does not have")


def from_type(kind: ClassicalType) -> types.Type:
    """The way back."""
    if kind.kind == "uint":
        return types.Uint(kind.width)
    return types.Bool() if kind == BOOL else types.Float()


def from_classical(
    expression: ClassicalExpression,
    clbits: Sequence[Clbit],
    registers: Mapping[tuple[int, ...], Any],
    variables: Sequence[expr.Var],
) -> expr.Expr:
    """The way back.

    Args:
        expression: what to convert.
        clbits: the bits of the new circuit.
        registers: its registers, by the numbers of their bits; there is one for all bits that an
            expression reads together.
        variables: its variables.
    """
    if isinstance(expression, Literal):
        return expr.Value(expression.value, from_type(expression.type))
    if isinstance(expression, Variable):
        return variables[expression.number]
    if isinstance(expression, Bits):
        return _from_bits(expression, clbits, registers)
    operands = [
        from_classical(operand, clbits, registers, variables) for operand in expression.operands
    ]
    kind = from_type(expression.type)
    if expression.name == "cast":
        return expr.Cast(operands[0], kind)
    if expression.name == "index":
        return expr.Index(*operands, kind)
    if len(operands) == 1:
        return expr.Unary(expr.Unary.Op[expression.name.upper()], operands[0], kind)
    return expr.Binary(expr.Binary.Op[expression.name.upper()], *operands, kind)


def _from_bits(bits: Bits, clbits: Sequence[Clbit], registers: Mapping) -> expr.Var:
    if bits.type == BOOL and len(bits.clbits) == 1:
        return expr.Var(clbits[bits.clbits[0]], types.Bool())
    return expr.Var(registers[bits.clbits], from_type(bits.type))
