"""QN-SPSA: Qiskit ML's trajectories with the same signs, and the metric that it estimates."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import real_amplitudes
from qiskit.quantum_info import SparsePauliOp
from qiskit_machine_learning.optimizers import QNSPSA

import qjax
from qjax.optimizers import PowerSeries, qn_spsa
from qjax.optimizers._qn_spsa import compiled_overlaps
from tests.circuits import error, random_values, state_of, value_of
from tests.conftest import Compilations
from tests.qjax.optimizers.test_natural_gradient import interleaved, ising, metric_of, network
from tests.qjax.optimizers.test_spsa import KEY, STEPS, QiskitsSigns, one_step, trajectory


def overlap(source: QuantumCircuit, x: np.ndarray, y: np.ndarray) -> float:
    return float(np.abs(np.vdot(state_of(source, x), state_of(source, y))) ** 2)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, {"blocking": False}),
        (
            {"resamplings": 2, "metric_delay": 3, "regularization": 0.2},
            {"resamplings": 2, "hessian_delay": 3, "regularization": 0.2, "blocking": False},
        ),
        ({"blocking": True}, {"blocking": True, "allowed_increase": 0.0}),
    ],
)
def test_trajectory_is_qiskits(monkeypatch: pytest.MonkeyPatch, ours: dict, theirs: dict) -> None:
    source, hamiltonian = real_amplitudes(2, reps=1), ising(2)
    start = random_values(source, seed=6) / 3
    signs = QiskitsSigns(2, ours.get("resamplings", 1), len(start))
    monkeypatch.setattr("qiskit_machine_learning.optimizers.spsa.bernoulli_perturbation", signs)
    rate, size = PowerSeries(0.1, 0.602, 1.0), PowerSeries(0.1, 0.101)
    rates, sizes = (np.array([float(s(k)) for k in range(STEPS)]) for s in (rate, size))
    expected: list[np.ndarray] = []

    def keep(count: int, x: np.ndarray, value: float, step: float, accepted: bool) -> None:
        expected.append(x if accepted else (expected[-1] if expected else start))

    def overlaps(x: np.ndarray, y: np.ndarray) -> float:
        return overlap(source, x, y)

    optimizer = QNSPSA(
        overlaps, STEPS, learning_rate=rates, perturbation=sizes, callback=keep, **theirs
    )
    optimizer.minimize(lambda w: value_of(source, hamiltonian, w), start)
    circuit = qjax.from_qiskit(source)
    reached = trajectory(
        qn_spsa(circuit, rate, size, key=KEY, **ours),
        lambda w: qjax.expectation(circuit, hamiltonian, w),
        start,
    )
    assert error(reached, np.stack(expected)) < 1e-9


@pytest.mark.usefixtures("x64")
def test_metric_is_the_mean_over_inputs_of_fubini_studys() -> None:
    """Over all pairs of signs, the mean is the matrix of second differences, near g."""
    rng = np.random.default_rng(3)
    weights, inputs = rng.uniform(-2, 2, 3), rng.uniform(-2, 2, (4, 2))
    optimizer = qn_spsa(network(), 0.1, 1e-3, key=KEY, resamplings=2000, exact_gradient=True)
    _, state = one_step(optimizer, weights, weights, inputs=inputs)
    estimate = 2 * np.asarray(state.matrix) - np.eye(3)
    expected = metric_of(weights, inputs)
    assert error(estimate, expected) < 4 * np.abs(expected).sum() / np.sqrt(2000)
    _, same = one_step(optimizer, weights, weights, inputs=inputs.reshape(2, 2, 2))
    assert error(same.matrix, state.matrix) < 1e-12


@pytest.mark.usefixtures("x64")
def test_exact_gradient_is_the_given_one() -> None:
    source = real_amplitudes(2, reps=1)
    weights, gradient = random_values(source), np.array([1.0, -2.0, 0.5, 0.1])
    optimizer = qn_spsa(source, 0.5, key=KEY, exact_gradient=True, regularization=0.3)
    step, state = one_step(optimizer, weights, gradient)
    values, vectors = np.linalg.eigh(np.asarray(state.matrix))
    solved = vectors @ (vectors.T @ gradient / (np.abs(values) + 0.3))
    assert error(step, -0.5 * solved) < 1e-12


def test_overlaps_one_sample_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """In groups that fit into memory, nothing changes."""
    weights, inputs = jnp.array([0.3, -0.4, 1.0]), jnp.linspace(-1, 1, 10).reshape(5, 2)

    def matrix() -> jax.Array:
        optimizer = qn_spsa(network(), 0.1, key=KEY, exact_gradient=True)
        return one_step(optimizer, weights, weights, inputs=inputs)[1].matrix

    together = matrix()
    monkeypatch.setattr("qjax.optimizers._qn_spsa.columns_that_fit", lambda size: 10)
    compiled_overlaps.cache_clear()
    assert error(matrix(), together) < 1e-5


def test_ising_chain_converges_under_vmap() -> None:
    """From several starts and keys at once, in one program; less than first-order SPSA's energy."""
    circuit = qjax.from_qiskit(real_amplitudes(3, reps=1))
    hamiltonian = ising(3)
    ground = np.linalg.eigvalsh(SparsePauliOp(hamiltonian).to_matrix())[0]

    def run(key: jax.Array, start: jax.Array) -> jax.Array:
        energy = lambda w: qjax.expectation(circuit, hamiltonian, w)  # noqa: E731
        optimizer = qn_spsa(circuit, 0.05, 0.1, key=key, regularization=0.05, resamplings=4)

        def step(carry: tuple, _: None) -> tuple[tuple, None]:
            weights, state = carry
            updates, state = optimizer.update(None, state, weights, value_fn=energy)
            return (weights + updates, state), None

        (weights, _), _ = jax.lax.scan(step, (start, optimizer.init(start)), length=150)
        return energy(weights)

    keys = jax.random.split(jax.random.key(0), 3)
    starts = jax.random.uniform(jax.random.key(1), (3, 6), minval=-0.5, maxval=0.5)
    energies = np.asarray(jax.jit(jax.vmap(run))(keys, starts))
    assert energies.min() < ground + 0.1
    assert energies.max() < ground + 0.6


