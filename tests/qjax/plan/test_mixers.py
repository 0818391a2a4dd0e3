"""Layers of RX between diagonal gates run as real matrices: the state stays Qiskit's."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.quantum_info import Operator

import qjax
from qjax._plan import Dense
from qjax._plan.planner import plan_circuit
from qjax._simulators.statevector.simulation import (
    Gradient,
    as_complex,
    finish,
    identity_states,
    simulate,
)
from tests.circuits import DOUBLE_TOLERANCE, error
from tests.qjax.plan.plans import A, B, check_plan

pytestmark = pytest.mark.usefixtures("x64")


def ising(num_qubits: int, layers: int, begins: str = "h", idle: int = 0) -> QuantumCircuit:
    """RZZ on a ring and RX on each qubit but the idle ones, twice as many angles as layers."""
    angles = iter(ParameterVector("w", 2 * layers))
    circuit = QuantumCircuit(num_qubits)
    if begins == "h":
        circuit.h(range(num_qubits))
    for _ in range(layers):
        coupling, field = next(angles), next(angles)
        for qubit in range(num_qubits):
            circuit.rzz(coupling, qubit, (qubit + 1) % num_qubits)
        circuit.rx(field, range(idle, num_qubits))
    return circuit


def operators(circuit: QuantumCircuit, per_sample: frozenset[int] = frozenset()) -> list[Dense]:
    program = plan_circuit(qjax.from_qiskit(circuit), per_sample).program
    passes = [pass_ for segment in program.segments for pass_ in segment.passes]
    return [pass_.operator for pass_ in passes if isinstance(pass_.operator, Dense)]


@pytest.mark.parametrize(("num_qubits", "layers"), [(3, 1), (7, 5), (9, 1), (9, 5)])
def test_layers_of_rx_are_real_where_they_stand(num_qubits: int, layers: int) -> None:
    circuit = ising(num_qubits, layers)
    check_plan(circuit, frozenset())
    program = plan_circuit(qjax.from_qiskit(circuit)).program
    assert all(operator.real for operator in operators(circuit))
    passes = [pass_ for segment in program.segments for pass_ in segment.passes]
    assert all(pass_.reorder is None for pass_ in passes)
    assert program.end.passes[0].reorder is None


def test_layers_that_do_not_repeat() -> None:
    """Where many phases come between them, blocks leave those out."""
    circuit = QuantumCircuit(9)
    circuit.h(range(9))
    for coupling, field in ((A, B), (B, A)):
        for pair in itertools.combinations(range(9), 2):
            circuit.rzz(coupling, *pair)
        circuit.rx(field, range(9))
    check_plan(circuit, frozenset())
    assert all(operator.real for operator in operators(circuit))


def test_couplings_may_differ_per_sample() -> None:
    circuit = ising(6, 4)
    check_plan(circuit, frozenset({0, 2, 4, 6}))
    assert all(operator.real for operator in operators(circuit, frozenset({0, 2, 4, 6})))


@pytest.mark.parametrize("per_sample", [{1}, {0, 1, 5}, set(range(8))])
def test_fields_that_differ_per_sample_stay(per_sample: set[int]) -> None:
    check_plan(ising(5, 4), frozenset(per_sample))


def with_gate_between(name: str) -> QuantumCircuit:
    circuit = ising(5, 1)
    if name == "cx":
        circuit.cx(1, 3)
    elif name == "controlled rx":
        circuit.crx(A, 2, 4)
    elif name == "rx of few qubits":
        circuit.rx(B, [1, 3])
        circuit.cz(1, 2)
    elif name == "rx at the beginning":
        before = QuantumCircuit(5)
        before.rx(A, range(5))
        before.rx(B, 2)
        circuit = before.compose(circuit)
    angle = Parameter("z")
    circuit.rzz(angle, 0, 4)
    circuit.rx(angle, range(5))
    return circuit


@pytest.mark.parametrize("name", ["cx", "controlled rx", "rx of few qubits", "rx at the beginning"])
@pytest.mark.parametrize("per_sample", [frozenset(), frozenset({0})])
def test_other_circuits_of_rx(name: str, per_sample: frozenset[int]) -> None:
    check_plan(with_gate_between(name), per_sample)


@pytest.mark.parametrize("layers", [1, 4])
@pytest.mark.parametrize("begins", ["h", "rzz"])
def test_unitaries(begins: str, layers: int) -> None:
    """Of a plan that starts from any state, the phases at either end included."""
    circuit = ising(4, layers, begins)
    values = np.random.default_rng(3).uniform(-3, 3, circuit.num_parameters)
    program = plan_circuit(qjax.from_qiskit(circuit), frozenset(), False).program
    start = identity_states(4, np.dtype(np.float64))
    state, last = simulate(program, jnp.asarray(values), jnp.zeros((0, 16)), state=start)
    expected = Operator(circuit.assign_parameters(values)).data
    assert error(np.asarray(as_complex(finish(program, state, last))), expected) < DOUBLE_TOLERANCE


@pytest.mark.parametrize(
    ("idle", "gradient"), [(0, "backprop"), (1, "adjoint"), (2, "backprop"), (3, "adjoint")]
)
def test_gradients_against_finite_differences(idle: int, gradient: Gradient) -> None:
    """Of real blocks in front, between other qubits, before few of them, and behind all."""
    circuit = ising(9, 4, idle=idle)
    assert len({operator.above for operator in operators(circuit)}) > 1
    program = plan_circuit(qjax.from_qiskit(circuit)).program
    rng = np.random.default_rng(4)
    values = rng.uniform(-3, 3, circuit.num_parameters)
    weights = rng.normal(size=(2, 2**9, 1))

    def loss(values: jax.Array) -> jax.Array:
        state, last = simulate(program, values, jnp.zeros((0, 1)), gradient)
        return (finish(program, state, last, gradient) * weights).sum()

    step = 1e-6
    points = values + step * np.concatenate([np.eye(len(values)), -np.eye(len(values))])
    compiled = jax.jit(loss)
    ahead, behind = np.split(np.asarray([compiled(point) for point in points]), 2)
    assert error(np.asarray(jax.jit(jax.grad(loss))(values)), (ahead - behind) / (2 * step)) < 1e-7
