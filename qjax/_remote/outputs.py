"""Floor 7. The function of a network on a primitive, differentiable in JAX; and on NumPy data.

Values and the stencil of their derivative travel in one pub. Nothing else than the primitive runs
outside of JAX, so a derivative of any order is one more stencil.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Float

from qjax._base import tuning
from qjax._base.host_call import call
from qjax._base.mesh import alike
from qjax._base.store import kept
from qjax._engine import Model, of_moving, outputs
from qjax._noise import NoiseModel
from qjax._qiskit import Source
from qjax._remote.network import (
    Flags,
    Point,
    Remote,
    differentiable,
    moving_groups,
    point_of,
    rows_of,
)
from qjax._remote.noise import Blurred, simulated
from qjax._remote.runs import draws_runs, sample_by_sample, values_of_runs
from qjax._remote.stencils import slope, stencil, stencil_size

# ---------------------------------------------------------------- inside of JAX


def remote_outputs(
    remote: Remote, weights: Float[Array, " weights"], inputs: Float[Array, "*batch inputs"]
) -> Float[Array, "*batch_and_outputs"]:
    """The outputs as a function of JAX; called with numbers, no callback takes part."""
    batch, shape = inputs.shape[:-1], remote.model.readout.output_shape
    if 0 in batch:
        return jnp.zeros((*batch, *shape), weights.dtype)
    # Without inputs all samples are the same one.
    samples = inputs.reshape(prod(batch) if remote.model.inputs else 1, inputs.shape[-1])
    if any(isinstance(array, jax.core.Tracer) for array in (weights, inputs)):
        own, samples = alike((weights, samples))
        of_one = partial(_outputs_of_one, remote)
        if draws_runs(remote.source.primitive.value):
            values = sample_by_sample(remote, of_one, own, samples)
        else:
            values = jax.vmap(of_one, (None, 0))(own, samples)
    else:
        values = jnp.asarray(_values(remote, weights, samples).astype(weights.dtype))
    if remote.model.inputs:
        return values.reshape(*batch, *shape)
    return jnp.broadcast_to(values.reshape(*(1 for _ in batch), *shape), (*batch, *shape))


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _outputs_of_one(remote: Remote, weights: Array, inputs: Array) -> Float[Array, " outputs"]:
    return _values_at(remote, (point_of(remote, weights, inputs),))[0]


@partial(_outputs_of_one.defjvp, symbolic_zeros=True)
def _jvp_of_one(
    remote: Remote, primals: tuple[Array, Array], tangents: tuple[Array, Array]
) -> tuple[Array, Array]:
    moving = tuple(k for k, tangent in enumerate(tangents) if not isinstance(tangent, SymbolicZero))
    beside = differentiable(remote)

    def outputs_beside(*given: Array) -> Array:
        return _values_at(beside, (point_of(beside, *given),))[0]

    given, moves = (tuple(both[k] for k in moving) for both in (primals, tangents))
    value, slopes = jax.jvp(of_moving(outputs_beside, primals, moving), given, moves)
    return (_outputs_of_one(remote, *primals) if beside.near else value), slopes


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _values_at(remote: Remote, points: tuple[Point, ...]) -> tuple[Array, ...]:
    """The values `(*lead, outputs)` at each point `(*lead, numbers)`, in one pub."""
    rows = [rows_of(remote, point) for point in points]
    source = remote.source
    primitive = source.primitive.value
    if not isinstance(primitive, Blurred):
        return tuple(call(source, *rows))
    model, noise = _simulated(remote, primitive)
    if draws_runs(primitive):
        return values_of_runs(source, model, noise, rows)
    exact = [outputs(model, jnp.zeros((0,), row.dtype), row, noise) for row in rows]
    flat = [values.reshape(*row.shape[:-1], -1) for values, row in zip(exact, rows, strict=True)]
    return tuple(call(_Blur(source), *flat))


@partial(_values_at.defjvp, symbolic_zeros=True)
def _values_jvp(
    remote: Remote, primals: tuple[tuple[Point, ...]], tangents: tuple[tuple[Point, ...]]
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    (points,), (moves,) = primals, tangents
    flags = [tuple(not isinstance(tangent, SymbolicZero) for tangent in move) for move in moves]
    moved = [
        (number, stencil(remote, points[number], moving), moving)
        for number, moving in enumerate(flags)
        if any(moving) and stencil_size(remote, moving)
    ]
    all_values = _values_at(remote, (*points, *(around.points for _, around, _ in moved)))
    values, beside = all_values[: len(points)], all_values[len(points) :]
    slopes = [jnp.zeros_like(value) for value in values]
    for (number, around, moving), there in zip(moved, beside, strict=True):
        directions = tuple(
            move if moves_it else jnp.zeros_like(group)
            for group, move, moves_it in zip(points[number], moves[number], moving, strict=True)
        )
        slopes[number] = slope(around, directions, there)
    return values, tuple(slopes)


@dataclass(frozen=True)
class _Blur:
    """The noise of a primitive on this engine, for exact values."""

    source: Source

    @property
    def num_outputs(self) -> int:
        return self.source.num_outputs

    def run(self, rows: np.ndarray) -> np.ndarray:
        return self.source.primitive.value.blurred(rows, self.source.accuracy)


def _simulated(remote: Remote, primitive: Blurred) -> tuple[Model, NoiseModel | None]:
    """The network whose inputs are all angles, simulated on this engine, and its noise."""
    free, readout = remote.source.circuit, remote.model.readout
    counts = primitive.counts_runs(remote.source.accuracy)
    return simulated(free, readout, primitive.simulator, primitive.noise, counts)


# ---------------------------------------------------------------- on NumPy data, without callbacks


def remote_forward(
    remote: Remote, weights: np.ndarray, inputs: Float[np.ndarray, "batch inputs"]
) -> Float[np.ndarray, "batch outputs"]:
    """A network's outputs on NumPy arrays, `(batch, outputs)`, from one pub."""
    kept = inputs if remote.model.inputs else inputs[:1]
    values = _values(remote, weights, kept).astype(weights.dtype)
    return np.broadcast_to(values, (len(inputs), values.shape[1]))


