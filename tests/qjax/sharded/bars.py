"""How many random circuits are compared, and what errors may be."""

import os

from tests.circuits import DOUBLE_TOLERANCE

CIRCUITS = os.environ.get("QJAX_SHARDED_CIRCUITS", "50")
SINGLE = 1e-6
"""What rounding in single precision may add up to, in up to 50 gates."""


def bar(name: str) -> float:
    """The largest error of a comparison that counts as right."""
    if name.endswith(("samples", "sums over devices", "compilations", "traces", "no gather")):
        return 0
    if "bytes over those of the plan" in name:
        return 0.01
    if "memory on" in name:
        return 0.1
    return DOUBLE_TOLERANCE if name.startswith("double") else SINGLE
