"""Floor 9. Frequencies of a loss in each weight -> where to evaluate it, and where it is lowest.

In one weight the loss is a0 + sum over r of a_r cos(w_r x) + b_r sin(w_r x), so 2R + 1 values tell
all of it: G. Vidal and D. O. Theis, arXiv:1812.06323; D. Wierichs, J. Izaac, C. Wang and C. Y.-Y.
Lin, Quantum 6, 677 (2022), section 3.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from qjax._base import tuning
from qjax._base.store import kept
from qjax._circuit.frequencies import common_divisor

# Where the lowest point is looked for: from so many in a period of the highest frequency, by so
# many steps. A step halves an interval at worst, and doubles the digits at best.
_POINTS_IN_PERIOD = 10
_NEWTON_STEPS = 12

# The longest period that is searched, in periods of the highest frequency.
_MOST_PERIODS = 512


class Coordinates(NamedTuple):
    """One row for each weight.

    Attributes:
        shifts: where the loss is evaluated, `(weights, 2R + 1)`, the first of them 0.
        fit: from those values to a0, a_1, ..., a_R, b_1, ..., b_R: `(weights, 2R + 1, 2R + 1)`.
        frequencies: `(weights, R)`; where a weight has fewer they are 0.
        spans: half a period of the loss in each weight `(weights,)`; where it has none, or one too
            long, half a period of the lowest frequency.
    """

    shifts: Float[np.ndarray, "weights values"]
    fit: Float[np.ndarray, "weights coefficients values"]
    frequencies: Float[np.ndarray, "weights R"]
    spans: Float[np.ndarray, " weights"]

    @property
    def num_points(self) -> int:
        """How many points of a period the lowest one is looked for among; an even number."""
        periods = (self.spans * self.frequencies.max(axis=1, initial=0)).max(initial=1) / np.pi
        return _POINTS_IN_PERIOD * int(np.ceil(periods - 1e-9))


@kept()
def coordinates_of(spectra: tuple[tuple[float, ...], ...]) -> Coordinates:
    """The tables for weights of these frequencies, each set positive and increasing.

    Raises:
        ValueError: for frequencies too close to each other to tell apart.
    """
    most = max(map(len, spectra), default=0)
    size = 2 * most + 1
    shifts, fit = np.zeros((len(spectra), size)), np.zeros((len(spectra), size, size))
    frequencies, spans = np.zeros((len(spectra), most)), np.ones(len(spectra))
    for row, spectrum in enumerate(spectra):
        count = len(spectrum)
        places = [0, *range(1, count + 1), *range(most + 1, most + count + 1)]
        frequencies[row, :count] = spectrum
        shifts[row, : 2 * count + 1], inverse = _interpolation(spectrum)
        fit[row][np.ix_(places, range(2 * count + 1))] = inverse
        if spectrum:
            spans[row] = np.pi / (common_divisor(spectrum, _MOST_PERIODS) or spectrum[0])
    return Coordinates(shifts, fit, frequencies, spans)


@kept()
def _interpolation(spectrum: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The shifts whose values tell the coefficients best, of a few sets, and how they do."""
    if not spectrum:
        return np.zeros(1), np.ones((1, 1))
    turns, count = np.asarray(spectrum), len(spectrum)
    odd, even = (2 * np.arange(count) + 1) / 2, 2 * (np.arange(count) + 1) / (2 * count + 1)
    steps = [odd * np.pi / turns[-1]]
    steps += [even * np.pi / unit for unit in (turns[0], turns[-1] / count)]
    steps += [scale * steps[0] for scale in (0.55, 0.7, 0.85, 1.3)]
    candidates = [np.concatenate([[0.0], step, -step]) for step in steps]
    systems = [
        np.concatenate(
            [np.ones((1, len(c))), np.cos(np.outer(turns, c)), np.sin(np.outer(turns, c))]
        )
        for c in candidates
    ]
    best = int(np.argmin([np.linalg.cond(system) for system in systems]))
    if np.linalg.cond(systems[best]) > 1e6:
        raise ValueError(
            f"frequencies: {spectrum} are too close to each other to be told apart by values"
        )
    return candidates[best], np.linalg.inv(systems[best].T)


@kept()
def compiled_lowest(num_points: int) -> Callable[..., tuple[Array, Array]]:
    """(values, fit, frequencies, span) -> where the loss is lowest along a weight, and how low."""
    return jax.jit(partial(_lowest, num_points=num_points))


def _lowest(
    values: Float[Array, " values"],
    fit: Float[Array, "coefficients values"],
    frequencies: Float[Array, " R"],
    span: Array,
    num_points: int,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The shift of a weight to where the loss is lowest, and the loss there.

    Args:
        values: of the loss at the weight's shifts, the first of them without a shift.
        fit: the weight's row of the table.
        frequencies: likewise.
        span: likewise.
        num_points: see `Coordinates`.
    """
    coefficients = jnp.matmul(fit, values, precision=tuning.PRECISION)
    count = len(frequencies)
    constant, cosine, sine = jnp.split(coefficients, [1, count + 1])
    if count == 0:
        return jnp.zeros_like(constant[0]), constant[0]
    if count == 1:
        return _lowest_of_one(constant[0], cosine[0], sine[0], frequencies[0])

    def series(x: Array) -> Array:
        return constant[0] + jnp.sum(
            cosine * jnp.cos(frequencies * x) + sine * jnp.sin(frequencies * x)
        )

    grid = span * jnp.linspace(-1, 1, num_points, endpoint=False, dtype=values.dtype)
    minima = jax.vmap(partial(_descended, series, width=2 * span / num_points))(grid)
    # Without a period, the ends of the interval count too.
    points = jnp.concatenate([minima, jnp.stack([-span, span])])
    shift = points[jnp.argmin(jax.vmap(series)(points))]
    # Where all is flat, nothing moves.
    better = series(shift) < series(jnp.zeros_like(shift))
    shift = jnp.where(better, shift, 0)
    return shift, series(shift)


def _lowest_of_one(
    constant: Array, cosine: Array, sine: Array, frequency: Array
) -> tuple[Array, Array]:
    """In closed form: a cos(w x) + b sin(w x) is lowest where it is -sqrt(a^2 + b^2)."""
    size = jnp.hypot(cosine, sine)
    moves = (size > 0) & (frequency > 0)
    angle = jnp.arctan2(-sine, jnp.where(moves, -cosine, 1))
    return jnp.where(moves, angle / jnp.where(moves, frequency, 1), 0), constant - size


def _descended(series: Any, start: Array, width: Array) -> Array:
    """The minimum beside a point, if it is lower than those at a distance of `width`.

    Newton's method for a zero of the slope; where it would leave the interval that must hold one,
    the interval is halved instead.
    """
    slope = jax.grad(series)
    curvature = jax.grad(slope)

    def step(_: int, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        x, low, high = carry
        gradient, bend = slope(x), curvature(x)
        low, high = jnp.where(gradient < 0, x, low), jnp.where(gradient > 0, x, high)
        proposed = x - gradient / jnp.where(bend > 0, bend, 1)
        inside = (bend > 0) & (proposed >= low) & (proposed <= high)
        return jnp.where(inside, proposed, (low + high) / 2), low, high

    return lax.fori_loop(0, _NEWTON_STEPS, step, (start, start - width, start + width))[0]
