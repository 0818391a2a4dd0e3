"""What a core of the machine can do at most: multiply-adds, and reading and writing memory.

Measured by `rates.c` where there is a C compiler, and by NumPy otherwise.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.machine import available_cores, gemm_rates

WORKING_SETS = {"512 KiB": 2**19, "8 MiB": 2**23, "256 MiB": 2**28}
"""Bytes that axpy goes through: of caches of the second and third level, and of none."""

COMPILER_FLAGS = ("-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC")
TRIES = 3
"""The best counts: others can only slow it down."""

Work = Callable[[int], float]
"""rounds -> flops or bytes."""


def measured_rates(seconds: float = 0.2) -> dict[str, Any]:
    """The rates of one core of this machine.

    Args:
        seconds: of each try, about.

    Returns:
        `source`: what measured; `fma`: float32 flops per second; `memory`: bytes per second of
        axpy, by working set.
    """
    with tempfile.TemporaryDirectory() as folder:
        library = _compiled(Path(folder))
        if library is None:
            return _rates_of_numpy(seconds)
        return {
            "source": "a compiled kernel",
            "fma": _best(_multiply_adds(library), seconds),
            "memory": {
                name: _best(_axpys(library, size), seconds) for name, size in WORKING_SETS.items()
            },
        }


def better(rates: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    """Of two measurements of the same machine, the larger of each rate."""
    if rates["source"] != others["source"]:
        return rates
    found = {}
    for name, value in rates.items():
        other = others[name]
        if isinstance(value, dict):
            found[name] = {key: max(value[key], other[key]) for key in value}
        else:
            found[name] = max(value, other)
    return found


def _compiled(folder: Path) -> ctypes.CDLL | None:
    """The kernels; None without a compiler that makes them."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        return None
    source, target = Path(__file__).with_name("rates.c"), folder / "rates.so"
    command = [compiler, *COMPILER_FLAGS, str(source), "-o", str(target)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        return None
    library = ctypes.CDLL(str(target))
    pointer = ctypes.POINTER(ctypes.c_float)
    library.multiply_adds.argtypes = (ctypes.c_long, pointer)
    library.axpys.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_float, pointer, pointer)
    library.multiply_adds.restype = library.axpys.restype = ctypes.c_double
    return library


def _multiply_adds(library: ctypes.CDLL) -> Work:
    numbers = (ctypes.c_float * 2)(0.999, 0.001)  # sums stay near 1
    return lambda rounds: library.multiply_adds(1000 * rounds, numbers)


def _axpys(library: ctypes.CDLL, num_bytes: int) -> Work:
    size = num_bytes // 8
    x, y = np.ones(size, np.float32), np.ones(size, np.float32)
    pointer = ctypes.POINTER(ctypes.c_float)
    return lambda rounds: library.axpys(
        rounds, size, 1e-9, x.ctypes.data_as(pointer), y.ctypes.data_as(pointer)
    )


def _best(work: Work, seconds: float) -> float:
    """Work per second of CPU time, which other processes take nothing of."""
    rounds, start = 1, time.thread_time()
    while work(rounds) and time.thread_time() - start < seconds / 4:
        rounds *= 2
    rates = []
    for _ in range(TRIES):
        start = time.thread_time()
        rates.append(work(rounds) / (time.thread_time() - start))
    return max(rates)


def _rates_of_numpy(seconds: float) -> dict[str, Any]:
    """Its best matrix product, shared out among the cores, and its addition in place."""
    return {
        "source": "NumPy",
        "fma": max(gemm_rates(seconds).values()) / available_cores(),
        "memory": {name: _best(_additions(size), seconds) for name, size in WORKING_SETS.items()},
    }


def _additions(num_bytes: int) -> Work:
    x, y = (np.zeros(num_bytes // 8, np.float32) for _ in range(2))

    def work(rounds: int) -> float:
        for _ in range(rounds):
            np.add(y, x, out=y)
        return 3.0 * x.nbytes * rounds

    return work
