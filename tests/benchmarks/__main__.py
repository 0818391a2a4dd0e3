"""Measure this package and its peers, side by side.

python -m tests.benchmarks                                    everything, for hours
python -m tests.benchmarks --quick                            the smallest workload of each family
python -m tests.benchmarks --workloads layered --peers qujax
python -m tests.benchmarks --report-only                      tables and figure of the last run
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from tests.benchmarks import figure, machine
from tests.benchmarks.peers import OURS, PEERS
from tests.benchmarks.report import Report, from_json, header, number, to_markdown
from tests.benchmarks.results import Measurement
from tests.benchmarks.runner import Settings, installed, measure, run_worker
from tests.benchmarks.workloads import DEFAULT_FAMILIES, FAMILIES, select

JSON, MARKDOWN, FIGURE = "benchmarks.json", "benchmarks.md", "benchmarks.png"

THOROUGH = 300.0, 300, 10.0
QUICK = 60.0, 20, 2.0
"""Seconds for a process, repetitions, seconds of repetitions."""


def main() -> None:
    options = _parser().parse_args()
    if options.report_only:
        report = from_json(json.loads((options.output / JSON).read_text()))
    else:
        report = _measure(options)
    (options.output / MARKDOWN).write_text(to_markdown(report))
    figure.save(report, select(report.workloads), options.output / FIGURE)
    _say("\n" + to_markdown(report))


def _measure(options: argparse.Namespace) -> Report:
    """Measure everything; the JSON is written after each process, so that a stop loses nothing."""
    settings = _settings(options)
    workloads = select(options.workloads, options.quick)
    peers = [OURS, *(peer for peer in options.peers if peer != OURS)]
    versions = installed(peers, settings)
    if not versions[OURS]:
        raise SystemExit(f"{PEERS[OURS].label} is not installed for {settings.python(OURS)}")
    gemm = run_worker(["--gemm"], settings.python(OURS)).findings
    report = Report(machine.description(), versions, gemm, ())
    _say(header(report) + "\n\n")
    options.output.mkdir(parents=True, exist_ok=True)
    for item in measure(workloads, [peer for peer in peers if versions[peer]], settings):
        report = report.adding(item)
        (options.output / JSON).write_text(json.dumps(report.to_json(), indent=1) + "\n")
        _say(_progress(item))
    return report


def _progress(item: Measurement) -> str:
    if item.median_s is None:
        found = f"{item.status}: {item.note}"
    else:
        found = f"step {number(item.median_s, 1e3)} ms, first {number(item.first_s)} s {item.note}"
    return f"{time.strftime('%H:%M:%S')}  {item.workload:24} {PEERS[item.peer].label:32} {found}\n"


def _settings(options: argparse.Namespace) -> Settings:
    limit, repetitions, seconds = QUICK if options.quick else THOROUGH
    return Settings(
        limit_s=options.limit or limit,
        repetitions=options.repetitions or repetitions,
        seconds=options.seconds or seconds,
        pythons=dict(options.python),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--workloads",
        type=_words,
        default=DEFAULT_FAMILIES,
        help="families or beginnings of names, separated by commas; "
        f"families: {', '.join(FAMILIES)}; 'large' is for GPUs and only runs when named",
    )
    add(
        "--peers",
        type=_peers,
        default=tuple(PEERS),
        help=f"separated by commas, of: {', '.join(PEERS)}; {OURS} always runs",
    )
    add("--quick", action="store_true", help="smallest workload of each family, few repetitions")
    add("--limit", type=float, help="seconds for one process (300; quick: 60)")
    add("--repetitions", type=int, help="calls after the first at most (300; quick: 20)")
    add("--seconds", type=float, help="no more calls after this time (10; quick: 2)")
    add("--output", type=Path, default=Path("build/benchmarks"), help="folder of the results")
    add("--report-only", action="store_true", help="tables and figure of the last run again")
    add(
        "--python",
        type=_pair,
        action="append",
        default=[],
        metavar="PEER=PATH",
        help="another interpreter for one peer, where versions conflict",
    )
    return parser


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _peers(text: str) -> tuple[str, ...]:
    unknown = [word for word in _words(text) if word not in PEERS]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {unknown}; known: {', '.join(PEERS)}")
    return _words(text)


def _pair(text: str) -> tuple[str, str]:
    peer, _, path = text.partition("=")
    if peer not in PEERS or not path:
        raise argparse.ArgumentTypeError(f"expected PEER=PATH, got {text!r}")
    return peer, path


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
