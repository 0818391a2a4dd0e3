"""Rotosolve and NFT: Qiskit ML's iterates, exact minima along each weight, and the frequencies."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.library import real_amplitudes
from qiskit.quantum_info import Pauli
from qiskit_machine_learning.optimizers.nft import nakanishi_fujii_todo
from scipy.optimize import minimize_scalar

import qjax
from qjax.optimizers import nft, rotosolve
from qjax.training import minimize
from tests.circuits import error, random_values, value_of
from tests.conftest import Compilations
from tests.qjax.optimizers.test_natural_gradient import ising
from tests.qjax.optimizers.test_spsa import one_step

BOTH = pytest.mark.parametrize("method", [rotosolve, nft])


def sweeps(
    optimizer: optax.GradientTransformationExtraArgs, loss: Callable, start: np.ndarray, count: int
) -> np.ndarray:
    """The weights after each sweep."""

    def step(carry: tuple, _: None) -> tuple[tuple, jax.Array]:
        weights, state = carry
        updates, state = optimizer.update(None, state, weights, value_fn=loss)
        weights = optax.apply_updates(weights, updates)
        return (weights, state), weights

    @jax.jit
    def run(start: jax.Array) -> jax.Array:
        return jax.lax.scan(step, (start, optimizer.init(start)), length=count)[1]

    return np.asarray(run(jnp.asarray(start)))


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("interval", [1, 3, 32])
def test_iterates_are_qiskits(interval: int) -> None:
    """Whatever is recycled: the minimum along each weight is the same, up to full turns."""
    source, hamiltonian = real_amplitudes(3, reps=1), ising(3)
    circuit, start = qjax.from_qiskit(source), random_values(source, seed=1)
    expected: list[np.ndarray] = []

    def value(weights: np.ndarray) -> float:
        return value_of(source, hamiltonian, weights)

    settings = {"maxiter": 18, "maxfev": None, "reset_interval": interval}
    nakanishi_fujii_todo(value, start.copy(), callback=expected.append, **settings)
    energy = lambda w: qjax.expectation(circuit, hamiltonian, w)  # noqa: E731
    for method in (nft(circuit, reset_interval=interval), rotosolve(circuit)):
        reached = sweeps(method, energy, start, 3)
        assert error(np.exp(1j * reached), np.exp(1j * np.stack(expected[5::6]))) < 1e-7
        assert error([*map(value, reached)], [*map(value, expected[5::6])]) < 1e-12


def mixed_circuit() -> QuantumCircuit:
    """Weights of the frequencies 1, {1/2, 1}, 3, {1, 2}, and one that nothing depends on."""
    w, circuit = ParameterVector("w", 5), QuantumCircuit(2)
    circuit.ry(w[0], 0)
    circuit.h(1)
    circuit.crx(w[1], 1, 0)
    circuit.rzz(3 * w[2] + 0.2, 0, 1)
    circuit.ry(w[3], 0)
    circuit.cx(0, 1)
    circuit.rx(w[3], 1)
    circuit.rz(0.0 * w[4], 0)
    return circuit


@BOTH
@pytest.mark.usefixtures("x64")
def test_each_step_is_the_minimum_along_its_weight(method: Callable) -> None:
    """One weight after the other, by a dense search in Qiskit's values; nothing ever rises."""
    source, observable = mixed_circuit(), Pauli("XZ")
    circuit, start = qjax.from_qiskit(source), random_values(source, seed=4)
    reached = sweeps(method(circuit), lambda w: qjax.expectation(circuit, observable, w), start, 1)[
        0
    ]
    point = start.copy()
    for index, final in enumerate(reached):
        before = value_of(source, observable, point)

        def along(x: float, index: int = index) -> float:
            moved = point.copy()
            moved[index] = x
            return value_of(source, observable, moved)

        grid = np.linspace(-2 * np.pi, 2 * np.pi, 121)
        best = grid[np.argmin([along(x) for x in grid])]
        found = minimize_scalar(
            along, bounds=(best - 0.06, best + 0.06), method="bounded", options={"xatol": 1e-9}
        )
        lowest = min(found.fun, before)
        point[index] = final
        assert along(final) <= before + 1e-12
        assert along(final) == pytest.approx(lowest, abs=1e-10)
    assert reached[4] == start[4]


@BOTH
@pytest.mark.usefixtures("x64")
def test_energy_never_rises(method: Callable) -> None:
    source, hamiltonian = real_amplitudes(4, reps=2), ising(4)
    circuit, start = qjax.from_qiskit(source), random_values(source, seed=3)
    energy = jax.jit(lambda w: qjax.expectation(circuit, hamiltonian, w))
    reached = sweeps(method(), energy, start, 12)
    energies = [float(energy(w)) for w in (start, *reached)]
    assert np.diff(energies).max() < 1e-12
    assert energies[-1] < -4.4
    ground = np.linalg.eigvalsh(hamiltonian.to_matrix())[0]
    assert energies[-1] > ground


