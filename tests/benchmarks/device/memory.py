"""Section `memory`: what value and gradient held, beside the size of a state; from the sizes."""

from __future__ import annotations

from typing import Any

from tests.benchmarks.device.record import Rows


def memory_rows(sizes: Rows) -> dict[str, dict[str, Any]]:
    """Of each size with figures: the device's peak, or XLA's account where it keeps none (CPU)."""
    found = {}
    for name, row in sizes.items():
        peak, source = row.get("peak_bytes"), "memory_stats"
        if peak is None:
            peak, source = row.get("program_bytes"), "memory_analysis"
        if peak is not None:
            found[name] = {
                "peer": row["peer"],
                "qubits": row["qubits"],
                "state_bytes": row["state_bytes"],
                "bytes": peak,
                "source": source,
                "states": peak / row["state_bytes"],
            }
    return found
