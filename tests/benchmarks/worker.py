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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.families import Series, select
from tests.benchmarks.machine import peak_memory
from tests.benchmarks.peers import OURS, PEERS
from tests.benchmarks.rates import measured_rates
from tests.benchmarks.results import deviation
from tests.benchmarks.workloads import Workload, parameters

RESULTS = ("loss", "weights", "inputs")
LEAST_STEPS = 3
LONG_S = 0.5

Call = Callable[[Workload], Sequence[Any]]
"""workload -> (loss, gradient of weights, gradient of inputs)."""


class Clock:
    """Wall and CPU seconds of this process since it was started."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self._wall, time.process_time() - self._cpu


def measure(workload: Workload, options: argparse.Namespace) -> None:
    """Build, call once, verify, call again and again."""
    module = importlib.import_module(f"tests.benchmarks.peers.{PEERS[options.peer].module}")
    arguments = [module.asarray(values) for values in parameters(workload, 0)]
    clock = Clock()
    step = module.build(workload)
    build_s, build_cpu_s = clock.read()
    _write(options.report, build_s=build_s, build_cpu_s=build_cpu_s)

    before, clock = peak_memory(), Clock()
    results = step(*arguments)
    first_s, first_cpu_s = clock.read()
    _write(options.report, first_s=first_s, first_cpu_s=first_cpu_s)

    if not _verified(_named(results), options):
        return
    end = time.perf_counter() + options.seconds
    steps: list[tuple[float, float]] = []
    while len(steps) < options.repetitions and (
        len(steps) < LEAST_STEPS or time.perf_counter() < end
    ):
        arguments = [module.asarray(values) for values in parameters(workload, 1 + len(steps))]
        clock = Clock()
        step(*arguments)
        steps.append(clock.read())
        if steps[-1][0] > LONG_S:  # there may be no time for another one
            _write_steps(steps, before, options)
    _write_steps(steps, before, options)


def _write_steps(
    steps: Sequence[tuple[float, float]], memory: int, options: argparse.Namespace
) -> None:
    wall, cpu = zip(*steps, strict=True) if steps else ((), ())
    peak_mb = (peak_memory() - memory) / 1e6
    _write(options.report, steps_s=wall, steps_cpu_s=cpu, peak_mb=peak_mb)


def measure_once(series: Series, options: argparse.Namespace) -> None:
    """Make each call of the series once; what all have taken so far is written after each."""
    call = (_layer_calls if series.is_layer else _circuit_calls)(series, options.peer)
    results: dict[str, np.ndarray] = {}
    wall = cpu = 0.0
    for index, workload in enumerate(series.workloads):
        clock = Clock()
        found = call(workload)
        taken = clock.read()
        wall, cpu = wall + taken[0], cpu + taken[1]
        _write(options.report, first_s=wall, first_cpu_s=cpu, calls=index + 1)
        results |= {f"{index} {name}": value for name, value in _named(found).items()}
    _verified(results, options)


def _circuit_calls(series: Series, peer: str) -> Call:
    """Of another circuit each."""
    module = importlib.import_module(f"tests.benchmarks.peers.{PEERS[peer].module}")
    module.asarray(np.zeros(1, np.float32))

    def call(workload: Workload) -> Sequence[Any]:
        arguments = [module.asarray(values) for values in parameters(workload, 0)]
        return module.build(workload)(*arguments)

    return call


def _layer_calls(series: Series, peer: str) -> Call:
    """Of one torch layer, which is made before anything is measured."""
    import torch  # noqa: PLC0415 - only where a layer is measured

    module = importlib.import_module(f"tests.benchmarks.layers.{PEERS[peer].module}")
    layer = module.layer(series.workloads[0], parameters(series.workloads[0], 0)[0])

    def call(workload: Workload) -> Sequence[Any]:
        inputs = torch.from_numpy(parameters(workload, 0)[1]).requires_grad_()
        layer.zero_grad()
        loss = layer(inputs).square().mean()
        loss.backward()
        of_weights = [
            weight.grad.reshape(-1) for weight in layer.parameters() if weight.requires_grad
        ]
        return loss.detach(), torch.cat(of_weights), inputs.grad

    return call


def _named(results: Sequence[Any]) -> dict[str, np.ndarray]:
    return dict(zip(RESULTS, map(np.asarray, results), strict=True))


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
    parser.add_argument("--rates", action="store_true", help="only write the machine's rates")
    parser.add_argument("--engine", action="store_true", help="only write which engine is ours")
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
    elif options.rates:
        _write(options.report, **measured_rates())
    elif options.engine:
        _write(options.report, engine=importlib.import_module("qjax").engine())
    else:
        (item,) = select([options.workload])
        (measure_once if isinstance(item, Series) else measure)(item, options)


if __name__ == "__main__":
    main()
