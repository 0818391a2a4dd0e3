"""The sections, in the order in which they run, and how long each may take."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.benchmarks.device.memory import memory_rows
from tests.benchmarks.device.processes import Work, run_alone, run_sizes
from tests.benchmarks.device.record import Part, Record, status_of
from tests.benchmarks.device.wanted import Wanted

Watch = Callable[[Record], None]


@dataclass(frozen=True)
class Section:
    """A part of the record.

    Attributes:
        module: of this package, with `run`; its processes are told their item.
        share: of the time that is left when it starts, beside the shares of those after it.
    """

    name: str
    module: str
    share: float


SECTIONS = (
    Section("machine", "environment", 5),
    Section("correctness", "correctness", 30),
    Section("bridge", "transport", 22),
    Section("sharding", "sharding", 13),
    Section("sizes", "sizes", 30),
)
"""Time that one leaves goes to those after it: the sizes take all that there is."""

LEAST_LIMIT_S = 20.0
"""Of a section, on a slow machine too; most need less, and leave it to others."""

SIZES, MEMORY = SECTIONS[-1].name, "memory"
NAMES = (*(section.name for section in SECTIONS), MEMORY)


def run(wanted: Wanted, record: Record, watch: Watch) -> Record:
    """Run all sections; `watch` is given the record whenever there is more in it."""
    end = time.monotonic() + wanted.budget_s
    chosen = [each for each in SECTIONS if not wanted.sections or each.name in wanted.sections]
    for place, section in enumerate(chosen):
        limit_s = _limit(end - time.monotonic(), chosen[place:])
        record = _run_section(section, wanted, limit_s, record, watch)
    if SIZES in record.parts:
        rows = memory_rows(record.rows(SIZES))
        note = "" if rows else "the sizes have no figures"
        record = record.having(MEMORY, Part("ok" if rows else "error", note, rows=rows))
        watch(record)
    return record


def _limit(left_s: float, sections: Sequence[Section]) -> float:
    """Seconds for the first of those to come: its share, or as long as imports may take."""
    share = sections[0].share / sum(each.share for each in sections)
    return min(left_s, max(left_s * share, LEAST_LIMIT_S))


def _run_section(
    section: Section, wanted: Wanted, limit_s: float, record: Record, watch: Watch
) -> Record:
    """One process, or those of all sizes."""
    start, part = time.monotonic(), Part(limit_s=limit_s)

    def heard(rows: Mapping[str, Any]) -> None:
        watch(record.having(section.name, replace(part, rows=rows)))

    with tempfile.TemporaryDirectory() as folder:
        work = Work(section.module, wanted, start + limit_s, Path(folder), heard)
        ending = (run_sizes if section.name == SIZES else run_alone)(work)
    status, note = status_of(work.rows, ending.failure, ending.exceeded)
    seconds = time.monotonic() - start
    return record.having(section.name, Part(status, note, seconds, limit_s, dict(work.rows)))
