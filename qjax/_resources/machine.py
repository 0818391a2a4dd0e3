"""Floor 7. How fast a machine is: measured by `python -m qjax.calibrate`, kept in a file.

The file is `qjax/machine.json` in the user's cache folder; it is read when it is asked for.
"""

import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from math import inf, isfinite, log
from pathlib import Path
from typing import Any

from qjax._base.compilation_cache import cache_folder
from qjax._base.files import new_file

FORMAT = 1
COMMAND = "python -m qjax.calibrate"

MODES = {
    "native": ("value", "adjoint"),
    "xla": ("value", "adjoint", "backprop"),
    "density matrix": ("value", "adjoint"),
    "trajectories": ("value", "adjoint"),
}
"""What is timed of each method."""


@dataclass(frozen=True, slots=True)
class Rates:
    """How long something takes on one thread.

    Attributes:
        call: seconds of any call.
        step: seconds of any step, pass or block.
        units: pairs (bytes of a state, seconds of a unit of work on such states), ascending.
    """

    call: float
    step: float
    units: tuple[tuple[float, float], ...]

    def unit(self, state: float) -> float:
        """Seconds of a unit on states of so many bytes: on a line over the logarithm of those."""
        (first, value), *others = self.units
        if state <= first:
            return value
        for size, after in others:
            if state <= size:
                share = log(state / first) / log(size / first)
                return value ** (1 - share) * after**share
            first, value = size, after
        return value


@dataclass(frozen=True, slots=True)
class Machine:
    """How fast a machine is.

    Attributes:
        measured: whether it was measured, or is a typical one.
        threads: of the machine.
        speedup: how many times faster all of them are than one.
        bandwidth: bytes that a device sends to others in a second.
        rates: of "native/complex64/value" and so on: method, dtype, what is computed.
    """

    measured: bool
    threads: int
    speedup: float
    bandwidth: float
    rates: Mapping[str, Rates]


def num_threads() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# ---------------------------------------------------------------- a typical machine

_KB, _NS = 1024.0, 1e-9

# A core of a server of 2023 with AVX-512, shared with others, in single precision: call and step in
# microseconds, then nanoseconds per unit at sizes of states in KB.
_TYPICAL: dict[str, tuple[float, float, dict[float, float]]] = {
    "native/value": (8, 0.15, {32: 0.11, 512: 0.105, 8192: 0.16}),
    "native/adjoint": (12, 0.35, {32: 0.32, 512: 0.32, 8192: 0.55}),
    "xla/value": (40, 2, {32: 2.4, 512: 2.6, 8192: 3.9}),
    "xla/adjoint": (80, 8, {32: 8.0, 512: 10.5, 8192: 16.5}),
    "xla/backprop": (80, 6, {32: 6.5, 512: 8.0, 8192: 12.0}),
    "density matrix/value": (40, 1, {256: 0.040, 4096: 0.050}),
    "density matrix/adjoint": (100, 3, {256: 0.145, 4096: 0.165}),
    "trajectories/value": (25, 1, {8: 0.115}),
    "trajectories/adjoint": (40, 3, {8: 0.42}),
}
# Doubles take so many times as long.
_DOUBLE = 2.0
_TYPICAL_BANDWIDTH = 5e9


def typical_machine() -> Machine:
    """A machine that was not measured, with as many cores as this one."""
    rates = {}
    for name, (call, step, units) in _TYPICAL.items():
        method, mode = name.split("/")
        for dtype, slower in (("complex64", 1.0), ("complex128", _DOUBLE)):
            points = tuple((size * _KB, ns * _NS * slower) for size, ns in units.items())
            rates[f"{method}/{dtype}/{mode}"] = Rates(call * 1e-6, step * 1e-6, points)
    threads = num_threads()
    return Machine(False, threads, max(1.0, 0.8 * threads), _TYPICAL_BANDWIDTH, rates)


# ---------------------------------------------------------------- the file


def file_of_machine() -> Path:
    """Where the figures are kept: in `$XDG_CACHE_HOME/qjax`, or `~/.cache/qjax`."""
    return cache_folder() / "machine.json"


def save_machine(machine: Machine) -> Path:
    """Write what was measured; the file is there only when it is complete.

    Raises:
        OSError: where it cannot be written.
    """
    path = file_of_machine()
    path.parent.mkdir(parents=True, exist_ok=True)
    data = json.dumps({"format": FORMAT, **asdict(machine)}, indent=1).encode()
    with new_file(path, overwrite=True, size=len(data)) as file:
        file.write(data)
    return path


def known_machine() -> Machine:
    """This machine as it was measured; a typical one where it was not.

    A file that is broken, or was written by another version, is not used: a warning says so.
    """
    path = file_of_machine()
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return typical_machine()
    except OSError as error:
        return _not_used(path, f"cannot be read ({error.strerror})")
    try:
        return _machine_of(text)
    except ValueError as error:
        return _not_used(path, str(error))


def _not_used(path: Path, why: str) -> Machine:
    warnings.warn(
        f"{path} {why}: times are those of a typical machine. Run {COMMAND} to measure this one, "
        "or remove the file",
        UserWarning,
        stacklevel=4,
    )
    return typical_machine()


@lru_cache(4)
def _machine_of(text: bytes) -> Machine:
    """What a file says.

    Raises:
        ValueError: for anything but what `save_machine` writes.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("is broken") from error
    try:
        if found["format"] != FORMAT:
            raise ValueError(f"is of format {found['format']!r}, and {FORMAT} is expected")
        machine = Machine(
            True,
            int(_positive(found["threads"])),
            _positive(found["speedup"]),
            _positive(found["bandwidth"]),
            {name: _rates(each) for name, each in found["rates"].items()},
        )
    except (AttributeError, LookupError, TypeError, OverflowError) as error:
        raise ValueError("is broken") from error
    if missing := typical_machine().rates.keys() - machine.rates.keys():
        raise ValueError(f"lacks the figures of {', '.join(sorted(missing))}")
    return machine


def _rates(found: Mapping[str, Any]) -> Rates:
    units = tuple((_positive(size), _positive(seconds)) for size, seconds in found["units"])
    if not units:
        raise ValueError("is broken")
    return Rates(_positive(found["call"]), _positive(found["step"]), units)


def _positive(number: Any) -> float:
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise TypeError
    if not isfinite(number) or not 0 < number < inf:
        raise ValueError(f"has the figure {number}, where one above 0 is expected")
    return number
