"""Floor 0. Options that a caller chose -> checked values."""

import numpy as np


def as_whole(value: object, what: str, least: int, most: int | None = None) -> int:
    """A whole number, of Python or NumPy.

    Raises:
        ValueError: for anything else, booleans included, and for what is out of bounds.
    """
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):  # type: ignore[operator]
        upper = "" if most is None else f" and at most {most}"
        raise ValueError(
            f"{what}: expected a whole number of at least {least}{upper}, got {value!r}"
        )
    return int(value)  # type: ignore[call-overload]


def as_flag(value: object, what: str) -> bool:
    """True or False.

    Raises:
        TypeError: for anything else: a word would count as True, whatever it says.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{what}: expected True or False, got {value!r}")
    return bool(value)
