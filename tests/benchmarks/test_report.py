"""Tables, JSON and figure, from made-up measurements."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.image
import pytest

from tests.benchmarks import figure, report, workloads
from tests.benchmarks.report import Report
from tests.benchmarks.results import Measurement

LAYERED, SHALLOW, DEEP = "layered n=4 L=3 B=64", "depth n=8 L=10 B=1", "depth n=8 L=1000 B=1"
MACHINE = {
    "cpu": "made-up",
    "cores": 2,
    "memory_gib": 1.0,
    "load": [0.0, 0.0, 0.0],
    "gpus": [],
    "system": "none",
    "python": "3.11",
}
MEASUREMENTS = (
    Measurement(LAYERED, "qjax", "ok", "", 0.5, 1.0, (0.002, 0.001, 0.003), 12.0),
    Measurement(LAYERED, "qujax", "ok", "", 0.5, 3.0, (0.008,), 20.0, 0.1),
    Measurement(LAYERED, "qulacs", "ok", "", 0.0, 0.5, (0.02,), 20.0, 0.1),
    Measurement(LAYERED, "pennylane", "disagrees", "differs", error=7.0),
    Measurement(LAYERED, "tensorcircuit", "no result", "more than 300 s", 0.1),
    Measurement(SHALLOW, "qjax", "ok", "", 0.0, 2.0, (1.0,)),
    Measurement(DEEP, "qjax", "ok", "", 0.0, 2.5, (1.0,)),
    Measurement(DEEP, "qujax", "not tried", "exceeded a limit"),
    Measurement("batch n=4 L=3 B=10", "qjax", "ok", "", 0.0, 2.5, (1.0,)),
)
VERSIONS = {"qjax": {"jax": "1.2"}, "qujax": {"qujax": "3.4"}, "lightning": {}}
REPORT = Report(MACHINE, VERSIONS, {"1x1 @ 1x1": 2e9}, MEASUREMENTS)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_table_is_aligned_markdown() -> None:
    lines = report.table(("a", "long title"), [("x|y", "1"), ("", "22")]).splitlines()
    assert lines[0] == "| a    | long title |"
    assert set(lines[1]) == {"|", "-"}
    assert lines[2] == "| x\\|y | 1          |"
    assert len({len(line) for line in lines}) == 1


def test_summary_has_a_line_per_workload() -> None:
    titles, rows = report.summary(REPORT)
    assert [row[0] for row in rows] == REPORT.workloads
    line = dict(zip(titles, rows[0], strict=True))
    assert line["qjax"] == "2.00 / 1.00"
    assert line["qujax"] == "8.00 / 3.00"
    assert line["PennyLane default.qubit, JAX"] == "disagrees"
    assert line["TensorCircuit-NG, JAX"] == "no result"
    assert line["fastest / ours"] == "4.00 (qujax)"


def test_details_have_no_times_of_what_disagrees() -> None:
    rows = [dict(zip(report.DETAILS, row, strict=True)) for row in report.details(REPORT)]
    assert rows[0]["quartiles ms"] == "1.50 - 2.50"
    assert rows[0]["break-even of ours"] == ""
    assert rows[1]["break-even of ours"] == "always"
    assert rows[1]["step / ours"] == "4.00"
    assert rows[2]["break-even of ours"] == "from call 57"  # 1 s later, 18 ms less per call
    assert (rows[3]["step ms"], rows[3]["first s"]) == ("", "")
    assert rows[3]["note"] == "disagrees: differs"
    assert rows[4]["note"] == "no result: more than 300 s"


def test_markdown_has_machine_versions_and_depth_ratio() -> None:
    text = report.to_markdown(REPORT)
    for part in ("made-up, 2 cores", "jax 1.2, qujax 3.4", "2 (1x1 @ 1x1)"):
        assert part in text
    assert "Not installed: PennyLane lightning.qubit." in text
    assert f"First call, {DEEP} over {SHALLOW}: qjax 1.25." in text


def test_json_returns_the_report() -> None:
    data = json.loads(json.dumps(REPORT.to_json()))
    assert report.to_markdown(report.from_json(data)) == report.to_markdown(REPORT)
    assert data["measurements"][0]["quartiles_s"] == [0.0015, 0.002, 0.0025]
    assert data["measurements"][2]["break_even"] == "from call 57"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (0.00012345, "0.000123"), (1.0, "1.00"), (99.96, "100."), (12345.6, "12,346")],
)
def test_number(value: float | None, text: str) -> None:
    assert report.number(value) == text


def test_figure_shows_something(tmp_path: Path) -> None:
    path = tmp_path / "figure.png"
    figure.save(REPORT, workloads.select(REPORT.workloads), path)
    pixels = matplotlib.image.imread(path)
    assert pixels.shape[0] > 300
    assert pixels[..., :3].std() > 0.05
