"""Floor 1. Angle expressions in pairs of single-precision numbers.

A feature map's angle such as 2 (pi - x)(pi - y) reaches 30, where single precision is good to 2e-6
only, and pi itself is rounded. Here the rounding errors of sums and products go along as a second
number (T. J. Dekker, Numerische Mathematik 18, 224 (1971)), and full turns are taken off before the
two are added, where the gate has that period: the angle that it gets has the last digit right.
"""

from collections.abc import Sequence
from functools import partial
from math import pi
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from qjax._base.trigonometry import MOST_TURNS, TWO_PI
from qjax._expressions.expression import BINARY, UNARY, evaluate_expression
from qjax._expressions.operations import NUMBERS

Pair = tuple[Array, Array]

# Of gates, which depend on half an angle.
PERIOD = 4 * pi


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def angle_of(
    program: tuple[str, ...],
    periodic: bool,
    parameters: Sequence[Float[Array, "..."]],
    constants: Sequence[Float[Array, "..."]],
    rests: Sequence[Float[Array, "..."]],
) -> Float[Array, "..."]:
    """The value of an expression of float32 numbers.

    Args:
        program: see `Expression`.
        periodic: take off multiples of 4 pi, where there are at most `MOST_TURNS` of them; of more,
            single precision would not tell how many.
        parameters: a value for each parameter in it.
        constants: a value for each constant.
        rests: what rounding took from each constant.
    """
    exact = [(value, jnp.zeros_like(value)) for value in parameters]
    pairs = list(zip(constants, rests, strict=True))
    value, rest = evaluate_expression(program, exact, pairs, algebra=PAIRS)
    return without_turns(value, rest) if periodic else value + rest


@angle_of.defjvp
def _jvp(
    program: tuple[str, ...], periodic: bool, primals: tuple, tangents: tuple
) -> tuple[Array, Array]:
    # In the constants it would take logarithms of bases, which may be negative.
    def plain(parameters: Sequence[Array]) -> Array:
        return evaluate_expression(program, parameters, primals[1], algebra=NUMBERS)

    return angle_of(program, periodic, *primals), jax.jvp(plain, primals[:1], tangents[:1])[1]


def without_turns(
    value: Float[Array, "..."], rest: Float[Array, "..."] | None = None
) -> Float[Array, "..."]:
    """The sum of both, without multiples of 4 pi."""
    turns = lax.round(
        lax.stop_gradient(value) * np.float32(1 / PERIOD), lax.RoundingMethod.TO_NEAREST_EVEN
    )
    turns = lax.select(lax.abs(turns) <= MOST_TURNS, turns, lax.full_like(turns, 0))
    first, second, last = (np.float32(2 * part) for part in TWO_PI)
    # The first two differences are exact, so that one rounding remains.
    reduced, missing = value - turns * first - turns * second, turns * last
    return reduced - missing if rest is None else reduced + (rest - missing)


def _normalised(value: Array, rest: Array, plain: Array) -> Pair:
    """The nearest number, and the rest; none where the plain operation is not finite."""
    total, finite = value + rest, jnp.isfinite(plain)
    return jnp.where(finite, total, plain), jnp.where(finite, rest - (total - value), 0)


def _negative(a: Pair) -> Pair:
    return -a[0], -a[1]


def _add(a: Pair, b: Pair) -> Pair:
    # Else XLA would take the sum and the difference of a constant together.
    total = lax.optimization_barrier(a[0] + b[0])
    from_b = total - a[0]
    error = (a[0] - (total - from_b)) + (b[0] - from_b)
    return _normalised(total, error + (a[1] + b[1]), total)


def _subtract(a: Pair, b: Pair) -> Pair:
    return _add(a, _negative(b))


def _halves(x: Array) -> Pair:
    """Two numbers of 12 bits each; products of such are exact, fused with a sum or not."""
    bits = lax.bitcast_convert_type(x, jnp.int32) & np.int32(-(2**12))
    high = lax.bitcast_convert_type(bits, jnp.float32)
    return high, x - high


def _multiply(a: Pair, b: Pair) -> Pair:
    (a_high, a_low), (b_high, b_low) = _halves(a[0]), _halves(b[0])
    across = a_high * b_low + a_low * b_high + a_low * b_low
    rest = across + (a[0] * b[1] + a[1] * b[0])
    return _normalised(a_high * b_high, rest, a[0] * b[0])


def _rounded(name: str, *pairs: Pair) -> Pair:
    """An operation without an exact error: its own rounding remains."""
    value = getattr(NUMBERS, name)(*(pair[0] for pair in pairs))
    return value, jnp.zeros_like(value)


_EXACT = {"negative": _negative, "add": _add, "subtract": _subtract, "multiply": _multiply}
# The operations of expressions, on pairs.
PAIRS = SimpleNamespace(**({name: partial(_rounded, name) for name in UNARY | BINARY} | _EXACT))
