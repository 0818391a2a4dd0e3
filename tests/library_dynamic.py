"""What in Qiskit measures, or depends on what was measured: an instance or more of each."""

from __future__ import annotations

from collections.abc import Callable

import qiskit.circuit.library as lib
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit.classical import expr, types
from qiskit.quantum_info import Pauli


def with_clbits(num_qubits: int = 2) -> QuantumCircuit:
    """Qubits in a state where every outcome shows, the first two measured into a register."""
    circuit = QuantumCircuit(QuantumRegister(num_qubits, "q"), ClassicalRegister(2, "c"))
    for qubit in range(num_qubits):
        circuit.ry(0.7 + qubit, qubit)
    circuit.measure([0, 1], [0, 1])
    circuit.rx(0.4, range(num_qubits))
    return circuit


def reset() -> QuantumCircuit:
    circuit = with_clbits()
    circuit.cx(0, 1)
    circuit.reset(0)
    circuit.rx(0.3, 0)
    return circuit


def initialized_midway() -> QuantumCircuit:
    circuit = with_clbits()
    circuit.cx(0, 1)
    circuit.initialize([0.6, 0.8j], 0)
    return circuit


def pauli_product_measured() -> QuantumCircuit:
    circuit = with_clbits()
    circuit.append(lib.PauliProductMeasurement(Pauli("-XZ")), [0, 1], [1])
    circuit.ry(0.2, 0)
    return circuit


def branched(condition: Callable[[QuantumCircuit], object]) -> QuantumCircuit:
    circuit = with_clbits()
    with circuit.if_test(condition(circuit)) as otherwise:
        circuit.ry(0.9, 1)
    with otherwise:
        circuit.x(0)
    return circuit


def switched(target: Callable[[QuantumCircuit], object]) -> QuantumCircuit:
    circuit = with_clbits()
    with circuit.switch(target(circuit)) as case:
        with case(0, 2):
            circuit.ry(0.9, 1)
        with case(case.DEFAULT):
            circuit.x(0)
    return circuit


def looped(leave: str = "") -> QuantumCircuit:
    circuit = with_clbits()
    with circuit.for_loop(range(1, 4)) as turn:
        circuit.ry(0.2 * turn, 0)
        circuit.measure(0, 0)
        if leave:
            with circuit.if_test((circuit.clbits[0], 1)):
                getattr(circuit, leave)()
        circuit.rx(0.5, 1)
    return circuit


def looped_over_a_variable() -> QuantumCircuit:
    circuit = with_clbits()
    turn = expr.Var.new("turn", types.Uint(2))
    with circuit.for_loop(range(3), turn), circuit.if_test(expr.less(turn, circuit.cregs[0])):
        circuit.ry(0.7, 0)
    return circuit


def repeated_while() -> QuantumCircuit:
    circuit = with_clbits()
    turns = circuit.add_var("turns", expr.lift(0, types.Uint(2)))
    with circuit.while_loop(expr.logic_and(circuit.clbits[0], expr.less(turns, 2))):
        circuit.store(turns, expr.add(turns, expr.lift(1, types.Uint(2))))
        circuit.ry(0.8, 0)
        circuit.measure(0, 0)
    return circuit


def boxed() -> QuantumCircuit:
    circuit = with_clbits()
    with circuit.box():
        circuit.measure(0, 1)
        circuit.cx(0, 1)
    return circuit


def stored(index: bool) -> QuantumCircuit:
    circuit = with_clbits()
    number = circuit.add_var("number", expr.lift(5, types.Uint(3)))
    place = circuit.add_var("place", expr.lift(1, types.Uint(2)))
    if index:
        circuit.store(expr.index(number, place), circuit.clbits[0])
        circuit.store(expr.index(circuit.cregs[0], 0), expr.index(number, 0))
    else:
        circuit.store(number, expr.add(number, expr.cast(circuit.cregs[0], types.Uint(3))))
        circuit.store(circuit.clbits[1], expr.less(number, 7))
    with circuit.if_test(expr.equal(number, 7)):
        circuit.ry(0.9, 0)
    return circuit


def measuring_instruction() -> QuantumCircuit:
    inner = QuantumCircuit(2, 1, name="inner")
    inner.cx(0, 1)
    inner.measure(1, 0)
    inner.reset(1)
    circuit = with_clbits()
    circuit.append(inner.to_instruction(), [1, 0], [1])
    return circuit


DYNAMIC: dict[str, Callable[[], QuantumCircuit]] = {
    "BoxOp": boxed,
    "BreakLoopOp": lambda: looped("break_loop"),
    "ContinueLoopOp": lambda: looped("continue_loop"),
    "ForLoopOp": looped,
    "ForLoopOp/over a variable": looped_over_a_variable,
    "IfElseOp": lambda: branched(lambda circuit: (circuit.clbits[0], 1)),
    "IfElseOp/expression": lambda: branched(
        lambda circuit: expr.logic_not(expr.bit_and(*circuit.clbits))
    ),
    "IfElseOp/register": lambda: branched(lambda circuit: (circuit.cregs[0], 2)),
    "Initialize/midway": initialized_midway,
    "Instruction/that measures": measuring_instruction,
    "Measure": with_clbits,
    "PauliProductMeasurement": pauli_product_measured,
    "Reset": reset,
    "Store": lambda: stored(index=False),
    "Store/to one bit": lambda: stored(index=True),
    "SwitchCaseOp": lambda: switched(lambda circuit: circuit.cregs[0]),
    "SwitchCaseOp/expression": lambda: switched(lambda circuit: expr.bit_not(circuit.cregs[0])),
    "WhileLoopOp": repeated_while,
}
"""What measures or depends on what was measured, by class name and variant."""
