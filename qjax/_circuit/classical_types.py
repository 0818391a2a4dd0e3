"""Floor 2. Types of classical expressions: what each operation takes, what it gives, what fits."""

from typing import NamedTuple

import numpy as np

from qjax._base.arrays import counted
from qjax._base.options import as_whole, is_whole
from qjax._circuit.classical import (
    BOOL,
    FLOAT,
    OPERATIONS,
    Bits,
    ClassicalExpression,
    ClassicalOperation,
    ClassicalType,
    Literal,
    Variable,
)

_NODES = (Bits, Variable, Literal, ClassicalOperation)


class Signature(NamedTuple):
    """The types of a classical operation.

    Attributes:
        operands: for each operand, the kinds that it may have.
        result: "bool", "operand" for the type of the first operand, or "any".
        alike: whether the operands must be of one type.
    """

    operands: tuple[str, ...]
    result: str = "operand"
    alike: bool = True

    def __str__(self) -> str:
        kinds = " or ".join(self.operands[0].split())
        count = counted(len(self.operands), "operand")
        alike = " of one type" if self.alike and len(self.operands) > 1 else ""
        result = {"operand": "the type of the first", "any": "any type"}.get(
            self.result, self.result
        )
        return f"{count}{alike}, {kinds}, and gives {result}"


_BITWISE = Signature(("bool uint",) * 2)
_LOGIC = Signature(("bool",) * 2, "bool")
_EQUALITY = Signature(("bool uint float",) * 2, "bool")
_ORDER = Signature(("uint float",) * 2, "bool")
_SHIFT = Signature(("uint",) * 2, alike=False)
_ARITHMETIC = Signature(("uint float",) * 2)

# What Qiskit's `expr` builds, where nothing has to be cast.
SIGNATURES: dict[str, Signature] = {
    "bit_not": Signature(("bool uint",)),
    "logic_not": Signature(("bool",)),
    "negate": Signature(("float",)),
    "cast": Signature(("bool uint float",), "any"),
    **dict.fromkeys(("bit_and", "bit_or", "bit_xor"), _BITWISE),
    **dict.fromkeys(("logic_and", "logic_or"), _LOGIC),
    **dict.fromkeys(("equal", "not_equal"), _EQUALITY),
    **dict.fromkeys(("less", "less_equal", "greater", "greater_equal"), _ORDER),
    **dict.fromkeys(("shift_left", "shift_right"), _SHIFT),
    **dict.fromkeys(("add", "sub", "mul", "div"), _ARITHMETIC),
    "index": Signature(("uint",) * 2, "bool", alike=False),
}


def check_type(kind: ClassicalType) -> None:
    """Require a type of classical values.

    Raises:
        TypeError: for what is no `ClassicalType`.
        ValueError: for an unknown kind, or a width that there is not.
    """
    if not isinstance(kind, ClassicalType):
        raise TypeError(f"{kind!r} is no ClassicalType, such as BOOL or ClassicalType('uint', 8)")
    if kind.kind not in ("bool", "uint", "float"):
        raise ValueError(f"unknown type {kind.kind!r}; expected 'bool', 'uint' or 'float'")
    if kind.kind == "uint":
        as_whole(kind.width, "the width of a uint, in bits", 1)
    elif kind not in (BOOL, FLOAT):
        raise ValueError(f"{kind}: its width is not to choose; expected {kind.kind.upper()}")


def check_expression(
    expression: ClassicalExpression, num_clbits: int, variables: tuple[ClassicalType, ...]
) -> None:
    """Require that an expression has one type throughout, and fits a circuit.

    Args:
        expression: what to check.
        num_clbits: how many classical bits the circuit has.
        variables: the types of its variables.

    Raises:
        ValueError: for bits and variables beyond the circuit's, unknown operations, wrong numbers
            of operands, and literals beyond their type.
        TypeError: for what is no classical expression, and for types that do not fit.
    """
    if not isinstance(expression, _NODES):
        raise TypeError(
            f"the {type(expression).__name__} {expression!r} is no classical expression; expected "
            "Bits((0,), BOOL), a Variable, a Literal or a ClassicalOperation"
        )
    check_type(expression.type)
    match expression:
        case Bits():
            _check_bits(expression, num_clbits)
        case Variable():
            _check_variable(expression, variables)
        case Literal():
            _check_literal(expression)
        case ClassicalOperation():
            _check_operation(expression, num_clbits, variables)


def _check_bits(bits: Bits, num_clbits: int) -> None:
    if not isinstance(bits.clbits, tuple):
        raise TypeError(f"{bits}: expected a tuple of bits, such as Bits((0,), BOOL)")
    if not all(is_whole(bit) and 0 <= bit < num_clbits for bit in bits.clbits):
        raise ValueError(f"{bits}: a classical bit lies outside the circuit's {num_clbits}")
    count = len(bits.clbits)
    if len(set(bits.clbits)) < count:
        raise ValueError(f"{bits}: a classical bit stands in it twice")
    kind = bits.type
    fits = count == 1 if kind == BOOL else kind.kind == "uint" and 1 <= count <= kind.width
    if not fits:
        raise TypeError(
            f"{bits}: {counted(count, 'bit')} cannot be read as {_named(kind)}; expected "
            "one bit as BOOL, or as many as the width of ClassicalType('uint', width)"
        )


