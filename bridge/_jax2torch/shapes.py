"""Floor 2. Shapes of outputs, for input shapes with sizes that are not known yet."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch

Shape = tuple[int, ...]
SymbolicShape = tuple[int | torch.SymInt, ...]
Evaluate = Callable[[list[Shape]], tuple[list[Shape], Any]]

_PRIMES = (5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61)
"""Small sizes to try: distinct, and none a multiple of another."""


def infer_shapes(
    evaluate: Evaluate, shapes: Sequence[SymbolicShape]
) -> tuple[list[SymbolicShape], Any]:
    """The outputs' shapes as affine functions of the inputs' symbolic sizes.

    JAX traces for known sizes only. So the function is traced at a few sizes: at those of the
    recording, one step from them in each symbol, at larger and at small ones, which have to confirm
    what the others say. Where they do not, or where the function can't be traced at such sizes, the
    sizes of the recording are taken for fixed, and torch records anew for others.

    Args:
        evaluate: the outputs' shapes for input shapes that are known, and a key, whatever else
            has to be the same at all sizes.
        shapes: of the inputs; some sizes are symbols or expressions of symbols.

    Returns:
        the outputs' shapes, and the key.
    """
    sizes = [size for shape in shapes for size in shape if isinstance(size, torch.SymInt)]
    symbols = _symbols_of(sizes)
    free = {symbol for size in sizes for symbol in size.node.expr.free_symbols}
    if symbols and free == symbols.keys() and len(symbols) <= len(_PRIMES):
        try:
            return _fit(evaluate, shapes, symbols)
        except _NotAffineError:
            pass
    fixed, key = evaluate([tuple(int(size) for size in shape) for shape in shapes])
    return list(fixed), key


def _symbols_of(sizes: Sequence[torch.SymInt]) -> dict[Any, torch.SymInt]:
    """Each symbol by itself, as far as a size is an affine function of it alone."""
    symbols = {}
    for size in sizes:
        expression = size.node.expr
        if len(expression.free_symbols) == 1 and expression not in symbols:
            (symbol,) = expression.free_symbols
            offset = expression.subs(symbol, 0)
            slope = expression.subs(symbol, 1) - offset
            if expression.is_Symbol:
                symbols[symbol] = size
            elif (slope * symbol + offset - expression).expand() == 0:
                symbols.setdefault(symbol, (size - int(offset)) // int(slope))
    return symbols


class _NotAffineError(Exception):
    pass


def _fit(
    evaluate: Evaluate, shapes: Sequence[SymbolicShape], symbols: dict[Any, torch.SymInt]
) -> tuple[list[SymbolicShape], Any]:
    count = len(symbols)
    small = _PRIMES[:count]
    base = tuple(
        symbol.node.hint if symbol.node.has_hint() else size
        for symbol, size in zip(symbols.values(), small, strict=True)
    )
    steps = [
        tuple(size + (symbol == moved) for symbol, size in enumerate(base))
        for moved in range(count)
    ]
    large = tuple(2 * size + prime for size, prime in zip(base, small, strict=True))
    points = [base, *steps, large, small]
    try:
        traced = [evaluate(_at(shapes, dict(zip(symbols, point, strict=True)))) for point in points]
    except Exception as error:
        raise _NotAffineError from error
    shapes_found, keys = zip(*traced, strict=True)
    ranks = [list(map(len, outputs)) for outputs in shapes_found]
    if any(rank != ranks[0] for rank in ranks) or any(key != keys[0] for key in keys):
        raise _NotAffineError
    # One row per output size: its values at the points.
    rows = zip(*map(itertools.chain.from_iterable, shapes_found), strict=True)
    fitted = iter([_affine(row, points, tuple(symbols.values())) for row in rows])
    return [tuple(next(fitted) for _ in shape) for shape in shapes_found[0]], keys[0]


def _at(shapes: Sequence[SymbolicShape], values: dict[Any, int]) -> list[Shape]:
    return [
        tuple(
            int(size.node.expr.subs(values)) if isinstance(size, torch.SymInt) else size
            for size in shape
        )
        for shape in shapes
    ]


def _affine(
    row: Sequence[int], points: Sequence[Shape], symbols: Sequence[torch.SymInt]
) -> int | torch.SymInt:
    """The size whose values at the points are `row`, as an expression of the symbols."""
    slopes = [value - row[0] for value in row[1 : 1 + len(symbols)]]
    offset = row[0] - _product(slopes, points[0])
    if any(value != offset + _product(slopes, at) for value, at in zip(row, points, strict=True)):
        raise _NotAffineError
    terms = [slope * symbol for slope, symbol in zip(slopes, symbols, strict=True) if slope]
    return sum(terms[1:], terms[0]) + offset if terms else offset


def _product(slopes: Sequence[int], sizes: Shape) -> int:
    return sum(slope * size for slope, size in zip(slopes, sizes, strict=True))
