"""Floor 6. The pure function of a network: (weights, inputs) -> outputs, batch native.

Weights are shared by the batch, inputs differ per sample: what depends on weights only is built
once per call, whatever the batch.
"""

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, Int, Shaped

from qjax._base import tuning
from qjax._base.mesh import alike, on_mesh, placed
from qjax._base.placement import Placement, over_samples
from qjax._base.store import kept
from qjax._base.weight_tree import joined
from qjax._engine.directions import Kind, check_directions
from qjax._engine.drawn import drawn_statistics, drawn_values
from qjax._engine.drawn_bits import drawn_states
from qjax._engine.measured import run_task
from qjax._engine.model_tasks import (
    Model,
    drawn_task_of,
    pure_part_of,
    sampled_task_of,
)
from qjax._engine.noisy_runs import Statistics, amplitudes_at_once
from qjax._engine.shots import run_with_shots
from qjax._engine.task import (
    Expectations,
    check_width,
)
from qjax._noise import NoiseModel
from qjax._readout import check_shots_fit, choices_of, draw_states, in_parts
from qjax._simulators import (
    NATIVE,
    DensityMatrix,
    StateVector,
    Trajectories,
    resolved,
    transposed,
)


@kept(tuning.PROGRAM_BYTES)
def compiled_outputs(model: Model, placement: Placement | None = None) -> Callable[..., Array]:
    """(weights, inputs, and a key where outputs are drawn) -> outputs.

    Weights are a vector, or a tuple of the leaves that it is made of; leading axes of the inputs
    are kept. Samples that lie along axes of a mesh are simulated where they are; of an automatic
    axis that has to be said (`placement`).
    """

    def of_leaves(
        inputs: Array, noise: NoiseModel | None, key: Array | None, *leaves: Array
    ) -> Array:
        return outputs(model, joined(leaves, inputs.dtype), inputs, noise, key)

    def run(
        weights: Array | tuple[Array, ...],
        inputs: Array,
        noise: NoiseModel | None = None,
        key: Array | None = None,
    ) -> Array:
        leaves = weights if isinstance(weights, tuple) else (weights,)
        # A sample's draws depend on how many there are.
        if key is not None or is_sharded(model):
            return on_mesh(of_leaves, inputs, noise, key, *leaves, result=placed(inputs)[:-1])
        return over_samples(of_leaves, inputs, noise, key, *leaves, placement=placement)

    return jax.jit(run)


def is_sharded(model: Model) -> bool:
    """Whether the simulator says itself where states and samples lie on a mesh."""
    return isinstance(model.simulator, StateVector) and model.simulator.sharding is not None


@kept(tuning.DERIVATIVES_BYTES)
def compiled_jacobians(model: Model, with_inputs: bool) -> Callable[..., tuple[Array, ...]]:
    """(weights, inputs of shape (batch, num_inputs)) -> Jacobians per sample, weights' first.

    Where outputs are drawn, a key comes last.
    """
    arguments = (0, 1) if with_inputs else (0,)
    num_outputs = prod(model.readout.output_shape)
    num_params = len(model.weights) + with_inputs * len(model.inputs)
    # One forward pass per parameter, or one reverse pass per output. Those run one after the other:
    # side by side, by `vmap`, the samples of each would not be a batch of the engine's.
    forward = num_outputs > num_params

    def run(
        weights: Array, inputs: Array, noise: NoiseModel | None = None, key: Array | None = None
    ) -> tuple[Array, ...]:
        def single(weights: Array, inputs: Array, *keys: Array) -> Array:
            return outputs(model, weights, inputs, noise, *keys)

        jacobian = (
            jax.jacfwd(single, arguments)
            if forward
            else _one_output_at_a_time(single, len(arguments))
        )
        keys = () if key is None else (jax.random.split(key, len(inputs)),)
        if model.runs is not None:
            return _sample_by_sample(model, jacobian, weights, inputs, *keys)
        every = jax.vmap(jacobian, in_axes=(None, 0, *(0 for _ in keys)))
        if model.is_mixed or pure_part_of(model).sharding is not None:
            return every(weights, inputs, *keys)
        samples = len(inputs) if model.inputs else 1
        at_once, directions = (1, samples * num_params) if forward else (samples, 1)
        rows = jax.ShapeDtypeStruct((len(model.inputs), at_once), inputs.dtype)
        kind: Kind = "tangents" if forward else "cotangents"
        check_width(pure_part_of(model))
        check_directions(kind, pure_part_of(model), (weights, rows), directions)
        return every(weights, inputs, *keys)

    return jax.jit(partial(on_mesh, run))


