"""Floor 2. Operations of a dynamic circuit, beside gates and measurements; what is an operation."""

from dataclasses import dataclass
from typing import NamedTuple

from qjax._circuit.channels import BitNoise, Noise
from qjax._circuit.classical import Bits, ClassicalExpression, Variable
from qjax._circuit.operations import Amplitudes, Gate, Measure

# Operations in the order in which they run; those of control flow hold blocks in turn.
Block = tuple["Op", ...]


@dataclass(frozen=True, slots=True)
class Reset:
    """Bring a qubit to |0>, whatever it was."""

    qubit: int


@dataclass(frozen=True, slots=True)
class Store:
    """Write a classical value to a variable, or to classical bits."""

    target: Bits | Variable
    value: ClassicalExpression


class Case(NamedTuple):
    """A block for some values of a switch; None stands for every value that no case before has."""

    values: tuple[int, ...] | None
    block: Block


@dataclass(frozen=True, slots=True)
class Switch:
    """Run the first case that the value is in, if there is one: `if` and `else` too."""

    target: ClassicalExpression
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class For:
    """Blocks one after the other, the body of a loop with the values of its variable in place."""

    iterations: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class While:
    """Run a block again and again, as long as a condition holds before it."""

    condition: ClassicalExpression
    block: Block


@dataclass(frozen=True, slots=True)
class Break:
    """Leave the innermost loop."""


@dataclass(frozen=True, slots=True)
class Continue:
    """Go on with the next iteration of the innermost loop."""


ControlFlow = Reset | Store | Switch | For | While | Break | Continue
Op = Gate | Measure | Amplitudes | Noise | BitNoise | ControlFlow


def blocks_of(op: object) -> tuple[Block, ...]:
    """The blocks inside an operation."""
    if isinstance(op, Switch):
        return tuple(case.block for case in op.cases)
    if isinstance(op, For):
        return op.iterations
    return (op.block,) if isinstance(op, While) else ()


def reached_cases(cases: tuple[Case, ...]) -> tuple[Case, ...]:
    """The cases that a value can lead to: each value once, and none after the case for all others.

    A switch with these does the same.
    """
    kept: list[Case] = []
    seen: set[int] = set()
    for values, block in cases:
        if values is None:
            return (*kept, Case(None, block))
        new = tuple(value for value in dict.fromkeys(values) if value not in seen)
        seen.update(new)
        if new:
            kept.append(Case(new, block))
    return tuple(kept)


def expressions_of(op: object) -> tuple[ClassicalExpression, ...]:
    """The classical expressions that an operation reads or writes."""
    if isinstance(op, Store):
        return (op.target, op.value)
    if isinstance(op, Switch):
        return (op.target,)
    return (op.condition,) if isinstance(op, While) else ()
