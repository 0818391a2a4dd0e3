"""Qiskit Machine Learning's TorchConnector."""

from __future__ import annotations

import numpy as np
from qiskit_machine_learning.connectors import TorchConnector

from tests.benchmarks.peers.qiskit_ml import network
from tests.benchmarks.workloads import Workload


def layer(workload: Workload, weights: np.ndarray) -> TorchConnector:
    return TorchConnector(network(workload), weights)
