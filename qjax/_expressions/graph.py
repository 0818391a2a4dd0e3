"""Floor 1. Expressions while they are made: nodes, each distinct one once -> an Expression.

Postfix programs are put together once, at the end: operation by operation, they would be copied
as often as they are deep. What a long expression uses again is computed once; a short one is
written out, as it was given.
"""

from dataclasses import dataclass, field

from qjax._base import tuning
from qjax._expressions.expression import CONSTANT, KEEP, PARAMETER, RECALL, Expression


@dataclass
class Graph:
    """Nodes by their numbers; operands have smaller ones.

    Attributes:
        nodes: `(name, *operands)` of an operation, `("p", index)` or `("c", number)`.
        numbers: where each node stands.
        sizes: how many leaves and operations each stands for, counted no further than what makes
            an expression long.
    """

    nodes: list[tuple] = field(default_factory=list)
    numbers: dict[tuple, int] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)

    def parameter(self, index: int) -> int:
        """The node of a circuit's parameter."""
        return self._add((PARAMETER, index), 1)

    def constant(self, value: complex) -> int:
        """The node of a number."""
        # 0.0 and -0.0 are equal, but not the same number.
        return self._add((CONSTANT, value, str(value)), 1)

    def operation(self, name: str, *operands: int) -> int:
        """The node of an operation on others."""
        size = 1 + sum(self.sizes[operand] for operand in operands)
        return self._add((name, *operands), min(size, tuning.LONG_EXPRESSION + 1))

    def _add(self, node: tuple, size: int) -> int:
        number = self.numbers.setdefault(node, len(self.nodes))
        if number == len(self.nodes):
            self.nodes.append(node)
            self.sizes.append(size)
        return number

    def expression(self, root: int) -> Expression:
        """The postfix form of a node."""
        again = self._used_again(root) if self.sizes[root] > tuning.LONG_EXPRESSION else set()
        writer = _Writer()
        # What is left to write: nodes, and operations whose operands were written.
        left: list[tuple[int, bool]] = [(root, False)]
        while left:
            number, is_ready = left.pop()
            node = self.nodes[number]
            if number in writer.kept:
                writer.program.append(f"{RECALL}{writer.kept[number]}")
            elif node[0] in (PARAMETER, CONSTANT):
                writer.leaf(node)
            elif not is_ready:
                left.append((number, True))
                left += [(operand, False) for operand in reversed(node[1:])]
            else:
                writer.program.append(node[0])
                if number in again:
                    writer.program.append(KEEP)
                    writer.kept[number] = len(writer.kept)
        return Expression(tuple(writer.program), tuple(writer.parameters), tuple(writer.constants))

    def _used_again(self, root: int) -> set[int]:
        """The operations below a node that are used more than once."""
        seen, again, left = {root}, set(), [root]
        while left:
            name, *operands = self.nodes[left.pop()]
            for operand in operands if name not in (PARAMETER, CONSTANT) else ():
                if operand in seen:
                    again.add(operand)
                else:
                    seen.add(operand)
                    left.append(operand)
        return {number for number in again if self.nodes[number][0] not in (PARAMETER, CONSTANT)}


@dataclass
class _Writer:
    """A postfix form so far."""

    program: list[str] = field(default_factory=list)
    parameters: list[int] = field(default_factory=list)
    constants: list[float] = field(default_factory=list)
    kept: dict[int, int] = field(default_factory=dict)

    def leaf(self, node: tuple) -> None:
        self.program.append(node[0])
        (self.parameters if node[0] == PARAMETER else self.constants).append(node[1])
