"""Floor 0. Circuit -> the same circuit with a parameter of its own for each angle."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from qjax._circuit import Circuit, Gate, Op, gates, preparations
from qjax._expression import Expression, parameter
from qjax._shift_rules import frequencies_of


@dataclass(frozen=True, slots=True)
class FreeAngles:
    """A circuit whose angles are free, and what they are in the circuit that it was made of.

    Attributes:
        circuit: one parameter for each angle that is no constant, in the order of the gates.
        expressions: what each is as a function of the parameters of the first circuit.
    """

    circuit: Circuit
    expressions: tuple[Expression, ...]


def free_angles(circuit: Circuit) -> FreeAngles:
    """Give each occurrence of an angle its own parameter; global phases, which nothing sees, go.

    Raises:
        ValueError: for a dynamic circuit, and for amplitudes that are parameters.
    """
    expressions: list[Expression] = []
    ops: list[Op] = []
    for op in circuit.ops:
        if not isinstance(op, Gate):
            ops.append(op)
        elif op.support:
            ops.append(replace(op, angles=tuple(_freed(op, expressions))))
    _refuse_what_cannot_be_freed(circuit)
    names = tuple(f"angle[{place}]" for place in range(len(expressions)))
    free = Circuit(circuit.num_qubits, tuple(ops), names, circuit.num_clbits)
    return FreeAngles(free, tuple(expressions))


def _refuse_what_cannot_be_freed(circuit: Circuit) -> None:
    if circuit.is_dynamic:
        raise ValueError(
            "the circuit measures or resets qubits midway, or has control flow; a network on a "
            "primitive takes gates and final measurements. Leave the primitive out: simulation "
            "follows all of it, exactly"
        )
    amplitudes = (each for op in preparations(circuit) for each in op.real + op.imag)
    if any(each.parameters for each in amplitudes):
        raise ValueError(
            "the circuit starts from amplitudes that are parameters, which no primitive can bind; "
            "prepare the state by gates, or leave the primitive out: simulation is exact"
        )


def _freed(gate: Gate, expressions: list[Expression]) -> Iterator[Expression]:
    for angle in gate.angles:
        if angle.parameters:
            yield parameter(len(expressions))
            expressions.append(angle)
        else:
            yield angle


def frequencies_of_angles(free: Circuit) -> dict[int, tuple[str, tuple[float, ...] | None]]:
    """The gate that each free angle stands in, and its frequencies: see `frequencies_of`."""
    return {
        index: (gate.name, frequencies_of(gate.kind, place, bool(gate.controls)))
        for gate in gates(free)
        for place, angle in enumerate(gate.angles)
        for index in angle.parameters
    }
