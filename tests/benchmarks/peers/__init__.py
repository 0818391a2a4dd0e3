"""The simulators that are measured: one module each, all with the same interface.

A module of this package offers `asarray` and `build` (see `_step.py`) and imports its library at
the top; it is imported only in the process that measures it. A new peer is a module and its row
in `PEERS`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.benchmarks.families import Item, Series
from tests.benchmarks.layers import LAYERS


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

    def takes(self, item: Item) -> bool:
        if isinstance(item, Series):
            is_there = not item.is_layer or self.module in LAYERS
            return is_there and all(map(self.takes, item.workloads))
        runs = len(item.ops) * item.batch * item.num_qubits
        return item.num_qubits <= self.max_qubits and runs <= self.max_runs


OURS = "qjax"
"""Ours, on the engine that it chooses by itself: the native one, where it was compiled."""

XLA = "qjax_xla"
"""Ours, on XLA's engine."""

WARM = "qjax_warm"
"""XLA's, in a second process that finds the first one's compiled code in JAX's persistent cache."""

OUR_ROWS = frozenset({OURS, XLA, WARM})

_JAX = ("jax", "jaxlib", "numpy")
_OURS = ("qjax-bridge", *_JAX, "qiskit")

PEERS = {
    OURS: Peer("qjax", _OURS, "qjax"),
    XLA: Peer("qjax on XLA", _OURS, "qjax", {"QJAX_ENGINE": "xla"}),
    WARM: Peer("qjax on XLA, warm cache", _OURS, "qjax", {"QJAX_ENGINE": "xla"}),
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
