"""All that was found, as one JSON: what was asked, and a part for each section."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

Rows = Mapping[str, Mapping[str, Any]]

Status = Literal["ok", "partial", "failed", "stopped", "error", "running"]
"""How a section ended. `partial`: no time or memory for all of it, and what was done is right;
`failed`: a check found something wrong; `stopped`: a limit ended it; `error`: it broke off."""

GOOD = ("ok", "partial")

UNFINISHED = ("left_out", "not_tried", "no_result", "error")
"""Why a row has no figures."""


@dataclass(frozen=True)
class Part:
    """Of one section.

    Attributes:
        seconds: that it has taken.
        limit_s: that it might take.
        rows: what it found, by name; `passed` in them is what was checked.
    """

    status: Status = "running"
    note: str = ""
    seconds: float = 0.0
    limit_s: float = 0.0
    rows: Rows = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """Of one run.

    Attributes:
        asked: the options, and when it began.
        parts: by the names of sections, in their order.
    """

    asked: Mapping[str, Any]
    parts: Mapping[str, Part] = field(default_factory=dict)

    def having(self, name: str, part: Part) -> Record:
        return replace(self, parts={**self.parts, name: part})

    def rows(self, name: str) -> Rows:
        """None of a section that there is not."""
        return self.parts[name].rows if name in self.parts else {}

    @property
    def good(self) -> bool:
        return all(part.status in GOOD for part in self.parts.values())

    def to_json(self) -> dict[str, Any]:
        return {
            "asked": dict(self.asked),
            "sections": {k: asdict(v) for k, v in self.parts.items()},
        }


def save(record: Record, path: Path) -> None:
    """Write it anew, in one step: whoever reads finds this record or the one before, whole."""
    beside = path.with_name(path.name + ".new")
    beside.write_text(json.dumps(record.to_json(), indent=1, allow_nan=False) + "\n")
    os.replace(beside, path)


def status_of(rows: Rows, failure: str = "", exceeded: bool = False) -> tuple[Status, str]:
    """How a section ended, and why.

    Args:
        rows: what it found; empty ones were begun and did not end.
        failure: what went wrong with its processes; '' for nothing.
        exceeded: whether that was a limit.
    """
    begun = [name for name, row in rows.items() if not row]
    if failure and begun:
        failure += f", during {', '.join(begun)}"
    wrong = [name for name, row in rows.items() if row.get("passed") is False]
    notes = [failure] * bool(failure) + [f"wrong: {', '.join(wrong)}"] * bool(wrong)
    if failure and not exceeded:
        return "error", "; ".join(notes)
    if wrong:
        return "failed", "; ".join(notes)
    if exceeded:
        return "stopped", failure
    missing = [name for name, row in rows.items() if any(reason in row for reason in UNFINISHED)]
    return ("partial", f"without {', '.join(missing)}") if missing else ("ok", "")
