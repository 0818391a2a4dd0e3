"""Random circuits with noise against Aer: largest deviations, slopes, and p-values of counts.

Run from the repository's root, with Qiskit Aer: python -m tests.benchmarks.noisy_circuits

Circuits of 1 to 5 qubits and 30 gates, with channels of every kind after and before gates, and
misread bits; half of them also measure, reset and branch midway (`tests.noisy`, whose exact
outcomes are Aer's density matrices, or where Aer draws outcomes, all branches).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import chi2_contingency, kstest
from tqdm import tqdm

import qjax
from tests import noisy
from tests.circuits import double
from tests.qjax.noise_models import noise_model

DOUBLE, SINGLE, SLOPE = 1e-10, 1e-5, 1e-6
UNLIKELY = 1e-4
SHOTS = 4000


def cases(count: int) -> Iterator[tuple[int, bool, noisy.Case]]:
    """(seed, whether it is dynamic, case)."""
    for seed in range(count):
        dynamic = seed % 2 == 1
        yield seed, dynamic, noisy.random_case(1000 + seed, 1 + seed % 5, dynamic=dynamic)


def deviations(count: int) -> dict[str, float]:
    """The largest of density matrices and of probabilities, in each precision."""
    worst: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for seed, dynamic, case in tqdm(cases(count), total=count, desc="Density matrices"):
        if seed % 20 == 0:
            jax.clear_caches()  # a process may map memory so and so often, as each program does
        kinds.update(rule.channel.name for rule in case.rules)
        model = noise_model(case)
        expected = noisy.density_matrix(case) if dynamic else noisy.aer_density_matrix(case)
        read = noisy.misread(case, expected.diagonal().real)
        single = case.values.astype(np.float32)
        with double():
            state = qjax.density_matrix(case.circuit, case.values, noise=model)
            _note(worst, "density matrix, double", state, expected)
            if seed % 10 < 2:
                probabilities = qjax.probabilities(case.circuit, case.values, noise=model)
                _note(worst, "misread probabilities, double", probabilities, read)
        state = qjax.density_matrix(case.circuit, single, noise=model)
        _note(worst, "density matrix, single", state, expected)
    _say("Channels in models: " + ", ".join(f"{name} {n}" for name, n in sorted(kinds.items())))
    return dict(worst)


def _note(worst: Counter[str], name: str, found: jax.Array, expected: np.ndarray) -> None:
    worst[name] = max(worst[name], float(np.abs(np.asarray(found) - expected).max()))


def slope_deviations(count: int) -> dict[str, float]:
    """The largest of slopes in parameters and strengths from finite differences of Aer's values."""
    worst: Counter[str] = Counter()
    for seed in tqdm(range(count), desc="Slopes"):
        if seed % 5 == 0:
            jax.clear_caches()
        num_qubits, dynamic = 1 + seed % 3, seed % 2 == 1
        case = noisy.random_case(2000 + seed, num_qubits, dynamic=dynamic)
        labels = ["Z" * num_qubits, "XYZ"[:num_qubits]]

        def ours(values: jax.Array, strengths: jax.Array, case=case, labels=labels) -> jax.Array:
            model = noise_model(case, strengths)
            return qjax.expectation(case.circuit, labels, values, noise=model).sum()

        def theirs(values: np.ndarray, strengths: np.ndarray, case=case, labels=labels) -> float:
            moved = case.at(values, strengths)
            return sum(noisy.expectation(moved, label) for label in labels)

        numbers = case.values, case.strengths
        with double():
            slopes = jax.grad(ours, argnums=(0, 1))(*map(jnp.asarray, numbers))
        expected = noisy.slopes(theirs, *numbers)
        for name, *both in zip(("parameters", "strengths"), slopes, expected, strict=True):
            if len(both[1]):
                _note(worst, f"slopes in {name}, double", *both)
    return dict(worst)


def p_values(count: int) -> list[float]:
    """A table: chi-square of our counts against Aer's, and of each against exact probabilities."""
    _say(f"p-values of {SHOTS} shots\n{'circuit':>24}{'ours, Aer':>12}{'ours':>8}{'Aer':>8}")
    found = []
    for seed in range(count):
        num_qubits, dynamic = 1 + seed % 3, seed % 2 == 1
        case = noisy.random_case(3000 + seed, num_qubits, dynamic=dynamic)
        circuit, key = noisy.with_measurements(case), jax.random.key(seed)
        bits = qjax.sample(circuit, case.values, SHOTS, key, noise=noise_model(case))
        ours, aer = noisy.counted(np.asarray(bits)), noisy.aer_counts(case, SHOTS, seed)
        exact = SHOTS * noisy.distribution(case)
        row = [_of_two(ours, aer), noisy.p_value(ours, exact), noisy.p_value(aer, exact)]
        name = f"{num_qubits} qubits{', dynamic' if dynamic else ''}, {seed}"
        _say(f"{name:>24}{row[0]:12.3f}{row[1]:8.3f}{row[2]:8.3f}")
        found.append(row[0])
    _say(f"p-values of ours and Aer's are uniform: p = {kstest(found, 'uniform').pvalue:.3f}")
    return found


def _of_two(first: np.ndarray, second: np.ndarray) -> float:
    """Chi-square of two samples, where rare values are one class."""
    often = first + second >= 10
    table = [np.append(counts[often], counts[~often].sum()) for counts in (first, second)]
    columns = np.array(table)[:, np.sum(table, 0) > 0]
    return float(chi2_contingency(columns).pvalue) if columns.shape[1] > 1 else 1.0


def _too_large(worst: dict[str, float]) -> bool:
    """A line for each deviation; whether one is beyond its limit."""
    limits = {"double": DOUBLE, "single": SINGLE}
    failed = False
    for name, deviation in worst.items():
        limit = SLOPE if "slopes" in name else limits[name.rpartition(" ")[2]]
        failed |= not deviation < limit
        _say(f"{name:32} {deviation:.1e} (expected less than {limit:g})")
    return failed


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--circuits", type=int, default=200, help="compared exactly")
    parser.add_argument("--slopes", type=int, default=20, help="circuits whose slopes are compared")
    parser.add_argument("--samples", type=int, default=30, help="circuits that are sampled")
    options = parser.parse_args()
    jax.config.update("jax_disable_most_optimizations", True)  # each program runs once
    start = time.process_time()
    failed = _too_large(deviations(options.circuits))
    failed |= _too_large(slope_deviations(options.slopes))
    if options.samples:
        failed |= min(p_values(options.samples)) < UNLIKELY
    _say(f"{time.process_time() - start:.0f} CPU seconds")
    if failed:
        raise SystemExit("a deviation is too large, or counts are unlikely")


if __name__ == "__main__":
    main()
