"""One process of a section; started by `sections`."""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import time
from pathlib import Path

from tests.benchmarks.device.task import Task

GRACE_S = 20.0
"""So long after its limit, if nobody has ended it, it ends itself, deep in a compiler too."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--section", required=True, help="a module of this package with `run`")
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--item", default="")
    parser.add_argument("--folder", type=Path, default=Path())
    options = parser.parse_args()
    end = time.monotonic() + options.seconds
    faulthandler.dump_traceback_later(options.seconds + GRACE_S, exit=True)
    section = importlib.import_module(f"tests.benchmarks.device.{options.section}")
    section.run(Task(options.report, end, options.quick, options.item, options.folder))
    faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main()
