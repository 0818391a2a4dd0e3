"""What is wrong with a circuit that is written down: errors name the place and the remedy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from qiskit.circuit import Parameter

import qjax
from qjax.operations import (
    BOOL,
    Amplitudes,
    Bits,
    Break,
    Case,
    ClassicalOperation,
    ClassicalType,
    Continue,
    Control,
    Declaration,
    Expression,
    For,
    Gate,
    Literal,
    Measure,
    Register,
    Reset,
    Store,
    Switch,
    Variable,
    While,
    compose,
    constant,
    gate,
    matrix_gate,
    parameter,
)

A = Parameter("a")

KIND = ClassicalType("uint", 4)
BIT = Bits((0,), BOOL)

WRONG: dict[str, tuple[object, type[Exception], str]] = {
    "no operation": ("h", TypeError, "a str is no operation.*qjax.operations"),
    "unknown gate": (Gate("hadamard", (0,)), ValueError, "unknown gate 'hadamard'.*one of id, x"),
    "a number as angle": (Gate("rx", (0,), (0.5,)), TypeError, "angle is a float.*constant"),
    "a list of qubits": (Gate("rx", [0], (constant(0),)), TypeError, "expected a tuple"),
    "two qubits": (Gate("h", (0, 1)), ValueError, "acts on 1 qubits, got 2"),
    "no angle": (Gate("rx", (0,)), ValueError, "takes 1 angles, got 0"),
    "a qubit twice": (gate("x", 0, controls=0), ValueError, "a qubit stands in it twice"),
    "a qubit beyond": (gate("x", 2), ValueError, "outside the circuit's 2"),
    "half a qubit": (Gate("x", (0.5,)), ValueError, "outside the circuit's 2"),
    "a parameter beyond": (gate("rx", 0, parameter(1)), ValueError, "beyond the circuit's 1"),
    "a parameter before": (gate("rx", 0, parameter(-1)), ValueError, "beyond the circuit's 1"),
    "half a program": (
        gate("rx", 0, Expression(("p", "add"), (0,))), ValueError, "cannot be evaluated",
    ),
    "a program without its numbers": (
        gate("rx", 0, Expression(("p", "c", "add"), (0,))), ValueError, "1 constants, got 1 and 0",
    ),
    "a pair as control": (Gate("x", (0,), (), ((1, 1),)), TypeError, r"no Control\(qubit, value\)"),
    "control by two": (gate("x", 0, controls=Control(1, 2)), ValueError, "by the value 2"),
    "an array as matrix": (Gate("unitary", (0,), matrix=np.eye(2)), TypeError, "matrix_gate"),
    "a bit beyond": (Measure(0, 1), ValueError, "bit lies outside"),
    "too few amplitudes": (Amplitudes((0,), (constant(1),)), ValueError, "2 amplitudes, got 1"),
    "numbers as amplitudes": (Amplitudes((0,), (1.0, 0.0)), TypeError, "an amplitude is a float"),
    "reset beyond": (Reset(3), ValueError, "outside the circuit's 2"),
    "break outside": (Break(), ValueError, "outside of every loop"),
    "continue outside": (Continue(), ValueError, "outside of every loop"),
    "a loop over no tuple": (For(([gate("x", 0)],)), TypeError, "a block: expected a tuple"),
    "wrong in a block": (
        While(BIT, (gate("x", 5), Break())), ValueError, "Gate.*outside the circuit's 2",
    ),
    "cases that are pairs": (Switch(BIT, (((1,), ()),)), TypeError, "expected a tuple of Case"),
    "one value of a case": (Switch(BIT, (Case(1, ()),)), TypeError, "the values of a case"),
    "a bool as condition": (While(True, ()), TypeError, "no classical expression"),
    "bits beyond": (Switch(Bits((1,), BOOL), ()), ValueError, "bit lies outside the circuit's 1"),
    "a variable beyond": (Store(Variable(0, KIND), Literal(1, KIND)), ValueError, "circuit's 0"),
    "a write to a number": (Store(Literal(1, KIND), Literal(1, KIND)), TypeError, "it writes to"),
    "an unknown operation": (
        While(ClassicalOperation("xor", (BIT, BIT), BOOL), ()), ValueError, "'xor'.*bit_xor",
    ),
    "an unknown type": (
        While(Literal(1, ClassicalType("int", 4)), ()), ValueError, "unknown type 'int'",
    ),
    "a type that is none": (While(Literal(1, bool), ()), TypeError, "is no ClassicalType"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_errors_name_the_operation(name: str) -> None:
    op, kind, message = WRONG[name]
    with pytest.raises(kind, match=rf"(?s)operation 1 of the circuit, .*{message}"):
        qjax.Circuit(num_qubits=2, ops=(gate("h", 0), op), parameters=("a",), num_clbits=1)


DECLARATIONS: dict[str, tuple[dict, type[Exception], str]] = {
    "qubits below 0": ({"num_qubits": -1}, ValueError, "num_qubits.*-1"),
    "half a qubit": ({"num_qubits": 0.5}, ValueError, "num_qubits.*0.5"),
    "bits below 0": ({"num_clbits": -1}, ValueError, "num_clbits.*-1"),
    "a list": ({"ops": [gate("h", 0)]}, TypeError, "ops: expected a tuple, got the list"),
    "one name": ({"parameters": "theta"}, TypeError, "parameters: expected a tuple, got the str"),
    "Qiskit's parameters": ({"parameters": (A,)}, TypeError, "expected a tuple of str"),
    "a name twice": ({"parameters": ("a", "a")}, ValueError, "a name is given twice"),
    "a register beyond": (
        {"registers": (Register("m", (1,)),)},
        ValueError,
        "beyond the circuit's 0",
    ),
    "a pair as register": ({"registers": (("m", (1,)),)}, TypeError, "a tuple of Register"),
    "a variable without type": (
        {"variables": (Declaration("v", int),)},
        TypeError,
        "ClassicalType",
    ),
}


@pytest.mark.parametrize("name", DECLARATIONS)
def test_errors_name_the_argument(name: str) -> None:
    arguments, kind, message = DECLARATIONS[name]
    with pytest.raises(kind, match=message):
        qjax.Circuit(**{"num_qubits": 1, "ops": ()} | arguments)


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: gate("cx", (0, 1)), ValueError, "unknown gate 'cx'.*controls="),
        (lambda: gate("rx", 0), ValueError, "takes 1 angles"),
        (lambda: gate("rx", 0, "theta"), TypeError, "2 \\* parameter.*str 'theta'"),
        (lambda: gate("rx", 0, A), TypeError, "Parameter"),
        (lambda: gate("rx", 0, 1j), TypeError, "complex"),
        (lambda: gate("x", -1), ValueError, "qubits.*-1"),
        (lambda: gate("x", 0, controls=[-1]), ValueError, "controls.*-1"),
        (lambda: matrix_gate(np.eye(2), (0, 1)), ValueError, r"expected shape \(4, 4\)"),
        (lambda: matrix_gate(2 * np.eye(2), 0), ValueError, "not unitary"),
        (lambda: compose("sine", [parameter(0)]), ValueError, "'sine' of 1 operands"),
        (lambda: compose("sin", [1, 2]), ValueError, "'sin' of 2 operands"),
        (lambda: parameter(0) + "a", TypeError, "str 'a'"),
    ],
)
def test_errors_of_what_makes_operations(
    make: Callable[[], object], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        make()
