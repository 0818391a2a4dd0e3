"""Ours, through the public interface."""

from __future__ import annotations

import numpy as np

import qjax
from bridge import TorchConnector
from tests.benchmarks.peers._jax import asarray, jitted
from tests.benchmarks.peers._qiskit import quantum_circuit, z_labels
from tests.benchmarks.peers._step import Step
from tests.benchmarks.workloads import Workload

__all__ = ["asarray", "build", "layer"]


def build(workload: Workload) -> Step:
    return jitted(_network(workload).apply)


def layer(workload: Workload, weights: np.ndarray) -> TorchConnector:
    return TorchConnector(_network(workload), weights)


def _network(workload: Workload) -> qjax.EstimatorQNN:
    circuit, inputs, weights = quantum_circuit(workload)
    return qjax.EstimatorQNN(
        circuit=circuit,
        observables=z_labels(workload.num_qubits),
        input_params=inputs,
        weight_params=weights,
        input_gradients=True,
    )
