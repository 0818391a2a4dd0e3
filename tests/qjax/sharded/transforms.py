"""JAX's transformations of sharded states, and meshes that the user has set around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P
from qiskit.circuit.library import efficient_su2

import qjax
from tests.circuits import finite_gradient, random_circuit, random_values, state_of
from tests.qjax.sharded.circuits import Comparison, error_of
from tests.qjax.sharded.functions import (
    INPUTS,
    POINT,
    Simulator,
    between,
    estimator,
    mesh_of,
    simulator_on,
)

CIRCUIT = qjax.from_qiskit(efficient_su2(4, reps=1))
PARAMS = np.random.default_rng(8).normal(size=CIRCUIT.num_params)
ALONG = np.random.default_rng(9).normal(size=CIRCUIT.num_params)


def values(params: Array, simulator: Simulator) -> Array:
    return qjax.expectation(CIRCUIT, ["ZZII", "XYZX"], params, simulator=simulator)


def loss(params: Array, simulator: Simulator) -> Array:
    return jnp.sin(values(params, simulator)).sum()


def of_state(params: Array, simulator: Simulator) -> Array:
    """Complex amplitudes, and weights that tell all of them apart."""
    state = qjax.statevector(CIRCUIT, params, simulator=simulator)
    weights = np.exp(1j * np.arange(16)) * np.arange(1, 17)
    return jnp.abs((state * weights).sum()) ** 2


def of_outcomes(params: Array, simulator: Simulator) -> Array:
    few = qjax.probabilities(CIRCUIT, params, [3, 1], simulator=simulator)
    every = qjax.probabilities(CIRCUIT, params, simulator=simulator)
    return (few**2).sum() + (every * np.arange(16.0)).sum()


Transform = Callable[[Simulator], Any]
TRANSFORMS: dict[str, Transform] = {
    "jvp": lambda s: jax.jvp(partial(values, simulator=s), (PARAMS,), (ALONG,)),
    "jacrev": lambda s: jax.jacrev(partial(values, simulator=s))(PARAMS),
    "hessian, forward over reverse": lambda s: jax.jit(
        lambda p: jax.jvp(jax.grad(partial(loss, simulator=s)), (p,), (ALONG,))[1]
    )(PARAMS),
    "vmap": lambda s: jax.vmap(partial(values, simulator=s))(np.stack([PARAMS, ALONG, -ALONG])),
    "vmap of a gradient": lambda s: jax.vmap(jax.grad(partial(loss, simulator=s)))(
        np.stack([PARAMS, ALONG])
    ),
    "gradient of a state": lambda s: jax.grad(partial(of_state, simulator=s))(PARAMS),
    "gradient of probabilities": lambda s: jax.grad(partial(of_outcomes, simulator=s))(PARAMS),
    "checkpoint": lambda s: jax.grad(jax.checkpoint(partial(loss, simulator=s)))(PARAMS),
    "scan": lambda s: jax.lax.scan(
        lambda p, _: (p - 0.1 * jax.grad(partial(loss, simulator=s))(p), None), PARAMS, None, 3
    )[0],
}


SLOW = ("vmap of a gradient", "checkpoint", "jacrev", "gradient of probabilities")


def compared(thorough: bool) -> Iterator[Comparison]:
    """All of it, in double; in short, without what takes longest."""
    with jax.enable_x64(True):
        simulator = simulator_on(mesh_of(2, 4))
        for name, transform in TRANSFORMS.items():
            if thorough or name not in SLOW:
                yield from between(name, transform(simulator), transform(None))
        if thorough:
            with jax.disable_jit():
                error = error_of(values(PARAMS, simulator), values(PARAMS, None))
            yield "disable_jit", error
        yield from of_xla(mesh_of(4, 2))
        yield from around(simulator)
        yield from by_steps(simulator)


def of_xla(mesh: jax.sharding.Mesh) -> Iterator[Comparison]:
    """XLA's engine, which keeps states for reverse mode, or undoes matrices that are constant."""
    simulator = simulator_on(mesh, "xla")
    fixed = efficient_su2(4, reps=1)
    fixed.ccx(0, 1, 2)
    fixed.h(range(4))
    for gradient, circuit in (("backprop", CIRCUIT), ("adjoint", qjax.from_qiskit(fixed))):

        def value(params: Array, how: Simulator, circuit=circuit, gradient=gradient) -> Array:
            return qjax.expectation(
                circuit, "XYZX", params, simulator=how, gradient=how and gradient
            )

        found = jax.jit(jax.grad(partial(value, how=simulator)))(PARAMS)
        yield gradient, error_of(found, jax.grad(partial(value, how=None))(PARAMS))


def around(simulator: qjax.simulators.StateVector) -> Iterator[Comparison]:
    """What a user has set: meshes of either kind of axes, parameters that lie on devices."""
    assert simulator.sharding is not None
    mesh, expected = simulator.sharding.mesh, values(PARAMS, None)
    rows = estimator(None).apply(POINT, INPUTS[:8])
    explicit = jax.make_mesh((2, 4), ("data", "state"), axis_types=(AxisType.Explicit,) * 2)
    for name, other in (("auto", mesh), ("explicit", explicit)):
        with jax.set_mesh(other):
            inputs = jax.device_put(INPUTS[:8], NamedSharding(other, P("data")))
            found = estimator(simulator_on(other)).apply(POINT, inputs)
            yield f"set_mesh, {name}", error_of(found, rows)
    placed = jax.device_put(PARAMS, NamedSharding(mesh, P()))
    yield "placed parameters", error_of(values(placed, simulator), expected)
    cut = jax.device_put(PARAMS, NamedSharding(mesh, P("state")))
    yield "cut parameters", error_of(jax.jit(partial(values, simulator=simulator))(cut), expected)


def by_steps(simulator: Simulator) -> Iterator[Comparison]:
    """Against Qiskit, by finite differences of its states."""
    circuit = random_circuit(11, 5, 20, symbolic=True)
    point = random_values(circuit, 3)
    converted = qjax.from_qiskit(circuit)

    def exact(params: np.ndarray) -> float:
        return float((np.abs(state_of(circuit, params)) ** 2 * np.arange(32)).sum())

    def ours(params: Array) -> Array:
        every = qjax.probabilities(converted, params, simulator=simulator)
        return (every * np.arange(32.0)).sum()

    found = jax.jit(jax.grad(ours))(point)
    # Of steps of 1e-5: their own error is divided away.
    yield "slopes of Qiskit's", error_of(found, finite_gradient(exact, point)) * 1e-5
