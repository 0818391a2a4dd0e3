"""Floor 6. Where a task is evaluated for its derivatives, if values are all there is.

A point is the numbers that are shifted, in groups by what they depend on, with samples last: for
the parameter-shift rule the angles of the circuit, each occurrence by itself, that depend on shared
parameters, on those that differ per sample, and on both; for simultaneous perturbation the
parameters themselves. All that belongs to the points around a point is more samples of one batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from qjax._base.store import kept
from qjax._base.tables import in_precision
from qjax._circuit.circuit import Circuit
from qjax._circuit.free_angles import FreeAngle, free_angles, places_of
from qjax._circuit.light_cone import light_cone
from qjax._circuit.measurements import measured_qubits, measurements
from qjax._circuit.shift_rules import ShiftRule, shift_rule
from qjax._circuit.slopes import near_expression
from qjax._dynamic import deferred
from qjax._engine.measured import Measured, SampledTask, measured_of
from qjax._engine.misread import MisreadTask, misread_at_the_end
from qjax._engine.misread_readouts import that_matter
from qjax._engine.mixed_task import MeasuredBits, MixedTask, deferred_with_noise
from qjax._engine.task import Outcomes, Task, outcomes_of
from qjax._expressions import Expression, ExpressionTable, Value, all_angles, expression_tables
from qjax._noise import Misreading, misreadings
from qjax.gradients import SPSA, ParameterShift

Rule = ParameterShift | SPSA

Point = tuple[Array, ...]
"""One array `(numbers, samples)` per group."""

Flags = tuple[bool, ...]
"""Which groups move."""


class Stencil(NamedTuple):
    """Points around a point, one after the other along the samples of each group.

    Attributes:
        points: `(numbers, points * samples)` for each group.
        weights: `(points, numbers)` or `(points, numbers, samples)` for each group: the derivative
            along d is the sum over the points of (weights . d) times the value there.
    """

    points: Point
    weights: Point


class _Shift(NamedTuple):
    group: int
    column: int
    shift: float
    coefficient: float


@dataclass(frozen=True, eq=False)
class Space:
    """The numbers that are shifted, and what is simulated at them.

    Attributes:
        measured: the circuit, all of whose parameters differ per sample.
        tables: how the numbers of each group are evaluated; None where they are parameters.
        order: row k of what is simulated is number `order[k]` of all groups, one after the other.
        shifts: of the parameter-shift rule, for all groups.
        lacking: why an angle of a group cannot be shifted; "" where all can.
    """

    measured: Measured
    tables: tuple[tuple[tuple[ExpressionTable, ...], np.ndarray], ...] | None
    order: np.ndarray
    shifts: tuple[_Shift, ...] = ()
    lacking: tuple[str, ...] = ()


@kept()
def space_of(task: SampledTask, rule: Rule) -> Space:
    """What is shifted for a task.

    Raises:
        ValueError: as `measured_of`.
    """
    if isinstance(rule, SPSA):
        return _space_of_parameters(task)
    return _space_of_angles(task)


def check_shifts(task: SampledTask, rule: Rule, with_batched: bool) -> None:
    """Require that there is a rule for what is differentiated.

    Raises:
        ValueError: otherwise; names the gate.
    """
    _refuse_lacking(space_of(task, rule), (True, with_batched, True))


def point_of(
    space: Space, shared: Float[Array, " shared"], batched: Float[Array, "batched samples"]
) -> Point:
    """Where a task is differentiated."""
    samples = batched.shape[1]
    spread = jnp.broadcast_to(shared[:, None], (len(shared), samples))
    if space.tables is None:
        return spread, batched
    x64 = jax.config.read("jax_enable_x64")
    by_shared, by_batched, by_both = (
        (in_precision(tables, x64), places) for tables, places in space.tables
    )
    alone = _angles(*by_shared, shared)
    return (
        jnp.broadcast_to(alone[:, None], (len(alone), samples)),
        _angles(*by_batched, batched),
        _angles(*by_both, jnp.concatenate([spread, batched])),
    )


def rows_of(space: Space, point: Point) -> Float[Array, "numbers samples"]:
    """What is simulated at a point."""
    return jnp.concatenate(point)[space.order]


def stencil_of(space: Space, rule: Rule, point: Point, moving: Flags, key: Array) -> Stencil | None:
    """The points around a point, for derivatives in the groups that move; None where none counts.

    Args:
        space: from `space_of`.
        rule: of how the derivative follows.
        point: the middle.
        moving: which groups move.
        key: of the directions, for SPSA.

    Raises:
        ValueError: for an angle that moves and has no shift rule.
    """
    if isinstance(rule, SPSA):
        return _simultaneous(rule, point, moving, key)
    _refuse_lacking(space, moving)
    shifts = [shift for shift in space.shifts if moving[shift.group]]
    if not shifts:
        return None
    tables = [np.zeros((2, len(shifts), len(group))) for group in point]
    for row, (group, column, shift, coefficient) in enumerate(shifts):
        tables[group][:, row, column] = shift, coefficient
    kinds = [table.astype(group.dtype) for table, group in zip(tables, point, strict=True)]
    points = [
        group[:, None] + jnp.asarray(by.T)[:, :, None]
        for group, (by, _) in zip(point, kinds, strict=True)
    ]
    return Stencil(
        tuple(map(_as_samples, points)),
        tuple(jnp.asarray(coefficients) for _, coefficients in kinds),
    )


def weights_along(stencil: Stencil, moves: Point) -> Float[Array, "points samples"]:
    """How much the value at each point counts for the derivative along `moves`."""
    total = jnp.zeros((), moves[0].dtype)
    for weights, move in zip(stencil.weights, moves, strict=True):
        if weights.ndim == 2:
            total = total + jnp.matmul(weights, move, precision="highest")
        else:
            total = total + jnp.sum(weights * move[None], axis=1)
    return total


def _angles(
    tables: Sequence[ExpressionTable], places: np.ndarray, parameters: Array
) -> Float[Array, "angles *samples"]:
    if len(places) == 0:
        return jnp.zeros((0, *parameters.shape[1:]), parameters.dtype)
    return all_angles(tables, parameters)[places]


def _simultaneous(rule: SPSA, point: Point, moving: Flags, key: Array) -> Stencil:
    """Spall's: every number of every sample by plus or minus epsilon at once, and the opposite."""
    keys = jax.random.split(jax.random.fold_in(key, rule.seed), len(point))
    scale = 1 / (2 * rule.epsilon * rule.batch_size)
    points, weights = [], []
    for own, group, moves in zip(keys, point, moving, strict=True):
        signs = jax.random.rademacher(own, (rule.batch_size, *group.shape), group.dtype)
        signs = signs if moves else jnp.zeros_like(signs)
        steps = jnp.concatenate([signs, -signs])
        points.append(_as_samples(jnp.moveaxis(group[None] + rule.epsilon * steps, 0, 1)))
        weights.append(scale * steps)
    return Stencil(tuple(points), tuple(weights))


