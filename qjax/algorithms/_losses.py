"""Floor 11. The name of a loss, an object or a function -> the loss of each sample, in JAX."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

Loss = Callable[[Array, Array], Array]
"""(predictions, targets), of one shape with a leading axis of samples -> one number for each."""

_LEAST = 1e-10  # probabilities are no less in a logarithm, as in Qiskit Machine Learning


def squared_error(
    predictions: Float[Array, "samples *outputs"], targets: Float[Array, "samples *outputs"]
) -> Float[Array, " samples"]:
    """The sum over outputs of squared differences."""
    return _summed((predictions - targets) ** 2)


def absolute_error(
    predictions: Float[Array, "samples *outputs"], targets: Float[Array, "samples *outputs"]
) -> Float[Array, " samples"]:
    """The sum over outputs of absolute differences."""
    return _summed(jnp.abs(predictions - targets))


def cross_entropy(
    predictions: Float[Array, "samples *outputs"], targets: Float[Array, "samples *outputs"]
) -> Float[Array, " samples"]:
    """The sum over outputs of -target log2(prediction), in bits, as Qiskit Machine Learning has it.

    Predictions below 1e-10 count as that.
    """
    return _summed(-targets * jnp.log2(jnp.maximum(predictions, _LEAST)))


@jax.custom_jvp
def cross_entropy_of_qiskit(predictions: Array, targets: Array) -> Float[Array, " samples"]:
    """`cross_entropy` with the slope that `CrossEntropyLoss` of Qiskit Machine Learning states.

    It says (sum of the targets) prediction - target, what a softmax before the logarithm would
    have. Its networks have none, so it is not the slope of the values: optimizers that follow it
    take other steps than with `cross_entropy`.
    """
    return cross_entropy(predictions, targets)


@cross_entropy_of_qiskit.defjvp
def _stated_slope(primals: tuple[Array, Array], tangents: tuple[Array, Any]) -> tuple[Array, Array]:
    (predictions, targets), (tangent, _) = primals, tangents
    slope = targets.sum(-1, keepdims=True) * predictions - targets
    return cross_entropy_of_qiskit(predictions, targets), _summed(slope * tangent)


LOSSES: dict[str, Loss] = {
    "squared_error": squared_error,
    "absolute_error": absolute_error,
    "cross_entropy": cross_entropy,
}

_OF_QISKIT: dict[str, Loss] = {
    "L2Loss": squared_error,
    "L1Loss": absolute_error,
    "CrossEntropyLoss": cross_entropy_of_qiskit,
}


def as_loss(loss: object, *, stated_slopes: bool = False) -> Loss:
    """The function that `loss=` means.

    Args:
        loss: a name, a loss of Qiskit Machine Learning's (an object with `evaluate` and
            `gradient`), or a JAX function of predictions and targets.
        stated_slopes: whether a name means the slopes that Qiskit Machine Learning states, too.

    Raises:
        ValueError: for a name that is not known; lists those that are.
        TypeError: for anything else.
    """
    if isinstance(loss, str):
        if loss.lower() not in LOSSES:
            raise ValueError(f"loss: expected one of {sorted(LOSSES)} or a function, got {loss!r}")
        function = LOSSES[loss.lower()]
        follows = stated_slopes and function is cross_entropy
        return cross_entropy_of_qiskit if follows else function
    kind = type(loss)
    if kind.__module__.startswith("qiskit_machine_learning.") and kind.__name__ in _OF_QISKIT:
        return _OF_QISKIT[kind.__name__]
    if callable(getattr(loss, "evaluate", None)) and callable(getattr(loss, "gradient", None)):
        return _Stated(loss)
    if not callable(loss) or isinstance(loss, type):
        raise TypeError(
            f"loss: expected one of {sorted(LOSSES)}, or a function (predictions, targets) -> the "
            f"loss of each sample, got {loss!r}"
        )
    return _Function(loss)


@dataclass(frozen=True)
class _Function:
    """A function of the user's, whose result is checked while it is traced."""

    function: Callable[[Array, Array], Any]

    def __call__(self, predictions: Array, targets: Array) -> Float[Array, " samples"]:
        values = jnp.asarray(self.function(predictions, targets))
        count = len(predictions)
        if values.shape not in {(count,), (count, 1)}:
            raise ValueError(
                f"loss: expected one number for each of the {count} samples, shape ({count},), got "
                f"{values.shape} for predictions of shape {predictions.shape}"
            )
        return values.reshape(count).astype(predictions.dtype)


@dataclass(frozen=True)
class _Stated:
    """An object with the methods of Qiskit Machine Learning's `Loss`, which compute in NumPy."""

    loss: Any

    def __call__(self, predictions: Array, targets: Array) -> Float[Array, " samples"]:
        return _stated_value(self, predictions, targets)

    def value(self, predictions: np.ndarray, targets: np.ndarray) -> np.ndarray:
        values = self.loss.evaluate(np.asarray(predictions), np.asarray(targets))
        return np.asarray(values, predictions.dtype).reshape(len(predictions))

    def slope(self, predictions: np.ndarray, targets: np.ndarray) -> np.ndarray:
        values = self.loss.gradient(np.asarray(predictions), np.asarray(targets))
        return np.asarray(values, predictions.dtype).reshape(predictions.shape)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _stated_value(stated: _Stated, predictions: Array, targets: Array) -> Array:
    shape = jax.ShapeDtypeStruct(predictions.shape[:1], predictions.dtype)
    return jax.pure_callback(stated.value, shape, predictions, targets, vmap_method="sequential")


@_stated_value.defjvp
def _stated_jvp(
    stated: _Stated, primals: tuple[Array, Array], tangents: tuple[Array, Any]
) -> tuple[Array, Array]:
    (predictions, targets), (tangent, _) = primals, tangents
    shape = jax.ShapeDtypeStruct(predictions.shape, predictions.dtype)
    slope = jax.pure_callback(stated.slope, shape, predictions, targets, vmap_method="sequential")
    return _stated_value(stated, predictions, targets), _summed(slope * tangent)


def _summed(values: Array) -> Float[Array, " samples"]:
    """The sum over all axes but the first."""
    return values.reshape(len(values), -1).sum(1)
