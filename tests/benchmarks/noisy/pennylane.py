"""PennyLane's default.mixed: backpropagation through JAX, jitted.

Its depolarizing channel of one qubit takes the probability of X, Y and Z together; of two qubits
it has none, so that one is a list of Kraus operators. Of the two ways to batch, `jax.vmap` steps as
fast as parameter broadcasting and compiles in half the time.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pennylane as qml

from tests.benchmarks.noisy import TWO_QUBITS, strength
from tests.benchmarks.noisy._kraus import depolarizing
from tests.benchmarks.peers._jax import asarray, jitted, per_sample
from tests.benchmarks.peers._pennylane import GATES
from tests.benchmarks.peers._step import Step
from tests.benchmarks.workloads import Workload

__all__ = ["asarray", "build"]


def build(workload: Workload) -> Step:
    device = qml.device("default.mixed", wires=workload.num_qubits)
    kraus = list(depolarizing(TWO_QUBITS, 2).astype(np.complex64))

    @qml.qnode(device, interface="jax", diff_method="backprop")
    def circuit(weights: jax.Array, inputs: jax.Array) -> list[jax.Array]:
        for op in workload.ops:
            angles = [op.angle.value(weights, inputs)] if op.angle else []
            GATES[op.gate](*angles, wires=op.qubits)
            if len(op.qubits) == 1:
                qml.DepolarizingChannel(strength(1) * 3 / 4, wires=op.qubits)
            else:
                qml.QubitChannel(kraus, wires=op.qubits)
        return [qml.expval(qml.PauliZ(qubit)) for qubit in range(workload.num_qubits)]

    def expectations(weights: jax.Array, inputs: jax.Array) -> jax.Array:
        return jnp.stack(circuit(weights, inputs))

    return jitted(workload, per_sample(expectations))
