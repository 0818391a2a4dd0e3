"""deepquantum: torch, one contraction per gate, samples by `torch.vmap`.

Inputs are encoded as its documentation does it; weights are set like the parameters of an encoding
gate, outside the batch, so that gates may share one.
"""

from __future__ import annotations

from collections.abc import Sequence

import deepquantum
import torch

from tests.benchmarks.peers._step import Step
from tests.benchmarks.peers._torch import asarray, differentiated
from tests.benchmarks.workloads import INPUT, Angle, Op, Term, Workload

__all__ = ["add", "asarray", "build", "z_expectations"]


def build(workload: Workload) -> Step:
    circuit = deepquantum.QubitCircuit(workload.num_qubits)
    for op in workload.ops:
        add(circuit, op)
    encoded = [op.angle for op in workload.ops if op.angle and op.angle.source == INPUT]
    weighted = [
        (gate, op.angle)
        for gate, op in zip(circuit.operators, workload.ops, strict=True)
        if op.angle and op.angle.source != INPUT
    ]

    def expectations(weights: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        for gate, angle in weighted:
            gate.init_para(angle.value(weights, inputs))
        state = circuit(data=_data(encoded, inputs) if encoded else None)
        state = state.reshape(len(inputs), -1)
        if workload.hamiltonian:
            return _energies(state, workload)
        return z_expectations(state, workload.num_qubits)

    return differentiated(workload, expectations)


def add(circuit: deepquantum.QubitCircuit, op: Op, trained: bool = False) -> None:
    wires = op.qubits if op.gate in {"cx", "cz"} else (_wires(op.qubits),)
    if op.angle is None or (trained and op.angle.source != INPUT):
        getattr(circuit, op.gate)(*wires)
    elif op.angle.source == INPUT:
        getattr(circuit, op.gate)(*wires, encode=True)
    else:
        getattr(circuit, op.gate)(*wires, inputs=0.0)


def _wires(qubits: Sequence[int]) -> int | list[int]:
    return qubits[0] if len(qubits) == 1 else list(qubits)


def _data(angles: Sequence[Angle], inputs: torch.Tensor) -> torch.Tensor:
    """One column per encoding gate."""
    if all(angle.plain for angle in angles):
        return inputs[:, [angle.indices[0] for angle in angles]]
    return torch.stack([angle.value(inputs, inputs) for angle in angles], dim=-1)


def _energies(state: torch.Tensor, workload: Workload) -> torch.Tensor:
    tensor = state.reshape(-1, *(2,) * workload.num_qubits)
    return torch.stack([_expectation(tensor, term) for term in workload.hamiltonian]).sum(0)


def _expectation(state: torch.Tensor, term: Term) -> torch.Tensor:
    """Of X by the state with its axes turned round, of Z by marginal probabilities."""
    axes = [1 + qubit for qubit in term.qubits]
    if term.pauli == "X":
        turned = state.flip(axes)
        products = state.real * turned.real + state.imag * turned.imag
        return term.coefficient * products.flatten(1).sum(1)
    others = sorted(set(range(1, state.ndim)) - set(axes))
    marginal = (state.real.square() + state.imag.square()).sum(others)
    for _ in axes:
        marginal = marginal[:, 0] - marginal[:, 1]
    return term.coefficient * marginal


def z_expectations(state: torch.Tensor, num_qubits: int) -> torch.Tensor:
    probabilities = state.real.square() + state.imag.square()
    marginals = [
        probabilities.reshape(len(state), 2**qubit, 2, -1).sum((1, 3))
        for qubit in range(num_qubits)
    ]
    return torch.stack([marginal[:, 0] - marginal[:, 1] for marginal in marginals])
