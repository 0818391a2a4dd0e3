"""Floor 0. Refuse what cannot fit, before anything is allocated."""

import os

import jax
import numpy as np

from qjax._errors import CircuitTooLargeError

# How many circuits each function keeps compiled: a program takes a few megabytes.
CACHED_PROGRAMS = 512

# Smaller requests are not worth asking the device for its size.
ALWAYS_FITS = 1 << 30


def check_states_fit(num_qubits: int, columns: int, dtype: np.dtype) -> None:
    """Require that the states before and after one step fit into memory together.

    Args:
        num_qubits: n.
        columns: how many statevectors are held at once (batch, or `2**n` for a unitary).
        dtype: complex64 or complex128.

    Raises:
        CircuitTooLargeError: says how much is needed and how much there is.
    """
    check_fits(
        2 * columns * np.dtype(dtype).itemsize << num_qubits,
        f"{columns} statevector(s) of {num_qubits} qubits in {np.dtype(dtype).name}, before and "
        "after one step,",
        "fewer qubits, smaller batches or single precision",
    )


def check_fits(num_bytes: int, what: str, remedy: str) -> None:
    """Require that this many bytes fit into the memory of the default device.

    Raises:
        CircuitTooLargeError: says how much `what` needs, how much there is, and to use `remedy`.
    """
    if num_bytes <= ALWAYS_FITS:
        return
    total = _total_memory()
    if num_bytes > total:
        raise CircuitTooLargeError(
            f"{what} need at least {_size(num_bytes)} of memory; this device has {_size(total)}. "
            f"Use {remedy}"
        )


def _total_memory() -> int:
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
