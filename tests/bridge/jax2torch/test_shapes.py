"""Shapes of symbolic sizes, in an environment of torch's own."""

from __future__ import annotations

import pytest
import torch
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv, StatelessSymbolicContext

from bridge._jax2torch.shapes import Shape, infer_shapes

Symbols = tuple[int | torch.SymInt, ...]


def symbols(*sizes: int) -> Symbols:
    """One symbol per size, which its value stands behind."""
    environment = ShapeEnv()
    context = StatelessSymbolicContext(dynamic_sizes=[DimDynamic.DYNAMIC] * len(sizes))
    source = torch._dynamo.source.ConstantSource("x")
    found, _, _ = environment.create_symbolic_sizes_strides_storage_offset(
        torch.empty(sizes), source, symbolic_context=context
    )
    return tuple(found)


def test_affine_in_one_size() -> None:
    (size,) = symbols(6)
    ((found, fixed),), key = infer_shapes(
        lambda shapes: ([(2 * shapes[0][0] + 1, 3)], "key"), [(size, 4)]
    )
    assert key == "key"
    assert fixed == 3
    assert isinstance(found, torch.SymInt)
    assert found.node.expr == 2 * size.node.expr + 1


def test_several_sizes_and_expressions_of_them() -> None:
    first, second = symbols(6, 9)

    def evaluate(shapes: list[Shape]) -> tuple[list[Shape], None]:
        (a, twice), (b,) = shapes
        assert twice == 2 * a
        return [(a + 3 * b - 2,), (), (b, a, 7)], None

    ((sum_,), scalar, (b, a, fixed)), _ = infer_shapes(evaluate, [(first, 2 * first), (second,)])
    assert sum_.node.expr == first.node.expr + 3 * second.node.expr - 2
    assert scalar == ()
    assert (b.node.expr, a.node.expr, fixed) == (second.node.expr, first.node.expr, 7)


def test_what_is_not_affine_is_fixed() -> None:
    first, second = symbols(6, 9)
    evaluate = lambda shapes: ([(shapes[0][0] * shapes[1][0],)], None)  # noqa: E731
    assert infer_shapes(evaluate, [(first,), (second,)]) == ([(54,)], None)


def test_what_can_not_be_traced_at_other_sizes_is_fixed() -> None:
    def evaluate(shapes: list[Shape]) -> tuple[list[Shape], None]:
        if shapes[0][0] != 6:
            raise ValueError
        return [(1,)], None

    assert infer_shapes(evaluate, [symbols(6)]) == ([(1,)], None)


def test_known_sizes_are_evaluated_once() -> None:
    seen = []

    def evaluate(shapes: list[Shape]) -> tuple[list[Shape], None]:
        seen.append(shapes)
        return [shapes[0][:1]], None

    assert infer_shapes(evaluate, [(3, 4)]) == ([(3,)], None)
    assert seen == [[(3, 4)]]


@pytest.mark.parametrize("size", [5, 20])
def test_a_bend_is_found_from_either_side(size: int) -> None:
    evaluate = lambda shapes: ([(min(shapes[0][0], 10),)], None)  # noqa: E731
    assert infer_shapes(evaluate, [symbols(size)]) == ([(min(size, 10),)], None)


def test_what_is_different_at_other_sizes_is_fixed() -> None:
    evaluate = lambda shapes: ([()], shapes[0][0] <= 7)  # noqa: E731
    assert infer_shapes(evaluate, [symbols(6)]) == ([()], True)


def test_a_symbol_that_never_stands_alone() -> None:
    (size,) = symbols(6)
    ((found,),), _ = infer_shapes(lambda shapes: ([(shapes[0][0] // 4,)], None), [(4 * size,)])
    assert found.node.expr == size.node.expr
