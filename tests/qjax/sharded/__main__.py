"""All comparisons: one line of JSON for each, its name and the largest error.

python -m tests.qjax.sharded COUNT: so many random circuits, in a process of eight virtual devices;
with 50, what takes longest too.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator

from tests.compiling import flags

os.environ["XLA_FLAGS"] = flags(8)

import jax

from tests.qjax.sharded import circuits, functions, programs, transforms
from tests.qjax.sharded.circuits import Case, Comparison

ALL = 50


def compared(count: int) -> Iterator[Comparison]:
    # Programs first, as users have them; what runs once is not worth optimizing.
    yield from _named("programs", programs.compared())
    jax.config.update("jax_disable_most_optimizations", True)
    for case in map(Case, range(count)):
        precision = "double" if case.x64 else "single"
        yield from _named(f"{precision} circuit {case.name}", circuits.compared(case, False))
        jax.clear_caches()
    yield from _named("double", functions.compared(count >= ALL))
    yield from _named("double", transforms.compared(count >= ALL))


def _named(prefix: str, comparisons: Iterator[Comparison]) -> Iterator[Comparison]:
    for name, error in comparisons:
        yield f"{prefix}: {name}", error


def main(count: int) -> None:
    jax.config.update("jax_numpy_dtype_promotion", "strict")
    jax.config.update("jax_numpy_rank_promotion", "raise")
    for comparison in compared(count):
        sys.stdout.write(json.dumps(comparison) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
