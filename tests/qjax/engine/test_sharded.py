"""States of which several devices hold a part each give what one device gives.

QJAX_SHARDED_CIRCUITS=5 runs so many random circuits, and leaves out what takes longest.
"""

import json
import os
import subprocess
import sys

from tests.circuits import DOUBLE_TOLERANCE

CIRCUITS = os.environ.get("QJAX_SHARDED_CIRCUITS", "50")
SINGLE = 1e-6
"""What rounding in single precision may add up to, in up to 50 gates."""


def bar(name: str) -> float:
    """The largest error that counts as right."""
    if name.endswith(("samples", "sums over devices", "compilations", "traces", "no gather")):
        return 0
    if "bytes over those of the plan" in name:
        return 0.01
    if "memory on" in name:
        return 0.1
    return DOUBLE_TOLERANCE if name.startswith("double") else SINGLE


def test_eight_devices_give_what_one_gives() -> None:
    """Random circuits, the library's, networks, transformations; and what programs hold."""
    command = [sys.executable, "-m", "tests.qjax.sharded", CIRCUITS]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=3600)
    assert done.returncode == 0, done.stderr[-3000:]
    errors = dict(json.loads(line) for line in done.stdout.splitlines())
    assert len(errors) > 70
    wrong = {name: error for name, error in errors.items() if not error <= bar(name)}
    assert not wrong
