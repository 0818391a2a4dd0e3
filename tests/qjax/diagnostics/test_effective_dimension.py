"""Fisher information and effective dimension: Qiskit ML's, closed forms, finite differences."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import real_amplitudes, z_feature_map
from qiskit.quantum_info import SparsePauliOp
from qiskit_machine_learning.neural_networks import (
    EffectiveDimension,
    LocalEffectiveDimension,
)
from qiskit_machine_learning.neural_networks import EstimatorQNN as QiskitsEstimatorQNN

import qjax
from qjax.diagnostics import (
    _fisher_information,
    effective_dimension,
    fisher_information,
    fisher_spectrum,
    local_effective_dimension,
)
from tests.circuits import error, finite_gradient
from tests.conftest import Compilations

FEATURES, ANSATZ = z_feature_map(2, reps=1), real_amplitudes(2, reps=1)
ROLES = {
    "circuit": FEATURES.compose(ANSATZ),
    "input_params": list(FEATURES.parameters),
    "weight_params": list(ANSATZ.parameters),
}
RNG = np.random.default_rng(4)
WEIGHTS, INPUTS = RNG.uniform(-2, 2, (5, 4)), RNG.normal(size=(3, 2))
NUM_DATA = np.array([100, 1000, 50_000])


def parity(outcome: int) -> int:
    return outcome.bit_count() % 2


def sampler() -> qjax.SamplerQNN:
    return qjax.SamplerQNN(**ROLES, interpret=parity, output_shape=2)


def estimator() -> qjax.EstimatorQNN:
    return qjax.EstimatorQNN(**ROLES, observables="ZX")


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("kind", ["probabilities", "parity", "expectation"])
def test_dimensions_are_qiskits(kind: str) -> None:
    if kind == "expectation":
        theirs, ours = QiskitsEstimatorQNN(**ROLES), qjax.EstimatorQNN(**ROLES)
    else:
        ours = sampler() if kind == "parity" else qjax.SamplerQNN(**ROLES)
        theirs = ours  # their sampler has no exact values
    expected = EffectiveDimension(theirs, WEIGHTS, INPUTS).get_effective_dimension(NUM_DATA)
    assert error(effective_dimension(ours, WEIGHTS, INPUTS, NUM_DATA), expected) < 1e-6
    local = LocalEffectiveDimension(theirs, WEIGHTS[0], INPUTS)
    single = local_effective_dimension(ours, WEIGHTS[0], INPUTS, 5000)
    assert single == pytest.approx(float(local.get_effective_dimension(5000)), abs=1e-6)


@pytest.mark.usefixtures("x64")
def test_information_is_the_definition() -> None:
    """Sample by sample, from finite differences of the probabilities."""
    qnn = qjax.SamplerQNN(**ROLES)
    total = np.zeros((4, 4))
    for sample in INPUTS:
        values = np.asarray(qnn.apply(WEIGHTS[0], sample))
        slopes = finite_gradient(lambda w, x=sample: qnn.apply(w, x), WEIGHTS[0])
        total += np.einsum("oi,oj,o->ij", slopes, slopes, 1 / values)
    found = fisher_information(qnn, WEIGHTS[0], INPUTS)
    assert error(found, total / len(INPUTS)) < 1e-8
    assert error(found, found.T) < 1e-14
    stacked = fisher_information(qnn, WEIGHTS.reshape(5, 1, 4), INPUTS)
    assert stacked.shape == (5, 1, 4, 4)
    assert error(stacked[0, 0], found) < 1e-13


@pytest.mark.usefixtures("x64")
def test_rotation_in_closed_form() -> None:
    """RY(a): F = 1 for its probabilities whatever a, at points of probability 0 a limit."""
    circuit, angle = QuantumCircuit(1), Parameter("a")
    circuit.ry(angle, 0)
    qnn = qjax.SamplerQNN(circuit=circuit, weight_params=[angle])
    for weight in (0.3, 1.5, -2.0):
        assert fisher_information(qnn, np.array([weight]))[0, 0] == pytest.approx(1, rel=1e-10)
    value = qjax.EstimatorQNN(circuit=circuit, observables="Z", weight_params=[angle])
    assert fisher_information(value, np.array([0.7]))[0, 0] == pytest.approx(1, rel=1e-10)
    assert np.isfinite(fisher_information(qnn, np.zeros(1))).all()
    # kappa F, with F normalised to 1
    ratio = 1000 / (2 * np.pi * np.log(1000))
    expected = np.log1p(ratio) / np.log(ratio)
    assert effective_dimension(qnn, np.ones((3, 1)), None, 1000) == pytest.approx(expected)


@pytest.mark.usefixtures("x64")
def test_spectrum() -> None:
    spectrum = fisher_spectrum(estimator(), WEIGHTS, INPUTS)
    assert spectrum.shape == (5, 4)
    assert np.sum(spectrum) / 5 == pytest.approx(4)  # the mean of the traces is their number
    matrices = np.asarray(fisher_information(estimator(), WEIGHTS, INPUTS))
    scale = 4 / np.trace(matrices.mean(axis=0))
    assert error(spectrum, np.linalg.eigvalsh(scale * matrices)) < 1e-10
    assert spectrum.min() > -1e-12


@dataclass(frozen=True)
class Softmax:
    """A classical network: logistic regression, whose Fisher information is known."""

    num_inputs: int = 2
    num_weights: int = 2
    output_shape: int = 2

    def apply(self, weights: jax.Array, inputs: jax.Array) -> jax.Array:
        logit = inputs @ weights
        return jax.nn.softmax(jnp.stack([logit, jnp.zeros_like(logit)], axis=-1))


@pytest.mark.usefixtures("x64")
def test_any_network() -> None:
    """Logistic regression: F = mean of p (1 - p) x x^T."""
    weights = np.array([0.5, -1.0])
    p = 1 / (1 + np.exp(-INPUTS @ weights))
    expected = np.einsum("b,bi,bj->ij", p * (1 - p), INPUTS, INPUTS) / 3
    found = fisher_information(Softmax(), weights, INPUTS, outputs="probabilities")
    assert error(found, expected) < 1e-12
    with pytest.raises(ValueError, match="outputs: expected 'probabilities' or 'expectations'"):
        fisher_information(Softmax(), weights, INPUTS)


@pytest.mark.usefixtures("x64")
def test_parts_and_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fisher_information(sampler(), WEIGHTS, INPUTS)
    monkeypatch.setattr(_fisher_information, "samples_per_pass", lambda size, device: 2)
    _fisher_information._compiled.cache_clear()
    assert error(fisher_information(sampler(), WEIGHTS, INPUTS), whole) < 1e-12
    _fisher_information._compiled.cache_clear()
    names = [parameter.name for parameter in ANSATZ.parameters]
    tree = qjax.SamplerQNN(
        **{**ROLES, "weight_params": {"a": names[:2], "b": names[2:]}},
        interpret=parity,
        output_shape=2,
    )
    leaves = {"a": WEIGHTS[0, :2], "b": WEIGHTS[0, 2:]}
    assert error(fisher_information(tree, leaves, INPUTS), whole[0]) < 1e-12


def test_pure_and_compiled_once(compilations: Compilations) -> None:
    """Under `jit`, `vmap` and `grad`, against a closed form; b makes no difference."""
    circuit, (a, b, x) = QuantumCircuit(1), map(Parameter, "abx")
    circuit.ry(a, 0)
    circuit.rx(x, 0)
    circuit.rz(b, 0)
    roles = {"circuit": circuit, "input_params": [x], "weight_params": [a, b]}
    weights = jnp.array([[0.4, 0.1], [1.0, 0.2]])

    def corner(weights: jax.Array) -> jax.Array:
        qnn = qjax.EstimatorQNN(**roles, observables="Z")
        return fisher_information(qnn, weights, jnp.array([[0.5], [1.2]]))[0, 0]

    def closed(weights: np.ndarray) -> float:
        """<Z> = cos a cos x, so F = (sin a cos x)^2 / (1 - <Z>^2)."""
        cosines = np.cos([0.5, 1.2])
        slope, value = np.sin(weights[0]) * cosines, np.cos(weights[0]) * cosines
        return float(np.mean(slope**2 / (1 - value**2)))

    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(corner)))(weights)
    for value, slope, at in zip(values, slopes, np.asarray(weights, float), strict=True):
        assert value == pytest.approx(closed(at), abs=1e-5)
        assert error(slope, finite_gradient(closed, at)) < 1e-4
    corner(weights[0]).block_until_ready()
    compilations.reset()
    corner(weights[1]).block_until_ready()
    assert compilations.count == 0


@pytest.mark.parametrize(
    ("kind", "expected", "change"),
    [
        (TypeError, "network: got int", {"network": 3}),
        (ValueError, r"weights: expected shape \(..., 4\), got \(3,\)", {"weights": np.ones(3)}),
        (ValueError, "weights: expected shape", {"weights": np.ones((0, 4))}),
        (ValueError, r"inputs: .* \(samples, 2\), got \(4,\)", {"inputs": np.ones(4)}),
        (ValueError, "inputs: .* one sample or more", {"inputs": np.ones((0, 2))}),
        (TypeError, "inputs: .*expected real", {"inputs": np.ones((1, 2)) > 0}),
        (ValueError, "num_data: .* at least 1[0-9]", {"num_data": 10}),
        (ValueError, "num_data: expected", {"num_data": [100, float("nan")]}),
        (ValueError, "gamma: expected a number above 0 and at most 1", {"gamma": 2.0}),
    ],
)
def test_wrong_arguments(kind: type, expected: str, change: dict) -> None:
    settings = {
        "network": estimator(),
        "weights": WEIGHTS,
        "inputs": INPUTS,
        "num_data": 1000,
        **change,
    }
    with pytest.raises(kind, match=expected):
        effective_dimension(**settings)


def test_observables_beyond_one() -> None:
    """No probabilities follow from them: an error, or NaN where JAX traces."""
    circuit, angle = QuantumCircuit(1), Parameter("t")
    circuit.ry(angle, 0)
    qnn = qjax.EstimatorQNN(
        circuit=circuit, weight_params=[angle], observables=SparsePauliOp("Z", 2.0)
    )
    with pytest.raises(ValueError, match="network: its expectation values are beyond"):
        fisher_information(qnn, [0.3])
    assert np.isnan(jax.jit(lambda w: fisher_information(qnn, w))(jnp.array([0.3])))
    assert np.isnan(fisher_information(qnn, [np.nan]))  # which is no fault of the observable


def test_few_data() -> None:
    """Where log kappa is near 0 the dimension is more than twice the number of weights."""
    with pytest.warns(UserWarning, match="num_data: got 36; for so few"):
        few = effective_dimension(estimator(), WEIGHTS, INPUTS, 36)
    assert effective_dimension(estimator(), WEIGHTS, INPUTS, 37) < few


def test_local_dimension_of_several_sets_and_primitives() -> None:
    with pytest.raises(ValueError, match=r"weights: expected one set, shape \(4,\)"):
        local_effective_dimension(estimator(), WEIGHTS, INPUTS, 1000)
    sampled = qjax.EstimatorQNN(**ROLES, estimator=qjax.primitives.Estimator(exact=True))
    with pytest.raises(ValueError, match=r"network: its values come from .* network.exact\(\)"):
        fisher_information(sampled, WEIGHTS, INPUTS)
