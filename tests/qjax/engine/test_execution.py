"""The simulation as one primitive: batched by planning anew, differentiated in two ways.

The sweep over random circuits runs as many as `QJAX_EXHAUSTIVE` says: `QJAX_EXHAUSTIVE=500 pytest
tests/qjax/engine/test_execution.py -k sweep`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import ClosedJaxpr, Jaxpr
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import SparsePauliOp

import qjax
from qjax._engine.execution import execute
from qjax._engine.primitive import run
from qjax._engine.task import Expectations, Outcomes, Readout, States, Task, plan_of
from qjax._qiskit.observables import as_observable
from qjax._simulators.statevector.simulation import Gradient
from tests.circuits import (
    DOUBLE_TOLERANCE,
    SINGLE_TOLERANCE,
    error,
    finite_hessian,
    interacting,
    matrix_of,
    random_circuit,
    random_observable,
    state_of,
    value_of,
)
from tests.conftest import Precision
from tests.networks import gradient as gradient_of
from tests.networks import slope

OBSERVABLE = SparsePauliOp(["ZIX", "IZZ", "YXI"], [0.5, -0.8, 0.3])
CIRCUIT = interacting()
CONVERTED = qjax.from_qiskit(CIRCUIT)
NUM_PARAMS = CIRCUIT.num_parameters


def points(*batch: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-3, 3, (*batch, NUM_PARAMS))


def simulations(function: Callable[..., Any], *arguments: Any) -> list[Task]:
    """The tasks of all simulations in a program, inner programs included."""
    return list(_tasks(jax.make_jaxpr(function)(*arguments).jaxpr))


def _tasks(jaxpr: Jaxpr) -> Iterator[Task]:
    for equation in jaxpr.eqns:
        if equation.primitive.name == "simulate":
            yield equation.params["task"]
        for value in equation.params.values():
            for inner in value if isinstance(value, (tuple, list)) else [value]:
                if isinstance(inner, (Jaxpr, ClosedJaxpr)):
                    yield from _tasks(inner.jaxpr if isinstance(inner, ClosedJaxpr) else inner)


# ---------------------------------------------------------------- what is mapped is batched

READS: dict[str, tuple[Callable[[Any], Any], Callable[[np.ndarray], np.ndarray]]] = {
    "statevector": (
        lambda p: qjax.statevector(CONVERTED, p),
        lambda p: state_of(CIRCUIT, p),
    ),
    "probabilities": (
        lambda p: qjax.probabilities(CONVERTED, p),
        lambda p: np.abs(state_of(CIRCUIT, p)) ** 2,
    ),
    "probabilities of some": (
        lambda p: qjax.probabilities(CONVERTED, p, [2, 0]),
        lambda p: (np.abs(state_of(CIRCUIT, p)) ** 2).reshape(2, 2, 2).sum(axis=1).T.ravel(),
    ),
    "expectation": (
        lambda p: qjax.expectation(CONVERTED, OBSERVABLE, p),
        lambda p: np.array(value_of(CIRCUIT, OBSERVABLE, p)),
    ),
    "unitary": (
        lambda p: qjax.unitary(CONVERTED, p),
        lambda p: matrix_of(CIRCUIT, p),
    ),
}


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", READS)
def test_vmap_of_every_function(name: str) -> None:
    """Mapped once, twice, over any axis: every sample is Qiskit's."""
    ours, qiskits = READS[name]
    flat = points(4)
    expected = np.stack([qiskits(p) for p in flat])
    assert error(jax.vmap(ours)(flat), expected) < DOUBLE_TOLERANCE
    sideways = jax.vmap(ours, in_axes=1, out_axes=-1)(flat.T)
    assert error(sideways, np.moveaxis(expected, 0, -1)) < DOUBLE_TOLERANCE
    nested = jax.vmap(jax.vmap(ours, in_axes=1), in_axes=0)(flat.reshape(2, 2, -1).swapaxes(1, 2))
    assert error(nested, expected.reshape(2, 2, *expected.shape[1:])) < DOUBLE_TOLERANCE


