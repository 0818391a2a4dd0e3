"""Floor 9. When a training has converged: the losses of late are like those before them."""

from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from qjax._base.options import as_whole


@dataclass(frozen=True, slots=True)
class Plateau:
    """Converged where the mean loss of the last `window` steps is that of the `window` before.

    The two means agree where they differ by at most half a standard error of the later one,
    s / (2 sqrt(window)), with s the standard deviation of the last `window` losses: the rule of J.
    Bowles, S. Ahmed and M. Schuld, "Better than classical?" (arXiv:2403.07059), appendix on
    training. It is made for losses on random batches; differences that rounding makes count as
    none. It is asked after each step from step 2 `window` + 2 on.

    Args:
        window: how many losses a mean is taken over.

    Raises:
        ValueError: for what is no whole number of at least 1.
    """

    window: int = 200

    def __post_init__(self) -> None:
        object.__setattr__(self, "window", as_whole(self.window, "window", 1))

    def is_reached(
        self, losses: Float[Array, " 2*window"], step: Int[Array, ""]
    ) -> Bool[Array, ""]:
        """Whether the training has converged after step `step`, counted from 0.

        Args:
            losses: those of the last `2 * window` steps, the latest last.
            step: the step that gave the latest.
        """
        before, late = losses[: self.window], losses[self.window :]
        difference = jnp.abs(before.mean() - late.mean())
        rounding = _ULPS * jnp.finfo(losses.dtype).eps * jnp.abs(late).max()
        error = late.std() / (2 * self.window**0.5)
        return (step > 2 * self.window) & (difference <= error + rounding)


_ULPS = 4  # what means of equal numbers, or of numbers that only rounding tells apart, differ by
