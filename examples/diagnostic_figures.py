"""The figures of `diagnostics.py`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import FIT, INK, ONE, ZERO

COLOURS = (ZERO, ONE)


def save_fidelities(path: Path, fidelities: Mapping[str, np.ndarray], dimension: int) -> None:
    """Histograms of fidelities, and the density of Haar-random states."""
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = _styled(figure.subplots(), "Fidelities of random pairs of states", "fidelity", "density")
    for (label, values), colour in zip(fidelities.items(), COLOURS, strict=True):
        axes.hist(values, 50, range=(0, 1), density=True, color=colour, alpha=0.55, label=label)
    grid = np.linspace(0, 1, 200)
    haar = (dimension - 1) * (1 - grid) ** (dimension - 2)
    axes.plot(grid, haar, "--", color=INK, linewidth=1.5, label="Haar-random states")
    axes.set(xlim=(0, 1), yscale="log", ylim=(1e-2, 40))
    axes.legend(frameon=False)
    _save(figure, path)


def save_variances(
    path: Path, widths: Sequence[int], variances: Mapping[int, Sequence[float]]
) -> None:
    """The variance of derivatives over the number of qubits, and a power of two for each."""
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = _styled(figure.subplots(), "Barren plateaus", "qubits", "variance of derivatives")
    for (layers, values), colour in zip(variances.items(), COLOURS, strict=True):
        axes.semilogy(widths, values, "o-", color=colour, label=f"{layers} layers")
    guide = 2.0 ** -np.asarray(widths)
    scale = 1.6 * max(map(max, variances.values())) / guide[0]
    axes.semilogy(widths, scale * guide, "--", color=INK, linewidth=1.2, label="$2^{-n}$")
    axes.set_xticks(widths)
    axes.legend(frameon=False)
    _save(figure, path)


def save_dimensions(
    path: Path,
    spectra: Mapping[str, np.ndarray],
    num_data: np.ndarray,
    dimensions: Mapping[str, np.ndarray],
) -> None:
    """Eigenvalues of the normalised Fisher information, and effective dimensions over the data."""
    figure = Figure(figsize=(9.6, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _styled(left, "Fisher information", "normalised eigenvalue", "density")
    _styled(right, "Effective dimension", "number of data", "effective dimension / weights")
    largest = max(values.max() for values in spectra.values())
    for name, colour in zip(spectra, COLOURS, strict=True):
        left.hist(
            spectra[name],
            25,
            range=(0, largest),
            density=True,
            color=colour,
            alpha=0.55,
            label=name,
        )
        right.semilogx(num_data, dimensions[name], color=colour, linewidth=1.8, label=name)
    left.set_yscale("log")
    right.legend(frameon=False)
    _save(figure, path)


def save_coefficients(path: Path, frequencies: np.ndarray, coefficients: np.ndarray) -> None:
    """Fourier coefficients in the complex plane, one panel for each frequency from 0."""
    shown = np.flatnonzero(frequencies >= 0)
    figure = Figure(figsize=(2.1 * len(shown), 2.6), layout="constrained")
    figure.suptitle("Fourier coefficients for random weights", color=INK)
    reach = 1.05 * np.abs(coefficients).max()
    for axes, place in zip(figure.subplots(1, len(shown)), shown, strict=True):
        values = coefficients[:, place]
        axes.scatter(values.real, values.imag, 7, ONE, edgecolors=FIT, linewidths=0.3)
        axes.set_title(f"frequency {frequencies[place]:g}", fontsize=10, color=INK)
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
        axes.grid(color="#e6e6e6", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.label_outer()
    _save(figure, path)


def _styled(axes: Axes, title: str, xlabel: str, ylabel: str) -> Axes:
    axes.set_title(title, color=INK, pad=10)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    return axes


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    print(f"saved {path}")
