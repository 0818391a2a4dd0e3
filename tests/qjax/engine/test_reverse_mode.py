"""The two ways of reverse mode: states that are kept, and states that are computed again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import SparsePauliOp

import qjax
from qjax._engine.primitive import run
from qjax._engine.task import Expectations, Outcomes, Readout, States, Task, plan_of
from qjax._qiskit.observables import as_observable
from qjax._simulators.statevector.simulation import Gradient
from tests.circuits import DOUBLE_TOLERANCE, error, finite_hessian, state_of, value_of
from tests.networks import gradient as gradient_of
from tests.networks import slope
from tests.qjax.engine.tasks import CIRCUIT, CONVERTED, NUM_PARAMS, OBSERVABLE, READOUTS, loss_of

PER_SAMPLE = frozenset({1, 4})


def qiskit_result(readout: Readout, shared: np.ndarray, batched: np.ndarray) -> np.ndarray:
    columns = []
    for column in batched.T:
        values = np.zeros(NUM_PARAMS)
        values[[k for k in range(NUM_PARAMS) if k not in PER_SAMPLE]] = shared
        values[sorted(PER_SAMPLE)] = column
        psi = state_of(CIRCUIT, values)
        if isinstance(readout, States):
            columns.append(psi)
        elif isinstance(readout, Outcomes):
            columns.append(np.abs(psi) ** 2)
        else:
            diagonal = readout is READOUTS["diagonal"]
            labels = ("ZIZ", "IZI") if diagonal else (OBSERVABLE, "XYZ")
            columns.append([value_of(CIRCUIT, SparsePauliOp(label), values) for label in labels])
    return np.stack(columns, axis=1)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("gradient", ["backprop", "adjoint"])
@pytest.mark.parametrize("name", READOUTS)
def test_both_gradients_are_right(name: str, gradient: Gradient) -> None:
    """Value, gradient and second derivatives in shared and batched parameters, against Qiskit's."""
    readout = READOUTS[name]
    task = Task(CONVERTED, PER_SAMPLE, readout, gradient)
    rng = np.random.default_rng(0)
    at = rng.uniform(-2, 2, NUM_PARAMS - 2 + 2 * 3)

    def parts(v: Any) -> tuple[Any, Any]:
        return v[: NUM_PARAMS - 2], v[NUM_PARAMS - 2 :].reshape(2, 3)

    def ours(v: Any) -> Any:
        return loss_of(readout, run(task, *parts(v)))

    def qiskits(v: np.ndarray) -> float:
        return float(loss_of(readout, qiskit_result(readout, *parts(v)), np))

    first, other = rng.normal(size=(2, len(at)))
    result, found = jax.jit(lambda v: (run(task, *parts(v)), jax.grad(ours)(v)))(at)
    assert error(result, qiskit_result(readout, *parts(at))) < DOUBLE_TOLERANCE
    assert error(found, gradient_of(qiskits, at)) < 1e-9
    if name == "mixed":
        second = jax.jit(lambda v: jax.jvp(jax.grad(ours), (v,), (first,))[1])(at)
        mixed = slope(lambda s: slope(lambda t: qiskits(at + s * first + t * other)))
        assert error(second @ other, mixed) < 1e-7


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("gradient", ["backprop", "adjoint"])
def test_second_derivatives_through_repeated_layers(gradient: Gradient) -> None:
    """The scan of a repeated layer, with phases that one repetition leaves to the next."""
    x, w = ParameterVector("x", 2), ParameterVector("y", 1)
    circuit = QuantumCircuit(3)
    circuit.h(range(3))
    for layer in range(6):
        circuit.rx(x[0] * (1 + layer / 5), 0)
        circuit.ry(x[1] + layer, 1)
        circuit.crx(w[0] * layer, 1, 2)
        circuit.cx(0, 2)
        circuit.rzz(w[0], 0, 1)
    circuit.ry(x[0], 2)
    observables = Expectations((as_observable("ZZZ", 3), as_observable("XIZ", 3)))
    task = Task(qjax.from_qiskit(circuit), frozenset({0, 1}), observables, gradient)
    at = np.array([0.4, -0.9, 1.3])

    def ours(v: Any) -> Any:
        return jnp.prod(run(task, v[2:], v[:2, None]))

    def qiskits(v: np.ndarray) -> float:
        return float(np.prod([value_of(circuit, SparsePauliOp(o), v) for o in ("ZZZ", "XIZ")]))

    direction = np.array([0.5, -1, 0.8])
    value, found, forward, reverse = jax.jit(
        lambda v: (
            *jax.value_and_grad(ours)(v),
            jax.jvp(jax.grad(ours), (v,), (direction,))[1],
            jax.grad(lambda v: jax.grad(ours)(v) @ direction)(v),
        )
    )(at)
    assert error(value, qiskits(at)) < DOUBLE_TOLERANCE
    assert error(found, gradient_of(qiskits, at)) < 1e-9
    expected = finite_hessian(qiskits, at) @ direction
    assert error(forward, expected) < 1e-6
    assert error(reverse, expected) < 1e-6


@pytest.mark.usefixtures("full_compilation", "xla_engine")
def test_adjoint_keeps_no_states() -> None:
    """Reverse mode at 14 qubits, 16 samples: a few states, or one per pass."""
    num_qubits, batch, rng = 14, 16, np.random.default_rng(0)
    angles = ParameterVector("w", 201)
    circuit = QuantumCircuit(num_qubits)
    circuit.rx(angles[200], 0)
    for angle in angles[:200]:
        first, second = rng.permutation(num_qubits)[:2].tolist()
        circuit.ry(angle, first)
        circuit.rzx(0.3, second, first)
    readout = Expectations((as_observable("Z" * num_qubits, num_qubits),))
    backprop = Task(qjax.from_qiskit(circuit), frozenset({200}), readout, "backprop")
    adjoint = replace(backprop, gradient="adjoint")
    shared, batched = np.ones(200, np.float32), np.ones((1, batch), np.float32)
    memory = {}
    for task in (backprop, adjoint):
        slopes = jax.jit(jax.grad(lambda s, b, task=task: run(task, s, b).sum(), (0, 1)))
        analysis = slopes.lower(shared, batched).compile().memory_analysis()
        memory[task.gradient] = analysis.temp_size_in_bytes / (8 * batch << num_qubits)
    passes = plan_of(adjoint).num_passes
    assert passes >= 60
    assert memory["backprop"] > passes
    # Eight states, and the matrices of all passes with what they are multiplied from.
    assert memory["adjoint"] < 16
