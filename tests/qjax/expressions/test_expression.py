"""Parameter expressions: the numbers that Qiskit binds, and derivatives by finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterExpression, ParameterVector
from qiskit.circuit.library import real_amplitudes, zz_feature_map
from qiskit.quantum_info import SparsePauliOp

import qjax
from qjax._expressions import evaluate_expression
from qjax._expressions.operations import NUMBERS
from qjax._qiskit.expressions import to_expression
from tests.circuits import double, error, finite_gradient, finite_hessian, state_of
from tests.conftest import Precision

Build = Callable[..., ParameterExpression]
X, Y, Z = (Parameter(name) for name in "xyz")
XYZ = (X, Y, Z)
POINT = np.array([0.7, -0.4, 1.3])

EXPRESSIONS: dict[str, ParameterExpression] = {
    "sin": X.sin(),
    "cos": X.cos(),
    "tan": X.tan(),
    "arcsin": X.arcsin(),
    "arccos": X.arccos(),
    "arctan": X.arctan(),
    "exp": X.exp(),
    "log": X.log(),
    "abs": Y.abs(),
    "abs operator": abs(X * Y),
    "sign": Y.sign() * X,
    "conjugate": Y.conjugate(),
    "positive": +Y,
    "negative": -X,
    "sum": X + Y + 0.3,
    "difference": X - (Y - Z),
    "reversed difference": 0.3 - X,
    "product": X * Y * 1.7,
    "integer factor": 3 * X,
    "quotient": X / Y,
    "reversed quotient": 2 / Y,
    "chain of quotients": X / Y / Z,
    "quotient of quotient": X / (Y / Z),
    "square": X**2,
    "square of a negative": Y**2,
    "cube of a negative": Y**3,
    "negative power": Y**-2,
    "root": X**0.5,
    "power of a number": 2**X,
    "power of a parameter": X**Y,
    "tower": X ** (Z**Y),
    "left tower": (X**Z) ** Y,
    "minus square": -(Y**2),
    "square of minus": (-Y) ** 2,
    "misprinted product": X / (-Y * Z),
    "misprinted difference": X - (-Y - Z) * (X - Y),
    "misprinted power": (X * Y) ** 2 / (2 * Z) ** 2,
    "feature map": 2.0 * (math.pi - X) * (math.pi - Y),
    "nested": ((X * Y).sin() + Z.exp() / 2).arctan() * (1 + X.cos() ** 2).log(),
    "function of a function": X.sin().cos().exp().log().tan(),
    "cancelled": X - X + Y,
    "erased": 0 * X + Y,
    "scaled by pi": math.pi * X / 4,
}


def rotations(expressions: Sequence[ParameterExpression]) -> QuantumCircuit:
    """RY by the i-th expression on qubit i."""
    circuit = QuantumCircuit(len(expressions))
    for qubit, expression in enumerate(expressions):
        circuit.ry(expression, qubit)
    return circuit


def used(expression: ParameterExpression, point: np.ndarray) -> np.ndarray:
    """The values of those of x, y, z that the expression holds, in the order of their names."""
    names = {parameter.name for parameter in expression.parameters}
    return np.array([value for p, value in zip(XYZ, point, strict=True) if p.name in names])


def bound(expression: ParameterExpression, values: np.ndarray) -> float:
    """Qiskit's number for the expression."""
    parameters = sorted(expression.parameters, key=lambda parameter: parameter.name)
    return float(expression.bind(dict(zip(parameters, values.tolist(), strict=True))).numeric())


def seen(expression: ParameterExpression, values: np.ndarray) -> float:
    """<X> + <Z> after RY(expression) on |0>."""
    angle = bound(expression, values)
    return math.sin(angle) + math.cos(angle)


