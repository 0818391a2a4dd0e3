"""The check that waits for a GPU: its record, limits, tables; sections that fail or take long."""

from __future__ import annotations

import fcntl
import importlib
import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp

from tests.benchmarks.device import processes, sections, sizes
from tests.benchmarks.device.circuits import Case, answers, cases
from tests.benchmarks.device.memory import memory_rows
from tests.benchmarks.device.processes import Stopped, Work
from tests.benchmarks.device.record import Part, Record, save, status_of
from tests.benchmarks.device.sections import SECTIONS, Section
from tests.benchmarks.device.summary import size_rows, summary
from tests.benchmarks.device.task import Skipped, Task
from tests.benchmarks.device.wanted import Wanted
from tests.benchmarks.runner import Outcome

WANTED = Wanted(budget_s=60.0, limit_s=10.0, qubits=(4, 6, 8))
SIZES = {
    "qjax_xla 10": {
        "peer": "qjax_xla",
        "qubits": 10,
        "state_bytes": 8192,
        "passed": True,
        "compile_s": 1.5,
        "first_s": 0.5,
        "median_s": 0.002,
        "peak_bytes": 40960,
        "program_bytes": 1,
    },
    "tensorcircuit 10": {
        "peer": "tensorcircuit",
        "qubits": 10,
        "state_bytes": 8192,
        "passed": True,
        "compile_s": 20.0,
        "first_s": 1.0,
        "median_s": 0.005,
        "peak_bytes": None,
        "program_bytes": 16384,
    },
    "qjax_xla 12": {"peer": "qjax_xla", "qubits": 12, "no_result": "no result in 9 s"},
    "tensorcircuit 12": {"peer": "tensorcircuit", "qubits": 12, "passed": False, "median_s": 1.0},
}


def task(folder: Path, seconds: float = 60.0) -> Task:
    return Task(folder / "report", time.monotonic() + seconds)