@pytest.mark.parametrize("name", [name for name in READS if name != "unitary"])
def test_vmap_is_one_batched_simulation(name: str) -> None:
    ours, _ = READS[name]
    for mapped, shape in ((ours, ()), (jax.vmap(ours), (4,)), (jax.vmap(jax.vmap(ours)), (2, 2))):
        (task,) = simulations(mapped, points(*shape).astype(np.float32))
        assert task.batched == frozenset(range(NUM_PARAMS) if shape else ())


@pytest.mark.parametrize("name", READS)
def test_vmap_over_no_samples(name: str) -> None:
    ours, qiskits = READS[name]
    shape = qiskits(points()).shape
    assert jax.vmap(ours)(np.zeros((0, NUM_PARAMS), np.float32)).shape == (0, *shape)


# ---------------------------------------------------------------- networks


def network() -> tuple[qjax.EstimatorQNN, list[int], list[int]]:
    """Inputs and weights interleave; with their places in the circuit."""
    inputs, weights = [4, 1], [0, 3, 5, 2]
    names = [parameter.name for parameter in CIRCUIT.parameters]
    qnn = qjax.EstimatorQNN(
        circuit=CIRCUIT,
        observables=[OBSERVABLE, "ZZZ"],
        input_params=[names[k] for k in inputs],
        weight_params=[names[k] for k in weights],
    )
    return qnn, inputs, weights


