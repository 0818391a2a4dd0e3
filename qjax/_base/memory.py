"""Floor 0. Refuse what cannot fit, before anything is allocated."""

import os
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from qjax._base import tuning
from qjax._base.errors import CircuitTooLargeError

# More than any machine holds: beyond, numbers of bytes are too long to compute with.
_MOST_QUBITS = 400
# More devices are no advice.
_MOST_DEVICES = 1 << 20


def check_states_fit(num_qubits: int, columns: int, dtype: np.dtype) -> None:
    """Require that the states before, within and after one pass fit into memory together.

    Args:
        num_qubits: n.
        columns: how many statevectors are held at once (batch, or `2**n` for a unitary).
        dtype: complex64 or complex128.

    Raises:
        CircuitTooLargeError: says how much is needed and how much there is.
    """
    remedies = ["fewer qubits", *["smaller batches"] * (columns > 1)]
    remedies += ["single precision"] * (np.dtype(dtype) == np.complex128)
    check_fits(
        bytes_of_states(num_qubits, 3 * columns * np.dtype(dtype).itemsize),
        f"{columns} statevector(s) of {num_qubits} qubits in {np.dtype(dtype).name}, three times "
        "in one pass,",
        " or ".join(filter(None, (", ".join(remedies[:-1]), remedies[-1]))),
        True,
    )


def bytes_of_states(num_qubits: int, bytes_of_one: int) -> int:
    """What `2**n` numbers take; of more qubits than any machine holds, as much as of those."""
    return bytes_of_one << min(num_qubits, _MOST_QUBITS)


def always_fits(num_bytes: float) -> bool:
    """Whether so little is asked for that nobody needs to look at the device."""
    return num_bytes <= tuning.ALWAYS_FITS


def check_fits(num_bytes: int, what: str, remedy: str, can_be_cut: bool = False) -> None:
    """Require that this many bytes fit into the memory of the default device.

    Args:
        num_bytes: how many.
        what: needs them.
        remedy: what to use instead.
        can_be_cut: whether several devices may each hold a part of it, as of pure states.

    Raises:
        CircuitTooLargeError: says how much `what` needs, how much there is, to use `remedy`, and
            how many devices would do.
    """
    if always_fits(num_bytes):
        return
    available = available_memory(jax.devices()[0])
    if num_bytes > available:
        raise CircuitTooLargeError(
            f"{what} need at least {_size(num_bytes)} of memory; {_size(available)} of this device "
            f"are available. Use {remedy}{_or_devices(num_bytes, available) if can_be_cut else ''}"
        )


def devices_that_hold(num_bytes: int, available: int) -> int | None:
    """How many devices hold equal parts of so many bytes: a power of two.

    None where they would be more than anybody has.
    """
    if available <= 0:
        return None
    needed = -(-num_bytes // available)
    count = 1 << (needed - 1).bit_length()
    return count if count <= _MOST_DEVICES else None


def _or_devices(num_bytes: int, available: int) -> str:
    count = devices_that_hold(num_bytes, available)
    if count is None:
        return ""
    return (
        f", or {count} devices with as much memory each, which hold a part of the state each: "
        "StateVector(sharding=qjax.StateSharding(mesh, state=...)) of qjax.simulators"
    )


def columns_that_fit(bytes_of_one: int) -> int:
    """How many columns of this size half of the free memory holds; at least 1."""
    return max(1, available_memory(jax.devices()[0]) // 2 // bytes_of_one)


def samples_per_pass(bytes_per_sample: int, device: jax.Device) -> int:
    """How many samples to compute at once: what is fast, in no more than half of the free memory.

    Args:
        bytes_per_sample: of the largest array, such as the statevector.
        device: where it is computed.

    Returns:
        a power of two, at least 1.
    """
    fast = tuning.of_backend(device.platform).pass_bytes
    budget = min(fast, available_memory(device) // 2 // tuning.PASS_COPIES)
    return 1 << max(1, budget // max(1, bytes_per_sample)).bit_length() - 1


def available_memory(device: jax.Device) -> int:
    """Bytes that can still be allocated on a device, by a conservative estimate."""
    statistics = device.memory_stats()
    if statistics and "bytes_limit" in statistics:
        return max(0, statistics["bytes_limit"] - statistics.get("bytes_in_use", 0))
    return min(_free_memory(), *map(_left_in_group, _CONTROL_GROUPS))


def _free_memory() -> int:
    """Linux tells what can be had without swapping; elsewhere, count on a quarter of it all."""
    report = Path("/proc/meminfo")
    if report.exists():
        for line in report.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4


class _ControlGroup(NamedTuple):
    """Where the kernel tells what a container may use and uses, and what of it are cached files."""

    limit: Path
    usage: Path
    statistics: Path
    reclaimable: str


_CONTROL_GROUPS = (
    _ControlGroup(  # version 2
        Path("/sys/fs/cgroup/memory.max"),
        Path("/sys/fs/cgroup/memory.current"),
        Path("/sys/fs/cgroup/memory.stat"),
        "inactive_file",
    ),
    _ControlGroup(  # version 1
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.stat"),
        "total_inactive_file",
    ),
)

# More than any machine has.
_UNLIMITED = 1 << 62


def _left_in_group(group: _ControlGroup) -> int:
    """What a container may still use: files that nobody reads are given up first."""
    limit = _limit_of(group)
    if limit == _UNLIMITED:
        return limit
    used = int(_text(group.usage) or 0)
    words = _text(group.statistics).split()
    statistics = dict(zip(words[::2], words[1::2], strict=False))
    return max(0, limit - used + min(used, int(statistics.get(group.reclaimable, 0))))


def _limit_of(group: _ControlGroup) -> int:
    text = _text(group.limit).strip()
    return min(int(text), _UNLIMITED) if text.isdigit() else _UNLIMITED


def _text(file: Path) -> str:
    """Empty where this kernel has no such file, or does not show it."""
    try:
        return file.read_text()
    except OSError:
        return ""


def total_memory() -> int:
    """Bytes that this process may use on the host."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(physical, *map(_limit_of, _CONTROL_GROUPS))


def _size(num_bytes: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if num_bytes < 1024:
            return f"{num_bytes:.3g} {unit}"
        num_bytes /= 1024
    return f"{num_bytes:.3g} EiB"
