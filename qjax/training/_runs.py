"""Floor 9. Chunks of the compiled program, one after the other, and what happens between them.

Runs that are done leave a batch under `vmap` where it halves: fewer are computed for nothing, and a
training compiles for few sizes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int, Shaped

from qjax._base.options import as_flag
from qjax._base.progress import progress_bar
from qjax._base.store import kept
from qjax.training._program import (
    Given,
    Recipe,
    Run,
    compiled_chunk,
    compiled_start,
    compiled_values,
)
from qjax.training._sampling import draws


@dataclass(frozen=True, repr=False)
class Trained:
    """What a training gave. Of many runs, each field has a leading axis of runs.

    Attributes:
        weights: pytree, as given: those of the last step, or with validation data those with the
            least loss on them.
        losses: the loss before each step, on its batch, shape `(steps,)`; of many runs those that
            stopped earlier are filled up with NaN.
        steps: how many were taken.
        converged: whether the training stopped because it had converged.
        diverged: whether it stopped because the loss, or the next weights, were no numbers; the
            weights are the last whose loss was one (of a loss that never was, the first).
        validation_losses: on the validation data, after each chunk; empty without.
        weights_before: pytree: the weights before each step, with an axis for the steps behind that
            of runs; None without `record_weights`.
    """

    weights: Any
    losses: Float[np.ndarray, "*runs steps"]
    steps: Int[np.ndarray, "*runs"]
    converged: Bool[np.ndarray, "*runs"]
    diverged: Bool[np.ndarray, "*runs"]
    validation_losses: Float[np.ndarray, "*runs checks"]
    weights_before: Any

    def __repr__(self) -> str:
        """How it ended; not thousands of numbers."""
        shown = {"steps": self.steps, "converged": self.converged, "diverged": self.diverged}
        last = self.losses[..., -1] if self.losses.ndim == 1 else np.nanmin(self.losses, axis=-1)
        what = "last loss" if self.losses.ndim == 1 else "least losses"
        return f"Trained({what} {last}, " + ", ".join(f"{n}={v}" for n, v in shown.items()) + ")"


@dataclass(frozen=True)
class Progress:
    """What a callback is told between two chunks. Of many runs, with a leading axis of runs.

    Attributes:
        step: how many steps were taken, of the run that has most.
        weights: pytree, where the training stands.
        losses: before each step of the chunk, NaN for steps that a run did not take.
        weights_before: pytree: the weights before each of these steps, with an axis for them; None
            without `record_weights`.
        validation_loss: on the validation data, NaN without.
    """

    step: int
    weights: Any
    losses: Float[np.ndarray, "*runs steps"]
    weights_before: Any
    validation_loss: Float[np.ndarray, "*runs"]


Chosen = Int[np.ndarray, "runs steps batch"]
Told = TypeVar("Told", Trained, Progress)


@dataclass(frozen=True)
class Validation:
    """How a training is watched.

    Attributes:
        data: pytree of arrays, of which the rows are validated on.
        rows: which of them for each run, shape `(runs, rows)`; None for all.
        patience: how many checks without a smaller loss end a run; None for any number.
    """

    data: Any
    rows: Int[Array, "runs rows"] | None
    patience: int | None


@dataclass
class _Watch:
    """The best weights so far, and what the checks gave. Host state of one training."""

    weights: Any
    best: Float[np.ndarray, " runs"]
    waited: Int[np.ndarray, " runs"]
    history: list[np.ndarray] = field(default_factory=list)


def trained(
    recipe: Recipe,
    weights: Any,
    given: Given,
    data: Any,
    num_steps: int,
    *,
    chosen: Chosen | None,
    seeds: Int[np.ndarray, "runs words"],
    validation: Validation | None,
    callback: Callable[[Progress], object] | None,
    shown: bool,
) -> Trained:
    """Train all runs to their end.

    Args:
        recipe: what programs are compiled for.
        weights: of all runs.
        given: what the runs are given.
        data: what rows are drawn from.
        num_steps: the most.
        chosen: the rows of each step, where the caller says; else they are drawn.
        seeds: of those draws, for each run.
        validation: how the runs are watched; None where they are not.
        callback: told of each chunk.
        shown: whether there is a bar.
    """
    runs = compiled_start(recipe)(weights, given, data)
    count = len(runs.active)
    watch = _Watch(weights, np.full(count, np.inf), np.zeros(count, int))
    chunks: list[tuple[np.ndarray, Any]] = []
    with progress_bar(num_steps, shown, "steps") as advance:
        for first in range(0, num_steps, recipe.num_steps):
            positions = _positions(recipe, chosen, seeds, first)
            count = min(recipe.num_steps, num_steps - first)
            runs, values, before = _advanced(recipe, runs, given, positions, data, count)
            chunks.append((values, jax.device_get(before)))
            if validation is not None:
                runs = _validated(recipe, validation, watch, runs, given)
            advance(count)
            told = Progress(first + count, runs.weights, values, before, _last_loss(watch))
            stop = callback is not None and _answer(callback(told))
            if stop or not np.asarray(runs.active).any():
                break
    return _result(runs, chunks, watch if validation is not None else None)


def _answer(stop: object) -> bool:
    """Whether a callback wants the training to stop."""
    return stop is not None and as_flag(stop, "callback: what it returned")


def _without_rest(chunk: Any, num_steps: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[:, :num_steps], chunk)


def _positions(
    recipe: Recipe, chosen: Chosen | None, seeds: np.ndarray, first: int
) -> Shaped[Array, "runs steps batch"] | None:
    """The rows of the next steps: those that the caller chose, or drawn ones; None for all."""
    if recipe.batches is None:
        return None
    if chosen is None:
        return jnp.asarray(draws(recipe.batches, seeds, first, recipe.num_steps))
    own = chosen[:, first : first + recipe.num_steps]
    # The last chunk is as long as the others; what is past the end is not computed.
    return jnp.asarray(np.pad(own, ((0, 0), (0, recipe.num_steps - own.shape[1]), (0, 0))))


def _advanced(
    recipe: Recipe, runs: Run, given: Given, positions: Any, data: Any, count: int
) -> tuple[Run, Float[np.ndarray, "runs steps"], Any]:
    """All runs after a chunk; of a batch, only those that go on are computed."""
    program, steps = compiled_chunk(recipe), np.int32(count)
    places = _going(np.asarray(runs.active))
    if not recipe.vectorized or len(places) == len(runs.active):
        runs, losses, before = program(runs, given, positions, data, steps)
        return runs, *_without_rest((np.asarray(losses), before), count)
    subset = _compiled_take()((runs, given, positions), places)
    subset, losses, before = program(*subset, data, steps)
    values = np.full((len(runs.active), recipe.num_steps), np.nan, losses.dtype)
    values[places] = losses
    if recipe.records:
        still = jax.tree.map(lambda leaf: leaf[:, None].repeat(recipe.num_steps, 1), runs.weights)
        before = _compiled_put()(still, places, before)
    runs = _compiled_put()(runs, places, subset)
    return runs, *_without_rest((values, before), count)


def _going(active: Bool[np.ndarray, " runs"]) -> Int[np.ndarray, " places"]:
    """The runs to compute: all that are active, filled up to a half, a quarter, ... of all."""
    width = len(active)
    while width > 1 and active.sum() <= width // 2:
        width //= 2
    # Those that are active come first, in their order.
    return np.sort(np.argsort(~active, stable=True)[:width])


@kept()
def _compiled_take() -> Callable[..., Any]:
    """(tree, places) -> the runs there."""
    return jax.jit(lambda tree, places: jax.tree.map(lambda leaf: leaf[places], tree))


@kept()
def _compiled_put() -> Callable[..., Any]:
    """(tree, places, values) -> the tree with these runs there."""

    def put(tree: Any, places: Array, values: Any) -> Any:
        return jax.tree.map(lambda leaf, new: leaf.at[places].set(new), tree, values)

    return jax.jit(put)


def _validated(
    recipe: Recipe, validation: Validation, watch: _Watch, runs: Run, given: Given
) -> Run:
    """Keep the best weights; end the runs that have not become better for too long."""
    values = np.asarray(
        compiled_values(recipe.loss, recipe.vectorized)(
            (runs.weights, given._replace(rows=validation.rows)), validation.data
        )
    )
    better = values < watch.best
    watch.history.append(values)
    watch.best = np.where(better, values, watch.best)
    watch.waited = np.where(better, 0, watch.waited + 1)
    watch.weights = _chosen(jnp.asarray(better), runs.weights, watch.weights)
    if validation.patience is None:
        return runs
    return runs._replace(active=runs.active & (watch.waited < validation.patience))


def _chosen(which: Bool[Array, " runs"], new: Any, old: Any) -> Any:
    def choose(new: Array, old: Array) -> Array:
        return jnp.where(which.reshape(-1, *(1,) * (new.ndim - 1)), new, old)

    return jax.tree.map(choose, new, old)


def _last_loss(watch: _Watch) -> Float[np.ndarray, " runs"]:
    """The last validation loss of each run, NaN without."""
    return watch.history[-1] if watch.history else np.full(len(watch.best), np.nan)


def _result(runs: Run, chunks: list[tuple[np.ndarray, Any]], watch: _Watch | None) -> Trained:
    steps = np.asarray(runs.steps)
    whole = jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *chunks)
    values, before = _without_rest(whole, int(steps.max()))
    checks = np.zeros((len(steps), 0), values.dtype)
    return Trained(
        weights=runs.weights if watch is None else watch.weights,
        losses=values,
        steps=steps,
        converged=np.asarray(runs.converged),
        diverged=np.asarray(runs.diverged),
        validation_losses=checks if watch is None else np.stack(watch.history, axis=1),
        weights_before=before,
    )


def only(of_many: Told) -> Told:
    """The one run of a training of one."""

    def first(leaf: Any) -> Any:
        return leaf[0] if np.ndim(leaf) else leaf

    alone = {name: jax.tree.map(first, value) for name, value in vars(of_many).items()}
    return replace(of_many, **alone)
