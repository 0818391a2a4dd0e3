"""Linear maps and lookups with a transpose of their own, against plain JAX gathers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qjax._base.linear_map import linear_map
from qjax._plan import Lookup
from qjax._simulators.statevector.lookup import look_up
from tests.circuits import error

pytestmark = pytest.mark.usefixtures("x64")

SOURCE = np.array([3, 0, 4, 1, 2, 7, 6, 5], np.int32)
INVERSE = np.argsort(SOURCE).astype(np.int32)


def random(*shape: int, seed: int = 0, is_complex: bool = False) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=shape)
    return values + 1j * rng.normal(size=shape) if is_complex else values


# ---------------------------------------------------------------- permuting and scaling


def forth(residuals: Any, x: Any) -> Any:
    """Linear in both entries of x: rows permuted, scaled by a number that is a residual too."""
    source, scale = residuals[0], residuals[2]
    return {"moved": jnp.sin(scale) * x[0][source], "sum": x[0].sum(axis=0) + scale**2 * x[1]}


def back(residuals: Any, cotangent: Any) -> Any:
    inverse, scale = residuals[1], residuals[2]
    moved = jnp.sin(scale) * cotangent["moved"][inverse]
    return moved + cotangent["sum"][None], scale**2 * cotangent["sum"]


def ours(scale: Any, x: Any, y: Any) -> Any:
    return linear_map(forth, back, (SOURCE, INVERSE, scale), (x, y))


def plain(scale: Any, x: Any, y: Any) -> Any:
    return forth((SOURCE, INVERSE, scale), (x, y))


def read(function: Callable[..., Any]) -> Callable[..., Any]:
    """A number that depends on all results, and on no result linearly."""

    def number(scale: Any, x: Any, y: Any) -> Any:
        result = function(scale, x, y)
        return (result["moved"] ** 3).sum() + jnp.cos(result["sum"]).sum()

    return number


ARGUMENTS = (np.float64(0.7), random(8, 2), random(2, seed=1))


def check(
    transform: Callable[[Callable[..., Any]], Callable[..., Any]],
    arguments: Sequence[Any] = ARGUMENTS,
    functions: Sequence[Callable[..., Any]] = (ours, plain),
    tolerance: float = 1e-11,
) -> None:
    """A transform of our function gives what it gives of the plain one."""
    both = jax.jit(lambda *given: [transform(function)(*given) for function in functions])
    left, right = both(*arguments)
    assert jax.tree.structure(left) == jax.tree.structure(right)
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        assert a.dtype == b.dtype
        assert error(a, b) < tolerance


TRANSFORMS: dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "value": lambda f: f,
    "jit": jax.jit,
    "jvp": lambda f: lambda *a: jax.jvp(f, a, tuple(jnp.cos(x) for x in a)),
    "jacfwd": lambda f: jax.jacfwd(f, (0, 1, 2)),
    "jacrev": lambda f: jax.jacrev(f, (0, 1, 2)),
    "gradient": lambda f: jax.grad(read(f), (0, 1, 2)),
    "gradient in one argument": lambda f: jax.grad(read(f), 1),
    "gradient in the residual": lambda f: jax.grad(read(f), 0),
    "jitted gradient": lambda f: jax.jit(jax.grad(read(f), (0, 1, 2))),
    "hessian": lambda f: jax.hessian(read(f), (0, 1, 2)),
    "reverse over reverse": lambda f: jax.jacrev(jax.jacrev(read(f), (0, 1)), (0, 1)),
    "forward over forward": lambda f: jax.jacfwd(jax.jacfwd(read(f), (0, 1)), (0, 1)),
    "linearize": lambda f: lambda *a: jax.linearize(f, *a)[1](*(x + 1 for x in a)),
    "checkpoint": lambda f: jax.grad(jax.checkpoint(read(f)), (0, 1, 2)),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_every_derivative_is_that_of_the_plain_function(name: str) -> None:
    check(TRANSFORMS[name])


def test_without_jit() -> None:
    gradient = jax.grad(read(ours), (0, 1, 2))
    expected = jax.grad(read(plain), (0, 1, 2))(*ARGUMENTS)
    for a, b in zip(gradient(*ARGUMENTS), expected, strict=True):
        assert error(a, b) < 1e-12


AXES: list[tuple[Any, ...]] = [(0, None, None), (None, 1, None), (None, 2, 1), (0, -1, 0)]


def stacked(axes: tuple[Any, ...]) -> list[Any]:
    """Three different samples of the arguments that are mapped over."""
    return [
        x if axis is None else np.stack([x, 2 * x, 0.5 - x], axis=axis)
        for x, axis in zip(ARGUMENTS, axes, strict=True)
    ]


@pytest.mark.parametrize("axes", AXES, ids=str)
@pytest.mark.parametrize("name", ["jvp", "jacrev", "hessian"])
def test_every_derivative_under_vmap(name: str, axes: tuple[Any, ...]) -> None:
    check(lambda f: jax.vmap(TRANSFORMS[name](f), in_axes=axes), stacked(axes))


@pytest.mark.parametrize("axes", [(0, None, None), (None, 1, 0)], ids=str)
@pytest.mark.parametrize("order", [jax.grad, jax.hessian], ids=["gradient", "hessian"])
def test_derivatives_of_a_vmapped_sum(order: Callable[..., Any], axes: tuple[Any, ...]) -> None:
    """What the batch shares collects the cotangents of all of it."""

    def transform(function: Callable[..., Any]) -> Callable[..., Any]:
        mapped = jax.vmap(read(function), in_axes=axes)
        return order(lambda *given: mapped(*given).sum(), (0, 1, 2))

    check(transform, stacked(axes))


def test_nested_vmap_of_different_axes() -> None:
    def transform(function: Callable[..., Any]) -> Callable[..., Any]:
        inner = jax.vmap(jax.grad(read(function), (0, 1, 2)), in_axes=(None, 1, None))
        return jax.vmap(inner, in_axes=(0, None, None), out_axes=1)

    check(transform, (random(3, seed=2), random(8, 5, 2, seed=3), random(2, seed=4)))


def repeated(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function in a scan, with a residual of its own in each step."""

    def body(carry: Any, scale: Any) -> Any:
        result = function(scale, *carry)
        return (jnp.sin(result["moved"]), jnp.cos(result["sum"])), result["moved"].sum()

    def number(scales: Any, x: Any, y: Any) -> Any:
        (x, y), sums = jax.lax.scan(body, (x, y), scales)
        return x.sum() + (y**2).sum() + (sums**2).sum()

    return number


