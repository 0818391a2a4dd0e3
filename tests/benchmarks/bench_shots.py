"""What shots cost: a training step of an estimator network with 1024 of them, beside the exact one.

python -m tests.benchmarks.bench_shots

The step is the value and gradient of a loss; gradients are exact in both. Steps of both kinds take
turns, so that what else the machine does touches both. Shots of parameter-shift gradients are shown
too: those run two further circuits for each angle and sample. They take turns with exact steps of
their own, as a step that runs for milliseconds leaves cold caches to the one behind it.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from qiskit import QuantumCircuit
from qiskit.circuit.library import real_amplitudes, z_feature_map

import qjax

NUM_QUBITS, LAYERS, BATCH, SHOTS, ROUNDS = 6, 4, 32, 1024, 200

OBSERVABLES = {
    "Z on all qubits": "Z" * NUM_QUBITS,
    "Z of each qubit": [
        "I" * (NUM_QUBITS - 1 - qubit) + "Z" + "I" * qubit for qubit in range(NUM_QUBITS)
    ],
}


def step_of(observables: object, **options: object) -> Callable[[jax.Array], object]:
    """A training step, of a key."""
    features, ansatz = z_feature_map(NUM_QUBITS, reps=1), real_amplitudes(NUM_QUBITS, reps=LAYERS)
    circuit = QuantumCircuit(NUM_QUBITS)
    circuit.compose(features, inplace=True)
    circuit.compose(ansatz, inplace=True)
    network = qjax.EstimatorQNN(
        circuit=circuit,
        observables=observables,
        input_params=features.parameters,
        weight_params=ansatz.parameters,
        **options,  # type: ignore[arg-type]
    )
    weights = network.init(jax.random.key(0))
    inputs = jax.random.uniform(jax.random.key(1), (BATCH, NUM_QUBITS))

    def loss(weights: jax.Array, key: jax.Array) -> jax.Array:
        keys = {"key": key} if network.needs_key else {}
        return jnp.mean(network.apply(weights, inputs, **keys) ** 2)

    compiled = jax.jit(jax.value_and_grad(loss))
    return lambda key: jax.block_until_ready(compiled(weights, key))


def medians(steps: Sequence[Callable[[jax.Array], object]], rounds: int) -> list[float]:
    """Seconds of each step, all of them taking turns."""
    seconds: list[list[float]] = [[] for _ in steps]
    for key in jax.random.split(jax.random.key(2), rounds):
        for step, own in zip(steps, seconds, strict=True):
            start = time.perf_counter()
            step(key)
            own.append(time.perf_counter() - start)
    return [statistics.median(own[len(own) // 10 :]) for own in seconds]


def main() -> None:
    """Print a table."""
    head = f"n={NUM_QUBITS} L={LAYERS} B={BATCH}, {SHOTS} shots, {qjax.engine()}"
    sys.stdout.write(f"{head}\n")
    for name, observables in OBSERVABLES.items():
        plain = step_of(observables)
        exact, sampled = medians(
            [plain, step_of(observables, shots=SHOTS, gradient="exact")], ROUNDS
        )
        beside, shifted = medians([plain, step_of(observables, shots=SHOTS)], ROUNDS)
        sys.stdout.write(
            f"{name}: exact {exact * 1e6:.0f} us, shots {sampled * 1e6:.0f} us "
            f"({sampled / exact:.2f} times), parameter shift {shifted * 1e3:.1f} ms "
            f"({shifted / beside:.0f} times)\n"
        )


if __name__ == "__main__":
    main()
