"""Processes, their limits, and one measurement of ours from end to end; no peer is needed."""

from __future__ import annotations

import importlib.metadata
import os
from dataclasses import replace

import numpy as np
import pytest

from tests.benchmarks import machine, runner
from tests.benchmarks.peers import PEERS
from tests.benchmarks.results import Measurement
from tests.benchmarks.runner import Outcome, Settings
from tests.benchmarks.workloads import Workload, layered, select

TINY = "batch n=4 L=3 B=1"
BRIEF = Settings(repetitions=3, seconds=0.1)


def test_ours_from_end_to_end() -> None:
    (found,) = runner.measure(select([TINY]), ["qjax"], BRIEF)
    assert (found.workload, found.peer, found.status, found.note) == (TINY, "qjax", "ok", "")
    assert len(found.steps_s) == 3
    assert 0 < min(found.steps_s) < found.first_s
    assert found.peak_mb > 0


def test_time_limit_ends_the_process() -> None:
    outcome = runner.run_worker(["--gemm"], limit_s=0.1)
    assert outcome == Outcome({}, "more than 0.1 s", exceeded=True)


@pytest.mark.skipif(machine.held_memory(os.getpid()) is None, reason="needs Linux's /proc")
def test_memory_limit_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "free_memory", lambda: 2**20)
    outcome = runner.run_worker(["--gemm"])
    assert (outcome.failure, outcome.exceeded) == ("more than 0 GiB", True)


def test_failure_is_the_last_line_of_the_traceback() -> None:
    outcome = runner.run_worker(["--workload", "none such"])
    assert outcome.failure.startswith("ValueError: no workload is called 'none such'")
    assert not outcome.exceeded


def test_versions_of_what_is_installed() -> None:
    found = runner.installed(["qjax"], Settings())
    assert found["qjax"]["jax"] == importlib.metadata.version("jax")


def test_interpreter_that_fails_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="/bin/false"):
        runner.installed(["qujax"], Settings(pythons={"qujax": "/bin/false"}))


def outcomes(monkeypatch: pytest.MonkeyPatch, outcome: Outcome) -> list[str]:
    """Let every process of a peer end this way; returns the workloads that were tried."""
    tried: list[str] = []

    def run(workload: Workload, peer: str, *others: object) -> Outcome:
        tried.append(workload.name)
        return outcome

    monkeypatch.setattr(runner, "_run", run)
    return tried


def measure(*sizes: tuple[int, int, int], peer: str = "qujax") -> list[Measurement]:
    return list(runner.measure([layered(*size) for size in sizes], [peer], Settings()))


def test_harder_workloads_are_not_tried_after_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = outcomes(monkeypatch, Outcome({"build_s": 1.0}, "more than 300 s", exceeded=True))
    easy, harder, other = measure((4, 2, 2), (5, 2, 2), (5, 1, 1))
    assert tried == [easy.workload, other.workload]
    assert (easy.status, easy.note, easy.build_s) == ("no result", "more than 300 s", 1.0)
    assert (harder.status, harder.note) == ("not tried", f"exceeded a limit on {easy.workload}")


def test_failure_without_a_limit_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = outcomes(monkeypatch, Outcome({}, "TypeError: no"))
    measured = measure((4, 2, 2), (5, 2, 2))
    assert len(tried) == 2
    assert {(item.status, item.note) for item in measured} == {("no result", "TypeError: no")}


def test_what_disagrees_has_no_times(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = {"build_s": 1.0, "first_s": 1.0, "error": 1.5, "steps_s": [1.0]}
    outcomes(monkeypatch, Outcome(findings))
    (found,) = measure((4, 2, 2))
    assert found.status == "disagrees"
    assert (found.first_s, found.steps_s, found.error) == (None, (), 1.5)


def test_steps_before_a_limit_count(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = {"build_s": 1.0, "first_s": 1.0, "error": 0.5, "steps_s": [2.0]}
    outcomes(monkeypatch, Outcome(findings, "more than 300 s", exceeded=True))
    (found,) = measure((4, 2, 2))
    assert (found.status, found.note, found.median_s) == ("ok", "more than 300 s", 2.0)


def test_unchecked_values_are_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes(monkeypatch, Outcome({"build_s": 1.0, "first_s": 1.0, "steps_s": [2.0]}))
    (found,) = measure((4, 2, 2))
    assert found.note == "unchecked: no result of ours"


def test_peers_say_what_they_take() -> None:
    small = replace(PEERS["qujax"], max_qubits=4, max_runs=1000)
    assert small.takes(layered(4, 1, 1))
    assert not small.takes(layered(5, 1, 1))
    assert not small.takes(layered(4, 1, 100))


@pytest.mark.skipif(machine.held_memory(os.getpid()) is None, reason="needs Linux's /proc")
def test_memory_of_a_process_grows_by_its_array() -> None:
    before = machine.held_memory(os.getpid())
    array = np.ones(2**24)
    held = machine.held_memory(os.getpid())
    assert held - before == pytest.approx(array.nbytes, rel=0.1)
    assert machine.peak_memory() >= held


def test_gemm_rates_are_in_range() -> None:
    rates = machine.gemm_rates(seconds=0.01)
    assert all(1e8 < rate < 1e14 for rate in rates.values())
