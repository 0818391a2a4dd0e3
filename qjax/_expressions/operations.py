"""Floor 1. The operations of expressions, on arrays."""

from math import pi
from types import SimpleNamespace

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float

from qjax._expressions.expression import BINARY, NEAR, UNARY

Numbers = Float[Array, "..."]


def _moved(x: Numbers, target: Numbers) -> Numbers:
    """The target, with the derivatives of x."""
    return x + lax.stop_gradient(target - x)


def _in_interval(x: Numbers) -> Numbers:
    """Rounding may have taken it out of [-1, 1]."""
    size = abs(x)
    return _moved(x, jnp.where((size > 1) & (size <= 1 + 4 * _eps(x)), jnp.sign(x), x))


def _near_arccos(x: Numbers, slope: Numbers) -> Numbers:
    at_end = _at_end(x)
    from_end = _angle_from_end(x, slope)
    beside = jnp.where(x > 0, from_end, pi - from_end)
    return jnp.where(at_end, beside, jnp.arccos(jnp.where(at_end, 0, x)))


def _near_arcsin(x: Numbers, slope: Numbers) -> Numbers:
    at_end = _at_end(x)
    beside = jnp.sign(x) * (pi / 2 - _angle_from_end(x, slope))
    return jnp.where(at_end, beside, jnp.arcsin(jnp.where(at_end, 0, x)))


def _angle_from_end(x: Numbers, slope: Numbers) -> Numbers:
    """arccos(1 - distance): of 1 - distance, rounding would leave little.

    Its derivatives are those of x, which moves as far as what it is made of moves by one step.
    """
    at_end = _at_end(x)
    moved = jnp.sign(x) * (lax.stop_gradient(x) - x)
    distance = jnp.where(at_end, _distance(x, slope) + moved, 1)
    return 2 * jnp.arcsin(jnp.sqrt(distance / 2))


def _at_end(x: Numbers) -> Bool[Array, "..."]:
    return (abs(x) >= 1) & (abs(x) <= 1 + 4 * _eps(x))


def _away(x: Numbers, slope: Numbers) -> Numbers:
    return _moved(x, jnp.where(x == 0, _distance(x, slope), x))


def _near_power(x: Numbers, y: Numbers) -> Numbers:
    """The power x ** y, its base moved away from 0 where it has no slope.

    A negative x has whole powers only, and no slope in y. Not a number there, it would spoil
    derivatives in all that x and y are computed beside; it gets that of the real part of the power.
    """
    jumps = (y == 0) | (y % 1 != 0)
    x = _moved(x, jnp.where((x == 0) & (y >= 0) & jumps, _step(x), x))
    sign = jnp.where(y % 1 == 0, 1 - 2 * (abs(y) % 2), jnp.nan)
    size = jnp.where(x < 0, -x, x)
    return lax.stop_gradient(jnp.where(x < 0, sign, 1)).astype(x.dtype) * jnp.power(size, y)


def _distance(x: Numbers, slope: Numbers) -> Numbers:
    """How far a number moves with one step of what it is made of; one step, where that is no end.

    Where several numbers end together, such as x and x**2, their distances keep their ratio.
    """
    size = lax.stop_gradient(abs(slope))
    return _step(x) * jnp.where((size > 0) & jnp.isfinite(size), size, 1)


def _eps(x: Numbers) -> Numbers:
    return jnp.finfo(x.dtype).eps.astype(x.dtype)


def _step(x: Numbers) -> Numbers:
    """How far beside: an angle such as arccos(1 - step) is sqrt(2 step).

    So much are derivatives in other parameters off there, and half of an angle's digits is what
    the derivative in its own keeps.
    """
    return 4 * jnp.finfo(x.dtype).epsneg.astype(x.dtype)


NUMBERS = SimpleNamespace(**{name: getattr(jnp, name) for name in (UNARY | BINARY) - NEAR})
NUMBERS.arcsin = lambda x: jnp.arcsin(_in_interval(x))
NUMBERS.arccos = lambda x: jnp.arccos(_in_interval(x))
NUMBERS.near_arcsin, NUMBERS.near_arccos = _near_arcsin, _near_arccos
NUMBERS.near_power, NUMBERS.away = _near_power, _away
NUMBERS.abs = lambda x: jnp.sign(x) * x  # with slope 0 at 0, between those on either side