def _check_variable(variable: Variable, variables: tuple[ClassicalType, ...]) -> None:
    number = variable.number
    if not (is_whole(number) and 0 <= number < len(variables)):
        raise ValueError(f"{variable}: a variable lies outside the circuit's {len(variables)}")
    if variable.type != variables[number]:
        raise TypeError(
            f"{variable}: the circuit declares it as {_named(variables[number])}, in `variables`; "
            "expected the same type"
        )


def _check_literal(literal: Literal) -> None:
    value, kind = literal.value, literal.type
    if kind.kind == "float":
        fits = is_whole(value) or isinstance(value, (float, np.floating))
    else:
        fits = is_within(value, kind)
    if not fits:
        error = ValueError if isinstance(value, (int, float)) else TypeError
        raise error(f"{literal}: {value!r} is no {_named(kind)}; expected {_values(kind)}")


def is_within(value: object, kind: ClassicalType) -> bool:
    """Whether it is a value of a type, bool or uint; 0 and 1 are those of a bool too."""
    if isinstance(value, bool):
        return kind == BOOL
    return is_whole(value) and 0 <= value <= kind.mask  # type: ignore[operator]


def _check_operation(
    operation: ClassicalOperation, num_clbits: int, variables: tuple[ClassicalType, ...]
) -> None:
    name, operands = operation.name, operation.operands
    if name not in SIGNATURES:
        known = ", ".join(OPERATIONS)
        raise ValueError(f"unknown classical operation {name!r}; expected one of {known}")
    if not isinstance(operands, tuple) or isinstance(operands, _NODES):
        raise TypeError(f"{name}: expected a tuple of operands, got {operands!r}")
    for operand in operands:
        check_expression(operand, num_clbits, variables)
    signature = SIGNATURES[name]
    got = ", ".join(_named(operand.type) for operand in operands) or "none"
    if len(operands) != len(signature.operands):
        raise ValueError(f"{name} takes {signature}; got {len(operands)}: {got}")
    if not _fit(signature, tuple(operand.type for operand in operands)):
        raise TypeError(
            f"{name} takes {signature}; got {got}. ClassicalOperation('cast', (x,), type) makes "
            "one type of another"
        )
    expected = {"bool": BOOL, "any": operation.type}.get(signature.result, operands[0].type)
    if operation.type != expected:
        raise TypeError(
            f"{name} of {got} gives {_named(expected)}; got the type {_named(operation.type)}"
        )


def _fit(signature: Signature, kinds: tuple[ClassicalType, ...]) -> bool:
    if signature.alike and len(set(kinds)) > 1:
        return False
    taken = zip(kinds, signature.operands, strict=True)
    return all(kind.kind in allowed.split() for kind, allowed in taken)


# ---------------------------------------------------------------- what control flow asks of types


def check_condition(condition: ClassicalExpression) -> None:
    """Require a condition.

    Raises:
        TypeError: for an expression that is no bool.
    """
    if condition.type != BOOL:
        raise TypeError(
            f"its condition is a {_named(condition.type)}; expected a bool, such as "
            "ClassicalOperation('not_equal', (x, Literal(0, x.type)), BOOL)"
        )


def check_stored(target: Bits | Variable, value: ClassicalExpression) -> None:
    """Require that a value has the type of what it is written to.

    Raises:
        TypeError: otherwise.
    """
    if value.type != target.type:
        raise TypeError(
            f"it writes a {_named(value.type)} to a {_named(target.type)}; expected one type: "
            "ClassicalOperation('cast', (value,), target.type)"
        )


def check_switched(target: ClassicalExpression) -> None:
    """Require something to switch on.

    Raises:
        TypeError: for a float.
    """
    if target.type.kind == "float":
        raise TypeError("it switches on a float; expected a bool or a uint, or compare it first")


def check_case_value(value: object, kind: ClassicalType) -> None:
    """Require a value of a case.

    Raises:
        ValueError: for a number that the target cannot be.
        TypeError: for what is no whole number.
    """
    if not is_within(value, kind):
        error = ValueError if is_whole(value) else TypeError
        raise error(
            f"the value {value!r} of a case is none of its target, a {_named(kind)}; expected "
            f"{_values(kind)}, or Case(None, block) for all others"
        )


def _named(kind: ClassicalType) -> str:
    return f"uint of width {kind.width}" if kind.kind == "uint" else kind.kind


def _values(kind: ClassicalType) -> str:
    if kind.kind == "float":
        return "a real number"
    if kind.kind == "bool":
        return "True or False"
    return f"a whole number from 0 to {kind.mask}"
