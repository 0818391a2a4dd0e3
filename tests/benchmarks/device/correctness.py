"""Section `correctness`: random circuits on the device beside Qiskit, in single and double."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np

import qjax
from tests.benchmarks.device.circuits import Answers, Case, answers, cases
from tests.benchmarks.device.task import Row, Task
from tests.benchmarks.machine import available_cores
from tests.circuits import error

TOLERANCES = {"single": 1e-5, "double": 1e-10}
"""Of the largest expected number, or of 1 where all are smaller."""

QUICK = 5, 5, 12
"""Circuits, qubits, gates."""

MOST_THREADS = 8


def run(task: Task) -> None:
    chosen = cases(*(QUICK if task.quick else ()))
    names = {item.operation.name for case in chosen for item in case.circuit.data}
    task.tell("kinds of operations", count=len(names))
    with ThreadPoolExecutor(min(MOST_THREADS, available_cores())) as pool:  # XLA's compiler is slow
        for case in chosen:
            pool.submit(task.check, case.name, lambda case=case: compared(case))


def compared(case: Case) -> Row:
    """The largest errors of one circuit, in both precisions."""
    expected, circuit = answers(case), qjax.from_qiskit(case.circuit)
    found: dict[str, Row] = {}
    for precision, tolerance in TOLERANCES.items():
        with jax.enable_x64(precision == "double"):
            errors = _errors(case, circuit, expected)
        found[precision] = errors | {"passed": max(errors.values()) <= tolerance}
    return {
        "qubits": case.circuit.num_qubits,
        "operations": len(case.circuit.data),
        "dynamic": case.is_dynamic,
        **found,
        "passed": all(each["passed"] for each in found.values()),
    }


def _errors(case: Case, circuit: qjax.Circuit, expected: Answers) -> dict[str, float]:
    params = jnp.asarray(case.values)
    values, probabilities, gradient = map(np.asarray, program(circuit, case)(params))
    return {
        "values": _error(values, expected.values),
        "probabilities": _error(probabilities, expected.probabilities),
        "gradients": _error(case.directions @ gradient, expected.slopes),
    }


def _error(found: np.ndarray, expected: np.ndarray) -> float:
    return error(found, expected) / max(1.0, float(np.abs(expected).max(initial=0.0)))


def program(
    circuit: qjax.Circuit, case: Case
) -> Callable[[jax.Array], tuple[jax.Array, jax.Array, jax.Array]]:
    """Parameters -> expectation values, probabilities, gradient of the sum of the values."""

    def total(params: jax.Array) -> tuple[jax.Array, jax.Array]:
        values = qjax.expectation(circuit, list(case.observables), params)
        return jnp.sum(values), values

    def everything(params: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        (_, values), gradient = jax.value_and_grad(total, has_aux=True)(params)
        return values, qjax.probabilities(circuit, params), gradient

    return jax.jit(everything)
