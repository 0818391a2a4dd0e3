"""Floor 4. What kernels compute, by the passes of XLA's engine, with its derivatives."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
from jax import Array
from jaxtyping import Float

from qjax._base.tables import in_precision
from qjax._expressions import reduced_angles
from qjax._plan import NativeProgram, plan_circuit
from qjax._simulators.native.reading import NativeReading
from qjax._simulators.statevector.simulation import State, state_of_angles

Values = Float[Array, "values batch"]


class Given(NamedTuple):
    """What a program is given.

    Attributes:
        shared: the angles that all samples share.
        batched: those that differ per sample.
        start: the states to start from, in the rows that the program expects; None for |0...0>.
    """

    shared: Float[Array, " angles"]
    batched: Float[Array, "angles batch"]
    start: State | None = None


def values_of(read: tuple[NativeProgram, NativeReading], given: Given) -> Values:
    """`values_by_xla` of what is read out, as one argument."""
    return values_by_xla(*read, given)


# Derivatives by XLA are one program each, where they are taken eagerly too.


@cache
def values_jvp(forward: Callable[[Any, Given], Array]) -> Callable[..., Array]:
    """(read, given, direction) -> how forward(read, given) moves."""

    def derivative(read: Any, given: Given, direction: Given) -> Array:
        return jax.jvp(lambda *at: forward(read, Given(*at)), given, direction)[1]

    return jax.jit(derivative)


@cache
def cotangents_jvp(forward: Callable[[Any, Given], Array]) -> Callable[..., Given]:
    """(read, (given, cotangent), direction) -> how the cotangents of what is given move."""

    def derivative(read: Any, point: tuple, direction: tuple) -> Given:
        def cotangents(given: Given, cotangent: Array) -> Given:
            return pull_back_by_xla(lambda at: forward(read, at), given, cotangent)

        moving: Given = jax.jvp(cotangents, point, direction)[1]
        return moving

    return jax.jit(derivative)


def values_by_xla(program: NativeProgram, reading: NativeReading, given: Given) -> Values:
    """What is read out of the state."""
    return reading.by_xla(reading.tables, state_by_xla(program, given))


def state_by_xla(program: NativeProgram, given: Given) -> State:
    """The state by passes, which are planned only here."""
    passes, source = program.passes, program.source
    if passes is None:
        assert source is not None
        planned = plan_circuit(source.circuit, source.batched, source.from_zero).program
        passes = in_precision(planned, jax.config.read("jax_enable_x64"))
    # Gates that turn the same phase add their angles up, which the kernels take as they are.
    shared = reduced_angles(program.shared_angles, given.shared)
    batched = reduced_angles(program.batched_angles, given.batched)
    return state_of_angles(passes, (shared, batched), given.start)


def pull_back_by_xla(function: Callable[[Given], Array], given: Given, cotangent: Array) -> Given:
    """The cotangents of what is given."""
    (pulled,) = jax.vjp(function, given)[1](cotangent)
    assert isinstance(pulled, Given)
    return pulled