def _sample_by_sample(
    model: Model, jacobian: Callable[..., Any], weights: Array, inputs: Array, keys: Array
) -> tuple[Array, ...]:
    """As many samples side by side as there are runs at once."""
    assert model.runs is not None
    at_once = max(1, amplitudes_at_once() // (model.runs << model.circuit.num_qubits))
    rows = alike((inputs, keys))

    def own(row: tuple[Array, Array]) -> tuple[Array, ...]:
        result: tuple[Array, ...] = jacobian(weights, *row)
        return result

    if len(inputs) <= at_once:
        return jax.vmap(own)(rows)
    jacobians: tuple[Array, ...] = lax.map(own, rows, batch_size=at_once)
    return jacobians


def _one_output_at_a_time(function: Callable[..., Array], count: int) -> Callable[..., Any]:
    """The Jacobians in the first `count` arguments, in reverse mode."""

    def jacobian(*arguments: Array) -> tuple[Array, ...]:
        fixed = arguments[count:]
        values, pull_back = jax.vjp(lambda *moving: function(*moving, *fixed), *arguments[:count])
        rows = jnp.eye(values.size, dtype=values.dtype).reshape(-1, *values.shape)
        basis, _ = alike((rows, values))
        rows = lax.map(pull_back, basis)
        return tuple(row.reshape(*values.shape, *row.shape[1:]) for row in rows)

    return jacobian


@kept(tuning.PROGRAM_BYTES)
def compiled_draws(model: Model, shots: int) -> Callable[..., Int[Array, "batch shots"]]:
    """(weights, inputs of shape (batch, num_inputs), key) -> measured states `(batch, shots)`.

    By `Trajectories` each shot is a run of its own.
    """

    def draw(
        weights: Array, inputs: Array, key: Array, noise: NoiseModel | None = None
    ) -> Int[Array, "batch shots"]:
        check_shots_fit(shots, 4 * len(inputs))
        if len(inputs) == 0:
            return jnp.zeros((0, shots), jnp.int32)
        if model.runs is not None:
            params = _columns(model, weights, inputs)
            return drawn_states(model.circuit, model.noise, params, shots, noise, key)
        probabilities = _run(model, weights, inputs, noise)
        choices = jax.vmap(choices_of, in_axes=1)(probabilities)

        def part(key: Array, count: int) -> Int[Array, "batch count"]:
            keys = jax.random.split(key, len(inputs))
            return jax.vmap(draw_states, in_axes=(0, None, 0))(choices, count, keys)

        return in_parts(part, key, shots, max(1, tuning.SHOTS_AT_ONCE // len(inputs)), axis=1)

    return jax.jit(partial(on_mesh, draw))


def outputs(
    model: Model,
    weights: Float[Array, " weights"],
    inputs: Float[Array, "*batch inputs"],
    noise: NoiseModel | None = None,
    key: Array | None = None,
) -> Float[Array, "*batch_and_outputs"]:
    """Simulate once for all samples and read out.

    Args:
        model: what is computed.
        weights: as the model orders them.
        inputs: leading axes are kept.
        noise: the model's, with its numbers.
        key: a JAX random key, where outputs are drawn.
    """
    batch, shape = inputs.shape[:-1], model.readout.output_shape
    if 0 in batch:
        return jnp.zeros((*batch, *shape), weights.dtype)
    if not model.inputs and model.runs is None and key is not None:
        nothing, keys = jnp.zeros((1, 0), inputs.dtype), jax.random.split(key, prod(batch))
        drawn = jax.vmap(lambda own: _read(model, weights, nothing, noise, own)[:, 0])(keys)
        return drawn.reshape(*batch, *shape)
    if not model.inputs and model.runs is None:
        # All samples are the same one.
        values = _read(model, weights, jnp.zeros((1, 0), inputs.dtype), noise)
        return jnp.broadcast_to(values.reshape(*(1 for _ in batch), *shape), (*batch, *shape))
    samples = inputs.reshape(prod(batch), len(model.inputs))
    return _transposed(model, _read(model, weights, samples, noise, key)).reshape(*batch, *shape)


def statistics(
    model: Model, inputs: Float[Array, "batch inputs"], noise: NoiseModel | None, key: Array
) -> Statistics:
    """Means over runs and their standard errors, `(outputs, batch)`, of a model without weights.

    Of probabilities, each measured state is an output, whatever it counts for.
    """
    shared = jnp.zeros((0,), inputs.dtype)
    batched = _in_circuit_order(inputs.T, model.inputs)
    return drawn_statistics(drawn_task_of(model), shared, batched, noise, key)


def _read(
    model: Model,
    weights: Array,
    inputs: Array,
    noise: NoiseModel | None,
    key: Array | None = None,
) -> Float[Array, "outputs batch"]:
    values = _run(model, weights, inputs, noise, key)
    if isinstance(model.readout, Expectations):
        return values
    targets = model.readout.table
    size = prod(model.readout.output_shape)
    if size == len(targets) and (targets == np.arange(size)).all():
        return values
    return jax.ops.segment_sum(values, targets, num_segments=size)


def _run(
    model: Model,
    weights: Array,
    inputs: Array,
    noise: NoiseModel | None,
    key: Array | None = None,
) -> Shaped[Array, "outputs batch"]:
    shared = _in_circuit_order(weights, model.weights)
    batched = _in_circuit_order(_transposed(model, inputs), model.inputs)
    if model.runs is not None:
        assert key is not None
        return drawn_values(drawn_task_of(model), shared, batched, noise, key)
    if model.shots is not None and key is not None:
        return run_with_shots(sampled_task_of(model), model.shots, shared, batched, noise, key)
    return run_task(sampled_task_of(model), shared, batched, noise)


def _columns(model: Model, weights: Array, inputs: Array) -> Float[Array, "params batch"]:
    """All parameters, in the circuit's order, a column for each sample."""
    same = jnp.broadcast_to(weights[:, None], (len(weights), len(inputs)))
    return _in_circuit_order(jnp.concatenate([inputs.T, same]), (*model.inputs, *model.weights))


def _transposed(model: Model, matrix: Float[Array, "rows columns"]) -> Float[Array, "columns rows"]:
    if isinstance(model.simulator, (DensityMatrix, Trajectories)):
        return matrix.T
    return transposed(matrix) if resolved(model.simulator) == NATIVE else matrix.T


def _in_circuit_order(values: Array, places: tuple[int, ...]) -> Array:
    order = np.argsort(places).astype(np.int32)
    return values if (order == np.arange(len(order))).all() else values[order]
