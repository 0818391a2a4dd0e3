"""Measure this package and its peers, side by side.

python -m tests.benchmarks                                    everything, for hours
python -m tests.benchmarks --quick                            the smallest workload of each family
python -m tests.benchmarks --workloads layered --peers qujax
python -m tests.benchmarks --resume                           what a stopped run has not measured
python -m tests.benchmarks --resume --again --peers qjax      some of it again, beside the rest
python -m tests.benchmarks --report-only --page docs/benchmarks.md
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tests.benchmarks import figure, machine
from tests.benchmarks.families import DEFAULT_FAMILIES, FAMILIES, select
from tests.benchmarks.machine import available_cores
from tests.benchmarks.peers import OURS, PEERS
from tests.benchmarks.rates import better
from tests.benchmarks.report import Report, from_json
from tests.benchmarks.results import Measurement
from tests.benchmarks.runner import Settings, installed, measure, run_worker
from tests.benchmarks.tables import filled, header, pair, tables_of, to_markdown

JSON, MARKDOWN, FIGURE = "benchmarks.json", "benchmarks.md", "benchmarks.png"
REFERENCES = "references"

THOROUGH = 300.0, 300, 10.0
QUICK = 60.0, 20, 2.0
"""Seconds for a process, repetitions, seconds of repetitions."""


def main() -> None:
    options = _parser().parse_args()
    report = _last(options) if options.report_only else _measure(options)
    (options.output / MARKDOWN).write_text(to_markdown(report))
    figure.save(report, report.items, options.output / FIGURE)
    for page in options.page:
        page.write_text(filled(page.read_text(), tables_of(report)))
    _say("\n" + to_markdown(report))


def _measure(options: argparse.Namespace) -> Report:
    """Measure everything; the JSON is written after each process, so that a stop loses nothing."""
    settings, items = _settings(options), select(options.workloads, options.quick)
    versions = installed(options.peers, settings)
    report = _started(options, settings, versions)
    _say(header(report) + "\n\n")
    options.output.mkdir(parents=True, exist_ok=True)
    peers = [peer for peer in options.peers if versions[peer]]
    earlier = () if options.again else report.measurements
    for item in measure(items, peers, settings, options.output / REFERENCES, earlier):
        report = report.adding(item)
        (options.output / JSON).write_text(json.dumps(report.to_json(), indent=1) + "\n")
        _say(_progress(item))
    return report


def _started(
    options: argparse.Namespace, settings: Settings, versions: Mapping[str, Mapping[str, str]]
) -> Report:
    """A report without measurements, or the last one, of the same machine and versions."""
    python = settings.python(OURS)
    rates = dict(run_worker(["--rates"], python).findings)
    engine = str(run_worker(["--engine"], python).findings.get("engine", "not installed"))
    report = Report(machine.description(), versions, engine, rates)
    if not (options.resume and (options.output / JSON).exists()):
        return report
    last = _last(options)
    if (last.machine["cpu"], last.machine["cores"]) != (report.machine["cpu"], available_cores()):
        raise SystemExit(f"{options.output / JSON} is of another machine: {last.machine}")
    for peer, found in versions.items():
        if last.versions.get(peer, found) != found:
            raise SystemExit(f"{peer} was measured as {last.versions[peer]}, and is now {found}")
    return replace(
        last,
        machine=report.machine,
        versions={**last.versions, **versions},
        engine=engine,
        rates=better(rates, dict(last.rates)),
    )


def _last(options: argparse.Namespace) -> Report:
    return from_json(json.loads((options.output / JSON).read_text()))


def _progress(item: Measurement) -> str:
    if item.status != "ok":
        found = f"{item.status}: {item.note}"
    else:
        steps = pair(item.median_s, item.mean_cpu_s, 1e3)
        first = pair(item.first_s, item.first_cpu_s)
        found = f"step {steps} ms, first {first} s {item.note}"
    return f"{time.strftime('%H:%M:%S')}  {item.workload:30} {PEERS[item.peer].label:28} {found}\n"


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
        help=f"separated by commas, of: {', '.join(PEERS)}; {OURS}, the first, checks the others",
    )
    add("--quick", action="store_true", help="smallest workload of each family, few repetitions")
    add("--limit", type=float, help="seconds for one process (300; quick: 60)")
    add("--repetitions", type=int, help="calls after the first at most (300; quick: 20)")
    add("--seconds", type=float, help="no more calls after this time (10; quick: 2)")
    add("--output", type=Path, default=Path("build/benchmarks"), help="folder of the results")
    add("--resume", action="store_true", help="keep what the last run has measured")
    add("--again", action="store_true", help="with --resume: measure anew what is chosen")
    add("--report-only", action="store_true", help="tables and figure of the last run again")
    add(
        "--page",
        type=Path,
        action="append",
        default=[],
        help="a page in Markdown, whose tables are replaced",
    )
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
