"""Floor 7. A network on one of Qiskit's primitives: what it is, and its parameters -> angles.

The primitive gets rows of free angles, one for each occurrence in the circuit. A point is where a
network is differentiated: for parameter-shift the angles, in groups by what they depend on; for
SPSA weights and inputs. What JAX calls one by one, when it differentiates eagerly, is compiled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from qjax._base.store import kept
from qjax._base.tables import in_precision
from qjax._circuit.free_angles import FreeAngle, places_of
from qjax._circuit.light_cone import light_cone
from qjax._circuit.measurements import measured_qubits
from qjax._circuit.observable import is_diagonal, support_of
from qjax._circuit.shift_rules import ShiftRule, shift_rule
from qjax._circuit.slopes import near_expression
from qjax._engine import Model
from qjax._expressions import Expression, ExpressionTable, Value, all_angles, expression_tables
from qjax._qiskit import EstimatorSource, Source
from qjax.gradients import SPSA, ParameterShift

Rule = ParameterShift | SPSA

# One array per group, the last axis counts its numbers; leading axes broadcast.
Point = tuple[Array, ...]
Flags = tuple[bool, ...]


@dataclass(frozen=True)
class Remote:
    """A network whose values come from a primitive.

    Attributes:
        model: the network as it would be simulated; probabilities are read out of the qubits that
            are measured, and of no others.
        source: what makes values of rows of angles.
        expressions: what each angle is, of the circuit's parameters.
        rule: how it is differentiated.
        near: whether angles are evaluated beside the points where they have no slope: see `near`.
    """

    model: Model
    source: Source
    expressions: tuple[Expression, ...] = field(compare=False, repr=False)
    rule: Rule
    near: bool = False


class CircuitCount(NamedTuple):
    """How many circuits a network sends to its primitive: what its `num_circuits(batch)` returns.

    A circuit with one set of parameters counts as one; each call sends all of its own as one pub
    (a "primitive unified bloc", Qiskit's unit of work). Both are 0 for a network that is simulated.

    Attributes:
        forward: for the values, as `forward` of the network sends them.
        backward: for the derivatives, as `backward` sends them; a gradient of `apply` sends both.
    """

    forward: int
    backward: int


class _Group(NamedTuple):
    """Angles that depend on the same kind of parameters.

    Attributes:
        slots: which angles of the free circuit they are.
        tables, order: how they are evaluated: `all_angles(tables, parameters)[order]`.
    """

    slots: tuple[int, ...]
    tables: tuple[ExpressionTable, ...]
    order: np.ndarray


# ---------------------------------------------------------------- points and rows


@partial(jax.jit, static_argnums=0)
def point_of(
    remote: Remote, weights: Float[Array, "*lead weights"], inputs: Float[Array, "*lead inputs"]
) -> Point:
    """Where a network is differentiated: its angles, by what they depend on.

    For SPSA, its weights and inputs.
    """
    return (weights, inputs) if isinstance(remote.rule, SPSA) else _angles(remote, weights, inputs)


@partial(jax.jit, static_argnums=0)
def rows_of(remote: Remote, point: Point) -> Float[Array, "*lead angles"]:
    """The angles that the primitive gets."""
    groups = _angles(remote, *point) if isinstance(remote.rule, SPSA) else point
    order = np.argsort(np.concatenate(_slots(remote))).astype(np.int32)
    return _joined(*groups)[..., order]


@kept()
def differentiable(remote: Remote) -> Remote:
    """The network that derivatives are taken of: beside points where an angle has no slope."""
    has_slopes = all(near_expression(expression) == expression for expression in remote.expressions)
    return remote if has_slopes else replace(remote, near=True)


def moving_groups(remote: Remote, with_inputs: bool) -> Flags:
    """Which groups move with the weights and, if asked, the inputs."""
    return (True, with_inputs) if isinstance(remote.rule, SPSA) else (True, with_inputs, True)


def _angles(remote: Remote, weights: Array, inputs: Array) -> Point:
    """The angles of weights alone, of inputs alone, and of both."""
    by_weights, by_inputs, by_both = _groups(remote, jax.config.read("jax_enable_x64"))
    return (
        _evaluated(by_weights, weights),
        _evaluated(by_inputs, inputs),
        _evaluated(by_both, _joined(weights, inputs)) if by_both.slots else inputs[..., :0],
    )


def _evaluated(group: _Group, parameters: Array) -> Float[Array, "*lead angles"]:
    values = all_angles(group.tables, jnp.moveaxis(parameters, -1, 0))
    return jnp.moveaxis(values[group.order], 0, -1)


def _joined(*arrays: Array) -> Array:
    """The arrays side by side along the last axis, leading axes broadcast."""
    lead = np.broadcast_shapes(*(array.shape[:-1] for array in arrays))
    return jnp.concatenate([_broadcast(array, lead) for array in arrays], axis=-1)


def _broadcast(array: Array, lead: tuple[int, ...]) -> Array:
    missing = len(lead) + 1 - array.ndim
    aligned = array.reshape(*(1 for _ in range(missing)), *array.shape)
    return jnp.broadcast_to(aligned, (*lead, array.shape[-1]))


def _slots(remote: Remote) -> list[tuple[int, ...]]:
    return [group.slots for group in _groups(remote, True)]


@kept()
def _groups(remote: Remote, x64: bool) -> tuple[_Group, _Group, _Group]:
    model = remote.model
    inputs = {parameter: position for position, parameter in enumerate(model.inputs)}
    weights = {parameter: position for position, parameter in enumerate(model.weights)}
    both = weights | {parameter: len(weights) + position for parameter, position in inputs.items()}
    used = [set(expression.parameters) for expression in remote.expressions]
    by_weights = [slot for slot, parameters in enumerate(used) if parameters <= set(weights)]
    by_inputs = [slot for slot, parameters in enumerate(used) if parameters <= set(inputs)]
    by_both = sorted(set(range(len(used))) - set(by_weights) - set(by_inputs))
    places = places_of(remote.source.circuit)
    expressions = map(near_expression, remote.expressions) if remote.near else remote.expressions
    angles = [
        Value(expression, places[slot].periodic) for slot, expression in enumerate(expressions)
    ]
    return (
        _group(angles, by_weights, weights, x64),
        _group(angles, by_inputs, inputs, x64),
        _group(angles, by_both, both, x64),
    )


def _group(
    angles: Sequence[Value],
    slots: Sequence[int],
    positions: Mapping[int, int],
    x64: bool,
) -> _Group:
    members = [angles[slot] for slot in slots]
    tables, places = expression_tables(members, positions)
    return _Group(tuple(slots), in_precision(tables, x64), np.array(places, np.int32))


# ---------------------------------------------------------------- parameter-shift


@kept()
def shift_tables(
    remote: Remote, moving: Flags
) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """For each group, `(shifts, angles)`: how far each shift moves each angle, and what it counts.

    Angles that no readout depends on are not shifted.

    Raises:
        ValueError: for an angle that moves and has no shift rule.
    """
    places = places_of(remote.source.circuit)
    seen = _visible(remote)
    entries = [
        (group, column, shift, coefficient)
        for group, (slots, moves) in enumerate(zip(_slots(remote), moving, strict=True))
        for column, slot in enumerate(slots)
        if moves and slot in seen
        for shift, coefficient in zip(*_rule_of(places[slot]), strict=True)
    ]
    shapes = [(len(entries), len(slots)) for slots in _slots(remote)]
    shifts, coefficients = ([np.zeros(shape) for shape in shapes] for _ in range(2))
    for row, (group, column, shift, coefficient) in enumerate(entries):
        shifts[group][row, column] = shift
        coefficients[group][row, column] = coefficient
    return tuple(shifts), tuple(coefficients)


def _rule_of(angle: FreeAngle) -> ShiftRule:
    if angle.frequencies is not None:
        return shift_rule(angle.frequencies)
    if angle.gate is None:
        raise ValueError(
            "gradient: amplitudes have no shift rule, as expectation values are no Fourier series "
            "in them. Where they are features, input_gradients=False needs no rule; else use "
            "gradient='spsa', or leave the primitive out: simulation differentiates them"
        )
    raise ValueError(
        f"gradient: the gate {angle.gate!r} has no shift rule, as expectation values are no "
        "Fourier series in its angles. Write it as rotations (rx, ry, rz, u), bind its angles, or "
        "use gradient='spsa'"
    )


def _visible(remote: Remote) -> frozenset[int]:
    """The angles that something which is read out depends on."""
    free, source = remote.source.circuit, remote.source
    if isinstance(source, EstimatorSource):
        measured = set().union(*(support_of(observable) for observable in source.observables))
        diagonal = is_diagonal(*source.observables)
    else:
        measured = set(measured_qubits(free))
        diagonal = True
    return frozenset(places_of(light_cone(free, measured, diagonal).circuit))
