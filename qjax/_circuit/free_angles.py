"""Floor 2. Circuit -> the same circuit with a parameter of its own for each angle and amplitude."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from qjax._circuit.circuit import Circuit, gates, preparations
from qjax._circuit.control_flow import Op
from qjax._circuit.operations import Amplitudes, Gate
from qjax._circuit.shift_rules import frequencies_of
from qjax._expressions import Expression, parameter


@dataclass(frozen=True, slots=True)
class FreeAngles:
    """A circuit whose angles are free, and what they are in the circuit that it was made of.

    Amplitudes that are parameters count as angles.

    Attributes:
        circuit: one parameter for each angle that is no constant, in the order of the operations.
        expressions: what each is as a function of the parameters of the first circuit.
    """

    circuit: Circuit
    expressions: tuple[Expression, ...]


def free_angles(circuit: Circuit) -> FreeAngles:
    """Give each occurrence of an angle its own parameter; global phases, which nothing sees, go.

    Raises:
        ValueError: for a dynamic circuit.
    """
    _refuse_what_cannot_be_freed(circuit)
    expressions: list[Expression] = []
    ops: list[Op] = []
    for op in circuit.ops:
        if isinstance(op, Amplitudes):
            real, imag = (tuple(_freed(part, expressions)) for part in (op.real, op.imag))
            ops.append(replace(op, real=real, imag=imag))
        elif not isinstance(op, Gate):
            ops.append(op)
        elif op.support:
            ops.append(replace(op, angles=tuple(_freed(op.angles, expressions))))
    names = tuple(f"angle[{index}]" for index in range(len(expressions)))
    free = Circuit(circuit.num_qubits, tuple(ops), names, circuit.num_clbits)
    return FreeAngles(free, tuple(expressions))


def _refuse_what_cannot_be_freed(circuit: Circuit) -> None:
    if circuit.is_dynamic:
        raise ValueError(
            "the circuit measures or resets qubits midway, or has control flow; a network on a "
            "primitive takes gates and final measurements. Leave the primitive out: simulation "
            "follows all of it, exactly"
        )


def _freed(values: Iterable[Expression], expressions: list[Expression]) -> Iterator[Expression]:
    for value in values:
        if value.parameters:
            yield parameter(len(expressions))
            expressions.append(value)
        else:
            yield value


class FreeAngle(NamedTuple):
    """Where a free angle stands.

    Attributes:
        gate: the name of the gate; None for an amplitude.
        frequencies: see `frequencies_of`; None where there are none, as for amplitudes.
        periodic: whether full turns make no difference.
    """

    gate: str | None
    frequencies: tuple[float, ...] | None
    periodic: bool


def places_of(free: Circuit) -> dict[int, FreeAngle]:
    """Where each free angle stands."""
    in_gates = {
        index: FreeAngle(
            gate.name,
            frequencies_of(gate.kind, position, bool(gate.controls)),
            gate.kind.periodic,
        )
        for gate in gates(free)
        for position, angle in enumerate(gate.angles)
        for index in angle.parameters
    }
    amplitudes = (amplitude for op in preparations(free) for amplitude in op.real + op.imag)
    return in_gates | {
        index: FreeAngle(None, None, False)
        for amplitude in amplitudes
        for index in amplitude.parameters
    }