def test_eager_steps_compile_no_overlaps_again(compilations: Compilations) -> None:
    optimizer, inputs = qn_spsa(network(), 0.1, key=KEY, exact_gradient=True), jnp.ones((3, 2))
    weights = jnp.array([0.1, 0.2, 0.3])
    state = optimizer.init(weights)
    for _ in range(2):
        _, state = optimizer.update(weights, state, weights, inputs=inputs)
    compilations.reset()
    again = qn_spsa(network(), 0.1, key=KEY, exact_gradient=True)
    jax.block_until_ready(again.update(weights, state, weights, inputs=inputs))
    assert compilations.count == 0


GOOD = np.zeros(3, np.float32)
SAMPLE = np.zeros((1, 2), np.float32)


def loss(w: jax.Array) -> jax.Array:
    return jnp.sum(w)


@pytest.mark.parametrize(
    ("kind", "expected", "params", "arguments"),
    [
        (ValueError, r"params: got None; .*value_fn=loss\)", None, {}),
        (ValueError, "value_fn: got None", GOOD, {"inputs": SAMPLE}),
        (ValueError, "inputs: got None", GOOD, {"value_fn": loss}),
        (ValueError, r"shape \(..., 2\), got \(3,\)", GOOD, {"value_fn": loss, "inputs": GOOD}),
        (ValueError, r"params: expected .* \(3,\), got \(2,\)", GOOD[1:], {"value_fn": loss}),
        (TypeError, "params: .* pytree with 2 leaves", [GOOD] * 2, {"value_fn": loss}),
    ],
)
def test_wrong_updates(kind: type, expected: str, params: object, arguments: dict) -> None:
    optimizer = qn_spsa(network(), 0.1, key=KEY)
    with pytest.raises(kind, match=expected):
        optimizer.update(None, optimizer.init(GOOD), params, **arguments)


def test_wrong_arguments() -> None:
    circuit, _ = interleaved()
    with pytest.raises(TypeError, match="model: expected a circuit or a network, got int"):
        qn_spsa(3, 0.1, key=KEY)
    with pytest.raises(TypeError, match="key: expected one JAX random key"):
        qn_spsa(circuit, 0.1, key="0")
    with pytest.raises(ValueError, match="learning_rate: expected a positive"):
        qn_spsa(circuit, 0.0, key=KEY)
    with pytest.raises(ValueError, match="metric_delay: expected a whole number"):
        qn_spsa(circuit, 0.1, key=KEY, metric_delay=0.5)
    with pytest.raises(TypeError, match="exact_gradient: expected True or False"):
        qn_spsa(circuit, 0.1, key=KEY, exact_gradient=1)
    given = qn_spsa(network(), 0.1, key=KEY, exact_gradient=True)
    with pytest.raises(ValueError, match=r"updates: expected .* \(3,\), got \(2,\)"):
        given.update(GOOD[1:], given.init(GOOD), GOOD, inputs=SAMPLE)
