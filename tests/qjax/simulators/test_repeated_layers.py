"""What runs plans: from any states, and by programs that do not grow with depth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.quantum_info import SparsePauliOp

import qjax
from qjax._plan.planner import plan_circuit
from qjax._simulators.statevector.simulation import Gradient, as_complex, finish, simulate
from tests.circuits import (
    DOUBLE_TOLERANCE,
    error,
    matrix_of,
    random_circuit,
    value_of,
)
from tests.networks import gradient as gradient_of
from tests.networks import slope

# ---------------------------------------------------------------- states


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("gradient", ["backprop", "adjoint"])
def test_simulate_continues_from_any_states(gradient: Gradient) -> None:
    """Columns of the identity give the matrix; a superposition of them gives its superposition."""
    circuit = random_circuit(11, 3, 25)
    matrix = matrix_of(circuit)
    program = plan_circuit(qjax.from_qiskit(circuit), from_zero=False).program
    rng = np.random.default_rng(0)
    start = rng.normal(size=(8, 8)) + 1j * rng.normal(size=(8, 8))

    @jax.jit
    def run(columns: jax.Array) -> jax.Array:
        planes = jnp.stack([columns.real, columns.imag])
        nothing = jnp.zeros((0, 8))
        state, last = simulate(program, jnp.zeros(0), nothing, gradient, planes)
        return as_complex(finish(program, state, last, gradient))

    for columns in (np.eye(8, dtype=complex), start):
        assert error(run(columns), matrix @ columns) < DOUBLE_TOLERANCE


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("gradient", ["backprop", "adjoint"])
def test_cotangents_of_the_initial_states(gradient: Gradient) -> None:
    """d/dv |<0|U v|^2 for real v is 2 Re(conj(<0|U v) <0|U), by the columns of Qiskit's U."""
    circuit = random_circuit(12, 3, 25)
    row = matrix_of(circuit)[0]
    program = plan_circuit(qjax.from_qiskit(circuit), from_zero=False).program
    start = np.random.default_rng(0).normal(size=8)

    def overlap(v: jax.Array) -> jax.Array:
        planes = jnp.stack([v, jnp.zeros_like(v)])[:, :, None]
        state, last = simulate(program, jnp.zeros(0), jnp.zeros((0, 1)), gradient, planes)
        amplitude = as_complex(finish(program, state, last, gradient))[0, 0]
        return jnp.square(amplitude.real) + jnp.square(amplitude.imag)

    expected = 2 * np.real(np.conj(row @ start) * row)
    assert error(jax.jit(jax.grad(overlap))(start), expected) < DOUBLE_TOLERANCE


# ---------------------------------------------------------------- depth


def layers(count: int, num_qubits: int = 3) -> QuantumCircuit:
    """Every layer takes the input `x` again, and weights of its own."""
    x, w = Parameter("x"), ParameterVector("w", num_qubits * count)
    circuit = QuantumCircuit(num_qubits)
    for layer in range(count):
        for qubit in range(num_qubits):
            circuit.rx(x, qubit)
            circuit.ry(w[num_qubits * layer + qubit], qubit)
        circuit.rzz(x * w[num_qubits * layer], 0, 1)
        for qubit in range(num_qubits):
            circuit.cx(qubit, (qubit + 1) % num_qubits)
    return circuit


def network(count: int) -> qjax.EstimatorQNN:
    weights = [f"w[{k}]" for k in range(3 * count)]
    return qjax.EstimatorQNN(circuit=layers(count), input_params=["x"], weight_params=weights)


def lines(function: Callable[..., Any], arguments: tuple[Any, ...]) -> int:
    """How long the program is that XLA gets to compile; tables of numbers take one line each."""
    return len(jax.jit(function).lower(*arguments).as_text().splitlines())


