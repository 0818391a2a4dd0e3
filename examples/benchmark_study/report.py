"""Results beside the paper's, as tables."""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmark_study.search import GridPoint, best_of
from benchmark_study.study import Row

DEVIATIONS = 2  # of the paper's: what counts as agreement
POINTS = 2  # of the test set: the same, where the paper's seeds all agree
TOLERANCE = 1e-4  # the paper's accuracies have six digits

_COLUMNS = (
    "data set",
    "model",
    "test",
    "paper's test",
    "train",
    "paper's train",
    "equal seeds",
    "steps",
    "s",
    "CPU s",
)


def table(rows: Sequence[Row]) -> str:
    """Accuracies beside the paper's, in Markdown.

    "Equal seeds" are those whose accuracies on both sets are the paper's.
    """
    return _markdown(_COLUMNS, [_cells(row) for row in rows])


def equal_seeds(row: Row) -> int:
    """How many fits have the paper's accuracies, on both sets."""
    if row.published is None:
        return 0
    pairs = zip(row.fits, row.published.test, row.published.train, strict=False)
    return sum(
        abs(fit.test - test) < TOLERANCE and abs(fit.train - train) < TOLERANCE
        for fit, test, train in pairs
    )


def deviation(row: Row) -> float:
    """How far the mean test accuracy is from the paper's, in what counts as agreement.

    At most 1 is agreement: two of the paper's standard deviations, and at least two test points.
    With other hyperparameters than the paper's there is nothing to agree with: 0.
    """
    if row.published is None or dict(row.hyperparameters) != row.published.best:
        return 0.0
    paper = np.array(row.published.test)
    allowed = max(DEVIATIONS * paper.std(ddof=1), POINTS / row.test_samples)
    return float(abs(row.test.mean() - paper[: len(row.fits)].mean()) / allowed)


def save(rows: Sequence[Row], path: Path) -> None:
    """Every fit as a row of a CSV file, with hyperparameters as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["dataset", "model", "hyperparameters", "fit", *_fields(rows)])
        for row in rows:
            for number, fit in enumerate(row.fits):
                given = json.dumps(dict(row.hyperparameters))
                writer.writerow([row.dataset, row.model, given, number, *asdict(fit).values()])
    print(f"saved {path}")


def search_table(searched: Sequence[tuple[str, str, Sequence[GridPoint]]]) -> str:
    """The best point of each grid, in Markdown; given data sets, models and points."""
    columns = ("data set", "model", "points", "failed", "best", "accuracy", "s", "CPU s")
    lines = []
    for dataset, model, points in searched:
        best = best_of(list(points))
        numbers = ", ".join(f"{key} {value}" for key, value in best.hyperparameters.items())
        failed = sum(np.isnan(point.accuracy) for point in points)
        spent = [sum(p.seconds for p in points), sum(p.cpu_seconds for p in points)]
        lines.append(
            [dataset, model, str(len(points)), str(failed), numbers, f"{best.accuracy:.4f}"]
            + [f"{seconds:.0f}" for seconds in spent]
        )
    return _markdown(columns, lines)


def _cells(row: Row) -> list[str]:
    paper = row.published
    steps = [fit.steps for fit in row.fits]
    unfinished = "" if all(fit.converged for fit in row.fits) else " (not converged)"
    return [
        row.dataset,
        row.model,
        _spread(row.test),
        _spread(paper.test) if paper else "",
        _spread(row.train),
        _spread(paper.train) if paper else "",
        f"{equal_seeds(row)} of {len(row.fits)}" if paper else "",
        f"{np.mean(steps):.0f}{unfinished}" if any(steps) else "",
        f"{sum(fit.seconds for fit in row.fits):.1f}",
        f"{sum(fit.cpu_seconds for fit in row.fits):.1f}",
    ]


def _spread(accuracies: Sequence[float] | np.ndarray) -> str:
    values = np.asarray(accuracies)
    if len(values) < 2:
        return f"{values.mean():.4f}"
    return f"{values.mean():.4f} ± {values.std(ddof=1):.4f}"


def _fields(rows: Sequence[Row]) -> list[str]:
    return list(asdict(rows[0].fits[0])) if rows else []


def _markdown(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, cells)) for cells in zip(columns, *lines, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        return f"| {' | '.join(padded)} |"

    return "\n".join([line(columns), line(["-" * width for width in widths]), *map(line, lines)])
