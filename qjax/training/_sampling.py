"""Floor 9. Which rows of the data a step of the training sees."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Int

from qjax._base import tuning
from qjax._base.store import kept

Sampling = Literal["epochs", "replacement"]
GIVEN: Literal["given"] = "given"  # the caller says which rows each step sees


@dataclass(frozen=True, slots=True)
class Batches:
    """How rows are drawn.

    Attributes:
        num_rows: how many there are to draw from.
        size: rows of a batch.
        sampling: "epochs" goes through all rows in a random order, then through all in another;
            "replacement" draws each row of each batch by itself; "given" draws nothing.
    """

    num_rows: int
    size: int
    sampling: Sampling | Literal["given"]


Drawn = Int[Array, "steps batch"]


@kept(tuning.PROGRAM_BYTES)
def compiled_draws(
    batches: Batches, num_steps: int
) -> Callable[..., Int[Array, "runs steps batch"]]:
    """(keys of the runs, first step) -> positions of the rows that each of the next steps sees.

    What a step draws follows from its key and number: it does not matter how the steps of a
    training are cut into chunks. A program of its own, as random numbers compile longer than
    circuits, and serve those of all architectures.
    """
    draw = _in_epochs if batches.sampling == "epochs" else _with_replacement

    def draws(key: Array, first: Array) -> Array:
        return draw(key, first + jnp.arange(num_steps, dtype=jnp.int32), batches)

    return jax.jit(jax.vmap(draws, (0, None)))


def _with_replacement(key: Array, steps: Int[Array, " steps"], batches: Batches) -> Drawn:
    def draw(step: Array) -> Array:
        drawn = jax.random.fold_in(key, step)
        return jax.random.randint(drawn, (batches.size,), 0, batches.num_rows)

    return jax.vmap(draw)(steps)


def _in_epochs(key: Array, steps: Int[Array, " steps"], batches: Batches) -> Drawn:
    """What is left of an epoch, less than a batch, is left out."""
    size, num_rows = batches.size, batches.num_rows
    per_epoch = num_rows // size
    first = steps[0] // per_epoch
    epochs = first + jnp.arange(2 + (len(steps) - 1) // per_epoch, dtype=jnp.int32)

    def order(epoch: Array) -> Array:
        return jax.random.permutation(jax.random.fold_in(key, epoch), num_rows)

    cut = jax.vmap(order)(epochs)[:, : per_epoch * size].reshape(-1, size)
    return cut[steps - first * per_epoch]


def rows_of(data: Any, positions: Int[Array, " rows"] | None) -> Any:
    """The rows of each array of a pytree; all of them for None."""
    return data if positions is None else jax.tree.map(lambda values: values[positions], data)
