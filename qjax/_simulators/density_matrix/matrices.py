"""Floor 4. BankMatrices of factors -> matrices of blocks, all at once."""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from qjax._base import tuning
from qjax._noise import Channel
from qjax._simulators.density_matrix.blocks import PlacedEntry
from qjax._simulators.density_matrix.factors import Bank, GateGroup
from qjax._simulators.density_matrix.transfer import of_channel, of_gates

# BankMatrices of a width: shared `(number, 1, D, D)`, batched `(number, batch, D, D)`.
BankMatrices = tuple[Array, Array]


def matrices_of_banks(
    banks: Mapping[int, Bank],
    channels: Sequence[Channel],
    shared: Float[Array, " angles"],
    batched: Float[Array, "angles batch"],
) -> dict[int, BankMatrices]:
    """All matrices that factors are, by width."""
    return {
        width: (_shared(bank, channels, shared, width), _batched(bank, batched, width))
        for width, bank in banks.items()
    }


def _shared(bank: Bank, channels: Sequence[Channel], angles: Array, width: int) -> Array:
    size, dtype = 4**width, angles.dtype
    known = jnp.asarray(bank.constants.reshape(-1, size, size), dtype)
    given = [
        of_channel(channels[use.channel].transfer_matrix.astype(dtype), use.controls)[None]
        for use in bank.channels
    ]
    computed = [_of_group(group, angles) for group in bank.shared]
    return jnp.concatenate([known, *given, *computed])[:, None]


def _batched(bank: Bank, angles: Array, width: int) -> Array:
    size, batch = 4**width, angles.shape[1]
    computed = [_of_group(group, angles) for group in bank.batched]
    return jnp.concatenate([jnp.zeros((0, batch, size, size), angles.dtype), *computed])


def _of_group(group: GateGroup, angles: Array) -> Array:
    return of_gates(group.kind, group.controls, angles[jnp.asarray(group.angles)])


def products(
    lists: Sequence[Sequence[PlacedEntry]], banks: Mapping[int, BankMatrices], width: int
) -> Float[Array, "lists batch 4**w 4**w"]:
    """The product of each list of matrices, all of them on `width` digits; the later on the left.

    The batch is 1 where none of them differs per sample.
    """
    factors = chains(lists, banks, width)
    while factors.shape[1] > 1:
        factors = jnp.matmul(factors[:, 1::2], factors[:, 0::2], precision=tuning.PRECISION)
    return factors[:, 0]


def chains(
    lists: Sequence[Sequence[PlacedEntry]], banks: Mapping[int, BankMatrices], width: int
) -> Float[Array, "lists factors batch 4**w 4**w"]:
    """The matrices of each list in order, filled up by 1 to a power of two."""
    size = 4**width
    parts, numbers = _expanded(lists, banks, width)
    batch = max((part.shape[1] for part in parts), default=1)
    some = next(iter(banks.values()))[0]
    eye = jnp.eye(size, dtype=some.dtype)[None, None]
    every = [jnp.broadcast_to(part, (len(part), batch, size, size)) for part in (eye, *parts)]
    most = max((len(members) for members in lists), default=0)
    table = np.zeros((len(lists), 1 << max(most - 1, 0).bit_length()), np.int32)
    for row, members in enumerate(numbers):
        table[row, : len(members)] = members
    return jnp.concatenate(every)[table]


def _expanded(
    lists: Sequence[Sequence[PlacedEntry]], banks: Mapping[int, BankMatrices], width: int
) -> tuple[list[Array], list[list[int]]]:
    """Distinct matrices on all digits, by how they stand in them; and their numbers, from 1."""
    kinds: dict[tuple, dict[int, int]] = {}
    for members in lists:
        for entry, places in members:
            numbers = kinds.setdefault((places, entry.is_batched), {})
            numbers.setdefault(entry.number, len(numbers))
    starts, total = {}, 1
    for kind, numbers in kinds.items():
        starts[kind], total = total, total + len(numbers)
    parts = [
        _on_digits(banks[len(places)][int(moves)][jnp.asarray(list(numbers))], places, width)
        for (places, moves), numbers in kinds.items()
    ]
    placed = [
        [
            starts[places, entry.is_batched] + kinds[places, entry.is_batched][entry.number]
            for entry, places in members
        ]
        for members in lists
    ]
    return parts, placed


def _on_digits(matrices: Array, places: tuple[int, ...], width: int) -> Array:
    """BankMatrices on some digits of `width`, the first place for the least significant."""
    if places == tuple(range(width)):
        return matrices
    number, batch = matrices.shape[:2]
    rest = [digit for digit in range(width) if digit not in places]
    eye = jnp.eye(4 ** len(rest), dtype=matrices.dtype)
    whole = jnp.einsum("ab,nzcd->nzacbd", eye, matrices)
    split = whole.reshape(number, batch, *(4,) * (2 * width))
    # Digits as they stand, most significant first: the rest, then the places.
    now = [*reversed(rest), *reversed(places)]
    order = [now.index(digit) for digit in reversed(range(width))]
    axes = [2 + k for k in order] + [2 + width + k for k in order]
    return split.transpose(0, 1, *axes).reshape(number, batch, 4**width, 4**width)
