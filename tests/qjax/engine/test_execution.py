"""Tasks run in chunks, step after step, and in both precisions.

The sweep over random circuits runs as many as `QJAX_EXHAUSTIVE` says: `QJAX_EXHAUSTIVE=500 pytest
tests/qjax/engine/test_execution.py -k sweep`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit.quantum_info import SparsePauliOp

import qjax
from qjax._base import tuning
from qjax._engine.execution import execute
from qjax._engine.primitive import run
from qjax._engine.task import Expectations, Outcomes, Readout, States, Task
from qjax._qiskit.observables import as_observable
from tests.circuits import (
    DOUBLE_TOLERANCE,
    SINGLE_TOLERANCE,
    error,
    random_circuit,
    random_observable,
    state_of,
    value_of,
)
from tests.conftest import Precision
from tests.networks import slope
from tests.qjax.engine.tasks import CONVERTED, READOUTS, loss_of, network, network_values, points

# ---------------------------------------------------------------- steps of training


@pytest.mark.parametrize("name", READOUTS)
def test_a_batch_in_chunks(name: str, x64: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large batch runs in parts that fit the cache; here a part holds three states or four."""
    shared, batched = points(), points(11)[:, :2].T
    readout = READOUTS[name]
    task = Task(CONVERTED, frozenset({0, 1}), readout)

    def results(shared: np.ndarray, batched: np.ndarray) -> list[Any]:
        def loss(shared: Any, batched: Any) -> Any:
            return loss_of(readout, run(task, shared, batched))

        gradient = jax.jit(jax.grad(loss, argnums=(0, 1)))
        found = [run(task, shared, batched), gradient(shared, batched)]
        if name == "mixed":
            turned = jnp.stack([batched, 2 * batched])
            found.append(jax.jvp(gradient, (shared, batched), (jnp.sin(shared), batched)))
            found.append(jax.vmap(gradient, (None, 0))(shared, turned))
        return found

    arguments = shared[2:], batched
    whole = results(*arguments)
    small = replace(tuning.CPU, chunk_bytes=4 * 16 << CONVERTED.num_qubits)
    monkeypatch.setattr(tuning, "CPU", small)
    in_chunks = str(jax.make_jaxpr(lambda *a: execute(*a, task=task))(*arguments))
    assert "length=3" in in_chunks
    for left, right in zip(
        jax.tree.leaves(results(*arguments)), jax.tree.leaves(whole), strict=True
    ):
        np.testing.assert_allclose(left, right, rtol=0, atol=1e-12)


def test_new_weights_inputs_and_steps_compile_nothing(compilations: Any) -> None:
    qnn, _, _ = network()
    rng = np.random.default_rng(0)
    weights, *others = rng.uniform(-1, 1, (5, 4)).astype(np.float32)
    step = jax.jit(jax.value_and_grad(lambda w, x: (jax.vmap(qnn.apply, (None, 0))(w, x)).sum()))
    batches = rng.uniform(-1, 1, (5, 6, 2)).astype(np.float32)
    jax.block_until_ready(step(weights, batches[0]))
    eager = jax.vmap(lambda w: qnn.apply(w, batches[0]))
    jax.block_until_ready(eager(np.stack(others)))
    compilations.reset()
    for w, x in zip(others, batches, strict=False):
        jax.block_until_ready(step(w, x))
        jax.block_until_ready(eager(np.stack([w, *others[1:]])))
    assert compilations.count == 0


# ---------------------------------------------------------------- sweep


SWEEP = int(os.environ.get("QJAX_EXHAUSTIVE", "6"))


@pytest.mark.parametrize("seed", range(SWEEP))
def test_sweep_of_random_circuits(seed: int, precision: Precision) -> None:
    """Any gates under any controls, any parameters per sample; both gradients, in one program."""
    rng = np.random.default_rng(1000 + seed)
    num_qubits = 1 + seed % 8
    circuit = random_circuit(seed, num_qubits, int(rng.integers(1, 30)), symbolic=seed % 5 != 4)
    count = circuit.num_parameters
    chosen = rng.random(count) < rng.choice([0, 0.3, 1])
    per_sample = frozenset(np.flatnonzero(chosen).tolist())
    batch = int(rng.integers(1, 4))
    values = rng.uniform(-3, 3, (count, batch)).astype(precision.real)
    values[~chosen] = values[~chosen, :1]
    label = "".join(rng.choice(list("IZ"), num_qubits))
    observables = (random_observable(rng, num_qubits), SparsePauliOp(label))
    both = Expectations(tuple(as_observable(o, num_qubits) for o in observables))
    diagonal = Expectations(both.observables[1:])
    converted = qjax.from_qiskit(circuit)
    direction = rng.normal(size=values.shape).astype(precision.real) / max(count, 1)
    direction[~chosen] = direction[~chosen, :1]
    shared = np.flatnonzero(~chosen)

    def check(readout: Readout, qiskits: Callable[[np.ndarray], np.ndarray]) -> None:
        def split(v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return v[shared, 0], v[chosen]

        # In double, whatever the precision of the test.
        at, ahead = values.astype(float), direction.astype(float)
        cotangent = rng.normal(size=qiskits(at).shape)
        expected = slope(lambda t: (qiskits(at + t * ahead) * cotangent).sum().real)

        def program(*parts: Any) -> Any:
            found = []
            for gradient in ("backprop", "adjoint"):
                task = Task(converted, per_sample, readout, gradient)
                result, pull = jax.vjp(lambda *a, task=task: run(task, *a), *parts)
                found.append((result, pull(jnp.asarray(cotangent, result.dtype))))
            return found

        for result, cotangents in jax.jit(program)(*split(values)):
            assert result.dtype == (precision.complex if readout == States() else precision.real)
            assert error(result, qiskits(at)) < precision.tolerance
            along = sum((c * d).sum() for c, d in zip(cotangents, split(direction), strict=True))
            scale = 1 + np.abs(cotangent).sum()
            assert error(along, expected) < scale * max(precision.tolerance, 1e-9)

    def expectations(v: np.ndarray) -> np.ndarray:
        return np.array([[value_of(circuit, o, column) for column in v.T] for o in observables])

    def states(v: np.ndarray) -> np.ndarray:
        return np.stack([state_of(circuit, column) for column in v.T], axis=1)

    readouts: list[tuple[Readout, Callable[[np.ndarray], np.ndarray]]] = [
        (both, expectations),
        (diagonal, lambda v: expectations(v)[1:]),
        (States(), states),
        (Outcomes(), lambda v: np.abs(states(v)) ** 2),
    ]
    check(*readouts[seed // 2 % 4])


@pytest.mark.parametrize("order", ["single, double", "double, single"])
def test_gradients_in_both_precisions_of_one_process(order: str) -> None:
    """What was traced in one precision must not be taken for the other."""
    qnn, _, _ = network()
    weights, inputs = np.linspace(-1, 1, 4), np.linspace(-2, 2, 6).reshape(3, 2)
    expected = sum(network_values(weights, x).sum() for x in inputs)
    for kind in order.split(", "):
        dtype = np.float64 if kind == "double" else np.float32
        with jax.enable_x64(kind == "double"):
            step = jax.jit(jax.value_and_grad(lambda w, x: qnn.apply(w, x).sum()))
            value, gradient = step(weights.astype(dtype), inputs.astype(dtype))
        assert value.dtype == gradient.dtype == dtype
        assert error(value, expected) < (
            6 * (DOUBLE_TOLERANCE if kind == "double" else SINGLE_TOLERANCE)
        )
