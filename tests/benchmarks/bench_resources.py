"""What `qjax.resources` says beside what is measured, for 12 workloads that it was not fitted to.

Run from the repository's root, after `python -m qjax.calibrate`:

    python -m tests.benchmarks.bench_resources

Each workload runs in a process of its own. Memory is XLA's account of the compiled program
(arguments, temporaries, results) and what the kernels keep, by glibc's account of the heap before
and after a call; the time is the median over a second of calls. `--one-core` pins everything to one
core, where the clock is the process's own: for a machine that others use. Calibrate on one core
then, too (`taskset -c 0 python -m qjax.calibrate`).
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.library import real_amplitudes, zz_feature_map
from qiskit.quantum_info import SparsePauliOp

import qjax
from qjax.simulators import DensityMatrix, StateVector

MEMORY_WITHIN, TIME_WITHIN = 1.2, 2.0
SECONDS, LEAST_CALLS = 1.0, 5
LARGE_PAGE = 2 << 20


def tfim(num_qubits: int, layers: int) -> QuantumCircuit:
    circuit = QuantumCircuit(num_qubits)
    circuit.h(range(num_qubits))
    for layer in range(layers):
        coupling, field = Parameter(f"a{layer:02}"), Parameter(f"b{layer:02}")
        for qubit in range(num_qubits - 1):
            circuit.rzz(coupling, qubit, qubit + 1)
        for qubit in range(num_qubits):
            circuit.rx(field, qubit)
    return circuit


def energy(num_qubits: int) -> SparsePauliOp:
    links = [("ZZ", [qubit, qubit + 1], -1.0) for qubit in range(num_qubits - 1)]
    fields = [("X", [qubit], -1.0) for qubit in range(num_qubits)]
    return SparsePauliOp.from_sparse_list(links + fields, num_qubits)


def random_circuit(num_qubits: int, gates: int, seed: int = 7) -> QuantumCircuit:
    rng, circuit = np.random.default_rng(seed), QuantumCircuit(num_qubits)
    for number in range(gates):
        angle, kind = Parameter(f"t{number:04}"), int(rng.integers(6))
        first, second = (int(qubit) for qubit in rng.permutation(num_qubits)[:2])
        if kind < 3:
            getattr(circuit, ("rx", "ry", "rz")[kind])(angle, first)
        elif kind < 5:
            getattr(circuit, ("cx", "cz")[kind - 3])(first, second)
        else:
            circuit.rxx(angle, first, second)
    return circuit


def brickwork(num_qubits: int, layers: int) -> QuantumCircuit:
    """RX and RZ on each qubit, and CZ on neighbours, in turn."""
    circuit, angles = QuantumCircuit(num_qubits), ParameterVector("t", 2 * num_qubits * layers)
    left = iter(angles)
    for layer in range(layers):
        for qubit in range(num_qubits):
            circuit.rx(next(left), qubit)
            circuit.rz(next(left), qubit)
        for qubit in range(layer % 2, num_qubits - 1, 2):
            circuit.cz(qubit, qubit + 1)
    return circuit


def qaoa(num_qubits: int, rounds: int) -> QuantumCircuit:
    circuit = QuantumCircuit(num_qubits)
    circuit.h(range(num_qubits))
    for number in range(rounds):
        gamma, beta = Parameter(f"g{number}"), Parameter(f"h{number}")
        for first in range(num_qubits):
            for step in (1, 3):
                circuit.rzz(gamma, first, (first + step) % num_qubits)
        circuit.rx(beta, range(num_qubits))
    return circuit


def encoded(ansatz: QuantumCircuit) -> QuantumCircuit:
    circuit = QuantumCircuit(ansatz.num_qubits)
    for qubit, feature in enumerate(ParameterVector("x", ansatz.num_qubits)):
        circuit.ry(feature, qubit)
    return circuit.compose(ansatz)


@dataclass(frozen=True)
class Case:
    """A circuit, what is computed of it, and how.

    Attributes:
        inputs: where parameters named so differ per sample, of a network.
    """

    make: Callable[[], QuantumCircuit]
    mode: str = "value"
    dtype: str = "complex64"
    batch: int = 1
    simulator: Any = None
    observable: Callable[[int], Any] | None = None
    inputs: str = "x"


NATIVE, XLA = StateVector("native"), StateVector("xla")
CASES: dict[str, Case] = {
    "tfim n=11 energy": Case(lambda: tfim(11, 9), observable=energy, simulator=NATIVE),
    "tfim n=20 energy gradient": Case(
        lambda: tfim(20, 3), "gradient", observable=energy, simulator=NATIVE
    ),
    "random n=13 gradient double": Case(
        lambda: random_circuit(13, 100, seed=21), "gradient", dtype="complex128", simulator=NATIVE
    ),
    "random n=18": Case(lambda: random_circuit(18, 150, seed=13), simulator=NATIVE),
    "zz + real amplitudes n=7 B=200 gradient": Case(
        lambda: zz_feature_map(7).compose(real_amplitudes(7, reps=4)),
        "gradient",
        batch=200,
        simulator=NATIVE,
    ),
    "layered n=14 B=10 double": Case(
        lambda: encoded(real_amplitudes(14, reps=3, entanglement="circular")),
        dtype="complex128",
        batch=10,
        simulator=NATIVE,
    ),
    "qaoa n=16 gradient": Case(lambda: qaoa(16, 5), "gradient", simulator=NATIVE),
    "brickwork n=17 gradient": Case(lambda: brickwork(17, 5), "gradient", simulator=NATIVE),
    "xla: random n=15 adjoint": Case(
        lambda: random_circuit(15, 90, seed=11), "adjoint", simulator=XLA
    ),
    "xla: tfim n=16 backprop": Case(
        lambda: tfim(16, 6), "backprop", observable=energy, simulator=XLA
    ),
    "xla: layered n=10 B=64": Case(
        lambda: encoded(real_amplitudes(10, reps=3)), batch=64, simulator=XLA
    ),
    "density matrix: tfim n=6 gradient": Case(
        lambda: tfim(6, 5), "gradient", simulator=DensityMatrix()
    ),
}


def function_of(case: Case, circuit: QuantumCircuit) -> tuple[Callable[..., Any], list[np.ndarray]]:
    """The value, or value and gradient, and arguments for it."""
    count, real = circuit.num_qubits, np.float32 if case.dtype == "complex64" else np.float64
    observable = case.observable(count) if case.observable else ("XZY" * count)[:count]
    rng, way = np.random.default_rng(0), case.mode if case.mode in ("adjoint", "backprop") else None
    if case.batch > 1:
        inputs = [p for p in circuit.parameters if p.name.startswith(f"{case.inputs}[")]
        weights = [p for p in circuit.parameters if p not in set(inputs)]
        network = qjax.EstimatorQNN(
            circuit=circuit,
            observables=SparsePauliOp(observable),
            input_params=inputs,
            weight_params=weights,
            gradient=way,
            simulator=case.simulator,
        )
        shapes = [(len(weights),), (case.batch, len(inputs))]

        def value(w: jax.Array, x: jax.Array) -> jax.Array:
            return network.apply(w, x).sum()

    else:
        shapes = [(circuit.num_parameters,)]
        fixed = qjax.from_qiskit(circuit)

        def value(params: jax.Array) -> jax.Array:  # type: ignore[misc]
            return qjax.expectation(
                fixed, observable, params, gradient=way, simulator=case.simulator
            )

    arguments = [rng.uniform(-1, 1, shape).astype(real) for shape in shapes]
    return (value if case.mode == "value" else jax.value_and_grad(value)), arguments


def heap_in_use() -> int:
    """Bytes that all arenas of glibc's allocator, and what it maps, hold."""
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    with tempfile.NamedTemporaryFile() as file:
        stream = ctypes.c_void_p(libc.fopen(file.name.encode(), b"w"))
        libc.malloc_info(0, stream)
        libc.fclose(stream)
        text = file.read().decode()
    whole = text.rpartition("</heap>")[2]
    found = re.findall(r'<(?:total|system) type="(\w+)"[^>]* size="(\d+)"', whole)
    sizes = {kind: int(size) for kind, size in found}
    return sizes["current"] - sizes["fast"] - sizes["rest"] + sizes["mmap"]


