"""Everything that was measured of a machine, as data and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.benchmarks.families import FAMILIES, Item, items_of
from tests.benchmarks.limit import flops_of
from tests.benchmarks.peers import OUR_ROWS, OURS, PEERS
from tests.benchmarks.results import Measurement, break_even
from tests.benchmarks.workloads import Workload


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was found, in one run or in several.

    Attributes:
        machine: see `machine.description`.
        versions: of each peer and what it stands on; empty where it is not installed.
        engine: which engine is ours, and why if it is XLA's.
        rates: of one core, see `rates.measured_rates`.
    """

    machine: Mapping[str, Any]
    versions: Mapping[str, Mapping[str, str]]
    engine: str
    rates: Mapping[str, Any]
    measurements: tuple[Measurement, ...] = ()

    @property
    def items(self) -> list[Item]:
        """Of which there are measurements, in the order of the families."""
        names = {item.workload for item in self.measurements}
        return [item for family in FAMILIES for item in items_of(family) if item.name in names]

    @property
    def peers(self) -> list[str]:
        """Of which there are measurements, in the order of `PEERS`."""
        return [peer for peer in PEERS if any(item.peer == peer for item in self.measurements)]

    @property
    def last_day(self) -> str:
        """On which something was measured, as ISO writes it."""
        return max((item.date for item in self.measurements), default="")

    def adding(self, measurement: Measurement) -> Report:
        """With a measurement, which takes the place of an earlier one."""
        key = measurement.workload, measurement.peer
        others = (item for item in self.measurements if (item.workload, item.peer) != key)
        return replace(self, measurements=(*others, measurement))

    def find(self, workload: str, peer: str) -> Measurement | None:
        matches = (
            item for item in self.measurements if (item.workload, item.peer) == (workload, peer)
        )
        return next(matches, None)

    def limit_s(self, workload: Workload) -> tuple[float, float]:
        """The least seconds of a step, by the multiply-adds of all cores; and of CPU time."""
        cpu_s = flops_of(workload) / self.rates["fma"]
        return cpu_s / self.machine["cores"], cpu_s

    def fastest_peer(self, workload: str) -> Measurement | None:
        """The one with the shortest step; ours do not count."""
        return min(self._rivals(workload), key=lambda item: item.median_s or 0.0, default=None)

    def break_even(self, item: Measurement) -> str:
        """From which call on ours has taken less time than this peer; '' where it is ours."""
        ours = self.find(item.workload, OURS)
        if ours is None or item.peer in OUR_ROWS:
            return ""
        return str(break_even(ours, item) or "")

    def to_json(self) -> dict[str, Any]:
        return {
            "machine": dict(self.machine),
            "versions": {peer: dict(versions) for peer, versions in self.versions.items()},
            "engine": self.engine,
            "rates": dict(self.rates),
            "measurements": [
                item.to_json() | {"break_even": self.break_even(item)} for item in self.measurements
            ],
        }

    def _rivals(self, workload: str) -> Sequence[Measurement]:
        return [
            item
            for item in self.measurements
            if item.workload == workload and item.peer not in OUR_ROWS and item.median_s
        ]


def from_json(data: Mapping[str, Any]) -> Report:
    """The inverse of `Report.to_json`."""
    names = set(Measurement.__dataclass_fields__)
    sequences = "steps_s", "steps_cpu_s"
    measurements = [
        Measurement(
            **{
                key: tuple(value) if key in sequences else value
                for key, value in item.items()
                if key in names
            }
        )
        for item in data["measurements"]
    ]
    return Report(
        data["machine"], data["versions"], data["engine"], data["rates"], tuple(measurements)
    )
