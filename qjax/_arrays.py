"""Floor 0. Numbers that a caller handed in -> real arrays of a dtype that we compute in."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float

# What callers may hand in where real numbers are expected.
Numbers = ArrayLike | Sequence[object]

_EXPECTED = "expected real numbers, such as a float32 or float64 array"


def as_real(values: Numbers, what: str) -> Float[Array, "..."]:
    """Convert to a floating array: float32 and float64 stay, all else becomes JAX's default float.

    Half precision is computed in single: angles need its digits.

    Args:
        values: an array, a nested sequence of numbers, or a tracer.
        what: how an error message calls them.

    Raises:
        TypeError: for complex numbers, booleans, strings and other objects.
    """
    if isinstance(values, (list, tuple)) and any(
        isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(values)
    ):
        values = jnp.asarray(values)
    if not isinstance(values, jax.Array):
        values = as_real_numpy(values, what)
    dtype = jnp.result_type(values)
    if dtype in (jnp.float32, jnp.float64):
        return jnp.asarray(values)
    if not (jnp.issubdtype(dtype, jnp.floating) or jnp.issubdtype(dtype, jnp.integer)):
        raise TypeError(f"{what}: got dtype {dtype}; {_EXPECTED}")
    half = jnp.issubdtype(dtype, jnp.floating)
    return jnp.asarray(values).astype(jnp.float32 if half else jnp.result_type(float))


def as_real_numpy(values: Numbers, what: str) -> np.ndarray:
    """The same for NumPy; integers become float64.

    Raises:
        TypeError: for complex numbers, booleans, strings and other objects.
        ValueError: for a ragged nested sequence.
    """
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(f"{what}: got a masked array, whose mask would be lost; fill it first")
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{what}: {error}; {_EXPECTED}") from error
    if array.size == 0 and array.dtype == object:
        array = array.astype(np.float64)
    floating = jnp.issubdtype(array.dtype, jnp.floating)  # bfloat16 too, unlike NumPy's own
    if not floating and array.dtype.kind not in "iu":
        raise TypeError(f"{what}: got {type(values).__name__} of dtype {array.dtype}; {_EXPECTED}")
    if array.dtype in (np.float32, np.float64):
        return array
    return array.astype(np.float32 if floating else np.float64)


def common_dtype(*arrays: Array | np.ndarray) -> np.dtype:
    """The wider dtype of those vectors, or batches of them, that have any components."""
    dtypes = [array.dtype for array in arrays if array.shape[-1]]
    return np.result_type(*dtypes or [array.dtype for array in arrays])


def in_order(names: Sequence[str]) -> str:
    """How an error message tells which numbers are expected."""
    shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    return f"They are, in order: {shown or 'none'}"


def check_length(values: Float[Array, "..."], length: int, what: str, remedy: str) -> None:
    """Require a vector of this length.

    Raises:
        ValueError: otherwise; says what was got and expected.
    """
    if values.shape != (length,):
        raise ValueError(
            f"{what}: expected an array of shape ({length},), got {values.shape}. {remedy}"
        )
