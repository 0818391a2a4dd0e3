"""Floor 9. optax, and what an update is given beside a gradient: the loss itself."""

from collections.abc import Callable
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from qjax._base.arrays import as_real
from qjax._circuit.domain import is_known

try:
    import optax
except ImportError as error:
    raise ImportError(
        "qjax.optimizers needs the package optax: install qjax-bridge with the extra optimizers, "
        "pip install 'qjax-bridge[optimizers]'"
    ) from error

Loss = Callable[[Array], Array]
Transformation = optax.GradientTransformationExtraArgs


def loss_of_vectors(value_fn: object, rebuild: Callable[[Array], Any], dtype: Any) -> Loss:
    """The loss that an update was given, as a function of one vector of weights.

    Raises:
        ValueError: where none was given; and by the function, for a loss that is no single number.
        TypeError: for what is no function.
    """
    if value_fn is None:
        raise ValueError(
            "value_fn: got None; the loss is evaluated at points around the weights: call "
            "update(gradient, state, weights, value_fn=loss), as for optax.lbfgs"
        )
    if not callable(value_fn):
        raise TypeError(f"value_fn: expected a function of the weights, got {value_fn!r}")
    function = value_fn

    def loss(vector: Array) -> Array:
        value = as_real(function(rebuild(vector)), "value_fn's result")
        if value.ndim:
            raise ValueError(
                f"value_fn: expected a loss that is one number, got an array of shape {value.shape}"
            )
        return value.astype(dtype)

    return loss


def losses_at(loss: Loss, points: Array) -> Array:
    """The loss at points `(..., weights)`: as one batch where JAX traces, else one by one.

    A loss of numbers that are known may come from NumPy, or from a machine.
    """
    flat = points.reshape(prod(points.shape[:-1]), points.shape[-1])
    if not len(flat):
        return jnp.zeros(points.shape[:-1], points.dtype)
    values = jnp.stack([loss(point) for point in flat]) if is_known(flat) else jax.vmap(loss)(flat)
    return values.reshape(points.shape[:-1])


def value_at(loss: Loss, vector: Array, value: object) -> Array:
    """The loss at the weights: as the training loop knows it, or evaluated."""
    if value is None:
        return loss(vector)
    known = as_real(value, "value")  # type: ignore[arg-type]
    if known.ndim:
        raise ValueError(
            f"value: expected the loss at the weights, one number, got shape {known.shape}"
        )
    return known.astype(vector.dtype)


def require_params(params: object, what: str) -> None:
    """Raise where an update was given no weights.

    Raises:
        ValueError: then.
    """
    if params is None:
        raise ValueError(
            f"params: got None; {what}: call update(gradient, state, weights, value_fn=loss)"
        )
