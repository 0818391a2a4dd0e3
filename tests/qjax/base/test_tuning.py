"""What is decided by the backend is decided in one place."""

from __future__ import annotations

import re
from pathlib import Path

import jax
import numpy as np
import pytest
from qiskit.circuit.library import real_amplitudes

import qjax
from qjax._base import memory, tuning

CIRCUIT = real_amplitudes(12, reps=1)
ANGLES = np.zeros((64, CIRCUIT.num_parameters), np.float32)


@pytest.mark.parametrize(
    ("platform", "expected"), [("cpu", tuning.CPU), ("gpu", tuning.ACCELERATOR)]
)
def test_every_platform_has_a_backend(platform: str, expected: tuning.Backend) -> None:
    assert tuning.of_backend(platform) is expected


def program() -> str:
    """Of samples that share no parameter, whose states leave the cache of a CPU together."""
    return str(jax.make_jaxpr(jax.vmap(lambda p: qjax.expectation(CIRCUIT, "Z" * 12, p)))(ANGLES))


def test_a_backend_decides_how_samples_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """One by one on a CPU, all together elsewhere; and more of them in one pass."""
    device = jax.devices("cpu")[0]
    assert "scan" in program()
    few = memory.samples_per_pass(1 << 10, device)
    monkeypatch.setattr(tuning, "CPU", tuning.ACCELERATOR)
    jax.clear_caches()
    assert "scan" not in program()
    assert memory.samples_per_pass(1 << 10, device) > few


def test_whoever_asks_for_the_backend_asks_here() -> None:
    """An engineer who brings a backend opens one file."""
    for path in Path(qjax.__file__).parent.rglob("*.py"):
        asked = re.findall(
            r"(\w*\(?)(?:jax\.default_backend\(\)|device\.platform)", path.read_text()
        )
        assert set(asked) <= {"of_backend("}, path
