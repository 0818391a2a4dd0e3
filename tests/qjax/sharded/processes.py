"""States of which devices of two processes hold a part each: one of the processes.

python -m tests.qjax.sharded.processes PORT PROCESS COUNT: run by `test_sharded_processes.py`, with
so many random circuits. Prints one line of JSON for each comparison with one device: its name and
the largest error; and what it found, so that both processes can be compared.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator

from tests.compiling import flags

os.environ["XLA_FLAGS"] = flags(4)

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from qiskit import QuantumCircuit
from qiskit.circuit.library import efficient_su2

import qjax
from tests.circuits import random_observable, random_values
from tests.qjax.plan.plans import ring
from tests.qjax.sharded.circuits import SEED, Case, circuit_of, error_of

NUM_PROCESSES = 2
Found = tuple[str, float, list]


def library() -> dict[str, QuantumCircuit]:
    return {"ring": ring(8, 2), "ansatz": efficient_su2(7, reps=1)}


def start(port: str, process: str) -> None:
    """Join the other process; collectives go over loopback."""
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.config.update("jax_disable_most_optimizations", True)
    jax.distributed.initialize(
        f"127.0.0.1:{port}", NUM_PROCESSES, int(process), initialization_timeout=60
    )
    assert (jax.device_count(), jax.local_device_count()) == (8, 4)


def compared(count: int) -> Iterator[Found]:
    """Circuits of the library in double, and random ones in either precision; then a state."""
    mesh = jax.make_mesh((8,), ("state",))
    simulator = qjax.simulators.StateVector(None, qjax.StateSharding(mesh, state="state"))
    for case in map(Case, range(count)):
        name = f"{'double' if case.x64 else 'single'} circuit {case.seed}"
        with jax.enable_x64(case.x64):
            yield from _of_circuit(name, circuit_of(case), simulator)
        jax.clear_caches()
    with jax.enable_x64(True):
        for name, circuit in library().items():
            yield from _of_circuit(f"double {name}", circuit, simulator)
        yield "double: parts of a state", _of_state(library()["ansatz"], simulator), []


def _of_circuit(
    name: str, circuit: QuantumCircuit, simulator: qjax.simulators.StateVector
) -> Iterator[Found]:
    converted, size = qjax.from_qiskit(circuit), circuit.num_qubits
    point = jnp.asarray(random_values(circuit, 4))
    observables = [random_observable(np.random.default_rng(4), size), "Z" * size]

    def both(params: Array, how: object) -> Array:
        return qjax.expectation(converted, observables, params, simulator=how).sum()

    slope = jax.value_and_grad(both)
    value, gradient = jax.jit(lambda p: slope(p, simulator))(point)
    expected, other = jax.jit(lambda p: slope(p, None))(point)
    yield f"{name}: value", error_of(value, expected), [float(value)]
    yield f"{name}: gradient", error_of(gradient, other), np.asarray(gradient).tolist()
    drawn = qjax.sample(converted, point, 20, jax.random.key(SEED), simulator=simulator)
    others = qjax.sample(converted, point, 20, jax.random.key(SEED))
    yield f"{name}: samples", error_of(drawn, others), np.asarray(drawn).tolist()


def _of_state(circuit: QuantumCircuit, simulator: qjax.simulators.StateVector) -> float:
    point = random_values(circuit, 4)
    state = qjax.statevector(circuit, point, simulator=simulator)
    whole = np.asarray(qjax.statevector(circuit, point))
    parts = state.addressable_shards
    assert len(parts) == 4
    return max(error_of(part.data, whole[part.index]) for part in parts)


def main(port: str, process: str, count: str) -> None:
    start(port, process)
    for found in compared(int(count)):
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()
    jax.distributed.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
