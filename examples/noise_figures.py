"""The figure of `noise_from_counts.py`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from figures import INK, ONE, WRONG, ZERO


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
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#e6e6e6", linewidth=0.8)
        axes.set_axisbelow(True)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    print(f"saved {path}")
