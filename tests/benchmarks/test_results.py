"""Agreement, break-even and quartiles of measurements, against plain loops and NumPy."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tests.benchmarks.results import Measurement, break_even, deviation


def timed(start: float, step: float, peer: str = "qujax") -> Measurement:
    return Measurement("w", peer, "ok", build_s=start / 4, first_s=start * 3 / 4, steps_s=(step,))


def ahead_by_plain_count(ours: Measurement, peer: Measurement, calls: int) -> list[bool]:
    def totals(item: Measurement) -> np.ndarray:
        return item.build_s + item.first_s + item.steps_s[0] * np.arange(calls)

    return list(totals(ours) < totals(peer))


OURS = tuple(product((1.0, 2.0, 9.5), (0.25, 0.5, 1.0)))
THEIRS = tuple(product((0.5, 2.0, 8.0), (0.25, 0.5, 3.0)))


@pytest.mark.parametrize("ours", OURS)
@pytest.mark.parametrize("theirs", THEIRS)
def test_break_even_counts_calls(ours: tuple[float, float], theirs: tuple[float, float]) -> None:
    mine, peer = timed(*ours), timed(*theirs)
    found = break_even(mine, peer)
    assert found is not None
    last = np.inf if found.last is None else found.last
    claimed = [found.first is not None and found.first <= call <= last for call in range(1, 101)]
    assert claimed == ahead_by_plain_count(mine, peer, 100)


@pytest.mark.parametrize(
    ("ours", "theirs", "text"),
    [
        ((1, 1), (2, 1), "always"),
        ((2, 1), (1, 2), "from call 3"),
        ((1, 2), (3, 1), "up to call 2"),
        ((2, 2), (1, 1), "never"),
        ((5001, 1), (1, 2), "from call 5,002"),
    ],
)
def test_break_even_reads(ours: tuple[int, int], theirs: tuple[int, int], text: str) -> None:
    assert str(break_even(timed(*ours), timed(*theirs))) == text


def test_break_even_needs_both() -> None:
    unfinished = Measurement("w", "qujax", "no result", build_s=1.0, first_s=2.0)
    assert break_even(timed(1, 1), unfinished) is None


def test_quartiles_are_numpys() -> None:
    steps = (5.0, 1.0, 2.0, 4.0, 3.0)
    item = Measurement("w", "qujax", "ok", steps_s=steps)
    assert item.quartiles_s == tuple(np.percentile(steps, [25, 50, 75]))
    assert item.median_s == 3.0


def reference() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "loss": np.array(0.3),
        "weights": 1e-2 * rng.normal(size=5),
        "inputs": 1e-4 * rng.normal(size=(100, 3)),
    }


def test_float32_noise_agrees() -> None:
    noisy = {name: values.astype(np.float32) for name, values in reference().items()}
    assert deviation(noisy, reference()) < 0.1


@pytest.mark.parametrize("name", ["loss", "weights", "inputs"])
def test_another_result_disagrees(name: str) -> None:
    for wrong in (lambda values: -values, lambda values: 1.01 * values, lambda values: 0 * values):
        result = reference()
        result[name] = wrong(result[name])
        assert deviation(result, reference()) > 1


def test_swapped_samples_disagree() -> None:
    result = reference()
    result["inputs"] = result["inputs"][::-1]
    assert deviation(result, reference()) > 1


def test_other_shapes_and_nan_deviate_infinitely() -> None:
    for wrong in (np.full(5, np.nan), np.zeros((5, 1))):
        assert deviation(reference() | {"weights": wrong}, reference()) == np.inf


def test_no_inputs_agree() -> None:
    empty = {"inputs": np.zeros((1, 0))}
    assert deviation(empty, empty) == 0
