"""Floor 6. (noisy circuit, parameters, strengths, key) -> means over runs, and their errors.

A mean over runs that are drawn with probability p(run) has the derivative E[df] + E[f dlog p]. The
second term does not change when a number that does not depend on the run is taken from f: the mean
of the other runs' values serves, which takes most of its variance away (the leave-one-out baseline:
W. Kool, H. van Hoof and M. Welling, "Buy 4 REINFORCE samples, get a baseline for free!", ICLR
workshop 2019). What is left of the variance of a derivative is that of
df + (f - E[f]) dlog p over the runs, divided by their number; dlog p has about one summand of
variance 1 / p for each place where something of probability p happens.

A derivative knows of what is drawn: of a jump of probability exactly 0 it knows nothing, and a
strength of 0 has a derivative that lacks this. `qjax.simulators.DensityMatrix` has all of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Bool, Float, Int

from qjax._base import tuning
from qjax._base.tables import in_precision
from qjax._circuit.circuit import Circuit
from qjax._engine.drawn_bits import states_of_bits
from qjax._engine.task import Expectations, Outcomes
from qjax._engine.trajectories import follow_noisy
from qjax._noise import Channel
from qjax._plan import canonical_frame
from qjax._readout import expectation_values, marginal, probabilities_of, reading_of
from qjax._simulators.native.library import why_not

# (values, shared, batched) of runs -> what is read of them.
Finish = Callable[[Array, Array, Array], Array]


class Statistics(NamedTuple):
    """Means over runs, and their standard errors: NaN for a single run."""

    means: Float[Array, "outputs batch"]
    errors: Float[Array, "outputs batch"]


@dataclass(frozen=True, slots=True)
class FinalBits:
    """Read out how likely the classical bits at the end are.

    Attributes:
        clbits: which bits, the first as the least significant.
    """

    clbits: tuple[int, ...]


class _Grid(NamedTuple):
    """How runs are cut into parts that are computed one after the other.

    Attributes:
        samples: how many samples of the batch are in a part.
        runs: how many runs of each.
        sample_parts, run_parts: how many parts there are of both.
    """

    samples: int
    runs: int
    sample_parts: int
    run_parts: int


class _Sums(NamedTuple):
    """Of one part: the means of its runs, the sums of squared deviations, and their number."""

    means: Float[Array, "outputs samples"]
    squares: Float[Array, "outputs samples"]
    number: Float[Array, ""]


def noisy_runs(
    circuit: Circuit,
    readout: Expectations | Outcomes | FinalBits,
    shared: Float[Array, " shared"],
    batched: Float[Array, "batched runs"],
    places: tuple[int, ...],
    channels: Sequence[Channel],
    key: Array,
) -> tuple[Float[Array, "outputs runs"], Float[Array, " runs"]]:
    """What is read out of each of many runs, all at once, and their weights.

    Values and weights have the derivatives of how likely the runs are: a weight is 1 in value.

    Args:
        circuit: with noise in its places; measurements that nothing comes after do not matter.
        readout: expectation values, probabilities of some qubits, or 1 for the classical bits
            that a run ends with, and 0 for all others.
        shared: the parameters that all runs have in common, in the circuit's order.
        batched: those that differ per run, in the circuit's order.
        places: which these are, ascending.
        channels: those that noise names by their numbers.
        key: a JAX random key.
    """
    params = _merged(shared, batched, places) if places else shared
    runs = batched.shape[1]
    world = follow_noisy(circuit, params, channels, runs, key)
    state = world.state
    seen = probabilities_of(state)
    weights = seen.sum(axis=0)
    if isinstance(readout, FinalBits):
        outcomes = jnp.arange(2 ** len(readout.clbits), dtype=jnp.int32)
        hits = outcomes[:, None] == states_of_bits(world.bits, readout.clbits)[None]
        return hits.astype(weights.dtype) * weights[None], weights
    if isinstance(readout, Outcomes):
        return (seen if readout.qubits is None else marginal(seen, readout.qubits)), weights
    sizes = circuit.num_qubits, circuit.num_params
    frame = canonical_frame(circuit.num_qubits)
    reading = reading_of(readout.observables, *sizes, frozenset(places), frame)
    tables = in_precision(reading, jax.config.read("jax_enable_x64"))
    planes = seen[None] if reading.diagonal else state
    return expectation_values(tables, planes, shared, batched), weights


def _merged(shared: Array, batched: Array, places: tuple[int, ...]) -> Array:
    """All parameters, in the circuit's order, a column for each run."""
    count = len(shared) + len(places)
    others = [place for place in range(count) if place not in places]
    spread = jnp.broadcast_to(shared[:, None], (len(shared), batched.shape[1]))
    order = np.argsort([*places, *others]).astype(np.int32)
    return jnp.concatenate([batched, spread])[order]