def kept_by_kernels(program: Callable[..., Any], arguments: list[jax.Array]) -> int:
    """What threads of the kernels keep for the next call."""
    first = qjax.from_qiskit(tfim(2, 1))
    jax.block_until_ready(qjax.expectation(first, "ZZ", jnp.zeros(2, arguments[0].dtype)))
    time.sleep(0.3)
    before = heap_in_use()
    for _ in range(3):
        jax.block_until_ready(program(*arguments))
    time.sleep(0.3)  # what a program held is given back a little later
    kept = max(0, heap_in_use() - before)
    # Large pages are aligned: of what is mapped for that, one is never touched.
    return kept - LARGE_PAGE if kept >= 2 * LARGE_PAGE else kept


def measured(case: Case) -> dict[str, float]:
    """Bytes and seconds, and what was predicted of both."""
    circuit = case.make()
    with jax.enable_x64(case.dtype == "complex128"):
        function, given = function_of(case, circuit)
        arguments = [jnp.asarray(each) for each in given]
        program = jax.jit(function).lower(*arguments).compile()
        account = program.memory_analysis()
        kept = 0 if case.simulator == XLA else kept_by_kernels(program, arguments)
        by_xla = (
            account.temp_size_in_bytes
            + account.output_size_in_bytes
            + account.argument_size_in_bytes
        )
        seconds = median_seconds(program, arguments)
    way = case.mode if case.mode in ("adjoint", "backprop") else None
    predicted = qjax.resources(
        circuit, batch=case.batch, dtype=case.dtype, gradient=way, simulator=case.simulator
    )
    mode = predicted.gradient
    is_value = case.mode == "value"
    return {
        "bytes": by_xla + kept,
        "predicted bytes": predicted.value_bytes if is_value else predicted.gradient_bytes[mode],
        "seconds": seconds,
        "predicted seconds": predicted.value_seconds if is_value else predicted.gradient_seconds,
        "is measured": predicted.measured,
    }


