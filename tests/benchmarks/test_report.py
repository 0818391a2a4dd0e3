"""Tables, pages, JSON and figure, from made-up measurements."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.image
import pytest

from tests.benchmarks import figure, tables
from tests.benchmarks.report import Report, from_json
from tests.benchmarks.results import Measurement

LAYERED, SHALLOW, DEEP = "layered n=4 L=3 B=64", "depth n=8 L=10 B=1", "depth n=8 L=1000 B=1"
PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
CIRCUITS = "once circuits n=4 L=1..20 B=16"
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
    Measurement(
        LAYERED,
        "qjax",
        "ok",
        "",
        0.5,
        1.0,
        (0.002, 0.001, 0.003),
        12.0,
        build_cpu_s=0.75,
        first_cpu_s=1.25,
        steps_cpu_s=(0.004, 0.005, 0.006),
        date="2026-01-02",
    ),
    Measurement(LAYERED, "qujax", "ok", "", 0.5, 3.0, (0.008,), 20.0, 0.1, date="2026-01-03"),
    Measurement(LAYERED, "qulacs", "ok", "", 0.0, 0.5, (0.02,), 20.0, 0.1),
    Measurement(LAYERED, "pennylane", "disagrees", "differs", error=7.0, date="2026-01-03"),
    Measurement(LAYERED, "tensorcircuit", "no result", "more than 300 s", 0.1, date="2026-01-03"),
    Measurement(SHALLOW, "qjax", "ok", "", 0.0, 2.0, (1.0,)),
    Measurement(DEEP, "qjax", "ok", "", 0.0, 2.5, (1.0,)),
    Measurement(DEEP, "qujax", "not tried", "exceeded a limit", date="2026-01-03"),
    Measurement("batch n=4 L=3 B=10", "qjax", "ok", "", 0.0, 2.5, (1.0,), date="2026-01-03"),
    Measurement(CIRCUITS, "qjax", "ok", first_s=3.0, first_cpu_s=4.0, calls=20, date="2026-01-03"),
    Measurement(
        CIRCUITS,
        "pennylane",
        "no result",
        "more than 9 s",
        first_s=9.0,
        first_cpu_s=9.5,
        calls=2,
        date="2026-01-03",
    ),
)
VERSIONS = {"qjax": {"jax": "1.2"}, "qujax": {"qujax": "3.4"}, "lightning": {}}
RATES = {"source": "hand", "fma": 1e9, "memory": {"8 MiB": 2e9}}
REPORT = Report(MACHINE, VERSIONS, "native", RATES, MEASUREMENTS)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_table_is_aligned_markdown() -> None:
    lines = tables.table(("a", "long title"), [("x|y", "1"), ("", "22")]).splitlines()
    assert lines[0] == "| a    | long title |"
    assert set(lines[1]) == {"|", "-"}
    assert lines[2] == "| x\\|y | 1          |"
    assert len({len(line) for line in lines}) == 1


def rows_of(name: str) -> list[dict[str, str]]:
    titles, _, *rows = tables.tables_of(REPORT)[name].splitlines()
    return [dict(zip(cells(titles), cells(row), strict=True)) for row in rows]


def test_steps_have_a_line_per_workload() -> None:
    line, *others = rows_of("steps")
    assert [row["ms, wall / CPU"] for row in (line, *others)] == [LAYERED, SHALLOW, DEEP]
    assert line["qjax"] == "2.00 / 5.00*"  # of the day before
    assert line["qujax"] == "8.00"
    assert line["PennyLane default.qubit, JAX"] == "disagrees"
    assert line["TensorCircuit-NG, JAX"] == "-"
    assert line["fastest peer / ours"] == "4.00 (qujax)"
    assert others[1]["qujax"] == "-"


def test_steps_are_beside_the_limit() -> None:
    """Of 8 rotations on 2^4 amplitudes of 64 samples, 28 flops each, at 1 and 2 GFLOP/s."""
    line = rows_of("steps")[0]
    cpu_ms = 8 * 2**4 * 64 * 28 / 1e9 * 1e3
    assert line["limit"] == f"{cpu_ms / 2:.3f}"
    assert line["ours / limit"] == f"{2 / (cpu_ms / 2):.1f} / {5 / cpu_ms:.1f}"


def test_first_calls_include_building() -> None:
    line = rows_of("first calls")[0]
    assert line["qjax"] == "1.50 / 2.00*"
    assert line["qujax"] == "3.50"
    assert line["TensorCircuit-NG, JAX"] == "-"


def test_calls_made_once_are_counted() -> None:
    (line,) = rows_of("once")
    assert line["qjax"] == "3.00 / 4.00"
    assert line["PennyLane default.qubit, JAX"] == "9.00 / 9.50 for 2 of 20"


def test_a_page_gets_its_tables() -> None:
    page = "before\n<!-- table once -->\nold\n<!-- end -->\nafter <!-- table depth --><!-- end -->"
    found = tables.filled(page, tables.tables_of(REPORT))
    assert found.startswith("before\n<!-- table once -->\n\n| s, wall / CPU")
    assert "old" not in found
    assert "qjax 1.25." in found
    assert found == tables.filled(found, tables.tables_of(REPORT))
    with pytest.raises(ValueError, match="no table is called 'none'"):
        tables.filled("<!-- table none --><!-- end -->", {"once": ""})


def test_the_published_page_has_the_tables() -> None:
    found = tables.tables_of(REPORT)
    page = tables.filled(PAGE.read_text(), found)
    for name in ("machine", "steps", "first calls", "once", "batches"):
        assert found[name] in page


def test_a_later_measurement_takes_the_place() -> None:
    report = REPORT.adding(Measurement(LAYERED, "qjax", "ok", "", 0.5, 1.0, (0.004,)))
    assert report.find(LAYERED, "qjax").median_s == 0.004
    assert len(report.measurements) == len(MEASUREMENTS)


def test_details_have_no_times_of_what_disagrees() -> None:
    rows = [dict(zip(tables.DETAILS, row, strict=True)) for row in tables.details(REPORT)]
    assert rows[0]["quartiles ms"] == "1.50 - 2.50"
    assert rows[0]["break-even of ours"] == ""
    assert rows[1]["break-even of ours"] == "always"
    assert rows[1]["step / ours"] == "4.00"
    assert rows[2]["break-even of ours"] == "from call 57"  # 1 s later, 18 ms less per call
    assert (rows[3]["step ms"], rows[3]["first s"]) == ("", "")
    assert rows[3]["note"] == "disagrees: differs"
    assert rows[4]["note"] == "no result: more than 300 s"


def test_markdown_has_machine_versions_and_depth_ratio() -> None:
    text = tables.to_markdown(REPORT)
    for part in (
        "made-up, 2 cores",
        "2026-01-02 to 2026-01-03",
        "jax 1.2, qujax 3.4",
        "Our engine: native.",
        "by hand: multiply-adds at 1 GFLOP/s; y <- y + a x at 2 in 8 MiB",
    ):
        assert part in text
    assert "Not installed: PennyLane lightning.qubit." in text
    assert f"First call, {DEEP} over {SHALLOW}: qjax 1.25." in text


def test_json_returns_the_report() -> None:
    data = json.loads(json.dumps(REPORT.to_json()))
    assert tables.to_markdown(from_json(data)) == tables.to_markdown(REPORT)
    assert from_json(data) == REPORT
    assert data["measurements"][0]["quartiles_s"] == [0.0015, 0.002, 0.0025]
    assert data["measurements"][2]["break_even"] == "from call 57"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (0.00012345, "0.000123"), (1.0, "1.00"), (99.96, "100."), (12345.6, "12,346")],
)
def test_number(value: float | None, text: str) -> None:
    assert tables.number(value) == text


def test_figure_shows_something(tmp_path: Path) -> None:
    path = tmp_path / "figure.png"
    figure.save(REPORT, REPORT.items, path)
    pixels = matplotlib.image.imread(path)
    assert pixels.shape[0] > 300
    assert pixels[..., :3].std() > 0.05
