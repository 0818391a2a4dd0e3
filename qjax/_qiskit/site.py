"""Floor 3. Where an operation stands in the circuit that is imported."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from qiskit.circuit import Clbit, Parameter, Qubit
from qiskit.circuit.classical import expr

from qjax._base.errors import UnsupportedInstructionError
from qjax._circuit.classical import ClassicalExpression, Variable
from qjax._circuit.control_flow import Op
from qjax._circuit.operations import Control
from qjax._expressions import Expression
from qjax._qiskit.classical import to_classical
from qjax._qiskit.expressions import to_expression
from qjax._qiskit.plain_gates import PlainGates


@dataclass
class Walk:
    """What the import has met so far.

    Attributes:
        parameters: the index of each parameter of the circuit.
        plain_gates: what makes the gates that need no more rules.
        ops: the operations so far, of the block of control flow that it is in.
        variables: the classical variables.
        clbits: the classical bits of the body that it is in.
        depth: how many blocks of control flow that is inside of.
    """

    parameters: Mapping[Parameter, int]
    plain_gates: PlainGates
    ops: list[Op] = field(default_factory=list)
    variables: dict[expr.Var, Variable] = field(default_factory=dict)
    clbits: Mapping[Clbit, int] = field(default_factory=dict)
    depth: int = 0


@dataclass(frozen=True)
class Site:
    """What an operation is applied to, and where.

    Attributes:
        walk: what the import has met so far; what the operation becomes is appended to it.
        qubits, clbits: which bits of the whole circuit it acts on, in the operation's order.
        controls: further qubits that control it.
        where: its place in words, for messages; empty for the whole circuit.
    """

    walk: Walk
    qubits: Sequence[int] = ()
    clbits: Sequence[int] = ()
    controls: tuple[Control, ...] = ()
    where: str = ""

    @property
    def path(self) -> str:
        """What the places of operations inside of this one begin with."""
        return f"{self.where}: " if self.where else ""

    def part(self, clbits: Mapping[Clbit, int]) -> "Site":
        """The site in a block of control flow: operations of its own, and these classical bits."""
        walk = self.walk
        inner = replace(walk, ops=[], depth=walk.depth + 1, clbits=clbits)
        return replace(self, walk=inner, controls=())

    def angles(self, values: Iterable[object]) -> tuple[Expression, ...]:
        """Numbers and parameter expressions as expressions of the circuit's parameters.

        Raises:
            UnsupportedInstructionError: for one that is not real, or that has no such form.
        """
        try:
            return tuple(to_expression(value, self.walk.parameters) for value in values)
        except ValueError as error:
            raise unsupported(self.where, str(error)) from error

    def read(self, node: expr.Expr) -> ClassicalExpression:
        """A classical expression as data."""
        return to_classical(node, self.walk.clbits, self.walk.variables)


class Places:
    """Where the qubits of a body stand in the circuit; equal ones are one tuple."""

    def __init__(self, pairs: Iterable[tuple[Qubit, int]]) -> None:
        self._single = dict(pairs)
        self._several: dict[tuple[Qubit, ...], tuple[int, ...]] = {}

    def of(self, qubits: tuple[Qubit, ...]) -> tuple[int, ...]:
        """The places of some qubits."""
        places = self._several.get(qubits)
        if places is None:
            places = self._several[qubits] = tuple(self._single[qubit] for qubit in qubits)
        return places


def unsupported(where: str, why: str | None = None) -> UnsupportedInstructionError:
    """The error that an operation cannot be represented; where it stands, and why."""
    why = why or "expected gates, measurements, resets and control flow"
    return UnsupportedInstructionError(f"unsupported instruction: {where}: {why}")
