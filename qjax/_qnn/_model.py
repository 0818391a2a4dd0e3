"""Floor 6. The pure function of a network: (weights, inputs) -> outputs, batch native.

Weights are shared by the batch, inputs differ per sample: what depends on weights only is built
once per call, whatever the batch.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import prod

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from qjax._circuit import Circuit
from qjax._measure import draw_states, expectation_values, probabilities_of
from qjax._memory import check_fits
from qjax._observable import Observable
from qjax._plan import plan_circuit
from qjax._simulators import simulate, zero_state


@dataclass(frozen=True, slots=True)
class Expectations:
    """Read out one expectation value per observable."""

    observables: tuple[Observable, ...]

    @property
    def output_shape(self) -> tuple[int, ...]:
        return (len(self.observables),)


@dataclass(frozen=True, slots=True)
class Probabilities:
    """Read out the probability of each output.

    Attributes:
        output_shape: the shape of the outputs.
        targets: `2**n` int32 in bytes: the flat output that each basis state counts for.
    """

    output_shape: tuple[int, ...]
    targets: bytes


Readout = Expectations | Probabilities


@dataclass(frozen=True, slots=True)
class Model:
    """A circuit, which of its parameters (by index) are inputs and weights, and the readout."""

    circuit: Circuit
    inputs: tuple[int, ...]
    weights: tuple[int, ...]
    readout: Readout


@lru_cache(maxsize=1024)
def compiled_outputs(model: Model):
    """(weights, inputs) -> outputs; leading axes of the inputs are kept."""
    return jax.jit(lambda weights, inputs: outputs(model, weights, inputs))


@lru_cache(maxsize=1024)
def compiled_jacobians(model: Model, with_inputs: bool):
    """(weights, inputs of shape (batch, num_inputs)) -> Jacobians per sample, weights' first."""

    def single(weights: Array, inputs: Array) -> Array:
        return outputs(model, weights, inputs)

    arguments = (0, 1) if with_inputs else (0,)
    num_params = len(model.weights) + with_inputs * len(model.inputs)
    # One reverse pass per output, or one forward pass per parameter.
    reverse = prod(model.readout.output_shape) <= num_params
    jacobian = (jax.jacrev if reverse else jax.jacfwd)(single, argnums=arguments)
    return jax.jit(jax.vmap(jacobian, in_axes=(None, 0)))


@lru_cache(maxsize=1024)
def compiled_draws(model: Model, shots: int):
    """(weights, inputs of shape (batch, num_inputs), key) -> basis states `(batch, shots)`."""

    def draw(weights: Array, inputs: Array, key: Array) -> Int[Array, "batch shots"]:
        probabilities = probabilities_of(_states(model, weights, inputs))
        keys = jax.random.split(key, len(inputs))
        return jax.vmap(draw_states, in_axes=(1, None, 0))(probabilities, shots, keys)

    return jax.jit(draw)


def outputs(
    model: Model, weights: Float[Array, " weights"], inputs: Float[Array, "*batch inputs"]
) -> Float[Array, "*batch_and_outputs"]:
    """Simulate once for all samples and read out."""
    batch, shape = inputs.shape[:-1], model.readout.output_shape
    # Without inputs, all samples are the same one.
    samples = inputs.reshape(prod(batch), -1) if model.inputs else inputs.reshape(-1)[None, :0]
    values = _read(model, _states(model, weights, samples)).T.reshape(-1, *shape)
    if model.inputs:
        return values.reshape(*batch, *shape)
    return jnp.broadcast_to(values.reshape(*(1 for _ in batch), *shape), (*batch, *shape))


def _states(model: Model, weights: Array, inputs: Array) -> Array:
    """`(2**n, batch)` from inputs of `(batch, num_inputs)`."""
    dtype = np.result_type(weights.dtype, np.complex64)
    check_fits(model.circuit.num_qubits, len(inputs), dtype)
    plan = plan_circuit(model.circuit, frozenset(model.inputs))
    return simulate(
        plan,
        weights[np.argsort(model.weights)],
        inputs.T[np.argsort(model.inputs)],
        zero_state(model.circuit.num_qubits, len(inputs), dtype),
    )


def _read(model: Model, states: Array) -> Float[Array, "outputs batch"]:
    if isinstance(model.readout, Expectations):
        return expectation_values(states, model.readout.observables)
    probabilities = probabilities_of(states)
    targets = np.frombuffer(model.readout.targets, np.int32)
    size = prod(model.readout.output_shape)
    if size == len(targets) and (targets == np.arange(size)).all():
        return probabilities
    return jax.ops.segment_sum(probabilities, targets, num_segments=size)
