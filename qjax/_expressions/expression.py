"""Floor 1. Parameter expressions as data: a program (static) over leaves (numbers)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import jax
import numpy as np

from qjax._base.options import is_whole

# The operations are NumPy's own names, so that one evaluator serves any array module.
UNARY = frozenset(
    "negative sin cos tan arcsin arccos arctan exp log abs sign conjugate".split()  # noqa: SIM905
)
# Beside the points where the plain ones have no slope: of a number, and of the slope that it has.
NEAR_ARCSIN, NEAR_ARCCOS, AWAY = "near_arcsin", "near_arccos", "away"
# A power of any exponent, with slopes in both.
NEAR_POWER = "near_power"
NEAR = frozenset((NEAR_ARCSIN, NEAR_ARCCOS, AWAY, NEAR_POWER))
BINARY = frozenset(("add", "subtract", "multiply", "divide", "power")) | NEAR
# What can be asked for, by the number of operands.
_OPERATIONS = {1: UNARY, 2: BINARY - NEAR}
PARAMETER, CONSTANT = "p", "c"
# What is used more than once: kept when it is first computed, recalled by its number later.
KEEP, RECALL = "=", "@"


@dataclass(frozen=True, slots=True)
class Expression:
    """A real function of a circuit's parameters, in postfix form.

    `program` lists operations and leaves; the k-th `"p"` stands for the parameter with index
    `parameters[k]`, the k-th `"c"` for `constants[k]`. `"="` keeps a value that is used again; the
    k-th that was kept is `"@k"`. Expressions that share a program differ in numbers only and are
    evaluated together, as one array operation.

    `parameter` and `constant` make the leaves; `+`, `-`, `*`, `/` and `**` work on expressions and
    numbers, and `compose` knows the functions:

        compose("sin", [2 * parameter(0) + parameter(1) ** 2])
    """

    program: tuple[str, ...]
    parameters: tuple[int, ...] = ()
    constants: tuple[float, ...] = ()

    def __add__(self, other: Expression | float) -> Expression:
        return compose("add", [self, other])

    def __radd__(self, other: Expression | float) -> Expression:
        return compose("add", [other, self])

    def __sub__(self, other: Expression | float) -> Expression:
        return compose("subtract", [self, other])

    def __rsub__(self, other: Expression | float) -> Expression:
        return compose("subtract", [other, self])

    def __mul__(self, other: Expression | float) -> Expression:
        return compose("multiply", [self, other])

    def __rmul__(self, other: Expression | float) -> Expression:
        return compose("multiply", [other, self])

    def __truediv__(self, other: Expression | float) -> Expression:
        return compose("divide", [self, other])

    def __rtruediv__(self, other: Expression | float) -> Expression:
        return compose("divide", [other, self])

    def __pow__(self, other: Expression | float) -> Expression:
        return compose("power", [self, other])

    def __rpow__(self, other: Expression | float) -> Expression:
        return compose("power", [other, self])

    def __neg__(self) -> Expression:
        return compose("negative", [self])


def constant(value: float) -> Expression:
    """The expression that is `value`, a real number, whatever the parameters.

    Raises:
        TypeError: for anything else, and for what JAX traces.
        ValueError: for a whole number beyond those of double precision.
    """
    return Expression((CONSTANT,), (), (value if type(value) is float else _as_float(value),))


def parameter(index: int) -> Expression:
    """The parameter of a circuit with this index in `Circuit.parameters`, itself.

    Raises:
        TypeError: for a name: parameters are told by their position.
    """
    if not is_whole(index):
        raise TypeError(
            f"parameter: expected a position in Circuit.parameters, such as parameter(0), got the "
            f"{type(index).__name__} {index!r}"
        )
    return Expression((PARAMETER,), (index,))


def as_expression(value: Expression | float) -> Expression:
    """An expression as it is, a real number, of Python, NumPy or JAX, as a constant.

    Raises:
        TypeError: for anything else.
    """
    if isinstance(value, Expression):
        return value
    return constant(value)


def _as_float(value: Any) -> float:
    if isinstance(value, jax.core.Tracer):
        raise TypeError(
            f"got {value}, a number that JAX traces, but circuits are made before anything is "
            "traced; put a parameter(index) of the circuit in its place, and give the value with "
            "`params`, as in expectation(circuit, observable, [value])"
        )
    is_array = isinstance(value, (np.ndarray, jax.Array)) and not np.ma.isMaskedArray(value)
    number = value.item() if is_array and value.ndim == 0 else value
    if not isinstance(number, Real) or isinstance(number, (bool, np.timedelta64)):
        raise TypeError(
            f"expected a real number or an Expression, such as 2 * parameter(0), got the "
            f"{type(value).__name__} {value!r}"
        )
    try:
        return float(number)
    except OverflowError as error:
        raise ValueError("expected a real number below 1.8e308, got one beyond it") from error


def compose(name: str, operands: Sequence[Expression | float]) -> Expression:
    """The expression that is an operation on others.

    Args:
        name: NumPy's name of it: negative, sin, cos, tan, arcsin, arccos, arctan, exp, log, abs or
            sign of one; add, subtract, multiply, divide or power of two.
        operands: expressions or numbers, in a list or tuple.

    Raises:
        ValueError: for another name, or number of operands.
        TypeError: for operands that are neither expressions nor real numbers.
    """
    if not isinstance(operands, (list, tuple)):
        raise TypeError(
            f"compose: its operands stand in a list, such as compose('sin', [parameter(0)]), got "
            f"the {type(operands).__name__} {operands!r}"
        )
    if not isinstance(name, str) or name not in _OPERATIONS.get(len(operands), ()):
        raise ValueError(
            f"{name!r} of {len(operands)} operands: expected one of {', '.join(sorted(UNARY))} of "
            f"one, or of {', '.join(sorted(_OPERATIONS[2]))} of two"
        )
    program: list[str] = []
    kept = 0
    given = [as_expression(operand) for operand in operands]
    for expression in given:
        tokens = expression.program
        program += tokens if not kept else (_renumbered(token, kept) for token in tokens)
        kept += tokens.count(KEEP)
    return Expression(
        (*program, name),
        tuple(p for e in given for p in e.parameters),
        tuple(c for e in given for c in e.constants),
    )


def check_program(expression: Expression) -> None:
    """Require that a program can be evaluated, with a number for each of its leaves.

    Raises:
        ValueError: where it cannot.
    """
    program = expression.program
    if len(program) == 1 and program[0] in (PARAMETER, CONSTANT):
        counts = (1, 0) if program[0] == PARAMETER else (0, 1)
    elif _is_evaluable(program):
        counts = (program.count(PARAMETER), program.count(CONSTANT))
    else:
        raise ValueError(
            f"the program {program} cannot be evaluated; expressions are made of parameter(index), "
            "constant(value), arithmetic and compose(name, operands)"
        )
    if counts != (len(expression.parameters), len(expression.constants)):
        raise ValueError(
            f"the program {program} has {counts[0]} parameters and {counts[1]} constants, got "
            f"{len(expression.parameters)} and {len(expression.constants)}"
        )


def _is_evaluable(program: tuple[str, ...]) -> bool:
    """Whether each operation finds its operands, and one value is left."""
    height = kept = 0
    for token in program:
        if not isinstance(token, str):
            return False
        if token in (PARAMETER, CONSTANT):
            height += 1
        elif token.startswith(RECALL):
            if not token[1:].isdecimal() or int(token[1:]) >= kept:
                return False
            height += 1
        elif token == KEEP:
            kept += 1
        elif token in BINARY:
            height -= 1
        elif token not in UNARY:
            return False
        if height < 1:
            return False
    return height == 1


def _renumbered(token: str, first: int) -> str:
    return f"{RECALL}{int(token[1:]) + first}" if token.startswith(RECALL) else token


def evaluate_expression(
    program: tuple[str, ...],
    parameters: Iterable[Any],
    constants: Iterable[Any],
    algebra: Any,
) -> Any:
    """The value of a postfix program, elementwise over its leaves.

    Args:
        program: as in `Expression`.
        parameters: a value for each `"p"`, in order, such as an array.
        constants: a value for each `"c"`, in order.
        algebra: what has the operations as attributes, as `numpy` has.
    """
    leaves = {PARAMETER: iter(parameters), CONSTANT: iter(constants)}
    stack: list[Any] = []
    kept: list[Any] = []
    for token in program:
        if token in leaves:
            stack.append(next(leaves[token]))
        elif token == KEEP:
            kept.append(stack[-1])
        elif token.startswith(RECALL):
            stack.append(kept[int(token[1:])])
        elif token in UNARY:
            stack.append(getattr(algebra, token)(stack.pop()))
        else:
            right = stack.pop()
            stack.append(getattr(algebra, token)(stack.pop(), right))
    (value,) = stack
    return value
