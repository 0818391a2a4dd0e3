"""What is wrong with a circuit that is written down: errors name the place and the remedy."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit.circuit import Parameter
from qiskit.quantum_info import Operator
from scipy.sparse import csr_array

import qjax
from qjax.operations import (
    BOOL,
    FLOAT,
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
ONE = ClassicalType("uint", 1)
BIT, TWO = Bits((0,), BOOL), Bits((0, 1), ClassicalType("uint", 2))
VARIABLE = Variable(0, KIND)


def operation(name: str, *operands: Bits) -> ClassicalOperation:
    return ClassicalOperation(name, operands, operands[0].type)


WRONG: dict[str, tuple[object, type[Exception], str]] = {
    "no operation": ("h", TypeError, "a str is no operation.*qjax.operations"),
    "unknown gate": (Gate("hadamard", (0,)), ValueError, "unknown gate 'hadamard'.*one of id, x"),
    "a number as angle": (Gate("rx", (0,), (0.5,)), TypeError, "angle is a float.*constant"),
    "a list of qubits": (Gate("rx", [0], (constant(0),)), TypeError, "expected a tuple"),
    "two qubits": (Gate("h", (0, 1)), ValueError, "acts on 1 qubit, got 2"),
    "no angle": (Gate("rx", (0,)), ValueError, "takes 1 angle, got 0"),
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
    "a bit beyond": (Measure(0, 2), ValueError, "bit lies outside"),
    "too few amplitudes": (Amplitudes((0,), (constant(1),)), ValueError, "2 amplitudes, got 1"),
    "no amplitude but 0": (Amplitudes((0,), (0.0, 0)), ValueError, "all amplitudes are 0"),
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
    "bits beyond": (Switch(Bits((2,), BOOL), ()), ValueError, "bit lies outside the circuit's 2"),
    "a variable beyond": (Store(Variable(1, KIND), Literal(1, KIND)), ValueError, "circuit's 1"),
    "a write to a number": (Store(Literal(1, KIND), Literal(1, KIND)), TypeError, "it writes to"),
    "an unknown operation": (
        While(ClassicalOperation("xor", (BIT, BIT), BOOL), ()), ValueError, "'xor'.*bit_xor",
    ),
    "an unknown type": (
        While(Literal(1, ClassicalType("int", 4)), ()), ValueError, "unknown type 'int'",
    ),
    "no tuple of bits": (While(Bits(0, BOOL), ()), TypeError, r"tuple of bits, such as Bits\(\(0"),
    "a number as value": (Switch(0, ()), TypeError, "the int 0 is no classical expression.*Bits"),
    "a number as condition": (While(TWO, ()), TypeError, "of width 2; expected a bool.*not_eq"),
    "a sum of bools": (
        Switch(operation("add", BIT, BIT), ()), TypeError, "uint or float.*got bool, bool.*'cast'",
    ),
    "a negative bool": (Switch(operation("negate", BIT), ()), TypeError, "negate.*got bool"),
    "two of one": (
        While(operation("logic_not", BIT, BIT), ()), ValueError, "takes 1 operand, bool.*got 2",
    ),
    "no tuple of operands": (
        While(ClassicalOperation("logic_not", BIT, BOOL), ()), TypeError, "a tuple of operands",
    ),
    "another result": (
        Store(VARIABLE, ClassicalOperation("equal", (BIT, BIT), KIND)), TypeError, "gives bool",
    ),
    "a case below 0": (Switch(TWO, (Case((-1,), ()),)), ValueError, "-1 of a case.* from 0 to 3"),
    "a case beyond": (Switch(TWO, (Case((0, 4), ()),)), ValueError, "4 of a case.* from 0 to 3"),
    "a case beyond True": (Switch(BIT, (Case((2,), ()),)), ValueError, "2 of a case.*True or"),
    "a word as case": (Switch(TWO, (Case(("1",), ()),)), TypeError, "'1' of a case.*whole number"),
    "a switch on a float": (Switch(Literal(0.5, FLOAT), ()), TypeError, "switches on a float"),
    "a bool in a number": (Store(VARIABLE, BIT), TypeError, "writes a bool to a uint.*'cast'"),
    "another type than declared": (
        Store(Variable(0, TWO.type), TWO), TypeError, "declares it as uint of width 4",
    ),
    "a literal beyond": (
        Store(TWO, Literal(7, TWO.type)), ValueError, "7 is no uint of width 2.*from 0 to 3",
    ),
    "a literal below 0": (Store(VARIABLE, Literal(-1, KIND)), ValueError, "-1 is no uint"),
    "half a number": (Store(VARIABLE, Literal(0.5, KIND)), ValueError, "0.5 is no uint"),
    "a word as bool": (While(Literal("yes", BOOL), ()), TypeError, "'yes' is no bool"),
    "two bits as a bool": (While(Bits((0, 1), BOOL), ()), TypeError, "2 bits cannot be .* bool"),
    "a bit as a float": (Switch(Bits((0,), FLOAT), ()), TypeError, "1 bit cannot be .* float"),
    "a narrow type": (Switch(Bits((0, 1), ONE), ()), TypeError, "2 bits cannot be .* width 1"),
    "a bit twice": (Switch(Bits((0, 0), TWO.type), ()), ValueError, "stands in it twice"),
    "a uint without width": (
        While(Literal(0, ClassicalType("uint", 0)), ()), ValueError, "width.*at least 1",
    ),
    "a narrow float": (While(Literal(0, ClassicalType("float", 8)), ()), ValueError, "FLOAT"),
    "a type that is none": (While(Literal(1, bool), ()), TypeError, "is no ClassicalType"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_errors_name_the_operation(name: str) -> None:
    op, kind, message = WRONG[name]
    with pytest.raises(kind, match=rf"(?s)operation 1 of the circuit, .*{message}"):
        qjax.Circuit(
            num_qubits=2,
            ops=(gate("h", 0), op),
            parameters=("a",),
            num_clbits=2,
            variables=(Declaration("v", KIND),),
        )


DECLARATIONS: dict[str, tuple[dict, type[Exception], str]] = {
    "qubits below 0": ({"num_qubits": -1}, ValueError, "num_qubits.*-1"),
    "half a qubit": ({"num_qubits": 0.5}, ValueError, "num_qubits.*0.5"),
    "bits below 0": ({"num_clbits": -1}, ValueError, "num_clbits.*-1"),
    "a list": ({"ops": [gate("h", 0)]}, TypeError, "ops: expected a tuple, got the list"),
    "one name": ({"parameters": "theta"}, TypeError, "parameters: expected a tuple, got the str"),
    "Qiskit's parameters": ({"parameters": (A,)}, TypeError, "expected a tuple of str"),
    "a name twice": ({"parameters": ("a", "a")}, ValueError, "a name is given twice"),
    "no name": ({"parameters": ("",)}, ValueError, "parameters: a name is empty"),
    "a variable twice": (
        {"variables": (Declaration("v", BOOL), Declaration("v", KIND))},
        ValueError,
        "variables: a name is given twice",
    ),
    "a register twice": (
        {"registers": (Register("m", ()), Register("m", ()))},
        ValueError,
        "registers: a name is given twice",
    ),
    "a register of one number": (
        {"registers": (Register("m", 0),)},
        TypeError,
        "bits of 'm': expected a tuple",
    ),
    "a bit twice": (
        {"registers": (Register("m", (0, 0)),), "num_clbits": 1},
        ValueError,
        "holds a bit twice",
    ),
    "a register beyond": (
        {"registers": (Register("m", (1,)),)},
        ValueError,
        "beyond the circuit's 0",
    ),
    "two registers of one name": (
        {"registers": (Register("m", (0,)), Register("m", (1,))), "num_clbits": 2},
        ValueError,
        r"a name is given twice, in \('m', 'm'\)",
    ),
    "a number as name": ({"registers": (Register(5, ()),)}, ValueError, "is empty or no str"),
    "bits in a list": (
        {"registers": (Register("m", [0]),), "num_clbits": 1},
        TypeError,
        "expected a tuple",
    ),
    "half a bit": (
        {"registers": (Register("m", (0.0,)),), "num_clbits": 1},
        ValueError,
        "or what is none",
    ),
    "a word as bit": (
        {"registers": (Register("m", ("a",)),), "num_clbits": 1},
        ValueError,
        "or what is none",
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
        (lambda: gate("rx", 0), ValueError, "0 angles; it acts on 1 qubit, .*takes 1 angle$"),
        (lambda: gate("rx", 0, "theta"), TypeError, "2 \\* parameter.*str 'theta'"),
        (lambda: gate("rx", 0, A), TypeError, "Parameter"),
        (lambda: gate("rx", 0, 1j), TypeError, "complex"),
        (lambda: gate("x", -1), ValueError, "qubits.*-1"),
        (lambda: gate("x", 0, controls=[-1]), ValueError, "controls.*-1"),
        (lambda: matrix_gate(np.eye(2), (0, 1)), ValueError, r"expected shape \(4, 4\)"),
        (lambda: matrix_gate(2 * np.eye(2), 0), ValueError, "not unitary"),
        (lambda: compose("sine", [parameter(0)]), ValueError, "'sine' of 1 operands"),
        (lambda: compose("sin", [1, 2]), ValueError, "'sin' of 2 operands"),
        (lambda: compose("sin", parameter(0)), TypeError, "stand in a list.*the Expression"),
        (lambda: parameter(0) + "a", TypeError, "str 'a'"),
        (lambda: gate("h", 0.0), TypeError, "qubits: .*the float 0.0"),
        (lambda: gate("h", True), TypeError, "qubits: .*the bool True"),
        (lambda: gate("h", None), TypeError, "qubits: .*NoneType"),
        (lambda: gate("h", "0"), TypeError, "qubits: .*the str '0'"),
        (lambda: gate("swap", {0, 1}), TypeError, "qubits: got a set, whose order is not fixed"),
        (lambda: gate("swap", {0: 1, 1: 0}), TypeError, "qubits: .*the dict"),
        (lambda: gate("x", 0, controls={1, 2}), TypeError, "controls: got a set"),
        (lambda: gate("x", 0, controls=1.0), TypeError, "controls: .*the float 1.0"),
        (lambda: gate(["h"], 0), ValueError, r"unknown gate \['h'\]"),
        (lambda: gate("rx", 0, 10**400), ValueError, "1.8e308"),
        (lambda: gate("rx", 0, np.timedelta64(1)), TypeError, "timedelta64"),
        (lambda: constant("1.5"), TypeError, "str '1.5'"),
        (lambda: constant(1j), TypeError, "complex 1j"),
        (lambda: constant(None), TypeError, "NoneType"),
        (lambda: constant(True), TypeError, "bool True"),
        (lambda: constant(np.ones(1)), TypeError, "ndarray"),
        (lambda: constant(np.ma.masked), TypeError, "Masked"),
        (lambda: jax.jit(lambda x: constant(x).constants)(0.5), TypeError, "JAX traces.*`params`"),
        (lambda: jax.jit(lambda x: gate("rx", 0, x))(0.5), TypeError, "JAX traces.*`params`"),
        (lambda: jax.jit(lambda x: gate("h", x))(0), TypeError, "qubits: .*JAX traces"),
        (lambda: jax.jit(lambda x: matrix_gate(x, 0))(np.eye(2)), TypeError, "traces.*`params`"),
        (lambda: matrix_gate([["1", "0"], ["0", "1"]], 0), TypeError, "matrix: .*<U1"),
        (lambda: matrix_gate([[1, "a"], [0, None]], 0), TypeError, "matrix: expected an array"),
        (lambda: matrix_gate([[1, 0], [0]], 0), ValueError, "matrix: its rows differ"),
        (lambda: matrix_gate(csr_array(np.eye(2)), 0), TypeError, "matrix: .*csr_array"),
        (lambda: matrix_gate(np.ma.masked_array(np.eye(2), np.eye(2)), 0), TypeError, "masked"),
        (lambda: matrix_gate(np.eye(2).astype("m8[s]"), 0), TypeError, "timedelta64"),
        (lambda: compose("near_arcsin", [1, 2]), ValueError, "'near_arcsin' of 2 operands"),
        (lambda: compose("away", [1, 2]), ValueError, "'away' of 2 operands"),
        (lambda: compose(["sin"], [1]), ValueError, r"\['sin'\] of 1 operands"),
        (lambda: 2 * parameter("a"), TypeError, r"position.*parameter\(0\).*the str 'a'"),
        (lambda: gate("rx", 0, jnp.bool_(True)), TypeError, "real number"),
        (lambda: gate("rx", 0, jnp.ones(2)), TypeError, "real number"),
        (
            lambda: jax.jit(lambda x: gate("rx", 0, x))(0.3),
            TypeError,
            r"traces.*parameter\(ind",
        ),
        (lambda: gate("h", 0.5), TypeError, "qubits: expected .* the float 0.5"),
        (lambda: gate("h", 0, controls=0.5), TypeError, "controls: expected .* the float 0.5"),
        (lambda: Amplitudes(0, 0.6), TypeError, "real: expected .* the float 0.6"),
        (lambda: Amplitudes(0, {0.6, 0.8}), TypeError, "real: got a set"),
        (lambda: Amplitudes(0, (0.6, 0.8j)), TypeError, "complex 0.8j"),
    ],
)
def test_errors_of_what_makes_operations(
    make: Callable[[], object], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        make()


@pytest.mark.parametrize("kind", ["for", "switch", "while"])
def test_blocks_nest_up_to_a_depth(kind: str) -> None:
    """Deeper ones would reach Python's limit of calls in calls, wherever they are walked."""

    def nested(depth: int) -> qjax.Circuit:
        inner: tuple = (gate("x", 1),)
        for _ in range(depth):
            around = {
                "for": lambda: For((inner,)),  # noqa: B023 - called at once
                "switch": lambda: Switch(BIT, (Case((1,), inner),)),  # noqa: B023
                "while": lambda: While(BIT, (*inner, Break())),  # noqa: B023
            }
            inner = (around[kind](),)
        return qjax.Circuit(2, (gate("x", 0), Measure(0, 0), *inner, Measure(1, 1)), (), 2)

    deepest = copy.deepcopy(nested(64))
    assert qjax.from_qiskit(qjax.to_qiskit(deepest)).num_qubits == 2
    np.testing.assert_allclose(qjax.probabilities(deepest), [0, 0, 0, 1], atol=1e-6)
    with pytest.raises(ValueError, match=r"operation 2 of the circuit, a .*more than 64 deep"):
        nested(400)


