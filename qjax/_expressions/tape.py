"""Floor 1. Long expressions -> tables of steps, which one compiled loop works off.

Compiled operation by operation, an expression of a thousand of them takes minutes. A step takes
two operands from a few registers, or a leaf in the place of one, and puts the result into another.
Which operand is computed first decides how many registers there must be: the one that needs more
of them (R. Sethi and J. D. Ullman, J. ACM 17, 715 (1970)).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from qjax._base.tables import static, table_class
from qjax._expressions.expression import BINARY, UNARY, Expression, evaluate_expression

# The operation that takes a leaf to a register, and fills up what has fewer steps than others.
COPY = "copy"

# Where the leaf of a step is, and where the first result goes.
_LEAF, _FIRST = 0, 1


@table_class
class Tape:
    """Long expressions, worked off step by step; one lane for each.

    A step applies an operation to two registers, of which the second counts for operations of two
    operands only, and puts the result into another. Register 0 holds the leaf of the step; the
    last step leaves the value in the register that it writes.

    Attributes:
        operations: the names that `codes` stand for.
        periodic: see `ExpressionGroup`.
        num_registers: how many there are.
        uniform: whether all lanes take the same steps.
        codes, left, right, out: `(steps,)` if `uniform`, else `(steps, lanes)`.
        parameters: `(steps, lanes)` index of the parameter that is the leaf.
        is_parameter: `(steps, lanes)`, else it is the constant.
        constants, rests: `(steps, lanes)`, see `ExpressionGroup`.
    """

    operations: tuple[str, ...] = static()
    periodic: bool = static()
    num_registers: int = static()
    uniform: bool = static()
    codes: np.ndarray
    left: np.ndarray
    right: np.ndarray
    out: np.ndarray
    parameters: np.ndarray
    is_parameter: np.ndarray
    constants: np.ndarray
    rests: np.ndarray


class _Leaf(NamedTuple):
    """A parameter, by its position, or a number."""

    parameter: int | None
    constant: float


class _Operation(NamedTuple):
    """An operation on leaves, or on earlier operations by their numbers."""

    name: str
    operands: tuple["_Leaf | int", ...]


class _Step(NamedTuple):
    """One step: see `Tape`."""

    name: str
    left: int
    right: int
    out: int
    leaf: _Leaf | None


def tape_of(members: Sequence[Expression], positions: Mapping[int, int], *, periodic: bool) -> Tape:
    """One tape for some expressions, each a lane of it.

    Args:
        members: the expressions.
        positions: parameter index -> its position in the array that they are evaluated for.
        periodic: see `ExpressionGroup`.
    """
    lanes = [_steps(_operations(expression, positions)) for expression in members]
    length = max(len(lane) for lane in lanes)
    lanes = [lane + [_idle(lane[-1].out)] * (length - len(lane)) for lane in lanes]
    used = tuple(sorted({step.name for lane in lanes for step in lane}))
    codes = {name: code for code, name in enumerate(used)}
    kept = np.array(
        [[(codes[s.name], s.left, s.right, s.out) for s in lane] for lane in lanes], np.int32
    )
    leaves = [[s.leaf or _Leaf(None, 0.0) for s in lane] for lane in lanes]
    places = [[-1 if x.parameter is None else x.parameter for x in lane] for lane in leaves]
    parameters = np.array(places, np.int32).T
    constants = np.array([[leaf.constant for leaf in lane] for lane in leaves], np.float64).T
    uniform = bool((kept == kept[:1]).all())
    tables = np.moveaxis(kept[0] if uniform else np.swapaxes(kept, 0, 1), -1, 0)
    code, left, right, out = map(np.ascontiguousarray, tables)
    return Tape(
        used,
        periodic,
        int(kept[..., 1:].max()) + 1,
        uniform,
        code,
        left,
        right,
        out,
        np.maximum(parameters, 0),
        parameters >= 0,
        constants,
        rests_of(constants),
    )


def rests_of(constants: np.ndarray) -> np.ndarray:
    """What rounding to single precision takes from numbers; `in_precision` refuses larger ones."""
    with np.errstate(over="ignore"):
        rests: np.ndarray = constants - constants.astype(np.float32)
    return rests


def _idle(register: int) -> _Step:
    return _Step(COPY, register, register, register, None)


def _operations(expression: Expression, positions: Mapping[int, int]) -> list[_Operation]:
    """What is computed, in postfix order; what an expression keeps is one operation."""
    operations: list[_Operation] = []

    def recorded(name: str) -> Callable[..., int]:
        def record(*operands: _Leaf | int) -> int:
            operations.append(_Operation(name, operands))
            return len(operations) - 1

        return record

    result = evaluate_expression(
        expression.program,
        [_Leaf(positions[p], 0.0) for p in expression.parameters],
        [_Leaf(None, c) for c in expression.constants],
        algebra=SimpleNamespace(**{name: recorded(name) for name in UNARY | BINARY}),
    )
    if isinstance(result, _Leaf):
        operations.append(_Operation(COPY, (result,)))
    return operations


def _steps(operations: list[_Operation]) -> list[_Step]:
    """In an order of few registers, with those that results go to."""
    writer = _Writer(operations)
    for number in _order(operations):
        writer.write(number)
    return writer.steps


def _order(operations: list[_Operation]) -> list[int]:
    """The operand that needs more registers first."""
    needs: list[int] = []
    for _, operands in operations:
        own = sorted((needs[o] for o in operands if isinstance(o, int)), reverse=True)
        needs.append(max([1, *(need + num_held for num_held, need in enumerate(own))]))
    order: list[int] = []
    done: set[int] = set()
    left = [(len(operations) - 1, False)]
    while left:
        number, is_ready = left.pop()
        if number in done:
            continue
        if is_ready:
            done.add(number)
            order.append(number)
            continue
        left.append((number, True))
        inner = [o for o in operations[number].operands if isinstance(o, int)]
        left += [(o, False) for o in sorted(inner, key=needs.__getitem__)]
    return order


@dataclass
class _Writer:
    """The steps so far, and which registers are free."""

    operations: list[_Operation]
    steps: list[_Step] = field(default_factory=list)
    registers: dict[int, int] = field(default_factory=dict)
    uses: dict[int, int] = field(default_factory=dict)
    free: list[int] = field(default_factory=list)
    highest: int = _FIRST

    def __post_init__(self) -> None:
        for _, operands in self.operations:
            for operand in operands:
                if isinstance(operand, int):
                    self.uses[operand] = self.uses.get(operand, 0) + 1

    def write(self, number: int) -> None:
        """Write an operation whose operands were written."""
        name, operands = self.operations[number]
        leaves = [operand for operand in operands if isinstance(operand, _Leaf)]
        extra = None
        if len(leaves) == 2 and leaves[0] != leaves[1]:
            extra = self._take()
            self.steps.append(_Step(COPY, _LEAF, _LEAF, extra, leaves[0]))
        places = [_LEAF if isinstance(o, _Leaf) else self.registers[o] for o in operands]
        if extra is not None:
            places[0] = extra
            heappush(self.free, extra)
        for operand in operands:
            if isinstance(operand, int):
                self._release(operand)
        out = self._take()
        self.registers[number] = out
        leaf = leaves[-1] if leaves else None
        self.steps.append(_Step(name, places[0], places[-1], out, leaf))

    def _take(self) -> int:
        if self.free:
            return heappop(self.free)
        self.highest += 1
        return self.highest - 1

    def _release(self, number: int) -> None:
        self.uses[number] -= 1
        if not self.uses[number]:
            heappush(self.free, self.registers[number])
