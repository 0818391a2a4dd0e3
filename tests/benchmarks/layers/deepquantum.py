"""deepquantum: its circuits are modules."""

from __future__ import annotations

import deepquantum
import numpy as np
import torch

from tests.benchmarks.peers.deepquantum import add, z_expectations
from tests.benchmarks.workloads import Workload


class _Layer(torch.nn.Module):
    """Its circuits are modules, with a parameter per gate."""

    def __init__(self, circuit: deepquantum.QubitCircuit) -> None:
        super().__init__()
        self.circuit = circuit

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        state = self.circuit(data=inputs).reshape(len(inputs), -1)
        return z_expectations(state, self.circuit.nqubit).T


def layer(workload: Workload, weights: np.ndarray) -> torch.nn.Module:
    """For circuits whose gates share no weight and encode plain inputs."""
    circuit = deepquantum.QubitCircuit(workload.num_qubits)
    for op in workload.ops:
        add(circuit, op, trained=True)
    parameters = [parameter for parameter in circuit.parameters() if parameter.requires_grad]
    with torch.no_grad():
        for parameter, value in zip(parameters, weights, strict=True):
            parameter.fill_(float(value))
    return _Layer(circuit)
