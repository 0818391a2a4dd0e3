"""Projected kernels against Qiskit's expectation values and the paper's formula."""

from __future__ import annotations

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import zz_feature_map
from qiskit.quantum_info import SparsePauliOp, Statevector, partial_trace
from sklearn.metrics.pairwise import rbf_kernel

from qjax.kernels import ProjectedKernel
from tests.circuits import error, state_of
from tests.conftest import Compilations, Precision

FEATURES = zz_feature_map(3, reps=1)
X, Y = (np.random.default_rng(seed).uniform(-1, 1, (5 + seed, 3)) for seed in (0, 1))
LETTERS = [
    SparsePauliOp.from_sparse_list([(letter, [q], 1)], 3) for q in range(3) for letter in "XYZ"
]


def values_of(observables: list[SparsePauliOp], rows: np.ndarray) -> np.ndarray:
    states = [Statevector(state_of(FEATURES, row)) for row in rows]
    return np.array([[state.expectation_value(o).real for o in observables] for state in states])


def test_against_qiskit(precision: Precision) -> None:
    kernel = ProjectedKernel(FEATURES, gamma=0.7)
    x, y = X.astype(precision.real), Y.astype(precision.real)
    assert error(kernel.features(x), values_of(LETTERS, X)) < precision.tolerance
    reference = rbf_kernel(values_of(LETTERS, X), values_of(LETTERS, Y), gamma=0.7)
    for matrix in (kernel.matrix(x, y), kernel.evaluate(x, y)):
        assert matrix.dtype == precision.real
        assert error(matrix, reference) < precision.tolerance
    for alone in (kernel.matrix(x), kernel.evaluate(x)):
        assert (alone == alone.T).all()
        assert (np.diag(alone) == 1).all()
    assert (np.diag(kernel.evaluate(x, x)) == 1).all()


def test_the_paper_s_formula() -> None:
    """exp(-gamma sum_k |rho_k(x) - rho_k(y)|_F^2), of reduced states of one qubit."""
    first, second = (Statevector(state_of(FEATURES, row)) for row in X[:2])
    distance = 0.0
    for qubit in range(3):
        traced = [q for q in range(3) if q != qubit]
        left, right = (partial_trace(state, traced).data for state in (first, second))
        distance += np.linalg.norm(left - right) ** 2
    value = ProjectedKernel(FEATURES, gamma=1.3 / 2)(X[0], X[1])
    assert abs(value - np.exp(-1.3 * distance)) < 1e-12


def test_observables() -> None:
    chosen = [SparsePauliOp.from_list([("ZZI", 1.0), ("IXX", -0.5)]), SparsePauliOp("YIZ")]
    kernel = ProjectedKernel(FEATURES, observables=chosen)
    reference = rbf_kernel(values_of(chosen, X), gamma=1.0)
    assert error(kernel.evaluate(X), reference) < 1e-12
    single = ProjectedKernel(FEATURES, observables="ZZZ")
    assert (
        error(single.evaluate(X), rbf_kernel(values_of([SparsePauliOp("ZZZ")], X), gamma=1.0))
        < 1e-12
    )
    assert kernel.replace() == pickle.loads(pickle.dumps(kernel)) == kernel
    assert len(kernel.observables) == 2


@pytest.mark.usefixtures("x64")
def test_derivatives() -> None:
    circuit = QuantumCircuit(2)
    circuit.ry(Parameter("w"), 0)
    circuit.rx(Parameter("a"), 0)
    circuit.cx(0, 1)
    circuit.rx(Parameter("b"), 1)

    def matrix(x: jax.Array, w: jax.Array, gamma: jax.Array) -> jax.Array:
        return ProjectedKernel(circuit, gamma=gamma, weight_params=["w"]).matrix(x, weights=w)

    given = jnp.array(X[:3, :2]), jnp.array([0.4]), jnp.array(0.8)
    check_grads(matrix, given, order=1, modes=["rev"], rtol=1e-5)
    diagonal = jax.jacobian(lambda gamma: jnp.diag(matrix(*given[:2], gamma)))(0.8)
    assert (diagonal == 0).all()


def test_other_gammas_compile_nothing(compilations: Compilations) -> None:
    kernel = ProjectedKernel(zz_feature_map(2))
    kernel.evaluate(X[:, :2])
    compilations.reset()
    other = kernel.replace(gamma=0.1)
    assert error(other.evaluate(X[:, :2]), kernel.evaluate(X[:, :2]) ** 0.1) < 1e-14
    assert compilations.count == 0


def test_scaled_gamma() -> None:
    kernel = ProjectedKernel(FEATURES).with_scaled_gamma(X)
    values = values_of(LETTERS, X)
    assert abs(kernel.gamma * values.shape[1] * values.var() - 1) < 1e-5
    assert kernel.replace() == kernel
    with pytest.raises(ValueError, match="there is no scale"):
        ProjectedKernel(FEATURES, observables="ZZZ").with_scaled_gamma(X[:1])
    with pytest.raises(ValueError, match="x: got no points; expected two"):
        kernel.with_scaled_gamma(X[:0])


@pytest.mark.parametrize(
    ("gamma", "kind"), [(0, ValueError), (-1.0, ValueError), (np.nan, ValueError),
                        ([1.0], ValueError), ("scale", TypeError), (None, TypeError)]
)  # fmt: skip
def test_bad_gamma(gamma: object, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="gamma: "):
        ProjectedKernel(FEATURES, gamma=gamma)


def test_no_observables() -> None:
    with pytest.raises(ValueError, match="observables: got an empty list"):
        ProjectedKernel(FEATURES, observables=[])


def test_values_of_shots() -> None:
    circuit = zz_feature_map(2, reps=1)
    exact = ProjectedKernel(circuit, gamma=0.3)
    kernel = exact.replace(shots=400)
    points = np.random.default_rng(3).uniform(0, 2, (6, 2))
    keys = jax.random.split(jax.random.key(0), 300)
    features = jax.vmap(lambda key: kernel.features(points, key=key))(keys)
    errors = features.std(axis=0) / np.sqrt(len(keys)) + 1e-6
    assert (np.abs(features.mean(axis=0) - exact.features(points)) < 5 * errors).all()
    # A letter of one qubit is read from all shots of its group.
    expected = np.sqrt((1 - np.square(exact.features(points))) / 400)
    assert np.allclose(features.std(axis=0), expected, atol=0.01)
    matrix = kernel.matrix(points, key=keys[0])
    again = kernel.features(points, key=jax.random.split(keys[0])[0])
    distances = np.square(again[:, None] - again[None]).sum(axis=2)
    assert np.allclose(matrix, np.exp(-0.3 * distances), atol=1e-6)
    assert np.array_equal(matrix, matrix.T)
    assert np.array_equal(kernel.evaluate(points, seed=4), kernel.evaluate(points, seed=4))
    assert not np.array_equal(kernel.evaluate(points, seed=4), kernel.evaluate(points, seed=5))
    assert (
        np.abs(
            kernel.evaluate(points, points[:2], seed=1) - exact.evaluate(points, points[:2])
        ).max()
        < 0.2
    )
