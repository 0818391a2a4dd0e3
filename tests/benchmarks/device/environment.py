"""Section `machine`: versions, devices, memory; what torch sees beside what JAX sees."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.benchmarks import machine
from tests.benchmarks.device.task import Row, Task

ROOT = Path(__file__).parents[3]
LIBRARIES = ("qjax-bridge", "numpy", "qiskit", "torch", "jaxtyping", "scipy", "tensorcircuit-ng")
FAMILIES = ("jax", "nvidia-", "triton")
"""Beginnings of the names of what JAX and torch bring for CUDA."""


def run(task: Task) -> None:
    task.check("host", lambda: machine.description() | {"driver": _driver()})
    task.check("versions", _versions)
    task.check("commit", _commit)
    task.check("jax", _jax)
    task.check("torch", _torch)
    task.check("GPUs", _gpus)
    task.check("qjax", _qjax)


def _versions() -> Row:
    """Of what is installed, by the names of distributions."""
    found = {}
    for distribution in importlib.metadata.distributions():
        name = (distribution.metadata["Name"] or "").lower()
        if name in LIBRARIES or name.startswith(FAMILIES):
            found[name] = distribution.version
    return dict(sorted(found.items()))


def _driver() -> str | None:
    return _said("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")


def _commit() -> Row:
    """None for files that are no checkout."""
    status = _said("git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no")
    commit = _said("git", "-C", str(ROOT), "rev-parse", "HEAD")
    return {"commit": commit, "changed": None if commit is None else bool(status)}


def _said(program: str, *arguments: str) -> str | None:
    """What a program prints; None where it is not there, or fails."""
    path = shutil.which(program)
    if path is None:
        return None
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def _jax() -> Row:
    import jax  # noqa: PLC0415 - where it fails, the other rows are still told

    return {
        "version": jax.__version__,
        "backend": jax.default_backend(),
        "devices": [
            {
                "id": device.id,
                "platform": device.platform,
                "kind": device.device_kind,
                "memory": device.memory_stats(),
            }
            for device in jax.devices()
        ],
    }


def _torch() -> Row:
    import torch  # noqa: PLC0415 - the same

    found: dict[str, Any] = {
        "version": torch.__version__,
        "cuda": torch.version.cuda,
        "is_available": torch.cuda.is_available(),
    }
    devices = range(torch.cuda.device_count() if found["is_available"] else 0)
    return found | {
        "devices": [torch.cuda.get_device_name(device) for device in devices],
        "memory": [torch.cuda.mem_get_info(device) for device in devices],
    }


def _gpus() -> Row:
    """Whether torch and JAX both have one, or neither; if not, the bridge is checked on the CPU."""
    import jax  # noqa: PLC0415 - the same
    import torch  # noqa: PLC0415 - the same

    found = {"jax": jax.default_backend() == "gpu", "torch": torch.cuda.is_available()}
    return found | {"alike": len(set(found.values())) == 1}


def _qjax() -> Row:
    import qjax  # noqa: PLC0415 - the same

    return {"engine": qjax.engine(), "folder_is_checkout": Path(qjax.__file__).is_relative_to(ROOT)}
