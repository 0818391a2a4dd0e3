"""Floor 0. Arguments -> what was made of them before: one store for all, bounded by bytes.

What is asked for least recently goes first, and is freed where nobody else holds it: compiled
programs hang on functions that are made for each circuit, and on nothing global.
"""

from collections.abc import Callable
from functools import cache, wraps
from itertools import count
from threading import RLock
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from qjax._base import tuning
from qjax._base.memory import total_memory

Given = ParamSpec("Given")
Made_co = TypeVar("Made_co", covariant=True)


class Kept(Protocol[Given, Made_co]):
    """A function that remembers."""

    def __call__(self, *args: Given.args, **kwargs: Given.kwargs) -> Made_co: ...

    def cache_clear(self) -> None:
        """Forget everything."""


def kept(
    size: Callable[[Any], int] | int = tuning.PLAN_BYTES, *, for_tracing: bool = False
) -> Callable[[Callable[Given, Made_co]], Kept[Given, Made_co]]:
    """Decorate a function of hashable arguments, to keep its results while there is room.

    Args:
        size: an estimate of the bytes that a result takes, compiled programs included: a number,
            or a function of the result.
        for_tracing: that the results serve while programs are traced, and not once they are.
    """
    store = _traces if for_tracing else _programs

    def decorate(function: Callable[Given, Made_co]) -> Kept[Given, Made_co]:
        entries: _Entries = {}

        @wraps(function)
        def recall(*args: Given.args, **kwargs: Given.kwargs) -> Made_co:
            key = (*args, *kwargs.items()) if kwargs else args
            entry = entries.get(key)
            if entry is None:
                value = function(*args, **kwargs)
                weight = size(value) if callable(size) else size
                entry = store.add(entries, key, _Entry(value, weight))
            entry.used = next(_clock)
            return entry.value

        recall.cache_clear = lambda: store.forget(entries)  # type: ignore[attr-defined]
        return cast("Kept[Given, Made_co]", recall)

    return decorate


class _Entry:
    __slots__ = ("size", "used", "value")

    def __init__(self, value: Any, size: int) -> None:
        self.value, self.size, self.used = value, size, next(_clock)


_Entries = dict[tuple[Any, ...], _Entry]
_clock = count()


class _Store:
    """What the entries of all functions take; each function finds its own without asking here."""

    def __init__(self, bound: int) -> None:
        self._bound, self._total = bound, 0
        self._kept: list[tuple[_Entry, _Entries, tuple[Any, ...]]] = []
        # Keys are compared, and garbage collected, while it is held: both may ask the store.
        self._lock = RLock()

    def add(self, entries: _Entries, key: tuple[Any, ...], entry: _Entry) -> _Entry:
        """What another thread made meanwhile stays. The newest is kept whatever its size."""
        with self._lock:
            if key in entries:
                return entries[key]
            entries[key] = entry
            self._kept.append((entry, entries, key))
            self._total += entry.size
            if self._total > self._limit():
                self._shrink()
            return entry

    def _shrink(self) -> None:
        self._kept.sort(key=lambda record: record[0].used, reverse=True)
        while self._total > self._limit() and len(self._kept) > 1:
            entry, entries, key = self._kept.pop()
            del entries[key]
            self._total -= entry.size

    def _limit(self) -> int:
        return min(self._bound, int(_total_memory() * tuning.STORE_SHARE))

    def forget(self, entries: _Entries) -> None:
        with self._lock:
            self._total -= sum(entry.size for entry in entries.values())
            self._kept = [record for record in self._kept if record[1] is not entries]
            entries.clear()


_programs, _traces = _Store(tuning.STORE_BYTES), _Store(tuning.STORE_TRACING_BYTES)
_total_memory = cache(total_memory)
