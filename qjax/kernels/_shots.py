"""Floor 10. Kernel values -> what a number of shots gives of them.

A kernel value is the probability of all zeros: of n shots, a binomial number shows it, with the
variance k (1 - k) / n.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from qjax.kernels._gram import mirrored


def sampled(
    values: Float[Array, "left right"], shots: int, key: Array, is_symmetric: bool
) -> Float[Array, "left right"]:
    """Relative frequencies; derivatives are those of the values."""
    known = lax.stop_gradient(values)
    draws = jax.random.binomial(key, shots, jnp.clip(known, 0, 1), dtype=values.dtype)
    seen = values + lax.stop_gradient(draws / shots - known)
    return mirrored(seen) if is_symmetric else seen


def sampled_block(
    values: Float[np.ndarray, "left right"],
    shots: int,
    random: np.random.Generator,
    is_symmetric: bool,
) -> Float[np.ndarray, "left right"]:
    """The same in NumPy."""
    seen = random.binomial(shots, np.clip(values, 0, 1)) / shots
    return (np.triu(seen) + np.triu(seen, 1).T if is_symmetric else seen).astype(values.dtype)
