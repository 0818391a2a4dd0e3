"""Floor 0. Options that a caller chose -> checked values."""

import numpy as np


def as_whole(value: object, what: str, least: int, most: int | None = None) -> int:
    """A whole number, of Python or NumPy.

    Raises:
        ValueError: for anything else, booleans included, and for what is out of bounds.
    """
    if not is_whole(value) or value < least or (most is not None and value > most):  # type: ignore[operator]
        upper = "" if most is None else f" and at most {most}"
        raise ValueError(
            f"{what}: expected a whole number of at least {least}{upper}, got {value!r}"
        )
    return int(value)  # type: ignore[call-overload]


def is_whole(value: object) -> bool:
    """Whether it is a whole number: no boolean, and no duration, which NumPy counts as one."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.timedelta64))


def as_flag(value: object, what: str) -> bool:
    """True or False.

    Raises:
        TypeError: for anything else: a word would count as True, whatever it says.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{what}: expected True or False, got {value!r}")
    return bool(value)


def check_ordered(values: object, what: str) -> None:
    """Refuse a set, whose order differs from run to run, where order has a meaning.

    Raises:
        TypeError: for a set.
    """
    if isinstance(values, (set, frozenset)):
        raise TypeError(
            f"{what}: got a {type(values).__name__}, whose order is not fixed; expected an ordered "
            "sequence, a list or a tuple"
        )
