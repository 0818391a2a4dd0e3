"""PennyLane's TorchLayer on default.qubit."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import torch

from tests.benchmarks.layers._weights import with_weights
from tests.benchmarks.peers._pennylane import apply
from tests.benchmarks.workloads import Workload


def layer(workload: Workload, weights: np.ndarray) -> torch.nn.Module:
    device = qml.device("default.qubit", wires=workload.num_qubits)

    @qml.qnode(device, interface="torch", diff_method="backprop")
    def circuit(
        inputs: torch.Tensor, weights: torch.Tensor
    ) -> list[qml.measurements.ExpectationMP]:
        return apply(workload, weights, inputs)

    return with_weights(qml.qnn.TorchLayer(circuit, {"weights": (len(weights),)}), weights)