def test_value(precision: Precision) -> None:
    """All at once: the state is the product of the rotations by Qiskit's numbers."""
    chunks = [
        list(EXPRESSIONS.values())[start : start + 8] for start in range(0, len(EXPRESSIONS), 8)
    ]
    for expressions in chunks:
        circuit = rotations(expressions)
        values = POINT[: circuit.num_parameters].astype(precision.real)
        assert [p.name for p in circuit.parameters] == ["x", "y", "z"][: len(values)]
        actual = qjax.statevector(circuit, values)
        assert error(actual, state_of(circuit, values)) < precision.tolerance


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_value_and_derivative(name: str, x64: None) -> None:
    expression = EXPRESSIONS[name]
    circuit = rotations([expression])
    values = used(expression, POINT)
    observable = SparsePauliOp(["X", "Z"])
    circuit = qjax.from_qiskit(circuit)
    value, gradient = jax.jit(
        jax.value_and_grad(lambda params: qjax.expectation(circuit, observable, params))
    )(values)
    assert abs(value - seen(expression, values)) < 1e-12
    assert error(gradient, finite_gradient(lambda at: seen(expression, at), values)) < 1e-6


@pytest.mark.parametrize("name", ["feature map", "nested", "power of a parameter", "quotient"])
def test_second_derivative(name: str, x64: None) -> None:
    expression = EXPRESSIONS[name]
    circuit = qjax.from_qiskit(rotations([expression]))
    values = used(expression, POINT)
    observable = SparsePauliOp(["X", "Z"])
    actual = jax.jit(jax.hessian(lambda params: qjax.expectation(circuit, observable, params)))(
        values
    )
    assert error(actual, finite_hessian(lambda at: seen(expression, at), values)) < 1e-6


@pytest.mark.parametrize(
    ("name", "point", "slope"),
    [("square", [0.0], [0.0]), ("feature map", [math.pi, 0.5], [-2 * (math.pi - 0.5), 0.0])],
)
def test_derivative_at_a_special_point(
    name: str, point: list[float], slope: list[float], x64: None
) -> None:
    """The angle is 0 there, so that d<X> = d(angle); a careless power rule gives NaN."""
    circuit = qjax.from_qiskit(rotations([EXPRESSIONS[name]]))
    gradient = jax.grad(lambda params: qjax.expectation(circuit, "X", params))(np.array(point))
    assert error(gradient, slope) < 1e-12


def test_function_outside_its_domain_is_nan_where_jax_traces(x64: None) -> None:
    for expression in (X.log(), X.arcsin(), X**0.5):
        circuit = qjax.from_qiskit(rotations([expression]))
        state = jax.jit(partial(qjax.statevector, circuit))(np.array([-2.0]))
        assert np.isnan(state).all(), expression
        with pytest.raises(ValueError, match="no value at x = -2"):
            qjax.statevector(circuit, np.array([-2.0]))


# ---------------------------------------------------------------- random nesting

constants = st.floats(-2, 2, allow_subnormal=False).filter(lambda value: abs(value) > 0.1)


def defined(operation: Callable[[tuple], ParameterExpression]) -> Callable:
    """The operation, or its first operand where Qiskit sees at once that it divides by zero."""

    def call(operands: tuple) -> ParameterExpression:
        try:
            return operation(operands)
        except (ZeroDivisionError, RuntimeError):
            return operands[0]

    return call


def grown(inner: st.SearchStrategy) -> st.SearchStrategy:
    """One more operation on top of expressions."""
    unary = st.sampled_from(
        ["sin", "cos", "arctan", "tan", "exp", "log", "abs", "conjugate", "sign"]
    )
    return st.one_of(
        st.tuples(inner, inner).map(lambda pair: pair[0] + pair[1]),
        st.tuples(inner, inner).map(lambda pair: pair[0] - pair[1]),
        st.tuples(inner, inner).map(lambda pair: pair[0] * pair[1]),
        st.tuples(inner, inner).map(defined(lambda pair: pair[0] / (-pair[1] * 0.5))),
        st.tuples(inner, constants).map(lambda pair: pair[1] - pair[0]),
        st.tuples(inner, constants).map(lambda pair: pair[0] + pair[1]),
        st.tuples(inner, constants).map(lambda pair: abs(pair[1]) ** pair[0]),
        st.tuples(inner, constants).map(defined(lambda pair: pair[1] / pair[0])),
        st.tuples(inner, inner).map(defined(lambda pair: (0.1 + abs(pair[0])) ** pair[1])),
        st.tuples(inner, constants).map(defined(lambda pair: pair[0] / pair[1])),
        st.tuples(inner, st.integers(-2, 3)).map(defined(lambda pair: pair[0] ** pair[1])),
        st.tuples(inner, constants).map(defined(lambda pair: (0.1 + pair[0].abs()) ** pair[1])),
        st.tuples(inner, unary).map(defined(lambda pair: getattr(pair[0], pair[1])())),
        inner.map(lambda expression: -expression),
        inner.map(lambda expression: (0.9 * expression.sin()).arcsin()),
        inner.map(lambda expression: (0.9 * expression.cos()).arccos()),
    )