@pytest.mark.parametrize(
    "frequencies", [0.3, (1, 2), (1.0, 2.0, 3.0), (1, 3), (0.7, 1.9), (2.0, 5.0, 11.0), (1, 2**0.5)]
)
@pytest.mark.usefixtures("x64")
def test_minimum_of_trigonometric_polynomials(frequencies: object) -> None:
    """Four of them at once, against a dense search; not above any point that is near."""
    turns = np.atleast_1d(np.asarray(frequencies, float))
    cosine, sine = np.random.default_rng(5).normal(size=(2, 4, len(turns)))

    def values(x: jax.Array) -> jax.Array:
        angles = x[:, None] * turns[None]
        return jnp.sum(cosine * jnp.cos(angles) + sine * jnp.sin(angles), axis=-1)

    start = np.array([0.1, -2.0, 0.5, 4.0])
    loss = lambda x: jnp.sum(values(x)) + 0.4  # noqa: E731
    reached = sweeps(rotosolve(frequencies=frequencies), loss, start, 1)[0]
    dense = start + np.linspace(-np.pi, np.pi, 100_001)[:, None] / turns.min()
    assert np.all(values(reached) <= jnp.min(jax.vmap(values)(dense), axis=0) + 1e-10)


@pytest.mark.usefixtures("x64")
def test_minimum_of_a_long_period() -> None:
    """Around x = 100 pi, half of its period, cos(x) and cos(1.01 x) are out of phase."""
    loss = lambda w: jnp.sum(jnp.cos(w) + jnp.cos(1.01 * w))  # noqa: E731
    start = np.array([100 * np.pi + 0.3])
    reached = sweeps(rotosolve(frequencies=(1, 1.01)), loss, start, 1)[0]
    dense = np.linspace(-200 * np.pi, 200 * np.pi, 200_001)
    lowest = np.min(np.cos(dense) + np.cos(1.01 * dense))
    assert float(loss(reached)) <= lowest + 1e-10


@BOTH
def test_eager_sweeps_of_numpys_losses(method: Callable) -> None:
    """Values as a machine gives them, one by one: the minima of compiled sweeps."""
    asked = []

    def measured(w: jax.Array) -> float:
        asked.append(np.array(w))
        return float(np.sum(np.cos(asked[-1])) + 0.3 * np.cos(asked[-1][0] + asked[-1][1]))

    loss = lambda w: jnp.sum(jnp.cos(w)) + 0.3 * jnp.cos(w[0] + w[1])  # noqa: E731
    start = np.array([0.3, 0.7, 0.2], np.float32)
    optimizer = method()
    moved, _ = optimizer.update(None, optimizer.init(start), start, value_fn=measured)
    assert error(moved, one_step(optimizer, start, value_fn=loss)[0]) < 1e-5
    assert len(asked) == (9 if method is rotosolve else 7)


def test_eager_sweeps_compile_once(compilations: Compilations) -> None:
    optimizer = rotosolve(frequencies=(1, 2))
    weights = jnp.array([0.3, 0.7, 0.2])

    def sweep() -> None:
        loss = lambda w: jnp.sum(jnp.cos(w) + jnp.sin(2 * w))  # noqa: E731
        jax.block_until_ready(optimizer.update(None, optax.EmptyState(), weights, value_fn=loss))

    sweep()
    compilations.reset()
    sweep()
    assert compilations.count == 0


@BOTH
def test_no_weights(method: Callable) -> None:
    optimizer, none = method(), jnp.zeros(0)
    moved, _ = optimizer.update(None, optimizer.init(none), none, value_fn=jnp.sum)
    assert moved.shape == (0,)


@pytest.mark.usefixtures("x64")
def test_squared_errors_have_sums_of_two_frequencies() -> None:
    source = real_amplitudes(2, reps=1)
    qnn = qjax.EstimatorQNN(circuit=source, weight_params=source.parameters)
    squared = lambda w: (qnn.apply(w)[0] - 0.3) ** 2  # noqa: E731
    start = random_values(source, seed=2)
    reached = sweeps(rotosolve(frequencies=(1, 2)), squared, start, 2)[-1]
    assert float(squared(reached)) < 1e-20
    linear = lambda w: qnn.apply(w)[0]  # noqa: E731
    assert float(linear(sweeps(nft(qnn), linear, start, 2)[-1])) == pytest.approx(-1, abs=1e-10)


