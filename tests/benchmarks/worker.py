"""One process: build one peer's program for one workload, verify it, time it, write JSON lines.

Started by `tests.benchmarks.runner`; each finding is written at once, so that what was found before
a time limit is kept.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.machine import gemm_rates, peak_memory
from tests.benchmarks.peers import OURS, PEERS
from tests.benchmarks.results import deviation
from tests.benchmarks.workloads import Workload, parameters, select

RESULTS = ("loss", "weights", "inputs")
LEAST_STEPS = 3
LONG_S = 0.5


def measure(workload: Workload, options: argparse.Namespace) -> None:
    """Build, call once, verify, call again and again."""
    module = importlib.import_module(f"tests.benchmarks.peers.{PEERS[options.peer].module}")
    arguments = [module.asarray(values) for values in parameters(workload, 0)]
    start = time.perf_counter()
    step = module.build(workload)
    _write(options.report, build_s=time.perf_counter() - start)

    before = peak_memory()
    start = time.perf_counter()
    results = step(*arguments)
    _write(options.report, first_s=time.perf_counter() - start)

    if not _verified(dict(zip(RESULTS, map(np.asarray, results), strict=True)), options):
        return
    end = time.perf_counter() + options.seconds
    steps: list[float] = []
    while len(steps) < options.repetitions and (
        len(steps) < LEAST_STEPS or time.perf_counter() < end
    ):
        arguments = [module.asarray(values) for values in parameters(workload, 1 + len(steps))]
        start = time.perf_counter()
        step(*arguments)
        steps.append(time.perf_counter() - start)
        if steps[-1] > LONG_S:  # there may be no time for another one
            _write(options.report, steps_s=steps, peak_mb=(peak_memory() - before) / 1e6)
    _write(options.report, steps_s=steps, peak_mb=(peak_memory() - before) / 1e6)


def _verified(results: dict[str, np.ndarray], options: argparse.Namespace) -> bool:
    """Compare with the reference, or write it."""
    if options.write_reference:
        np.savez(options.write_reference, **results)
    if not options.reference:
        return True
    with np.load(options.reference) as reference:
        error = deviation(results, dict(reference))
    _write(options.report, error=error)
    return error <= 1


def probe(peer: str) -> dict[str, str]:
    """The versions of a peer and of what it stands on; empty where it is not installed."""
    try:
        versions = {name: importlib.metadata.version(name) for name in PEERS[peer].distributions}
    except importlib.metadata.PackageNotFoundError:
        return {}
    return versions | {"python": platform.python_version()}


def _write(report: Path, **findings: Any) -> None:
    with report.open("a") as file:
        file.write(json.dumps(findings) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--probe", nargs="+", help="only write the versions of these peers")
    parser.add_argument("--gemm", action="store_true", help="only write NumPy's GEMM rates")
    parser.add_argument("--peer", choices=PEERS, default=OURS)
    parser.add_argument("--workload", help="its full name")
    parser.add_argument("--report", type=Path, required=True, help="where JSON lines go")
    parser.add_argument("--reference", type=Path, help="results to compare with")
    parser.add_argument("--write-reference", type=Path, help="where results go")
    parser.add_argument("--repetitions", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=10.0)
    return parser.parse_args()


def main() -> None:
    options = _options()
    if options.probe:
        _write(options.report, **{peer: probe(peer) for peer in options.probe})
    elif options.gemm:
        _write(options.report, **gemm_rates())
    else:
        (workload,) = select([options.workload])
        measure(workload, options)


if __name__ == "__main__":
    main()
