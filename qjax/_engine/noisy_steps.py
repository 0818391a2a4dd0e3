"""Floor 6. Noise in some runs of a circuit: channels on qubits, and misread bits."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from qjax._base import tuning
from qjax._engine import jumps
from qjax._engine.block_matrices import choose, uniform
from qjax._engine.noise_blocks import Noisy
from qjax._engine.runs import Runs, World, kept_where
from qjax._noise import Channel


def with_noise(
    ops: Sequence[Noisy], params: Array, channels: Sequence[Channel], world: World, runs: Runs
) -> World:
    """Apply gates and channels where these runs are."""
    after = _with_noise(ops, params, channels, world, world.state)
    return after._replace(state=kept_where(runs, after.state, world.state))


def noisy_start(
    ops: Sequence[Noisy], params: Array, channels: Sequence[Channel], world: World
) -> World:
    """Apply gates and channels to |0...0>, which all runs are in: states grow with its qubits."""
    return _with_noise(ops, params, channels, world, None)


def _with_noise(
    ops: Sequence[Noisy],
    params: Array,
    channels: Sequence[Channel],
    world: World,
    state: Array | None,
) -> World:
    key, fresh = jax.random.split(world.key)
    columns = params if params.ndim == 2 else params[:, None]
    num_qubits, count = world.state.shape[1].bit_length() - 1, world.state.shape[2]
    after = jumps.with_noise(ops, columns, channels, state, num_qubits, count, fresh)
    return world._replace(state=after, key=key)


def misread(world: World, channel: Channel, clbits: Sequence[int], runs: Runs) -> World:
    """Draw what classical bits are read as, where these runs are."""
    key, fresh = jax.random.split(world.key)
    held = jnp.zeros(world.bits.shape[1], np.int32)
    for k, clbit in enumerate(clbits):
        held = held + (world.bits[clbit].astype(np.int32) << k)
    likely = misreadings(channel).astype(world.state.dtype).T[:, held]
    read = choose(likely, uniform(fresh, held.shape, likely.dtype))
    probability = jnp.take_along_axis(likely, read[None], axis=0)[0]
    weight = jnp.where(runs, jnp.sqrt(probability / lax.stop_gradient(probability)), 1)
    bits = world.bits
    for k, clbit in enumerate(clbits):
        bits = bits.at[clbit].set(jnp.where(runs, read >> k & 1 == 1, bits[clbit]))
    return world._replace(bits=bits, state=world.state * weight[None, None], key=key)


def misreadings(channel: Channel) -> Float[Array, "2**k 2**k"]:
    """The probability that i (row) becomes j (column) by a channel on classical bits.

    A diagonal state is a sum of strings of I and Z, so that the matrix in the Pauli basis has it:
    p(j | i) = sum_ab s(a, j) R[a, b] s(b, i) / 2**k, where s(a, j) = 1 or -1 is what string a is on
    basis state j.
    """
    k = channel.num_qubits
    strings, signs = np.zeros(1, int), np.ones((1, 1))
    for place in range(k):
        strings = np.concatenate([strings, strings + 3 * 4**place])
        signs = np.kron(np.array([[1, 1], [1, -1]]), signs)
    matrix = channel.transfer_matrix
    part = matrix[np.ix_(strings, strings)]
    walsh = jnp.asarray(signs).astype(matrix.dtype)
    product = jnp.matmul(walsh, part, precision=tuning.PRECISION)
    return jnp.matmul(product, walsh, precision=tuning.PRECISION).T / len(strings)
