"""The simulators that are measured: one module each, all with the same interface.

A module of this package offers `asarray` and `build` (see `_step.py`) and imports its library at
the top; it is imported only in the process that measures it. A new peer is a module and its row
in `PEERS`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.benchmarks.workloads import Workload


@dataclass(frozen=True, slots=True)
class Peer:
    """A row of the table.

    Attributes:
        label: what the report calls it.
        distributions: what must be installed, the library itself first; versions are reported.
        module: the module of this package that builds its programs.
        environment: variables of its process.
        max_qubits, max_runs: what is tried at most; a library that runs a circuit per gate,
            sample and observable would only ever reach the time limit.
    """

    label: str
    distributions: tuple[str, ...]
    module: str
    environment: Mapping[str, str] = field(default_factory=dict)
    max_qubits: float = math.inf
    max_runs: float = math.inf

    def takes(self, workload: Workload) -> bool:
        runs = len(workload.ops) * workload.batch * workload.num_qubits
        return workload.num_qubits <= self.max_qubits and runs <= self.max_runs


OURS = "qjax"
WARM = "qjax_warm"
"""Ours, in a second process that finds the first one's compiled code in JAX's persistent cache."""

_JAX = ("jax", "jaxlib", "numpy")

PEERS = {
    OURS: Peer("qjax", ("qjax-bridge", *_JAX, "qiskit"), "qjax"),
    WARM: Peer("qjax, warm cache", ("qjax-bridge", *_JAX, "qiskit"), "qjax"),
    "tensorcircuit": Peer("TensorCircuit-NG, JAX", ("tensorcircuit-ng", *_JAX), "tensorcircuit"),
    "pennylane": Peer("PennyLane default.qubit, JAX", ("pennylane", *_JAX), "pennylane"),
    "lightning": Peer(
        "PennyLane lightning.qubit",
        ("pennylane-lightning", "pennylane", "torch"),
        "lightning",
        # It shares observables out among threads, and here there is one; more only wait.
        {"OMP_NUM_THREADS": "1"},
    ),
    "qujax": Peer("qujax", ("qujax", *_JAX), "qujax"),
    "qulacs": Peer("qulacs", ("qulacs",), "qulacs"),
    "deepquantum": Peer("deepquantum", ("deepquantum", "torch"), "deepquantum"),
    "qiskit_ml": Peer(
        "Qiskit ML EstimatorQNN",
        ("qiskit-machine-learning", "qiskit"),
        "qiskit_ml",
        max_qubits=8,
        max_runs=20_000,
    ),
}
