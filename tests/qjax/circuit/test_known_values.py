"""What is known to have no meaning is refused when a circuit is made, whatever its parameters."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from qiskit.quantum_info import Operator, random_unitary

import qjax
from qjax.operations import (
    Amplitudes,
    Control,
    Expression,
    For,
    Gate,
    Matrix,
    compose,
    constant,
    gate,
    matrix_gate,
    parameter,
)

ONE, ZERO = constant(1.0), constant(0.0)


def angle(expression: Expression | float) -> Callable[[], object]:
    return lambda: gate("rx", 0, expression)


def of_constant(value: object) -> Callable[[], object]:
    return angle(Expression(("c",), (), (value,)))  # type: ignore[arg-type]


def matrix(array: np.ndarray) -> Callable[[], object]:
    data = np.ascontiguousarray(array, np.complex128).tobytes()
    return lambda: Gate("unitary", (0,), (), (), Matrix(len(array), data))


WITHOUT_VALUE: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "NaN": (angle(math.nan), ValueError, "an angle is nan.*finite"),
    "infinity": (angle(math.inf), ValueError, "an angle is inf"),
    "NaN beside a parameter": (angle(parameter(0) * math.nan), ValueError, "an angle is nan"),
    "a division by zero": (angle(ONE / 0.0), ValueError, "divide of 1, 0.*a divisor other than 0"),
    "zero by zero": (angle(ZERO / 0.0), ValueError, "divide of 0, 0"),
    "an arcsine": (angle(compose("arcsin", [2.0])), ValueError, "arcsin of 2; .*from -1 to 1"),
    "a logarithm": (angle(compose("log", [0])), ValueError, "log of 0; expected a positive number"),
    "a part": (angle(parameter(0) + compose("log", [-1])), ValueError, "log of -1"),
    "beyond all numbers": (angle(constant(1e200) * 1e200), ValueError, "multiply.*finite number"),
    "an amplitude": (
        lambda: Amplitudes((0,), (constant(math.nan), ONE)), ValueError, "an amplitude is nan",
    ),
    "amplitudes that add up to 0": (
        lambda: Amplitudes((0,), (ZERO, ONE - 1)), ValueError, "all amplitudes are 0",
    ),
    "a word": (of_constant("a"), TypeError, "holds the str 'a' as a constant"),
    "a complex number": (of_constant(1j), TypeError, "holds the complex 1j"),
    "nothing": (of_constant(None), TypeError, "holds the NoneType None"),
    "lists": (angle(Expression(["c"], [], [1.0])), TypeError, "expected a tuple, got the list"),
    "a word as program": (angle(Expression("c", (), (1.0,))), TypeError, "expected a tuple"),
    "no word in a program": (
        angle(Expression(("c", 5), (), (1.0,))), ValueError, "cannot be evaluated",
    ),
    "what was not kept": (
        angle(Expression(("c", "=", "@-1", "add"), (), (1.0,))), ValueError, "cannot be evaluated",
    ),
    "not what was kept": (
        angle(Expression(("c", "=", "@x", "add"), (), (1.0,))), ValueError, "cannot be evaluated",
    ),
    "iterations in a list": (lambda: For([()]), TypeError, "its iterations: expected a tuple"),
    "an array as value of a control": (
        lambda: Gate("x", (0,), (), (Control(1, np.array(1)),)), ValueError, "expected 0 or 1",
    ),
    "a matrix that is not unitary": (matrix(2 * np.eye(2)), ValueError, "not unitary"),
    "one that is singular": (matrix(np.diag([1, 0])), ValueError, "not unitary"),
    "a matrix of NaN": (matrix(np.full((2, 2), np.nan)), ValueError, "not unitary"),
    "a matrix of no qubits": (matrix(np.eye(3)), ValueError, "dimension 3.*a power of two"),
    "too few bytes": (
        lambda: Gate("unitary", (0,), matrix=Matrix(2, b"abc")), ValueError, "3 bytes",
    ),
    "an array as data": (
        lambda: Gate("unitary", (0,), matrix=Matrix(2, np.eye(2))), TypeError, "matrix_gate",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WITHOUT_VALUE)
def test_errors_name_the_operation(name: str) -> None:
    make, kind, message = WITHOUT_VALUE[name]
    with pytest.raises(kind, match=rf"(?s)operation 0 of the circuit, .*{message}"):
        qjax.Circuit(num_qubits=2, ops=(make(),), parameters=("a",))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "expression",
    [
        compose("arcsin", [1.0]),
        compose("arccos", [1 + np.finfo(float).eps]),  # as rounding leaves it
        parameter(0) / 2.0,
        compose("log", [parameter(0)]),
        compose("power", [-2.0, 3.0]),
        constant(1e300),
    ],
)
def test_what_has_a_value_is_taken(expression: Expression) -> None:
    circuit = qjax.Circuit(1, (gate("rx", 0, expression),), ("a",))
    assert np.isfinite(qjax.statevector(circuit, [0.5])).all()


@pytest.mark.parametrize("num_qubits", [0, 1, 2, 5])
def test_unitary_matrices_are_taken(num_qubits: int) -> None:
    array = random_unitary(2**num_qubits, seed=num_qubits).data
    circuit = qjax.Circuit(num_qubits, (matrix_gate(array, tuple(range(num_qubits))),))
    assert abs(Operator(qjax.to_qiskit(circuit)).data - array).max() < 1e-12
    (placed,) = circuit.ops
    assert "dimension" in repr(placed)
    assert "\\x" not in repr(placed)  # errors name operations


@pytest.mark.parametrize("scale", [1e-310, 1e-200, 1e-20, 1.0, 1e20, 1e200, 1e307])
def test_known_amplitudes_of_any_size(scale: float) -> None:
    """In single precision, whose numbers end at 1e-45 and 3e38."""
    start = Amplitudes(
        (0,), (constant(3 * scale), constant(0.0)), (constant(0.0), constant(-4 * scale))
    )
    state = qjax.statevector(qjax.Circuit(2, (start,)))
    np.testing.assert_allclose(state, [0.6, -0.8j, 0, 0], atol=1e-7)
