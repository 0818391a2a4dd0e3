"""Options -> what is run, printed and saved."""

import argparse
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

import digits
from benchmark_study.charts import save_accuracies, save_ranks
from benchmark_study.datasets import GENERATED, Dataset, generate
from benchmark_study.images import bundled, mnist
from benchmark_study.models import MODELS
from benchmark_study.published import OF_ANOTHER_VERSION
from benchmark_study.report import deviation, save, search_table, table
from benchmark_study.search import FOLDS, GridPoint, best_of, grid_points, search
from benchmark_study.study import Row, rows, samples_for

DESCRIPTION = """Fit twelve classifiers to data sets of ten features, and compare with the paper: J.
Bowles, S. Ahmed and M. Schuld, "Better than classical?" (arXiv:2403.07059).

Ten quantum models and two classical ones, with the hyperparameters that the paper found best; or,
with --grid, those that a search of its grids finds here. In the table, "equal seeds" are those
whose accuracies on both sets are the paper's.
"""
OUTPUT = Path(__file__).parent.parent / "output"
IMAGES = "images"
SETS = (*GENERATED, IMAGES)

Searched = list[tuple[str, str, list[GridPoint]]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the study as the command line says."""
    options = _parse(arguments)
    started, cpu_started = time.perf_counter(), time.process_time()
    try:
        datasets = [_dataset(name, options.mnist_dir) for name in options.datasets]
    except digits.DataError as error:
        raise SystemExit(f"error: {error}") from error
    searched = _search(options.models, datasets, options.steps) if options.grid else []
    chosen = {(dataset, model): best_of(points) for dataset, model, points in searched}
    results = _results(options, datasets, {k: p.hyperparameters for k, p in chosen.items()})

    texts = [table(results)]
    if searched:
        texts.append(search_table(searched))
    for text in texts:
        print(f"\n{text}")
    options.output.mkdir(parents=True, exist_ok=True)
    page = options.output / "benchmark_study.md"
    page.write_text("\n\n".join(texts) + "\n")
    print(f"\nsaved {page}")
    save(results, options.output / "benchmark_study.csv")
    save_accuracies(options.output / "benchmark_study_accuracies.png", results)
    save_ranks(options.output / "benchmark_study_ranks.png", results)
    spent = time.perf_counter() - started, time.process_time() - cpu_started
    print(f"Total time: {spent[0]:.0f} s, {spent[1]:.0f} CPU s")
    if options.steps is None:
        _check(results)


def _results(
    options: argparse.Namespace,
    datasets: Sequence[Dataset],
    chosen: Mapping[tuple[str, str], Mapping[str, Any]],
) -> list[Row]:
    seeds = range(options.seeds)
    return list(rows(datasets, options.models, seeds, options.steps, chosen))


def _search(models: Sequence[str], datasets: Sequence[Dataset], max_steps: int | None) -> Searched:
    """The grids of all models on all data sets."""
    fits = FOLDS * len(datasets) * sum(len(grid_points(model)) for model in models)
    found: Searched = []
    with tqdm(total=fits, unit="fit") as bar:
        for dataset in datasets:
            for model in models:
                seen = samples_for(model, dataset)
                bar.set_description(f"grid of {seen.name} {model}", refresh=True)
                found.append((seen.name, model, search(model, seen, max_steps, bar.update)))
    return found


def _dataset(name: str, mnist_dir: Path | None) -> Dataset:
    if name != IMAGES:
        return generate(name)
    return bundled() if mnist_dir is None else mnist(mnist_dir)


def _check(results: Iterable[Row]) -> None:
    """End with an error where an accuracy is not the paper's, and it is not known why."""
    far = [row for row in results if deviation(row) > 1]
    for row in far:
        if row.model in OF_ANOTHER_VERSION:
            print(f"{row.model} on {row.dataset}: {OF_ANOTHER_VERSION[row.model]}")
    if unknown := [f"{r.model} on {r.dataset}" for r in far if r.model not in OF_ANOTHER_VERSION]:
        raise SystemExit(f"test accuracies that differ from the paper's: {', '.join(unknown)}")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmark_study", description=DESCRIPTION)
    parser.add_argument(
        "--datasets",
        nargs="+",
        choices=SETS,
        default=list(GENERATED),
        metavar="NAME",
        help=f"some of {', '.join(SETS)}; images are handwritten threes and "
        "fives: MNIST's with --mnist-dir, else the digits of scikit-learn",
    )
    parser.add_argument(
        "--models",
        nargs="+",
        choices=MODELS,
        default=list(MODELS),
        metavar="NAME",
        help=f"some of {', '.join(MODELS)}",
    )
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 0 on")
    parser.add_argument("--grid", action="store_true", help="search the paper's grids first")
    parser.add_argument(
        "--steps", type=int, help="of a training, at most; default: until the loss stays"
    )
    parser.add_argument("--mnist-dir", type=Path, help="the folder of MNIST's IDX files")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the folder for results")
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        parser.error(f"--seeds: expected at least 1, got {options.seeds}")
    if options.steps is not None and options.steps < 1:
        parser.error(f"--steps: expected at least 1, got {options.steps}")
    if options.mnist_dir is not None and IMAGES not in options.datasets:
        options.datasets = [*options.datasets, IMAGES]
    return options
