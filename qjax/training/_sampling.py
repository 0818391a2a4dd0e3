"""Floor 9. Which rows of the data a step of the training sees."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jax
import numpy as np
from jax import Array
from jaxtyping import Int

from qjax._base.placement import taken

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


Drawn = Int[np.ndarray, "steps batch"]


def draws(
    batches: Batches, seeds: Int[np.ndarray, "runs words"], first: int, num_steps: int
) -> Int[np.ndarray, "runs steps batch"]:
    """Positions of the rows that each step sees, for some steps from `first` on.

    What a step draws follows from its run's seed and its number: it does not matter how the steps
    of a training are cut into chunks. Drawn by NumPy: a program for random numbers takes longer to
    compile than a circuit.
    """
    draw = _in_epochs if batches.sampling == "epochs" else _with_replacement
    return np.stack([draw(batches, seed.tolist(), first, num_steps) for seed in seeds])


def _with_replacement(batches: Batches, seed: list[int], first: int, num_steps: int) -> Drawn:
    def draw(block: int) -> Drawn:
        drawn = np.random.default_rng([*seed, block])
        return drawn.integers(0, batches.num_rows, (_BLOCK, batches.size), np.int32)

    return _cut(draw, _BLOCK, first, num_steps)


def _in_epochs(batches: Batches, seed: list[int], first: int, num_steps: int) -> Drawn:
    """What is left of an epoch, less than a batch, is left out."""
    length = batches.num_rows // batches.size

    def draw(epoch: int) -> Drawn:
        order = np.random.default_rng([*seed, epoch]).permutation(np.int32(batches.num_rows))
        return order[: length * batches.size].reshape(length, batches.size)

    return _cut(draw, length, first, num_steps)


def _cut(draw: Callable[[int], Drawn], length: int, first: int, num_steps: int) -> Drawn:
    """Some steps, of pieces of so many steps each."""
    pieces = range(first // length, -(-(first + num_steps) // length))
    start = first - pieces.start * length
    return np.concatenate([draw(piece) for piece in pieces])[start : start + num_steps]


_BLOCK = 100  # steps that one generator draws for, where no epochs part them


def rows_of(data: Any, positions: Int[Array, " rows"] | None) -> Any:
    """The rows of each array of a pytree; all of them for None.

    Rows of data that lie along an explicit axis of a mesh lie along it again.
    """
    return data if positions is None else jax.tree.map(lambda x: taken(x, positions), data)