def remote_backward(
    remote: Remote, weights: np.ndarray, inputs: np.ndarray, with_inputs: bool
) -> tuple[Float[np.ndarray, "batch outputs weights"], Float[np.ndarray, "batch outputs inputs"]]:
    """The Jacobians in weights and in inputs, from one pub."""
    remote, moving = differentiable(remote), moving_groups(remote, with_inputs)
    kept = inputs if remote.model.inputs else inputs[:1]
    rows = np.asarray(_compiled_stencil_rows(remote, moving)(weights, kept), np.float64)
    values = remote.source.run(rows.reshape(prod(rows.shape[:2]), rows.shape[2]))
    values = values.reshape(*rows.shape[:2], remote.source.num_outputs).astype(weights.dtype)
    jacobians = _compiled_chain(remote, moving)(weights, kept, values)
    by_weights, by_inputs = (
        np.broadcast_to(np.asarray(jacobian), (len(inputs), *jacobian.shape[1:]))
        for jacobian in jacobians
    )
    return by_weights, by_inputs


def sent_rows(
    remote: Remote, weights: Array | np.ndarray, inputs: Array | np.ndarray
) -> Float[np.ndarray, "batch angles"]:
    """The rows of angles that the primitive gets for the outputs, without derivatives."""
    rows = np.asarray(_compiled_rows(remote)(weights, inputs), np.float64)
    return np.broadcast_to(rows, (len(inputs), rows.shape[-1]))


def _values(
    remote: Remote, weights: Array | np.ndarray, inputs: Array | np.ndarray
) -> Float[np.ndarray, "batch outputs"]:
    return remote.source.run(sent_rows(remote, weights, inputs))


@kept(tuning.PROGRAM_BYTES)
def _compiled_rows(remote: Remote) -> Callable[..., Array]:
    """(weights, inputs) -> the rows of angles that the primitive gets, `(*lead, angles)`."""
    return jax.jit(lambda weights, inputs: rows_of(remote, point_of(remote, weights, inputs)))


@kept(tuning.PROGRAM_BYTES)
def _compiled_stencil_rows(remote: Remote, moving: Flags) -> Callable[..., Array]:
    """(weights, inputs of shape (batch, num_inputs)) -> rows `(batch, points, angles)`."""

    def rows(weights: Array, inputs: Array) -> Array:
        point = point_of(remote, weights, inputs)
        return rows_of(remote, stencil(remote, point, moving).points)

    return jax.jit(jax.vmap(rows, (None, 0)))


@kept(tuning.PROGRAM_BYTES)
def _compiled_chain(remote: Remote, moving: Flags) -> Callable[..., tuple[Array, ...]]:
    """(weights, inputs, values `(batch, points, outputs)`) -> Jacobians in weights and inputs."""

    def chain(weights: Array, inputs: Array, values: Array) -> tuple[Array, ...]:
        around = stencil(remote, point_of(remote, weights, inputs), moving)
        by_numbers = jnp.matmul(
            values.T, jnp.concatenate(around.weights, axis=-1), precision=tuning.PRECISION
        )
        moves = jax.jacfwd(lambda *at: jnp.concatenate(point_of(remote, *at)), (0, 1))
        return tuple(
            jnp.matmul(by_numbers, move, precision=tuning.PRECISION)
            for move in moves(weights, inputs)
        )

    return jax.jit(jax.vmap(chain, (None, 0, 0)))
