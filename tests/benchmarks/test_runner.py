"""Processes, their limits, and one measurement of ours from end to end; no peer is needed."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from qiskit.quantum_info import Pauli, Statevector

from tests.benchmarks import machine, runner, worker
from tests.benchmarks.families import Series, circuits_once, select
from tests.benchmarks.peers import PEERS
from tests.benchmarks.peers._qiskit import quantum_circuit, z_labels
from tests.benchmarks.results import Measurement
from tests.benchmarks.runner import Outcome, Settings
from tests.benchmarks.workloads import Workload, layered, parameters

TINY = "batch n=4 L=3 B=1"
BRIEF = Settings(repetitions=3, seconds=0.1)


def test_ours_from_end_to_end(tmp_path: Path) -> None:
    """On both engines, whose results are compared."""
    native, xla = runner.measure(select([TINY]), ["qjax", "qjax_xla"], BRIEF, tmp_path)
    for found, peer in ((native, "qjax"), (xla, "qjax_xla")):
        assert (found.workload, found.peer, found.status, found.note) == (TINY, peer, "ok", "")
        assert len(found.steps_s) == len(found.steps_cpu_s) == 3
        assert 0 < min(found.steps_s) < found.first_s
        assert found.first_cpu_s > 0
        assert found.peak_mb > 0
    assert (native.error, xla.error) != (None, None)


@pytest.mark.parametrize("is_layer", [False, True])
def test_each_call_of_a_series_is_checked_against_qiskit(is_layer: bool, tmp_path: Path) -> None:
    items = (layered(2, 1, 1), layered(2, 1, 3) if is_layer else layered(2, 2, 1))
    reference, report = tmp_path / "reference.npz", tmp_path / "report"
    options = argparse.Namespace(
        peer="qjax", report=report, reference=None, write_reference=reference
    )
    worker.measure_once(Series("series", items, is_layer), options)
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert [line["calls"] for line in lines] == [1, 2]
    assert 0 < lines[0]["first_s"] < lines[1]["first_s"]
    assert 0 < lines[0]["first_cpu_s"] < lines[1]["first_cpu_s"]
    with np.load(reference) as found:
        for index, item in enumerate(items):
            assert found[f"{index} loss"] == pytest.approx(loss_of(item), abs=1e-5)
            assert found[f"{index} inputs"].shape == (item.batch, 2)


def loss_of(workload: Workload) -> float:
    """The mean of <Z_q>^2, by Qiskit."""
    weights, samples = parameters(workload, 0)
    circuit, input_params, weight_params = quantum_circuit(workload)
    squares = []
    for sample in samples:
        values = dict(zip(input_params, sample.tolist(), strict=True))
        values |= dict(zip(weight_params, weights.tolist(), strict=True))
        state = Statevector(circuit.assign_parameters(values))
        squares += [state.expectation_value(Pauli(z)).real ** 2 for z in z_labels(2)]
    return float(np.mean(squares))


def test_calls_before_a_limit_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = {"first_s": 9.0, "first_cpu_s": 10.0, "calls": 3}
    outcomes(monkeypatch, Outcome(findings, "more than 300 s", exceeded=True))
    (found,) = runner.measure([circuits_once()], ["qulacs"], Settings(), Path("none"))
    assert (found.status, found.calls, found.first_s) == ("no result", 3, 9.0)


def test_what_is_known_is_not_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = outcomes(monkeypatch, Outcome({"build_s": 1.0, "first_s": 1.0, "steps_s": [2.0]}))
    easy, other, harder = layered(4, 2, 2), layered(5, 1, 1), layered(5, 2, 2)
    limit = Measurement(easy.name, "qujax", "no result", "more than 300 s")
    known = Measurement(easy.name, "qulacs", "ok")
    found = list(
        runner.measure(
            [easy, other, harder], ["qujax", "qulacs"], Settings(), Path("none"), [limit, known]
        )
    )
    assert tried == [other.name, other.name, harder.name]
    assert [(one.workload, one.peer, one.status) for one in found] == [
        (other.name, "qujax", "ok"),
        (other.name, "qulacs", "ok"),
        (harder.name, "qujax", "not tried"),
        (harder.name, "qulacs", "ok"),
    ]
    assert all(one.date for one in found)


def test_time_limit_ends_the_process() -> None:
    outcome = runner.run_worker(["--rates"], limit_s=0.1)
    assert outcome == Outcome({}, "more than 0.1 s", exceeded=True)


@pytest.mark.skipif(machine.held_memory(os.getpid()) is None, reason="needs Linux's /proc")
def test_memory_limit_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "free_memory", lambda: 2**20)
    outcome = runner.run_worker(["--rates"])
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
    items = [layered(*size) for size in sizes]
    return list(runner.measure(items, [peer], Settings(), Path("none")))


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
    batches = Series("batches", (layered(3, 1, 1),), is_layer=True)
    assert [peer for peer in PEERS if not PEERS[peer].takes(batches)] == [
        "lightning",
        "qujax",
        "qulacs",
    ]


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
