"""What a section is given: how long it may take, how much is wanted, where its findings go."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

Row = Mapping[str, Any]


class Skipped(Exception):  # noqa: N818 - nothing went wrong
    """There is no need, or no way, to check this here; the message says why."""


@dataclass(frozen=True)
class Task:
    """One process.

    Attributes:
        report: a file that gets a line of JSON, `{key: row}`, for each finding.
        end: when the section has to be done, by `time.monotonic()`.
        quick: whether a few small cases will do.
        item: what this process has of the section's work; '' for all of it.
        folder: for files that processes of one section share.
    """

    report: Path
    end: float
    quick: bool = False
    item: str = ""
    folder: Path = Path()
    _rows: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def left(self) -> float:
        """Seconds."""
        return self.end - time.monotonic()

    def tell(self, key: str, **row: Any) -> None:
        """Add to what is known of a key; from any thread."""
        with self._lock, self.report.open("a") as file:
            self._rows[key] = self._rows.get(key, {}) | plain(row)
            file.write(json.dumps({key: self._rows[key]}) + "\n")

    def check(self, key: str, found: Callable[[], Row]) -> None:
        """Tell what a function finds, or why it failed; a row without `passed` has passed.

        It is left out where there is less time than the slowest one has taken.
        """
        if self.left <= max((row.get("seconds", 0.0) for row in self._rows.values()), default=0.0):
            self.tell(key, left_out="no time was left")
            return
        self.tell(key)  # an empty row: where it never ends, the record says what was being done
        start = time.perf_counter()
        try:
            row = {"passed": True, **found()}
        except Skipped as reason:
            row = {"skipped": str(reason)}
        except Exception as error:  # noqa: BLE001 - recorded, and the others go on
            row = {"passed": False, "error": described(error)}
        self.tell(key, **row, seconds=time.perf_counter() - start)


def described(error: BaseException) -> str:
    """The type and the first words of a message."""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words[:300]}"


def plain(value: Any) -> Any:
    """What JSON has a form for; numbers that are not finite as words."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
