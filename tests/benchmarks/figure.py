"""Measurements -> one figure: steps and first calls by workload, steps by batch size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.benchmarks.families import Item
from tests.benchmarks.peers import OURS, PEERS
from tests.benchmarks.report import Report
from tests.benchmarks.results import Measurement
from tests.benchmarks.workloads import Workload

MARKERS = "osD^vP<>X"


def save(report: Report, items: Sequence[Item], path: Path) -> None:
    """Draw what was measured of the workloads; series have no steps, and no figure."""
    workloads = [item for item in items if isinstance(item, Workload)]
    if not workloads:
        return
    series = [workload for workload in workloads if workload.family == "batch"]
    single = [workload.name for workload in workloads if workload.family != "batch"]
    sizes = sorted({workload.num_qubits for workload in series})
    heights = ([1.2 + 0.3 * len(single)] if single else []) + ([3.6] if series else [])
    figure = Figure((12, sum(heights) + 0.8), layout="constrained")
    parts = list(figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0])
    if single:
        left, right = parts.pop(0).subplots(1, 2, sharey=True)
        _dots(left, report, single, lambda item: item.median_s, "value and gradient, seconds")
        _dots(right, report, single, lambda item: item.first_s, "first call, seconds")
        right.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    if series:
        axes = parts.pop().subplots(1, len(sizes), sharey=True, squeeze=False)[0]
        for axis, size in zip(axes, sizes, strict=True):
            chosen = [workload for workload in series if workload.num_qubits == size]
            _curves(axis, report, chosen)
        axes[0].set_ylabel("seconds per sample")
        axes[-1].legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    machine = report.machine
    figure.suptitle(f"{machine['cpu']}, {machine['cores']} cores, float32", fontsize="medium")
    figure.savefig(path, dpi=150)


def _dots(
    axis: Axes,
    report: Report,
    names: Sequence[str],
    value: Callable[[Measurement], float | None],
    title: str,
) -> None:
    rows = {name: len(names) - place for place, name in enumerate(names)}
    for peer in report.peers:
        points = [
            (measured, rows[item.workload])
            for item in report.measurements
            if item.peer == peer and item.workload in rows and (measured := value(item))
        ]
        axis.plot(*zip(*points, strict=True) if points else ((), ()), **_style(report, peer))
    axis.set_yticks(list(rows.values()), list(rows))
    axis.set(xscale="log", xlabel=title)
    axis.grid(alpha=0.3)


def _curves(axis: Axes, report: Report, workloads: Sequence[Workload]) -> None:
    for peer in report.peers:
        points = [
            (workload.batch, item.median_s / workload.batch)
            for workload in workloads
            if (item := report.find(workload.name, peer)) and item.median_s
        ]
        style = _style(report, peer) | {"linestyle": "-"}
        axis.plot(*zip(*points, strict=True) if points else ((), ()), **style)
    axis.set(xscale="log", yscale="log", xlabel="batch", title=f"n = {workloads[0].num_qubits}")
    axis.grid(alpha=0.3)


def _style(report: Report, peer: str) -> dict[str, object]:
    place = report.peers.index(peer)
    return {
        "label": PEERS[peer].label,
        "color": "black" if peer == OURS else matplotlib.color_sequences["tab10"][place % 10],
        "marker": MARKERS[place % len(MARKERS)],
        "markersize": 7 if peer == OURS else 5,
        "linestyle": "",
        "zorder": 3 if peer == OURS else 2,
    }
