"""Floor 7. Figures -> the table that `print(qjax.resources(circuit))` shows."""

from typing import TYPE_CHECKING

from qjax._base.arrays import counted
from qjax._resources.machine import COMMAND

if TYPE_CHECKING:
    from qjax._resources.resources import Resources


def described(found: "Resources") -> str:
    """The table."""
    rows = [
        ("memory of a value", _bytes(found.value_bytes)),
        *((_gradient(found, mode), _bytes(size)) for mode, size in found.gradient_bytes.items()),
        ("of a Hessian", _bytes(found.hessian_bytes)),
        ("operations of a value", _scaled(found.flops, "flop")),
        ("of a gradient", _scaled(found.gradient_flops, "flop")),
        ("passes over the state", str(found.passes)),
    ]
    if found.devices > 1:
        rows += [
            ("exchanges of a value", str(found.exchanges)),
            ("sent for a value", _bytes(found.bytes_exchanged)),
            ("for a gradient", _bytes(found.gradient_bytes_exchanged)),
        ]
    rows += [
        ("time of a value", _time(found.value_seconds)),
        ("of a gradient", _time(found.gradient_seconds)),
    ]
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name:{width}}  {figure:>10}" for name, figure in rows]
    return "\n".join([_title(found), *lines, *_notes(found)])


def _title(found: "Resources") -> str:
    records = f", {found.num_records} of them for records" if found.num_records else ""
    samples = f", {found.batch} samples" if found.batch > 1 else ""
    how = {"native": "state vector, native engine", "xla": "state vector, XLA"}
    method = how.get(found.simulator, found.simulator)
    return (
        f"{counted(found.num_qubits, 'qubit')}{records}, {found.dtype}{samples}: {method}, "
        f"{_devices(found)}"
    )


def _devices(found: "Resources") -> str:
    if found.devices == 1:
        return "1 device"
    if found.devices == found.devices_used:
        return f"{found.devices} devices; figures are of each"
    return (
        f"{found.devices_used} of {found.devices} devices, as states are cut into a power of two "
        f"parts; figures are of each"
    )


def _gradient(found: "Resources", mode: str) -> str:
    named = f", {mode}" if len(found.gradient_bytes) > 1 else ""
    return f"of a gradient{named}"


def _notes(found: "Resources") -> list[str]:
    notes = [
        "  of the whole state: what an observable of few qubits does not depend on is left out",
    ]
    where = "measured on this machine" if found.measured else "of a typical CPU"
    if not found.measured:
        where += f", not measured on this machine: run {COMMAND}"
    return [*notes, f"  times: {where}"]


def _bytes(number: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"):
        if number < 1024 or unit == "EiB":
            return f"{number:.3g} {unit}"
        number /= 1024
    raise AssertionError


def _scaled(number: float, unit: str) -> str:
    for prefix in ("", "k", "M", "G", "T", "P", "E"):
        if number < 1000 or prefix == "E":
            return f"{number:.3g} {prefix}{unit}"
        number /= 1000
    raise AssertionError


# Seconds of the units below each other.
_TIMES = ((1e-6, "us"), (1e-3, "ms"), (1.0, "s"), (60.0, "min"), (3600.0, "h"), (86400.0, "days"))


def _time(seconds: float) -> str:
    size, unit = next((pair for pair in reversed(_TIMES) if seconds >= pair[0]), _TIMES[0])
    return f"{seconds / size:.3g} {unit}"
