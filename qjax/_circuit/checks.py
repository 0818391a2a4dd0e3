"""Floor 2. Whether what a circuit is written down as has a meaning: errors say what is wrong."""

import operator
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from qjax._base.arrays import counted
from qjax._base.options import check_ordered, is_whole
from qjax._circuit.channels import BitNoise, Noise
from qjax._circuit.classical import Bits, ClassicalType, Variable
from qjax._circuit.classical_types import (
    check_case_value,
    check_condition,
    check_expression,
    check_stored,
    check_switched,
)
from qjax._circuit.control_flow import (
    Break,
    Case,
    Continue,
    ControlFlow,
    For,
    Op,
    Reset,
    Store,
    Switch,
    While,
    blocks_of,
    expressions_of,
)
from qjax._circuit.gates import GATES, LABELS
from qjax._circuit.known_values import check_known, check_unitary
from qjax._circuit.operations import Amplitudes, Control, Gate, Matrix, Measure
from qjax._expressions import Expression, check_program

# Of blocks in blocks: beyond 80, copies and runs reach Python's limit of calls in calls.
MOST_NESTED = 64


class Sizes(NamedTuple):
    """How many of each a circuit has, and the types of its variables."""

    qubits: int
    clbits: int
    params: int
    variables: tuple[ClassicalType, ...]


def check_operation(sizes: Sizes, op: Op, in_loop: bool = False) -> None:
    """Require that an operation fits a circuit.

    Args:
        sizes: those of the circuit.
        op: the operation.
        in_loop: whether it stands inside a loop, and may leave one.

    Raises:
        ValueError: for qubits, bits, parameters or variables that the circuit lacks or that are
            given twice, unknown names, and wrong numbers of them.
        TypeError: for what is no operation, or holds what is no tuple or no expression, and for
            classical values of a type that does not fit.
    """
    if isinstance(op, Gate):
        _check_gate(sizes, op)
    elif isinstance(op, Measure):
        _check_qubits(sizes, (op.qubit,))
        if not _is_below(op.clbit, sizes.clbits):
            raise ValueError(f"a classical bit lies outside {_bounds(op.clbit, sizes.clbits)}")
    elif isinstance(op, Amplitudes):
        _check_amplitudes(sizes, op)
    elif isinstance(op, Noise):
        _check_qubits(sizes, op.support)
    elif isinstance(op, BitNoise):
        for clbit in op.clbits:
            if not _is_below(clbit, sizes.clbits):
                raise ValueError(f"a classical bit lies outside {_bounds(clbit, sizes.clbits)}")
    elif isinstance(op, ControlFlow):
        _check_flow(sizes, op, in_loop)
    else:
        raise TypeError(
            f"a {type(op).__name__} is no operation; expected what qjax.operations has, such as "
            "gate('h', 0) or Measure(0, 0)"
        )


def _check_gate(sizes: Sizes, op: Gate) -> None:
    if op.matrix is None and op.name not in GATES:
        raise ValueError(
            f"unknown gate {op.name!r}; expected one of {', '.join(GATES)}, or a matrix"
        )
    _check_label(op)
    if op.matrix is not None and not isinstance(op.matrix, Matrix):
        raise TypeError(
            f"its matrix is a {type(op.matrix).__name__}; expected a gate made by "
            "qjax.operations.matrix_gate(matrix, qubits)"
        )
    for part in (op.qubits, op.angles, op.controls):
        check_tuple(part, "qubits, angles and controls")
    if op.matrix is not None:
        check_unitary(op.matrix)
    kind = op.kind
    if len(op.qubits) != kind.num_qubits:
        raise ValueError(f"it acts on {counted(kind.num_qubits, 'qubit')}, got {len(op.qubits)}")
    if len(op.angles) != kind.num_angles:
        raise ValueError(f"it takes {counted(kind.num_angles, 'angle')}, got {len(op.angles)}")
    for control in op.controls:
        if not isinstance(control, Control):
            raise TypeError(f"its control {control!r} is no Control(qubit, value)")
        if not isinstance(control.value, int | np.integer) or control.value not in (0, 1):
            raise ValueError(f"it is controlled by the value {control.value!r}; expected 0 or 1")
    _check_qubits(sizes, op.support)
    _check_expressions(sizes, op.angles, "an angle")


def _check_label(op: Gate) -> None:
    if op.label is not None and LABELS.get(op.label) != op.name:
        raise ValueError(
            f"its label is {op.label!r}; expected None, or one of {', '.join(LABELS)} for the gate "
            "that this is another name of"
        )


def _check_amplitudes(sizes: Sizes, op: Amplitudes) -> None:
    for part in (op.qubits, op.real, op.imag):
        check_tuple(part, "qubits, real and imag")
    size = 2 ** len(op.qubits)
    if len(op.real) != size or len(op.imag) not in (0, size):
        raise ValueError(
            f"{len(op.qubits)} qubits have {size} amplitudes, got {len(op.real)}, {len(op.imag)}"
        )
    _check_qubits(sizes, op.qubits)
    known = _check_expressions(sizes, op.real + op.imag, "an amplitude")
    if all(amplitude == 0 for amplitude in known):
        raise ValueError("all amplitudes are 0, which is no state")


def _check_qubits(sizes: Sizes, qubits: tuple[int, ...]) -> None:
    for qubit in qubits:
        is_within = 0 <= qubit < sizes.qubits if type(qubit) is int else False
        if not is_within and not _is_below(qubit, sizes.qubits):
            raise ValueError(f"a qubit lies outside {_bounds(qubit, sizes.qubits)}")
    if len(qubits) > 1 and len(set(qubits)) != len(qubits):
        raise ValueError("a qubit stands in it twice")


