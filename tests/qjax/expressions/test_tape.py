"""Long expressions: Qiskit's and NumPy's numbers, finite differences, and no time to compile."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterExpression
from qiskit.quantum_info import SparsePauliOp

import qjax
from qjax._expressions.tape import Tape
from tests.circuits import error, finite_gradient, finite_hessian

X, Y = Parameter("x"), Parameter("y")
POINT = np.array([0.7, 0.4])

Number = ParameterExpression | np.ndarray | float


def sine(x: Number) -> Number:
    return x.sin() if isinstance(x, ParameterExpression) else np.sin(x)


def nested(x: Number, y: Number, depth: int = 140) -> Number:
    for _ in range(depth):
        x = sine(x * 1.0001) + y * 1e-3
    return x


def chain(x: Number) -> Number:
    for _ in range(140):
        x = sine(x * 1.0001)
    return x


def wide(x: Number, y: Number) -> Number:
    """The sum grows on the left."""
    total = x * 1e-3
    for k in range(150):
        total = total + sine(x * (0.1 * k)) * 0.01
    return total * y


def from_the_right(x: Number, y: Number) -> Number:
    """In the order of its operands it would take as many registers as it has terms."""
    total = y
    for k in range(150):
        total = sine(x * (0.01 * k)) - total
    return total


def shared(x: Number, y: Number) -> Number:
    """Of 12 operations, or of 8000 written out."""
    for _ in range(11):
        x = x * sine(x + y)
    return x + y


def of_everything(x: Number, y: Number) -> Number:
    total = x
    for k in range(60):
        total = y**2 - (2 / (total + 2)) ** 0.9 * 0.3
        total = (total + 2) ** y if k % 7 == 0 else 1.1 ** (-total)
        total = sine(total)
    return total


def other_way_round(x: Number, y: Number) -> Number:
    return nested(y, x, 150)


FUNCTIONS = [nested, wide, from_the_right, shared, of_everything, other_way_round]


def circuit_of(*functions: Callable[[Number, Number], Number]) -> qjax.Circuit:
    circuit = QuantumCircuit(len(functions))
    for qubit, function in enumerate(functions):
        circuit.ry(function(X, Y), qubit)
    return qjax.from_qiskit(circuit)


def tapes_of(circuit: qjax.Circuit) -> list[Tape]:
    groups = qjax.plan(circuit).program.shared_angles
    return [group for group in groups if isinstance(group, Tape)]


def values_of(functions: list, at: np.ndarray) -> np.ndarray:
    """<X> + <Z> of each qubit."""
    angles = np.array([function(*at) for function in functions])
    return np.cos(angles) + np.sin(angles)


def observables(count: int) -> list[SparsePauliOp]:
    return [
        SparsePauliOp.from_sparse_list([("X", [k], 1), ("Z", [k], 1)], count) for k in range(count)
    ]


@pytest.fixture(scope="module")
def all_at_once() -> qjax.Circuit:
    """Different expressions, which share loops by their lengths."""
    return circuit_of(*FUNCTIONS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_different_expressions_in_one_circuit(all_at_once: qjax.Circuit, dtype: type) -> None:
    assert {tape.uniform for tape in tapes_of(all_at_once)} == {False}
    with jax.enable_x64(dtype == np.float64):
        values = qjax.expectation(all_at_once, observables(6), POINT.astype(dtype))
        slopes = jax.jit(jax.jacrev(lambda p: qjax.expectation(all_at_once, observables(6), p)))(
            POINT.astype(dtype)
        )
    tolerance = 1e-12 if dtype == np.float64 else 2e-5
    point = POINT.astype(dtype).astype(np.float64)
    assert error(values, values_of(FUNCTIONS, point)) < tolerance
    for row, function in zip(np.asarray(slopes), FUNCTIONS, strict=True):
        expected = finite_gradient(lambda at, f=function: values_of([f], at)[0], point)
        assert error(row, expected) < (1e-7 if dtype == np.float64 else 1e-3) * max(
            1, np.abs(expected).max()
        )


def test_higher_derivatives_and_batches(x64: None) -> None:
    circuit = circuit_of(nested)
    (observable,) = observables(1)

    def value(params: jax.Array) -> jax.Array:
        return qjax.expectation(circuit, observable, params)

    def known(at: np.ndarray) -> float:
        return float(values_of([nested], at)[0])

    found = jax.jit(jax.hessian(value))(POINT)
    assert error(found, finite_hessian(known, POINT)) < 1e-6
    points = np.linspace([0.1, -0.3], [1.2, 0.8], 7)
    assert error(jax.vmap(value)(points), np.array([known(at) for at in points])) < 1e-12
    batched = jax.jit(jax.vmap(jax.grad(value)))(points)
    expected = np.array([finite_gradient(known, at) for at in points])
    assert error(batched, expected) < 1e-7
    tangent = jax.jvp(value, (POINT,), (np.array([1.0, -2.0]),))[1]
    assert error(tangent, finite_gradient(known, POINT) @ [1.0, -2.0]) < 1e-7


def test_alike_expressions_are_lanes_of_one_tape(x64: None) -> None:
    circuit = QuantumCircuit(3)
    params = [Parameter(f"p{k}") for k in range(3)]
    for qubit, symbol in enumerate(params):
        circuit.ry(chain(symbol), qubit)
    (tape,) = qjax.plan(circuit).program.shared_angles
    assert tape.uniform
    assert tape.parameters.shape[1] == 3
    point = np.array([0.2, 0.5, -0.9])
    found = qjax.expectation(circuit, observables(3), point)
    angles = chain(point)
    assert error(found, np.cos(angles) + np.sin(angles)) < 1e-12


def test_coefficients_and_amplitudes_may_be_long_too(x64: None) -> None:
    circuit = QuantumCircuit(1)
    circuit.h(0)
    operator = SparsePauliOp(["X"], coeffs=np.array([wide(X, Y)], dtype=object))
    found = jax.value_and_grad(lambda p: qjax.expectation(circuit, operator, p))(POINT)
    assert error(found[0], wide(*POINT)) < 1e-12
    assert error(found[1], finite_gradient(lambda at: float(wide(*at)), POINT)) < 1e-7


def test_thousands_of_steps_take_few_registers_and_the_same_digits() -> None:
    """Single precision keeps them, as it does in short expressions."""
    symbol, count = Parameter("x"), 1200
    expression: ParameterExpression = symbol
    for _ in range(count):
        expression = (expression * 1.0001).sin()
    circuit = QuantumCircuit(1)
    circuit.ry(expression, 0)
    circuit = qjax.from_qiskit(circuit)
    (tape,) = qjax.plan(circuit).program.shared_angles
    assert tape.codes.shape == (2 * count + 1,)  # the first product has two leaves
    assert tape.num_registers == 2
    angle, slope = np.float64(np.float32(0.7)), 1.0
    for _ in range(count):
        slope *= 1.0001 * math.cos(angle * 1.0001)
        angle = math.sin(angle * 1.0001)
    value, gradient = jax.jit(jax.value_and_grad(lambda p: qjax.expectation(circuit, "X", p)))(
        jnp.float32([0.7])
    )
    assert abs(value - math.sin(angle)) < 1e-6
    assert abs(gradient[0] - slope * math.cos(angle)) < 1e-4 * abs(slope)


def test_what_a_long_expression_uses_again_is_computed_once() -> None:
    (group,) = qjax.plan(circuit_of(shared)).program.shared_angles
    assert len(group.program) < 100  # of 6000 operations, written out


def test_the_way_back() -> None:
    circuit = circuit_of(nested, shared)
    back = qjax.to_qiskit(circuit)
    assert qjax.from_qiskit(back) == circuit
    bound = back.assign_parameters(POINT.tolist())
    assert float(bound.data[1].operation.params[0]) == pytest.approx(shared(*POINT), abs=1e-12)


def test_a_product_of_complex_amplitudes_does_not_double_at_every_factor(x64: None) -> None:
    from qiskit.circuit.library import Initialize  # noqa: PLC0415

    number: Number = X
    value = complex(POINT[0])
    for _ in range(60):
        number, value = number * (Y + 1j) * 0.9, value * (POINT[1] + 1j) * 0.9
    instruction = Initialize([1, 0])
    instruction.params = [1, number]
    circuit = QuantumCircuit(1)
    circuit.append(instruction, [0])
    expected = np.array([1, value]) / math.hypot(1, abs(value))
    assert error(qjax.statevector(circuit, POINT), expected) < 1e-12
