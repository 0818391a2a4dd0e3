"""Floor 6. Matrices of blocks, one for each run, on the states of all runs.

Which qubits a block acts on is an index: so a loop over blocks has one body, with a branch for
each set of qubits and none for each block. Derivatives keep the state before each block once,
whatever the branches would keep.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Complex, Float, Int

from qjax._base import tuning
from qjax._base.linear_map import linear_map

State = Float[Array, "2 dim runs"]
Supports = tuple[tuple[int, ...], ...]
# Products of so many qubits are written out, which runs faster than a contraction, but grows.
_MOST_WRITTEN_OUT = 2
# One complex matrix for each run, as real and imaginary parts.
Parts = Float[Array, "2 K K runs"]


def as_parts(matrices: Complex[Array, "K K runs"]) -> Parts:
    """Real and imaginary parts."""
    return jnp.stack([matrices.real, matrices.imag])


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def apply_blocks(supports: Supports, where: Int[Array, ""], matrices: Parts, state: State) -> State:
    """Apply a matrix for each run to the qubits `supports[where]`, the first as bit 0."""
    return _apply(supports, where, matrices, state)


@apply_blocks.defjvp
def _apply_jvp(supports: Supports, primals: tuple, tangents: tuple) -> tuple[State, State]:
    def forth(given: tuple, moving: tuple) -> State:
        where, matrices, state = given
        along, moved = moving
        return _apply(supports, where, along, state) + _apply(supports, where, matrices, moved)

    def back(given: tuple, cotangent: State) -> tuple[Parts, State]:
        where, matrices, state = given
        adjoint = jnp.stack([matrices[0], -matrices[1]]).swapaxes(1, 2)
        to_state = _apply(supports, where, adjoint, cotangent)
        return products(supports, where, cotangent, state), to_state

    return apply_blocks(supports, *primals), linear_map(forth, back, primals, tangents[1:])


def products(supports: Supports, where: Int[Array, ""], left: State, right: State) -> Parts:
    """Sums of left[k] conj(right[j]) over all other qubits.

    Of a state with itself: its density matrix on these qubits, the others traced out.
    """
    operands = (left,) if left is right else (left, right)
    return _branch(supports, where, _products_on, *operands)


def _apply(supports: Supports, where: Array, matrices: Parts, state: State) -> State:
    return _branch(supports, where, _apply_on, state, matrices)


def _branch(
    supports: Supports, where: Array, function: Callable[..., Array], *operands: Array
) -> Array:
    branches = [partial(function, support) for support in supports]
    return branches[0](*operands) if len(branches) == 1 else lax.switch(where, branches, *operands)


def _rows(support: tuple[int, ...], state: State) -> list[tuple[Array, Array]]:
    """The amplitudes with each setting of the qubits."""
    split = _split(support, state)
    axes = range(1, 2 * len(support), 2)
    settings = []
    for setting in range(1 << len(support)):
        part = split
        for place, axis in enumerate(axes):
            bit = setting >> (len(support) - 1 - place) & 1
            part = lax.index_in_dim(part, bit, axis + 1, keepdims=True)
        settings.append((part[0], part[1]))
    return settings


def _split(support: tuple[int, ...], state: State) -> Array:
    """Axes: planes, then a rest and a qubit in turn from the highest down, the rest, runs."""
    bounds = [state.shape[1].bit_length() - 1, *reversed(support)]
    shape = [2]
    for above, qubit in pairwise(bounds):
        between = above - qubit - 1
        shape += [1 << between, 2]
    return state.reshape(*shape, 1 << support[0], state.shape[-1])


def _apply_on(support: tuple[int, ...], state: State, matrices: Parts) -> State:
    if len(support) > _MOST_WRITTEN_OUT:
        return _contracted(support, state, matrices)
    rows = _rows(support, state)
    size = len(rows)
    # As many axes as the rows have.
    real, imag = matrices.reshape(2, size, size, *(1,) * (rows[0][0].ndim - 1), -1)
    results = []
    for k in range(len(rows)):
        pairs = [
            (
                real[k, j] * row[0] - imag[k, j] * row[1],
                real[k, j] * row[1] + imag[k, j] * row[0],
            )
            for j, row in enumerate(rows)
        ]
        results.append((sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)))
    planes = [_joined(support, [result[plane] for result in results]) for plane in (0, 1)]
    return jnp.stack(planes).reshape(state.shape)


def _contracted(support: tuple[int, ...], state: State, matrices: Parts) -> State:
    split, width = _split(support, state), len(support)
    front = [axis + 1 for axis in range(1, 2 * width, 2)]
    moved = jnp.moveaxis(split, front, range(1, 1 + width))
    rows = moved.reshape(2, 1 << width, -1, state.shape[-1])
    both = jnp.einsum("pkjr,qjzr->pqkzr", matrices, rows, precision=tuning.PRECISION)
    after = jnp.stack([both[0, 0] - both[1, 1], both[0, 1] + both[1, 0]])
    return jnp.moveaxis(after.reshape(moved.shape), range(1, 1 + width), front).reshape(state.shape)


def _joined(support: tuple[int, ...], rows: list[Array]) -> Array:
    """What `_rows` took apart, of one plane."""
    for axis in reversed(range(1, 2 * len(support), 2)):
        rows = [lax.concatenate(pair, axis) for pair in zip(rows[::2], rows[1::2], strict=True)]
    return rows[0]


def _products_on(support: tuple[int, ...], left: State, right: State | None = None) -> Parts:
    size = 1 << len(support)

    def gathered(state: State) -> Float[Array, "runs rows rest"]:
        split = _split(support, state)
        front = [axis + 1 for axis in range(1, 2 * len(support), 2)]
        moved = jnp.moveaxis(split, [split.ndim - 1, 0, *front], range(len(front) + 2))
        # Moved as a whole, and not number by number within the product.
        return lax.optimization_barrier(moved.reshape(state.shape[-1], 2 * size, -1))

    rows = gathered(left)
    others = rows if right is None else gathered(right)
    both = jnp.einsum("rkz,rjz->kjr", rows, others, precision=tuning.PRECISION)
    parts = both.reshape(2, size, 2, size, -1)
    real = parts[0, :, 0] + parts[1, :, 1]
    return jnp.stack([real, parts[1, :, 0] - parts[0, :, 1]])
