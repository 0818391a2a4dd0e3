"""Floor 0. Refuse what cannot fit, before anything is allocated."""

import os
from pathlib import Path

import jax
import numpy as np

from qjax._errors import CircuitTooLargeError

# Smaller requests are not worth asking the device for its size.
ALWAYS_FITS = 1 << 30

# How many bytes of states one pass over many samples should hold. Measured on 2 CPU cores for 2 to
# 12 qubits: 2 to 8 MiB are fastest, less pays overhead per call, more leaves the caches.
_PASS_ON_CPU = 4 << 20
# An accelerator has thousands of cores to fill. Estimated, not measured.
_PASS_ON_ACCELERATOR = 256 << 20

# Memory that one pass takes, in multiples of its states: before, after, and temporaries.
_COPIES = 4


def check_states_fit(num_qubits: int, columns: int, dtype: np.dtype) -> None:
    """Require that the states before, within and after one pass fit into memory together.

    Args:
        num_qubits: n.
        columns: how many statevectors are held at once (batch, or `2**n` for a unitary).
        dtype: complex64 or complex128.

    Raises:
        CircuitTooLargeError: says how much is needed and how much there is.
    """
    check_fits(
        3 * columns * np.dtype(dtype).itemsize << num_qubits,
        f"{columns} statevector(s) of {num_qubits} qubits in {np.dtype(dtype).name}, three times "
        "in one pass,",
        "fewer qubits, smaller batches or single precision",
    )


def check_fits(num_bytes: int, what: str, remedy: str) -> None:
    """Require that this many bytes fit into the memory of the default device.

    Raises:
        CircuitTooLargeError: says how much `what` needs, how much there is, and to use `remedy`.
    """
    if num_bytes <= ALWAYS_FITS:
        return
    total = total_memory()
    if num_bytes > total:
        raise CircuitTooLargeError(
            f"{what} need at least {_size(num_bytes)} of memory; this device has {_size(total)}. "
            f"Use {remedy}"
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
    fast = _PASS_ON_CPU if device.platform == "cpu" else _PASS_ON_ACCELERATOR
    budget = min(fast, available_memory(device) // 2 // _COPIES)
    return 1 << max(1, budget // max(1, bytes_per_sample)).bit_length() - 1


def available_memory(device: jax.Device) -> int:
    """Bytes that can still be allocated on a device, by a conservative estimate."""
    statistics = device.memory_stats()
    if statistics and "bytes_limit" in statistics:
        return max(0, statistics["bytes_limit"] - statistics.get("bytes_in_use", 0))
    return min(_free_memory(), _container_limit())


def _free_memory() -> int:
    """Linux tells what can be had without swapping; elsewhere, count on a quarter of it all."""
    report = Path("/proc/meminfo")
    if report.exists():
        for line in report.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4


def _container_limit() -> int:
    """The limit of this container (control groups, version 2), or more than any machine has."""
    file = Path("/sys/fs/cgroup/memory.max")
    text = file.read_text().strip() if file.exists() else "max"
    return int(text) if text.isdigit() else 1 << 62


def total_memory() -> int:
    """Bytes of the default device."""
    statistics = jax.devices()[0].memory_stats()
    if statistics and "bytes_limit" in statistics:
        return statistics["bytes_limit"]
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _size(num_bytes: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if num_bytes < 1024:
            return f"{num_bytes:.3g} {unit}"
        num_bytes /= 1024
    return f"{num_bytes:.3g} EiB"
