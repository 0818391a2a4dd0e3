"""The figures that the examples save, and the option that says where."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

ZERO, ONE, WRONG, FIT, INK = "#d9730d", "#1f5fa8", "#c2182b", "#7fb0e3", "#333333"
EDGE = 1.08  # of the square that the decision plot shows
BACKGROUND = LinearSegmentedColormap.from_list("classes", ["#f6c796", "#fdfdfd", "#a9c8ec"])


def example_parser(description: str | None) -> argparse.ArgumentParser:
    """A command line with the option that every example has."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    default = Path(__file__).parent / "output"
    parser.add_argument("--output", type=Path, default=default, help="folder for the figures")
    return parser


def training_parser(description: str | None, steps: int, every: int) -> argparse.ArgumentParser:
    """The same, for a training that goes on from its checkpoints."""
    parser = example_parser(description)
    parser.add_argument("--steps", type=_positive, default=steps, help="of the whole training")
    parser.add_argument("--every", type=_positive, default=every, help="steps between checkpoints")
    where = "for checkpoints, which a training goes on from; None: in that for the figures"
    parser.add_argument("--folder", type=Path, help=where)
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got {number}")
    return number


def save_decision(
    path: Path,
    points: np.ndarray,
    labels: np.ndarray,
    predicted: np.ndarray,
    score: Callable[[np.ndarray], np.ndarray],
    title: str,
) -> None:
    """Points of two classes on top of what the model says everywhere; wrong ones are circled.

    `score` maps points `(m, 2)` to `(m,)` numbers in [-1, 1], positive for class 1.
    """
    figure, axes = _new_figure((6.4, 5.2), title, "$x_0$", "$x_1$")
    ticks = np.linspace(-1, 1, 5)
    axes.set(xlim=(-EDGE, EDGE), ylim=(-EDGE, EDGE), aspect="equal", xticks=ticks, yticks=ticks)
    axes.grid(visible=False)
    shades = _shade(axes, score)
    figure.colorbar(shades, ax=axes, label="score of the model", ticks=ticks)
    axes.plot([-EDGE, EDGE], [EDGE, -EDGE], "--", color=INK, linewidth=1.2, label="true boundary")
    for value, colour, marker in ((0, ZERO, "s"), (1, ONE, "o")):
        x, y = points[labels == value].T
        label = f"class {value}"
        axes.scatter(x, y, 48, colour, marker=marker, edgecolors="white", zorder=3, label=label)
    x, y = points[labels != predicted].T
    circles = axes.scatter(x, y, 210, "none", edgecolors=WRONG, linewidths=2, zorder=3)
    circles.set_label(f"wrong ({len(x)} of {len(points)})")
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    _save(figure, path)


def save_losses(
    path: Path, losses: Sequence[float], title: str, step: str, loss: str = "loss"
) -> None:
    """The loss at every step."""
    figure, axes = _new_figure((6.4, 4), title, step, loss)
    line = "o-" if len(losses) <= 40 else "-"
    axes.plot(range(1, len(losses) + 1), losses, line, color=ONE, markersize=4, linewidth=1.8)
    axes.annotate(
        f"{losses[-1]:.4g}".replace("-", "\N{MINUS SIGN}"),
        (len(losses), losses[-1]),
        textcoords="offset points",
        xytext=(0, -9),
        ha="center",
        va="top",
        color=INK,
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(y=0.14)
    _save(figure, path)


def save_fit(
    path: Path,
    samples: tuple[np.ndarray, np.ndarray],
    grid: np.ndarray,
    truth: np.ndarray,
    fitted: np.ndarray,
    title: str,
) -> None:
    """Samples, the curve they come from, and the curve that was fitted."""
    figure, axes = _new_figure((6.4, 4), title, "x", "y")
    axes.plot(grid, fitted, color=FIT, linewidth=4.5, label="fitted by the circuit")
    axes.plot(grid, truth, "--", color=INK, linewidth=1.3, label="sin x")
    axes.plot(*samples, "o", color=ZERO, markeredgecolor="white", markersize=7, label="samples")
    axes.set_xticks(
        np.linspace(-np.pi, np.pi, 5), ["$-\\pi$", "$-\\pi/2$", "0", "$\\pi/2$", "$\\pi$"]
    )
    axes.legend(frameon=False)
    _save(figure, path)


def save_images(
    path: Path,
    images: np.ndarray,
    captions: Sequence[str],
    wrong: Sequence[bool],
    title: str,
) -> None:
    """Grey images `(count, height, width)` in a row, each with its caption; red where wrong."""
    figure = Figure(figsize=(1.5 * len(images), 2.15), layout="constrained")
    figure.suptitle(title, color=INK)
    row = figure.subplots(1, len(images), squeeze=False)[0]
    for axes, image, caption, is_wrong in zip(row, images, captions, wrong, strict=True):
        axes.imshow(image, cmap="gray", vmin=0, vmax=1)
        axes.set_title(caption, fontsize=10, color=WRONG if is_wrong else INK)
        axes.set(xticks=[], yticks=[])
    _save(figure, path)


def _shade(axes: Axes, score: Callable[[np.ndarray], np.ndarray]) -> ContourSet:
    """The score as background, with a line where it changes sign."""
    side = np.linspace(-EDGE, EDGE, 121)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    scores = np.clip(score(grid), -1, 1).reshape(len(side), len(side))
    axes.contour(side, side, scores, levels=[0], colors=INK, linewidths=1.4)
    axes.plot([], [], color=INK, linewidth=1.4, label="model's boundary")
    return axes.contourf(
        side, side, scores, levels=np.linspace(-1, 1, 21), cmap=BACKGROUND, zorder=0
    )


def _new_figure(
    size: tuple[float, float], title: str, xlabel: str, ylabel: str
) -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, color=INK, pad=10)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    print(f"saved {path}")
