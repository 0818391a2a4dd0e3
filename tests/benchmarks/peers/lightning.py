"""PennyLane's lightning.qubit: C++, single precision, the adjoint method, from torch.

Samples one by one: broadcasting took seven times longer. With `device_vjp` the adjoint pass runs
once per sample, for the weighted sum of the observables.
"""

from __future__ import annotations

import numpy as np
import pennylane as qml
import torch

from tests.benchmarks.peers._pennylane import apply
from tests.benchmarks.peers._step import Step
from tests.benchmarks.peers._torch import asarray, differentiated
from tests.benchmarks.workloads import Workload

__all__ = ["asarray", "build"]


def build(workload: Workload) -> Step:
    device = qml.device("lightning.qubit", wires=workload.num_qubits, c_dtype=np.complex64)

    @qml.qnode(device, interface="torch", diff_method="adjoint", device_vjp=True)
    def circuit(weights: torch.Tensor, inputs: torch.Tensor) -> list[torch.Tensor]:
        return apply(workload, weights, inputs)

    def expectations(weights: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        return torch.stack([torch.stack(circuit(weights, sample)) for sample in inputs])

    return differentiated(workload, expectations)
