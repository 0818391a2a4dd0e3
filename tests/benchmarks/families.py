"""The families of workloads, and the series of calls that are made once; how they are named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from tests.benchmarks.workloads import (
    Workload,
    efficient_su2,
    layered,
    qaoa,
    random_circuit,
    tfim,
    zz_real_amplitudes,
)

LAYERED_SIZES = ((4, 3, 64), (8, 4, 64), (12, 4, 32), (16, 6, 1), (20, 4, 1), (10, 60, 1))
BATCHES = (1, 10, 100, 1_000, 10_000, 100_000)
LARGE_SIZES = (
    *((10, 4, batch) for batch in (1, 64, 4096)),
    *((16, 4, batch) for batch in (1, 64, 1024)),
    *((20, 4, batch) for batch in (1, 64)),
    *((24, 4, batch) for batch in (1, 4)),
    (28, 4, 1),
)
"""For a GPU."""

ONCE_LAYERS = tuple(range(1, 21))
RAGGED_BATCHES = (1, 3, 5, 7, 10, 13, 17, 20, 24, 29, 31, 32)


@dataclass(frozen=True, slots=True)
class Series:
    """Calls that a process makes once each: what it takes to start, all of them together.

    Attributes:
        workloads: value and gradient of each is computed once, in this order.
        is_layer: whether they are one torch layer, called with batches of these sizes.
    """

    name: str
    workloads: tuple[Workload, ...]
    is_layer: bool = False
    family: str = "once"


Item = Workload | Series


def circuits_once() -> Series:
    """Twenty circuits, as a search over architectures or a grid of depths has them."""
    workloads = tuple(layered(4, layers, 16, "once") for layers in ONCE_LAYERS)
    return Series("once circuits n=4 L=1..20 B=16", workloads)


def batches_once() -> Series:
    """One torch layer and twelve sizes of the batch."""
    workloads = tuple(layered(3, 2, batch, "once") for batch in RAGGED_BATCHES)
    return Series("once batches n=3 L=2 B=1..32", workloads, is_layer=True)


FAMILIES: dict[str, Callable[[], Sequence[Item]]] = {
    "layered": lambda: [layered(*size) for size in LAYERED_SIZES],
    "zz": lambda: [zz_real_amplitudes(n, batch) for n, batch in ((4, 64), (8, 64), (12, 32))],
    "esu2": lambda: [efficient_su2(n, batch) for n, batch in ((8, 64), (12, 32))],
    "qaoa": lambda: [qaoa(n) for n in (10, 16)],
    "tfim": lambda: [tfim(n) for n in (14, 20)],
    "random": lambda: [
        random_circuit(*size) for size in ((7, 150, 48), (14, 200, 1), (10, 2000, 1))
    ],
    "depth": lambda: [layered(8, layers, 1, "depth") for layers in (10, 1000)],
    "batch": lambda: [
        layered(n, layers, batch, "batch")
        for n, layers in ((4, 3), (8, 4), (10, 4))
        for batch in BATCHES
    ],
    "once": lambda: [circuits_once(), batches_once()],
    "large": lambda: [layered(*size, "large") for size in LARGE_SIZES],
}
DEFAULT_FAMILIES = tuple(family for family in FAMILIES if family != "large")


@cache
def items_of(family: str) -> tuple[Item, ...]:
    """The members of a family, made once."""
    return tuple(FAMILIES[family]())


def select(words: Sequence[str], quick: bool = False) -> list[Item]:
    """The workloads of the named families, or those whose name begins as a word says.

    Args:
        words: families, or beginnings of names such as `layered n=8`.
        quick: the smallest workload of each family only.

    Raises:
        ValueError: a word that selects nothing.
    """
    chosen: dict[str, Item] = {}
    for word in words:
        family = word.split()[0] if word.strip() else ""
        members = items_of(family) if family in FAMILIES else ()
        found = [item for item in members if f"{item.name} ".startswith(f"{word} ")]
        if not found:
            names = ", ".join(FAMILIES)
            raise ValueError(
                f"no workload is called {word!r}: give a family ({names}) "
                "or the beginning of a name, such as 'layered n=8'"
            )
        chosen |= {item.name: item for item in (found[:1] if quick else found)}
    return list(chosen.values())
