"""Floor 1. Circuit -> QuantumCircuit."""

import re

from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.library import PhaseGate, UnitaryGate

from qjax._circuit import Circuit, Gate, Measure
from qjax._qiskit._expressions import from_expression
from qjax._qiskit._import import GATE_NAMES, as_circuit

# Where two of Qiskit's classes share a name here, the one listed first is written.
_CLASSES = {name: kind for kind, name in reversed(GATE_NAMES.items())}
_ELEMENT = re.compile(r"(?P<vector>.+)\[(?P<index>\d+)\]", re.DOTALL)


def to_qiskit(circuit: Circuit) -> QuantumCircuit:
    """Convert a circuit to Qiskit, with the same parameters in the same order.

    Parameters are new objects of the same names: bind them by name or by position. A name like
    `x[3]` becomes an element of a `ParameterVector`. The operations are equal in
    meaning; composite gates of the circuit that was imported stay unrolled.
    """
    circuit = as_circuit(circuit)
    result = QuantumCircuit(circuit.num_qubits, circuit.num_clbits)
    parameters = _parameters(circuit.parameters)
    for op in circuit.ops:
        if isinstance(op, Measure):
            result.measure(op.qubit, op.clbit)
        else:
            _append(result, op, parameters)
    return result


def _parameters(names: tuple[str, ...]) -> tuple[Parameter, ...]:
    # Qiskit orders elements of a vector by index and all else by name: x[2] before x[10].
    found = [_ELEMENT.fullmatch(name) for name in names]
    sizes: dict[str, int] = {}
    for match in filter(None, found):
        vector, index = match["vector"], int(match["index"])
        sizes[vector] = max(sizes.get(vector, 0), index + 1)
    vectors = {vector: ParameterVector(vector, size) for vector, size in sizes.items()}
    return tuple(
        vectors[match["vector"]][int(match["index"])] if match else Parameter(name)
        for name, match in zip(names, found, strict=True)
    )


def _append(result: QuantumCircuit, gate: Gate, parameters: tuple[Parameter, ...]) -> None:
    angles = [from_expression(angle, parameters) for angle in gate.angles]
    if gate.name == "global_phase" and gate.controls:
        _controlled_phase(result, gate, angles[0])
        return
    if gate.matrix is None:
        operation = _CLASSES[gate.name](*angles)
    else:
        operation = UnitaryGate(gate.matrix.array, check_input=False)
    if gate.controls:
        operation = operation.control(
            len(gate.controls),
            ctrl_state=sum(control.value << k for k, control in enumerate(gate.controls)),
            annotated=False,
        )
    result.append(operation, [*(control.qubit for control in gate.controls), *gate.qubits])


def _controlled_phase(result: QuantumCircuit, gate: Gate, angle) -> None:
    """A phase on one setting of the controls: a phase gate on the last, controlled by the rest."""
    *rest, target = gate.controls
    operation = PhaseGate(angle)
    if rest:
        state = sum(control.value << k for k, control in enumerate(rest))
        operation = operation.control(len(rest), ctrl_state=state)
    flips = [] if target.value else [target.qubit]
    for qubit in flips:
        result.x(qubit)
    result.append(operation, [*(control.qubit for control in rest), target.qubit])
    for qubit in flips:
        result.x(qubit)
