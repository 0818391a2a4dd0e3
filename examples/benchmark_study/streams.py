"""Random numbers of a seed, as the published programs draw them.

Each draws whole numbers of NumPy's generator, and makes of each a key for JAX: first for weights,
then one for each step. Thus weights and batches are theirs, and so are results, point by point.
"""

from contextlib import AbstractContextManager
from functools import partial

import jax
import numpy as np
from jax import Array
from jaxtyping import Int

# Random numbers, of which there are few, take longer to be optimised than to be drawn.
QUICK_TO_COMPILE = {"xla_backend_optimization_level": 0}


def as_published() -> AbstractContextManager[object]:
    """Inside of it, keys of JAX give the numbers that they gave in 2024."""
    return jax.threefry_partitionable(False)


class Stream:
    """The random numbers of one fit.

    Args:
        seed: of NumPy's generator.
        bound: keys are made of numbers below it.
    """

    def __init__(self, seed: int, bound: int) -> None:
        self._seed, self._bound = seed, bound

    def keys(self, start: int, count: int) -> Array:
        """The keys from number `start` on."""
        with as_published():
            return jax.vmap(jax.random.PRNGKey)(self._numbers(start, count))

    def positions(
        self, start: int, steps: int, size: int, count: int
    ) -> Int[np.ndarray, "steps size"]:
        """Which of `count` rows each step sees, by the keys from number `start` on."""
        with as_published():
            return np.asarray(_positions(self._numbers(start, steps), size, count))

    def _numbers(self, start: int, count: int) -> Int[np.ndarray, " count"]:
        return np.random.default_rng(self._seed).integers(self._bound, size=start + count)[start:]


@partial(jax.jit, static_argnums=(1, 2), compiler_options=QUICK_TO_COMPILE)
def _positions(numbers: Array, size: int, count: int) -> Int[Array, "steps size"]:
    def draw(number: Array) -> Array:
        return jax.random.randint(jax.random.PRNGKey(number), (size,), 0, count)

    return jax.vmap(draw)(numbers)
