"""Floor 6. The states of many runs of a circuit: gates, drawn measurements, resets, amplitudes.

All runs have a state of their own, batch last. What happens in some of them only is computed for
all, and kept for those.
"""

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Bool, Float

from qjax._base.tables import in_precision
from qjax._circuit.circuit import Circuit
from qjax._circuit.operations import Amplitudes, Gate
from qjax._plan import plan_circuit
from qjax._simulators import as_complex, finish, marked, simulate

Runs = Bool[Array, " shots"]


class World(NamedTuple):
    """Where every run stands.

    Attributes:
        state: real and imaginary parts of the normalised states.
        bits: the classical bits.
        variables: the classical variables.
        key: where random numbers come from.
    """

    state: Float[Array, "2 dim shots"]
    bits: Bool[Array, "clbits shots"]
    variables: tuple[Array, ...]
    key: Array


def with_gates(
    circuit: Circuit, params: Array, gates: tuple[Gate, ...], world: World, runs: Runs
) -> World:
    """Apply some gates of the circuit, as one plan."""
    part = Circuit(circuit.num_qubits, gates, circuit.parameters)
    after = _simulated(part, params, world.state, world.state.shape[-1])
    return world._replace(state=kept_where(runs, after, world.state))


def _simulated(circuit: Circuit, params: Array, state: Array | None, batch: int) -> Array:
    """The states that a circuit makes of these, or of |0...0>."""
    everything = range(circuit.num_params) if params.ndim == 2 else ()
    planned = plan_circuit(circuit, frozenset(everything), from_zero=state is None).program
    program = in_precision(planned, jax.config.read("jax_enable_x64"))
    nothing = jnp.zeros((0, batch), params.dtype)
    given = (params, nothing) if params.ndim == 1 else (params[:0, 0], params)
    after = finish(program, *simulate(program, *given, state=state))
    return marked(program, *given, after) if state is None else after


def kept_where(runs: Runs, then: Array, otherwise: Array) -> Array:
    return jnp.where(jnp.broadcast_to(runs, then.shape), then, otherwise)


def _split(state: Array, qubit: int) -> Float[Array, "2 high 2 low shots"]:
    return state.reshape(2, -1, 2, 2**qubit, state.shape[-1])


def measured(world: World, qubit: int, runs: Runs) -> tuple[World, Runs]:
    """The states after a measurement, and its outcomes; False where it does not take place."""
    key, fresh = jax.random.split(world.key)
    split = _split(world.state, qubit)
    # A number for derivatives: see `qjax._engine.jumps`.
    weights = lax.stop_gradient(jnp.square(split).sum(axis=(0, 1, 3)))
    outcome = runs & drawn(weights, fresh)
    scale = 1 / jnp.sqrt(jnp.where(outcome, weights[1], weights[0]))
    # What is left of the amplitudes of 0 and of 1.
    factors = jnp.stack([jnp.where(outcome, 0, scale), jnp.where(outcome, scale, 0)])
    collapsed = (split * factors[None, None, :, None]).reshape(world.state.shape)
    return world._replace(state=kept_where(runs, collapsed, world.state), key=key), outcome


def drawn(weights: Float[Array, "2 shots"], key: Array) -> Runs:
    """Whether the outcome is 1; one of weight zero is never drawn.

    The less likely one is, where numbers are small and thus finer: none is rounded away.
    """
    word = np.dtype(np.uint32 if weights.dtype == np.float32 else np.uint64)
    bits = jax.random.bits(key, weights.shape[1:], word).astype(weights.dtype)
    uniform = bits * weights.dtype.type(0.5 ** (8 * word.itemsize))
    one_is_rarer = weights[1] < weights[0]
    is_rarer = uniform * weights.sum(axis=0) < jnp.minimum(weights[0], weights[1])
    return is_rarer == one_is_rarer


def reset(world: World, qubit: int, runs: Runs) -> World:
    """Measure a qubit, and flip it where the outcome is 1."""
    world, outcome = measured(world, qubit, runs)
    return world._replace(state=_flipped(world.state, qubit, outcome))


def prepared(circuit: Circuit, params: Array, op: Amplitudes, world: World, runs: Runs) -> World:
    """Bring the qubits to |0>, and put the amplitudes in the place of that."""
    for qubit in op.qubits:
        world = reset(world, qubit, runs)
    own = tuple(range(len(op.qubits)))
    part = Circuit(len(own), (replace(op, qubits=own),), circuit.parameters)
    amplitudes = _simulated(part, params, None, 1 if params.ndim == 1 else params.shape[1])
    count = circuit.num_qubits
    front = [count - 1 - qubit for qubit in reversed(op.qubits)]
    split = as_complex(world.state).reshape(*(2,) * count, -1)
    rest = jnp.moveaxis(split, front, range(len(own))).reshape(2 ** len(own), -1, split.shape[-1])
    product = as_complex(amplitudes)[:, None] * rest[:1]
    whole = jnp.moveaxis(product.reshape(split.shape), range(len(own)), front)
    whole = whole.reshape(world.state.shape[1:])
    state = jnp.stack([whole.real, whole.imag])
    return world._replace(state=kept_where(runs, state, world.state))


def _flipped(state: Array, qubit: int, runs: Runs) -> Array:
    flipped = jnp.flip(_split(state, qubit), axis=2).reshape(state.shape)
    return kept_where(runs, flipped, state)
