"""Floor 6. The pure function of a network: (weights, inputs) -> outputs, batch native.

Weights are shared by the batch, inputs differ per sample: what depends on weights only is built
once per call, whatever the batch.
"""

from collections.abc import Callable
from dataclasses import dataclass
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
from qjax._base.store import kept
from qjax._base.weight_tree import joined
from qjax._circuit.circuit import Circuit
from qjax._circuit.measurements import measured_qubits
from qjax._dynamic import deferred
from qjax._engine.directions import Kind, check_directions
from qjax._engine.mixed import (
    MeasuredBits,
    MixedTask,
    check_density_fits,
    mixed_program,
    mixed_values,
    plan_of_mixed,
)
from qjax._engine.primitive import run
from qjax._engine.shots import Shots, run_with_shots
from qjax._engine.task import (
    Expectations,
    Outcomes,
    Task,
    check_width,
    num_simulated,
    outcomes_of,
    plan_of,
)
from qjax._noise import NoiseModel, NoiseStructure
from qjax._plan import Plan
from qjax._readout import check_shots_fit, choices_of, draw_states, in_parts
from qjax._simulators import NATIVE, DensityMatrix, Gradient, Simulator, resolved, transposed


@dataclass(frozen=True, slots=True)
class Probabilities:
    """Read out the probability of each output.

    Attributes:
        output_shape: the shape of the outputs.
        targets: `2**k` int32 in bytes: the flat output that each state of the k qubits that are
            measured (records included, in order) counts for.
    """

    output_shape: tuple[int, ...]
    targets: bytes

    @property
    def table(self) -> Int[np.ndarray, " 2**k"]:
        return np.frombuffer(self.targets, np.int32)

    @property
    def num_outputs(self) -> int:
        return prod(self.output_shape)


NetworkReadout = Expectations | Probabilities


@dataclass(frozen=True, slots=True)
class Model:
    """What a network computes: a function of weights and inputs, each in the user's order.

    A `Task` is what the engine runs, and has less: parameters in the circuit's order, of which it
    knows only whether they differ per sample, and a readout that the simulator has. Both are kept
    apart because they are compiled by different keys. Models that differ in the order of their
    weights, or in the output that each bitstring counts for, are different functions but the same
    task, and share its plan and its program; and the public functions of a circuit (`expectation`,
    `probabilities`, the Fisher information) are tasks without being networks. `task_of` is the way
    from one to the other.

    Attributes:
        circuit: the circuit.
        inputs, weights: which of its parameters, by index, these are, in their order.
        readout: what the outputs are.
        gradient: how reverse mode works; None chooses by the memory it would need.
        simulator: which one, and by which engine; None chooses where it runs.
        noise: what goes wrong, without its numbers.
        shots: how many runs stand for the exact values; None for those.
    """

    circuit: Circuit
    inputs: tuple[int, ...]
    weights: tuple[int, ...]
    readout: NetworkReadout
    gradient: Gradient | None = None
    simulator: Simulator | None = None
    noise: NoiseStructure | None = None
    shots: Shots | None = None

    @property
    def is_mixed(self) -> bool:
        """Whether states are density matrices."""
        return self.noise is not None or isinstance(self.simulator, DensityMatrix)

    @property
    def is_random(self) -> bool:
        """Whether outputs are drawn, so that a key is needed."""
        return self.shots is not None


