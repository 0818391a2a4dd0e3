"""All that needs a GPU, in at most 8 minutes, as one JSON; on a CPU too, to know that it works.

python -m tests.benchmarks.device --output device.json
python -m tests.benchmarks.device --quick --cpu-devices 2    a few small cases, on virtual devices
python -m tests.benchmarks.device --sections sizes --budget 200
"""

from __future__ import annotations

import argparse
import datetime
import os
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

from tests.benchmarks.device import sections
from tests.benchmarks.device.record import Record, save
from tests.benchmarks.device.summary import summary
from tests.benchmarks.device.wanted import Wanted
from tests.benchmarks.machine import available_cores

BUDGET_S, QUICK_BUDGET_S = 480.0, 120.0
LIMIT_S, QUICK_LIMIT_S = 150.0, 30.0
QUBITS, QUICK_QUBITS = tuple(range(10, 29, 2)), (4, 8, 12)
MOST_JOBS = 8


def main() -> None:
    options = _parser().parse_args()
    wanted = _wanted(options)
    signal.signal(signal.SIGTERM, _leave)
    with tempfile.TemporaryDirectory() as folder:
        path = options.output or Path(folder, "device.json")
        record = Record(_asked(wanted))
        save(record, path)  # at once: a folder that can't be written to is no surprise at the end
        try:
            record = sections.run(wanted, record, lambda known: save(known, path))
            save(record, path)
            sys.stderr.write(summary(record))
        finally:
            if options.output is None:
                sys.stdout.write(path.read_text())
    raise SystemExit(0 if record.good else 1)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)  # what waits for a process ends it then


def _asked(wanted: Wanted) -> dict[str, object]:
    return {
        "began": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": sys.argv[1:],
        "budget_s": wanted.budget_s,
        "limit_s": wanted.limit_s,
        "qubits": wanted.qubits,
        "jobs": wanted.jobs,
        "environment": dict(wanted.environment),
    }


def _wanted(options: argparse.Namespace) -> Wanted:
    quick = options.quick
    return Wanted(
        budget_s=options.budget or (QUICK_BUDGET_S if quick else BUDGET_S),
        limit_s=options.limit or (QUICK_LIMIT_S if quick else LIMIT_S),
        qubits=options.qubits or (QUICK_QUBITS if quick else QUBITS),
        jobs=options.jobs,
        quick=quick,
        sections=options.sections,
        environment=environment(options.engine, options.cpu_devices),
        peer_python=options.peer_python,
    )


def environment(engine: str, cpu_devices: int | None) -> dict[str, str]:
    """Variables of all processes. Each takes the memory of a GPU as it needs it: several fit."""
    found = {"QJAX_ENGINE": engine, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    if cpu_devices:
        flag = f"--xla_force_host_platform_device_count={cpu_devices}"
        flags = f"{os.environ.get('XLA_FLAGS', '')} {flag}".strip()
        found |= {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.device",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--output", type=Path, help="the JSON; without, it is printed at the end")
    add(
        "--budget",
        type=float,
        help=f"seconds for everything ({BUDGET_S:g}; quick: {QUICK_BUDGET_S:g})",
    )
    add(
        "--limit",
        type=float,
        help=f"for one size of a library ({LIMIT_S:g}; quick: {QUICK_LIMIT_S:g})",
    )
    add("--quick", action="store_true", help="a few small cases, to know that it works")
    add("--cpu-devices", type=int, help="run on so many virtual devices of the CPU")
    add("--sections", type=_names, default=(), help=f"of {', '.join(sections.NAMES[:-1])}")
    add("--qubits", type=_numbers, default=(), help="the sizes, such as 10,12")
    add("--jobs", type=int, default=_jobs(), help="sizes that are compiled at once")
    add("--engine", default="xla", choices=("xla", "native"), help="xla, as on a GPU")
    add("--peer-python", default="", help="the interpreter that has TensorCircuit-NG")
    return parser


def _jobs() -> int:
    return min(MOST_JOBS, max(1, available_cores() // 2))


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := [name for name in names if name not in sections.NAMES[:-1]]:
        raise argparse.ArgumentTypeError(f"unknown: {unknown}; known: {sections.NAMES[:-1]}")
    return names


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(sorted(map(int, text.split(","))))


if __name__ == "__main__":
    main()
