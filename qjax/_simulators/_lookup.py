"""Floor 3. Entries of a bank by a table, with a transpose that looks up too.

JAX transposes a gather to a scatter-add, which runs serially on CPU. A lookup knows where each
entry of the bank is used, so its transpose gathers those places and adds them up.
"""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Shaped

from qjax._plan import Lookup
from qjax._simulators._linear import linear_map


def look_up(lookup: Lookup, bank: Shaped[Array, "entries *rest"]) -> Shaped[Array, "..."]:
    """bank[lookup.source]; entries that are constants get no cotangent."""
    return linear_map(_gather, _gather_sum, lookup, bank)


def _gather(lookup: Lookup, bank: Array) -> Array:
    return bank.at[jnp.asarray(lookup.source)].get(mode="promise_in_bounds")


def _gather_sum(lookup: Lookup, cotangent: Array) -> Array:
    flat = cotangent.reshape(-1, *cotangent.shape[lookup.source.ndim :])
    used = flat.at[jnp.asarray(lookup.uses)].get(mode="fill", fill_value=0)
    return used.sum(axis=1)
