"""Qiskit Aer's density-matrix method, single precision: the value alone.

Circuits are bound to their values before the clock starts, which is in its favour: what is timed
is `AerSimulator.run` and the reading of its result.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer.library import SaveExpectationValue
from qiskit_aer.noise import NoiseModel, depolarizing_error

from tests.benchmarks.noisy import strength
from tests.benchmarks.peers._qiskit import quantum_circuit
from tests.benchmarks.peers._step import Step
from tests.benchmarks.workloads import ONE_QUBIT_GATES, TWO_QUBIT_GATES, Workload

__all__ = ["asarray", "build"]


def asarray(values: np.ndarray) -> np.ndarray:
    return values


def build(workload: Workload) -> Step:
    circuit, inputs, weights = quantum_circuit(workload)
    num_qubits = workload.num_qubits
    for qubit in range(num_qubits):
        observable = SparsePauliOp.from_sparse_list([("Z", [qubit], 1)], num_qubits)
        circuit.append(SaveExpectationValue(observable, f"z{qubit}"), range(num_qubits))
    simulator = AerSimulator(
        method="density_matrix", precision="single", noise_model=_noise_model()
    )
    bound: dict[tuple[int, int], list[QuantumCircuit]] = {}

    def step(w: np.ndarray, x: np.ndarray) -> tuple[Any, Any, Any]:
        circuits = bound.get((id(w), id(x)))
        if circuits is None:
            values = [dict(zip([*weights, *inputs], [*w, *row], strict=True)) for row in x]
            circuits = [circuit.assign_parameters(row) for row in values]
            bound[id(w), id(x)] = circuits
        result = simulator.run(circuits).result()
        data = [result.data(number) for number in range(len(circuits))]
        expectations = [[found[f"z{qubit}"] for qubit in range(num_qubits)] for found in data]
        return np.mean(np.square(expectations)), None, None

    return step


def _noise_model() -> NoiseModel:
    model = NoiseModel()
    for size, gates in ((1, ONE_QUBIT_GATES), (2, TWO_QUBIT_GATES)):
        error = depolarizing_error(strength(size), size)
        model.add_all_qubit_quantum_error(error, list(gates))
    return model
