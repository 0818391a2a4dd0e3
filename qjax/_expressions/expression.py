"""Floor 1. Parameter expressions as data: a program (static) over leaves (numbers)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

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
    """

    program: tuple[str, ...]
    parameters: tuple[int, ...] = ()
    constants: tuple[float, ...] = ()


def constant(value: float) -> Expression:
    """The expression that is `value` whatever the parameters."""
    return Expression((CONSTANT,), (), (float(value),))


def parameter(index: int) -> Expression:
    """The circuit parameter with this index, itself."""
    return Expression((PARAMETER,), (index,))


def compose(name: str, operands: Sequence[Expression]) -> Expression:
    """The expression that is the operation `name` of others."""
    program: list[str] = []
    kept = 0
    for each in operands:
        program += (
            each.program if not kept else (_renumbered(token, kept) for token in each.program)
        )
        kept += each.program.count(KEEP)
    return Expression(
        (*program, name),
        tuple(p for e in operands for p in e.parameters),
        tuple(c for e in operands for c in e.constants),
    )


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
