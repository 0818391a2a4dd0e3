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
from jaxtyping import Complex, Float, Int

from qjax._base.mesh import alike
from qjax._circuit.channels import FixedChannel
from qjax._engine.block_matrices import (
    choose,
    drawn_unitaries,
    embedded,
    gate_matrices,
    uniform,
)
from qjax._engine.block_states import State, apply_blocks, as_parts, products
from qjax._engine.noise_blocks import Blocks, Noisy, blocks_of, width_of
from qjax._noise import Channel


class _Jumps(NamedTuple):
    """Kraus operators of all jumps, padded with zeros, and the identity.

    Attributes:
        operators: K_m.
        effects: K_m^+ K_m.
    """

    operators: Complex[Array, "jumps m K K"]
    effects: Complex[Array, "jumps m K K"]


class _Block(NamedTuple):
    """What a step of the loop takes: one block.

    Attributes:
        where: which qubits.
        parts: the unitary parts.
        jumping: which jump follows each but the last.
        numbers: what it is drawn with.
    """

    where: Int[Array, ""]
    parts: Complex[Array, "parts K K runs"]
    jumping: Int[Array, " jumps"]
    numbers: Float[Array, "jumps runs"]


def with_noise(
    ops: Sequence[Noisy],
    params: Float[Array, "params runs"],
    channels: Sequence[Channel],
    state: State,
    key: Array,
) -> State:
    """Apply gates and channels.

    Args:
        ops: none wider than `width_of(ops, ...)`.
        params: one column, or one for each run.
        channels: those that the operations name by their numbers.
        state: normalised.
        key: a JAX random key.
    """
    num_qubits, runs = state.shape[1].bit_length() - 1, state.shape[-1]
    mixed = [channel.is_mixture for channel in channels]
    blocks = blocks_of(ops, num_qubits, width_of(ops, num_qubits), mixed)
    for_mixtures, for_jumps = jax.random.split(key)
    parts = _unitary_parts(blocks, params, channels, for_mixtures, state)
    numbers = uniform(for_jumps, (*blocks.jumping.shape, runs), state.dtype)
    steps = _Block(jnp.asarray(blocks.where), parts, jnp.asarray(blocks.jumping), numbers)
    jumps = _jumps(blocks, channels, parts.dtype) if blocks.jumps else None
    state, steps, jumps = alike((state, steps, jumps))

    def body(state: State, step: _Block) -> tuple[State, None]:
        if jumps is None:
            matrices = step.parts[0]
        else:
            rho = products(blocks.supports, step.where, *(lax.stop_gradient(state),) * 2)
            matrices = _jumped(step, jumps, lax.complex(rho[0], rho[1]))
        return apply_blocks(blocks.supports, step.where, as_parts(matrices), state), None

    return lax.scan(body, state, steps)[0]


def _unitary_parts(
    blocks: Blocks, params: Array, channels: Sequence[Channel], key: Array, state: State
) -> Complex[Array, "blocks parts K K runs"]:
    """All unitary parts of all blocks, for all runs."""
    size, runs = 1 << blocks.width, state.shape[-1]
    dtype = np.result_type(state.dtype, np.complex64)
    pieces = [jnp.eye(size, dtype=dtype)[None, :, :, None]]
    if blocks.mixtures:
        numbers = uniform(key, (len(blocks.mixtures), runs), state.dtype)
        drawn = drawn_unitaries(blocks.mixtures, channels, numbers, blocks.width)
        pieces.insert(0, drawn)
    if blocks.gates:
        pieces.insert(0, gate_matrices(blocks.gates, params, blocks.width))
    own = max(piece.shape[-1] for piece in pieces)
    factors = jnp.concatenate(
        [jnp.broadcast_to(piece, (*piece.shape[:-1], own)) for piece in pieces]
    )
    first, *later = np.moveaxis(blocks.factors, 2, 0)

    def multiply(product: Array, places: Array) -> tuple[Array, None]:
        # The later factor stands on the left.
        return multiplied(factors[places], product), None

    product = factors[first]
    if later:
        product = lax.scan(multiply, product, jnp.asarray(np.stack(later)))[0]
    return jnp.broadcast_to(product, (*product.shape[:-1], runs))


def multiplied(
    left: Complex[Array, "*rest K K runs"], right: Complex[Array, "*rest K K runs"]
) -> Complex[Array, "*rest K K runs"]:
    """Products of matrices, one for each run."""
    return (left[..., :, :, None, :] * right[..., None, :, :, :]).sum(axis=-3)


def _jumps(blocks: Blocks, channels: Sequence[Channel], dtype: np.dtype) -> _Jumps:
    identity = jnp.eye(1 << blocks.width, dtype=dtype)[None]
    several = [identity]
    for placed in reversed(blocks.jumps):
        number = placed.channel
        channel = number if isinstance(number, FixedChannel) else channels[number]
        kraus = jnp.asarray(channel.kraus).astype(dtype)
        several.insert(0, embedded(kraus, placed, blocks.width))
    most = max(map(len, several))
    operators = jnp.stack(
        [jnp.pad(each, ((0, most - len(each)), (0, 0), (0, 0))) for each in several]
    )
    fixed = lax.stop_gradient(operators)
    effects = jnp.einsum("smji,smjk->smik", fixed.conj(), fixed, precision="highest")
    return _Jumps(operators, effects)


def _jumped(
    step: _Block, jumps: _Jumps, rho: Complex[Array, "K K runs"]
) -> Complex[Array, "K K runs"]:
    """What a block does to the states of all runs, given their density matrices on its qubits."""

    def jump(matrices: Array, given: tuple[Array, ...]) -> tuple[Array, None]:
        which, numbers, following = given
        now = lax.stop_gradient(matrices)
        reached = multiplied(multiplied(now, rho), _adjoint(now))
        likely = jnp.einsum("mij,jir->mr", jumps.effects[which], reached, precision="highest").real
        drawn = choose(likely, numbers)
        chosen = jnp.moveaxis(jumps.operators[which][drawn], 0, -1)
        probability = jnp.take_along_axis(likely, drawn[None], axis=0)
        chosen = chosen * lax.rsqrt(probability)[None].astype(chosen.dtype)
        return multiplied(following, multiplied(chosen, matrices)), None

    steps = step.jumping, step.numbers, step.parts[1:]
    return lax.scan(jump, step.parts[0], steps)[0]


def _adjoint(matrices: Complex[Array, "K K runs"]) -> Complex[Array, "K K runs"]:
    return matrices.swapaxes(0, 1).conj()