def median_seconds(program: Callable[..., Any], arguments: list[jax.Array]) -> float:
    one_core = len(os.sched_getaffinity(0)) == 1
    clock = time.process_time if one_core else time.perf_counter
    times: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(times) < LEAST_CALLS or time.perf_counter() < end:
        start = clock()
        jax.block_until_ready(program(*arguments))
        times.append(clock() - start)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=list(CASES), help="this workload, as JSON")
    parser.add_argument("--one-core", action="store_true", help="on one core")
    options = parser.parse_args()
    if options.one_core:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if options.only:
        sys.stdout.write(json.dumps(measured(CASES[options.only])))
        return
    missed = [name for name in CASES if not _row(name)]
    sys.stdout.write(f"load {os.getloadavg()[0]:.1f}\n")
    if missed:
        raise SystemExit(f"missed by {len(missed)} of {len(CASES)}: {', '.join(missed)}")


def _row(name: str) -> bool:
    command = [sys.executable, "-m", "tests.benchmarks.bench_resources", "--only", name]
    found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    ratios = [found[f"predicted {what}"] / found[what] for what in ("bytes", "seconds")]
    holds = [
        1 / within <= ratio <= within
        for ratio, within in zip(ratios, (MEMORY_WITHIN, TIME_WITHIN), strict=True)
    ]
    memory, seconds = ("" if each else " missed" for each in holds)
    sys.stdout.write(
        f"{name:40} {found['predicted bytes'] / 2**20:9.3f} {found['bytes'] / 2**20:9.3f} MiB "
        f"{ratios[0]:5.2f}{memory:7}   {1e3 * found['predicted seconds']:9.3f} "
        f"{1e3 * found['seconds']:9.3f} ms {ratios[1]:5.2f}{seconds:7}"
        f"{'' if found['is measured'] else '  (typical machine)'}\n"
    )
    sys.stdout.flush()
    return all(holds)


if __name__ == "__main__":
    main()
