"""Floor 3. Deeply nested ifs -> the same blocks one after the other, guarded by variables.

Everything that walks a circuit goes as deep as its blocks do. Beyond some depth, what a block does
is written behind its condition, which a variable keeps: `if a: {A; if b: {B}; C}` becomes
`v = a; if v: A; w = v and b; if w: B; if v: C`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from qiskit import QuantumCircuit
from qiskit.circuit import BoxOp, CircuitInstruction, Clbit, IfElseOp, Operation, SwitchCaseOp
from qiskit.circuit.classical import expr

from qjax._circuit.classical import (
    BOOL,
    ClassicalExpression,
    ClassicalOperation,
    ClassicalType,
    Literal,
    Variable,
)
from qjax._circuit.control_flow import Case, Op, Store, Switch
from qjax._qiskit.control_flow import lifted, values_of

# Blocks inside blocks stay as they are up to this depth.
MOST_NESTED = 32

Clbits = Mapping[Clbit, int]


def can_be_flat(operation: Operation) -> bool:
    """Whether it is an operation that runs blocks of its own at most once."""
    return isinstance(operation, (IfElseOp, SwitchCaseOp, BoxOp))


class Tools(NamedTuple):
    """What the conversion around it does.

    Attributes:
        convert: (instruction, its qubits, classical bits, all classical bits) -> operations, for
            what is no block.
        phase: (body) -> operations of its global phase.
        read: (classical expression, all classical bits) -> the same as data.
        variable: makes a variable.
    """

    convert: Callable[[Operation, list[int], list[int], Clbits], Sequence[Op]]
    phase: Callable[[QuantumCircuit], Sequence[Op]]
    read: Callable[[expr.Expr, Clbits], ClassicalExpression]
    variable: Callable[[ClassicalType], Variable]


class _Frame(NamedTuple):
    """A block that is being written: what is left of it, its bits, and where it runs."""

    left: Iterator[CircuitInstruction]
    qubits: Mapping
    clbits: Clbits
    guard: ClassicalExpression | None


@dataclass
class _Writer:
    """What was written, and what goes behind the guard of the block that is open."""

    ops: list[Op] = field(default_factory=list)
    pending: list[Op] = field(default_factory=list)

    def flush(self, guard: ClassicalExpression | None) -> None:
        if self.pending:
            block = tuple(self.pending)
            self.ops += block if guard is None else (Switch(guard, (Case((1,), block),)),)
            self.pending = []


def flattened(
    operation: Operation, qubits: Sequence[int], clbits: Sequence[int], outer: Clbits, tools: Tools
) -> tuple[Op, ...]:
    """The operations of an `if`, a switch or a box, whatever is nested in it.

    Args:
        operation: one that `can_be_flat`.
        qubits: those that it acts on.
        clbits: its classical bits.
        outer: the classical bits of the body that it stands in.
        tools: what the conversion does with all else.
    """
    writer = _Writer()
    stack: list[_Frame] = []
    _open(writer, stack, operation, qubits, clbits, outer, None, tools)
    while stack:
        frame = stack[-1]
        instruction = next(frame.left, None)
        if instruction is None:
            writer.flush(frame.guard)
            stack.pop()
            continue
        places = [frame.qubits[bit] for bit in instruction.qubits]
        bits = [frame.clbits[bit] for bit in instruction.clbits]
        if can_be_flat(instruction.operation):
            writer.flush(frame.guard)
            _open(
                writer, stack, instruction.operation, places, bits, frame.clbits, frame.guard, tools
            )
        else:
            writer.pending += tools.convert(instruction.operation, places, bits, frame.clbits)
    return tuple(writer.ops)


def _open(
    writer: _Writer,
    stack: list[_Frame],
    operation: Operation,
    qubits: Sequence[int],
    clbits: Sequence[int],
    outer: Clbits,
    guard: ClassicalExpression | None,
    tools: Tools,
) -> None:
    """Compute where the blocks of an operation run, and put them on the stack, first on top."""
    blocks = list(operation.blocks)
    guards = (
        [guard] if isinstance(operation, BoxOp) else _guards(writer, operation, outer, guard, tools)
    )
    for body, own in reversed(list(zip(blocks, guards, strict=True))):
        clbit_of = dict(zip(body.clbits, clbits, strict=True))
        qubit_of = dict(zip(body.qubits, qubits, strict=True))
        phase = tools.phase(body)
        if phase:
            writer.ops += phase if own is None else [Switch(own, (Case((1,), tuple(phase)),))]
        stack.append(_Frame(iter(body.data), qubit_of, clbit_of, own))


def _guards(
    writer: _Writer,
    operation: Operation,
    outer: Clbits,
    guard: ClassicalExpression | None,
    tools: Tools,
) -> list[Variable]:
    if isinstance(operation, IfElseOp):
        value = tools.read(lifted(operation.condition), outer)
        cases: Sequence[tuple[int, ...] | None] = [(1,), None][: len(operation.blocks)]
    else:
        value = tools.read(expr.lift(operation.target), outer)
        cases = [values_of(values) for values, _ in operation.cases_specifier()]
    target = tools.variable(value.type)
    writer.ops.append(Store(target, value))
    guards: list[Variable] = []
    for values in cases:
        hit = _any(guards) if values is None else _any([_equal(target, v) for v in values])
        if values is None:
            hit = ClassicalOperation("logic_not", (hit,), BOOL)
        own = tools.variable(BOOL)
        writer.ops.append(Store(own, hit if guard is None else _both(guard, hit)))
        guards.append(own)
    return guards


def _equal(target: Variable, value: int) -> ClassicalExpression:
    if target.type == BOOL:
        return target if value else ClassicalOperation("logic_not", (target,), BOOL)
    return ClassicalOperation("equal", (target, Literal(value, target.type)), BOOL)


def _both(left: ClassicalExpression, right: ClassicalExpression) -> ClassicalExpression:
    return ClassicalOperation("logic_and", (left, right), BOOL)


def _any(parts: Sequence[ClassicalExpression]) -> ClassicalExpression:
    """Nested to the depth of the logarithm of their number."""
    if len(parts) <= 1:
        return parts[0] if parts else Literal(False, BOOL)
    half = len(parts) // 2
    return ClassicalOperation("logic_or", (_any(parts[:half]), _any(parts[half:])), BOOL)
