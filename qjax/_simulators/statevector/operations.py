"""Floor 3. The operations of expressions, on arrays."""

from types import SimpleNamespace

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from qjax._circuit.expression import BINARY, UNARY

Numbers = Float[Array, "..."]


def _moved(x: Numbers, target: Numbers) -> Numbers:
    """The target, with the derivatives of x."""
    return x + lax.stop_gradient(target - x)


def _in_interval(x: Numbers) -> Numbers:
    """Rounding may have taken it out of [-1, 1]."""
    size = abs(x)
    return _moved(x, jnp.where((size > 1) & (size <= 1 + 4 * _eps(x)), jnp.sign(x), x))


def _inside(x: Numbers) -> Numbers:
    at_end = (abs(x) >= 1) & (abs(x) <= 1 + 4 * _eps(x))
    return _moved(x, jnp.where(at_end, jnp.sign(x) * (1 - _step(x)), x))


def _away(x: Numbers) -> Numbers:
    return _moved(x, jnp.where(x == 0, _step(x), x))


def _eps(x: Numbers) -> Numbers:
    return jnp.finfo(x.dtype).eps.astype(x.dtype)


def _step(x: Numbers) -> Numbers:
    """As near as a number can be to 1: an angle such as arccos(1 - step) is sqrt(2 step).

    So much are derivatives in other parameters off there, and half of an angle's digits is what
    the derivative in its own keeps.
    """
    return jnp.finfo(x.dtype).epsneg.astype(x.dtype)


NUMBERS = SimpleNamespace(
    **{name: getattr(jnp, name) for name in (UNARY | BINARY) - {"inside", "away"}}
)
NUMBERS.arcsin = lambda x: jnp.arcsin(_in_interval(x))
NUMBERS.arccos = lambda x: jnp.arccos(_in_interval(x))
NUMBERS.inside, NUMBERS.away = _inside, _away
NUMBERS.abs = lambda x: jnp.sign(x) * x  # with slope 0 at 0, between those on either side