def told(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for line in (folder / "report").read_text().splitlines():
        found |= json.loads(line)
    return found


# ---------------------------------------------------------------- what a section tells


def test_a_check_that_fails_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    def broken() -> Mapping[str, Any]:
        raise FloatingPointError("no\nnumber")

    def needless() -> Mapping[str, Any]:
        raise Skipped("one device")

    one = task(tmp_path)
    one.check("broken", broken)
    one.check("begun", lambda: {"before": told(tmp_path)["begun"] == {}})
    one.check("needless", needless)
    one.check("wrong", lambda: {"passed": False, "error": math.inf})
    one.check("right", lambda: {"error": np.float32(0.5), "shape": (2, np.int64(3))})
    found = told(tmp_path)
    assert found["broken"]["passed"] is False
    assert found["broken"]["error"] == "FloatingPointError: no number"
    assert (found["needless"]["skipped"], "passed" in found["needless"]) == ("one device", False)
    assert (found["wrong"]["passed"], found["wrong"]["error"]) == (False, "inf")
    assert found["begun"]["before"]
    assert found["right"].pop("seconds") >= 0
    assert found["right"] == {"passed": True, "error": 0.5, "shape": [2, 3]}


def test_what_is_late_is_left_out(tmp_path: Path) -> None:
    late = task(tmp_path, seconds=-1.0)
    late.check("late", pytest.fail)
    slow = task(tmp_path, seconds=5.0)
    slow.tell("slow", seconds=6.0)
    slow.check("as slow", pytest.fail)
    assert [name for name, row in told(tmp_path).items() if "left_out" in row] == [
        "late",
        "as slow",
    ]


def test_a_row_grows(tmp_path: Path) -> None:
    one = task(tmp_path)
    one.tell("row", first=1)
    one.tell("row", second=math.nan)
    assert told(tmp_path) == {"row": {"first": 1, "second": "nan"}}


# ---------------------------------------------------------------- the record


def test_record_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "device.json"
    record = Record({"budget_s": 1.0}).having("machine", Part("ok", rows={"jax": {"passed": True}}))
    save(record, path)
    first = path.read_text()
    with pytest.raises(ValueError, match="JSON"):
        save(record.having("sizes", Part(seconds=math.nan)), path)
    assert path.read_text() == first
    assert json.loads(first)["sections"]["machine"]["rows"] == {"jax": {"passed": True}}


@pytest.mark.parametrize(
    ("rows", "failure", "exceeded", "expected"),
    [
        ({"a": {"passed": True}, "b": {"skipped": "one device"}}, "", False, ("ok", "")),
        ({"a": {"passed": True}, "b": {"left_out": "late"}}, "", False, ("partial", "without b")),
        ({"a": {"passed": False}, "b": {"left_out": "late"}}, "", False, ("failed", "wrong: a")),
        ({"a": {"passed": True}}, "more than 9 s", True, ("stopped", "more than 9 s")),
        ({"a": {"passed": False}}, "more than 9 s", True, ("failed", "more than 9 s; wrong: a")),
        ({}, "ended by SIGSEGV", False, ("error", "ended by SIGSEGV")),
        ({"a": {}}, "more than 9 s", True, ("stopped", "more than 9 s, during a")),
    ],
)
def test_status(rows: Any, failure: str, exceeded: bool, expected: tuple[str, str]) -> None:
    assert status_of(rows, failure, exceeded) == expected
    record = Record({}).having("one", Part(*expected))
    assert record.good == (expected[0] in ("ok", "partial"))


# ---------------------------------------------------------------- sections and processes


def test_sections_share_the_time_that_is_left() -> None:
    first, second = Section("first", "m", 1.0), Section("second", "m", 3.0)
    assert sections._limit(400.0, (first, second)) == pytest.approx(100.0)
    assert sections._limit(400.0, (second,)) == pytest.approx(400.0)
    assert sections._limit(40.0, (first, second)) == sections.LEAST_LIMIT_S
    assert sections._limit(7.0, (first, second)) == pytest.approx(7.0)


def test_each_section_is_a_module_that_runs() -> None:
    for section in SECTIONS:
        assert callable(importlib.import_module(f"tests.benchmarks.device.{section.module}").run)


def test_a_section_that_breaks_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(arguments: list[str], *others: Any) -> Outcome:
        module, item = arguments[1], arguments[arguments.index("--item") + 1]
        if module == "correctness":
            return Outcome({"n=2 seed=0": {"passed": True}}, "ended by SIGSEGV")
        if module == "transport":
            return Outcome({"to_jax": {"passed": False}}, "more than 9 s", exceeded=True)
        return Outcome({item or module: {**SIZES["qjax_xla 10"], "peer": "qjax_xla"}})

    monkeypatch.setattr(processes, "run_worker", run)
    monkeypatch.setattr(processes, "installed", lambda peers, _: {peers[0]: {}})
    seen: list[Record] = []
    record = sections.run(WANTED, Record({}), seen.append)
    assert {name: part.status for name, part in record.parts.items()} == {
        "machine": "ok",
        "correctness": "error",
        "bridge": "failed",
        "sharding": "ok",
        "sizes": "ok",
        "memory": "ok",
    }
    assert not record.good
    assert record.rows("correctness") == {"n=2 seed=0": {"passed": True}}
    assert record.rows("sizes")["tensorcircuit"] == {"skipped": "tensorcircuit-ng is not installed"}
    kept = [list(each.parts) for each in seen]
    assert ["machine"] in kept
    assert ["machine", "correctness"] in kept


def work(heard: list[Any], seconds: float = 60.0, module: str = "sizes") -> Work:
    return Work(module, WANTED, time.monotonic() + seconds, Path(), heard.append)


def test_wider_sizes_are_not_tried_after_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def run(arguments: list[str], python: str, limit_s: float, *others: Any) -> Outcome:
        item = arguments[arguments.index("--item") + 1]
        tried.append(item)
        if item.endswith("4") or item == "qjax_xla 6":
            return Outcome({item: {"peer": item.split()[0], "median_s": 1.0}})
        return Outcome({}, "more than 10 s", exceeded=item == "tensorcircuit 6")

    monkeypatch.setattr(processes, "run_worker", run)
    monkeypatch.setattr(processes, "installed", lambda peers, _: {peers[0]: {"jax": "0"}})
    heard: list[Any] = []
    one = work(heard)
    assert processes.run_sizes(one).failure == ""
    assert tried == [f"qjax_xla {n}" for n in (4, 6, 8)] + ["tensorcircuit 4", "tensorcircuit 6"]
    assert one.rows["qjax_xla 8"]["no_result"] == "more than 10 s"
    assert one.rows["tensorcircuit 6"]["no_result"] == "no result in 10 s"
    assert one.rows["tensorcircuit 8"]["not_tried"] == "n=6 has taken too long"
    assert heard[-1] == one.rows


def test_without_time_nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "run_worker", pytest.fail)
    monkeypatch.setattr(processes, "installed", lambda peers, _: {peers[0]: {}})
    one = work([], seconds=1.0)
    assert processes.run_sizes(one).failure == "no result of ours"
    assert all("left_out" in one.rows[f"qjax_xla {n}"] for n in WANTED.qubits)


