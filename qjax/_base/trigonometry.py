"""Floor 0. Cosine and sine of many angles at once.

XLA's own take 5 to 10 ns each on CPU, for the sake of huge angles. Phases of a simulation are
moderate, so Cody and Waite's reduction by 2 pi in three parts serves (Software Manual for the
Elementary Functions, 1980, ch. 8), and Taylor series of half the rest, at most pi/2, then the
double angle.
"""

from math import factorial, pi

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from qjax._base import tuning

# Angles up to this one keep all the digits that the sum of a few of them needs.
MODERATE = {np.dtype(np.float32): 64.0, np.dtype(np.float64): 1e4}

# 2 pi in parts of 8, 9 and 24 bits: up to `MOST_TURNS`, multiples of the first two are exact.
TWO_PI = (6.28125, 1.934051513671875e-3, 1.2556659146019e-6)
MOST_TURNS = 2**15

# The same for double precision, in parts of 30, 30 and 53 bits.
TWO_PI_DOUBLE = (6.283185303211212, 3.9683743166540886e-09, 2.068073192717642e-18)

# How many terms of the series leave out less than the last digit, up to pi/2.
TERMS = {np.dtype(np.float32): 7, np.dtype(np.float64): 12}


@jax.custom_jvp
def cos_sin(angle: Float[Array, "..."]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Cosine and sine: to about 7e-7 for float32 up to 200 000 radians, 1e-15 for float64."""
    if angle.size < tuning.MANY_ANGLES:
        return jnp.cos(angle), jnp.sin(angle)
    number, terms = angle.dtype.type, range(TERMS[angle.dtype])
    turns = jnp.round(angle * number(1 / (2 * pi)))
    rest = angle
    for part in TWO_PI if angle.dtype == np.float32 else TWO_PI_DOUBLE:
        rest = rest - turns * number(part)
    half = rest * number(0.5)
    square = half * half
    sine = half * _series(square, [(-1) ** k / factorial(2 * k + 1) for k in terms])
    cosine = _series(square, [(-1) ** k / factorial(2 * k) for k in terms])
    return 1 - 2 * sine * sine, 2 * sine * cosine


@cos_sin.defjvp
def _jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[tuple, tuple]:
    cosine, sine = cos_sin(*primals)
    return (cosine, sine), (-sine * tangents[0], cosine * tangents[0])


@jax.custom_jvp
def wrapped(angle: Float[Array, "..."]) -> Float[Array, "..."]:
    """An angle of at most `MODERATE` with the same cosine and sine.

    Sums of wrapped angles stay in the range of `cos_sin`, and lose no digits to large ones.
    """
    # Moderate angles are left alone: to wrap them would cost a rounding.
    moderate = jnp.abs(angle) < MODERATE[angle.dtype]
    return jnp.where(moderate, angle, jnp.arctan2(jnp.sin(angle), jnp.cos(angle)))


@wrapped.defjvp
def _wrapped_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    return wrapped(*primals), tangents[0]


def _series(x: Array, coefficients: list[float]) -> Array:
    """Sum of coefficients[k] * x**k, by Horner's rule."""
    value = jnp.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value = value * x + x.dtype.type(coefficient)
    return value