@pytest.mark.parametrize("qubit", [True, 1.0, "0", None, [0], 2, -1])
def test_errors_of_qubits_name_them(qubit: object) -> None:
    name = repr(qubit) if type(qubit) is int else f"the {type(qubit).__name__} {qubit!r}"
    expected = f"a qubit lies outside the circuit's 2: got {name}, expected a whole number from 0"
    for op in (Gate("h", (qubit,)), Measure(qubit, 0), Reset(qubit)):  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=re.escape(expected)):
            qjax.Circuit(2, (op,), (), 1)
    with pytest.raises(ValueError, match="a classical bit lies outside the circuit's 1"):
        qjax.Circuit(2, (Measure(0, True),), (), 1)


def test_numbers_of_numpy_and_jax_are_taken() -> None:
    assert gate("h", jnp.array(0)) == gate("h", np.array([0])) == gate("h", np.int64(0))
    assert gate("x", 0, controls=None) == gate("x", 0)
    assert gate("x", 0, controls=jnp.array([1, 2])) == gate("x", 0, controls=range(1, 3))
    for number in (0.5, np.float32(0.5), np.array(0.5), jnp.array(0.5), Fraction(1, 2)):
        assert constant(number) == constant(0.5)  # type: ignore[arg-type]
        assert gate("rx", 0, number) == gate("rx", 0, 0.5)  # type: ignore[arg-type]
    arrays = (jnp.eye(2), np.eye(2, dtype=bool), Operator(np.eye(2)), np.eye(2).astype(object))
    assert len({matrix_gate(array, 0) for array in arrays}) == 1  # type: ignore[arg-type]


def test_a_circuit_of_ours_is_one_of_qiskits() -> None:
    circuit = qjax.Circuit(1, (gate("h", 0),))
    assert qjax.from_qiskit(circuit) is circuit
