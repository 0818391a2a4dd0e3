"""The figures of `noise_from_counts.py` and `hybrid_noise.py`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from figures import FIT, INK, ONE, WRONG, ZERO


class Training(NamedTuple):
    """Of each epoch: the mean loss, and the accuracy on test images after it."""

    losses: Sequence[float]
    accuracies: Sequence[float]


def save_strengths(
    path: Path,
    names: Sequence[str],
    truth: np.ndarray,
    history: np.ndarray,
    errors: np.ndarray,
) -> None:
    """Strengths `(steps, strengths)` on their way, and the last ones beside the true ones.

    The bars are two standard errors long to either side.
    """
    figure = Figure(figsize=(9.6, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    figure.suptitle("Noise of a device, learned from its counts", color=INK)
    colours = [ZERO if "read as" in name else ONE for name in names]
    for values, true, colour in zip(history.T, truth, colours, strict=True):
        left.plot(values, color=colour, linewidth=1.3)
        left.axhline(true, linestyle="--", color=INK, linewidth=0.6)
    left.plot([], [], color=ONE, label="channels, on their way")
    left.plot([], [], color=ZERO, label="misreadings, on their way")
    left.set(xlabel="step of Adam", ylabel="strength", ylim=(0, None))
    places = np.arange(len(names))
    right.errorbar(
        history[-1], places, xerr=2 * errors, fmt="o", color=ONE, capsize=4, label="learned"
    )
    right.plot(truth, places, "|", color=WRONG, markersize=14, label="truth")
    right.set_yticks(places, names)
    right.invert_yaxis()
    right.set(xlabel="strength, with two standard errors", xlim=(0, None))
    _finish(figure, (left, right), path)


def save_trainings(path: Path, trainings: Mapping[str, Training]) -> None:
    """Loss and accuracy of several trainings, epoch by epoch."""
    figure = Figure(figsize=(9.6, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    figure.suptitle("A hybrid network, trained in several ways", color=INK)
    styles = zip((INK, FIT, WRONG, ONE, ZERO), ("-", "-", "-", "--", "-"), strict=True)
    for (name, training), (colour, line) in zip(trainings.items(), styles, strict=False):
        epochs = range(1, len(training.losses) + 1)
        style = {"color": colour, "linestyle": line, "linewidth": 1.8}
        left.plot(epochs, training.losses, "o", label=name, markersize=4, **style)
        right.plot(epochs, training.accuracies, "o", markersize=4, **style)
    left.set(xlabel="epoch", ylabel="mean negative log likelihood, training images")
    right.set(xlabel="epoch", ylabel="accuracy on test images")
    right.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _finish(figure, (left, right), path)


def _finish(figure: Figure, all_axes: Sequence[Axes], path: Path) -> None:
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    for axes in all_axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#e6e6e6", linewidth=0.8)
        axes.set_axisbelow(True)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    print(f"saved {path}")
