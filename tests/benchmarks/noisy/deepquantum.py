"""deepquantum: torch, its circuits of density matrices, samples by `torch.vmap`.

Its channels are lists of Kraus operators. The one of two qubits is a subclass here, since it has
none. Weights are set as in `peers.deepquantum`.
"""

from __future__ import annotations

from typing import Any

import deepquantum
import torch
from deepquantum.operation import Channel

from tests.benchmarks.noisy import strength
from tests.benchmarks.noisy._kraus import depolarizing
from tests.benchmarks.peers._step import Step
from tests.benchmarks.peers._torch import asarray, differentiated
from tests.benchmarks.peers.deepquantum import add
from tests.benchmarks.workloads import INPUT, Workload

__all__ = ["asarray", "build"]


class _Depolarizing(Channel):
    """On the qubits of a gate, by Kraus operators that are there already."""

    def __init__(self, nqubit: int, wires: list[int]) -> None:
        operators = depolarizing(strength(len(wires)), len(wires))
        self._operators = torch.from_numpy(operators).to(torch.complex64)
        super().__init__(0.0, "Depolarizing", nqubit, wires, tsr_mode=True)

    def get_matrix(self, theta: Any) -> torch.Tensor:
        return self._operators


def build(workload: Workload) -> Step:
    circuit = deepquantum.QubitCircuit(workload.num_qubits, den_mat=True)
    weighted = []
    for op in workload.ops:
        add(circuit, op)
        if op.angle and op.angle.source != INPUT:
            weighted.append((circuit.operators[-1], op.angle))
        circuit.add(_Depolarizing(workload.num_qubits, list(op.qubits)))
    encoded = [op.angle.indices[0] for op in workload.ops if op.angle and op.angle.source == INPUT]

    def expectations(weights: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        for gate, angle in weighted:
            gate.init_para(angle.value(weights, inputs))
        state = circuit(data=inputs[:, encoded])
        state = state.reshape(len(inputs), 2**workload.num_qubits, -1)
        probabilities = torch.diagonal(state, dim1=1, dim2=2).real
        marginals = [
            probabilities.reshape(len(inputs), 2**qubit, 2, -1).sum((1, 3))
            for qubit in range(workload.num_qubits)
        ]
        return torch.stack([marginal[:, 0] - marginal[:, 1] for marginal in marginals])

    return differentiated(workload, expectations)
