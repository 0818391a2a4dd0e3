"""Ours, through the public interface."""

from __future__ import annotations

import qjax
from tests.benchmarks.peers._jax import Expectations, asarray, jitted
from tests.benchmarks.peers._qiskit import observables, quantum_circuit
from tests.benchmarks.peers._step import Step
from tests.benchmarks.workloads import Workload

__all__ = ["asarray", "build", "expectations", "network"]


def build(workload: Workload) -> Step:
    return jitted(workload, expectations(workload))


def expectations(workload: Workload) -> Expectations:
    return network(workload).apply


def network(workload: Workload) -> qjax.EstimatorQNN:
    circuit, inputs, weights = quantum_circuit(workload)
    return qjax.EstimatorQNN(
        circuit=circuit,
        observables=observables(workload),
        input_params=inputs,
        weight_params=weights,
        input_gradients=True,
    )
