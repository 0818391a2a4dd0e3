"""A report -> tables in GitHub's Markdown, which read well on a terminal too."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from tests.benchmarks.families import Item, Series
from tests.benchmarks.peers import OURS, PEERS, WARM
from tests.benchmarks.report import Report
from tests.benchmarks.results import Measurement
from tests.benchmarks.workloads import Workload

DETAILS = (
    "workload",
    "peer",
    "build s",
    "first s",
    "CPU s",
    "step ms",
    "CPU ms",
    "quartiles ms",
    "step / ours",
    "peak MB",
    "break-even of ours",
    "date",
    "note",
)
NO_RESULT, EARLIER = "-", "*"

Titled = tuple[list[str], list[list[str]]]
"""Titles of columns, and rows."""


def to_markdown(report: Report) -> str:
    """All tables, one after the other, and a line per measurement."""
    parts = [*tables_of(report).values(), table(DETAILS, details(report))]
    return "\n\n".join(filter(None, parts)) + "\n"


def tables_of(report: Report) -> dict[str, str]:
    """The tables of a page, by name; '' where nothing was measured for one."""
    workloads = [item for item in report.items if isinstance(item, Workload)]
    plain = [item for item in workloads if item.family != "batch"]
    batches = [item for item in workloads if item.family == "batch"]
    series = [item for item in report.items if isinstance(item, Series)]
    return {
        "machine": header(report),
        "steps": _table_of(report, plain, steps),
        "first calls": _table_of(report, plain, first_calls),
        "depth": depth_ratios(report),
        "batches": _table_of(report, batches, steps),
        "once": _table_of(report, series, once),
    }


def filled(page: str, tables: Mapping[str, str]) -> str:
    """A page with the text between its marks replaced, `<!-- table NAME -->` ... `<!-- end -->`.

    Raises:
        ValueError: a mark with a name that no table has.
    """

    def replaced(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in tables:
            raise ValueError(f"no table is called {name!r}: there are {', '.join(tables)}")
        return f"<!-- table {name} -->\n\n{tables[name]}\n\n<!-- end -->"

    return re.sub(r"<!-- table (?P<name>[^>]*?) -->.*?<!-- end -->", replaced, page, flags=re.S)


def header(report: Report) -> str:
    """Machine, versions, rates."""
    machine, rates = report.machine, report.rates
    versions: dict[str, str] = {}
    for found in report.versions.values():
        versions |= found
    memory = ", ".join(f"{rate / 1e9:.0f} in {name}" for name, rate in rates["memory"].items())
    absent = [PEERS[peer].label for peer, found in report.versions.items() if not found]
    days = sorted({item.date for item in report.measurements if item.date})
    dates = dict.fromkeys([*days[:1], *days[-1:]])
    lines = [
        f"{', '.join([machine['cpu'], *machine['gpus']])}, {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB, load {machine['load'][0]} at the last start; "
        f"{machine['system']}; {' to '.join(dates)}.",
        ", ".join(f"{name} {version}" for name, version in versions.items()) + ".",
        f"Our engine: {report.engine}.",
        f"One core, by {rates['source']}: multiply-adds at {rates['fma'] / 1e9:.0f} GFLOP/s; "
        f"y <- y + a x at {memory} of working set, in GB/s.",
    ]
    if absent:
        lines.append(f"Not installed: {', '.join(absent)}.")
    return "  \n".join(lines)


def steps(report: Report, workloads: Sequence[Workload], peers: Sequence[str]) -> Titled:
    """Milliseconds of a step, wall / CPU; the limit; ours over it; the fastest peer's over ours."""
    labels = [PEERS[peer].label for peer in peers]
    titles = ["ms, wall / CPU", *labels, "limit", "ours / limit", "fastest peer / ours"]
    rows = []
    for workload in workloads:
        cells = [_cell(report, workload, peer, _step) for peer in peers]
        limit_s, _ = report.limit_s(workload)
        ratios = [_of_limit(report, workload), _advantage(report, workload)]
        rows.append([workload.name, *cells, number(limit_s, 1e3), *ratios])
    return titles, rows