def test_inside_a_scan() -> None:
    arguments = (random(4, seed=5), random(8, 2), random(2, seed=1))
    check(lambda f: jax.grad(repeated(f), (0, 1, 2)), arguments)
    check(lambda f: jax.hessian(repeated(f), (0, 1)), arguments, tolerance=1e-10)


def test_inside_a_scan_under_vmap() -> None:
    arguments = (random(4, seed=5), random(8, 2), random(3, 2, seed=1))
    check(lambda f: jax.vmap(jax.grad(repeated(f), (0, 1, 2)), in_axes=(None, None, 0)), arguments)


def test_linear_transpose_is_the_rule_that_was_given() -> None:
    """Also where it is wrong: the rule is used, not what JAX would find."""
    x = jax.ShapeDtypeStruct((8,), np.float64)
    permute = lambda x: linear_map(  # noqa: E731
        lambda s, x: x[s], lambda s, c: 2 * c[INVERSE], SOURCE, x
    )
    y = random(8)
    assert error(jax.linear_transpose(permute, x)(y)[0], 2 * y[INVERSE]) == 0
    assert error(jax.grad(lambda x: (permute(x) * y).sum())(y), 2 * y[INVERSE]) == 0
    assert error(jax.jvp(permute, (y,), (y,))[1], y[SOURCE]) == 0


