"""PennyLane's default.qubit: backpropagation through JAX, jitted."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pennylane as qml

from tests.benchmarks.peers._jax import asarray, jitted, per_sample
from tests.benchmarks.peers._pennylane import apply
from tests.benchmarks.peers._step import Step
from tests.benchmarks.workloads import Workload

__all__ = ["asarray", "build"]

BROADCAST_QUBITS = 6
"""Up to so many, parameter broadcasting is the faster way to batch; above, `jax.vmap` is."""


def build(workload: Workload) -> Step:
    device = qml.device("default.qubit", wires=workload.num_qubits)

    @qml.qnode(device, interface="jax", diff_method="backprop")
    def circuit(weights: jax.Array, inputs: jax.Array) -> list[jax.Array]:
        return apply(workload, weights, inputs)

    def expectations(weights: jax.Array, inputs: jax.Array) -> jax.Array:
        return jnp.stack(circuit(weights, inputs))

    if workload.num_qubits <= BROADCAST_QUBITS:
        return jitted(workload, expectations)
    return jitted(workload, per_sample(expectations))
