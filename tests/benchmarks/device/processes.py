"""The processes of a section: one, or one for each size of each library."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.device.wanted import Wanted
from tests.benchmarks.peers import PEERS, XLA
from tests.benchmarks.runner import Outcome, Settings, installed, run_worker

CHILD = "tests.benchmarks.device.child"
PEER = "tensorcircuit"

MARGIN_S = 3.0
"""So long before it is ended, a process begins nothing more."""

LEAST_S = 6.0
"""No process starts with less: imports take most of it."""

OUR_SHARE = 0.45
"""Of the time of the sizes: the peer's programs take longer to compile."""


class Stopped(Exception):  # noqa: N818 - somebody wants it so
    """Raised in the threads that wait for processes, which it ends."""


@dataclass(frozen=True)
class Ending:
    """What went wrong with the processes of a section, and whether that was a limit."""

    failure: str = ""
    exceeded: bool = False


@dataclass
class Work:
    """What a section has to do, and what it has found.

    Attributes:
        module: of this package, with `run`.
        end: when it has to be done, by `time.monotonic()`.
        folder: for what its processes share.
        heard: is given all rows whenever there are more.
    """

    module: str
    wanted: Wanted
    end: float
    folder: Path
    heard: Callable[[Mapping[str, Any]], None]
    rows: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, rows: Mapping[str, Any]) -> None:
        """From any thread."""
        if self.stop.is_set():
            raise Stopped
        with self._lock:
            if {**self.rows, **rows} != self.rows:
                self.rows.update(rows)
                self.heard(dict(self.rows))

    def start(self, item: str, limit_s: float, python: str = sys.executable) -> Outcome:
        """Run a process to its end; its rows are added as it finds them."""
        arguments = ["--section", self.module, "--seconds", str(max(limit_s - MARGIN_S, 1.0))]
        arguments += ["--item", item, "--folder", str(self.folder)]
        arguments += ["--quick"] * self.wanted.quick
        environment = self.wanted.environment
        outcome = run_worker(arguments, python, limit_s, environment, CHILD, self.add)
        self.add(outcome.findings)
        return outcome


def run_alone(work: Work) -> Ending:
    """One process for all."""
    outcome = work.start("", max(work.end - time.monotonic(), LEAST_S))
    return Ending(outcome.failure, outcome.exceeded)


def run_sizes(work: Work) -> Ending:
    """Ours first, whose results the peer's are compared with."""
    python = work.wanted.peer_python
    has_peer = any(installed([PEER], _settings(PEER, python)).values())
    left = work.end - time.monotonic()
    _run_sizes_of(XLA, work, work.end - (1 - OUR_SHARE) * left * has_peer)
    if has_peer:
        _run_sizes_of(PEER, work, work.end)
    else:
        work.add({PEER: {"skipped": f"{PEERS[PEER].distributions[0]} is not installed"}})
    ours = [row for row in work.rows.values() if row.get("peer") == XLA and "median_s" in row]
    return Ending("" if ours else "no result of ours")


def _settings(peer: str, python: str) -> Settings:
    return Settings(pythons={peer: python} if python else {})


def _run_sizes_of(peer: str, work: Work, end: float) -> None:
    too_long: list[int] = []
    with ThreadPoolExecutor(work.wanted.jobs) as pool:
        try:
            sizes = work.wanted.qubits
            list(pool.map(lambda qubits: _run_size(peer, qubits, work, end, too_long), sizes))
        except BaseException:
            work.stop.set()
            raise


def _run_size(peer: str, qubits: int, work: Work, end: float, too_long: list[int]) -> None:
    """One process, which is not started after a smaller size has exceeded a limit."""
    item, left = f"{peer} {qubits}", end - time.monotonic()
    row = {"peer": peer, "qubits": qubits}
    if any(smaller < qubits for smaller in too_long):
        work.add({item: row | {"not_tried": f"n={min(too_long)} has taken too long"}})
        return
    if left < LEAST_S:
        work.add({item: row | {"left_out": "no time was left"}})
        return
    limit_s = min(work.wanted.limit_s, left)
    settings = _settings(PEER, work.wanted.peer_python)
    outcome = work.start(item, limit_s, settings.python(peer))
    if outcome.exceeded:
        too_long.append(qubits)
    row = work.rows.get(item, row)
    if "median_s" not in row and "error" not in row:
        reason = f"no result in {limit_s:.0f} s" if outcome.exceeded else outcome.failure
        work.add({item: {**row, "no_result": reason}})
