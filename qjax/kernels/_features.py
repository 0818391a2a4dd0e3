"""Floor 10. Points -> what a kernel compares, and the kernel of two sets of that.

Hashable values: what they compute is compiled once for each.
"""

from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Complex, Float

from qjax._base import tuning
from qjax._base.memory import bytes_of_states
from qjax._circuit.observable import Observable
from qjax._engine import (
    Expectations,
    Model,
    States,
    Task,
    num_simulated,
    num_simulated_of,
    outputs,
    run,
)
from qjax._simulators import StateVector
from qjax.kernels._independent_parts import independent_parts
from qjax.kernels._known_noise import KnownNoise

# States of a point that a block holds at once: itself, its real and imaginary parts, and as much
# again while it is simulated.
_STATES_OF_POINT = 4


class Features(Protocol):
    """What a kernel is made of: a feature map, and the kernel as a function of features."""

    @property
    def is_exact(self) -> bool:
        """Whether equal points have the kernel 1, and pairs one value in either order."""

    def of_points(
        self, points: Float[Array, "points inputs"], weights: Float[Array, " weights"]
    ) -> Any:
        """A pytree of arrays, with the features of all points."""

    def kernel(
        self, left: Any, right: Any | None, settings: tuple[Array, ...]
    ) -> Float[Array, "left right"]:
        """The kernel of all pairs of features, up to rounding; `right` None: of `left` alone."""

    def bytes_of_point(self, dtype: np.dtype) -> int:
        """What the features of one point take, while they are computed."""


@dataclass(frozen=True, slots=True)
class StateFeatures:
    """Pure states, and |<left|right>|^2.

    Attributes:
        model: the circuit, and which of its parameters are inputs and weights.
    """

    model: Model

    @property
    def is_exact(self) -> bool:
        return True

    def tasks(self) -> tuple[Task, ...]:
        """What is simulated for a point: each independent part of the circuit."""
        circuit, inputs = self.model.circuit, self.model.inputs
        simulator = self.model.simulator
        assert simulator is None or isinstance(simulator, StateVector)
        return tuple(
            Task(part, frozenset(inputs), States(), simulator=simulator)
            for part in independent_parts(circuit, inputs)
        )

    def of_points(
        self, points: Float[Array, "points inputs"], weights: Float[Array, " weights"]
    ) -> tuple[Complex[Array, "dim points"], ...]:
        shared = _in_circuit_order(weights, self.model.weights)
        batched = _in_circuit_order(points.T, self.model.inputs)
        return tuple(run(task, shared, batched) for task in self.tasks())

    def kernel(
        self,
        left: tuple[Complex[Array, "dim left"], ...],
        right: tuple[Complex[Array, "dim right"], ...] | None,
        settings: tuple[Array, ...],  # noqa: ARG002 - of other kernels
    ) -> Float[Array, "left right"]:
        if right is None:
            return prod(map(_fidelities_within, left[1:]), start=_fidelities_within(left[0]))
        first, *others = map(_fidelities, left, right)
        return prod(others, start=first)

    def bytes_of_point(self, dtype: np.dtype) -> int:
        one = 2 * dtype.itemsize
        states = sum(bytes_of_states(num_simulated(task), one) for task in self.tasks())
        return _STATES_OF_POINT * states


class _Gaussian:
    """exp(-gamma |f - g|^2) of features f, g; the one setting is gamma."""

    __slots__ = ()

    def kernel(
        self,
        left: Float[Array, "left observables"],
        right: Float[Array, "right observables"] | None,
        settings: tuple[Array, ...],
    ) -> Float[Array, "left right"]:
        right = left if right is None else right
        squares = [jnp.sum(values * values, axis=1) for values in (left, right)]
        products = jnp.matmul(left, right.T, precision=tuning.PRECISION)
        distances = squares[0][:, None] + squares[1][None, :] - 2 * products
        return jnp.exp(-settings[0] * distances)


@dataclass(frozen=True, slots=True)
class DrawnFeatures(_Gaussian):
    """Features that were drawn before, in the place of points."""

    @property
    def is_exact(self) -> bool:
        return False

    def of_points(
        self,
        points: Float[Array, "points observables"],
        weights: Float[Array, " weights"],  # noqa: ARG002 - of all features
    ) -> Float[Array, "points observables"]:
        return points

    def bytes_of_point(self, dtype: np.dtype) -> int:
        return 16 * dtype.itemsize  # a few dozen at most


@dataclass(frozen=True, slots=True)
class ExpectationFeatures(_Gaussian):
    """Expectation values.

    Attributes:
        model: the circuit, the roles of its parameters, and the observables.
        noise: what goes wrong, with its numbers; None for nothing.
    """

    model: Model
    noise: KnownNoise | None = None

    @property
    def is_exact(self) -> bool:
        return True  # the values are those of infinitely many runs

    @property
    def observables(self) -> tuple[Observable, ...]:
        """What is read out."""
        assert isinstance(self.model.readout, Expectations)
        return self.model.readout.observables

    def of_points(
        self, points: Float[Array, "points inputs"], weights: Float[Array, " weights"]
    ) -> Float[Array, "points observables"]:
        noise = None if self.noise is None else self.noise.model
        return outputs(self.model, weights, points, noise)

    def bytes_of_point(self, dtype: np.dtype) -> int:
        width = num_simulated_of(self.model) * (1 + self.model.is_mixed)
        state = bytes_of_states(width, 2 * dtype.itemsize)
        return _STATES_OF_POINT * state + prod(self.model.readout.output_shape) * dtype.itemsize


def _in_circuit_order(values: Array, places: tuple[int, ...]) -> Array:
    order = np.argsort(places).astype(np.int32)
    return values if (order == np.arange(len(order))).all() else values[order]


def _fidelities(
    left: Complex[Array, "dim left"], right: Complex[Array, "dim right"]
) -> Float[Array, "left right"]:
    overlaps = jnp.matmul(left.conj().T, right, precision=tuning.PRECISION)
    return overlaps.real**2 + overlaps.imag**2


def _fidelities_within(states: Complex[Array, "dim points"]) -> Float[Array, "points points"]:
    """With S = A + iB: S^dagger S = (A'A + B'B) + i(A'B - (A'B)'), three real products of four."""
    if states.size * states.shape[1] < tuning.MANY_OVERLAPS:
        return _fidelities(states, states)
    real, imag = states.real, states.imag

    def product(left: Array, right: Array) -> Array:
        return jnp.matmul(left.T, right, precision=tuning.PRECISION)

    symmetric = product(real, real) + product(imag, imag)
    mixed = product(real, imag)
    return symmetric**2 + (mixed - mixed.T) ** 2
