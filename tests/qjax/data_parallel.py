"""Samples on eight devices, beside all of them on one: run by `meshes.py`, in its process.

Each comparison is a name, the largest error, and how large it may be. What is a fact about programs
has the error 0 where it holds.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P
from qiskit.circuit.library import real_amplitudes, zz_feature_map

import qjax
from qjax.kernels import FidelityKernel, ProjectedKernel
from qjax.training import minimize

Comparison = tuple[str, float, float]

FEATURES, ANSATZ = zz_feature_map(2, reps=1), real_amplitudes(2, reps=1)
QNN = qjax.EstimatorQNN(
    circuit=FEATURES.compose(ANSATZ),
    input_params=FEATURES.parameters,
    weight_params=ANSATZ.parameters,
)
RNG = np.random.default_rng(11)
POINTS, OTHERS = RNG.uniform(-1, 1, (16, 2)), RNG.uniform(-1, 1, (8, 2))
TARGETS, WEIGHTS = POINTS[:, :1] * POINTS[:, 1:], RNG.uniform(-1, 1, 4)
OPTIMIZER = optax.sgd(0.5)
COLLECTIVES = ("all-gather", "all-to-all", "collective-permute", "reduce-scatter", "all-reduce")


def mesh_of(kind: AxisType) -> jax.sharding.Mesh:
    return jax.make_mesh((4, 2), ("batch", "columns"), axis_types=(kind, kind))


def error(found: jax.Array, expected: jax.Array) -> float:
    found, expected = np.asarray(found), np.asarray(expected)
    return float(np.abs(found - expected).max()) if found.shape == expected.shape else np.inf


def compiled(function: Callable, *arguments: jax.Array) -> tuple[Any, dict[str, int], str]:
    """What a function gives, how often devices talk to each other in its program, and that."""
    program = jax.jit(function).lower(*arguments).compile()
    text = program.as_text()
    told = {name: len(re.findall(rf" {name}(?:-start)?\(", text)) for name in COLLECTIVES}
    return program(*arguments), {name: count for name, count in told.items() if count}, text


def fact(name: str, holds: bool) -> Comparison:
    return name, 0.0 if holds else np.inf, 1.0


def loss(weights: jax.Array, batch: tuple[jax.Array, jax.Array]) -> jax.Array:
    return jnp.mean((QNN.apply(weights, batch[0]) - batch[1]) ** 2)


class Trained:
    """A plain loop of optax's, and how often its step was traced."""

    def __init__(self) -> None:
        self.traces = 0
        self.step = jax.jit(self._step)

    def _step(self, weights: jax.Array, *batch: jax.Array) -> tuple[jax.Array, jax.Array]:
        self.traces += 1
        value, slope = jax.value_and_grad(loss)(weights, batch)
        updates, _ = OPTIMIZER.update(slope, OPTIMIZER.init(weights))
        return optax.apply_updates(weights, updates), value

    def __call__(self, weights: jax.Array, *batch: jax.Array) -> np.ndarray:
        losses = []
        for _ in range(3):
            weights, value = self.step(weights, *batch)
            losses.append(value)
        return np.append(np.asarray(weights), losses)


def on(kind: AxisType, array: np.ndarray, *axes: str | None) -> jax.Array:
    return jax.device_put(array, NamedSharding(mesh_of(kind), P(*axes)))


def explicit(dtype: type, bound: float) -> Iterator[Comparison]:
    """Along explicit axes, of which types tell, programs know where samples are."""
    points, targets, weights = (x.astype(dtype) for x in (POINTS, TARGETS, WEIGHTS))
    put = partial(on, AxisType.Explicit)
    batch, own = (put(points, "batch"), put(targets, "batch")), put(weights)
    trained, alone = Trained(), Trained()
    yield "optax", error(trained(own, *batch), alone(weights, points, targets)), bound
    yield fact("compiled once", trained.traces == 1)
    values, told, text = compiled(QNN.apply, own, batch[0])
    expected = QNN.apply(weights, points)
    yield "apply", error(values, expected), bound
    yield fact(
        "values stay where samples are", jax.typeof(values).sharding.spec == P("batch", None)
    )
    yield fact("apply tells nobody", not told)
    yield fact("kernels run", ("qjax_Values" in text) == (qjax.engine() == "native"))
    if dtype == np.float64:
        return
    _, told, _ = compiled(trained._step, own, *batch)
    yield fact(f"one reduction of gradient and loss: {told}", told == {"all-reduce": 1})
    several = put(np.stack([points, points]), "columns", "batch")
    yield "two axes", error(QNN.apply(own, several), np.stack([expected] * 2)), bound
    settings = {"steps": 3, "batch_size": 8, "key": jax.random.key(1)}
    given = minimize(loss, weights, OPTIMIZER, batch, **settings)
    found = minimize(loss, weights, OPTIMIZER, (points, targets), **settings)
    yield "minimize", error(given.weights, found.weights), bound
    yield fact("batches that do not fit", _is_refused(weights, batch))


