"""Every public function on two devices, beside itself on one: run by `test_mesh.py`.

A process of its own, because the number of devices is fixed when JAX starts. Prints one line of
JSON for each comparison: its name, the largest error, and how large it may be.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial

from tests.compiling import flags

os.environ["XLA_FLAGS"] = flags(8)

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P
from qiskit import QuantumCircuit
from qiskit.circuit.library import real_amplitudes, zz_feature_map
from qiskit.quantum_info import Operator, SparsePauliOp, Statevector

import qjax
from tests.circuits import SINGLE_TOLERANCE
from tests.qjax import data_parallel

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_disable_most_optimizations", True)

MESH = jax.make_mesh((2,), ("b",), devices=jax.devices()[:2])
ANSATZ = real_amplitudes(2, reps=1)
CIRCUIT = qjax.from_qiskit(ANSATZ)
RNG = np.random.default_rng(7)
ROWS = RNG.normal(size=(4, 4)).astype(np.float32)
WHOLE = RNG.normal(size=(4, 4))
DENSE = Operator(WHOLE + WHOLE.T)
LABELS = ["XX", "XY", "ZZ", "YI", "IY", "YZ", "ZX", "IX", "XI", "ZY", "IZ", "YY"]
STRINGS = SparsePauliOp(LABELS, np.arange(1, 13) / 9)
KEY = jax.random.key(3)
NOISE = qjax.noise.NoiseModel().after("ry", qjax.noise.depolarizing(0.1))


def on_mesh(array: np.ndarray, *spec: str | None) -> jax.Array:
    return jax.device_put(array, NamedSharding(MESH, P(*spec)))


def networks() -> tuple[qjax.EstimatorQNN, qjax.SamplerQNN]:
    features = zz_feature_map(2, reps=1)
    circuit = features.compose(ANSATZ)
    places = {"input_params": features.parameters, "weight_params": ANSATZ.parameters}
    estimator = qjax.EstimatorQNN(circuit=circuit, observables=STRINGS, **places)
    parity = {"interpret": lambda outcome: outcome.bit_count() % 2, "output_shape": 2}
    return estimator, qjax.SamplerQNN(circuit=circuit, **parity, **places)


def flipping() -> qjax.Circuit:
    """Always ends in 11: the outcome of the first qubit is random, and corrected."""
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((0, 0)):
        circuit.x(0)
    with circuit.for_loop(range(3)):
        circuit.x(1)
    circuit.measure(0, 0)
    circuit.measure(1, 1)
    return qjax.from_qiskit(circuit)


Function = Callable[[jax.Array], jax.Array]


def functions() -> dict[str, Function]:
    """Of one row of parameters."""
    matrix = np.array([[0, 1j], [1, 0]], np.complex64)
    return {
        "strings": lambda p: qjax.expectation(CIRCUIT, [STRINGS, STRINGS], p),
        "others": lambda p: qjax.expectation(CIRCUIT, ["0r", DENSE, "ZZ"], p),
        "adjoint": lambda p: qjax.expectation(CIRCUIT, "XZ", p, gradient="adjoint"),
        "state": lambda p: jnp.abs(qjax.statevector(CIRCUIT, p) + np.complex64(1 + 2j)),
        "probabilities": lambda p: qjax.probabilities(CIRCUIT, p, [1]),
        "unitary": lambda p: qjax.unitary(CIRCUIT, p).real,
        "gate": lambda p: qjax.apply_gate(jax.lax.complex(p, -p), jnp.asarray(matrix), [1]).imag,
        "information": lambda p: qjax.quantum_fisher_information(CIRCUIT, p),
    }


def draws() -> dict[str, Function]:
    """What has no derivatives."""
    corrected = flipping()
    return {
        "samples": lambda p: qjax.sample(CIRCUIT, p, 9, KEY).astype(np.float32),
        "noisy runs": lambda p: qjax.expectation(
            CIRCUIT, "ZX", p, noise=NOISE, simulator=qjax.simulators.Trajectories(5), key=KEY
        ),
        "noisy samples": lambda p: qjax.sample(CIRCUIT, p, 9, KEY, noise=NOISE).astype(np.float32),
        "runs": lambda p: (
            0 * p[0] + qjax.sample(corrected, (), 5, KEY, method="trajectories").astype(np.float32)
        ),
        "trajectories": lambda p: jnp.abs(qjax.trajectories(CIRCUIT, p, 3, KEY).states),
        "estimate": lambda p: qjax.estimate(CIRCUIT, ["ZZ", "XI"], p, 8, KEY).values,
    }


def gradient(function: Function) -> Function:
    return jax.grad(lambda p: jnp.sin(function(p)).sum())


def sharded(function: Callable, **options: bool) -> Callable:
    return jax.shard_map(function, mesh=MESH, in_specs=P("b"), out_specs=P("b"), **options)


def spread(function: Function) -> Iterator[tuple[str, jax.Array]]:
    """The function of all rows, in every way to spread them over two devices."""
    rows, all_rows = on_mesh(ROWS, "b"), jax.vmap(function)
    with jax.set_mesh(MESH):
        yield "explicit", all_rows(rows)
    yield "shard_map", jax.jit(sharded(all_rows))(rows)
    for name in "ij":  # the second must not meet what was traced for the first
        found = jax.pmap(all_rows, axis_name=name)(ROWS.reshape(2, 2, -1))
        yield f"pmap {name}", found.reshape(4, *found.shape[2:])


def over_weights() -> Iterator[tuple[str, jax.Array, jax.Array]]:
    """Networks: weights everywhere, samples on either device."""
    samples, weights = ROWS[:, :2], np.float32([0.4, -1.2, 2.2, 0.1])
    rows, own = on_mesh(samples, "b"), on_mesh(weights)
    specs = {"mesh": MESH, "in_specs": (P(), P("b")), "out_specs": P("b")}
    estimator, _ = both = networks()
    saved = qjax.load(qjax.export(estimator, batch_size=2))
    for network in (*both, saved):
        name = type(network).__name__
        values = np.asarray(network.apply(weights, samples))
        yield f"{name}, explicit", network.apply(own, rows), values
        apply = jax.shard_map(network.apply, **specs)
        yield f"{name}, shard_map", jax.jit(apply)(own, rows), values

        def loss(apply: Callable, w: jax.Array, x: jax.Array) -> jax.Array:
            return jnp.sin(apply(w, x)).sum()

        slopes = jax.grad(partial(loss, network.apply))(weights, samples)
        found = jax.jit(jax.grad(partial(loss, network.apply)))(own, rows)
        yield f"{name}, gradient, explicit", found, slopes
        if network is not saved:  # JAX's exported programs have no types that vary, backwards
            found = jax.jit(jax.grad(partial(loss, apply)))(own, rows)
            yield f"{name}, gradient, shard_map", found, slopes
    whole = on_mesh(np.stack([samples, samples]), None, "b")
    expected = np.stack([estimator.apply(weights, samples)] * 2)
    yield "two axes", estimator.apply(own, whole), expected
    expected = estimator.forward(samples, weights)
    with jax.set_mesh(MESH):
        yield "forward", estimator.forward(samples, weights), expected
        yield "evaluate", qjax.evaluate(estimator, weights, samples), expected


def known() -> Iterator[tuple[str, jax.Array, jax.Array]]:
    """Numbers that are not ours."""
    ones = np.ones((4, 27), np.float32)
    deep = real_amplitudes(3, reps=8)
    value = Statevector(deep.assign_parameters([1.0] * 27)).expectation_value(
        Operator.from_label("ZZZ")
    )
    found = jax.jit(sharded(jax.vmap(partial(qjax.expectation, deep, "ZZZ"))))(on_mesh(ones, "b"))
    yield "real_amplitudes", found, np.full(4, value.real)
    shallow = real_amplitudes(3, reps=1)
    slope = jax.vmap(jax.grad(partial(qjax.expectation, shallow, "ZZZ")))
    found = jax.jit(sharded(slope))(on_mesh(ones[:, :6], "b"))[:, :2]
    yield "its gradient", found, np.broadcast_to([-0.48144, 0.13926], (4, 2))


def comparisons() -> Iterator[tuple[str, jax.Array, jax.Array]]:
    yield from known()
    for name, function in (functions() | draws()).items():
        # First in parallel: what is traced there must serve on one device afterwards.
        found = list(spread(function))
        expected = np.stack([function(jnp.asarray(row)) for row in ROWS])
        yield from ((f"{name}, {way}", values, expected) for way, values in found)
    for name in ("strings", "adjoint", "state", "information"):
        function = functions()[name]
        slope = gradient(function)
        # Where nothing is jitted, some second derivatives are taken outside of the mesh.
        found = list(spread(jax.jit(slope) if name == "information" else slope))
        expected = np.stack([jax.jit(gradient(function))(row) for row in ROWS])
        yield from ((f"gradient of {name}, {way}", each, expected) for way, each in found)
    yield from over_weights()


def error_of(found: jax.Array, expected: jax.Array) -> float:
    if found.shape != expected.shape:
        return float("inf")
    return float(np.abs(np.asarray(found) - np.asarray(expected)).max())


def main() -> None:
    for name, found, expected in comparisons():
        line = name, error_of(found, expected), 10 * SINGLE_TOLERANCE
        sys.stdout.write(json.dumps(line) + "\n")
    for line in data_parallel.comparisons():
        sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    sys.exit(main())
