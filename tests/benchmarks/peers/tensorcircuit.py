"""TensorCircuit-NG: tensor networks on JAX, jitted.

Of its contractors, `plain-experimental` (the gates in order, for states) stepped fastest by far:
2 to 10 times faster than the default `greedy` at 8 and 12 qubits. Marginals of one state step
faster than one `expectation_ps` per qubit.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import tensorcircuit

from tests.benchmarks.peers._jax import Expectations, asarray, jitted, per_sample, read_out
from tests.benchmarks.peers._step import Step
from tests.benchmarks.workloads import Op, Workload

__all__ = ["asarray", "build", "expectations", "expectations_of"]


def build(workload: Workload) -> Step:
    return jitted(workload, expectations(workload))


def expectations(workload: Workload) -> Expectations:
    return per_sample(expectations_of(workload))


def expectations_of(workload: Workload) -> Callable[[jax.Array, jax.Array], jax.Array]:
    tensorcircuit.set_backend("jax")
    tensorcircuit.set_dtype("complex64")
    tensorcircuit.set_contractor("plain-experimental")

    def expectations(weights: jax.Array, inputs: jax.Array) -> jax.Array:
        circuit = tensorcircuit.Circuit(workload.num_qubits)
        for op in workload.ops:
            _add(circuit, op, weights, inputs)
        return read_out(circuit.state(), workload)

    return expectations


def _add(circuit: tensorcircuit.Circuit, op: Op, weights: jax.Array, inputs: jax.Array) -> None:
    angle = {"theta": op.angle.value(weights, inputs)} if op.angle else {}
    getattr(circuit, "phase" if op.gate == "p" else op.gate)(*op.qubits, **angle)
