"""A record as short tables, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.benchmarks.device.processes import PEER
from tests.benchmarks.device.record import UNFINISHED, Record
from tests.benchmarks.peers import PEERS, XLA

LABELS = {XLA: "ours", PEER: PEERS[PEER].label}


def summary(record: Record) -> str:
    """How each section ended, and the sizes."""
    lines = [*_machine(record), ""]
    for name, part in record.parts.items():
        rows = part.rows.values()
        passed, wrong = (sum(row.get("passed") is it for row in rows) for it in (True, False))
        note = f"  {part.note}"[:120] if part.note else ""
        taken = f"{part.seconds:5.0f} of {part.limit_s:3.0f} s"
        lines.append(f"{name:12} {part.status:8} {taken} {passed:3} passed {wrong:2} failed{note}")
    lines += ["", *_errors(record), ""]
    lines += [*table(size_rows(record))]
    return "\n".join(lines) + "\n"


def _machine(record: Record) -> Iterator[str]:
    rows = record.rows("machine")
    for device in rows.get("jax", {}).get("devices", []):
        yield f"JAX {rows['jax']['version']}: {device['kind']} ({device['platform']})"
    torch = rows.get("torch", {})
    if "version" in torch:
        yield f"torch {torch['version']}: {', '.join(torch['devices']) or 'CPU'}"


def _errors(record: Record) -> Iterator[str]:
    """The largest errors of the circuits, in both precisions."""
    rows = [row for row in record.rows("correctness").values() if "single" in row]
    for precision in ("single", "double") if rows else ():
        worst = {
            kind: max(float(row[precision][kind]) for row in rows)
            for kind in ("values", "probabilities", "gradients")
        }
        largest = ", ".join(f"{kind} {error:.1e}" for kind, error in worst.items())
        yield f"{len(rows)} circuits, {precision}: largest errors: {largest}"


def size_rows(record: Record) -> list[list[str]]:
    """For each size: ours and the peer's median step, first call and memory, and their ratio."""
    sizes, memory = record.rows("sizes"), record.rows("memory")
    qubits = sorted({row["qubits"] for row in sizes.values() if "qubits" in row})
    if not qubits:
        return []
    heads = [
        f"{label}, {what}" for label in LABELS.values() for what in ("ms", "first s", "states")
    ]
    rows = [["n", *heads, "peer / ours"]]
    for count in qubits:
        names = [f"{peer} {count}" for peer in LABELS]
        cells = [
            each for name in names for each in _cells(sizes.get(name, {}), memory.get(name, {}))
        ]
        right = [sizes[name] for name in names if sizes.get(name, {}).get("passed")]
        medians = [row.get("median_s") for row in right]
        ratio = f"{medians[1] / medians[0]:.3g}" if len(medians) == 2 and all(medians) else ""
        rows.append([str(count), *cells, ratio])
    return rows


def _cells(row: Mapping[str, Any], memory: Mapping[str, Any]) -> list[str]:
    """Median step, first call with compilation, memory in states; or why there are none."""
    held = f"{memory['states']:.3g}" if "states" in memory else ""
    if row.get("passed") is False:
        return ["disagrees", "", held]
    if "median_s" not in row:
        reason = next((str(row[key]) for key in UNFINISHED if key in row), "")
        return [reason[:24], "", held]
    first = row["compile_s"] + row["first_s"]
    return [f"{1e3 * row['median_s']:.4g}", f"{first:.3g}", held]


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table in Markdown, its first row the head."""
    if not rows:
        return []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]
