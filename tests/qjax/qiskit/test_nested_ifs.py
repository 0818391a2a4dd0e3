"""Blocks of control flow that are nested hundreds deep: what plain reasoning says that they do."""

from __future__ import annotations

import math
import pickle
from contextlib import ExitStack

import jax
import pytest
from qiskit import ClassicalRegister, QuantumCircuit
from qiskit.circuit import IfElseOp, SwitchCaseOp

import qjax
from qjax._qiskit.nested_ifs import MOST_NESTED

DEPTH = 150


def inside(outer: QuantumCircuit, operation: IfElseOp | SwitchCaseOp) -> None:
    outer.append(operation, outer.qubits, outer.clbits, copy=False)


def nested_ifs(depth: int, bit: int) -> QuantumCircuit:
    """A bit that holds 0 or 1 and an if in an if ...; ry(0.01) after each of those, around it."""
    circuit = QuantumCircuit(2, 1)
    inner = circuit.copy_empty_like()
    inner.ry(1.0, 1)
    for _ in range(depth):
        body = circuit.copy_empty_like()
        inside(body, IfElseOp((circuit.clbits[0], 1), inner))
        body.ry(0.01, 1)
        inner = body
    if bit:
        circuit.x(0)
    circuit.measure(0, 0)
    inside(circuit, IfElseOp((circuit.clbits[0], 1), inner))
    return circuit


@pytest.mark.parametrize("bit", [0, 1])
def test_ifs(bit: int) -> None:
    circuit = qjax.from_qiskit(nested_ifs(DEPTH, bit))
    angle = bit * (1 + 0.01 * DEPTH)
    assert abs(qjax.expectation(circuit, "ZI") - math.cos(angle)) < 1e-5
    # Everything else that walks circuits.
    assert circuit == qjax.from_qiskit(nested_ifs(DEPTH, bit))
    assert pickle.loads(pickle.dumps(circuit)) == circuit
    assert hash(circuit) != hash(qjax.from_qiskit(nested_ifs(DEPTH - 1, bit)))


def test_else_and_switch_where_outcomes_are_open() -> None:
    """Each level asks whether the register holds its own number; the outcome is uniform."""
    register = ClassicalRegister(2, "r")
    circuit = QuantumCircuit(3)
    circuit.add_register(register)
    inner = circuit.copy_empty_like()
    inner.ry(0.1, 2)
    depth = MOST_NESTED + 3
    for level in range(depth):
        body = circuit.copy_empty_like()
        other = circuit.copy_empty_like()
        other.ry(0.2, 2)
        if level % 2:
            inside(body, IfElseOp((register, 1), other, inner))
        else:
            inside(body, SwitchCaseOp(register, [((0, 2), inner), (3, other)]))
        inner = body
    circuit.h([0, 1])
    circuit.measure([0, 1], register)
    circuit.compose(inner, inplace=True)
    # From the outside: outcome 0 and 2 go all the way in, 1 is in no case of the outermost switch.
    angles = [0.1, 0.0, 0.1, 0.2]
    assert depth % 2  # the outermost is a switch
    expected = sum(map(math.cos, angles)) / 4
    assert abs(qjax.expectation(circuit, "ZII") - expected) < 1e-6
    back = qjax.to_qiskit(qjax.from_qiskit(circuit))
    assert abs(qjax.expectation(back, "ZII") - expected) < 1e-6


def test_break_from_deep_inside() -> None:
    """A loop of three turns, left in the first by a break under many ifs."""
    circuit = QuantumCircuit(2, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.for_loop(range(3)):
        circuit.ry(0.3, 1)
        with ExitStack() as ifs:
            for _ in range(MOST_NESTED + 2):
                ifs.enter_context(circuit.if_test((circuit.clbits[0], 1)))
            circuit.break_loop()
        circuit.ry(1.0, 1)
    assert abs(qjax.expectation(circuit, "ZI") - math.cos(0.3)) < 1e-6
    drawn = qjax.trajectories(circuit, (), 2, jax.random.key(0)).states
    assert abs(abs(drawn[0, 1]) - math.cos(0.15)) < 1e-6
