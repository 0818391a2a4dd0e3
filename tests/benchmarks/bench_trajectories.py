"""Noisy circuits run by run: values and gradients, beside TensorCircuit-NG's trajectories.

Run from the repository's root: python -m tests.benchmarks.bench_trajectories

Layers of RY on all qubits and a ring of CNOTs, with noise after each gate, and <ZZ> of two qubits
averaged over runs: depolarizing noise (a mixture of unitaries, drawn beforehand) or amplitude
damping (drawn from the state). Gradients are in all angles; ours also in the strength. Each
library runs in a process of its own, in single precision. TensorCircuit-NG is written as its
documentation has it: `unitary_kraus` and `general_kraus` with `status` under `vmap` and `jit`, all
runs at once; it gets fewer of them (`--few`), and its time is scaled by their number, in its favour
where memory would not hold all. Means are compared within their errors.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

STRENGTH = 0.01
LIBRARIES = ("qjax", "tensorcircuit")
BAR = 3.0

Call = Callable[[int], Any]


def angles(num_qubits: int, layers: int) -> np.ndarray:
    return np.linspace(0, 1, num_qubits * layers).astype(np.float32)


def ours(noise: str, what: str, num_qubits: int, layers: int, samples: int) -> Call:
    import jax  # noqa: PLC0415 - one library per process

    import qjax  # noqa: PLC0415
    from qjax import noise as channels  # noqa: PLC0415
    from qjax.operations import gate, parameter  # noqa: PLC0415

    ops = []
    for layer in range(layers):
        first = layer * num_qubits
        ops += [gate("ry", qubit, parameter(first + qubit)) for qubit in range(num_qubits)]
        ops += [gate("x", (q + 1) % num_qubits, controls=[q]) for q in range(num_qubits)]
    names = tuple(f"a{number:04}" for number in range(num_qubits * layers))
    circuit = qjax.Circuit(num_qubits, tuple(ops), names)
    simulator = qjax.simulators.Trajectories(samples)

    def value(params: Any, strength: Any, key: Any) -> Any:
        if noise == "depolarizing":
            one, two = channels.depolarizing(strength), channels.depolarizing(strength, 2)
        else:
            one = channels.amplitude_damping(strength)
            two = one.tensor(one)
        model = channels.NoiseModel().after("ry", one).after("cx", two)
        label = "I" * (num_qubits - 2) + "ZZ"
        found = qjax.estimate(circuit, label, params, key=key, simulator=simulator, noise=model)
        return found.values, found.errors

    function = jax.jit(
        value if what == "value" else jax.value_and_grad(value, (0, 1), has_aux=True)
    )
    point, strength = jax.numpy.asarray(angles(num_qubits, layers)), jax.numpy.float32(STRENGTH)

    def call(seed: int) -> tuple[float, float]:
        result = jax.block_until_ready(function(point, strength, jax.random.key(seed)))
        mean, error = result if what == "value" else result[0]
        return float(mean), float(error)

    return call


def tensorcircuit(noise: str, what: str, num_qubits: int, layers: int, samples: int) -> Call:
    import jax  # noqa: PLC0415
    import jax.numpy as jnp  # noqa: PLC0415
    import tensorcircuit as tc  # noqa: PLC0415

    tc.set_backend("jax")
    tc.set_dtype("complex64")
    x = np.array([[0, 1], [1, 0]])
    paulis = [np.eye(2), x, np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])]
    strings = {
        width: [
            jnp.asarray(_kron(letters), jnp.complex64) for letters in product(paulis, repeat=width)
        ]
        for width in (1, 2)
    }
    root = np.sqrt(STRENGTH)
    damping = [np.diag([1, np.sqrt(1 - STRENGTH)]), np.array([[0, root], [0, 0]])]
    damping = [jnp.asarray(operator, jnp.complex64) for operator in damping]

    def one_run(params: Any, status: Any) -> Any:
        circuit, drawn = tc.Circuit(num_qubits), iter(status)

        def noisy(*qubits: int) -> None:
            if noise == "depolarizing":
                operators = strings[len(qubits)]
                share = STRENGTH / len(operators)
                shares = [1 - (len(operators) - 1) * share] + [share] * (len(operators) - 1)
                circuit.unitary_kraus(operators, *qubits, prob=shares, status=next(drawn))
                return
            for qubit in qubits:
                circuit.general_kraus(damping, qubit, status=next(drawn))

        for layer in range(layers):
            for qubit in range(num_qubits):
                circuit.ry(qubit, theta=params[layer * num_qubits + qubit])
                noisy(qubit)
            for qubit in range(num_qubits):
                circuit.cx(qubit, (qubit + 1) % num_qubits)
                noisy(qubit, (qubit + 1) % num_qubits)
        return jnp.real(circuit.expectation_ps(z=[0, 1]))

    def value(params: Any, status: Any) -> Any:
        values = jax.vmap(one_run, (None, 0))(params, status)
        return values.mean(), values.std() / np.sqrt(samples - 1)

    function = jax.jit(value if what == "value" else jax.value_and_grad(value, has_aux=True))
    point = jnp.asarray(angles(num_qubits, layers))
    places = (2 if noise == "depolarizing" else 3) * num_qubits * layers

    def call(seed: int) -> tuple[float, float]:
        status = jax.random.uniform(jax.random.key(seed), (samples, places))
        result = jax.block_until_ready(function(point, status))
        mean, error = result if what == "value" else result[0]
        return float(mean), float(error)

    return call


def _kron(matrices: tuple[np.ndarray, ...]) -> np.ndarray:
    result = np.eye(1)
    for matrix in matrices:
        result = np.kron(result, matrix)
    return result


MAKERS = {"qjax": ours, "tensorcircuit": tensorcircuit}


def measure(library: str, arguments: list[str]) -> None:
    noise, what, *sizes = arguments
    start = time.perf_counter()
    call = MAKERS[library](noise, what, *map(int, sizes))
    call(0)
    first = time.perf_counter() - start
    seconds = []
    for seed in range(1, 4):
        start = time.perf_counter()
        mean, error = call(seed)
        seconds.append(time.perf_counter() - start)
    say(json.dumps({"first": first, "later": min(seconds), "mean": mean, "error": error}))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def in_a_process(library: str, arguments: list[str], limit: int) -> dict[str, float] | None:
    command = [sys.executable, "-m", __spec__.name, "--worker", library, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        say(done.stderr.strip().splitlines()[-1])
        return None
    result: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def compare(noise: str, what: str, layers: int, given: argparse.Namespace) -> None:
    found = {}
    for library in LIBRARIES:
        samples = given.samples if library == "qjax" else given.few
        sizes = [str(given.qubits), str(layers), str(samples)]
        result = in_a_process(library, [noise, what, *sizes], given.limit)
        if result is None:
            say(f"{noise:13} {what:9} {library:14} nothing within {given.limit} s")
            continue
        result["later"] *= given.samples / samples
        found[library] = result
        say(
            f"{noise:13} {what:9} {library:14} {given.qubits} qubits, {layers} layers, "
            f"{given.samples} runs: {result['later']:.2f} s (first call {result['first']:.1f} s)"
        )
    if len(found) == len(LIBRARIES):
        one, two = (found[library] for library in LIBRARIES)
        apart = abs(one["mean"] - two["mean"]) / np.hypot(one["error"], two["error"])
        ratio = two["later"] / one["later"]
        say(f"{'':13} {'':9} ratio {ratio:.1f} (bar {BAR:g}); means {apart:.1f} errors apart")


def main() -> None:
    if sys.argv[1:2] == ["--worker"]:
        measure(sys.argv[2], sys.argv[3:])
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--qubits", type=int, default=14)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--few", type=int, default=16, help="runs of TensorCircuit-NG")
    parser.add_argument("--limit", type=int, default=1200, help="seconds for one library")
    parser.add_argument("--noise", nargs="*", default=["depolarizing", "amplitude_damping"])
    given = parser.parse_args()
    for noise in given.noise:
        # The peer takes minutes to compile more layers with channels that look at the state.
        layers = 4 if noise == "depolarizing" else 1
        for what in ("value", "gradient"):
            compare(noise, what, layers, given)


if __name__ == "__main__":
    main()
