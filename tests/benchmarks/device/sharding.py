"""Section `sharding`: inputs over all devices, and states over them, beside one device."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import qjax
from tests.benchmarks.device.angles import small_angles
from tests.benchmarks.device.task import Row, Skipped, Task
from tests.benchmarks.peers._jax import Expectations, value_and_grad
from tests.benchmarks.peers._qiskit import observables, quantum_circuit
from tests.benchmarks.peers.qjax import network
from tests.benchmarks.workloads import Workload, layered
from tests.circuits import error

TOLERANCE = 1e-4
"""Of the largest expected number; in single precision."""

DATA, STATE = "data", "state"

SIZES = {"data": (12, 4, 64), "states": (24, 4, 1)}
SIZES_ON_CPU = {"data": (12, 4, 64), "states": (16, 4, 1)}
QUICK = {"data": (6, 1, 2), "states": (8, 2, 1)}
"""Qubits, layers, samples for each device."""

COLLECTIVES = ("all-gather", "all-reduce", "all-to-all", "collective-permute")


def run(task: Task) -> None:
    devices = jax.devices()
    on_cpu = devices[0].platform == "cpu"
    sizes = QUICK if task.quick else SIZES_ON_CPU if on_cpu else SIZES
    task.tell("devices", count=len(devices), **{} if len(devices) > 1 else {"note": "one device"})
    task.check("data parallel", lambda: data_parallel(devices, sizes["data"]))
    task.check("sharded states", lambda: sharded_states(devices, sizes["states"]))


def data_parallel(devices: Sequence[jax.Device], size: tuple[int, int, int]) -> Row:
    """Samples over a mesh axis, weights on each device: values and gradients, beside one device.

    Each device has to compute its own samples: gradients are reduced, and nothing is gathered.
    """
    _need_several(devices)
    qubits, layers, samples = size
    workload = layered(qubits, layers, samples * len(devices), "device")
    mesh = Mesh(np.asarray(devices), (DATA,))
    whole, split = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in ((), (DATA,)))
    arguments = small_angles(workload, 0)
    function = value_and_grad(workload, network(workload).apply)
    placed = [
        jax.device_put(array, to) for array, to in zip(arguments, (whole, split), strict=True)
    ]
    alone = jax.tree.map(np.asarray, function(*jax.device_put(arguments, devices[0])))
    program = function.lower(*placed).compile()
    row = _compared(program(*placed), alone) | _account(program)
    divided = row["collectives"]["all-reduce"] > 0 and not row["collectives"]["all-gather"]
    return {"workload": workload.name, **row, "passed": row["passed"] and divided}


def sharded_states(devices: Sequence[jax.Device], size: tuple[int, int, int]) -> Row:
    """The leading qubits over a mesh axis: value, gradient, and a state that stays sharded."""
    _need_several(devices)
    if not hasattr(qjax, "StateSharding"):
        raise Skipped("this qjax has no StateSharding")
    workload = layered(*size, "device")
    count = 1 << (len(devices).bit_length() - 1)
    mesh = Mesh(np.asarray(devices[:count]), (STATE,))
    sharding = qjax.StateSharding(mesh, state=STATE)
    simulator = qjax.simulators.StateVector(sharding=sharding)
    sharded, alone = (_expectations(workload, each) for each in (simulator, None))
    functions = [value_and_grad(workload, each) for each in (sharded, alone)]
    arguments = small_angles(workload, 0)
    expected = jax.tree.map(np.asarray, functions[1](*jax.device_put(arguments, devices[0])))
    placed = list(map(jnp.asarray, arguments))
    program = functions[0].lower(*placed).compile()
    state = qjax.statevector(_circuit(workload), _values(*arguments), simulator=simulator)
    row = _compared(program(*placed), expected) | _account(program)
    parts = {str(shard.data.shape) for shard in state.addressable_shards}
    spread = len(state.sharding.device_set) == count and len(parts) == 1
    return {
        "workload": workload.name,
        "devices": count,
        **row,
        "passed": row["passed"] and spread and not row["collectives"]["all-gather"],
        "parts": sorted(parts),
    }


def _need_several(devices: Sequence[jax.Device]) -> None:
    if len(devices) == 1:
        raise Skipped("one device")


def _circuit(workload: Workload) -> qjax.Circuit:
    return qjax.from_qiskit(quantum_circuit(workload)[0])


def _values(weights: Any, inputs: Any) -> jax.Array:
    """Of the circuit's parameters, for the first sample: w before x, as Qiskit sorts names."""
    return jnp.concatenate([jnp.asarray(weights), jnp.asarray(inputs)[0]])


def _expectations(workload: Workload, simulator: object | None) -> Expectations:
    circuit, labels = _circuit(workload), observables(workload)

    def expectations(weights: jax.Array, inputs: jax.Array) -> jax.Array:
        return qjax.expectation(circuit, labels, _values(weights, inputs), simulator=simulator)

    return expectations


def _compared(found: Any, expected: Any) -> dict[str, Any]:
    """The largest errors of value and gradients, over the largest expected number."""
    leaves = zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True)
    errors = [error(one, other) / float(np.abs(other).max()) for one, other in leaves]
    named = dict(zip(("value", "weights", "inputs"), errors, strict=True))
    places = {len(leaf.sharding.device_set) for leaf in jax.tree.leaves(found)}
    return {
        "passed": max(errors) <= TOLERANCE,
        "errors": named,
        "devices_of_results": sorted(places),
    }


def _account(program: Any) -> dict[str, Any]:
    """Collectives of a compiled program, and what a device holds."""
    text, memory = program.as_text(), program.memory_analysis()
    counts = {name: len(re.findall(rf" {name}(?:-start)?\(", text)) for name in COLLECTIVES}
    return {
        "collectives": counts,
        "temporary_bytes": memory.temp_size_in_bytes,
        "argument_bytes": memory.argument_size_in_bytes,
    }