def noisy_means(
    circuit: Circuit,
    readout: Expectations | Outcomes | FinalBits,
    shared: Float[Array, " shared"],
    batched: Float[Array, "batched batch"],
    places: tuple[int, ...],
    channels: Sequence[Channel],
    samples: int,
    key: Array,
    finish: Finish | None = None,
) -> Statistics:
    """Means over `samples` runs for each sample of a batch; arguments as `noisy_runs`.

    `finish` is what is made of the values of each run: a linear function of them.

    Derivatives are unbiased in parameters and in strengths, in forward and reverse mode. The same
    key draws the same numbers, whatever the parameters and strengths are: values are then smooth
    but where a run takes another branch.
    """
    channels = jax.tree.map(jnp.asarray, tuple(channels))
    batch = batched.shape[1]
    grid = _grid(batch, samples, circuit.num_qubits)
    columns = jnp.pad(
        batched, ((0, 0), (0, grid.samples * grid.sample_parts - batch)), mode="edge"
    ).reshape(len(batched), grid.sample_parts, grid.samples)

    def part(number: Int[Array, ""]) -> _Sums:
        own = jnp.repeat(columns[:, number // grid.run_parts], grid.runs, axis=1)
        fresh = jax.random.fold_in(key, number)
        values, weights = noisy_runs(circuit, readout, shared, own, places, channels, fresh)
        values = values if finish is None else finish(values, shared, own)
        first = number % grid.run_parts * grid.runs
        counts = first + jnp.arange(grid.runs, dtype=first.dtype) < samples
        split = (-1, grid.samples, grid.runs)
        return _summed(values.reshape(split), weights.reshape(split), counts)

    parts = grid.sample_parts * grid.run_parts
    if parts == 1:
        sums = jax.tree.map(lambda x: x[None], part(jnp.int32(0)))
    else:
        # Reverse mode keeps one part's states at a time.
        sums = lax.map(jax.checkpoint(part), jnp.arange(parts))
    return _combined(sums, grid, batch, samples)


def amplitudes_at_once() -> int:
    """How many amplitudes of runs are computed at once, where so many fit."""
    by_kernel = why_not() is None
    return tuning.NOISY_RUNS_AT_ONCE if by_kernel else tuning.NOISY_RUNS_AT_ONCE_BY_XLA


def _grid(batch: int, samples: int, num_qubits: int) -> _Grid:
    at_once = max(tuning.FEWEST_NOISY_RUNS, amplitudes_at_once() >> num_qubits)
    run_parts = -(-samples // at_once)
    runs = -(-samples // run_parts)
    side_by_side = max(1, min(batch, at_once // runs))
    return _Grid(side_by_side, runs, -(-batch // side_by_side), run_parts)


def _summed(
    values: Float[Array, "outputs samples runs"],
    weights: Float[Array, "1 samples runs"],
    counts: Bool[Array, " runs"],
) -> _Sums:
    """The statistics of a part, with a baseline for derivatives."""
    number = counts.sum().astype(values.dtype)

    def mean(x: Array) -> Array:
        return jnp.where(counts[None, None], x, 0).sum(axis=-1, keepdims=True) / number

    fixed = lax.stop_gradient(values)
    average = mean(fixed)
    # The mean of the other runs; nothing where there are none.
    others = jnp.maximum(number - 1, 1)
    baseline = jnp.where(number > 1, (average * number - fixed) / others, 0)
    values = values - baseline * (weights - lax.stop_gradient(weights))
    means = mean(values)
    squares = jnp.where(counts[None, None], jnp.square(fixed - average), 0).sum(axis=-1)
    return _Sums(means[..., 0], squares, number)


def _combined(sums: _Sums, grid: _Grid, batch: int, samples: int) -> Statistics:
    """Of all parts (T. Chan, G. Golub and R. LeVeque, American Statistician 37, 242 (1983))."""

    def by_sample(x: Array) -> Array:
        split = x.reshape(grid.sample_parts, grid.run_parts, *x.shape[1:])
        return jnp.moveaxis(split, (1, 2), (0, 1)).reshape(grid.run_parts, x.shape[1], -1)

    counts = sums.number.reshape(grid.sample_parts, grid.run_parts)[0][:, None, None]
    part_means = by_sample(sums.means)
    means = (counts * part_means).sum(axis=0) / samples
    fixed = lax.stop_gradient(part_means - means[None])
    squares = by_sample(sums.squares).sum(axis=0) + (counts * jnp.square(fixed)).sum(axis=0)
    variance = squares / (samples - 1 if samples > 1 else jnp.nan)
    return Statistics(means[:, :batch], jnp.sqrt(variance / samples)[:, :batch])
