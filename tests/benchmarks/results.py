"""What was measured of one peer on one workload, and what follows from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Status = Literal["ok", "disagrees", "no result", "not tried"]
Arrays = Mapping[str, np.ndarray]

EXCEEDED = "more than "
"""How the note of a measurement that a limit ended begins."""

RELATIVE_TOLERANCE = 1e-3
ABSOLUTE_TOLERANCE = 2e-6
"""Of float32 results: a wrong sign, order or factor gives errors of the size of the values."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One row.

    Attributes:
        peer: its key in `PEERS`.
        status: `disagrees`: its values or gradients are not ours, so there are no times;
            `no result`: time limit, memory limit or error; `not tried`: why stands in `note`.
        build_s: seconds from the neutral circuit to the library's own.
        first_s: seconds of the first call: tracing, compiling, running; of a series, of all calls.
        steps_s: seconds of each later call.
        build_cpu_s, first_cpu_s, steps_cpu_s: the same of the processor, of all threads together.
        peak_mb: what the process grew beyond its peak before the first call, in MB (10^6 bytes).
        error: the largest deviation from ours; at most 1 is allowed (see `deviation`).
        calls: how many calls of a series were made.
        date: of the measurement, as ISO writes it.
    """

    workload: str
    peer: str
    status: Status
    note: str = ""
    build_s: float | None = None
    first_s: float | None = None
    steps_s: tuple[float, ...] = ()
    peak_mb: float | None = None
    error: float | None = None
    build_cpu_s: float | None = None
    first_cpu_s: float | None = None
    steps_cpu_s: tuple[float, ...] = ()
    calls: int | None = None
    date: str = ""

    @property
    def start_cpu_s(self) -> float | None:
        """CPU seconds until the first result."""
        return _total(self.build_cpu_s, self.first_cpu_s)

    @property
    def mean_cpu_s(self) -> float | None:
        """Of a step: what other threads take is counted late, so that short steps vary."""
        return float(np.mean(self.steps_cpu_s)) if self.steps_cpu_s else None

    @property
    def exceeded(self) -> bool:
        """Whether a limit of time or memory ended it."""
        return self.note.startswith(EXCEEDED)

    @property
    def start_s(self) -> float | None:
        """Seconds until the first result."""
        return _total(self.build_s, self.first_s)

    @property
    def quartiles_s(self) -> tuple[float, float, float] | None:
        """First quartile, median and third quartile of the steps."""
        if not self.steps_s:
            return None
        first, median, third = np.quantile(self.steps_s, (0.25, 0.5, 0.75)).tolist()
        return first, median, third

    @property
    def median_s(self) -> float | None:
        return self.quartiles_s[1] if self.quartiles_s else None

    def to_json(self) -> dict[str, Any]:
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return fields | {"quartiles_s": self.quartiles_s}


def deviation(result: Arrays, reference: Arrays) -> float:
    """The largest error over what is allowed: agreement is at most 1.

    Allowed is `RELATIVE_TOLERANCE` of the largest entry plus `ABSOLUTE_TOLERANCE`. The loss is a
    mean over the batch, so the gradient of one sample's inputs is multiplied by the batch size.
    Results of other shapes deviate infinitely, and so do those that are not finite.
    """
    return max(_deviation(result[name], reference[name]) for name in reference)


def _deviation(result: np.ndarray, reference: np.ndarray) -> float:
    if result.shape != reference.shape or not np.isfinite(result).all():
        return math.inf
    if not reference.size:
        return 0.0
    scale = len(reference) if reference.ndim == 2 else 1
    allowed = RELATIVE_TOLERANCE * scale * float(np.abs(reference).max()) + ABSOLUTE_TOLERANCE
    return scale * float(np.abs(result.astype(np.float64) - reference).max()) / allowed


@dataclass(frozen=True, slots=True)
class BreakEven:
    """From which call on, or up to which call, ours has taken less time in total than a peer.

    Attributes:
        first, last: ours is ahead after each of these numbers of calls, both included;
            `last` None: for ever. No `first`: never.
    """

    first: int | None
    last: int | None = None

    def __str__(self) -> str:
        if self.first is None:
            return "never"
        if self.last is not None:
            return f"up to call {self.last:,}"
        return "always" if self.first == 1 else f"from call {self.first:,}"


def break_even(ours: Measurement, peer: Measurement) -> BreakEven | None:
    """Compare the totals `start + (calls - 1) * median`; None where one of them is unknown."""
    numbers = ours.start_s, ours.median_s, peer.start_s, peer.median_s
    if None in numbers:
        return None
    our_start, our_step, their_start, their_step = numbers
    later, saved = our_start - their_start, their_step - our_step
    if later < 0:
        return BreakEven(1, None if saved >= 0 else math.ceil(later / saved))
    return BreakEven(math.floor(later / saved) + 2 if saved > 0 else None)


def _total(*seconds: float | None) -> float | None:
    """The sum, if all are known."""
    known = [each for each in seconds if each is not None]
    return sum(known) if len(known) == len(seconds) else None
