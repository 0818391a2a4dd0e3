"""Where angles, amplitudes and coefficients have no value, or no slope: errors, and limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterExpression, ParameterVector
from qiskit.circuit.library import Initialize
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparsePauliOp

import qjax
import qjax.primitives
from tests.circuits import error

X, W = Parameter("x"), Parameter("w")


def rotated(expression: ParameterExpression, gate: str = "ry") -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    if gate == "rz":
        circuit.h(0)
    getattr(circuit, gate)(expression, 0)
    return circuit


# The value as a function of x, and its limit of the derivative, worked out by hand.
LIMITS = {
    "<Z> = x at 1": (X.arccos(), "ry", "Z", 1.0, 1.0, 1.0),
    "<Z> = x at -1": (X.arccos(), "ry", "Z", -1.0, -1.0, 1.0),
    "<X> = x at 1": (X.arcsin(), "ry", "X", 1.0, 1.0, 1.0),
    "<X> = x at -1": (X.arcsin(), "ry", "X", -1.0, -1.0, 1.0),
    "<X> = x^2 at 1": ((X**2).arccos(), "rz", "X", 1.0, 1.0, 2.0),
    "<X> = x^2 at -1": ((X**2).arccos(), "rz", "X", -1.0, 1.0, -2.0),
    "<Z> = 1 - 2 x^2 at 1": (2 * X.arcsin(), "ry", "Z", 1.0, -1.0, -4.0),
    "<Z> = cos sqrt(x) at 0": (X**0.5, "ry", "Z", 0.0, 1.0, -0.5),
    "<Z> = cos 1 at 0": (X**0, "ry", "Z", 0.0, np.cos(1), 0.0),
    "<Z> = cos |x| at 0": (X.abs(), "ry", "Z", 0.0, 1.0, 0.0),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_derivatives_where_angles_have_no_slope(dtype: type) -> None:
    """Each case on a qubit of its own, with a parameter of its own."""
    count = len(LIMITS)
    circuit = QuantumCircuit(count)
    places = ParameterVector("p", count)
    for qubit, (expression, gate, *_) in enumerate(LIMITS.values()):
        part = rotated(expression, gate).assign_parameters(
            {X: places[qubit]} if expression.parameters else {}
        )
        circuit.compose(part, [qubit], inplace=True)
    labels = [case[2] for case in LIMITS.values()]
    observables = [
        SparsePauliOp.from_sparse_list([(label, [k], 1)], count) for k, label in enumerate(labels)
    ]
    points, values, slopes = np.array([case[3:] for case in LIMITS.values()]).T
    converted = qjax.from_qiskit(circuit)
    assert converted.num_params == count
    with jax.enable_x64(dtype == np.float64):

        def function(x: jax.Array) -> jax.Array:
            return qjax.expectation(converted, observables, x)

        at = points.astype(dtype)
        found, jacobian, tangent = (
            np.asarray(each, np.float64)
            for each in (
                function(at),
                jax.jit(jax.jacrev(function))(at),
                jax.jvp(function, (at,), (np.ones_like(at),))[1],
            )
        )
    double = dtype == np.float64
    assert np.abs(found - values).max() < (1e-15 if double else 3e-7)  # of the points themselves
    # Half of the digits: the other half is what derivatives in other parameters keep (below).
    size = np.maximum(1, np.abs(slopes))
    assert error(jacobian / size[:, None], np.diag(slopes / size)) < (5e-8 if double else 1e-3)
    assert error(tangent / size, slopes / size) < (5e-8 if double else 1e-3)


@pytest.mark.parametrize("expression", [X.arccos(), X.arcsin(), 2 * (X**0.5).arcsin()])
def test_derivatives_in_other_parameters_at_the_edge(expression: ParameterExpression) -> None:
    """Features that were scaled to [0, 1] or [-1, 1] stand there, and weights see them."""
    circuit = rotated(expression)
    circuit.ry(W, 0)
    qnn = qjax.EstimatorQNN(circuit=circuit, input_params=[X], weight_params=[W])
    weights = np.array([0.05])
    expected = -np.sin(float(expression.bind({X: 1.0})) + weights)
    slope = jax.grad(lambda w, dtype: qnn.apply(w, np.ones(1, dtype))[0])
    # Where features do not move, their slopes do not count.
    assert error(slope(weights.astype(np.float32), np.float32), expected) < 1e-6
    # Where each sample moves by itself, the angles are evaluated beside the edge.
    assert error(qnn.backward([1.0], weights)[1].ravel(), expected) < 1e-7


@pytest.mark.parametrize("derivative", [jax.jacrev, jax.jacfwd, jax.hessian])
def test_weights_that_share_an_angle_with_a_feature_at_its_end(
    derivative: Callable[..., Any],
) -> None:
    """Beside rz(w x), which is nothing here but a phase: <Z> after ry(arccos x), ry(w) at x = 1."""
    circuit = rotated(X.arccos())
    circuit.rz(W * X, 0)
    circuit.ry(W, 0)
    qnn = qjax.EstimatorQNN(circuit=circuit, input_params=[X], weight_params=[W])
    found = derivative(lambda w: qnn.apply(w, np.ones(1, np.float32))[0])(np.float32([0.3]))
    expected = -np.cos(0.3) if derivative is jax.hessian else -np.sin(0.3)
    assert found == pytest.approx(expected, abs=2e-3)


def test_limits_in_networks_and_batches() -> None:
    """Quantum circuit learning (Mitarai et al. 2018): ry(arcsin x), rz(arccos x**2)."""
    circuit = rotated(X.arcsin())
    circuit.rz((X**2).arccos(), 0)
    circuit.rx(W, 0)
    qnn = qjax.EstimatorQNN(
        circuit=circuit, input_params=[X], weight_params=[W], input_gradients=True
    )
    points = np.array([[1.0], [-1.0], [0.3]])
    inputs, weights = qnn.backward(points, [0.4])
    # r = (x^3, x sqrt(1 - x^4), sqrt(1 - x^2)), <Z> = cos w r_z + sin w r_y.
    x = 0.3
    slope = -np.cos(0.4) * x / np.sqrt(1 - x**2)
    slope += np.sin(0.4) * (1 - 3 * x**4) / np.sqrt(1 - x**4)
    assert np.isfinite(weights).all()
    assert inputs[2, 0, 0] == pytest.approx(slope, abs=1e-9)
    # Infinite slopes are large numbers, with their sign.
    assert inputs[0, 0, 0] < -100
    assert np.isfinite(inputs).all()


# Two angles that reach their ends together, and the limit of the derivative of a product of their
# sines: with sqrt(2 k (1 - x)) for the sine of arccos(1 - k (1 - x)), -2 sqrt(k).
TOGETHER = {
    "arcsin x, arccos x^2, twice": (
        [("ry", X.arcsin()), ("rz", (X * X).arccos())],
        [("ry", X.arcsin()), ("rz", (X * X).arccos())],
        ("ZY", 1.0, -2 * np.sqrt(2)),
    ),
    "slopes 1 and 10": (
        [("ry", X.arccos())],
        [("ry", (10 * X - 9).arccos())],
        ("XX", 1.0, -2 * np.sqrt(10)),
    ),
    "slopes 1 and 0.3": (
        [("ry", X.arccos())],
        [("ry", (0.7 + 0.3 * X).arccos())],
        ("XX", 1.0, -2 * np.sqrt(0.3)),
    ),
    "square roots at 0": (
        [("ry", X**0.5)],
        [("ry", (3 * X) ** 0.5)],
        ("XX", 0.0, np.sqrt(3)),
    ),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", TOGETHER)
def test_ends_that_are_reached_together(name: str, dtype: type) -> None:
    *wires, (observable, at, limit) = TOGETHER[name]
    circuit = QuantumCircuit(2)
    for qubit, gates in enumerate(wires):
        for gate, angle in gates:
            getattr(circuit, gate)(angle, qubit)
    with jax.enable_x64(dtype == np.float64):
        slope = jax.grad(lambda x: qjax.expectation(circuit, observable, x[None]))(dtype(at))
    assert slope == pytest.approx(limit, abs=1e-7 if dtype == np.float64 else 1e-3)


@pytest.mark.parametrize("x", [1.0, -1.0, 0.5])
def test_limits_on_primitives(x: float, x64: None) -> None:
    """<Z> after ry(arccos x), rx(w) is x cos(w): shift rules of one angle, times its slope."""
    circuit = QuantumCircuit(1)
    circuit.ry(X.arccos(), 0)
    circuit.rx(W, 0)
    network = qjax.EstimatorQNN(
        circuit=circuit,
        estimator=StatevectorEstimator(),
        observables="Z",
        input_params=[X],
        weight_params=[W],
        input_gradients=True,
    )
    w = 0.3
    expected = np.array([np.cos(w), -x * np.sin(w)])
    assert np.allclose(network.forward([x], [w]), x * np.cos(w), rtol=0, atol=1e-12)
    assert np.allclose(np.ravel(network.backward([x], [w])), expected, rtol=0, atol=1e-7)

    def value(inputs: jax.Array, weights: jax.Array) -> jax.Array:
        return network.apply(weights, inputs)[0]

    for derivative in (jax.grad, jax.jacfwd, lambda f, at: jax.jit(jax.grad(f, at))):
        found = derivative(value, (0, 1))(np.array([x]), np.array([w]))
        assert np.allclose(np.ravel(found), expected, rtol=0, atol=1e-7)
    second = jax.hessian(value, 1)(np.array([x]), np.array([w]))
    assert np.allclose(second, -x * np.cos(w), rtol=0, atol=1e-7)


def test_forward_mode_of_powers_of_negative_numbers() -> None:
    circuit = qjax.from_qiskit(rotated(X**2))
    at = np.array([-1.2], np.float32)
    tangent = jax.jvp(lambda x: qjax.expectation(circuit, "Z", x), (at,), (np.ones_like(at),))[1]
    assert abs(tangent - 2.4 * np.sin(1.44)) < 1e-5


@pytest.mark.parametrize(
    ("base", "exponent", "slope"),
    [
        (0.0, 0.5, -0.5),  # cos sqrt(x)
        (0.0, 1.0, 0.0),
        (-2.0, 2.0, 4 * np.sin(4)),
        (-2.0, 3.0, 12 * np.sin(8)),
    ],
)
def test_powers_whose_exponent_is_a_parameter(
    base: float, exponent: float, slope: float, x64: None
) -> None:
    """A slope in the exponent that does not exist spoils no other derivative, in any mode."""
    circuit = rotated(X ** Parameter("y"))
    circuit.rx(W, 0)  # <Z> = cos(w) cos(x ** y)
    converted = qjax.from_qiskit(circuit)
    w = 0.3
    at = np.array([w, base, exponent])
    value = np.cos(base**exponent)
    expected = np.array([-np.sin(w) * value, np.cos(w) * slope])

    def function(x: jax.Array) -> jax.Array:
        return qjax.expectation(converted, "Z", x)

    assert abs(function(at) - np.cos(w) * value) < 1e-12
    for derivative in (jax.jacrev, jax.jacfwd):
        assert error(derivative(function)(at)[:2], expected) < 1e-7
    assert abs(jax.hessian(function)(at)[0, 0] + np.cos(w) * value) < 1e-7


OUTSIDE = {
    "arccos": (X.arccos(), 1.5, r"arccos\(x\).*x = 1\.5.*from -1 to 1"),
    "arcsin": ((2 * X).arcsin() + 1, -0.7, r"arcsin of -1\.39999"),
    "log": (X.log(), -2.0, r"log\(x\).*positive"),
    "log of 0": (X.log(), 0.0, r"log of 0"),
    "quotient": (1 / X, 0.0, r"\(1 / x\).*divisor"),
    "root": (X**0.5, -1.0, r"x \*\* 0\.5"),
    "power": (X**-1, 0.0, r"x \*\* -1"),
    "exponential": (X.exp(), 1000.0, r"exp of 1000"),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_numbers_without_a_value_are_named(name: str) -> None:
    expression, point, message = OUTSIDE[name]
    circuit = rotated(expression)
    with pytest.raises(ValueError, match=message):
        qjax.expectation(circuit, "Z", [point])


def test_every_public_function_names_them() -> None:
    circuit = rotated(X.arccos())
    circuit.ry(Parameter("w"), 0)
    qnn = qjax.EstimatorQNN(circuit=circuit, input_params=[X], weight_params=["w"])
    inputs, weights = np.array([[0.5], [1.0], [-2.0]]), np.array([0.1])
    at, key = [0.1, -2.0], jax.random.key(0)
    pub = (circuit, "Z", inputs)
    calls = [
        lambda: qjax.statevector(circuit, at),
        lambda: qjax.unitary(circuit, at),
        lambda: qjax.probabilities(circuit, at),
        lambda: qjax.sample(circuit, at, 3, key),
        lambda: qjax.estimate(circuit, "Z", at, 3, key),
        lambda: qjax.expectation(
            QuantumCircuit(1), SparsePauliOp(["Z"], np.array([X.arccos()])), [-2.0]
        ),
        lambda: qnn.forward(inputs, weights),
        lambda: qnn.backward(inputs, weights),
        lambda: qnn.apply(weights, inputs),
        lambda: qjax.evaluate(qnn, weights, inputs),
        lambda: qjax.primitives.Estimator().run([(pub[0], pub[1], [0.1, -2.0])]).result()[0],
    ]
    for number, call in enumerate(calls):
        with pytest.raises(ValueError, match="arccos of -2"):
            pytest.fail(f"call {number}: {call()}")
    with pytest.raises(ValueError, match="input_data, row 2"):
        qnn.forward(inputs, weights)
    traced = jax.jit(lambda p: qjax.expectation(circuit, "Z", p))(jnp.array(at))
    assert jnp.isnan(traced)


def test_rounding_beyond_the_interval_is_no_error() -> None:
    beyond = np.array([1 + 2**-23], np.float32)
    circuit = rotated(X.arccos())
    assert qjax.expectation(circuit, "Z", beyond) == 1


def encoded() -> qjax.EstimatorQNN:
    features, weight = ParameterVector("x", 4), Parameter("w")
    instruction = Initialize([1, 0, 0, 0])
    instruction.params = list(features)
    circuit = QuantumCircuit(2)
    circuit.append(instruction, [0, 1])
    circuit.rx(weight, 0)
    circuit.cx(0, 1)
    circuit.ry(weight, 1)
    return qjax.EstimatorQNN(
        circuit=circuit, input_params=features, weight_params=[weight], input_gradients=True
    )


ROWS = np.array([[1.0, 2, 3, 4], [0, 0, 0, 0], [0, 1, 0, 0]])


def test_amplitudes_that_are_all_zero() -> None:
    qnn = encoded()
    for call in (qnn.forward, qnn.backward):
        with pytest.raises(ValueError, match=r"input_data, row 1.*all amplitudes.*0"):
            call(ROWS, [0.3])
    with pytest.raises(ValueError, match="row 1"):
        qjax.evaluate(qnn, [0.3], ROWS)
    with pytest.raises(ValueError, match="all amplitudes"):
        qjax.statevector(qnn.circuit, [0.3, 0, 0, 0, 0])


def test_a_sample_without_a_state_spoils_no_other(x64: None) -> None:
    qnn = encoded()

    def loss(weights: jax.Array, rows: jax.Array) -> tuple[jax.Array, jax.Array]:
        values = qnn.apply(weights, rows)[:, 0]
        return jnp.where(jnp.abs(rows).sum(axis=1) > 0, values, 0).sum(), values

    weights = jnp.array([0.3])
    (found, of_inputs), values = jax.jit(jax.grad(loss, (0, 1), has_aux=True))(weights, ROWS)
    assert np.isnan(values).tolist() == [False, True, False]
    inputs, expected = qnn.backward(ROWS[[0, 2]], [0.3])
    assert error(found, expected.sum(axis=(0, 1))) < 1e-12
    assert error(of_inputs[np.array([0, 2])], inputs[:, 0]) < 1e-12
    assert np.array_equal(of_inputs[1], np.zeros(4))


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e30])
def test_norms_far_from_1(scale: float) -> None:
    qnn = encoded()
    point = np.array([0.3, 1, 2, 3, 4], np.float32)
    scaled = point.copy()
    scaled[1:] = (point[1:] * np.float64(scale)).astype(np.float32)
    found = qjax.statevector(qnn.circuit, scaled)
    assert error(found, qjax.statevector(qnn.circuit, point)) < 1e-6
    with pytest.raises(ValueError, match="too small"):
        qjax.statevector(qnn.circuit, (point * np.float32(1e-36)).astype(np.float32))


def test_a_traced_value_inside_of_a_circuit() -> None:
    """Qiskit refuses most of them by itself; this way it does not look."""

    def value(angle: jax.Array) -> jax.Array:
        circuit = rotated(X)
        gate = circuit.data[0].operation.to_mutable()
        gate._params = [angle]
        other = QuantumCircuit(1)
        other._append(gate, other.qubits, [])
        return qjax.expectation(other, "Z")

    for call in (jax.grad(value), jax.jit(value)):
        with pytest.raises(TypeError, match=r"put a qiskit\.circuit\.Parameter in its place"):
            call(0.3)


def test_without_jit_a_simulation_is_one_operation() -> None:
    circuit = qjax.from_qiskit(rotated(X))
    with jax.disable_jit():
        value, slope = jax.value_and_grad(lambda p: qjax.expectation(circuit, "Z", p))(
            jnp.array([0.3])
        )
    assert abs(value - np.cos(0.3)) < 1e-6
    assert abs(slope[0] + np.sin(0.3)) < 1e-6
