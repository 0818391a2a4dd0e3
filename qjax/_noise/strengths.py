"""Floor 3. Strengths of noise as they are handed in -> as channels keep them, checked.

Where the value is known it is a float64 of NumPy, so that nothing is rounded before a program that
computes in double or in single precision is given it; what JAX traces stays as it is.
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from qjax._base.arrays import as_any_number, as_numpy, as_real, as_real_numpy

# How far sums and products of numbers that are handed in may be from 1.
TOLERANCE = 1e-8

# A real number, known or traced.
Strength = Any


def as_strength(value: Strength, what: str, least: float = 0.0, most: float = 1.0) -> Any:
    """A number in a range, both ends included.

    Raises:
        ValueError: for a value out of the range that is known, and for several numbers.
        TypeError: for what is no real number.
    """
    array = as_real(value, what) if is_traced(value) else as_real_numpy(value, what)
    if array.shape != ():
        raise ValueError(f"{what}: expected one number, got shape {array.shape}; see jax.vmap")
    if is_traced(array):
        return array
    number = np.float64(array)
    if not least <= number <= most:
        raise ValueError(f"{what}: expected a number from {least:g} to {most:.6g}, got {number:g}")
    return number


def optional(value: Strength, what: str) -> tuple:
    """A probability; nothing for one that is known to be 0, so that a channel has less operators.

    Raises:
        ValueError: for a known value out of range.
        TypeError: for what is no real number.
    """
    strength = as_strength(value, what)
    return () if not is_traced(strength) and strength == 0 else (strength,)


def check_sum(strengths: Sequence[Strength], what: str) -> None:
    """Require that probabilities leave one for the rest, where all of them are known.

    Raises:
        ValueError: where they do not.
    """
    if any(map(is_traced, strengths)):
        return
    # Thirds and the like are rounded.
    if (total := sum(strengths)) > 1 + 1e-14:
        raise ValueError(f"{what}: expected a sum of at most 1, got {total:.17g}")


def check_rest(rest: Strength, errors: Sequence[Strength], identity: str) -> None:
    """Require that the identity's probability is what those of other Pauli strings leave.

    Raises:
        ValueError: where it is not, and where JAX traces any of them.
    """
    if is_traced(rest) or any(map(is_traced, errors)):
        raise ValueError(
            f"probabilities: leave {identity!r} out where values are traced: it gets the rest"
        )
    if not abs(rest + sum(errors) - 1) <= TOLERANCE:
        raise ValueError(
            f"probabilities: expected a sum of 1 with that of {identity!r}, or without it, got "
            f"{rest + sum(errors):.17g}"
        )


def as_operators(values: Any, what: str, dimensions: int) -> Any:
    """Complex square matrices of a power of 2 rows, with one axis for their number, or none.

    Raises:
        ValueError: for another shape, and for what is not finite.
        TypeError: for what holds no numbers.
    """
    given = _stacked(values, what)
    shape = given.shape
    rows = shape[-1] if shape else 0
    is_power = rows > 1 and rows & (rows - 1) == 0
    if len(shape) != dimensions or shape[-2] != rows or not is_power or 0 in shape:
        expected = "(m, 2**k, 2**k)" if dimensions == 3 else "(2**k, 2**k)"
        raise ValueError(f"{what}: expected shape {expected}, got {shape}")
    if not is_traced(given) and not np.all(np.isfinite(given)):
        raise ValueError(f"{what}: expected finite numbers, got {given}")
    return given


def _stacked(values: Any, what: str) -> Any:
    if _is_any_traced(values):
        traced = as_any_number(values, what)
        return traced.astype(np.result_type(traced.dtype, np.complex64))
    array = as_numpy(values, what)
    if array.dtype.kind not in "fciu":
        array = np.asarray(as_any_number(array, what))
    return array.astype(np.complex128)


def is_traced(value: object) -> bool:
    """Whether a value is known only to programs that JAX traces."""
    return isinstance(value, jax.core.Tracer)


def as_misreading(matrix_or_p01: Any, p10: Any) -> tuple[int, tuple]:
    """The number of bits that are misread, and the strengths of a channel that does it.

    Raises:
        ValueError: for what is out of range, where it is known, and for other shapes.
        TypeError: for what holds no real numbers.
    """
    what = "matrix_or_p01"
    traced = _is_any_traced(matrix_or_p01)
    given = as_real(matrix_or_p01, what) if traced else as_real_numpy(matrix_or_p01, what)
    if given.ndim == 0:
        p01 = as_strength(given, "p01")
        return 1, (p01,) if p10 is None else (p01, as_strength(p10, "p10"))
    if p10 is not None:
        raise ValueError("p10: got one beside a matrix, which holds it; leave it out")
    rows = len(given)
    if given.shape != (rows, rows) or rows < 2 or rows & (rows - 1):
        raise ValueError(f"{what}: expected one number or shape (2**k, 2**k), got {given.shape}")
    if traced:
        return rows.bit_length() - 1, (given,)
    matrix = np.array(given, np.float64)  # a copy: the caller's may change
    if not (np.all(matrix >= 0) and np.all(np.abs(matrix.sum(axis=1) - 1) <= TOLERANCE)):
        raise ValueError(
            f"{what}: expected rows of probabilities, whose sums are 1 within {TOLERANCE:g}, got "
            f"{matrix.tolist()}; entry [i][j] is the probability to read j where i is true"
        )
    return rows.bit_length() - 1, (matrix,)


def _is_any_traced(values: Any) -> bool:
    if isinstance(values, (list, tuple)):
        return any(map(_is_any_traced, values))
    return is_traced(values)