def _is_below(number: object, size: int) -> bool:
    return is_whole(number) and 0 <= number < size  # type: ignore[operator]


def _bounds(number: object, size: int) -> str:
    kind = "" if is_whole(number) else f"the {type(number).__name__} "
    expected = f"a whole number from 0 to {size - 1}" if size else "none"
    return f"the circuit's {size}: got {kind}{number!r}, expected {expected}"


def _check_expressions(
    sizes: Sizes, expressions: Iterable[Expression], what: str
) -> list[float | None]:
    """The values of those that have one whatever the parameters are, None for the others."""
    known = []
    for expression in expressions:
        if not isinstance(expression, Expression):
            raise TypeError(
                f"{what} is a {type(expression).__name__}, {expression!r}; expected an Expression, "
                "such as qjax.operations.constant(0.5) or parameter(0)"
            )
        check_tuple(expression.program, "an expression")
        check_tuple(expression.parameters, "an expression")
        check_tuple(expression.constants, "an expression")
        for index in expression.parameters:
            if type(index) is int and 0 <= index < sizes.params:
                continue
            if not _is_below(index, sizes.params):
                raise ValueError(f"{what} uses a parameter beyond {_bounds(index, sizes.params)}")
        check_program(expression)
        known.append(check_known(expression, what))
    return known


# ---------------------------------------------------------------- control flow


def _check_flow(sizes: Sizes, op: ControlFlow, in_loop: bool) -> None:
    if isinstance(op, Reset):
        _check_qubits(sizes, (op.qubit,))
    if isinstance(op, (Break, Continue)) and not in_loop:
        raise ValueError("it stands outside of every loop")
    if isinstance(op, Store) and not isinstance(op.target, Bits | Variable):
        raise TypeError(f"it writes to {op.target!r}; expected Bits or a Variable")
    for expression in expressions_of(op):
        check_expression(expression, sizes.clbits, sizes.variables)
    _check_values(op)
    if isinstance(op, For):
        check_tuple(op.iterations, "its iterations")
    for block in blocks_of(op):
        check_tuple(block, "a block")
        for inner in block:
            try:
                check_operation(sizes, inner, in_loop or isinstance(op, (For, While)))
            except (TypeError, ValueError) as error:
                raise type(error)(f"{inner}: {error}") from error


def _check_values(op: ControlFlow) -> None:
    """What an operation asks of the types of its expressions."""
    match op:
        case Store(target, value):
            check_stored(target, value)
        case While(condition):
            check_condition(condition)
        case Switch():
            check_switched(op.target)
            _check_cases(op)


def check_depth(index: int, op: Op) -> None:
    """Require that blocks do not nest deeper than Python's calls can, whatever is done to them.

    Raises:
        ValueError: where they do; names the operation by its index.
    """
    if isinstance(op, Gate):
        return
    level, depth = _blocks_in(op), 0
    while level:
        depth += 1
        if depth > MOST_NESTED:
            raise ValueError(
                f"operation {index} of the circuit, a {type(op).__name__}, holds blocks in blocks, "
                f"more than {MOST_NESTED} deep; write them one after the other"
            )
        level = [inner for block in level for nested in block for inner in _blocks_in(nested)]


def _blocks_in(op: object) -> list[tuple]:
    try:
        return [block for block in blocks_of(op) if isinstance(block, tuple)]
    except (AttributeError, TypeError):  # cases that are none: told where the operation is checked
        return []


def _check_cases(op: Switch) -> None:
    check_members(op.cases, "its cases", Case)
    for case in op.cases:
        if case.values is not None:
            check_tuple(case.values, "the values of a case")
            for value in case.values:
                check_case_value(value, op.target.type)


# ---------------------------------------------------------------- tuples


def check_tuple(value: object, what: str) -> None:
    """Require a tuple: circuits are hashable."""
    if type(value) is not tuple and not isinstance(value, tuple):
        raise TypeError(f"{what}: expected a tuple, got the {type(value).__name__} {value!r}")


def check_members(values: tuple, what: str, kind: type) -> None:
    """Require a tuple of one kind of things."""
    check_tuple(values, what)
    for member in values:
        if not isinstance(member, kind):
            raise TypeError(f"{what}: expected a tuple of {kind.__name__}, it holds {member!r}")


def check_qubits(qubits: Sequence[int], num_qubits: int) -> tuple[int, ...]:
    """Require distinct numbers of qubits.

    Raises:
        ValueError: for numbers out of range or given twice.
        TypeError: for what is no sequence of whole numbers.
    """
    expected = f"qubits: expected distinct numbers from 0 to {num_qubits - 1}"
    if isinstance(qubits, (int, np.integer)):
        raise TypeError(f"qubits: expected a sequence of numbers, such as [{qubits}], got {qubits}")
    check_ordered(qubits, "qubits")
    if not isinstance(qubits, Iterable):
        raise TypeError(f"{expected}, got {type(qubits).__name__}")
    checked = tuple(_whole_number(qubit, expected) for qubit in qubits)
    if len(set(checked)) != len(checked) or any(not 0 <= q < num_qubits for q in checked):
        raise ValueError(f"{expected}, got {checked}")
    return checked


def _whole_number(qubit: object, expected: str) -> int:
    try:
        if not isinstance(qubit, (bool, np.bool_)):
            return operator.index(qubit)  # type: ignore[arg-type]
    except TypeError as error:  # no integer, or one that has no value yet
        raise TypeError(f"{expected}, got {qubit!r}: {error}") from error
    raise TypeError(f"{expected}, got {qubit!r}")