def first_calls(report: Report, workloads: Sequence[Workload], peers: Sequence[str]) -> Titled:
    """Seconds from the circuit to the first value and gradient, wall / CPU."""
    titles = ["s, wall / CPU", *(PEERS[peer].label for peer in peers)]
    rows = [
        [item.name, *(_cell(report, item, peer, _start) for peer in peers)] for item in workloads
    ]
    return titles, rows


def once(report: Report, series: Sequence[Series], peers: Sequence[str]) -> Titled:
    """Seconds of all calls of a series, wall / CPU; and of how many, where a limit came first."""
    titles = ["s, wall / CPU", *(PEERS[peer].label for peer in peers)]
    rows = []
    for item in series:
        calls = partial(_calls, number_of_calls=len(item.workloads))
        rows.append([item.name, *(_cell(report, item, peer, calls) for peer in peers)])
    return titles, rows


def details(report: Report) -> list[list[str]]:
    """One row per measurement, in the order of `DETAILS`."""
    return [_row(report, item) for item in report.measurements]


def depth_ratios(report: Report) -> str:
    """How much longer the first call takes with more layers."""
    names = [item.name for item in report.items if item.family == "depth"]
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


def pair(wall: float | None, cpu: float | None, unit: float = 1.0) -> str:
    """Wall time, and CPU time where it is known."""
    return " / ".join(filter(None, (number(wall, unit), number(cpu, unit))))


def _table_of(report: Report, items: Sequence[Any], make: Callable[..., Titled]) -> str:
    """With the peers of which there is something to show."""
    names = {item.name for item in items}
    measured = {one.peer for one in report.measurements if one.workload in names}
    peers = [peer for peer in report.peers if peer in measured and (peer != WARM or make != steps)]
    return table(*make(report, items, peers)) if peers else ""


def _cell(report: Report, item: Item, peer: str, text: Callable[[Measurement | None], str]) -> str:
    """With a mark where it was measured before the last day that is reported."""
    found = report.find(item.name, peer)
    is_earlier = found is not None and found.date < report.last_day
    return text(found) + (EARLIER if is_earlier else "")


def _step(item: Measurement | None) -> str:
    if item is None or item.median_s is None:
        return _without_result(item)
    return pair(item.median_s, item.mean_cpu_s, 1e3)


def _start(item: Measurement | None) -> str:
    if item is None or item.start_s is None:
        return _without_result(item)
    return pair(item.start_s, item.start_cpu_s)


def _calls(item: Measurement | None, number_of_calls: int) -> str:
    if item is None or not item.calls:
        return _without_result(item)
    taken = pair(item.first_s, item.first_cpu_s)
    some = item.calls < number_of_calls
    return f"{taken} for {item.calls} of {number_of_calls}" if some else taken


def _without_result(item: Measurement | None) -> str:
    if item is None:
        return ""
    return item.status if item.status == "disagrees" else NO_RESULT


def _of_limit(report: Report, workload: Workload) -> str:
    """How many times the limit our step takes, of wall and of CPU time."""
    ours, (limit_s, limit_cpu_s) = report.find(workload.name, OURS), report.limit_s(workload)
    if ours is None or ours.median_s is None:
        return ""
    cpu = None if ours.mean_cpu_s is None else ours.mean_cpu_s / limit_cpu_s
    return pair(ours.median_s / limit_s, cpu)


def _advantage(report: Report, workload: Workload) -> str:
    ours, rival = report.find(workload.name, OURS), report.fastest_peer(workload.name)
    if not (ours and ours.median_s and rival and rival.median_s):
        return ""
    return f"{number(rival.median_s / ours.median_s)} ({PEERS[rival.peer].label})"


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
        number(item.start_cpu_s or item.first_cpu_s),
        number(item.median_s, 1e3),
        number(item.mean_cpu_s, 1e3),
        quartiles,
        ratio,
        number(item.peak_mb),
        report.break_even(item),
        item.date,
        item.note if item.status == "ok" else ": ".join(filter(None, (item.status, item.note))),
    ]
