"""Floor 3. Gates of Qiskit's library as it makes them, on angles without arithmetic -> Gate.

Most gates of most circuits are of this kind, and circuits have many: what does not fit is left to
the rules for all operations. A subclass of one of these classes may be another gate.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import NamedTuple

from qiskit.circuit import Instruction, Operation, Parameter
from qiskit.circuit import library as lib

from qjax._circuit.operations import Control, Gate
from qjax._expressions import CONSTANT, Expression, parameter
from qjax._qiskit.gate_names import GATE_NAMES


class _Plain(NamedTuple):
    """A gate of ours, the number of its controls, and its base where a copy may have another."""

    name: str
    num_controls: int = 0
    base: type | None = None


# Without angles, Qiskit has one object of each, of a class of its own, and they do not change.
_CONTROLLED = {
    type(kind()): _Plain(name, num_controls)
    for kind, name, num_controls in (
        (lib.CXGate, "x", 1), (lib.CYGate, "y", 1), (lib.CZGate, "z", 1), (lib.CHGate, "h", 1),
        (lib.CSGate, "s", 1), (lib.CSdgGate, "sdg", 1), (lib.CSXGate, "sx", 1),
        (lib.CSwapGate, "swap", 1), (lib.CCXGate, "x", 2), (lib.CCZGate, "z", 2),
    )
}  # fmt: skip
_TURNED = {
    lib.CPhaseGate: _Plain("p", 1, lib.PhaseGate), lib.CRXGate: _Plain("rx", 1, lib.RXGate),
    lib.CRYGate: _Plain("ry", 1, lib.RYGate), lib.CRZGate: _Plain("rz", 1, lib.RZGate),
}  # fmt: skip
_CONSTANT = {
    type(kind()): _Plain(GATE_NAMES[kind])
    for kind in (
        lib.IGate, lib.XGate, lib.YGate, lib.ZGate, lib.HGate, lib.SGate, lib.SdgGate, lib.TGate,
        lib.TdgGate, lib.SXGate, lib.SXdgGate, lib.SwapGate, lib.iSwapGate, lib.DCXGate, lib.ECRGate,
    )
}  # fmt: skip
_PLAIN = {kind: _Plain(name) for kind, name in GATE_NAMES.items()}
_PLAIN |= _CONSTANT | _CONTROLLED | _TURNED


@dataclass
class PlainGates:
    """Makes such gates; what has no angles once, however often it comes.

    Attributes:
        parameters: what each parameter of the circuit is.
        made: the gates without angles so far.
    """

    parameters: Mapping[Parameter, Expression]
    made: dict[tuple, Gate] = field(default_factory=dict)

    def of(
        self, operation: Operation, qubits: tuple[int, ...], controls: tuple[Control, ...]
    ) -> Gate | None:
        """The gate that an operation is under further controls; None where it is no plain one."""
        kind = type(operation)
        plain = _PLAIN.get(kind)
        if plain is None:
            return None
        if kind in _CONSTANT or kind in _CONTROLLED:
            if plain.num_controls and not _acts_on_ones(operation, plain):
                return None
            key = kind, qubits, controls
            gate = self.made.get(key)
            if gate is None:
                gate = self.made[key] = _gate(plain, qubits, (), controls)
            return gate
        if plain.base is not None and not (
            type(operation.base_gate) is plain.base and _acts_on_ones(operation, plain)
        ):
            return None
        angles = self._angles(operation)
        return None if angles is None else _gate(plain, qubits, angles, controls)

    def _angles(self, operation: Instruction) -> tuple[Expression, ...] | None:
        angles = []
        for value in operation.params:
            if type(value) is float:
                if not isfinite(value):
                    return None
                angles.append(Expression((CONSTANT,), (), (value,)))
            elif isinstance(value, Parameter) and value in self.parameters:
                angles.append(self.parameters[value])
            else:
                return None
        return tuple(angles)


def plain_gates(index: Mapping[Parameter, int]) -> PlainGates:
    """Those of a circuit, given the position of each of its parameters."""
    return PlainGates({symbol: parameter(place) for symbol, place in index.items()})


def _acts_on_ones(operation: Instruction, plain: _Plain) -> bool:
    return operation.ctrl_state == (1 << plain.num_controls) - 1


def _gate(
    plain: _Plain,
    qubits: tuple[int, ...],
    angles: tuple[Expression, ...],
    controls: tuple[Control, ...],
) -> Gate:
    if not plain.num_controls:
        return Gate(plain.name, qubits, angles, controls)
    own = tuple(Control(qubit, 1) for qubit in qubits[: plain.num_controls])
    return Gate(plain.name, qubits[plain.num_controls :], angles, controls + own)
