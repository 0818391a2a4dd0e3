"""The native engine on random circuits of every gate, against Qiskit: values, and slopes by steps.

Qiskit computes some of the samples. Every tenth circuit is compared with XLA's engine too, with all
of them. QJAX_RANDOM_CIRCUITS=1000 runs so many.
"""

import os
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Pauli, SparsePauliOp, Statevector

import qjax
from qjax._engine import Expectations, Task, run
from qjax._qiskit import as_observable
from qjax._simulators import StateVector
from qjax._simulators.native.library import why_missing
from tests.circuits import error, random_circuit
from tests.conftest import DOUBLE, SINGLE

pytestmark = pytest.mark.skipif(why_missing() is not None, reason=f"{why_missing()}")

COUNT = int(os.environ.get("QJAX_RANDOM_CIRCUITS", "24"))
BATCHES = (1, 3, 16, 33)


@pytest.mark.parametrize("seed", range(COUNT))
def test_values_and_slopes(seed: int) -> None:
    """Of a string of Z, which is read out by a kernel, and of two strings at once."""
    precision = (DOUBLE, SINGLE)[seed // 12 % 2]
    with jax.enable_x64(precision.x64):
        num_qubits, batch = 1 + seed % 12, BATCHES[seed // 3 % 4]
        rng = np.random.default_rng(seed)
        circuit = random_circuit(seed, num_qubits, 25, symbolic=True)
        count = circuit.num_parameters
        differs = rng.random(count) < (0, 0.5, 1)[seed % 3]
        values, along = (
            rng.uniform(-size, size, (count, batch)).astype(precision.real) for size in (3, 0.5)
        )
        for numbers in (values, along):
            numbers[~differs] = numbers[~differs, :1]
        labels = ["".join(rng.choice(list(letters), num_qubits)) for letters in ("IZ", "IXYZ")]
        labels = labels[: 1 + seed % 2]
        observables = tuple(as_observable(SparsePauliOp(label), num_qubits) for label in labels)
        per_sample = frozenset(np.flatnonzero(differs).tolist())
        task = Task(qjax.from_qiskit(circuit), per_sample, Expectations(observables))
        parts = tuple(map(jnp.asarray, (values[~differs, 0], values[differs])))
        directions = along[~differs, 0], along[differs]

        watched = sorted({0, batch // 2, batch - 1})
        weights = np.zeros((len(labels), batch), precision.real)
        weights[:, watched] = rng.uniform(0.5, 1, (len(labels), len(watched)))

        def outcome(simulator: StateVector) -> tuple[jax.Array, tuple[jax.Array, ...]]:
            chosen = Task(*_fields(task), simulator=simulator)
            result, pull_back = jax.vjp(lambda *given: run(chosen, *given), *parts)
            return result, pull_back(jnp.asarray(weights))

        result, slopes = outcome(StateVector("native"))
        start, way = values[:, watched].astype(float), along[:, watched]
        exact = _of_qiskit(circuit, start, labels)
        assert error(np.asarray(result)[:, watched], exact) < precision.tolerance

        def moved(s: float) -> float:
            of_moved = _of_qiskit(circuit, start + s * way, labels)
            return float((weights[:, watched] * of_moved).sum())

        slope = _slope(moved)
        ours = sum(
            float((np.asarray(s, float) * d).sum()) for s, d in zip(slopes, directions, strict=True)
        )
        size = 1 + np.abs(along).sum()  # slopes add up one number for each angle and sample
        assert abs(ours - slope) < (1e-6 if precision.x64 else 1e-4) * size
        if seed % 10 == 0:
            other, other_slopes = outcome(StateVector("xla"))
            assert error(result, other) < precision.tolerance
            for mine, theirs in zip(slopes, other_slopes, strict=True):
                limit = 50 * precision.tolerance * (1 + np.abs(theirs).max(initial=0))
                assert error(mine, theirs) < limit


def _slope(function: Callable[[float], float], step: float = 1e-3) -> float:
    """At 0, from four points around it: wrong in the fourth power of the step."""
    near, far = (function(s) - function(-s) for s in (step, 2 * step))
    return (8 * near - far) / (12 * step)


def _fields(task: Task) -> tuple:
    return task.circuit, task.batched, task.readout


def _of_qiskit(circuit: QuantumCircuit, values: np.ndarray, labels: list[str]) -> np.ndarray:
    """Expectation values, one row for each label; in double precision."""
    columns = np.asarray(values, float).T
    states = [Statevector(circuit.assign_parameters(column)) for column in columns]
    return np.array([[s.expectation_value(Pauli(label)).real for s in states] for label in labels])
