"""Qiskit's primitives beside ours: many parameter sets and observables in one pub.

Run from the repository's root: python -m tests.benchmarks.bench_primitives

Every estimator is asked for B parameter sets of a layered ansatz times O observables, at once and
exactly, in a process that runs nothing else; the slow ones get fewer sets, and their time per set
is compared. All results are compared with `StatevectorEstimator`'s first. Aer is left out where
it is not installed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.primitives import BaseEstimatorV2, StatevectorEstimator
from qiskit.quantum_info import Pauli

OBSERVABLES = 10
SLOW = ("StatevectorEstimator", "QMLEstimator")
SIZES = (4, 8, 10, 12)
TOLERANCE = 1e-8


def ours() -> BaseEstimatorV2:
    from qjax.primitives import Estimator  # noqa: PLC0415 - one library per process

    return Estimator()


def aer() -> BaseEstimatorV2:
    from qiskit_aer.primitives import EstimatorV2  # noqa: PLC0415

    return EstimatorV2(options={"default_precision": 0.0})


def qiskit_ml() -> BaseEstimatorV2:
    from qiskit_machine_learning.primitives import QMLEstimator  # noqa: PLC0415

    return QMLEstimator()


ESTIMATORS: dict[str, Callable[[], BaseEstimatorV2]] = {
    "qjax": ours,
    "StatevectorEstimator": StatevectorEstimator,
    "Aer EstimatorV2": aer,
    "QMLEstimator": qiskit_ml,
}


def problem(num_qubits: int, sets: int) -> tuple[QuantumCircuit, list, np.ndarray]:
    """A circuit, observables `(O, 1)` and parameter sets `(B, params)`: the pub is `(O, B)`."""
    random = np.random.default_rng(num_qubits)
    circuit = efficient_su2(num_qubits, reps=2, entanglement="circular").decompose()
    letters = random.choice(list("IXYZ"), (OBSERVABLES, num_qubits))
    paulis = [[Pauli("".join(row))] for row in letters]
    return circuit, paulis, random.uniform(-3, 3, (sets, circuit.num_parameters))


def measure(name: str, num_qubits: int, sets: int, seconds: float) -> dict[str, float]:
    """Seconds of the first run and of a later one, with fresh parameters, and the largest error."""
    estimator = ESTIMATORS[name]()
    circuit, observables, values = problem(num_qubits, sets)
    start = time.perf_counter()
    found = estimator.run([(circuit, observables, values)]).result()[0].data.evs
    first = time.perf_counter() - start
    few = slice(0, 5)
    exact = StatevectorEstimator().run([(circuit, observables, values[few])]).result()[0].data.evs
    error = float(np.abs(found[:, few] - exact).max())
    times: list[float] = []
    while sum(times) < seconds or len(times) < 2:
        moved = values + len(times) + 1
        start = time.perf_counter()
        estimator.run([(circuit, observables, moved)]).result()
        times.append(time.perf_counter() - start)
    return {"first": first, "step": statistics.median(times) / sets, "error": error}


def in_process(name: str, num_qubits: int, sets: int, seconds: float) -> dict | None:
    """The same in a process of its own; None where the library is not installed."""
    arguments = [name, str(num_qubits), str(sets), str(seconds)]
    command = [sys.executable, "-m", "tests.benchmarks.bench_primitives", "--only", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "ModuleNotFoundError" in done.stderr:
        return None
    if done.returncode:
        raise RuntimeError(f"{name} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def show(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs=4, metavar=("NAME", "QUBITS", "SETS", "SECONDS"))
    parser.add_argument("--seconds", type=float, default=5, help="for each figure")
    parser.add_argument("--sets", type=int, default=1000, help="parameter sets")
    parser.add_argument("--few", type=int, default=50, help="parameter sets of the slow ones")
    arguments = parser.parse_args()
    if arguments.only:
        name, num_qubits, sets, seconds = arguments.only
        show(json.dumps(measure(name, int(num_qubits), int(sets), float(seconds))))
        return
    show(f"milliseconds per parameter set of {OBSERVABLES} observables (first run, seconds)")
    for num_qubits in SIZES:
        found = {
            name: in_process(
                name,
                num_qubits,
                arguments.few if name in SLOW else arguments.sets,
                arguments.seconds,
            )
            for name in ESTIMATORS
        }
        installed = {name: result for name, result in found.items() if result}
        for name, result in installed.items():
            if result["error"] > TOLERANCE:
                raise RuntimeError(f"{name} is wrong by {result['error']:.2g} at {num_qubits}")
        shown = ", ".join(
            f"{name} {1000 * result['step']:.4g} ({result['first']:.2g})"
            for name, result in installed.items()
        )
        best = min(result["step"] for name, result in installed.items() if name != "qjax")
        show(f"n={num_qubits}: {shown}; best over ours {best / found['qjax']['step']:.1f}")


if __name__ == "__main__":
    main()
