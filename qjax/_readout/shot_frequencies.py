"""Floor 5. Probabilities -> how often each outcome came, of so many shots.

The draws are those of a multinomial distribution, exactly as far as the dtype tells probabilities
apart. Samples of a batch are independent.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Int, UInt32

from qjax._base import tuning
from qjax._base.mesh import alike
from qjax._readout.measurement import choices_of, draw_states
from qjax._simulators import draw_counts


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def frequencies_of(
    probabilities: Float[Array, "outcomes batch"], shots: int, key: Array
) -> Float[Array, "outcomes batch"]:
    """The shares of each outcome among `shots`; their derivatives are those of the probabilities.

    NaN for samples whose probabilities hold any.
    """
    return draw_counts(probabilities, _words_of(key), shots, _counts) / float(shots)


def _words_of(key: Array) -> UInt32[Array, " 4"]:
    """The key itself, where it fits: what draws by it makes streams of random bits of it.

    `jax.random.bits` would be ten operations of XLA's for four words, which cost more than the
    draws of a small circuit.
    """
    words = jax.random.key_data(key)
    if words.size not in (2, 4):
        return jax.random.bits(key, (4,), jnp.uint32)
    return jnp.tile(words, 4 // words.size)


@frequencies_of.defjvp
def _straight_through(
    shots: int, primals: tuple[Array, Array], tangents: tuple[Array, Array]
) -> tuple[Array, Array]:
    """The mean of frequencies is linear in the probabilities, and so is its derivative."""
    return frequencies_of(primals[0], shots, primals[1]), tangents[0]


def _counts(
    probabilities: Float[Array, "outcomes batch"], words: UInt32[Array, " 4"], shots: int
) -> Float[Array, "outcomes batch"]:
    """Counts by one draw for each shot, in parts of what is drawn at once."""
    outcomes, batch = probabilities.shape
    size = 1 << max(0, outcomes - 1).bit_length()
    # Those of density matrices may be below 0 by rounding.
    padded = jnp.pad(jnp.maximum(probabilities, 0), ((0, size - outcomes), (0, 0)))
    choices = jax.vmap(choices_of, in_axes=1)(padded)
    most = max(1, min(shots, tuning.SHOTS_AT_ONCE // batch))
    given = jax.random.wrap_key_data(words[:2], impl="threefry2x32")
    # Callers may split and fold in what they gave, too.
    key = jax.random.wrap_key_data(jax.random.bits(given, (2,), jnp.uint32), impl="threefry2x32")

    def part(number: Int[Array, ""], counts: Int[Array, "batch size"]) -> Int[Array, "batch size"]:
        keys = jax.random.split(jax.random.fold_in(key, number), batch)
        states = jax.vmap(draw_states, in_axes=(0, None, 0))(choices, most, keys)
        taken = (jnp.arange(most) <= shots - 1 - number * most).astype(jnp.int32)
        return jax.vmap(lambda row, own: row.at[own].add(taken))(counts, states)

    # Loops expect one type throughout.
    start, _ = alike((jnp.zeros((batch, size), jnp.int32), probabilities))
    counts = lax.fori_loop(0, -(-shots // most), part, start)
    # A sum that is NaN or infinite says that a number was missing.
    missing = jnp.sum(probabilities, axis=0, keepdims=True) * 0
    return counts[:, :outcomes].T.astype(probabilities.dtype) + missing