def _as_samples(points: Float[Array, "numbers points samples"]) -> Float[Array, "numbers all"]:
    count, *others = points.shape
    return points.reshape(count, prod(others))


# ---------------------------------------------------------------- what is shifted


def _space_of_parameters(task: SampledTask) -> Space:
    measured = measured_of(task)
    count = task.circuit.num_params
    shared = [p for p in range(count) if p not in task.batched]
    order = np.argsort([*shared, *sorted(task.batched)]).astype(np.int32)
    everything = frozenset(range(measured.task.circuit.num_params))
    every = replace(measured, task=replace(measured.task, batched=everything))
    return Space(every, None, order, lacking=("", ""))


def _space_of_angles(task: SampledTask) -> Space:
    measured = measured_of(task)
    plain = _plain(measured.task)
    looked_at, readout = _looked_at(measured.task, plain)
    misread, qubits = that_matter(_misread(measured.task, plain), looked_at)
    freed = free_angles(plain)
    # The angles that turn what is measured stand at the end.
    count = len(freed.expressions) - len(measured.settings) * (measured.settings.shape[1] > 1)
    places = places_of(freed.circuit)
    seen = places_of(light_cone(freed.circuit, qubits, True).circuit).keys()
    slots = _slots(freed.expressions[:count], task)
    shifts = [
        _Shift(group, column, *entry)
        for group, members in enumerate(slots)
        for column, slot in enumerate(members)
        if slot in seen
        for entry in zip(*_rule_of(places[slot]), strict=True)
    ]
    everything = frozenset(range(freed.circuit.num_params))
    simulated: SampledTask
    if isinstance(measured.task, MixedTask):
        simulated = replace(
            measured.task,
            circuit=freed.circuit,
            batched=everything,
            readout=readout,
            is_noisy=True,
            misread=misread,
        )
    else:
        assert isinstance(readout, Outcomes)
        simulated = replace(
            measured.task, circuit=freed.circuit, batched=everything, readout=readout
        )
    order = np.argsort([slot for members in slots for slot in members]).astype(np.int32)
    return Space(
        replace(measured, task=simulated),
        _tables(freed.expressions, slots, places, task),
        order,
        tuple(shifts),
        tuple(_why_lacking(places[s] for s in members if s in seen) for members in slots),
    )


