"""Floor 4. Entries of a bank by a table, with a transpose that looks up too.

JAX transposes a gather to a scatter-add, which runs serially on CPU. A lookup knows where each
entry of the bank is used, so its transpose gathers those places and adds them up.
"""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Shaped

from qjax._base.linear_map import linear_map
from qjax._plan import Lookup


def look_up(lookup: Lookup, bank: Shaped[Array, "entries *rest"]) -> Shaped[Array, "..."]:
    """bank[lookup.source]; entries that are constants get no cotangent."""
    # Only shapes: the function outlives the trace that `bank` belongs to.
    constants, rest = len(bank) - len(lookup.uses), bank.shape[1:]

    def gather_sum(lookup: Lookup, cotangent: Array) -> Array:
        flat = cotangent.reshape(-1, *rest)
        padded = jnp.concatenate([flat, jnp.zeros((1, *rest), flat.dtype)])
        used = padded.at[jnp.asarray(lookup.uses)].get(mode="promise_in_bounds").sum(axis=1)
        return jnp.concatenate([jnp.zeros((constants, *rest), used.dtype), used])

    return linear_map(_gather, gather_sum, lookup, bank)


def _gather(lookup: Lookup, bank: Array) -> Array:
    return bank.at[jnp.asarray(lookup.source)].get(mode="promise_in_bounds")
