"""Floor 6. States of many runs -> those after gates and noise, each run with jumps of its own.

Quantum jumps (Dalibard, Castin and Molmer, PRL 68, 580 (1992); Molmer, Castin and Dalibard, JOSA B
10, 524 (1993)): of a channel's Kraus operators one acts, K_m with probability <psi|K_m^+ K_m|psi>.
That is a number of the density matrix of the few qubits of a block, so that no K_m|psi> is held for
any m but the one that was drawn. What of a mixture of unitaries acts does not depend on the state,
and is drawn beforehand.

Probabilities are numbers for derivatives: a jumped state is K_m|psi> / sqrt(p_m) with p_m fixed, so
that its squared norm is 1 and has the slope of log p_m. What is read out of it is then multiplied
by how likely the run is, relative to what it was drawn with, and has unbiased derivatives: that of
a mean over runs is the mean of values' derivatives and of values times derivatives of the logarithm
of probabilities (the score function, or likelihood ratio: P. Glynn, CACM 33, 75 (1990)).
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Complex, Float

from qjax._base import tuning
from qjax._base.mesh import alike
from qjax._circuit.channels import FixedChannel
from qjax._engine.block_matrices import (
    drawn_unitaries,
    embedded,
    gate_matrices,
    multiplied,
    uniform,
)
from qjax._engine.block_runs import Draws, Followed, followed, with_derivatives
from qjax._engine.block_states import State, as_parts
from qjax._engine.noise_blocks import Blocks, Noisy, blocks_of, width_of
from qjax._noise import Channel


class _Given(NamedTuple):
    """What blocks consist of.

    Attributes:
        parts: the unitary parts, for each run or for all.
        operators: Kraus operators of all jumps, padded with zeros, and the identity.
        numbers: what is drawn with.
        start: the states before, or no rows for |0...0>.
    """

    parts: Complex[Array, "blocks parts K K columns"]
    operators: Complex[Array, "jumps m K K"]
    numbers: Float[Array, "blocks parts-1 runs"]
    start: State


def with_noise(
    ops: Sequence[Noisy],
    params: Float[Array, "params runs"],
    channels: Sequence[Channel],
    state: State | None,
    num_qubits: int,
    runs: int,
    key: Array,
) -> State:
    """Apply gates and channels.

    Args:
        ops: none wider than `width_of(ops, ...)`.
        params: one column, or one for each run.
        channels: those that the operations name by their numbers.
        state: normalised; None for |0...0>.
        num_qubits: of the states.
        runs: how many.
        key: a JAX random key.
    """
    mixed = [channel.is_mixture for channel in channels]
    blocks = blocks_of(ops, num_qubits, width_of(ops, num_qubits), mixed)
    for_mixtures, for_jumps = jax.random.split(key)
    dtype = params.dtype
    numbers = uniform(for_jumps, (*blocks.program.jumping_table.shape, runs), dtype)
    start = jnp.zeros((2, 0, runs), dtype) if state is None else state
    parts = _unitary_parts(blocks, params, channels, for_mixtures, runs)
    given = alike(_Given(parts, _operators(blocks, channels, parts.dtype), numbers, start))
    fixed = lax.stop_gradient(given)
    effects = jnp.einsum(
        "smji,smjk->smik", fixed.operators.conj(), fixed.operators, precision=tuning.PRECISION
    )
    draws = Draws(
        as_parts(fixed.parts), as_parts(fixed.operators), as_parts(effects), fixed.numbers
    )
    found = followed(blocks.program, draws, fixed.start)
    matrices = as_parts(_matrices(blocks, given, found))
    return with_derivatives(blocks.program, matrices, given.start, found.state)


def _unitary_parts(
    blocks: Blocks, params: Array, channels: Sequence[Channel], key: Array, runs: int
) -> Complex[Array, "blocks parts K K columns"]:
    """All unitary parts of all blocks, for each run where they differ."""
    width = blocks.program.width
    dtype = np.result_type(params.dtype, np.complex64)
    pieces = [jnp.eye(1 << width, dtype=dtype)[None, :, :, None]]
    if blocks.mixtures:
        numbers = uniform(key, (len(blocks.mixtures), runs), params.dtype)
        pieces.insert(0, drawn_unitaries(blocks.mixtures, channels, numbers, width))
    if blocks.gates:
        pieces.insert(0, gate_matrices(blocks.gates, params, width))
    columns = max(piece.shape[-1] for piece in pieces)
    factors = jnp.concatenate(
        [jnp.broadcast_to(piece, (*piece.shape[:-1], columns)) for piece in pieces]
    )
    first, *later = np.moveaxis(blocks.factors, 2, 0)

    def multiply(product: Array, places: Array) -> tuple[Array, None]:
        # The later factor stands on the left.
        return multiplied(factors[places], product), None

    product = factors[first]
    if later:
        product = lax.scan(multiply, product, jnp.asarray(np.stack(later)))[0]
    return product


def _operators(
    blocks: Blocks, channels: Sequence[Channel], dtype: np.dtype
) -> Complex[Array, "jumps m K K"]:
    width = blocks.program.width
    several = []
    for placed in blocks.jumps:
        number = placed.channel
        channel = number if isinstance(number, FixedChannel) else channels[number]
        several.append(embedded(jnp.asarray(channel.kraus).astype(dtype), placed, width))
    several.append(jnp.eye(1 << width, dtype=dtype)[None])
    most = max(map(len, several))
    return jnp.stack([jnp.pad(each, ((0, most - len(each)), (0, 0), (0, 0))) for each in several])


def _matrices(blocks: Blocks, given: _Given, found: Followed) -> Complex[Array, "blocks K K runs"]:
    """What each block did to the state of each run."""
    jumping = blocks.program.jumping_table
    numbers = jnp.arange(given.operators.shape[1], dtype=jnp.int32)

    def jump(matrices: Array, step: tuple[Array, ...]) -> tuple[Array, None]:
        which, drawn, probabilities, following = step
        # A product, whose transpose is one too, where that of taking items adds up one by one.
        is_drawn = (drawn[:, None] == numbers[None, :, None]).astype(matrices.dtype)
        chosen = jnp.einsum(
            "bmij,bmr->bijr", given.operators[which], is_drawn, precision=tuning.PRECISION
        )
        chosen = chosen * lax.rsqrt(probabilities)[:, None, None].astype(chosen.dtype)
        return multiplied(following, multiplied(chosen, matrices)), None

    first = given.parts[:, 0]
    first = jnp.broadcast_to(first, (*first.shape[:-1], given.numbers.shape[-1]))
    steps = (
        jnp.asarray(jumping.T),
        *(jnp.moveaxis(x, 1, 0) for x in (found.drawn, found.probabilities, given.parts[:, 1:])),
    )
    return lax.scan(jump, first, steps)[0] if jumping.shape[1] else first
