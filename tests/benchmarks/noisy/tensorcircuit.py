"""TensorCircuit-NG: `DMCircuit` on JAX, jitted.

Its `DMCircuit` contracts each channel as one superoperator. `isotropicdepolarizing` takes the
probability of all Pauli strings together. Of its contractors, `plain-experimental` (gates in order)
stepped five times faster than the default `greedy` at 6 qubits.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import tensorcircuit

from tests.benchmarks.noisy import strength
from tests.benchmarks.peers._jax import asarray, jitted, per_sample
from tests.benchmarks.peers._step import Step
from tests.benchmarks.workloads import Workload

__all__ = ["asarray", "build"]


def build(workload: Workload) -> Step:
    tensorcircuit.set_backend("jax")
    tensorcircuit.set_dtype("complex64")
    tensorcircuit.set_contractor("plain-experimental")

    def expectations(weights: jax.Array, inputs: jax.Array) -> jax.Array:
        circuit = tensorcircuit.DMCircuit(workload.num_qubits)
        for op in workload.ops:
            angle = {"theta": op.angle.value(weights, inputs)} if op.angle else {}
            getattr(circuit, op.gate)(*op.qubits, **angle)
            size = len(op.qubits)
            share = strength(size) * (1 - 4.0**-size)
            circuit.isotropicdepolarizing(*op.qubits, p=share, num_qubits=size)
        return z_expectations(circuit.state(), workload.num_qubits)

    return jitted(workload, per_sample(expectations))


def z_expectations(state: jax.Array, num_qubits: int) -> jax.Array:
    """<Z_q> of a density matrix whose first qubit is the most significant."""
    probabilities = jnp.real(jnp.diagonal(state))
    marginals = [
        jnp.sum(probabilities.reshape(2**qubit, 2, -1), axis=(0, 2)) for qubit in range(num_qubits)
    ]
    return jnp.stack([marginal[0] - marginal[1] for marginal in marginals])
