"""Floor 9. Loss and weights -> the schedules of SPSA, by the slopes around the weights."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from qjax._base.arrays import check_key
from qjax._base.options import as_whole
from qjax._base.process import check_process
from qjax._circuit.domain import is_known
from qjax.optimizers._gains import (
    PERTURBATION_EXPONENT,
    RATE_EXPONENT,
    PowerSeries,
    check_positive,
)
from qjax.optimizers._spsa import signs
from qjax.optimizers._transformation import loss_of_vectors, losses_at
from qjax.optimizers._weights import flat_weights

# Below it, slopes are rounding.
_FLAT = 1e-10


def calibrate_spsa(
    value_fn: Callable[[Any], Array],
    params: Any,
    key: Array,
    *,
    perturbation: float | Array = 0.2,
    first_step: float | Array = 2 * np.pi / 10,
    stability: float | Array = 0.0,
    samples: int = 25,
) -> tuple[PowerSeries, PowerSeries]:
    """Learning rates and perturbations for `spsa`, such that the first step has a wanted size.

    The learning rate is a / (A + k + 1)^0.602 and the perturbation c / (k + 1)^0.101, with a chosen
    such that the first step moves each weight by `first_step` in the mean: its gradient's size is
    that of the slopes along random directions (A. Kandala et al., Nature 549, 242 (2017),
    supplement IV; Qiskit Machine Learning's `SPSA.calibrate` does the same for A = 0). Where the
    loss is flat, a is `first_step`; directions along which it is no finite number are left out. A
    pure function: it may run inside of `jit`. Called eagerly, the loss may come from NumPy or a
    machine, as for `spsa`.

    Args:
        value_fn: the loss, weights -> one number.
        params: the weights, any pytree of real arrays.
        key: a JAX random key; not the one that `spsa` gets, unless both may draw the same signs.
        perturbation: c.
        first_step: in the weights' units, radians for angles.
        stability: A, about a tenth of the steps that are planned.
        samples: of slopes; each takes two values of the loss.

    Returns:
        `(learning_rate, perturbation)`, for `spsa(learning_rate, perturbation, key=...)`.

    Raises:
        TypeError: for a key or numbers of another kind, or a loss that is no function.
        ValueError: for numbers out of bounds, a loss that is no single number, and one that is not
            finite along any direction (inside of `jit`, a is NaN then).
    """
    check_process()
    check_key(key)
    check_positive(perturbation, "perturbation")
    check_positive(first_step, "first_step")
    check_positive(stability, "stability", or_zero=True)
    count = as_whole(samples, "samples", 1)
    vector, rebuild = flat_weights(params, "params")
    loss = loss_of_vectors(value_fn, rebuild, vector.dtype)
    size, target, offset = (
        jnp.asarray(number, vector.dtype) for number in (perturbation, first_step, stability)
    )
    steps = size * signs(key, jnp.zeros((), jnp.int32), (count, len(vector)), vector.dtype)
    plus, minus = losses_at(loss, vector[None, None] + jnp.stack([steps, -steps]))
    changes = jnp.abs(plus - minus)
    slope = jnp.nanmean(jnp.where(jnp.isfinite(changes), changes, jnp.nan)) / (2 * size)
    if is_known(slope) and jnp.isnan(slope):
        raise ValueError("value_fn: no finite number at any point around the weights")
    scale = jnp.where(slope <= _FLAT, target, target * (offset + 1) ** RATE_EXPONENT / slope)
    return PowerSeries(scale, RATE_EXPONENT, offset), PowerSeries(size, PERTURBATION_EXPONENT)