expressions = st.recursive(st.sampled_from(XYZ), grown, max_leaves=8)
generic_points = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).uniform(-2, 2, 3).tolist()
)
"""Where nothing is 0 by chance: Qiskit cancels x / x, and takes 0 for x**-1 * x at x = 0."""
points = st.lists(st.floats(-2, 2, allow_subnormal=False), min_size=3, max_size=3)


def is_smooth(expression: ParameterExpression, point: np.ndarray) -> bool:
    """Whether Qiskit's numbers around the point are real, moderate and without a jump."""
    try:
        around = [bound(expression, used(expression, point + shift)) for shift in (-0.01, 0, 0.01)]
    except (ArithmeticError, RuntimeError, TypeError, ValueError):
        return False
    return max(map(abs, around)) < 20 and np.ptp(around) < 1


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(st.lists(expressions, min_size=3, max_size=5), points)
def test_random_nesting(nestings: list[ParameterExpression], point: list[float]) -> None:
    at = np.array(point)
    nestings = [nesting for nesting in nestings if is_smooth(nesting, at)]
    assume(nestings)
    circuit = rotations(nestings)
    names = {parameter.name for parameter in circuit.parameters}
    values = np.array([value for p, value in zip(XYZ, at, strict=True) if p.name in names])
    with double():
        assert error(qjax.statevector(circuit, values), state_of(circuit, values)) < 1e-11


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(expressions, points)
def test_derivative_of_random_nesting(nesting: ParameterExpression, point: list[float]) -> None:
    assume(is_smooth(nesting, np.array(point)))
    circuit = qjax.from_qiskit(rotations([nesting]))
    values = used(nesting, np.array(point))
    numerical = finite_gradient(lambda at: bound(nesting, at), values)
    coarse = finite_gradient(lambda at: bound(nesting, at), values, 2e-5)
    right, left = (
        one_sided_slopes(lambda at: bound(nesting, at), values, h) for h in (1e-6, -1e-6)
    )
    assume(error(right, left) < 1e-3)  # central differences do not see a kink
    assume(np.max(np.abs(numerical), initial=0) < 20 and error(numerical, coarse) < 1e-7)
    angle = bound(nesting, values)
    slopes = np.outer([-math.sin(angle), math.cos(angle)], numerical)
    with double():
        actual = jax.jit(jax.jacrev(lambda p: qjax.expectation(circuit, ["Z", "X"], p)))(values)
    assert error(actual, slopes) < 1e-5


def one_sided_slopes(function: Callable, at: np.ndarray, step: float) -> np.ndarray:
    return np.array(
        [(function(at + move) - function(at)) / step for move in step * np.eye(len(at))]
    )


def slopes_of(expression: ParameterExpression, values: np.ndarray) -> list[float]:
    """Qiskit's own derivatives, or finite differences where it has none."""
    parameters = sorted(expression.parameters, key=lambda parameter: parameter.name)
    point = dict(zip(parameters, values.tolist(), strict=True))
    slopes = []
    for place, parameter in enumerate(parameters):
        try:
            slope = expression.gradient(parameter)
        except RuntimeError:
            slopes.append(finite_gradient(lambda at: bound(expression, at), values)[place])
            continue
        if isinstance(slope, ParameterExpression):
            inner = {p: value for p, value in point.items() if p in slope.parameters}
            slope = slope.bind(inner).numeric()
        slopes.append(float(np.real(slope)))
    return slopes