def _plain(task: SampledTask) -> Circuit:
    """Gates and noise, then final measurements: what outcomes midway do is done by records."""
    if isinstance(task, MixedTask):
        bits = isinstance(task.readout, MeasuredBits)
        return deferred_with_noise(task.circuit, task.rules, bits=bits)
    return deferred(task.circuit)


def _misread(task: SampledTask, plain: Circuit) -> tuple[Misreading, ...]:
    """What happens to readings, by the qubits of a circuit like `plain`."""
    if isinstance(task, MisreadTask):
        return task.misread
    if isinstance(task, Task) or task.noise is None:
        return ()
    if isinstance(task.readout, MeasuredBits):
        return misread_at_the_end(task.circuit, measurements(plain), task.noise)
    return misreadings(task.noise, range(task.circuit.num_qubits))


def _looked_at(
    task: SampledTask, plain: Circuit
) -> tuple[tuple[int, ...], Outcomes | MeasuredBits]:
    """The qubits that are looked at, and how they are read out of a circuit like `plain`."""
    readout = task.readout
    if isinstance(readout, MeasuredBits):
        return tuple(measured_qubits(plain)), readout
    assert isinstance(readout, Outcomes)
    qubits = tuple(range(plain.num_qubits)) if readout.qubits is None else readout.qubits
    return qubits, outcomes_of(plain, qubits)


def _slots(expressions: Sequence[Expression], task: SampledTask) -> list[list[int]]:
    """The angles of shared parameters alone, of those that differ per sample, and of both."""
    groups: list[list[int]] = [[], [], []]
    for slot, expression in enumerate(expressions):
        kinds = {parameter in task.batched for parameter in expression.parameters}
        groups[2 if len(kinds) > 1 else int(kinds == {True})].append(slot)
    return groups


def _tables(
    expressions: Sequence[Expression],
    slots: Sequence[Sequence[int]],
    places: dict[int, FreeAngle],
    task: SampledTask,
) -> tuple[tuple[tuple[ExpressionTable, ...], np.ndarray], ...]:
    """Evaluated beside the points where an angle has no slope: values there are not taken."""
    batched = sorted(task.batched)
    shared = [p for p in range(task.circuit.num_params) if p not in task.batched]
    tables = []
    for members, parameters in zip(slots, (shared, batched, [*shared, *batched]), strict=True):
        values = [Value(near_expression(expressions[s]), places[s].periodic) for s in members]
        positions = {parameter: place for place, parameter in enumerate(parameters)}
        table, order = expression_tables(values, positions)
        tables.append((tuple(table), np.array(order, np.int32)))
    return tuple(tables)


def _rule_of(angle: FreeAngle) -> ShiftRule:
    return shift_rule(() if angle.frequencies is None else angle.frequencies)


def _why_lacking(angles: object) -> str:
    for angle in angles:  # type: ignore[attr-defined]
        if angle.frequencies is None:
            return "amplitudes" if angle.gate is None else f"the gate {angle.gate!r}"
    return ""


def _refuse_lacking(space: Space, moving: Flags) -> None:
    for why, moves in zip(space.lacking, moving, strict=False):
        if moves and why:
            raise ValueError(
                f"gradient: {why} has no shift rule, as expectation values are no Fourier series "
                "in it; expected gradient='exact' (sampled values, exact derivatives) or "
                "qjax.gradients.SPSA(...)"
            )
