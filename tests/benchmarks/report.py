"""Measurements -> tables in GitHub's Markdown, which read well on a terminal too, and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.benchmarks.peers import OURS, PEERS, WARM
from tests.benchmarks.results import Measurement, break_even

DETAILS = (
    "workload",
    "peer",
    "build s",
    "first s",
    "step ms",
    "quartiles ms",
    "step / ours",
    "peak MB",
    "break-even of ours",
    "note",
)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was found in one run.

    Attributes:
        machine: see `machine.description`.
        versions: of each peer and what it stands on; empty where it is not installed.
        gemm: flops per second of NumPy's float32 matrix products, by shape.
    """

    machine: Mapping[str, Any]
    versions: Mapping[str, Mapping[str, str]]
    gemm: Mapping[str, float]
    measurements: tuple[Measurement, ...]

    @property
    def workloads(self) -> list[str]:
        return list(dict.fromkeys(item.workload for item in self.measurements))

    @property
    def peers(self) -> list[str]:
        return list(dict.fromkeys(item.peer for item in self.measurements))

    def adding(self, measurement: Measurement) -> Report:
        return replace(self, measurements=(*self.measurements, measurement))

    def find(self, workload: str, peer: str) -> Measurement | None:
        matches = (
            item for item in self.measurements if (item.workload, item.peer) == (workload, peer)
        )
        return next(matches, None)

    def to_json(self) -> dict[str, Any]:
        return {
            "machine": dict(self.machine),
            "versions": {peer: dict(versions) for peer, versions in self.versions.items()},
            "gemm_flops_per_s": dict(self.gemm),
            "measurements": [
                item.to_json() | {"break_even": _break_even(self, item)}
                for item in self.measurements
            ],
        }


def from_json(data: Mapping[str, Any]) -> Report:
    """The inverse of `Report.to_json`."""
    names = set(Measurement.__dataclass_fields__)
    measurements = [
        Measurement(**{key: value for key, value in item.items() if key in names})
        for item in data["measurements"]
    ]
    return Report(data["machine"], data["versions"], data["gemm_flops_per_s"], tuple(measurements))


def to_markdown(report: Report) -> str:
    """Header, one line per workload, one line per measurement."""
    parts = [header(report), table(*summary(report)), table(DETAILS, details(report))]
    ratios = depth_ratios(report)
    if ratios:
        parts.insert(2, ratios)
    return "\n\n".join(parts) + "\n"


def header(report: Report) -> str:
    """Machine and versions."""
    machine = report.machine
    versions: dict[str, str] = {}
    for found in report.versions.values():
        versions |= found
    rates = ", ".join(f"{rate / 1e9:.0f} ({shape})" for shape, rate in report.gemm.items())
    absent = [PEERS[peer].label for peer, found in report.versions.items() if not found]
    lines = [
        "Value and gradient of mean <Z_q>^2 in weights and inputs, float32.",
        f"{', '.join([machine['cpu'], *machine['gpus']])}, {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB, "
        f"load {machine['load'][0]} at the start; {machine['system']}.",
        ", ".join(f"{name} {version}" for name, version in versions.items()) + ".",
        f"NumPy float32 matrix product, GFLOP/s: {rates}.",
    ]
    if absent:
        lines.append(f"Not installed: {', '.join(absent)}.")
    return "  \n".join(lines)


def summary(report: Report) -> tuple[list[str], list[list[str]]]:
    """Titles and rows: step in ms / first call in s, and what ours gains on the fastest peer."""
    titles = ["step ms / first s", *(PEERS[peer].label for peer in report.peers), "fastest / ours"]
    rows = []
    for workload in report.workloads:
        found = [report.find(workload, peer) for peer in report.peers]
        rows.append([workload, *map(_brief, found), _advantage(report, workload)])
    return titles, rows


def details(report: Report) -> list[list[str]]:
    """One row per measurement, in the order of `DETAILS`."""
    return [_row(report, item) for item in report.measurements]


def depth_ratios(report: Report) -> str:
    """How much longer the first call takes with more layers."""
    names = [name for name in report.workloads if name.startswith("depth ")]
    lines = []
    for peer in report.peers if len(names) > 1 else ():
        shallow, deep = (report.find(name, peer) for name in (names[0], names[-1]))
        if shallow and deep and shallow.first_s and deep.first_s:
            ratio = deep.first_s / shallow.first_s
            lines.append(f"{PEERS[peer].label} {ratio:.2f}")
    return f"First call, {names[-1]} over {names[0]}: {', '.join(lines)}." if lines else ""


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with aligned columns."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (titles, *rows)]
    widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def number(value: float | None, unit: float = 1.0) -> str:
    """Three significant digits, without an exponent; '' for None."""
    if value is None:
        return ""
    scaled = value * unit
    return f"{scaled:,.0f}" if scaled >= 100 else f"{scaled:#.3g}"


def fastest_peer(report: Report, workload: str) -> Measurement | None:
    """The peer with the shortest step; ours does not count."""
    rivals = [
        item
        for item in report.measurements
        if item.workload == workload and item.peer not in {OURS, WARM} and item.median_s
    ]
    return min(rivals, key=lambda item: item.median_s or 0.0, default=None)


def _row(report: Report, item: Measurement) -> list[str]:
    ours = report.find(item.workload, OURS)
    quartiles, ratio = "", ""
    if item.quartiles_s:
        low, median, high = item.quartiles_s
        quartiles = f"{number(low, 1e3)} - {number(high, 1e3)}"
        ratio = number(median / ours.median_s) if ours and ours.median_s else ""
    return [
        item.workload,
        PEERS[item.peer].label,
        number(item.build_s),
        number(item.first_s),
        number(item.median_s, 1e3),
        quartiles,
        ratio,
        number(item.peak_mb),
        _break_even(report, item),
        item.note if item.status == "ok" else ": ".join(filter(None, (item.status, item.note))),
    ]


def _break_even(report: Report, item: Measurement) -> str:
    ours = report.find(item.workload, OURS)
    if ours is None or item.peer in {OURS, WARM}:
        return ""
    found = break_even(ours, item)
    return str(found) if found else ""


def _brief(item: Measurement | None) -> str:
    if item is None:
        return ""
    if item.median_s is None:
        first = f" / {number(item.first_s)}" if item.first_s else ""
        return item.status + first
    return f"{number(item.median_s, 1e3)} / {number(item.first_s)}"


def _advantage(report: Report, workload: str) -> str:
    ours, rival = report.find(workload, OURS), fastest_peer(report, workload)
    if not (ours and ours.median_s and rival and rival.median_s):
        return ""
    return f"{number(rival.median_s / ours.median_s)} ({PEERS[rival.peer].label})"
