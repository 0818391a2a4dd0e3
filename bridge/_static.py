"""Floor 1. Arguments that are no tensors: part of what is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

_SYMBOLS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (torch.SymInt, int),
    (torch.SymFloat, float),
    (torch.SymBool, bool),
)


class Static:
    """A static argument: equal only to the same value of the same type (1, 1.0, True differ).

    Raises:
        TypeError: the value has no hash.
    """

    def __init__(self, value: Any, expected: str, remedy: str) -> None:
        for symbol, kind in _SYMBOLS:
            if isinstance(value, symbol):
                value = kind(value)  # fixed by that: torch records anew for another value
        try:
            self._hash = hash(value)
        except TypeError:
            raise TypeError(
                f"arguments must be {expected} or hashable, got {type(value).__name__}: {remedy}"
            ) from None
        self.value = value
        self._key = (type(value), repr(value) if isinstance(value, float | complex) else value)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Static) and self._key == other._key
