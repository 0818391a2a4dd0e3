"""Floor 9. A chunk of steps as one compiled program, of one run or of many.

    weights -> loss and gradient on a batch -> optimizer -> weights

is one step, a loop of them is a chunk, and runs are batched by `vmap`, or follow one another in one
program. Numbers, such as the learning rate and how many steps there are, are arguments. A run that
is done is carried along as it is.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Bool, Float, Int

from qjax._base import tuning
from qjax._base.store import kept
from qjax.training._plateau import Plateau
from qjax.training._sampling import Batches, rows_of
from qjax.training._stepper import Optimizer, Settings, Step, transformation_of, updated

Loss = Callable[..., Array]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a program is compiled for; all else is an argument of it.

    Attributes:
        loss: (weights, batch), or (weights, batch, settings) -> a scalar.
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
        state: the optimizer's.
        recent: the last losses, where convergence asks for them.
        steps: how many were taken.
        active: whether it goes on.
        converged: whether it stopped because it had converged.
        diverged: whether it stopped because loss or weights were no numbers.
    """

    weights: Any
    state: Any
    recent: Float[Array, " window"]
    steps: Int[Array, ""]
    active: Bool[Array, ""]
    converged: Bool[Array, ""]
    diverged: Bool[Array, ""]


class Given(NamedTuple):
    """What a run is given once: its numbers, and its rows of the data (or None)."""

    settings: Settings
    rows: Int[Array, " rows"] | None


@kept(tuning.PROGRAM_BYTES)
def compiled_start(recipe: Recipe) -> Callable[..., Run]:
    """(weights, given, data), each with a leading axis of runs but the data -> the runs."""

    def start(weights: Any, given: Given, data: Any) -> Run:
        transformation = transformation_of(recipe.optimizer, given.settings)
        count = 2 * recipe.convergence.window if recipe.convergence else 0
        batch = _first_batch(recipe, given, data)
        value = jax.eval_shape(_loss_of(recipe, batch, given.settings), weights)
        no, none = jnp.zeros((), bool), jnp.zeros((), jnp.int32)
        recent = jnp.full(count, jnp.nan, value.dtype)
        return Run(weights, transformation.init(weights), recent, none, ~no, no, no)

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
    """((weights, settings, rows or None), each of many runs, data) -> their losses on those."""

    def values(runs: tuple[Any, Settings, Array | None], data: Any) -> Array:
        def value(own: tuple[Any, Settings, Array | None]) -> Array:
            weights, settings, rows = own
            return called(loss, weights, rows_of(data, rows), settings)

        return jax.vmap(value)(runs) if vectorized else lax.map(value, runs)

    return jax.jit(values)


def called(loss: Loss, weights: Any, batch: Any, settings: Settings) -> Array:
    """The value of a loss, with the settings if it takes them."""
    given = (weights, batch, settings) if takes_settings(loss) else (weights, batch)
    value = loss(weights) if takes_weights_alone(loss) else loss(*given)
    expected = "loss: expected a function that returns a real scalar, got"
    if not isinstance(value, (jax.Array, np.ndarray, np.number, int, float, complex)):
        raise TypeError(f"{expected} {type(value).__name__}")
    if jnp.shape(value) != () or not jnp.issubdtype(jnp.result_type(value), jnp.floating):
        raise TypeError(
            f"{expected} shape {jnp.shape(value)} of {jnp.result_type(value)}; take the mean over "
            "the batch"
        )
    return jnp.asarray(value)


def takes_settings(loss: Loss) -> bool:
    """Whether a loss has a third argument that it needs."""
    return sum(parameter.default is parameter.empty for parameter in _positional(loss)) > 2


def takes_weights_alone(loss: Loss) -> bool:
    """Whether a loss has one argument only."""
    return len(_positional(loss)) == 1


def _positional(loss: Loss) -> list[inspect.Parameter]:
    """Arguments that may be given by their place; of `*args`, three."""
    several = inspect.Parameter.VAR_POSITIONAL
    kinds = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    parameters = inspect.signature(loss).parameters.values()
    if any(parameter.kind is several for parameter in parameters):
        return [parameter for parameter in parameters for _ in range(3)]
    return [parameter for parameter in parameters if parameter.kind in kinds]


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

    Where loss or new weights are no numbers, the run ends at the weights before.
    """
    batch = rows_of(data, drawn if given.rows is None else rows_of(given.rows, drawn))
    loss = _loss_of(recipe, batch, given.settings)
    value, gradient = jax.value_and_grad(loss)(run.weights)
    more = recipe.update_arguments(batch) if recipe.update_arguments else {}
    weights, state = updated(
        transformation_of(recipe.optimizer, given.settings),
        Step(value, gradient, loss),
        run.state,
        run.weights,
        more,
    )
    going = jnp.isfinite(value) & _are_finite(weights)
    weights, state = jax.tree.map(
        lambda new, old: jnp.where(going, new, old), (weights, state), (run.weights, run.state)
    )
    recent = jnp.append(run.recent[1:], value) if len(run.recent) else run.recent
    converged = run.converged
    if recipe.convergence is not None:
        converged = recipe.convergence.is_reached(recent, run.steps) & going
    run = Run(weights, state, recent, run.steps + 1, going & ~converged, converged, ~going)
    return run, value


def _are_finite(weights: Any) -> Bool[Array, ""]:
    return jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(weights)]).all()


def _loss_of(recipe: Recipe, batch: Any, settings: Settings) -> Callable[[Any], Array]:
    return lambda weights: called(recipe.loss, weights, batch, settings)


def _first_batch(recipe: Recipe, given: Given, data: Any) -> Any:
    """A batch of the right shape, for what is asked of shapes alone."""
    rows = rows_of(data, given.rows)
    drawn = None if recipe.batches is None else jnp.zeros(recipe.batches.size, jnp.int32)
    return rows_of(rows, drawn)
