"""Circuits that were modified, and the check that their meaning is kept."""

from __future__ import annotations

from collections.abc import Callable

from qiskit import AncillaRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter, ParameterVector, Qubit
from qiskit.circuit.library import XGate, real_amplitudes

from tests.circuits import circuit_of, random_circuit


def small() -> QuantumCircuit:
    """Parameters, an open control and a global phase, which a control turns into a real one."""
    a, b = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(2, global_phase=a + 0.3)
    circuit.ry(a * b, 0)
    circuit.cp(b, 0, 1)
    circuit.append(XGate().control(1, ctrl_state=0), [1, 0])
    circuit.rx(a - b, 1)
    return circuit


def composed() -> QuantumCircuit:
    outer = QuantumCircuit(3)
    outer.h(range(3))
    outer.compose(small(), [2, 0], inplace=True)
    outer.compose(real_amplitudes(3, reps=1), front=True, inplace=True)
    return outer


def nested() -> QuantumCircuit:
    """Three levels of definitions, with parameters renamed on the way."""
    inner = small().to_gate(label="inner")
    middle = QuantumCircuit(3, global_phase=0.2)
    middle.append(inner, [2, 0])
    middle.append(inner.control(1, ctrl_state=0, annotated=False), [1, 2, 0])
    outer = QuantumCircuit(4)
    outer.append(middle.to_instruction(), [3, 1, 0])
    outer.append(inner.inverse(), [1, 2])
    return outer.assign_parameters({outer.get_parameter("a"): Parameter("z") ** 2 + 0.1})


def exchanged() -> QuantumCircuit:
    """Two parameters change places after a control was put on what holds them."""
    circuit = QuantumCircuit(3)
    circuit.append(small().to_gate().control(1, annotated=False), [2, 0, 1])
    a, b = circuit.parameters
    spare = Parameter("spare")
    for old, new in ((a, spare), (b, a), (spare, b)):
        circuit = circuit.assign_parameters({old: new})
    return circuit


def to_gate_with_map() -> QuantumCircuit:
    circuit = small()
    a, b = circuit.parameters
    x = ParameterVector("x", 2)
    outer = QuantumCircuit(2)
    outer.append(circuit.to_gate({a: x[0].sin(), b: x[1]}), [0, 1])
    outer.append(circuit.to_gate({a: x[1], b: 0.7}), [1, 0])
    return outer


def registers() -> QuantumCircuit:
    qubits = [Qubit(), *QuantumRegister(2, "q"), *AncillaRegister(1, "ancilla")]
    circuit = QuantumCircuit(qubits[:1], QuantumRegister(2, "q"), AncillaRegister(1, "ancilla"))
    circuit.h(0)
    circuit.cry(0.3, circuit.qregs[0][1], circuit.ancillas[0])
    circuit.cx(circuit.qregs[1], circuit.qubits[0])
    return circuit


def pauses() -> QuantumCircuit:
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.barrier()
    circuit.delay(100, 0)
    circuit.delay(1.5, 1, unit="us")
    circuit.barrier(0, 2)
    circuit.cx(0, 2)
    circuit.id(1)
    return circuit


def all_broadcast() -> QuantumCircuit:
    circuit = QuantumCircuit(4)
    circuit.h(range(4))
    circuit.cx([0, 1], [2, 3])
    circuit.cz(0, [1, 2])
    circuit.rz(0.3, [0, 3])
    return circuit


def partly_bound() -> QuantumCircuit:
    circuit = real_amplitudes(2, reps=1)
    first, *_, last = circuit.parameters
    return circuit.assign_parameters({first: 0.4, last: 2 * Parameter("rest") ** 2})


MODIFIED: dict[str, Callable[[], QuantumCircuit]] = {
    "small": small,
    "composed": composed,
    "nested": nested,
    "exchanged": exchanged,
    "bound after control": lambda: exchanged().assign_parameters([0.4, -0.9]),
    "to_gate with map": to_gate_with_map,
    "registers": registers,
    "pauses": pauses,
    "broadcast": all_broadcast,
    "partly bound": partly_bound,
    "control": lambda: small().control(2, ctrl_state=1, annotated=False),
    "control of gate": lambda: circuit_of(
        small().to_gate().control(2, ctrl_state=2, annotated=False)
    ),
    "annotated control": lambda: small().control(1, ctrl_state=0, annotated=True),
    "inverse": lambda: small().inverse(),
    "annotated inverse": lambda: circuit_of(small().to_gate().inverse(annotated=True)),
    "inverse of control": lambda: small().control(1, annotated=False).inverse(),
    "repeat": lambda: small().repeat(3),
    "repeat of gate": lambda: circuit_of(small().to_gate().repeat(2)),
    "power": lambda: small().power(3),
    "negative power": lambda: random_circuit(8, 2, 6).power(-2),
    "power of numbers": lambda: random_circuit(5, 2, 6).power(0.5),
    "matrix power": lambda: random_circuit(6, 2, 6).power(3, matrix_power=True),
    "reverse_bits": lambda: small().reverse_bits(),
    "reverse_ops": lambda: small().reverse_ops(),
    "tensor": lambda: small().tensor(random_circuit(7, 2, 6)),
    "decompose": lambda: nested().decompose(reps=2),
    "empty": lambda: QuantumCircuit(2),
    "phase only": lambda: QuantumCircuit(1, global_phase=Parameter("phase") * 2),
}
