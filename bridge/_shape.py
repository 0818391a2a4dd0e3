"""Floor 0. Shapes of outputs, for input shapes with sizes that are not known yet."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch

Shape = tuple[int, ...]
SymbolicShape = tuple[int | torch.SymInt, ...]

_PRIMES = (5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61)
"""Sizes to try: distinct, and none a multiple of another."""


def infer_shapes(
    evaluate: Callable[[list[Shape]], list[Shape]], shapes: Sequence[SymbolicShape]
) -> list[SymbolicShape]:
    """The outputs' shapes as affine functions of the inputs' symbolic sizes.

    JAX traces for known sizes only. So the function is traced at a few sizes: at a base point, one
    step from it in each symbol, and at a last point, which has to confirm what the others say.
    Where it does not, or where the function can't be traced at such sizes, the sizes of the
    recording are taken for fixed, and torch records anew for others.

    Args:
        evaluate: the outputs' shapes for input shapes that are known.
        shapes: of the inputs; some sizes are symbols or expressions of symbols.
    """
    sizes = [size for shape in shapes for size in shape if isinstance(size, torch.SymInt)]
    symbols = {size.node.expr: size for size in sizes if size.node.expr.is_Symbol}
    free = {symbol for size in sizes for symbol in size.node.expr.free_symbols}
    if symbols and free <= symbols.keys() and 2 * len(symbols) <= len(_PRIMES):
        try:
            return _fit(evaluate, shapes, symbols)
        except _NotAffineError:
            pass
    return list(evaluate([tuple(int(size) for size in shape) for shape in shapes]))


class _NotAffineError(Exception):
    pass


def _fit(
    evaluate: Callable[[list[Shape]], list[Shape]],
    shapes: Sequence[SymbolicShape],
    symbols: dict[Any, torch.SymInt],
) -> list[SymbolicShape]:
    count = len(symbols)
    base, last = _PRIMES[:count], _PRIMES[count : 2 * count]
    steps = [
        tuple(size + (place == moved) for place, size in enumerate(base)) for moved in range(count)
    ]
    points = [base, *steps, last]
    try:
        found = [evaluate(_at(shapes, dict(zip(symbols, point, strict=True)))) for point in points]
    except Exception as error:
        raise _NotAffineError from error
    if any(list(map(len, outputs)) != list(map(len, found[0])) for outputs in found):
        raise _NotAffineError
    # One row per output size: its values at the points.
    rows = zip(*map(itertools.chain.from_iterable, found), strict=True)
    fitted = iter([_affine(row, base, last, tuple(symbols.values())) for row in rows])
    return [tuple(next(fitted) for _ in shape) for shape in found[0]]


def _at(shapes: Sequence[SymbolicShape], values: dict[Any, int]) -> list[Shape]:
    return [
        tuple(
            int(size.node.expr.subs(values)) if isinstance(size, torch.SymInt) else size
            for size in shape
        )
        for shape in shapes
    ]


def _affine(
    row: Sequence[int], base: Shape, last: Shape, symbols: Sequence[torch.SymInt]
) -> int | torch.SymInt:
    """The size whose values at the points are `row`, as an expression of the symbols."""
    at_base, *at_steps, at_last = row
    slopes = [value - at_base for value in at_steps]
    offset = at_base - sum(slope * size for slope, size in zip(slopes, base, strict=True))
    if at_last != offset + sum(slope * size for slope, size in zip(slopes, last, strict=True)):
        raise _NotAffineError
    terms = [slope * symbol for slope, symbol in zip(slopes, symbols, strict=True) if slope]
    return sum(terms[1:], terms[0]) + offset if terms else offset
