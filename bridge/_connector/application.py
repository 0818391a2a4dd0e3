"""Floor 3. Neural network in JAX -> its function on tensors, which equal networks share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import jax
import jax.numpy as jnp
import numpy as np

from bridge._connector.network import output_shape_of
from bridge._jax2torch import TorchFunction

if TYPE_CHECKING:
    from qjax import Network


@dataclass(frozen=True)
class Application:
    """The network's function. Its output's shape is checked when it is traced, not per call."""

    network: Network

    def __call__(
        self,
        weights: jax.Array | tuple[jax.Array, ...],
        inputs: jax.Array,
        words: jax.Array | None = None,
    ) -> jax.Array:
        expected = inputs.shape[:-1] + output_shape_of(self.network)
        if 0 in inputs.shape[:-1]:
            return jnp.zeros(expected, inputs.dtype)
        given: Any = weights
        if isinstance(weights, tuple):  # which torch can record, unlike other containers
            tree = jax.tree.structure(self.network.weight_structure)  # type: ignore[attr-defined]
            given = jax.tree.unflatten(tree, weights)
        returned = self.network.apply(given, inputs, **_key_of(words))
        if not isinstance(returned, (jax.Array, np.ndarray, np.generic, int, float, complex)):
            raise TypeError(
                f"{type(self.network).__name__}.apply returned a {type(returned).__name__}, "
                f"expected an array of shape {expected}: (*batch, *output_shape)"
            )
        outputs = jnp.asarray(returned)
        if outputs.shape != expected:
            raise ValueError(
                f"{type(self.network).__name__}.apply returned shape {outputs.shape} for inputs of "
                f"shape {inputs.shape}, expected {expected}: (*batch, *output_shape)"
            )
        return outputs


def _key_of(words: jax.Array | None) -> dict[str, jax.Array]:
    """The key that a network whose outputs are drawn gets, of two numbers of 32 bits."""
    if words is None:
        return {}
    bits = jax.lax.bitcast_convert_type(words, jnp.uint32)
    return {"key": jax.random.wrap_key_data(bits, impl="threefry2x32")}


def as_torch_functions(network: Network, num_leaves: int) -> tuple[TorchFunction, TorchFunction]:
    """The network's function on tensors, without and with gradients in the inputs.

    Equal networks share one, and what it has compiled. It dies with the last connector, but for a
    few that were made last: networks that are built anew for each trial compile nothing anew.
    """
    application = Application(network)
    make: Callable[..., TorchFunction] = _shared_function
    try:
        hash(application)
    except TypeError:
        make = TorchFunction
    return make(application, (num_leaves,)), make(application, ())


_living: WeakValueDictionary[tuple[Application, tuple[int, ...]], TorchFunction]


_living = WeakValueDictionary()


@functools.lru_cache(maxsize=32)
def _shared_function(application: Application, blocked: tuple[int, ...]) -> TorchFunction:
    return _living.setdefault((application, blocked), TorchFunction(application, blocked))
