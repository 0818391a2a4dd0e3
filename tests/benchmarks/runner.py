"""Starts a process per workload and peer, watches its time and memory, reads what it found."""

from __future__ import annotations

import datetime
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks.families import Item, Series
from tests.benchmarks.machine import free_memory, held_memory
from tests.benchmarks.peers import OURS, PEERS, WARM
from tests.benchmarks.results import EXCEEDED, Measurement
from tests.benchmarks.workloads import Workload

ROOT = Path(__file__).parent.parent.parent
WORKER = "tests.benchmarks.worker"
POLL_S = 0.1
MEMORY_SHARE = 0.8
"""Of what is free when a process starts."""

CACHE_VARIABLE = "JAX_COMPILATION_CACHE_DIR"
CACHE_EVERYTHING = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """How to measure.

    Attributes:
        pythons: the interpreter of a peer, where it is another than the one that runs this.
        limit_s: seconds that one process may take.
        repetitions, seconds: later calls end after so many, or after so long.
    """

    limit_s: float = 300.0
    repetitions: int = 300
    seconds: float = 10.0
    pythons: Mapping[str, str] = field(default_factory=dict)

    def python(self, peer: str) -> str:
        return self.pythons.get(peer, sys.executable)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a process wrote, and why it ended early.

    Attributes:
        failure: '' where it ended by itself and well.
        exceeded: whether a limit ended it.
    """

    findings: Mapping[str, Any]
    failure: str = ""
    exceeded: bool = False


def run_worker(
    arguments: Sequence[str],
    python: str = sys.executable,
    limit_s: float = 300.0,
    environment: Mapping[str, str] | None = None,
    module: str = WORKER,
    heard: Callable[[Mapping[str, Any]], None] | None = None,
) -> Outcome:
    """Run the worker to its end or to a limit.

    Args:
        arguments: of the worker, beside the file of its report.
        python: its interpreter.
        limit_s: seconds that it may take.
        environment: further variables.
        module: another program that reports in the same way.
        heard: is told what is known so far, again and again; what it raises ends the process.
    """
    inherited = {key: os.environ[key] for key in os.environ if key != CACHE_VARIABLE}
    with tempfile.TemporaryDirectory() as folder:
        report, output = Path(folder, "report"), Path(folder, "output")
        report.touch()
        with output.open("w") as file:
            process = subprocess.Popen(
                [python, "-m", module, "--report", report, *arguments],
                cwd=ROOT,
                env=inherited | dict(environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                tell = partial(_tell, heard, report) if heard else None
                exceeded = _wait(process, limit_s, tell)
            finally:
                _end(process)
        failure = exceeded or _error(process.returncode, output.read_text(errors="replace"))
        return Outcome(_findings(report), failure, bool(exceeded))


def _tell(heard: Callable[[Mapping[str, Any]], None], report: Path) -> None:
    heard(_findings(report))


def _findings(report: Path) -> dict[str, Any]:
    """What a report says, later lines before earlier ones."""
    *lines, _ = report.read_text().split("\n")  # after the last line end: nothing, or a torn line
    findings: dict[str, Any] = {}
    for line in lines:
        findings |= json.loads(line)
    return findings


def installed(peers: Sequence[str], settings: Settings) -> dict[str, dict[str, str]]:
    """Versions of the peers, each asked of its own interpreter; {} where one is not installed.

    Raises:
        RuntimeError: an interpreter that cannot run the worker at all.
    """
    versions: dict[str, dict[str, str]] = {}
    for peer in peers:
        outcome = run_worker(["--probe", peer], settings.python(peer))
        if outcome.failure:
            raise RuntimeError(f"{settings.python(peer)} (for {peer}) failed: {outcome.failure}")
        versions |= outcome.findings
    return versions


def measure(
    items: Sequence[Item],
    peers: Sequence[str],
    settings: Settings,
    references: Path,
    earlier: Sequence[Measurement] = (),
) -> Iterator[Measurement]:
    """Measure each workload with all peers, one after the other.

    Ours comes first: its results are the reference. A peer that exceeded a limit is not tried on
    harder workloads of the same family.

    Args:
        items: workloads and series.
        peers: keys of `PEERS`.
        settings: how.
        references: a folder for our results, which later runs find there.
        earlier: what is known, and not measured again.
    """
    known = {(one.workload, one.peer) for one in earlier}
    too_hard = {(one.workload, one.peer) for one in earlier if one.exceeded}
    for item in items:
        for peer in peers:
            if (item.name, peer) in known:
                continue
            exceeded = [other for other in items if (other.name, peer) in too_hard]
            reason = _reason_not_to_try(item, peer, exceeded)
            if reason:
                yield _dated(Measurement(item.name, peer, "not tried", reason))
                continue
            outcome = _run(item, peer, settings, references)
            if outcome.exceeded:
                too_hard.add((item.name, peer))
            yield _dated(_measurement(item, peer, outcome))


def _dated(measurement: Measurement) -> Measurement:
    return replace(measurement, date=datetime.date.today().isoformat())


def _reason_not_to_try(item: Item, peer: str, exceeded: Sequence[Item]) -> str:
    if not PEERS[peer].takes(item):
        return "too large for it" if isinstance(item, Workload) else "has none"
    easier = [
        other
        for other in exceeded
        if isinstance(item, Workload) and isinstance(other, Workload) and item.harder_than(other)
    ]
    return f"exceeded a limit on {easier[0].name}" if easier else ""


def _run(item: Item, peer: str, settings: Settings, references: Path) -> Outcome:
    reference = references / f"{item.name}.npz"
    arguments = ["--peer", peer, "--workload", item.name]
    arguments += ["--repetitions", str(settings.repetitions), "--seconds", str(settings.seconds)]
    if peer == OURS:
        references.mkdir(parents=True, exist_ok=True)
        arguments += ["--write-reference", str(reference)]
    elif reference.exists():
        arguments += ["--reference", str(reference)]
    python, environment = settings.python(peer), PEERS[peer].environment
    if peer != WARM:
        return run_worker(arguments, python, settings.limit_s, environment)
    with tempfile.TemporaryDirectory() as cache:
        environment = {**environment, **CACHE_EVERYTHING, CACHE_VARIABLE: cache}
        filled = run_worker(
            [*arguments, "--repetitions", "0"], python, settings.limit_s, environment
        )
        if filled.failure:
            return filled
        return run_worker(arguments, python, settings.limit_s, environment)


def _measurement(item: Item, peer: str, outcome: Outcome) -> Measurement:
    findings, status, note = dict(outcome.findings), "ok", outcome.failure
    is_done = (
        findings.get("calls") == len(item.workloads)
        if isinstance(item, Series)
        else findings.get("steps_s")
    )
    if not is_done:
        status = "no result"
    elif peer != OURS and "error" not in findings:
        note = "unchecked: no result of ours"
    if findings.get("error", 0) > 1:
        status, note = "disagrees", f"values or gradients differ: {findings['error']:.2g} x allowed"
        findings = {"error": findings["error"]}
    for steps in ("steps_s", "steps_cpu_s"):
        findings[steps] = tuple(findings.get(steps, ()))
    return Measurement(item.name, peer, status, note, **findings)


def _wait(
    process: subprocess.Popen[bytes], limit_s: float, tell: Callable[[], None] | None = None
) -> str:
    """Wait until the process ends by itself or exceeds a limit; say which."""
    end, most = time.monotonic() + limit_s, MEMORY_SHARE * free_memory()
    while True:
        try:
            process.wait(POLL_S)
        except subprocess.TimeoutExpired:
            if tell:
                tell()
            if time.monotonic() > end:
                return f"{EXCEEDED}{limit_s:g} s"
            if (held_memory(process.pid) or 0) > most:
                return f"{EXCEEDED}{most / 2**30:.0f} GiB"
        else:
            return ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process, and what it has started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _error(code: int, output: str) -> str:
    """The last line of a traceback, or the signal that ended the process."""
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return (lines[-1][:200] if lines else f"exit status {code}") if code else ""