@settings(max_examples=1000, suppress_health_check=list(HealthCheck))
@given(expressions, generic_points)
def test_a_thousand_nestings(nesting: ParameterExpression, point: list[float]) -> None:
    """Values against `bind`, derivatives against `gradient`; the engine has no part in it."""
    assume(is_smooth(nesting, np.array(point)))
    values = used(nesting, np.array(point))
    ordered = sorted(nesting.parameters, key=lambda parameter: parameter.name)
    form = to_expression(nesting, {symbol: place for place, symbol in enumerate(ordered)})

    def value(at: jax.Array) -> jax.Array:
        leaves = [at[place] for place in form.parameters]
        return evaluate_expression(
            form.program, leaves, [np.float64(c) for c in form.constants], NUMBERS
        )

    with double():
        actual, gradient = map(np.asarray, jax.value_and_grad(value)(jnp.asarray(values)))
    assert abs(actual - bound(nesting, values)) < 1e-9
    expected = np.array(slopes_of(nesting, values))
    assume(np.max(np.abs(expected), initial=0) < 1e6)  # else the point is next to a pole
    assert np.allclose(gradient, expected, rtol=1e-5, atol=1e-6)


# ---------------------------------------------------------------- names and order


def test_vector_elements_come_by_index_not_by_letter(x64: None) -> None:
    """v[2] before v[10], whatever the order in which the gates use them."""
    vector = ParameterVector("v", 12)
    circuit = QuantumCircuit(1)
    for index in (10, 2, 11, 0, 1, 9, 3, 8, 4, 7, 5, 6):
        circuit.u(vector[index], 0.1 * index, 0.2, 0)
    assert qjax.from_qiskit(circuit).parameters == tuple(f"v[{i}]" for i in range(12))
    values = np.linspace(-1, 2, 12)
    assert error(qjax.statevector(circuit, values), state_of(circuit, values)) < 1e-12


@pytest.mark.parametrize(
    "names",
    [
        ["b", "a", "B", "A", "_"],
        ["θ[10]", "θ[9]", "x", "θ"],
        ["lambda", "sin", "pi", "e", "I"],
        ["a b", "1", "x-y", r"$\beta$", "import os"],
        ["x10", "x9", "x_1"],
    ],
    ids=lambda names: names[0],
)
def test_order_and_odd_names(names: list[str], x64: None) -> None:
    circuit = QuantumCircuit(1)
    for index, name in enumerate(names):
        circuit.u(Parameter(name), 0.3 * index, Parameter(name + "!").sin() * 2, 0)
    expected = tuple(parameter.name for parameter in circuit.parameters)
    assert qjax.from_qiskit(circuit).parameters == expected
    values = np.linspace(-1, 2, 2 * len(names))
    assert error(qjax.statevector(circuit, values), state_of(circuit, values)) < 1e-12


def test_two_vectors_and_a_scalar(x64: None) -> None:
    circuit = zz_feature_map(2, parameter_prefix="z").compose(real_amplitudes(2, reps=6))
    circuit.rx(Parameter("theta"), 0)
    values = np.linspace(-1, 2, circuit.num_parameters)
    names = tuple(parameter.name for parameter in circuit.parameters)
    assert qjax.from_qiskit(circuit).parameters == names
    assert error(qjax.statevector(circuit, values), state_of(circuit, values)) < 1e-12


def test_substituted_parameters(x64: None) -> None:
    expression = (X * Y).subs({X: Z.sin() + 1, Y: X}).assign(Z, Z / 3)
    circuit = rotations([expression, expression.bind({Z: 0.4})])
    values = np.array([0.7, 1.3])
    assert [parameter.name for parameter in circuit.parameters] == ["x", "z"]
    assert error(qjax.statevector(circuit, values), state_of(circuit, values)) < 1e-12


def test_expression_that_is_a_number(x64: None) -> None:
    circuit = rotations([(X * 2).bind({X: 0.4}), X.sin().bind({X: 0.4})])
    assert error(qjax.statevector(circuit), state_of(circuit)) < 1e-12
