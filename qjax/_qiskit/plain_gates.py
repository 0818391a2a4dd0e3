"""Floor 3. Gates of Qiskit's library on angles without arithmetic -> Gate.

Most gates of most circuits are of this kind, and circuits have many. Qiskit holds them by name: an
object of the gate's class is made only for who asks for it, which takes longer than all else here.
What does not fit is left to the rules for all operations.
"""

from collections.abc import Mapping
from math import isfinite
from typing import NamedTuple

from qiskit.circuit import CircuitInstruction, Parameter
from qiskit.circuit import library as lib

from qjax._circuit.gates import GATES
from qjax._circuit.operations import Control, Gate
from qjax._expressions import CONSTANT, PARAMETER, Expression
from qjax._qiskit.gate_names import GATE_NAMES, LABELS

# All controls are on the value 1, as other ones have other names in Qiskit.
_CONTROLLED: dict[type, tuple[str, int]] = {
    lib.CXGate: ("x", 1), lib.CYGate: ("y", 1), lib.CZGate: ("z", 1), lib.CHGate: ("h", 1),
    lib.CSGate: ("s", 1), lib.CSdgGate: ("sdg", 1), lib.CSXGate: ("sx", 1),
    lib.CSwapGate: ("swap", 1), lib.CCXGate: ("x", 2), lib.CCZGate: ("z", 2),
    lib.CPhaseGate: ("p", 1), lib.CRXGate: ("rx", 1), lib.CRYGate: ("ry", 1),
    lib.CRZGate: ("rz", 1),
}  # fmt: skip

_NUMBER = (CONSTANT,)


class _Plain(NamedTuple):
    """A gate of ours, the number of its controls, Qiskit's class, and the class of its objects."""

    name: str
    num_controls: int
    kind: type
    of_objects: type


def _plain(kind: type, name: str, num_controls: int) -> tuple[str, _Plain]:
    example = kind(*[0.0] * GATES[name].num_angles)
    return example.name, _Plain(name, num_controls, kind, type(example))


_PLAIN = dict(
    _plain(kind, *described)
    for kind, described in (
        *((kind, (name, 0)) for kind, name in GATE_NAMES.items()),
        *_CONTROLLED.items(),
    )
)


class PlainGates:
    """Makes such gates; what has no angles once, however often it comes."""

    def __init__(self, index: Mapping[Parameter, int]) -> None:
        program = (PARAMETER,)
        self._parameters = {symbol: Expression(program, (k,)) for symbol, k in index.items()}
        self._known: dict[str, _Plain | None] = {}
        self._made: dict[tuple, Gate] = {}

    def of(
        self,
        instruction: CircuitInstruction,
        qubits: tuple[int, ...],
        controls: tuple[Control, ...],
    ) -> Gate | None:
        """The gate that an instruction is under further controls; None where it is no plain one."""
        if not instruction.is_standard_gate():
            return None
        name = instruction.name
        if name not in self._known:
            self._known[name] = _known(name)
        plain = self._known[name]
        if plain is None:
            return None
        key = name, qubits, controls
        if key in self._made:
            return self._made[key]
        values = instruction.params
        if values:
            angles = self._angles(values)
            return None if angles is None else _gate(plain, qubits, angles, controls)
        gate = self._made[key] = _gate(plain, qubits, (), controls)
        return gate

    def _angles(self, values: list) -> tuple[Expression, ...] | None:
        angles = []
        for value in values:
            if type(value) is float and isfinite(value):
                angles.append(Expression(_NUMBER, (), (value,)))
            elif isinstance(value, Parameter) and value in self._parameters:
                angles.append(self._parameters[value])
            else:
                return None
        return tuple(angles)


def _known(name: str) -> _Plain | None:
    """The gate of a name, unless there are subclasses: Qiskit calls objects of theirs the same."""
    plain = _PLAIN.get(name)
    if plain is None or plain.of_objects.__subclasses__():
        return None
    subclasses: list[type] = plain.kind.__subclasses__()
    return plain if all(kind is plain.of_objects for kind in subclasses) else None


def _gate(
    plain: _Plain,
    qubits: tuple[int, ...],
    angles: tuple[Expression, ...],
    controls: tuple[Control, ...],
) -> Gate:
    if not plain.num_controls:
        return Gate(plain.name, qubits, angles, controls, label=LABELS.get(plain.kind))
    own = tuple(Control(qubit, 1) for qubit in qubits[: plain.num_controls])
    return Gate(plain.name, qubits[plain.num_controls :], angles, controls + own)
