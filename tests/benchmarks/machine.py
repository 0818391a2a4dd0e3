"""The machine that measures: what it is, its matrix products, the memory of its processes."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

GEMM_SHAPES = ((1024, 1024, 1024), (32, 32, 32_768), (16, 16, 65_536))
"""(rows, inner, columns): a square product, and gates of five and four qubits on a wide batch."""


def description() -> dict[str, Any]:
    """Model, cores, memory, load, system, and GPUs where there are any."""
    return {
        "cpu": _cpu_model(),
        "cores": available_cores(),
        "memory_gib": round(total_memory() / 2**30, 1),
        "load": [round(load, 2) for load in os.getloadavg()],
        "gpus": _gpu_names(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def total_memory() -> int:
    """Bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def free_memory() -> int:
    """The bytes that programs can still take; all there are, where the system does not tell."""
    available = _field(Path("/proc/meminfo"), "MemAvailable")
    return total_memory() if available is None else available


def peak_memory() -> int:
    """The most bytes of memory that this process has held.

    `ru_maxrss` starts with what the parent held when it started this process, so Linux's own
    high-water mark of the address space comes first where there is one.
    """
    peak = _field(Path("/proc/self/status"), "VmHWM")
    if peak is not None:
        return peak
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def held_memory(pid: int) -> int | None:
    """The bytes that a process holds now; None where the system does not tell, or it has ended."""
    return _field(Path(f"/proc/{pid}/status"), "VmRSS")


def gemm_rates(seconds: float = 1.0) -> dict[str, float]:
    """NumPy's float32 matrix products: shape -> flops per second, a median."""
    rng = np.random.default_rng(0)
    rates = {}
    for rows, inner, columns in GEMM_SHAPES:
        left = rng.standard_normal((rows, inner), np.float32)
        right = rng.standard_normal((inner, columns), np.float32)
        out = np.empty((rows, columns), np.float32)
        times, end = [], time.perf_counter() + seconds
        while time.perf_counter() < end or len(times) < 3:
            start = time.perf_counter()
            np.matmul(left, right, out=out)
            times.append(time.perf_counter() - start)
        flops = 2 * rows * inner * columns
        rates[f"{rows}x{inner} @ {inner}x{columns}"] = flops / statistics.median(times)
    return rates


def _field(path: Path, field: str) -> int | None:
    """The bytes that a line of Linux's own says, in its unit of 1024; None without such a line."""
    try:
        lines = path.read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    for line in lines:
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    return None


def _gpu_names() -> list[str]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, "--query-gpu=name", "--format=csv,noheader"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except FileNotFoundError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
