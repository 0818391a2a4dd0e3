"""Floor 9. Which rows of the data a step of the training sees."""

from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Int

Sampling = Literal["epochs", "replacement"]


@dataclass(frozen=True, slots=True)
class Batches:
    """How rows are drawn.

    Attributes:
        num_rows: how many there are to draw from.
        size: rows of a batch; None for all of them, in their order.
        sampling: "epochs" goes through all rows in a random order, then through all in another;
            "replacement" draws each row of each batch by itself.
    """

    num_rows: int
    size: int | None
    sampling: Sampling

    @property
    def is_shuffled(self) -> bool:
        """Whether there is an order of rows to be kept from step to step."""
        return self.size is not None and self.sampling == "epochs"

    def first_order(self) -> Int[Array, " rows"]:
        """The order of rows before the first epoch: a shape to be filled."""
        return jnp.zeros(self.num_rows if self.is_shuffled else 0, jnp.int32)

    def draw(
        self, key: Array, order: Int[Array, " rows"], step: Int[Array, ""]
    ) -> tuple[Int[Array, " batch"] | None, Int[Array, " rows"]]:
        """Positions of the rows of a step, None for all; and the order of rows from then on.

        What a step draws follows from the key and its number, so it does not matter how the steps
        of a training are cut into chunks. What is left of an epoch, less than a batch, is left out.
        """
        if self.size is None:
            return None, order
        if not self.is_shuffled:
            drawn = jax.random.fold_in(key, step)
            return jax.random.randint(drawn, (self.size,), 0, self.num_rows), order
        epoch, place = jnp.divmod(step, self.num_rows // self.size)

        def shuffled() -> Array:
            drawn = jax.random.permutation(jax.random.fold_in(key, epoch), self.num_rows)
            return drawn.astype(order.dtype)

        order = lax.cond(place == 0, shuffled, lambda: order)
        return lax.dynamic_slice_in_dim(order, place * self.size, self.size), order


def rows_of(data: Any, positions: Int[Array, " rows"] | None) -> Any:
    """The rows of each array of a pytree; all of them for None."""
    return data if positions is None else jax.tree.map(lambda values: values[positions], data)