@kept(tuning.PROGRAM_BYTES)
def compiled_outputs(model: Model) -> Callable[..., Array]:
    """(weights, inputs, and a key where outputs are drawn) -> outputs.

    Weights are a vector, or a tuple of the leaves that it is made of; leading axes of the inputs
    are kept.
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
        return on_mesh(of_leaves, inputs, noise, key, *leaves, result=placed(inputs)[:-1])

    return jax.jit(run)


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
        every = jax.vmap(jacobian, in_axes=(None, 0, *(0 for _ in keys)))
        if model.is_mixed:
            return every(weights, inputs, *keys)
        samples = len(inputs) if model.inputs else 1
        at_once, directions = (1, samples * num_params) if forward else (samples, 1)
        rows = jax.ShapeDtypeStruct((len(model.inputs), at_once), inputs.dtype)
        kind: Kind = "tangents" if forward else "cotangents"
        check_width(task_of(model))
        check_directions(kind, task_of(model), (weights, rows), directions)
        return every(weights, inputs, *keys)

    return jax.jit(partial(on_mesh, run))


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
    """(weights, inputs of shape (batch, num_inputs), key) -> measured states `(batch, shots)`."""

    def draw(
        weights: Array, inputs: Array, key: Array, noise: NoiseModel | None = None
    ) -> Int[Array, "batch shots"]:
        check_shots_fit(shots, 4 * len(inputs))
        if len(inputs) == 0:
            return jnp.zeros((0, shots), jnp.int32)
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
    if not model.inputs and key is not None:
        nothing, keys = jnp.zeros((1, 0), inputs.dtype), jax.random.split(key, prod(batch))
        drawn = jax.vmap(lambda own: _read(model, weights, nothing, noise, own)[:, 0])(keys)
        return drawn.reshape(*batch, *shape)
    if not model.inputs:
        # All samples are the same one.
        values = _read(model, weights, jnp.zeros((1, 0), inputs.dtype), noise)
        return jnp.broadcast_to(values.reshape(*(1 for _ in batch), *shape), (*batch, *shape))
    samples = inputs.reshape(prod(batch), len(model.inputs))
    return _transposed(model, _read(model, weights, samples, noise, key)).reshape(*batch, *shape)


def check_simulated(model: Model) -> None:
    """Require that a state fits into memory.

    Raises:
        CircuitTooLargeError: otherwise.
    """
    if model.is_mixed:
        check_density_fits(num_simulated_of(model), 1, np.dtype(np.float32))
    else:
        check_width(task_of(model))


def num_simulated_of(model: Model) -> int:
    """How many qubits are simulated at once, records of outcomes included."""
    if model.is_mixed:
        return mixed_program(mixed_task_of(model)).widest.circuit.num_qubits
    return num_simulated(task_of(model))


def mixed_task_of(model: Model) -> MixedTask:
    """What is simulated as density matrices."""
    readout = model.readout if isinstance(model.readout, Expectations) else MeasuredBits()
    return MixedTask(model.circuit, frozenset(model.inputs), readout, model.noise)


def sampled_task_of(model: Model) -> Task | MixedTask:
    """What is simulated, and then sampled."""
    return mixed_task_of(model) if model.is_mixed else task_of(model)


def plan_of_model(model: Model) -> Plan:
    """How a network is simulated."""
    return plan_of_mixed(mixed_task_of(model)) if model.is_mixed else plan_of(task_of(model))


def task_of(model: Model) -> Task:
    """What is simulated."""
    readout = model.readout if isinstance(model.readout, Expectations) else _measured(model.circuit)
    inputs = frozenset(model.inputs)
    assert not isinstance(model.simulator, DensityMatrix)
    return Task(model.circuit, inputs, readout, model.gradient, simulator=model.simulator)


def _measured(circuit: Circuit) -> Outcomes:
    return outcomes_of(circuit, measured_qubits(deferred(circuit)))


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
    if model.shots is not None and key is not None:
        return run_with_shots(sampled_task_of(model), model.shots, shared, batched, noise, key)
    if model.is_mixed:
        return mixed_values(mixed_task_of(model), shared, batched, noise)
    return run(task_of(model), shared, batched)


def _transposed(model: Model, matrix: Float[Array, "rows columns"]) -> Float[Array, "columns rows"]:
    if isinstance(model.simulator, DensityMatrix):
        return matrix.T
    return transposed(matrix) if resolved(model.simulator) == NATIVE else matrix.T


def _in_circuit_order(values: Array, places: tuple[int, ...]) -> Array:
    order = np.argsort(places).astype(np.int32)
    return values if (order == np.arange(len(order))).all() else values[order]
