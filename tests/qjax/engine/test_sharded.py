"""States of which several devices hold a part each give what one device gives.

QJAX_SHARDED_CIRCUITS=5 runs so many random circuits, and leaves out what takes longest.
"""

import json
import subprocess
import sys

from tests.qjax.sharded.bars import CIRCUITS, bar


def test_eight_devices_give_what_one_gives() -> None:
    """Random circuits, the library's, networks, transformations; and what programs hold."""
    command = [sys.executable, "-m", "tests.qjax.sharded", CIRCUITS]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=3600)
    assert done.returncode == 0, done.stderr[-3000:]
    errors = dict(json.loads(line) for line in done.stdout.splitlines())
    assert len(errors) > 70
    wrong = {name: error for name, error in errors.items() if not error <= bar(name)}
    assert not wrong