def _is_refused(weights: np.ndarray, batch: tuple[jax.Array, jax.Array]) -> bool:
    try:
        minimize(loss, weights, OPTIMIZER, batch, steps=1, batch_size=6, key=jax.random.key(1))
    except ValueError as refused:
        return "batch_size: got 6 rows; expected a multiple of 4" in str(refused)
    return False


def automatic(bound: float) -> Iterator[Comparison]:
    """Along automatic axes only arrays tell."""
    points, weights = POINTS.astype(np.float32), WEIGHTS.astype(np.float32)
    along = on(AxisType.Auto, points, "batch")
    values, expected = QNN.apply(weights, along), QNN.apply(weights, points)
    yield "apply, automatic", error(values, expected), bound
    yield fact("values stay there, too", values.sharding.spec == P("batch"))
    for size in (None, 3):
        found = qjax.evaluate(QNN, weights, along, size)
        yield f"evaluate in blocks of {size}", error(found, expected), bound
    # Inside of another program the simulator has to say it.
    sharding = qjax.StateSharding(mesh_of(AxisType.Auto), batch="batch")
    told_of = QNN.replace(simulator=qjax.simulators.StateVector(sharding=sharding))
    slope = jax.grad(lambda weights, x, apply: jnp.sin(apply(weights, x)).sum())
    found, told, _ = compiled(partial(slope, apply=told_of.apply), weights, along)
    yield "gradient, automatic", error(found, slope(weights, points, QNN.apply)), bound
    yield fact(f"one reduction, automatic: {told}", told == {"all-reduce": 1})
    kernel = FidelityKernel(FEATURES)
    yield "kernel, automatic", error(kernel.matrix(along), kernel.matrix(points)), bound


def manual(bound: float) -> Iterator[Comparison]:
    """By `shard_map`, whatever the axes are."""
    given = [x.astype(np.float32) for x in (WEIGHTS, POINTS, TARGETS)]

    def slope(weights: jax.Array, *batch: jax.Array) -> jax.Array:
        own = jax.lax.pcast(weights, "batch", to="varying")
        return jax.lax.pmean(jax.grad(loss)(own, batch), "batch")

    specs = {"in_specs": (P(), P("batch"), P("batch")), "out_specs": P()}
    mapped = jax.shard_map(slope, mesh=mesh_of(AxisType.Auto), **specs)
    found, told, _ = compiled(mapped, *given)
    yield "shard_map", error(found, jax.grad(loss)(given[0], tuple(given[1:]))), bound
    yield fact(f"one reduction by hand: {told}", told == {"all-reduce": 1})


def kernels(dtype: type, bound: float) -> Iterator[Comparison]:
    points, others = POINTS.astype(dtype), OTHERS.astype(dtype)
    put = partial(on, AxisType.Explicit)
    rows, apart = put(points, "batch"), put(others, "columns")
    for kernel in (FidelityKernel(FEATURES), ProjectedKernel(FEATURES)):
        name, pairs = type(kernel).__name__, kernel.matrix(points, others)
        within, told, _ = compiled(kernel.matrix, rows)
        values = np.asarray(within)
        yield f"{name} in a ring", error(values, kernel.matrix(points)), bound
        yield fact(f"{name} is symmetric", bool((values == values.T).all()))
        yield fact(f"{name}, gathered: {told}", not {"all-gather", "all-reduce"} & told.keys())
        found, told, _ = compiled(kernel.matrix, rows, apart)
        yield f"{name} of two axes", error(found, pairs), bound
        yield fact(f"{name} tells nobody", not told)
        if dtype == np.float64:
            return
        yield f"{name} of two sets", error(kernel.matrix(rows, put(others, "batch")), pairs), bound
    slope = jax.jit(jax.grad(lambda x: jnp.sin(FidelityKernel(FEATURES).matrix(x)).sum()))
    yield "gradient of a kernel", error(slope(rows), slope(points)), 100 * bound


def comparisons() -> Iterator[Comparison]:
    for part in (automatic, manual, partial(explicit, np.float32), partial(kernels, np.float32)):
        yield from part(1e-6)
    with jax.enable_x64(True):
        doubles = (*explicit(np.float64, 1e-12), *kernels(np.float64, 1e-12))
    yield from ((f"{name}, double", *rest) for name, *rest in doubles)
