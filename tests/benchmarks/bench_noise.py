"""Value and gradient of circuits with noise after each gate, beside peers, by density matrices.

Run from the repository's root: python -m tests.benchmarks.bench_noise

1. RY of the inputs, then layers of RY, RZ and a ring of CX, with a depolarizing channel after each
   gate (`noisy`); the loss is the mean of <Z_q>^2 over samples and qubits. Each library runs in a
   process of its own; values and gradients are compared with ours before times are. CPU seconds of
   all threads stand beside those of the clock: on a busy machine they say more.
2. The first call of ours, tracing and compilation included, for circuits of 10 and 100 layers.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.benchmarks.noisy import NOISY_PEERS
from tests.benchmarks.workloads import Workload, layered, parameters

OURS = next(iter(NOISY_PEERS))
TOLERANCE = 1e-5
SIZES = ((6, 4, 32), (10, 4, 1))
DEPTHS = ((6, 10, 1), (6, 100, 1))
FASTER, FIRST_CALL = 5.0, 3.0
"""What is asked for: times the fastest peer, and seconds of a first call."""


def measure(peer: str, workload: Workload, seconds: float) -> dict[str, Any]:
    """One library's step, with what it computes at first."""
    module = importlib.import_module(f"tests.benchmarks.noisy.{peer}")
    weights, inputs = map(module.asarray, parameters(workload, 0))
    start, cpu_start = time.perf_counter(), time.process_time()
    step = module.build(workload)
    computed = step(weights, inputs)
    first_s, first_cpu_s = time.perf_counter() - start, time.process_time() - cpu_start
    for _ in range(2):
        step(weights, inputs)
    times, cpu_start, end = [], time.process_time(), time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        step(weights, inputs)
        times.append(time.perf_counter() - start)
    cpu_s = (time.process_time() - cpu_start) / len(times)
    value, *gradients = computed
    return {
        "first_s": first_s,
        "first_cpu_s": first_cpu_s,
        "step_s": statistics.median(times),
        "least_s": min(times),
        "cpu_s": cpu_s,
        "value": float(value),
        "gradients": [None if part is None else _numbers(part) for part in gradients],
    }


def _numbers(gradient: Any) -> list[float]:
    return np.asarray(gradient, np.float64).ravel().tolist()


def beside_peers(workload: Workload, peers: Sequence[str], seconds: float, limit: float) -> None:
    """A line for each library, and one that compares ours with the fastest of the others."""
    results = {peer: _in_a_process(peer, workload, seconds, limit) for peer in peers}
    if OURS in results and len(results) > 1:
        # The machine may have been busier at first than later.
        results[OURS] = min(
            results[OURS],
            _in_a_process(OURS, workload, seconds, limit),
            key=lambda found: found.get("step_s", np.inf),
        )
    reference = next((found for found in results.values() if "value" in found), {})
    mine = results.get(OURS, {}).get("step_s")
    for peer, found in results.items():
        _say(f"{workload.name:24} {NOISY_PEERS[peer]:28} {_line(found, reference, mine)}")
    others = [
        found["step_s"]
        for peer, found in results.items()
        if peer != OURS and "step_s" in found and _deviation(found, reference) <= TOLERANCE
    ]
    if mine and others:
        ratio = min(others) / mine
        _say(f"{workload.name:24} {ratio:.1f} x the fastest peer (expected {FASTER:g} or more)")


def _line(found: dict[str, Any], reference: dict[str, Any], mine: float | None) -> str:
    if "missing" in found:
        return str(found["missing"])
    deviation = _deviation(found, reference)
    if deviation > TOLERANCE:
        return f"disagrees: {deviation:.2g}"
    ratio = f", {found['step_s'] / mine:7.1f} x ours" if mine else ""
    return (
        f"step {found['step_s'] * 1e3:9.3f} ms (least {found['least_s'] * 1e3:9.3f}, "
        f"CPU {found['cpu_s'] * 1e3:9.3f}), first {found['first_s']:6.2f} s, "
        f"deviation {deviation:.1e}{ratio}"
    )


def _deviation(found: dict[str, Any], reference: dict[str, Any]) -> float:
    """Of the value, and of the gradients where both have them."""
    deviations = [abs(found["value"] - reference["value"])]
    for part, expected in zip(found["gradients"], reference["gradients"], strict=True):
        if part is not None and expected is not None:
            same = len(part) == len(expected)
            deviations.append(np.abs(np.subtract(part, expected)).max() if same else np.inf)
    return float(max(deviations))


def _in_a_process(peer: str, workload: Workload, seconds: float, limit: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.bench_noise", "--peer", peer]
    size = workload.num_qubits, _layers(workload), workload.batch
    command += ["--size", *map(str, size), "--seconds", str(seconds)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=True)
    except subprocess.TimeoutExpired:
        return {"missing": f"none in {limit:.0f} s"}
    except subprocess.CalledProcessError as error:
        return {"missing": f"no result: {error.stderr.strip().splitlines()[-1][-160:]}"}
    return json.loads(done.stdout.splitlines()[-1])


def _layers(workload: Workload) -> int:
    return workload.num_weights // (2 * workload.num_qubits)


def first_calls(limit: float) -> None:
    """A line for each depth: seconds until the first gradient is there, in a new process."""
    for size in DEPTHS:
        workload = layered(*size, "noisy")
        found = _in_a_process(OURS, workload, 0.0, limit)
        text = (
            found.get("missing")
            or f"first call {found['first_s']:.2f} s, CPU {found['first_cpu_s']:.2f} s"
        )
        _say(
            f"{workload.name:24} {NOISY_PEERS[OURS]:28} {text} (expected {FIRST_CALL:g} s or less)"
        )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    names = list(NOISY_PEERS)
    parser.add_argument("--seconds", type=float, default=3.0, help="of repetitions, for each")
    parser.add_argument("--limit", type=float, default=300.0, help="seconds for one process")
    parser.add_argument(
        "--peers", nargs="+", choices=names, default=names, help="the first checks the others"
    )
    parser.add_argument("--peer", choices=names, help=argparse.SUPPRESS)
    parser.add_argument("--size", nargs=3, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        workload = layered(*options.size, "noisy")
        _say(json.dumps(measure(options.peer, workload, options.seconds)))
        return
    _say(f"load before: {os.getloadavg()[0]:.1f}")
    for size in SIZES:
        beside_peers(layered(*size, "noisy"), options.peers, options.seconds, options.limit)
    if OURS in options.peers:
        first_calls(options.limit)


if __name__ == "__main__":
    main()
