"""Section `sizes`: value and gradient of a layered circuit, one process for each size and library.

Programs are compiled in several processes at once; only one of them uses the device at a time.
"""

from __future__ import annotations

import fcntl
import importlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from tests.benchmarks.device.angles import small_angles
from tests.benchmarks.device.task import Task, described
from tests.benchmarks.peers import PEERS
from tests.benchmarks.peers._jax import Expectations, asarray, value_and_grad
from tests.benchmarks.results import deviation
from tests.benchmarks.workloads import Workload, layered

LAYERS = 4
LEAST_STEPS, MOST_STEPS, SECONDS = 3, 200, 3.0
QUICK_SECONDS = 0.5
RESULTS = ("loss", "weights", "inputs")
BYTES_OF_AMPLITUDE = 8


def run(task: Task) -> None:
    """Compile, wait for the device, call once, compare, call again and again."""
    peer, qubits = task.item.split()
    workload = layered(int(qubits), LAYERS, 1, "device")
    function = value_and_grad(workload, _expectations(peer, workload))
    arguments = [asarray(values) for values in small_angles(workload, 0)]
    task.tell(
        task.item, peer=peer, qubits=int(qubits), state_bytes=BYTES_OF_AMPLITUDE << int(qubits)
    )
    try:
        start = time.perf_counter()
        step = function.lower(*arguments).compile()
        task.tell(task.item, compile_s=time.perf_counter() - start, program_bytes=_held(step))
        claim(task.folder / "device.lock")
        _measure(task, workload, step)
    except Exception as error:  # noqa: BLE001 - such as memory that is too small; recorded
        task.tell(task.item, error=described(error))


def _expectations(peer: str, workload: Workload) -> Expectations:
    module = importlib.import_module(f"tests.benchmarks.peers.{PEERS[peer].module}")
    return module.expectations(workload)


def _held(step: Any) -> int | None:
    """Bytes of arguments, results and temporaries, by XLA's own account."""
    memory = step.memory_analysis()
    if memory is None:
        return None
    held = memory.argument_size_in_bytes + memory.output_size_in_bytes + memory.temp_size_in_bytes
    return held - memory.alias_size_in_bytes


def _measure(task: Task, workload: Workload, step: Any) -> None:
    first_s, results = _timed(step, workload, 0)
    task.tell(task.item, first_s=first_s)
    error = _compared(results, task.folder / f"{workload.num_qubits}.npz")
    task.tell(task.item, deviation=error, passed=error is None or error <= 1)
    steps: list[float] = []
    seconds = min(QUICK_SECONDS if task.quick else SECONDS, max(task.left, 0))
    end = time.perf_counter() + seconds
    while len(steps) < LEAST_STEPS or (len(steps) < MOST_STEPS and time.perf_counter() < end):
        steps.append(_timed(step, workload, 1 + len(steps))[0])
        if len(steps) == 1 or steps[-1] > 1:  # there may be no time for another one
            _tell_steps(task, steps)
    _tell_steps(task, steps)
    statistics = jax.devices()[0].memory_stats() or {}
    task.tell(task.item, peak_bytes=statistics.get("peak_bytes_in_use"))


def _timed(step: Any, workload: Workload, seed: int) -> tuple[float, Any]:
    """Seconds of a call with new parameters, which are on the device before."""
    arguments = [asarray(values) for values in small_angles(workload, seed)]
    start = time.perf_counter()
    results = jax.block_until_ready(step(*arguments))
    return time.perf_counter() - start, results


def _tell_steps(task: Task, steps: Sequence[float]) -> None:
    first, median, third = np.quantile(steps, (0.25, 0.5, 0.75))
    task.tell(task.item, steps=len(steps), median_s=median, quartiles_s=[first, third])


def _compared(results: Any, reference: Path) -> float | None:
    """The error over what is allowed (`results.deviation`), beside the first that was measured."""
    value, (weights, inputs) = results
    found = dict(zip(RESULTS, map(np.asarray, (value, weights, inputs)), strict=True))
    if not reference.exists():
        np.savez(reference, **found)
        return None
    with np.load(reference) as expected:
        return deviation(found, dict(expected))


def claim(path: Path) -> None:
    """Wait until no other process holds this file; it is held until this one ends.

    By then its memory on the device is free, which the next one may need.
    """
    fcntl.flock(os.open(path, os.O_CREAT | os.O_RDWR), fcntl.LOCK_EX)