def simulation(count: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    circuit = qjax.from_qiskit(layers(count))
    return lambda params: qjax.statevector(circuit, params), (np.ones(3 * count + 1, np.float32),)


def output(count: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    return network(count).apply, (np.ones(3 * count, np.float32), np.ones((4, 1), np.float32))


def gradient(count: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    apply, arguments = output(count)
    return jax.grad(lambda w, x: apply(w, x).sum(), (0, 1)), arguments


def second_derivative(count: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    apply, (w, x) = output(count)
    slope = jax.grad(lambda w, x: apply(w, x).sum())
    return lambda w, x: jax.jvp(lambda w: slope(w, x), (w,), (w,)), (w, x)


@pytest.mark.usefixtures("xla_engine")
@pytest.mark.parametrize("program", [simulation, output, gradient, second_derivative])
def test_programs_do_not_grow_with_repeated_layers(program: Callable[[int], Any]) -> None:
    sizes = [lines(*program(count)) for count in (10, 100)]
    assert sizes[0] == sizes[1]


def without_repetition(num_gates: int, num_qubits: int) -> QuantumCircuit:
    """Gates on random qubits, by angles of their own."""
    angles, rng = ParameterVector("w", num_gates), np.random.default_rng(0)
    circuit = QuantumCircuit(num_qubits)
    for angle in angles:
        first, second = rng.permutation(num_qubits)[:2].tolist()
        circuit.ry(angle, first)
        circuit.rzx(0.3, second, first)
    return circuit


def on_one_qubit(num_gates: int) -> QuantumCircuit:
    """Only gates on single qubits, of which one has nearly all."""
    circuit = QuantumCircuit(3)
    circuit.h([1, 2])
    for angle in ParameterVector("w", num_gates):
        circuit.ry(angle, 0)
        circuit.rx(0.3, 0)
    return circuit


@pytest.mark.usefixtures("xla_engine")
@pytest.mark.parametrize(
    "build", [lambda count: without_repetition(count, 8), on_one_qubit], ids=["any", "one qubit"]
)
def test_programs_hardly_grow_with_gates_that_do_not_repeat(
    build: Callable[[int], QuantumCircuit],
) -> None:
    """Four times the gates: two more halvings of the products of matrices."""
    sizes = []
    for count in (200, 800):
        circuit = qjax.from_qiskit(build(count))
        observable = "Z" * circuit.num_qubits
        slope_of = jax.grad(lambda p, c=circuit, o=observable: qjax.expectation(c, o, p))
        sizes.append(lines(slope_of, (np.ones(circuit.num_params, np.float32),)))
    assert sizes[1] < 1.5 * sizes[0]


@pytest.mark.usefixtures("xla_engine")
def test_the_size_of_a_program_does_grow_with_what_differs() -> None:
    """What the tests above count is no constant."""
    sizes = [
        lines(lambda p, c=circuit: qjax.statevector(c, p), (np.ones(circuit.num_params),))
        for circuit in (qjax.from_qiskit(without_repetition(count, 8)) for count in (2, 100))
    ]
    assert sizes[1] > sizes[0] + 100


OBSERVABLE = SparsePauliOp(["ZIX", "XXI", "IYZ"], [0.5, -1, 0.7])


@pytest.mark.usefixtures("x64")
def test_derivatives_through_repeated_layers() -> None:
    """Reverse mode, forward mode and both at once, through the scan, in a shared parameter too."""
    count = 12
    circuit = layers(count)
    segments = plan_circuit(qjax.from_qiskit(circuit)).program.segments
    # The first rotations may have become the state to start from.
    assert {count, count - 1} & {segment.length for segment in segments}
    # Of the 37 parameters, three directions: the input, one weight, all weights together.
    names = [parameter.name for parameter in circuit.parameters]
    directions = np.zeros((3, len(names)))
    directions[0, names.index("x")] = directions[1, names.index("w[4]")] = 1
    directions[2] = np.linspace(-1, 1, len(names))
    base = np.random.default_rng(0).uniform(-1, 1, len(names))
    converted = qjax.from_qiskit(circuit)

    def ours(t: jax.Array) -> jax.Array:
        return qjax.expectation(converted, OBSERVABLE, base + t @ directions)

    def qiskits(t: np.ndarray) -> float:
        return value_of(circuit, OBSERVABLE, base + t @ directions)

    at = np.array([0.1, -0.2, 0.05])
    assert error(ours(at), qiskits(at)) < DOUBLE_TOLERANCE

    for transform in (jax.jacrev, jax.jacfwd):
        assert error(jax.jit(transform(ours))(at), gradient_of(qiskits, at)) < 1e-8
    direction = np.array([1, -2, 0.5])
    along = slope(lambda t: gradient_of(qiskits, at + t * direction))
    assert error(jax.jit(jax.hessian(ours))(at) @ direction, along) < 1e-5


def test_thousands_of_layers_run() -> None:
    """Rotations by one angle add up: <Z> = cos(4000 x) at x = pi / 4000 is -1."""
    x = Parameter("x")
    circuit = QuantumCircuit(1)
    for _ in range(4000):
        circuit.ry(x, 0)
    qnn = qjax.EstimatorQNN(circuit=circuit, input_params=[x])
    assert error(qnn.forward([[np.pi / 4000], [np.pi / 8000]], None), [[-1], [0]]) < 1e-9


# ---------------------------------------------------------------- what an attacker found


def test_no_tracer_outlives_its_trace() -> None:
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("a"), 0)
    converted = qjax.from_qiskit(circuit)
    with jax.checking_leaks():
        slope = jax.jit(jax.grad(lambda p: qjax.expectation(converted, "Z", p)))(np.float32([1]))
    assert error(slope, [-np.sin(1)]) < 1e-6


@pytest.mark.parametrize("scale", [1e3, 1e6, 1e9, 1e12])
def test_huge_angles_in_single_precision(scale: float) -> None:
    """Phases per sample are summed; each summand loses its full turns first."""
    x, w = ParameterVector("x", 2), Parameter("w")
    circuit = QuantumCircuit(3)
    circuit.h(range(3))
    circuit.rzz(x[0], 0, 2)
    circuit.p(x[1], 1)
    circuit.ry(w, range(3))
    circuit.cp(x[1], 2, 0)
    circuit.rx(x[0], 1)
    inputs = np.float32([[0.77 * scale, 0.31 * scale], [-0.2 * scale, scale]])
    qnn = qjax.EstimatorQNN(circuit=circuit, input_params=x, weight_params=[w])
    expected = [
        value_of(circuit, SparsePauliOp("ZZZ"), np.array([0.4, *row], float)) for row in inputs
    ]
    assert [parameter.name for parameter in circuit.parameters] == ["w", "x[0]", "x[1]"]
    assert error(qnn.apply(np.float32([0.4]), inputs)[:, 0], expected) < 1e-5
