"""Floor 9. A chunk of steps as one compiled program, of one run or of many.

    weights -> loss and gradient on a batch -> optimizer -> weights

is one step, a loop of them is a chunk, and runs are batched by `vmap`, or follow one another in one
program. Numbers, such as the learning rate and how many steps there are, are arguments. A run that
is done is carried along as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float, Int

from qjax._base import tuning
from qjax._base.store import kept
from qjax.training._loss import Loss, called
from qjax.training._plateau import Plateau
from qjax.training._sampling import Batches, rows_of
from qjax.training._stepper import Optimizer, Settings, Step, transformation_of, updated


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a program is compiled for; all else is an argument of it.

    Attributes:
        loss: (weights, batch), or (weights, batch, settings) -> a scalar; one with `key` draws.
        optimizer: a transformation, or settings -> a transformation.
        batches: how rows are drawn; None for all of them in each step, in their order.
        convergence: when a run is done before its last step.
        num_steps: steps of a chunk at most.
        records: whether the weights before each step are results, too.
        vectorized: whether many runs are a batch, under `vmap`, or follow one another.
        update_arguments: batch -> what the optimizer is told beside the gradient.
    """

    loss: Loss
    optimizer: Optimizer
    batches: Batches | None
    convergence: Plateau | None
    num_steps: int
    records: bool
    vectorized: bool
    update_arguments: Callable[[Any], dict[str, Any]] | None


class Run(NamedTuple):
    """Where a training stands.

    Attributes:
        weights: pytree.
        before: those of the last step, where the loss was a number.
        state: the optimizer's.
        recent: the last losses, where convergence asks for them.
        steps: how many were taken.
        active: whether it goes on.
        converged: whether it stopped because it had converged.
        diverged: whether it stopped because loss or weights were no numbers.
    """

    weights: Any
    before: Any
    state: Any
    recent: Float[Array, " window"]
    steps: Int[Array, ""]
    active: Bool[Array, ""]
    converged: Bool[Array, ""]
    diverged: Bool[Array, ""]


class Given(NamedTuple):
    """What a run is given once.

    Attributes:
        settings: its numbers.
        rows: its rows of the data; None for all.
        key: what the keys of its steps follow from; None for a loss that draws nothing.
    """

    settings: Settings
    rows: Int[Array, " rows"] | None
    key: Array | None


@kept(tuning.PROGRAM_BYTES)
def compiled_start(recipe: Recipe) -> Callable[..., Run]:
    """(weights, given, data), each with a leading axis of runs but the data -> the runs."""

    def start(weights: Any, given: Given, data: Any) -> Run:
        transformation = transformation_of(recipe.optimizer, given.settings)
        count = 2 * recipe.convergence.window if recipe.convergence else 0
        batch = _first_batch(recipe, given, data)
        value = jax.eval_shape(_loss_of(recipe, batch, given.settings, given.key), weights)
        no, none = jnp.zeros((), bool), jnp.zeros((), jnp.int32)
        recent = jnp.full(count, jnp.nan, value.dtype)
        return Run(weights, weights, transformation.init(weights), recent, none, ~no, no, no)

    return jax.jit(jax.vmap(start, (0, 0, None)))


@kept(tuning.PROGRAM_BYTES)
def compiled_chunk(recipe: Recipe) -> Callable[..., tuple[Run, Array, Any]]:
    """(runs, given, positions, data, how many steps) -> runs, losses, and weights before each step.

    Positions are those of the rows that each step draws, or None for all rows. What is behind the
    steps in losses and weights means nothing.
    """

    def chunk(
        run: Run, given: Given, positions: Array | None, data: Any, count: Array
    ) -> tuple[Run, Array, Any]:
        def step(index: Array, carried: tuple[Run, Array, Any]) -> tuple[Run, Array, Any]:
            run, losses, weights = carried
            before = run.weights
            run, value = lax.cond(
                run.active,
                lambda run: _step(recipe, given, data, run, rows_of(positions, index)),
                lambda run: (run, jnp.full((), jnp.nan, run.recent.dtype)),
                run,
            )
            if recipe.records:
                weights = jax.tree.map(lambda kept, now: kept.at[index].set(now), weights, before)
            return run, losses.at[index].set(value), weights

        losses = jnp.full(recipe.num_steps, jnp.nan, run.recent.dtype)
        weights = jax.tree.map(lambda leaf: _repeated(leaf, recipe.num_steps), run.weights)
        recorded = weights if recipe.records else None
        return lax.fori_loop(0, count, step, (run, losses, recorded))

    return jax.jit(_over_runs(chunk, recipe.vectorized))


