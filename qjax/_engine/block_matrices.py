"""Floor 6. Gates, channels -> matrices on the qubits of a block, and what is drawn among them."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Complex, Float, Int

from qjax._circuit.gates import ConstantGate, PhaseGate
from qjax._engine.noise_blocks import PlacedChannel, PlacedGate
from qjax._expressions import Value, all_angles, expression_tables
from qjax._noise import Channel
from qjax._simulators import gate_entries

# (number of gates, K, K, runs or 1)
Matrices = Complex[Array, "gates K K runs"]


def gate_matrices(
    gates: Sequence[PlacedGate], params: Float[Array, "params runs"], width: int
) -> Matrices:
    """The matrices of gates on their blocks, in order; a column for each of the parameters'."""
    tables, places = expression_tables(
        [
            Value(angle, placed.gate.kind.periodic)
            for placed in gates
            for angle in placed.gate.angles
        ],
        {parameter: parameter for parameter in range(len(params))},
    )
    angles = all_angles(tables, params)
    ends = np.cumsum([0, *(len(placed.gate.angles) for placed in gates)])
    alike: dict[Any, list[int]] = defaultdict(list)
    for number, placed in enumerate(gates):
        alike[placed.gate.name, placed.gate.matrix, placed.bits, placed.controls].append(number)
    pieces, order = [], []
    for numbers in alike.values():
        which = np.array([places[ends[n] : ends[n + 1]] for n in numbers], np.int32)
        pieces.append(_of_kind(gates[numbers[0]], angles[which.T], width, len(numbers)))
        order += numbers
    runs = max(piece.shape[-1] for piece in pieces)
    whole = jnp.concatenate(
        [jnp.broadcast_to(piece, (*piece.shape[:-1], runs)) for piece in pieces]
    )
    return whole[np.argsort(order).astype(np.int32)]


def _of_kind(placed: PlacedGate, angles: Array, width: int, count: int) -> Matrices:
    """Gates of one kind in one place of a block."""
    kind = placed.gate.kind
    dtype = np.result_type(angles.dtype, np.complex64)
    if isinstance(kind, ConstantGate):
        entries = jnp.asarray(kind.matrix.reshape(-1)).astype(dtype)
        entries = jnp.broadcast_to(entries[:, None, None], (entries.size, count, 1))
    else:
        entries = jnp.stack(gate_entries(kind, angles))
    zero_and_one = jnp.broadcast_to(
        jnp.array([0, 1], dtype)[:, None, None], (2, *entries.shape[1:])
    )
    table = embedding(placed.bits, placed.controls, width, is_diagonal=isinstance(kind, PhaseGate))
    return jnp.moveaxis(jnp.concatenate([entries, zero_and_one])[table], 2, 0)


def embedding(
    bits: Sequence[int],
    controls: Sequence[tuple[int, int]],
    width: int,
    *,
    is_diagonal: bool = False,
) -> Int[np.ndarray, "K K"]:
    """Where each entry of a matrix on a block comes from.

    Args:
        bits: those of the block's index that the matrix's are, the least significant first.
        controls: bits and their values for which it acts.
        width: the number of the block's bits.
        is_diagonal: whether only the diagonal of the matrix is given.

    Returns:
        numbers of the matrix's entries, row by row; the one after those stands for 0, the next for
        1.
    """
    index = np.arange(1 << width)
    own = sum((index >> bit & 1) << place for place, bit in enumerate(bits)) + 0 * index
    rest = index & ~sum(1 << bit for bit in bits)
    acts = np.all([index >> bit & 1 == value for bit, value in controls], axis=0) | (0 * index > 0)
    size = 1 << len(bits)
    entry = np.where(own[:, None] == own, own, size) if is_diagonal else own[:, None] * size + own
    zero = size if is_diagonal else size * size
    entry = np.where(rest[:, None] == rest, np.minimum(entry, zero), zero)
    passive = np.where(np.eye(len(index), dtype=bool), zero + 1, zero)
    return np.where(acts[:, None] & acts, entry, passive).astype(np.int32)


def embedded(operators: Complex[Array, "m d d"], placed: PlacedChannel, width: int) -> Array:
    """Kraus operators on a block; where controls say that nothing happens, one more operator."""
    zeros = jnp.zeros((len(operators), 1), operators.dtype)
    padded = jnp.concatenate([operators.reshape(len(operators), -1), zeros, zeros], axis=1)
    acting = padded[:, embedding(placed.bits, placed.controls, width)]
    if not placed.controls:
        return acting
    passive = embedding(placed.bits, placed.controls, width) == operators[0].size + 1
    return jnp.concatenate([acting, jnp.asarray(passive).astype(acting.dtype)[None]])


def multiplied(
    left: Complex[Array, "*rest K K columns"], right: Complex[Array, "*rest K K runs"]
) -> Complex[Array, "*rest K K runs"]:
    """Products of matrices, one for each run."""
    return (left[..., :, :, None, :] * right[..., None, :, :, :]).sum(axis=-3)


def adjoint(matrices: Complex[Array, "K K runs"]) -> Complex[Array, "K K runs"]:
    """The conjugate transposes."""
    return matrices.swapaxes(0, 1).conj()


# ---------------------------------------------------------------- what is drawn


def uniform(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    """Numbers in [0, 1), those near 0 with all their digits."""
    word = np.dtype(np.uint32 if dtype == np.float32 else np.uint64)
    numbers = jax.random.bits(key, shape, word).astype(dtype) * dtype.type(
        0.5 ** (8 * word.itemsize)
    )
    return jnp.minimum(numbers, 1 - 2 * np.finfo(dtype).epsneg)


def choose(
    probabilities: Float[Array, "m *runs"], numbers: Float[Array, "*places runs"]
) -> Int[Array, "*places runs"]:
    """Invert the cumulative distribution: the same numbers choose the same but at its steps.

    From the last one backwards: rare ones, which come last, are added up to small numbers, none of
    which is rounded away.
    """
    likely = jnp.maximum(lax.stop_gradient(probabilities), 0)
    above = jnp.cumsum(likely[::-1], axis=0)
    shape = (len(above), *(1 for _ in range(numbers.ndim - above.ndim + 1)), *above.shape[1:])
    steps = above.reshape(shape)
    passed = (numbers[None] * steps[-1:] >= steps[:-1]).sum(axis=0)
    return len(above) - 1 - passed


def drawn_unitaries(
    mixtures: Sequence[PlacedChannel],
    channels: Sequence[Channel],
    numbers: Float[Array, "mixtures runs"],
    width: int,
) -> Matrices:
    """A unitary for each place and run, times the root of how likely it is.

    The root is 1 in value, and has half the slope of the logarithm of the probability.
    """
    alike: dict[PlacedChannel, list[int]] = defaultdict(list)
    for number, placed in enumerate(mixtures):
        alike[placed].append(number)
    pieces, order = [], []
    dtype = np.result_type(numbers.dtype, np.complex64)
    for placed, places in alike.items():
        assert isinstance(placed.channel, int)
        mixture = channels[placed.channel].mixture
        unitaries = embedded(mixture.unitaries.astype(dtype), placed, width)
        probabilities = mixture.probabilities.astype(numbers.dtype)
        index = choose(probabilities, numbers[np.array(places)])
        likely = probabilities[index]
        weight = jnp.sqrt(likely / lax.stop_gradient(likely)).astype(dtype)
        pieces.append(jnp.moveaxis(unitaries[index], 1, -1) * weight[:, None, None])
        order += places
    return jnp.concatenate(pieces)[np.argsort(order).astype(np.int32)]
