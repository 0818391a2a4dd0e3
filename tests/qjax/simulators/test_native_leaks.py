"""A call of the kernels gives back all the memory that it took."""

import gc
import os
from pathlib import Path

import jax
import numpy as np
import pytest
from qiskit.circuit.library import real_amplitudes

import qjax
from qjax._simulators.native.library import why_missing

MEMORY = Path("/proc/self/statm")

pytestmark = [
    pytest.mark.skipif(why_missing() is not None, reason=f"{why_missing()}"),
    pytest.mark.skipif(
        not MEMORY.exists(), reason="what a process holds is read as Linux tells it"
    ),
]


def held_memory() -> int:
    """Bytes of memory of this process."""
    gc.collect()
    return int(MEMORY.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("batch", [1, 3])
def test_100_000_calls_leave_nothing(batch: int) -> None:
    """Half a kilobyte, a state of 6 qubits, that a call kept would be 25 megabytes."""
    circuit = qjax.from_qiskit(real_amplitudes(6, reps=1))

    def energy(params: jax.Array) -> jax.Array:
        values = jax.vmap(lambda sample: qjax.expectation(circuit, ["ZZIIII", "XIIIIZ"], sample))
        return (values(params) ** 2).sum()

    slopes = jax.jit(jax.value_and_grad(energy))
    params = np.zeros((batch, circuit.num_params), np.float32)
    for k in range(1000):
        jax.block_until_ready(slopes(params + k))
    before = held_memory()
    for k in range(50_000):
        jax.block_until_ready(slopes(params + k * 1e-4))
    assert held_memory() - before < 2**22
