"""States of which devices of two processes hold a part each: one of the processes.

python -m tests.qjax.sharded.processes PORT PROCESS: run by `test_sharded_processes.py`. Prints one
line of JSON for each comparison with one device: its name and the largest error; and what it found,
so that both processes can be compared.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator

from tests.compiling import flags

os.environ["XLA_FLAGS"] = flags(4)

import jax
import numpy as np
from jax import Array
from qiskit import QuantumCircuit
from qiskit.circuit.library import efficient_su2

import qjax
from tests.circuits import random_circuit, random_observable, random_values
from tests.qjax.plan.plans import ring
from tests.qjax.sharded.circuits import SEED, error_of

NUM_PROCESSES = 2
Found = tuple[str, float, list]


def circuits() -> dict[str, QuantumCircuit]:
    return {
        "ring": ring(8, 2),
        "random": random_circuit(21, 6, 20, symbolic=True),
        "ansatz": efficient_su2(7, reps=1),
    }


def start(port: str, process: str) -> None:
    """Join the other process; collectives go over loopback."""
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.config.update("jax_disable_most_optimizations", True)
    jax.distributed.initialize(
        f"127.0.0.1:{port}", NUM_PROCESSES, int(process), initialization_timeout=60
    )
    assert (jax.device_count(), jax.local_device_count()) == (8, 4)


def compared() -> Iterator[Found]:
    mesh = jax.make_mesh((8,), ("state",))
    simulator = qjax.simulators.StateVector(None, qjax.StateSharding(mesh, state="state"))
    for name, circuit in circuits().items():
        converted, point = qjax.from_qiskit(circuit), random_values(circuit, 4)
        size = circuit.num_qubits
        observables = [random_observable(np.random.default_rng(4), size), "Z" * size]

        def both(params: Array, how: object, circuit=converted, observables=observables) -> Array:
            return qjax.expectation(circuit, observables, params, simulator=how).sum()

        slope = jax.value_and_grad(both)
        value, gradient = jax.jit(lambda p, slope=slope: slope(p, simulator))(point)
        expected, other = jax.jit(lambda p, slope=slope: slope(p, None))(point)
        yield f"{name}: value", error_of(value, expected), [float(value)]
        yield f"{name}: gradient", error_of(gradient, other), np.asarray(gradient).tolist()
        drawn = qjax.sample(converted, point, 20, jax.random.key(SEED), simulator=simulator)
        others = qjax.sample(converted, point, 20, jax.random.key(SEED))
        yield f"{name}: samples", error_of(drawn, others), np.asarray(drawn).tolist()
    state = qjax.statevector(converted, point, simulator=simulator)
    whole = np.asarray(qjax.statevector(converted, point))
    parts = state.addressable_shards
    assert len(parts) == 4
    worst = max(error_of(part.data, whole[part.index]) for part in parts)
    yield "parts of a state", worst, []


def main(port: str, process: str) -> None:
    start(port, process)
    with jax.enable_x64(True):
        for found in compared():
            sys.stdout.write(json.dumps(found) + "\n")
            sys.stdout.flush()
    jax.distributed.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
