"""Floor 9. What a loss takes, by its signature, and its value."""

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from qjax.training._stepper import Settings

Loss = Callable[..., Array]


def called(loss: Loss, weights: Any, batch: Any, settings: Settings, key: Array | None) -> Array:
    """The value of a loss, with settings and a key if it takes them."""
    given = (weights, batch, settings) if takes_settings(loss) else (weights, batch)
    drawn = {} if key is None else {"key": key}
    value = loss(weights, **drawn) if takes_weights_alone(loss) else loss(*given, **drawn)
    expected = "loss: expected a function that returns a real scalar, got"
    if not isinstance(value, (jax.Array, np.ndarray, np.number, int, float, complex)):
        raise TypeError(f"{expected} {type(value).__name__}")
    if jnp.shape(value) != () or not jnp.issubdtype(jnp.result_type(value), jnp.floating):
        raise TypeError(
            f"{expected} shape {jnp.shape(value)} of {jnp.result_type(value)}; take the mean over "
            "the batch"
        )
    return jnp.asarray(value)


def takes_settings(loss: Loss) -> bool:
    """Whether a loss has a third argument that it needs."""
    return sum(parameter.default is parameter.empty for parameter in _positional(loss)) > 2


def takes_weights_alone(loss: Loss) -> bool:
    """Whether a loss has one argument only, but for a key."""
    return len(_positional(loss)) == 1


def needs_key(loss: Loss) -> bool:
    """Whether a loss has an argument `key` without a default."""
    return any(one.default is one.empty for one in _keys(loss))


def takes_key(loss: Loss) -> bool:
    """Whether a loss is told keys: one that is bound to it already stays."""
    return any(one.default is one.empty or one.default is None for one in _keys(loss))


def _keys(loss: Loss) -> list[inspect.Parameter]:
    return [one for one in inspect.signature(loss).parameters.values() if _is_key(one)]


def _is_key(parameter: inspect.Parameter) -> bool:
    by_name = {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}
    return parameter.name == "key" and parameter.kind in by_name


def _positional(loss: Loss) -> list[inspect.Parameter]:
    """Arguments that may be given by their place, but for a key; of `*args`, three."""
    several = inspect.Parameter.VAR_POSITIONAL
    kinds = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    every = inspect.signature(loss).parameters.values()
    parameters = [parameter for parameter in every if not _is_key(parameter)]
    if any(parameter.kind is several for parameter in parameters):
        return [parameter for parameter in parameters for _ in range(3)]
    return [parameter for parameter in parameters if parameter.kind in kinds]
