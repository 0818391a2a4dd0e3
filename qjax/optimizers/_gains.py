"""Floor 9. Step -> learning rate and size of perturbation."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float

from qjax._base.arrays import as_real_numpy

# The exponents that J. C. Spall, IEEE Trans. Aerosp. Electron. Syst. 34, 817 (1998), section III,
# recommends for practice; those that are optimal in the limit of many steps are 1 and 1/6.
RATE_EXPONENT, PERTURBATION_EXPONENT = 0.602, 0.101


class PowerSeries(NamedTuple):
    """The schedule scale / (offset + k + 1)**exponent at step k = 0, 1, ...

    A pytree whose leaves are its three numbers, which may be traced values of JAX.

    Attributes:
        scale: the value at step 0, where the offset is 0.
        exponent: how fast it falls.
        offset: Spall's stability constant A, about a tenth of the steps for a learning rate.
    """

    scale: float | Array
    exponent: float | Array
    offset: float | Array = 0.0

    def __call__(self, step: int | Array) -> Float[Array, ""]:
        """The value at a step."""
        scale = jnp.asarray(self.scale)
        offset, exponent = (
            jnp.asarray(number, scale.dtype) for number in (self.offset, self.exponent)
        )
        return scale / (offset + jnp.asarray(step).astype(scale.dtype) + 1) ** exponent


Gain = ArrayLike | PowerSeries | Callable[[Array], ArrayLike]


def checked_gain(gain: Any, what: str) -> Gain:
    """A positive number, or a schedule.

    Raises:
        TypeError: for anything else.
        ValueError: for numbers that are not positive.
    """
    if isinstance(gain, PowerSeries):
        check_positive(gain.scale, f"{what}.scale")
        check_positive(gain.exponent, f"{what}.exponent", or_zero=True)
        check_positive(gain.offset, f"{what}.offset", or_zero=True)
    elif not callable(gain):
        check_positive(gain, what)
    return gain


def check_positive(number: Any, what: str, *, or_zero: bool = False) -> None:
    """Require a positive number, where it is known while JAX traces.

    Raises:
        TypeError: for what is no real number.
        ValueError: for another one.
    """
    if isinstance(number, jax.core.Tracer):
        return
    value = as_real_numpy(number, what)
    if value.ndim or not (0 < value < np.inf or (or_zero and value == 0)):
        expected = "a number of at least 0" if or_zero else "a positive number"
        raise ValueError(f"{what}: expected {expected}, got {number}")


def gain_at(gain: Gain, step: Array, dtype: Any) -> Float[Array, ""]:
    """The value of a number or schedule at a step."""
    return jnp.asarray(gain(step) if callable(gain) else gain, dtype)