def test_complex_operands() -> None:
    x, c = random(8, is_complex=True), random(8, seed=1, is_complex=True)

    def number(x: Any) -> Any:
        moved = linear_map(lambda s, x: x[s[0]], lambda s, g: g[s[1]], (SOURCE, INVERSE), x)
        return (moved * c).sum().real

    # JAX's gradient of Re(sum(c * p(x))) in complex x is c, permuted back.
    assert error(jax.grad(number)(x), c[INVERSE]) == 0


# ---------------------------------------------------------------- lookups

CONSTANTS = 2
TABLE = np.array([[2, 0, 4], [1, 2, 2], [5, 4, 0]], np.int32)


def lookup() -> Lookup:
    """Entries 0 and 1 are constants, entry 3 is not used at all."""
    flat, most = TABLE.ravel(), 3
    uses = np.full((6 - CONSTANTS, most), flat.size, np.int32)
    for row, entry in enumerate(range(CONSTANTS, 6)):
        places = np.flatnonzero(flat == entry)
        uses[row, : len(places)] = places
    return Lookup(TABLE, uses)


def gathered(bank: Any) -> Any:
    """What a lookup stands for: constants are no variables."""
    held = jnp.concatenate([jax.lax.stop_gradient(bank[:CONSTANTS]), bank[CONSTANTS:]])
    return held[TABLE]


LOOKUP_TRANSFORMS: dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "value": lambda f: f,
    "gradient": lambda f: jax.grad(lambda b: (f(b) ** 3).sum()),
    "jacrev": jax.jacrev,
    "reverse over reverse": lambda f: jax.jacrev(jax.jacrev(lambda b: (f(b) ** 3).sum())),
    "vmap": lambda f: jax.vmap(f, in_axes=1, out_axes=2),
    "vmapped gradient": lambda f: jax.vmap(
        jax.grad(lambda b: (f(b) ** 3).sum()), in_axes=1, out_axes=-1
    ),
    "gradient of vmap": lambda f: jax.grad(lambda b: (jax.vmap(f, in_axes=1)(b) ** 3).sum()),
    "scan": lambda f: jax.grad(
        lambda b: jax.lax.scan(lambda c, s: (c + (f(b * s) ** 2).sum(), None), 0.0, SCALES)[0]
    ),
}
SCALES = random(3, seed=9)


@pytest.mark.parametrize("name", LOOKUP_TRANSFORMS)
def test_lookups_are_gathers(name: str) -> None:
    bank, transform = random(6, 2), LOOKUP_TRANSFORMS[name]
    check(transform, (bank,), (lambda b: look_up(lookup(), b), gathered))


def test_lookups_of_complex_entries() -> None:
    bank, weights = random(6, is_complex=True), random(3, 3, seed=1, is_complex=True)

    def number(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda bank: (function(bank) * weights).sum().real

    check(lambda f: jax.grad(number(f)), (bank,), (lambda bank: look_up(lookup(), bank), gathered))


def test_forward_mode_of_lookups() -> None:
    """The constants get no cotangent; a tangent of theirs, which no circuit has, would go on."""
    bank, tangent = jnp.asarray(random(6, 2)), random(6, 2, seed=1)
    tangent[:CONSTANTS] = 0
    value, moved = jax.jvp(lambda b: look_up(lookup(), b), (bank,), (jnp.asarray(tangent),))
    assert error(value, bank[TABLE]) == 0
    assert error(moved, tangent[TABLE]) == 0


def test_no_gradient_of_a_lookup_scatters() -> None:
    """The reason for its being: JAX's own gather would be transposed to a scatter-add."""
    table = lookup()

    def lowered(function: Callable[..., Any], transform: Callable[..., Any], x: Any) -> str:
        return jax.jit(transform(lambda b: (function(b) ** 2).sum())).lower(x).as_text()

    assert "scatter" in lowered(gathered, jax.grad, random(6, 2))
    for transform in (jax.grad, lambda f: jax.vmap(jax.grad(f))):
        x = random(6, 2) if transform is jax.grad else random(4, 6)
        text = lowered(lambda b: look_up(table, b), transform, x)
        assert "gather" in text
        assert "scatter" not in text
