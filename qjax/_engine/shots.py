"""Floor 6. (task, parameters, key) -> what so many shots would say, with derivatives.

Frequencies of outcomes take the place of probabilities; all else, such as the coefficients of
observables, is computed from them as it is from probabilities. Their derivatives are those of the
probabilities ("exact"), or follow from frequencies at shifted points, which have keys of their own:
so they are unbiased, and independent of the values.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Float

from qjax._base import tuning
from qjax._base.arrays import check_key
from qjax._base.mesh import on_mesh
from qjax._base.store import kept
from qjax._engine.derivatives import of_moving
from qjax._engine.measured import (
    SampledTask,
    measured_of,
    probabilities_of_groups,
    values_of_groups,
    variance_among_shots,
)
from qjax._engine.shifts import (
    Flags,
    Point,
    Rule,
    Space,
    point_of,
    rows_of,
    space_of,
    stencil_of,
    weights_along,
)
from qjax._noise import NoiseModel
from qjax._readout import check_shots, frequencies_of
from qjax.gradients import SPSA, ParameterShift

Frequencies = tuple[Array, ...]
"""`(outcomes, samples)` for each group."""


@dataclass(frozen=True, slots=True)
class Shots:
    """How a task is sampled.

    Attributes:
        count: shots for each group of observables.
        rule: how values are differentiated.
    """

    count: int
    rule: Rule | Literal["exact"]


def as_rule(gradient: object) -> Rule | Literal["exact"]:
    """How sampled values are differentiated; None stands for the parameter-shift rule.

    Raises:
        ValueError: for anything else.
    """
    if gradient is None or (isinstance(gradient, str) and gradient == "parameter_shift"):
        return ParameterShift()
    if isinstance(gradient, (ParameterShift, SPSA)):
        return gradient
    if isinstance(gradient, str) and gradient == "exact":
        return "exact"
    if isinstance(gradient, str) and gradient == "spsa":
        return SPSA()
    raise ValueError(
        f"gradient: {gradient!r} is not supported with shots=; expected 'parameter_shift' or None "
        "(from sampled values), 'exact' (sampled values, exact derivatives), 'spsa' or "
        "qjax.gradients.SPSA(...)"
    )


class Sampling(NamedTuple):
    """What a caller said of shots."""

    shots: Shots
    key: Array


def as_sampling(shots: object, key: object, gradient: object) -> Sampling | None:
    """How values are sampled; None where they are exact.

    Raises:
        TypeError: for shots without a key, a key without shots, and what is none of either.
        ValueError: for a number of shots below 1, and an unknown gradient.
    """
    if shots is None:
        if key is not None:
            raise TypeError(
                "key: got a key, but nothing is drawn without shots=; leave it out, or give shots"
            )
        return None
    count = check_shots(shots)  # type: ignore[arg-type]
    if key is None:
        raise TypeError(
            f"key: shots={count} are drawn; expected a JAX random key, key=jax.random.key(seed), "
            "got none"
        )
    check_key(key)
    return Sampling(Shots(count, as_rule(gradient)), key)  # type: ignore[arg-type]


def run_with_shots(
    task: SampledTask,
    shots: Shots,
    shared: Float[Array, " shared"],
    batched: Float[Array, "batched batch"],
    noise: NoiseModel | None,
    key: Array,
) -> Float[Array, "outputs batch"]:
    """As `run`, from sampled outcomes. Samples are independent.

    Args:
        task: what to simulate; not its amplitudes.
        shots: how many, and how values are differentiated.
        shared: as in `run`.
        batched: as in `run`.
        noise: the task's, with its numbers.
        key: a JAX random key.
    """
    measured = measured_of(task)
    if shots.rule == "exact":
        probabilities = probabilities_of_groups(measured, shared, batched, noise)
        frequencies = _drawn(probabilities, shots.count, key)
    else:
        frequencies = _sampled(task, shots, shared, batched, noise, key)
    return values_of_groups(measured, frequencies, shared, batched)


def _drawn(probabilities: Frequencies, count: int, key: Array) -> Frequencies:
    keys = [key] if len(probabilities) == 1 else jax.random.split(key, len(probabilities))
    return tuple(
        frequencies_of(own, count, one) for own, one in zip(probabilities, keys, strict=True)
    )


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _sampled(
    task: SampledTask,
    shots: Shots,
    shared: Array,
    batched: Array,
    noise: NoiseModel | None,
    key: Array,
) -> Frequencies:
    probabilities = probabilities_of_groups(measured_of(task), shared, batched, noise)
    return _drawn(probabilities, shots.count, key)


@partial(_sampled.defjvp, symbolic_zeros=True)
def _jvp_of_sampled(
    task: SampledTask,
    shots: Shots,
    primals: tuple[Array, Array, NoiseModel | None, Array],
    tangents: tuple[Any, Any, Any, Any],
) -> tuple[Frequencies, Frequencies]:
    shared, batched, noise, key = primals
    _refuse_moving_noise(tangents[2])
    frequencies = _sampled(task, shots, shared, batched, noise, key)
    moving = tuple(k for k in (0, 1) if not isinstance(tangents[k], SymbolicZero))
    if not moving:
        return frequencies, tuple(map(jnp.zeros_like, frequencies))
    assert shots.rule != "exact"
    space = space_of(task, shots.rule)
    arguments = (shared, batched)
    locate = of_moving(partial(point_of, space), arguments, moving)
    point, moves = jax.jvp(
        locate, tuple(arguments[k] for k in moving), tuple(tangents[k] for k in moving)
    )
    flags = (0 in moving, 1 in moving, True)[: len(point)]
    return frequencies, _slopes(space, shots, point, moves, flags, noise, key, frequencies)


def _refuse_moving_noise(moves: Any) -> None:
    if not all(isinstance(move, SymbolicZero) for move in jax.tree.leaves(moves)):
        raise ValueError(
            "gradient: strengths of noise have no shift rule; to differentiate in them, expected "
            "gradient='exact' (sampled values, exact derivatives), or no shots"
        )


def _slopes(
    space: Space,
    shots: Shots,
    point: Point,
    moves: Point,
    moving: Flags,
    noise: NoiseModel | None,
    key: Array,
    like: Frequencies,
) -> Frequencies:
    """The derivative of frequencies along `moves`, from one call for all points around."""
    assert shots.rule != "exact"
    directions, draws = jax.random.split(jax.random.fold_in(key, 1))
    around = stencil_of(space, shots.rule, point, moving, directions)
    if around is None:
        return tuple(map(jnp.zeros_like, like))
    there = _sampled_at(space, shots, around.points, noise, draws)
    along = weights_along(around, moves)
    return tuple(
        jnp.sum(along[None] * values.reshape(len(values), *along.shape), axis=1) for values in there
    )


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _sampled_at(
    space: Space, shots: Shots, point: Point, noise: NoiseModel | None, key: Array
) -> Frequencies:
    """Frequencies at a point `(numbers, samples)`."""
    rows = rows_of(space, point)
    nothing = jnp.zeros((0,), rows.dtype)
    probabilities = probabilities_of_groups(space.measured, nothing, rows, noise)
    return _drawn(probabilities, shots.count, key)


@partial(_sampled_at.defjvp, symbolic_zeros=True)
def _jvp_of_sampled_at(
    space: Space,
    shots: Shots,
    primals: tuple[Point, NoiseModel | None, Array],
    tangents: tuple[Any, Any, Any],
) -> tuple[Frequencies, Frequencies]:
    """Derivatives of any order: each is one more stencil around the points of the one before."""
    (point, noise, key), (moves, moving_noise, _) = primals, tangents
    _refuse_moving_noise(moving_noise)
    frequencies = _sampled_at(space, shots, point, noise, key)
    moving = tuple(not isinstance(move, SymbolicZero) for move in moves)
    if not any(moving):
        return frequencies, tuple(map(jnp.zeros_like, frequencies))
    known = tuple(
        move if moves_it else jnp.zeros_like(group)
        for group, move, moves_it in zip(point, moves, moving, strict=True)
    )
    return frequencies, _slopes(space, shots, point, known, moving, noise, key, frequencies)


@kept(tuning.PROGRAM_BYTES)
def compiled_shots(task: SampledTask, shots: Shots) -> Callable[..., Array]:
    """(params, noise, key) -> the outputs of a task without parameters that differ per sample."""

    def run(params: Array, noise: NoiseModel | None, key: Array) -> Float[Array, " outputs"]:
        nothing = jnp.zeros((0, 1), params.dtype)
        return run_with_shots(task, shots, params, nothing, noise, key)[:, 0]

    return jax.jit(partial(on_mesh, run))


@kept(tuning.PROGRAM_BYTES)
def compiled_estimates(task: SampledTask, count: int) -> Callable[..., tuple[Array, Array]]:
    """(params, noise, key) -> sampled values of observables, and their standard errors.

    Groups are independent, so that their variances add up; that of one is the variance among its
    shots, over their number.
    """

    def run(params: Array, noise: NoiseModel | None, key: Array) -> tuple[Array, Array]:
        measured, nothing = measured_of(task), jnp.zeros((0, 1), params.dtype)
        frequencies = _drawn(probabilities_of_groups(measured, params, nothing, noise), count, key)
        values = values_of_groups(measured, frequencies, params, nothing)[:, 0]
        variances = jnp.zeros_like(values)
        for group, shares in zip(measured.groups, frequencies, strict=True):
            variances = variances + variance_among_shots(group, shares[:, 0], params)
        # Of a single shot nothing is known: 0 / 0.
        return values, jnp.sqrt(variances / (count - 1) if count > 1 else variances * np.nan)

    return jax.jit(partial(on_mesh, run))
