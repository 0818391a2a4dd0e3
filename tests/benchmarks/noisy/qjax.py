"""Ours, through the public interface."""

from __future__ import annotations

import qjax
from tests.benchmarks.noisy import ONE_QUBIT, TWO_QUBITS
from tests.benchmarks.peers._jax import asarray, jitted
from tests.benchmarks.peers._qiskit import observables, quantum_circuit
from tests.benchmarks.peers._step import Step
from tests.benchmarks.workloads import ONE_QUBIT_GATES, TWO_QUBIT_GATES, Workload

__all__ = ["asarray", "build", "noise_model"]


def build(workload: Workload) -> Step:
    circuit, inputs, weights = quantum_circuit(workload)
    network = qjax.EstimatorQNN(
        circuit=circuit,
        observables=observables(workload),
        input_params=inputs,
        weight_params=weights,
        input_gradients=True,
        noise=noise_model(),
    )
    return jitted(workload, network.apply)


def noise_model() -> qjax.noise.NoiseModel:
    """The channel after each gate."""
    return (
        qjax.noise.NoiseModel()
        .after(list(ONE_QUBIT_GATES), qjax.noise.depolarizing(ONE_QUBIT))
        .after(list(TWO_QUBIT_GATES), qjax.noise.depolarizing(TWO_QUBITS, 2))
    )