def network_values(weights: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Qiskit's outputs for one sample."""
    _, at_inputs, at_weights = network()
    values = np.zeros(NUM_PARAMS)
    values[at_inputs], values[at_weights] = x, weights
    return np.array([value_of(CIRCUIT, o, values) for o in (OBSERVABLE, SparsePauliOp("ZZZ"))])


# (axes of weights and inputs, shapes of weights and inputs, which parameters are then per sample)
MAPPED: dict[str, tuple[tuple[Any, Any], tuple[int, ...], tuple[int, ...], str]] = {
    "inputs": ((None, 0), (4,), (3, 2), "inputs"),
    "inputs with batches": ((None, 1), (4,), (2, 3, 2), "inputs"),
    "weights": ((0, None), (3, 4), (2,), "all"),
    "weights, a batch of inputs": ((1, None), (4, 3), (5, 2), "all"),
    "both": ((0, 0), (3, 4), (3, 2), "all"),
    "both, with batches": ((1, 2), (4, 3), (5, 2, 3), "all"),
}


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", MAPPED)
def test_vmap_of_networks(name: str) -> None:
    """Equals a loop over single samples; one simulation, batched in what is mapped over."""
    axes, weight_shape, input_shape, per_sample = MAPPED[name]
    qnn, at_inputs, _ = network()
    rng = np.random.default_rng(0)
    weights, inputs = rng.uniform(-2, 2, weight_shape), rng.uniform(-2, 2, input_shape)
    mapped = jax.vmap(qnn.apply, in_axes=axes)
    size = inputs.shape[axes[1]] if axes[1] is not None else weights.shape[axes[0]]
    expected = []
    for k in range(size):
        w = weights if axes[0] is None else np.take(weights, k, axes[0])
        xs = inputs if axes[1] is None else np.take(inputs, k, axes[1])
        if xs.shape == (4,):
            raise AssertionError("the last axis holds the inputs")
        rows = [network_values(w, x) for x in xs.reshape(-1, 2)]
        expected.append(np.stack(rows).reshape(*xs.shape[:-1], 2))
    assert error(mapped(weights, inputs), np.stack(expected)) < DOUBLE_TOLERANCE
    (task,) = simulations(mapped, weights, inputs)
    everything = frozenset(range(NUM_PARAMS))
    assert task.batched == (frozenset(at_inputs) if per_sample == "inputs" else everything)


# What is mapped over (weights, inputs), and what is differentiated.
GRADIENTS = [((0, 0), 0), ((None, 0), 0), ((None, 0), 1), ((0, None), (0, 1)), ((0, 0), (0, 1))]


@pytest.mark.parametrize(("axes", "places"), GRADIENTS, ids=str)
def test_vmapped_gradients(
    axes: tuple[int | None, int | None], places: int | tuple[int, ...], x64: None
) -> None:
    """Each sample's own gradient is planned as a batch, and equals the one by itself."""
    qnn = qjax.EstimatorQNN(
        circuit=CIRCUIT,
        observables=[OBSERVABLE, "ZZZ"],
        input_params=list(CIRCUIT.parameters)[:2],
        weight_params=list(CIRCUIT.parameters)[2:],
        input_gradients=True,
    )
    gradient = jax.jit(jax.value_and_grad(lambda w, x: (qnn.apply(w, x) ** 2).sum(), places))
    count, inner = 4, 3
    draw = np.random.default_rng(0).uniform
    given = [
        draw(-3, 3, shape if axis is None else (count, *shape))
        for axis, shape in zip(axes, [(qnn.num_weights,), (inner, 2)], strict=True)
    ]
    mapped = jax.vmap(gradient, axes)
    found = jax.tree.leaves(mapped(*given))
    one_by_one = [
        gradient(*(x if a is None else x[k] for x, a in zip(given, axes, strict=True)))
        for k in range(count)
    ]
    expected = jax.tree.leaves(jax.tree.map(lambda *each: np.stack(each), *one_by_one))
    for left, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(left, right, rtol=0, atol=1e-10)
    assert {len(task.batched) for task in simulations(mapped, *given)} <= {2, NUM_PARAMS}


def test_transforms_of_vmapped_gradients(x64: None) -> None:
    """Those that come between a gradient and its batch, or after both."""
    circuit = CONVERTED

    def value(p: jax.Array) -> jax.Array:
        return qjax.expectation(circuit, OBSERVABLE, p)

    def several(p: jax.Array) -> jax.Array:
        return qjax.expectation(circuit, ["ZIX", "IZZ"], p)

    def pushed(p: jax.Array) -> jax.Array:
        """The Jacobian's product with a fixed vector, by a cotangent that moves."""
        pull_back = jax.vjp(several, p)[1]
        cotangent = jnp.ones(2, p.dtype)
        return jax.jvp(lambda c: pull_back(c)[0], (cotangent,), (2 * cotangent,))[1]

    at = jnp.asarray(points(2))
    functions = [jax.jacrev(several), jax.jacfwd(several), jax.hessian(value), pushed]
    every = jax.jit(lambda x: [function(x) for function in functions])
    mapped = jax.jit(jax.vmap(lambda x: [function(x) for function in functions]))
    one_by_one = zip(*(every(p) for p in at), strict=True)
    for found, expected in zip(mapped(at), one_by_one, strict=True):
        np.testing.assert_allclose(found, np.stack(expected), rtol=0, atol=1e-10)

    def norm(batch: jax.Array) -> jax.Array:
        return (jax.vmap(jax.jit(jax.grad(value)))(batch) ** 2).sum()

    product = jax.jit(lambda p: 2 * jax.hessian(value)(p) @ jax.grad(value)(p))
    expected = np.stack([product(p) for p in at])
    np.testing.assert_allclose(jax.jit(jax.grad(norm))(at), expected, rtol=0, atol=1e-10)


@pytest.mark.usefixtures("x64")
def test_derivatives_of_vmapped_networks() -> None:
    """Gradients of the mapped and mapped gradients, both modes, in weights and inputs."""
    qnn, _, _ = network()
    rng = np.random.default_rng(1)
    weights, inputs = rng.uniform(-2, 2, (3, 4)), rng.uniform(-2, 2, (3, 2))

    def one(w: Any, x: Any) -> Any:
        return (qnn.apply(w, x) ** 2).sum()

    def qiskits(w: np.ndarray, x: np.ndarray) -> float:
        return float((network_values(w, x) ** 2).sum())

    by_weights = np.stack(
        [gradient_of(lambda w, x=x: qiskits(w, x), w) for w, x in zip(weights, inputs, strict=True)]
    )
    by_inputs = np.stack(
        [gradient_of(lambda x, w=w: qiskits(w, x), x) for w, x in zip(weights, inputs, strict=True)]
    )
    total = jax.jit(jax.grad(lambda w, x: jax.vmap(one)(w, x).sum(), (0, 1)))(weights, inputs)
    per_sample = jax.jit(jax.vmap(jax.grad(one, (0, 1))))(weights, inputs)
    for found in (total, per_sample):
        assert error(found[0], by_weights) < 1e-9
        assert error(found[1], by_inputs) < 1e-9
    # Weights in common: their gradient is the sum over the samples.
    shared = jax.jit(jax.grad(lambda w: jax.vmap(one, (None, 0))(w, inputs).sum()))(weights[0])
    expected = gradient_of(lambda w: sum(qiskits(w, x) for x in inputs), weights[0])
    assert error(shared, expected) < 1e-9


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("transform", [jax.jacfwd, jax.jacrev, jax.hessian])
def test_higher_transforms_of_vmapped(transform: Callable[..., Any]) -> None:
    """d/dp of two samples that are functions of the same p."""
    at, shift = points(), points(seed=5)

    def both(p: Any) -> Any:
        stacked = jnp.stack([p, 2 * p + shift])
        return jax.vmap(lambda p: qjax.expectation(CONVERTED, OBSERVABLE, p))(stacked)

    def qiskits(p: np.ndarray) -> np.ndarray:
        return np.array([value_of(CIRCUIT, OBSERVABLE, q) for q in (p, 2 * p + shift)])

    found = jax.jit(transform(both))(at)
    if transform is jax.hessian:
        direction = np.linspace(-1, 1, NUM_PARAMS)
        expected = slope(lambda t: _jacobian(qiskits, at + t * direction))
        assert error(found @ direction, expected) < 1e-6
    else:
        assert error(found, _jacobian(qiskits, at)) < 1e-9


def _jacobian(function: Callable[[np.ndarray], np.ndarray], at: np.ndarray) -> np.ndarray:
    rows = [slope(lambda t, d=d: function(at + t * d)) for d in np.eye(len(at))]
    return np.stack(rows, axis=-1)


# ---------------------------------------------------------------- two ways of reverse mode

PER_SAMPLE = frozenset({1, 4})
READOUTS: dict[str, Readout] = {
    "states": States(),
    "outcomes": Outcomes(),
    "diagonal": Expectations((as_observable("ZIZ", 3), as_observable("IZI", 3))),
    "mixed": Expectations((as_observable(OBSERVABLE, 3), as_observable("XYZ", 3))),
}


def loss_of(readout: Readout, result: Any, xp: Any = jnp) -> Any:
    """A number that depends on every entry of what is read out, `(outputs, batch)`."""
    weights = np.random.default_rng(3).normal(size=(2, *result.shape))
    planes = (result.real, result.imag) if isinstance(readout, States) else (result,)
    return sum(xp.sum(xp.sin(w * x)) for w, x in zip(weights, planes, strict=False))


def qiskit_result(readout: Readout, shared: np.ndarray, batched: np.ndarray) -> np.ndarray:
    columns = []
    for column in batched.T:
        values = np.zeros(NUM_PARAMS)
        values[[k for k in range(NUM_PARAMS) if k not in PER_SAMPLE]] = shared
        values[sorted(PER_SAMPLE)] = column
        psi = state_of(CIRCUIT, values)
        if isinstance(readout, States):
            columns.append(psi)
        elif isinstance(readout, Outcomes):
            columns.append(np.abs(psi) ** 2)
        else:
            diagonal = readout is READOUTS["diagonal"]
            labels = ("ZIZ", "IZI") if diagonal else (OBSERVABLE, "XYZ")
            columns.append([value_of(CIRCUIT, SparsePauliOp(label), values) for label in labels])
    return np.stack(columns, axis=1)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("gradient", ["backprop", "adjoint"])
@pytest.mark.parametrize("name", READOUTS)
def test_both_gradients_are_right(name: str, gradient: Gradient) -> None:
    """Value, gradient and second derivatives in shared and batched parameters, against Qiskit's."""
    readout = READOUTS[name]
    task = Task(CONVERTED, PER_SAMPLE, readout, gradient)
    rng = np.random.default_rng(0)
    at = rng.uniform(-2, 2, NUM_PARAMS - 2 + 2 * 3)

    def parts(v: Any) -> tuple[Any, Any]:
        return v[: NUM_PARAMS - 2], v[NUM_PARAMS - 2 :].reshape(2, 3)

    def ours(v: Any) -> Any:
        return loss_of(readout, run(task, *parts(v)))

    def qiskits(v: np.ndarray) -> float:
        return float(loss_of(readout, qiskit_result(readout, *parts(v)), np))

    first, other = rng.normal(size=(2, len(at)))
    result, found = jax.jit(lambda v: (run(task, *parts(v)), jax.grad(ours)(v)))(at)
    assert error(result, qiskit_result(readout, *parts(at))) < DOUBLE_TOLERANCE
    assert error(found, gradient_of(qiskits, at)) < 1e-9
    if name == "mixed":
        second = jax.jit(lambda v: jax.jvp(jax.grad(ours), (v,), (first,))[1])(at)
        mixed = slope(lambda s: slope(lambda t: qiskits(at + s * first + t * other)))
        assert error(second @ other, mixed) < 1e-7


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("gradient", ["backprop", "adjoint"])
def test_second_derivatives_through_repeated_layers(gradient: Gradient) -> None:
    """The scan of a repeated layer, with phases that one repetition leaves to the next."""
    x, w = ParameterVector("x", 2), ParameterVector("y", 1)
    circuit = QuantumCircuit(3)
    circuit.h(range(3))
    for layer in range(6):
        circuit.rx(x[0] * (1 + layer / 5), 0)
        circuit.ry(x[1] + layer, 1)
        circuit.crx(w[0] * layer, 1, 2)
        circuit.cx(0, 2)
        circuit.rzz(w[0], 0, 1)
    circuit.ry(x[0], 2)
    observables = Expectations((as_observable("ZZZ", 3), as_observable("XIZ", 3)))
    task = Task(qjax.from_qiskit(circuit), frozenset({0, 1}), observables, gradient)
    at = np.array([0.4, -0.9, 1.3])

    def ours(v: Any) -> Any:
        return jnp.prod(run(task, v[2:], v[:2, None]))

    def qiskits(v: np.ndarray) -> float:
        return float(np.prod([value_of(circuit, SparsePauliOp(o), v) for o in ("ZZZ", "XIZ")]))

    direction = np.array([0.5, -1, 0.8])
    value, found, forward, reverse = jax.jit(
        lambda v: (
            *jax.value_and_grad(ours)(v),
            jax.jvp(jax.grad(ours), (v,), (direction,))[1],
            jax.grad(lambda v: jax.grad(ours)(v) @ direction)(v),
        )
    )(at)
    assert error(value, qiskits(at)) < DOUBLE_TOLERANCE
    assert error(found, gradient_of(qiskits, at)) < 1e-9
    expected = finite_hessian(qiskits, at) @ direction
    assert error(forward, expected) < 1e-6
    assert error(reverse, expected) < 1e-6


@pytest.mark.usefixtures("full_compilation")
def test_adjoint_keeps_no_states() -> None:
    """Reverse mode at 14 qubits, 16 samples: a few states, or one per pass."""
    num_qubits, batch, rng = 14, 16, np.random.default_rng(0)
    angles = ParameterVector("w", 201)
    circuit = QuantumCircuit(num_qubits)
    circuit.rx(angles[200], 0)
    for angle in angles[:200]:
        first, second = rng.permutation(num_qubits)[:2].tolist()
        circuit.ry(angle, first)
        circuit.rzx(0.3, second, first)
    readout = Expectations((as_observable("Z" * num_qubits, num_qubits),))
    backprop = Task(qjax.from_qiskit(circuit), frozenset({200}), readout, "backprop")
    adjoint = replace(backprop, gradient="adjoint")
    shared, batched = np.ones(200, np.float32), np.ones((1, batch), np.float32)
    memory = {}
    for task in (backprop, adjoint):
        slopes = jax.jit(jax.grad(lambda s, b, task=task: run(task, s, b).sum(), (0, 1)))
        analysis = slopes.lower(shared, batched).compile().memory_analysis()
        memory[task.gradient] = analysis.temp_size_in_bytes / (8 * batch << num_qubits)
    passes = plan_of(adjoint).num_passes
    assert passes >= 60
    assert memory["backprop"] > passes
    # Eight states, and the matrices of all passes with what they are multiplied from.
    assert memory["adjoint"] < 16


# ---------------------------------------------------------------- steps of training


@pytest.mark.parametrize("name", READOUTS)
def test_a_batch_in_chunks(name: str, x64: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large batch runs in parts that fit the cache; here a part holds three states or four."""
    shared, batched = points(), points(11)[:, :2].T
    readout = READOUTS[name]
    task = Task(CONVERTED, frozenset({0, 1}), readout)

    def results(shared: np.ndarray, batched: np.ndarray) -> list[Any]:
        def loss(shared: Any, batched: Any) -> Any:
            return loss_of(readout, run(task, shared, batched))

        gradient = jax.jit(jax.grad(loss, argnums=(0, 1)))
        found = [run(task, shared, batched), gradient(shared, batched)]
        if name == "mixed":
            turned = jnp.stack([batched, 2 * batched])
            found.append(jax.jvp(gradient, (shared, batched), (jnp.sin(shared), batched)))
            found.append(jax.vmap(gradient, (None, 0))(shared, turned))
        return found

    arguments = shared[2:], batched
    whole = results(*arguments)
    monkeypatch.setattr("qjax._engine.execution.MAX_CHUNK", 4 * 16 << CONVERTED.num_qubits)
    in_chunks = str(jax.make_jaxpr(lambda *a: execute(*a, task=task))(*arguments))
    assert "length=3" in in_chunks
    for left, right in zip(
        jax.tree.leaves(results(*arguments)), jax.tree.leaves(whole), strict=True
    ):
        np.testing.assert_allclose(left, right, rtol=0, atol=1e-12)


def test_new_weights_inputs_and_steps_compile_nothing(compilations: Any) -> None:
    qnn, _, _ = network()
    rng = np.random.default_rng(0)
    weights, *others = rng.uniform(-1, 1, (5, 4)).astype(np.float32)
    step = jax.jit(jax.value_and_grad(lambda w, x: (jax.vmap(qnn.apply, (None, 0))(w, x)).sum()))
    batches = rng.uniform(-1, 1, (5, 6, 2)).astype(np.float32)
    jax.block_until_ready(step(weights, batches[0]))
    eager = jax.vmap(lambda w: qnn.apply(w, batches[0]))
    jax.block_until_ready(eager(np.stack(others)))
    compilations.reset()
    for w, x in zip(others, batches, strict=False):
        jax.block_until_ready(step(w, x))
        jax.block_until_ready(eager(np.stack([w, *others[1:]])))
    assert compilations.count == 0


# ---------------------------------------------------------------- sweep

SWEEP = int(os.environ.get("QJAX_EXHAUSTIVE", "6"))


@pytest.mark.parametrize("seed", range(SWEEP))
def test_sweep_of_random_circuits(seed: int, precision: Precision) -> None:
    """Any gates under any controls, any parameters per sample; both gradients, in one program."""
    rng = np.random.default_rng(1000 + seed)
    num_qubits = 1 + seed % 8
    circuit = random_circuit(seed, num_qubits, int(rng.integers(1, 30)), symbolic=seed % 5 != 4)
    count = circuit.num_parameters
    chosen = rng.random(count) < rng.choice([0, 0.3, 1])
    per_sample = frozenset(np.flatnonzero(chosen).tolist())
    batch = int(rng.integers(1, 4))
    values = rng.uniform(-3, 3, (count, batch)).astype(precision.real)
    values[~chosen] = values[~chosen, :1]
    label = "".join(rng.choice(list("IZ"), num_qubits))
    observables = (random_observable(rng, num_qubits), SparsePauliOp(label))
    both = Expectations(tuple(as_observable(o, num_qubits) for o in observables))
    diagonal = Expectations(both.observables[1:])
    converted = qjax.from_qiskit(circuit)
    direction = rng.normal(size=values.shape).astype(precision.real) / max(count, 1)
    direction[~chosen] = direction[~chosen, :1]
    shared = np.flatnonzero(~chosen)

    def check(readout: Readout, qiskits: Callable[[np.ndarray], np.ndarray]) -> None:
        def split(v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return v[shared, 0], v[chosen]

        # In double, whatever the precision of the test.
        at, ahead = values.astype(float), direction.astype(float)
        cotangent = rng.normal(size=qiskits(at).shape)
        expected = slope(lambda t: (qiskits(at + t * ahead) * cotangent).sum().real)

        def program(*parts: Any) -> Any:
            found = []
            for gradient in ("backprop", "adjoint"):
                task = Task(converted, per_sample, readout, gradient)
                result, pull = jax.vjp(lambda *a, task=task: run(task, *a), *parts)
                found.append((result, pull(jnp.asarray(cotangent, result.dtype))))
            return found

        for result, cotangents in jax.jit(program)(*split(values)):
            assert result.dtype == (precision.complex if readout == States() else precision.real)
            assert error(result, qiskits(at)) < precision.tolerance
            along = sum((c * d).sum() for c, d in zip(cotangents, split(direction), strict=True))
            scale = 1 + np.abs(cotangent).sum()
            assert error(along, expected) < scale * max(precision.tolerance, 1e-9)

    def expectations(v: np.ndarray) -> np.ndarray:
        return np.array([[value_of(circuit, o, column) for column in v.T] for o in observables])

    def states(v: np.ndarray) -> np.ndarray:
        return np.stack([state_of(circuit, column) for column in v.T], axis=1)

    readouts: list[tuple[Readout, Callable[[np.ndarray], np.ndarray]]] = [
        (both, expectations),
        (diagonal, lambda v: expectations(v)[1:]),
        (States(), states),
        (Outcomes(), lambda v: np.abs(states(v)) ** 2),
    ]
    check(*readouts[seed // 2 % 4])


@pytest.mark.parametrize("order", ["single, double", "double, single"])
def test_gradients_in_both_precisions_of_one_process(order: str) -> None:
    """What was traced in one precision must not be taken for the other."""
    qnn, _, _ = network()
    weights, inputs = np.linspace(-1, 1, 4), np.linspace(-2, 2, 6).reshape(3, 2)
    expected = sum(network_values(weights, x).sum() for x in inputs)
    for kind in order.split(", "):
        dtype = np.float64 if kind == "double" else np.float32
        with jax.enable_x64(kind == "double"):
            step = jax.jit(jax.value_and_grad(lambda w, x: qnn.apply(w, x).sum()))
            value, gradient = step(weights.astype(dtype), inputs.astype(dtype))
        assert value.dtype == gradient.dtype == dtype
        assert error(value, expected) < (
            6 * (DOUBLE_TOLERANCE if kind == "double" else SINGLE_TOLERANCE)
        )
