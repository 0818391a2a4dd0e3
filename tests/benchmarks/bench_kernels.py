"""Gram matrices of the ZZ feature map's fidelity kernel, beside Qiskit ML's and PennyLane's.

Run from the repository's root: python -m tests.benchmarks.bench_kernels

Each library computes the matrix of the same points, numpy float64 in and out, in a process that
runs nothing else: a first call, with the making of the kernel, and later ones with other points.
Slow ones get fewer points (`--few`), and their time is scaled by the pairs that they compute, or in
favour of Qiskit ML, which does both, by the states. All matrices are compared with the states that
Qiskit computes. Libraries that are not installed are left out. `--large` measures 5,000 points on
8 qubits, and the memory of the whole process.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
from qiskit.circuit.library import zz_feature_map
from qiskit.quantum_info import Statevector

SIZES = (6, 10, 14)
WIDE = 12
TOLERANCE = 1e-10

Evaluate = Callable[[np.ndarray], np.ndarray]
Make = Callable[[int], Evaluate]


def ours() -> Make:
    from qjax.kernels import FidelityKernel  # noqa: PLC0415 - one library per process

    return lambda num_qubits: FidelityKernel(zz_feature_map(num_qubits)).evaluate


def qiskit_ml() -> Make:
    from qiskit_machine_learning.kernels import FidelityStatevectorKernel  # noqa: PLC0415

    return lambda num_qubits: (
        FidelityStatevectorKernel(feature_map=zz_feature_map(num_qubits)).evaluate
    )


def pennylane() -> Make:
    import pennylane as qml  # noqa: PLC0415

    return lambda num_qubits: pennylane_kernel(qml, num_qubits)


def pennylane_kernel(qml: Any, num_qubits: int) -> Evaluate:
    """As its documentation writes a kernel: one circuit for each pair of points."""

    def features(x: np.ndarray) -> None:
        for _ in range(2):
            for wire in range(num_qubits):
                qml.Hadamard(wire)
                qml.PhaseShift(2 * x[wire], wire)
            for pair in combinations(range(num_qubits), 2):
                qml.CNOT(pair)
                qml.PhaseShift(2 * math.prod(math.pi - x[wire] for wire in pair), pair[1])
                qml.CNOT(pair)

    @qml.qnode(qml.device("lightning.qubit", wires=num_qubits))
    def overlap(x: np.ndarray, y: np.ndarray) -> object:
        features(x)
        qml.adjoint(features)(y)
        return qml.probs(wires=range(num_qubits))

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return overlap(x, y)[0]

    return lambda points: np.asarray(
        qml.kernels.square_kernel_matrix(points, kernel, assume_normalized_kernel=True)
    )


KERNELS: dict[str, Callable[[], Make]] = {
    "qjax": ours,
    "FidelityStatevectorKernel": qiskit_ml,
    "PennyLane": pennylane,
}


def points_of(num_qubits: int, count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (count, num_qubits))


def exact(points: np.ndarray) -> np.ndarray:
    circuit = zz_feature_map(points.shape[1])
    states = np.array([Statevector(circuit.assign_parameters(row)).data for row in points])
    return np.abs(states.conj() @ states.T) ** 2


def measure(name: str, num_qubits: int, count: int, seconds: float) -> dict[str, float]:
    """Seconds of the first call and of a later one, the largest error, and memory in MB."""
    points = points_of(num_qubits, count, seed=0)
    make = KERNELS[name]()  # without the import
    start = time.perf_counter()
    evaluate = make(num_qubits)
    matrix = evaluate(points)
    first = time.perf_counter() - start
    few = slice(0, 10)
    error = float(np.abs(matrix[few, few] - exact(points[few])).max())
    times: list[float] = []
    while not times or (sum(times) < seconds and len(times) < 20):
        other = points_of(num_qubits, count, seed=1 + len(times))
        start = time.perf_counter()
        evaluate(other)
        times.append(time.perf_counter() - start)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"first": first, "later": statistics.median(times), "error": error, "memory": memory}


def in_process(name: str, num_qubits: int, count: int, seconds: float) -> dict | None:
    """The same in a process of its own; None where the library is not installed."""
    arguments = [name, str(num_qubits), str(count), str(seconds)]
    command = [sys.executable, "-m", "tests.benchmarks.bench_kernels", "--only", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "ModuleNotFoundError" in done.stderr:
        return None
    if done.returncode:
        raise RuntimeError(f"{name} failed:\n{done.stderr}")
    result = json.loads(done.stdout.splitlines()[-1])
    if result["error"] > TOLERANCE:
        raise RuntimeError(f"{name} is wrong by {result['error']:.2g} at {num_qubits} qubits")
    return result


def show(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def cost(name: str, points: int) -> float:
    """What a library's time grows with: pairs for PennyLane, at least states for Qiskit ML."""
    return points * (points - 1) if name == "PennyLane" else points


def compare(num_qubits: int, count: int, few: int, seconds: float) -> None:
    """One line: what each library takes, and how many times as long as ours."""
    mine = in_process("qjax", num_qubits, count, seconds)
    assert mine is not None
    shown = [f"qjax {mine['first']:.3g} {mine['later']:.3g}"]
    for name in ("FidelityStatevectorKernel", "PennyLane"):
        slow = name == "PennyLane" or num_qubits >= WIDE
        fewer = min(few, count) if slow else count
        found = in_process(name, num_qubits, fewer, 0)
        if found is not None:
            scale = cost(name, count) / cost(name, fewer)
            first, later = (scale * found[key] for key in ("first", "later"))
            shown.append(
                f"{name} {first:.3g} {later:.3g} ({first / mine['first']:.1f}, "
                f"{later / mine['later']:.1f} times ours)"
            )
    show(f"n={num_qubits}: " + "; ".join(shown))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs=4, metavar=("NAME", "QUBITS", "POINTS", "SECONDS"))
    parser.add_argument("--seconds", type=float, default=3, help="for each figure of ours")
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--few", type=int, default=12, help="points of slow libraries")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="qubits")
    parser.add_argument("--large", action="store_true", help="5,000 points on 8 qubits")
    arguments = parser.parse_args()
    if arguments.only:
        name, num_qubits, count, seconds = arguments.only
        show(json.dumps(measure(name, int(num_qubits), int(count), float(seconds))))
        return
    if arguments.large:
        found = in_process("qjax", 8, 5000, 0)
        assert found is not None
        show(
            f"5,000 points, n=8: {found['first']:.3g} s, later {found['later']:.3g} s, "
            f"{found['memory']:.0f} MB in the whole process"
        )
        return
    show(f"seconds of {arguments.points} points: first call, later ones")
    for num_qubits in arguments.sizes:
        compare(num_qubits, arguments.points, arguments.few, arguments.seconds)


if __name__ == "__main__":
    main()
