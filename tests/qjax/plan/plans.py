"""What a plan makes of a circuit, beside Qiskit's state."""

from __future__ import annotations

import jax
import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector

import qjax
from qjax._plan.planner import plan_circuit
from qjax._simulators.statevector.simulation import as_complex, finish, simulate
from tests.circuits import DOUBLE_TOLERANCE, error, state_of


def samples_of(circuit: QuantumCircuit, per_sample: frozenset[int], batch: int) -> np.ndarray:
    """`(num_params, batch)`: what is shared is the same in every column."""
    values = np.random.default_rng(7).uniform(-3, 3, (circuit.num_parameters, batch))
    for index in set(range(circuit.num_parameters)) - per_sample:
        values[index] = values[index, 0]
    return values


def planned(circuit: QuantumCircuit, per_sample: frozenset[int], values: np.ndarray) -> np.ndarray:
    """Run the plan of a circuit on all samples at once; `(2**n, batch)`."""
    plan = plan_circuit(qjax.from_qiskit(circuit), per_sample)
    columns = sorted(per_sample)
    shared = [index for index in range(circuit.num_parameters) if index not in per_sample]

    def run(shared: jax.Array, batched: jax.Array) -> jax.Array:
        state, last = simulate(plan.program, shared, batched)
        return as_complex(finish(plan.program, state, last))

    return np.asarray(jax.jit(run)(values[shared, 0], values[columns]))


def check_plan(circuit: QuantumCircuit, per_sample: frozenset[int], batch: int = 2) -> None:
    """The plan against Qiskit, sample by sample."""
    values = samples_of(circuit, per_sample, batch)
    expected = np.stack([state_of(circuit, column) for column in values.T], axis=1)
    assert error(planned(circuit, per_sample, values), expected) < DOUBLE_TOLERANCE


A, B = Parameter("a"), Parameter("b")


def ring(num_qubits: int, layers: int) -> QuantumCircuit:
    """RY, RZ on each qubit and a ring of CX, `layers` times: 3 * num_qubits gates each."""
    angles = iter(ParameterVector("w", 2 * num_qubits * layers))
    circuit = QuantumCircuit(num_qubits)
    for _ in range(layers):
        for qubit in range(num_qubits):
            circuit.ry(next(angles), qubit)
            circuit.rz(next(angles), qubit)
        for qubit in range(num_qubits):
            circuit.cx(qubit, (qubit + 1) % num_qubits)
    return circuit