def test_a_process_that_breaks_and_one_that_nobody_wants_any_more() -> None:
    """`memory` is no section with a process: it has no `run`."""
    broken = work([], module="memory")
    ending = processes.run_alone(broken)
    assert (ending.exceeded, "AttributeError" in ending.failure) == (False, True)
    broken.stop.set()
    start = time.monotonic()
    with pytest.raises(Stopped):
        broken.start("", 60.0)
    assert time.monotonic() - start < 30


def test_the_device_is_held_by_one(tmp_path: Path) -> None:
    sizes.claim(tmp_path / "lock")
    with (tmp_path / "lock").open("w") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


# ---------------------------------------------------------------- circuits and tables


def test_circuits() -> None:
    """All sizes, all kinds; values mean the same in both precisions."""
    made = cases()
    assert len({case.name for case in made}) == len(made) == 30
    assert {case.circuit.num_qubits for case in made} == set(range(2, 13))
    assert sum(case.is_dynamic for case in made) == 7
    assert len({item.operation.name for case in made for item in case.circuit.data}) > 100
    assert all((case.values == case.values.astype(np.float32)).all() for case in made)


@pytest.mark.parametrize("is_dynamic", [False, True])
def test_answers_of_a_formula(is_dynamic: bool) -> None:
    """<Z> = cos(t) behind RY(t), with <X> = sin(t), which a measurement takes away."""
    circuit = QuantumCircuit(1, 1)
    circuit.ry(Parameter("t"), 0)
    if is_dynamic:
        circuit.measure(0, 0)
        circuit.id(0)
    observables = SparsePauliOp("Z"), SparsePauliOp("X")
    point = 0.7
    found = answers(
        Case("one", circuit, observables, np.array([point]), np.array([[1.0]]), is_dynamic)
    )
    sine, cosine = (0.0 if is_dynamic else math.sin(point)), math.cos(point)
    slope = -math.sin(point) + (0.0 if is_dynamic else cosine)
    np.testing.assert_allclose(found.values, [cosine, sine], atol=1e-14)
    np.testing.assert_allclose(found.probabilities, [(1 + cosine) / 2, (1 - cosine) / 2])
    np.testing.assert_allclose(found.slopes, [slope], atol=1e-12)


def test_memory_is_the_devices_or_xlas() -> None:
    found = memory_rows(SIZES)
    assert list(found) == ["qjax_xla 10", "tensorcircuit 10"]
    assert [row["source"] for row in found.values()] == ["memory_stats", "memory_analysis"]
    assert [row["states"] for row in found.values()] == [5.0, 2.0]


def test_table_of_sizes() -> None:
    record = Record({}).having("sizes", Part("failed", rows=SIZES))
    record = record.having("memory", Part("ok", rows=memory_rows(SIZES)))
    _, ten, twelve = size_rows(record)
    assert ten == ["10", "2", "2", "5", "5", "21", "2", "2.5"]
    assert twelve == ["12", "no result in 9 s", "", "", "disagrees", "", "", ""]
    text = summary(record)
    assert "| 10 | 2 " in text
    wrong = {**SIZES, "tensorcircuit 10": {**SIZES["tensorcircuit 10"], "passed": False}}
    assert size_rows(Record({}).having("sizes", Part("failed", rows=wrong)))[1][-1] == ""
    assert "sizes        failed" in text


def test_a_run_without_sizes_has_no_table() -> None:
    assert size_rows(Record({})) == []
    assert summary(Record({})).strip() == ""
