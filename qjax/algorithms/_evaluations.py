"""Floor 11. An objective on data -> what minimisers on the host call, in NumPy."""

from collections.abc import Callable, Iterator
from itertools import count, repeat
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from qjax.algorithms._objective import (
    Batch,
    Objective,
    compiled_slope,
    compiled_value,
    compiled_value_and_grad,
)

Callback = Callable[[np.ndarray, float], object]


class Evaluations:
    """The objective as SciPy asks for it: `value(weights)` and `gradient(weights)`, in double.

    Where gradients are asked for, both come from one program, and the last ones are remembered. An
    objective that draws has new draws for each point, and where the same is asked again.

    Args:
        objective: what is minimised.
        batch: all rows; their dtype is what the objective is computed in.
        gradients: whether gradients will be asked for; they are computed with values from then on.
        seed: of the draws.
        tell: called with weights and loss at each call of `value`.
    """

    def __init__(
        self,
        objective: Objective,
        batch: Batch,
        *,
        gradients: bool,
        seed: int,
        tell: Callback | None = None,
    ) -> None:
        self._compute = _computation(objective, batch, seed)
        self._gradients, self._tell = gradients, tell
        self._draws, self._asked = objective.draws, set[str]()
        self._last: tuple[np.ndarray, float, np.ndarray | None] | None = None
        self.losses: list[float] = []

    def value(self, weights: Float[np.ndarray, " weights"]) -> float:
        """The loss."""
        loss = self._at(weights, "value")[0]
        self.losses.append(loss)
        if self._tell is not None:
            self._tell(np.array(weights), loss)
        return loss

    def gradient(self, weights: Float[np.ndarray, " weights"]) -> Float[np.ndarray, " weights"]:
        """Its gradient."""
        self._gradients = True
        gradient = self._at(weights, "gradient")[1]
        assert gradient is not None
        return gradient

    def _at(self, weights: np.ndarray, asked: str) -> tuple[float, np.ndarray | None]:
        weights = np.asarray(weights, float)
        again = self._draws and asked in self._asked
        if not again and self._last is not None and np.array_equal(self._last[0], weights):
            _, loss, gradient = self._last
            if gradient is not None or not self._gradients:
                self._asked.add(asked)
                return loss, gradient
        loss, gradient = self._compute(weights, self._gradients)
        self._last, self._asked = (weights.copy(), loss, gradient), {asked}
        return loss, gradient


Computation = Callable[[np.ndarray, bool], tuple[float, np.ndarray | None]]


def _computation(objective: Objective, batch: Batch, seed: int) -> Computation:
    if is_on_primitive(objective.network):
        return _from_primitive(objective, batch)
    dtype = batch.targets.dtype
    rows = jax.device_put(batch)
    keys = _keys(seed) if objective.draws else repeat({})

    def compute(weights: np.ndarray, with_gradient: bool) -> tuple[float, np.ndarray | None]:
        point, key = jnp.asarray(weights, dtype), next(keys)
        if not with_gradient:
            return float(compiled_value(objective)(point, rows, **key)), None
        loss, gradient = compiled_value_and_grad(objective)(point, rows, **key)
        return float(loss), np.asarray(gradient, float)

    return compute


def _keys(seed: int) -> Iterator[dict[str, Array]]:
    """A key for each evaluation."""
    first = jax.random.key(np.uint32(seed))
    return ({"key": jax.random.fold_in(first, np.uint32(number))} for number in count())


def is_on_primitive(network: object) -> bool:
    """Whether a network's values come from one of Qiskit's primitives."""
    return getattr(network, "primitive", None) is not None


def _from_primitive(objective: Objective, batch: Batch) -> Computation:
    """Outputs and their Jacobian from the primitive, the loss and its slope from JAX."""
    network: Any = objective.network

    def compute(weights: np.ndarray, with_gradient: bool) -> tuple[float, np.ndarray | None]:
        given = _dense(network.forward(batch.inputs, weights))
        outputs = jnp.asarray(given, batch.targets.dtype)
        loss, slope = compiled_slope(objective)(outputs, batch)
        if not with_gradient:
            return float(loss), None
        jacobian = _dense(network.backward(batch.inputs, weights)[1])
        return float(loss), np.tensordot(np.asarray(slope, float), jacobian, 2)

    return compute


def _dense(values: Any) -> np.ndarray:
    return values.toarray() if hasattr(values, "toarray") else np.asarray(values)
