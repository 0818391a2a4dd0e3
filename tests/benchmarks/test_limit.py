"""Which gates the limit counts, and the rates that it is divided by."""

from __future__ import annotations

import pytest

from tests.benchmarks import machine, rates
from tests.benchmarks.limit import flops_of
from tests.benchmarks.workloads import WEIGHT, Angle, Op, Workload, layered, tfim

ANGLE = Angle(WEIGHT, (0,))


def flops_per_amplitude(*ops: tuple[str, tuple[int, ...]]) -> float:
    gates = tuple(
        Op(gate, qubits, ANGLE if gate.startswith("r") or gate == "p" else None)
        for gate, qubits in ops
    )
    return flops_of(Workload("w", "w", 3, 5, gates)) / (8 * 5)


@pytest.mark.parametrize(
    ("ops", "flops"),
    [
        ([("ry", (0,)), ("rz", (0,)), ("h", (0,))], 0),  # a product state
        ([("cx", (0, 1)), ("ry", (0,))], 28),
        ([("cx", (0, 1)), ("ry", (0,)), ("rz", (0,)), ("rx", (0,))], 28),  # one rotation
        ([("cx", (0, 1)), ("ry", (0,)), ("ry", (1,)), ("ry", (2,))], 56),  # 2 is untouched
        ([("cx", (0, 1)), ("h", (0,))], 24),  # without a derivative
        ([("cx", (0, 1)), ("rz", (0,)), ("rzz", (0, 1)), ("x", (0,)), ("p", (1,))], 0),
        ([("rxx", (0, 1)), ("rxx", (0, 1))], 56),
        ([("cz", (0, 1)), ("ry", (0,)), ("cz", (1, 2)), ("ry", (0,))], 28),  # not separated
        ([("cz", (0, 1)), ("ry", (0,)), ("swap", (0, 2)), ("ry", (2,)), ("ry", (0,))], 28),
    ],
)
def test_rotations_that_mix_amplitudes_count(
    ops: list[tuple[str, tuple[int, ...]]], flops: float
) -> None:
    assert flops_per_amplitude(*ops) == flops


def test_flops_of_layers() -> None:
    assert flops_of(layered(12, 4, 32)) == 28 * 36 * 2**12 * 32
    assert flops_of(tfim(14)) == 28 * 140 * 2**14


@pytest.mark.parametrize("compiler", ["cc", "none such"])
def test_rates_are_in_range(compiler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", compiler)
    monkeypatch.setattr(rates, "WORKING_SETS", {"512 KiB": 2**19})
    found = rates.measured_rates(seconds=0.01)
    assert 1e8 < found["fma"] < 1e13
    assert 1e8 < found["memory"]["512 KiB"] < 1e13
    if compiler == "none such":
        assert found["source"] == "NumPy"


def test_a_core_multiplies_as_fast_as_numpy_does() -> None:
    """A matrix product reaches most of the peak; the peak is no less."""
    found = rates.measured_rates(seconds=0.02)
    product = max(machine.gemm_rates(seconds=0.05).values()) / machine.available_cores()
    assert found["fma"] > 0.5 * product


def test_the_better_of_two_measurements_counts() -> None:
    first = {"source": "s", "fma": 1.0, "memory": {"a": 4.0}}
    second = {"source": "s", "fma": 2.0, "memory": {"a": 3.0}}
    assert rates.better(first, second) == {"source": "s", "fma": 2.0, "memory": {"a": 4.0}}
    assert rates.better(first, second | {"source": "t"}) == first
