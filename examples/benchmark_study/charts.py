"""Results beside the paper's, as figures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from benchmark_study.study import Row

INK, OURS, THEIRS = "#333333", "#2a6fbb", "#d1762c"


def save_accuracies(path: Path, rows: Sequence[Row]) -> None:
    """Test accuracies of each model, a panel for each data set; the paper's in another color."""
    datasets = list(dict.fromkeys(row.dataset for row in rows))
    figure = Figure(figsize=(3.4 * len(datasets) + 1.6, 4.8), layout="constrained")
    panels = figure.subplots(1, len(datasets), squeeze=False, sharey=len(datasets) > 1)[0]
    models = list(dict.fromkeys(row.model for row in rows))
    for axes, dataset in zip(panels, datasets, strict=True):
        _style(axes, dataset)
        for row in rows:
            if row.dataset == dataset:
                _points(axes, models.index(row.model), row)
        axes.set(xlabel="test accuracy", xlim=(0.4, 1.03))
    panels[0].set_yticks(range(len(models)), models)
    panels[0].invert_yaxis()
    figure.suptitle("Accuracies of every seed, and their mean", color=INK)
    marks = [Line2D([], [], color=color, marker="D", ls="", ms=5) for color in (OURS, THEIRS)]
    figure.legend(
        marks, ["here", "in the paper"], loc="outside lower center", ncols=2, frameon=False
    )
    _save(figure, path)


def save_ranks(path: Path, rows: Sequence[Row]) -> None:
    """How often each model is first, second, ..; the best mean rank on the left."""
    models, ranks = ranks_of(rows)
    order = np.argsort(ranks.mean(axis=1), kind="stable")
    figure = Figure(figsize=(8.5, 4.6), layout="constrained")
    axes = figure.subplots()
    _style(axes, "Ranks by test accuracy, over all data sets")
    bottom = np.zeros(len(models))
    for rank in range(1, len(models) + 1):
        counts = np.sum(ranks[order] == rank, axis=1)
        color = colormaps["viridis"]((rank - 1) / max(len(models) - 1, 1))
        axes.bar(range(len(models)), counts, bottom=bottom, color=color, label=str(rank))
        bottom += counts
    axes.set_xticks(range(len(models)), [models[place] for place in order], rotation=40, ha="right")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel("data sets")
    axes.legend(title="rank", fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    _save(figure, path)


def ranks_of(rows: Sequence[Row]) -> tuple[list[str], np.ndarray]:
    """The models of all data sets, and their ranks `(models, data sets)`; ties share the best.

    Models that lack a data set, and data sets that lack all of the others, are left out.
    """
    means: dict[str, dict[str, float]] = {}
    for row in rows:
        # Kernels have fewer samples of the same images.
        means.setdefault(row.model, {})[row.dataset.removesuffix("-")] = float(row.test.mean())
    datasets = list(dict.fromkeys(name for own in means.values() for name in own))
    models = [model for model, own in means.items() if len(own) == len(datasets)]
    table = np.array([[means[model][name] for name in datasets] for model in models])
    better = table[None, :, :] > table[:, None, :] + 1e-9
    return models, 1 + better.sum(axis=1)


def _points(axes: Axes, place: int, row: Row) -> None:
    values = [(row.test, place - 0.14, OURS)]
    if row.published is not None:
        values.append((np.array(row.published.test), place + 0.14, THEIRS))
    for accuracies, height, color in values:
        axes.plot(accuracies, np.full(len(accuracies), height), "o", color=color, ms=3, alpha=0.5)
        axes.plot(accuracies.mean(), height, "D", color=color, ms=5)


def _style(axes: Axes, title: str) -> None:
    axes.set_title(title, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    print(f"saved {path}")
