"""Primitives by `Trajectories`, against those by density matrices."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp
from scipy.stats import chisquare

import qjax
from qjax.noise import NoiseModel, amplitude_damping, bit_flip, depolarizing
from qjax.primitives import Estimator, Sampler
from qjax.simulators import Trajectories
from tests.dynamic import endless

NOISE = (
    NoiseModel()
    .after("cx", depolarizing(0.1, 2))
    .after("ry", amplitude_damping(0.1))
    .readout(0.1, 0.05)
)
RUNS = Trajectories(2000)
POINTS = np.array([[0.4, 0.3], [-0.9, 1.3], [2.0, -0.2]])
OBSERVABLES = ["ZZ", SparsePauliOp(["XI", "IZ", "II"], [0.5, 1.5, 0.2])]


def ansatz(measured: bool = False) -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.ry(Parameter("a"), 0)
    circuit.cx(0, 1)
    circuit.ry(Parameter("b"), 1)
    if measured:
        circuit.measure_all()
    return circuit


def dynamic() -> QuantumCircuit:
    """A measurement midway, whose outcome decides, and two registers, one of them with a gap."""
    circuit = QuantumCircuit(2, 2)
    circuit.ry(Parameter("a"), 0)
    circuit.measure(0, 1)
    with circuit.if_test((circuit.clbits[1], 1)):
        circuit.ry(Parameter("b"), 1)
    circuit.cx(1, 0)
    circuit.measure_all()
    return circuit


BARE = QuantumCircuit(1)
BARE.measure_all()


def pub(*more: Any) -> tuple[Any, ...]:
    return ansatz(), [[observable] for observable in OBSERVABLES], *more


def test_values_are_means_with_their_errors() -> None:
    """Of whole observables: their terms are correlated, as they are read from the same runs."""
    exact = Estimator(noise=NOISE).run([pub(POINTS)]).result()[0].data.evs
    estimator = Estimator(noise=NOISE, simulator=Trajectories(50), seed=3)
    many = pub(np.repeat(POINTS, 100, axis=0))
    result = estimator.run([many]).result()[0]
    evs, stds = (x.reshape(2, 3, 100) for x in (result.data.evs, result.data.stds))
    spread = evs.std(axis=2, ddof=1)
    assert (abs(evs.mean(axis=2) - exact) < 4 * spread / 10).all()
    assert np.allclose(np.sqrt((stds**2).mean(axis=2)), spread, rtol=0.3)
    assert result.metadata["shots"] == 50
    assert result.metadata["target_precision"] == 0
    again = estimator.run([many, many]).result()
    for each in again:
        assert np.array_equal(each.data.evs, result.data.evs)
        assert np.array_equal(each.data.stds, result.data.stds)
    assert estimator.simulator == Trajectories(50)
    going_on = Estimator(
        noise=NOISE, simulator=Trajectories(50), seed=np.random.default_rng(1), exact=True
    )
    job = going_on.run([many, many], precision=0.2)  # which exact=True ignores
    assert not np.array_equal(*(each.data.evs for each in job.result()))


def test_nothing_drawn_has_no_error() -> None:
    exact = Estimator().run([pub(POINTS)]).result()[0].data.evs
    empty = ansatz(), [], POINTS[0]
    found = Estimator(simulator=Trajectories(3)).run([pub(POINTS), empty]).result()
    assert np.allclose(found[0].data.evs, exact, atol=1e-12)
    assert not found[0].data.stds.any()
    assert found[1].data.evs.shape == found[1].data.stds.shape == (0,)


@pytest.mark.parametrize("made", [ansatz, dynamic])
def test_samples_and_probabilities(made: Any) -> None:
    """Each shot is a run; without shots, probabilities are means over as many."""
    circuit = ansatz(True) if made is ansatz else dynamic()
    exact = Sampler(default_shots=None, noise=NOISE).run([(circuit, POINTS[0])]).result()[0]
    shares = exact.join_data().get_probabilities()
    sampler = Sampler(noise=NOISE, simulator=RUNS, seed=2)
    assert sampler.default_shots == 2000
    several, drawn = sampler.run([(circuit, POINTS), (circuit, POINTS[0])]).result()
    assert several.data.meas.shape == (3,)
    assert drawn.metadata["shots"] == 2000
    counts = drawn.join_data().get_counts()
    assert set(counts) <= set(shares)
    assert (
        counts
        == sampler.run([(circuit, POINTS[0])], shots=2000).result()[0].join_data().get_counts()
    )
    seen = np.array([counts.get(key, 0) for key in shares])
    expected = np.array(list(shares.values()))
    assert chisquare(seen, 2000 * expected / expected.sum()).pvalue > 1e-3
    for how in ({"default_shots": None}, {"exact": True}):
        means = Sampler(noise=NOISE, simulator=RUNS, seed=2, **how).run([(circuit, POINTS[0])])
        found = means.result()[0]
        assert found.metadata == drawn.metadata | {"exact": False}
        by_key = found.join_data().get_probabilities()
        for key, share in shares.items():
            assert abs(by_key.get(key, 0) - share) < 4.5 * np.sqrt(share * (1 - share) / 2000)


def test_loops_without_end_have_noise() -> None:
    circuit = endless()
    circuit.x(0)
    how: dict[str, Any] = {"noise": NoiseModel().after("x", bit_flip(0.2)), "simulator": RUNS}
    found = Estimator(**how, seed=1).run([(circuit, "Z")]).result()[0].data
    assert abs(found.evs + 0.6) < 4 * found.stds < 0.1
    circuit.measure_all()
    counts = Sampler(**how, seed=1).run([circuit]).result()[0].data.meas.get_counts()
    assert abs(counts["1"] / 2000 - 0.8) < 4 * 0.4 / np.sqrt(2000)
    with pytest.raises(qjax.NoExactFormError):
        Sampler(**how, default_shots=None).run([circuit]).result()


def network(kind: str, seed: Any, **options: Any) -> Any:
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("a"), 0)
    circuit.ry(Parameter("b"), 0)
    given = {"circuit": circuit, "input_params": ["a"], "weight_params": ["b"]}
    how: dict[str, Any] = {"noise": NOISE, "simulator": Trajectories(200), "seed": seed}
    if kind == "estimator":
        return qjax.EstimatorQNN(**given, estimator=Estimator(**how), **options)
    return qjax.SamplerQNN(**given, sampler=Sampler(**how), **options)


@pytest.mark.parametrize("kind", ["estimator", "sampler"])
def test_networks_on_such_primitives(kind: str) -> None:
    """Inside of a program the runs are drawn by it, and seeds come from the primitive."""
    given = network(kind, np.random.default_rng(5))
    inputs, weights = np.float32(POINTS[:, :1]), jnp.array([0.3])

    def program(network: Any) -> Any:
        def values(weights: jax.Array) -> tuple[jax.Array, jax.Array]:
            values = network.apply(weights, inputs)
            return values[:, 0].sum(), values

        return jax.jit(jax.grad(values, has_aux=True))

    draw = program(given)
    draws = [draw(weights) for _ in range(40)]
    right = program(given.exact().replace(noise=NOISE))(weights)
    for found, expected in zip(zip(*draws, strict=True), right, strict=True):
        errors = np.std(found, axis=0, ddof=1) / np.sqrt(40)
        assert (abs(np.mean(found, axis=0) - expected) < 4 * errors).all()
        assert (errors > 0).all()
    if kind == "sampler":  # each run is one shot: binomial
        values = np.array([values for _, values in draws])
        assert np.allclose(200 * values, np.round(200 * values), atol=1e-3)
        spread = np.sqrt(right[1] * (1 - right[1]) / 200)
        assert np.allclose(values.std(axis=0, ddof=1), spread, rtol=0.5)
    on_numpy = given.forward(inputs, weights)
    assert abs(on_numpy - right[1]).max() < 0.25


def test_an_integer_seed_draws_the_same() -> None:
    given = network("estimator", 7)
    inputs, weights = np.float32(POINTS[:, :1]), jnp.array([0.3])
    apply = jax.jit(given.apply)
    assert np.array_equal(apply(weights, inputs), apply(weights, inputs))
    assert np.array_equal(*(given.forward(inputs, weights) for _ in "ab"))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: Estimator(simulator=RUNS, default_precision=0.1),
            r"precision: got 0.1 beside Trajectories\(samples=2000\).*exact=True",
        ),
        (lambda: Estimator(simulator=RUNS).run([pub(POINTS)], precision=0.1), "precision: got 0.1"),
        (lambda: Estimator(simulator=RUNS).run([pub(POINTS, 0.2)]), "precision: got 0.2"),
        (lambda: network("estimator", 1, default_precision=0.1), "precision: got 0.1"),
        (
            lambda: Sampler(simulator=RUNS, default_shots=1024),
            r"shots: got 1024 beside Trajectories\(samples=2000\).*Trajectories\(1024\)",
        ),
        (lambda: Sampler(simulator=RUNS).run([BARE], shots=5), "shots: got 5"),
        (lambda: network("sampler", 1, shots=10), "shots: got 10"),
    ],
)
def test_other_numbers_of_runs_are_refused(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