def test_counts_of_values() -> None:
    """2R + 1 along each weight, or 2R and one in the beginning."""
    calls = []

    def loss(w: jax.Array) -> jax.Array:
        count = lambda x: (calls.append(0), np.asarray(x))[1]  # noqa: E731
        return jnp.sum(jnp.cos(jax.pure_callback(count, w, w, vmap_method="sequential")))

    start = jnp.array([0.3, 0.2, -0.4, 1.0])
    for optimizer, known, expected in [
        (rotosolve(), None, 12),
        (nft(reset_interval=0), None, 9),
        (nft(reset_interval=0), loss(start), 8),
        (nft(reset_interval=3), None, 10),
        (rotosolve(frequencies=(1, 2)), None, 20),
    ]:
        calls.clear()
        run = jax.jit(
            lambda w, k, o=optimizer: o.update(None, o.init(w), w, value=k, value_fn=loss)
        )
        jax.block_until_ready(run(start, known))
        assert len(calls) == expected


def test_trees_single_precision_and_vmap() -> None:
    params = {"a": jnp.array([[0.3, 0.4]]), "b": jnp.float32(1.0)}
    loss = lambda p: jnp.sum(jnp.cos(p["a"] - 0.5)) + jnp.sin(p["b"])  # noqa: E731
    updates, _ = one_step(rotosolve(), params, value_fn=loss)
    moved = optax.apply_updates(params, updates)
    assert float(loss(moved)) == pytest.approx(-3, abs=1e-6)
    assert moved["a"].dtype == np.float32
    many = jax.tree.map(lambda x: jnp.stack([x, x + 1, x - 2]), params)
    sweep = jax.vmap(lambda p: nft().update(None, optax.EmptyState(), p, value_fn=loss)[0])
    together = jax.jit(sweep)(many)
    moved = optax.apply_updates(many, together)
    assert error(jax.vmap(loss)(moved), np.full(3, -3.0)) < 1e-5


START = np.zeros(3, np.float32)


@BOTH
def test_wrong_arguments(method: Callable) -> None:
    circuit = real_amplitudes(2, reps=1)
    with pytest.raises(TypeError, match="frequencies: got a model too"):
        method(circuit, frequencies=1.0)
    for wrong in (0, -1.0, (1, float("nan")), float("inf"), [[1.0], [-2.0]]):
        with pytest.raises(ValueError, match="frequencies: expected positive numbers"):
            method(frequencies=wrong)
    for wrong in ("1", True, 1j, [1.0, "a"]):
        with pytest.raises(TypeError, match="frequencies: "):
            method(frequencies=wrong)
    with pytest.raises(TypeError, match="frequencies: got a set, whose order"):
        method(frequencies={1, 2})
    with pytest.raises(TypeError, match="model: expected a circuit or a network, got str"):
        method("circuit")
    product = QuantumCircuit(1)
    product.rx(Parameter("a") * Parameter("b"), 0)
    with pytest.raises(
        ValueError, match=r"model: .* no fixed frequencies in a: an angle of a gate"
    ):
        method(product)
    with pytest.raises(ValueError, match="too close to each other"):
        method(frequencies=(1.0, 1.0 + 1e-7)).init(START)
    with pytest.raises(ValueError, match="one sequence for each of the 3 weights, got 2"):
        method(frequencies=[[1.0], [1.0, 2.0]]).init(START)
    with pytest.raises(ValueError, match=r"params: expected an array of shape \(4,\), got \(3,\)"):
        method(circuit).init(START)


@BOTH
def test_wrong_updates(method: Callable) -> None:
    optimizer, loss = method(), lambda w: jnp.sum(jnp.cos(w))
    state = optimizer.init(START)
    with pytest.raises(ValueError, match=r"params: got None; .*value_fn=loss\)"):
        optimizer.update(None, state, None, value_fn=loss)
    with pytest.raises(ValueError, match="value_fn: got None"):
        optimizer.update(None, state, START)
    with pytest.raises(ValueError, match="value_fn: expected a loss that is one number"):
        optimizer.update(None, state, START, value_fn=jnp.cos)
    with pytest.raises(ValueError, match="reset_interval: expected a whole number of at least 0"):
        nft(reset_interval=-1)


def test_training_loops_give_the_loss() -> None:
    """`qjax.training` hands the loss on, and its value, which NFT begins with."""
    circuit = qjax.from_qiskit(real_amplitudes(2, reps=1))

    def energy(weights: jax.Array, batch: None) -> jax.Array:
        return qjax.expectation(circuit, ising(2), weights)

    trained = minimize(energy, jnp.full(4, 0.3), nft(circuit), steps=6)
    assert np.diff(trained.losses).max() < 1e-5
    ground = np.linalg.eigvalsh(ising(2).to_matrix())[0]
    assert trained.losses[-1] == pytest.approx(ground, abs=1e-3)