def _repeated(leaf: Array, times: int) -> Array:
    return jnp.broadcast_to(leaf, (times, *leaf.shape))


@kept(tuning.PROGRAM_BYTES)
def compiled_values(loss: Loss, vectorized: bool) -> Callable[..., Float[Array, " runs"]]:
    """((weights, given), each of many runs, data) -> their losses on their rows of those.

    A loss that draws has one key for all checks of a run, so that these differ by weights alone.
    """

    def values(runs: tuple[Any, Given], data: Any) -> Array:
        def value(own: tuple[Any, Given]) -> Array:
            weights, given = own
            key = None if given.key is None else jax.random.fold_in(given.key, _CHECKS)
            return called(loss, weights, rows_of(data, given.rows), given.settings, key)

        return jax.vmap(value)(runs) if vectorized else lax.map(value, runs)

    return jax.jit(values)


_CHECKS = 2**32 - 1  # no step has that number


def _over_runs(chunk: Callable[..., Any], vectorized: bool) -> Callable[..., Any]:
    """A function of one run -> of a leading axis of them.

    A single one is never vectorized: under `vmap` both branches of a condition are computed.
    """

    def of_many(runs: Run, given: Given, positions: Array | None, data: Any, count: Array) -> Any:
        def of_one(own: tuple[Run, Given, Array | None]) -> Any:
            return chunk(*own, data, count)

        all_of_them = runs, given, positions
        if len(runs.active) > 1:
            return (jax.vmap(of_one) if vectorized else partial(lax.map, of_one))(all_of_them)
        alone = of_one(jax.tree.map(lambda values: values[0], all_of_them))
        return jax.tree.map(lambda values: values[None], alone)

    return of_many


def _step(
    recipe: Recipe, given: Given, data: Any, run: Run, drawn: Array | None
) -> tuple[Run, Float[Array, ""]]:
    """One step, and the loss before it.

    Where the new weights are no numbers, the run ends at those before; where the loss is none, at
    the last weights whose loss was one.
    """
    batch = rows_of(data, drawn if given.rows is None else rows_of(given.rows, drawn))
    # The number of the step, not its place in a chunk: chunks may be of any length.
    key = None if given.key is None else jax.random.fold_in(given.key, run.steps)
    loss = _loss_of(recipe, batch, given.settings, key)
    value, gradient = jax.value_and_grad(loss)(run.weights)
    more = recipe.update_arguments(batch) if recipe.update_arguments else {}
    weights, state = updated(
        transformation_of(recipe.optimizer, given.settings),
        Step(value, gradient, loss),
        run.state,
        run.weights,
        more,
    )
    known = jnp.isfinite(value)
    going = known & _are_finite(weights)
    before = _either(known, run.weights, run.before)
    weights, state = _either(going, (weights, state), (before, run.state))
    recent = jnp.append(run.recent[1:], value) if len(run.recent) else run.recent
    converged = run.converged
    if recipe.convergence is not None:
        converged = recipe.convergence.is_reached(recent, run.steps) & going
    run = Run(weights, before, state, recent, run.steps + 1, going & ~converged, converged, ~going)
    return run, value


def _either(which: Bool[Array, ""], one: Any, other: Any) -> Any:
    return jax.tree.map(lambda first, second: jnp.where(which, first, second), one, other)


def _are_finite(weights: Any) -> Bool[Array, ""]:
    return jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(weights)]).all()


def _loss_of(
    recipe: Recipe, batch: Any, settings: Settings, key: Array | None
) -> Callable[[Any], Array]:
    return lambda weights: called(recipe.loss, weights, batch, settings, key)


def _first_batch(recipe: Recipe, given: Given, data: Any) -> Any:
    """A batch of the right shape, for what is asked of shapes alone."""
    rows = rows_of(data, given.rows)
    drawn = None if recipe.batches is None else jnp.zeros(recipe.batches.size, jnp.int32)
    return rows_of(rows, drawn)
