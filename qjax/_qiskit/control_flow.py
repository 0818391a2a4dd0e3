"""Floor 3. Qiskit's control-flow operations -> Switch, For, While, ..."""

import warnings
from collections.abc import Callable
from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import (
    CASE_DEFAULT,
    BoxOp,
    BreakLoopOp,
    ContinueLoopOp,
    ControlFlowOp,
    ForLoopOp,
    IfElseOp,
    Parameter,
    Store,
    SwitchCaseOp,
    WhileLoopOp,
)
from qiskit.circuit.classical import expr

from qjax._circuit import control_flow as flow
from qjax._circuit.classical import Bits, ClassicalExpression, Literal, Variable

Convert = Callable[[QuantumCircuit], flow.Block]
Read = Callable[[expr.Expr], ClassicalExpression]


def to_control_flow(operation: ControlFlowOp | Store, convert: Convert, read: Read) -> flow.Block:
    """One operation of control flow, or a store.

    Args:
        operation: Qiskit's.
        convert: what makes operations of a block.
        read: what makes data of a classical expression.

    Raises:
        ValueError: for a kind that is unknown, and as `read`.
    """
    match operation:
        case Store():
            whole, value = _whole(operation.lvalue, operation.rvalue)
            target = read(whole)
            if not isinstance(target, (Bits, Variable)):
                raise ValueError(f"it stores to {whole}; expected a variable, a bit or a register")
            return (flow.Store(target, read(value)),)
        case IfElseOp():
            then, *otherwise = operation.blocks
            cases = [flow.Case((1,), convert(then))]
            cases += [flow.Case(None, convert(block)) for block in otherwise]
            return (flow.Switch(read(lifted(operation.condition)), tuple(cases)),)
        case SwitchCaseOp():
            cases = [
                flow.Case(values_of(values), convert(block))
                for values, block in operation.cases_specifier()
            ]
            return (flow.Switch(read(expr.lift(operation.target)), tuple(cases)),)
        case WhileLoopOp():
            condition = read(lifted(operation.condition))
            return (flow.While(condition, convert(operation.blocks[0])),)
        case ForLoopOp():
            return (flow.For(_iterations(operation, convert, read)),)
        case BreakLoopOp():
            return (flow.Break(),)
        case ContinueLoopOp():
            return (flow.Continue(),)
        case BoxOp():
            return _box(operation, convert)
    raise ValueError(f"{type(operation).__name__} is a kind of control flow that is unknown here")


def _whole(target: expr.Expr, value: expr.Expr) -> tuple[expr.Expr, expr.Expr]:
    """A store to one bit of a number, as a store of the number with that bit replaced."""
    if not isinstance(target, expr.Index):
        return target, value
    number = target.target
    mask = expr.shift_left(expr.lift(1, number.type), target.index)
    bit = expr.shift_left(expr.cast(value, number.type), target.index)
    return _whole(number, expr.bit_or(expr.bit_and(number, expr.bit_not(mask)), bit))


def lifted(condition: Any) -> expr.Expr:
    """A condition as an expression, also where it is a pair of a bit or register and a value."""
    return condition if isinstance(condition, expr.Expr) else expr.lift_legacy_condition(condition)


def values_of(values: tuple[Any, ...]) -> tuple[int, ...] | None:
    """The values of a case; None for the default."""
    return None if CASE_DEFAULT in values else tuple(int(value) for value in values)


def _iterations(operation: ForLoopOp, convert: Convert, read: Read) -> tuple[flow.Block, ...]:
    indices, variable, body = operation.params
    if isinstance(variable, Parameter) and variable in body.parameters:
        return tuple(convert(body.assign_parameters({variable: k}, inplace=False)) for k in indices)
    block = convert(body)
    if variable is None or isinstance(variable, Parameter):
        return tuple(block for _ in indices)
    target = read(variable)
    assert isinstance(target, Variable)
    # A uint is taken modulo 2**width, as in OpenQASM 3.
    numbers = (Literal(k & target.type.mask, target.type) for k in indices)
    return tuple((flow.Store(target, number), *block) for number in numbers)


def _box(operation: BoxOp, convert: Convert) -> flow.Block:
    if operation.duration is not None:
        warnings.warn(
            f"a box has a duration ({operation.duration} {operation.unit or ''}), which an ideal "
            "simulation does not have: it is ignored",
            UserWarning,
            stacklevel=2,
        )
    if operation.annotations:
        warnings.warn(
            f"a box has annotations ({operation.annotations}) for a compiler: they are ignored",
            UserWarning,
            stacklevel=2,
        )
    return convert(operation.body)
