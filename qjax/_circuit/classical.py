"""Floor 2. Classical expressions of a dynamic circuit as data, and their values."""

import operator
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np


class ClassicalType(NamedTuple):
    """`bool`, `uint` of a width in bits, or `float`."""

    kind: str
    width: int = 1

    @property
    def mask(self) -> int | bool:
        """All bits set."""
        return True if self.kind == "bool" else (1 << self.width) - 1


BOOL = ClassicalType("bool")
FLOAT = ClassicalType("float", 64)


class Bits(NamedTuple):
    """What classical bits hold: one as a bool, several as an integer.

    Attributes:
        clbits: a tuple of their numbers, least significant first; a single one too: `(0,)`.
        type: `BOOL` for one bit, or a uint at least as wide as there are bits.
    """

    clbits: tuple[int, ...]
    type: ClassicalType


class Variable(NamedTuple):
    """A classical variable of the circuit.

    Attributes:
        number: its place in `Circuit.variables`, from 0.
        type: the one that is declared there.
    """

    number: int
    type: ClassicalType


class Literal(NamedTuple):
    """A constant: a bool, a number from 0 to 2**width - 1, or a float."""

    value: bool | int | float
    type: ClassicalType


class ClassicalOperation(NamedTuple):
    """An operation on classical values, with the type of the result.

    Operands have the types below, both the same one except for shifts and `index`; `cast` makes one
    of another. Integers are taken modulo 2**width. Division by zero gives 0, of floats infinity or
    NaN.

    - of a bool or a uint, that type: bit_not; of two: bit_and, bit_or, bit_xor
    - of one bool, a bool: logic_not; of two: logic_and, logic_or
    - of two of any type, a bool: equal, not_equal
    - of two uints or two floats, a bool: less, less_equal, greater, greater_equal
    - of two uints or two floats, that type: add, sub, mul, div
    - of a float, a float: negate
    - of two uints, whose widths may differ, the type of the first: shift_left, shift_right; or bit
      number b of a, a bool: index
    - of any type, any type: cast

    Attributes:
        name: Qiskit's name of it (in `qiskit.circuit.classical.expr`), as above.
        operands: a tuple of one or two classical expressions.
        type: that of the result, as above.
    """

    name: str
    operands: tuple[Any, ...]
    type: ClassicalType


ClassicalExpression = Bits | Variable | Literal | ClassicalOperation


def _quotient(a: float, b: float) -> float:
    """As floating point numbers have it, infinity and NaN included."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.float64(a) / np.float64(b))


# Traced integers have 32 bits, as many as JAX has without its x64 flag.
MAX_TRACED_WIDTH = 32
DTYPES: dict[str, Any] = {"bool": bool, "uint": jnp.uint32, "float": float}
# What Python's numbers and traced arrays do by different names.
PYTHON = SimpleNamespace(
    minimum=min,
    maximum=max,
    uint=int,
    float=float,
    shift_right=operator.rshift,
    divide=_quotient,
    mask=lambda kind: kind.mask,
    literal=lambda literal: literal.value,
)
TRACED = SimpleNamespace(
    minimum=jnp.minimum,
    maximum=jnp.maximum,
    uint=lambda x: jnp.asarray(x).astype(jnp.uint32),
    float=lambda x: jnp.asarray(x).astype(float),
    shift_right=lambda a, b: jnp.where(b < MAX_TRACED_WIDTH, a >> (b % MAX_TRACED_WIDTH), 0),
    divide=operator.truediv,
    mask=lambda kind: True if kind.kind == "bool" else np.uint32(kind.mask),
    literal=lambda literal: jnp.asarray(literal.value, DTYPES[literal.type.kind]),
)


def _divide(algebra: Any, kind: ClassicalType, a: Any, b: Any) -> Any:
    # OpenQASM leaves division by zero open: an integer gives 0.
    if kind.kind == "float":
        return algebra.divide(a, b)
    return (a // algebra.maximum(b, 1)) * algebra.uint(b != 0)


def _cast(algebra: Any, kind: ClassicalType, a: Any) -> Any:
    if kind.kind == "bool":
        return a != 0
    return algebra.float(a) if kind.kind == "float" else algebra.uint(a) & algebra.mask(kind)


def _arithmetic(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Unsigned integers are taken modulo 2**width, as in OpenQASM 3."""

    def compute(algebra: Any, kind: ClassicalType, a: Any, b: Any) -> Any:
        return function(a, b) if kind.kind == "float" else function(a, b) & algebra.mask(kind)

    return compute


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda _algebra, _kind, *operands: function(*operands)


def _shift_left(algebra: Any, kind: ClassicalType, a: Any, b: Any) -> Any:
    # A shift by the whole width or more leaves nothing.
    kept = (a << algebra.minimum(b, kind.width - 1)) & algebra.mask(kind)
    return kept * algebra.uint(b < kind.width)


# Name -> (algebra, type of the result, operands) -> value. The names are those of Qiskit's `expr`.
OPERATIONS: dict[str, Callable[..., Any]] = {
    "bit_not": lambda algebra, kind, a: a ^ algebra.mask(kind),
    "logic_not": _plain(lambda a: a ^ True),
    "negate": _plain(operator.neg),
    "cast": _cast,
    "bit_and": _plain(operator.and_),
    "bit_or": _plain(operator.or_),
    "bit_xor": _plain(operator.xor),
    "logic_and": _plain(operator.and_),
    "logic_or": _plain(operator.or_),
    "equal": _plain(operator.eq),
    "not_equal": _plain(operator.ne),
    "less": _plain(operator.lt),
    "less_equal": _plain(operator.le),
    "greater": _plain(operator.gt),
    "greater_equal": _plain(operator.ge),
    "shift_left": _shift_left,
    "shift_right": lambda algebra, _, a, b: algebra.shift_right(a, b),
    "add": _arithmetic(operator.add),
    "sub": _arithmetic(operator.sub),
    "mul": _arithmetic(operator.mul),
    "div": _divide,
    "index": lambda algebra, _, a, b: (algebra.shift_right(a, b) & 1) == 1,
}


def evaluate_classical(
    expression: ClassicalExpression,
    read: Callable[[Bits | Variable], Any],
    apply: Callable[..., Any],
    algebra: Any,
) -> Any:
    """The value of an expression.

    Args:
        expression: what to evaluate.
        read: what bits and variables hold.
        apply: (name of an operation, type of its result, operands) -> its value; `OPERATIONS`
            has what the names mean.
        algebra: `PYTHON` or `TRACED`.
    """
    if isinstance(expression, Literal):
        return algebra.literal(expression)
    if not isinstance(expression, ClassicalOperation):
        return read(expression)
    operands = (
        evaluate_classical(operand, read, apply, algebra) for operand in expression.operands
    )
    return apply(expression.name, expression.type, *operands)


def expressions_in(expression: ClassicalExpression) -> list[ClassicalExpression]:
    """An expression and all that it is made of."""
    parts = expression.operands if isinstance(expression, ClassicalOperation) else ()
    return [expression, *(inner for part in parts for inner in expressions_in(part))]
