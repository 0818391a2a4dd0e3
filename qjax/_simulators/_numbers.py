"""Floor 3. The operations of expressions, on arrays."""

from types import SimpleNamespace

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from qjax._expression import BINARY, UNARY

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
    """So far that an angle such as arcsin(1 - step) keeps half of its digits beside pi/2."""
    return x.dtype.type(2e-8 if x.dtype == jnp.float64 else 2.4e-5)


NUMBERS = SimpleNamespace(
    **{name: getattr(jnp, name) for name in (UNARY | BINARY) - {"inside", "away"}}
)
NUMBERS.arcsin = lambda x: jnp.arcsin(_in_interval(x))
NUMBERS.arccos = lambda x: jnp.arccos(_in_interval(x))
NUMBERS.inside, NUMBERS.away = _inside, _away
