"""Floor 0. Refuse what cannot fit, before anything is allocated."""

import os

import jax
import numpy as np

from qjax._errors import CircuitTooLargeError


def check_fits(num_qubits: int, columns: int, dtype: np.dtype) -> None:
    """Require that the state before and after one step fit into memory together.

    Args:
        num_qubits: n.
        columns: how many statevectors are held at once (batch, or `2**n` for a unitary).
        dtype: complex64 or complex128.

    Raises:
        CircuitTooLargeError: says how much is needed and how much there is.
    """
    needed = 2 * columns * np.dtype(dtype).itemsize << num_qubits
    if needed <= 1 << 30:
        return
    total = _total_memory()
    if needed > total:
        raise CircuitTooLargeError(
            f"{columns} statevector(s) of {num_qubits} qubits in {np.dtype(dtype).name} need at "
            f"least {_size(needed)} of memory, before and after one step; this device has "
            f"{_size(total)}. Use fewer qubits, smaller batches or single precision"
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
