"""Trained kernels: their losses against steps by hand, and Qiskit ML's loss of the result."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from sklearn.svm import SVC

from qjax.kernels import FidelityKernel, ProjectedKernel, svc_loss, target_alignment, train
from tests.circuits import error
from tests.conftest import Compilations


@pytest.fixture(autouse=True)
def _optax_promotes_dtypes() -> Iterator[None]:
    """Adam of optax takes a float to the power of an integer, which the tests else forbid."""
    with jax.numpy_dtype_promotion("standard"):
        yield


def feature_map() -> tuple[QuantumCircuit, ParameterVector]:
    x, w = ParameterVector("x", 2), ParameterVector("w", 4)
    circuit = QuantumCircuit(2)
    for qubit in range(2):
        circuit.ry(x[qubit] * w[2 + qubit], qubit)
        circuit.rz(w[qubit], qubit)
    circuit.cx(0, 1)
    circuit.ry(x[0], 1)
    return circuit, w


CIRCUIT, WEIGHTS = feature_map()
KERNEL = FidelityKernel(CIRCUIT, weight_params=WEIGHTS)
X = np.random.default_rng(0).uniform(-2, 2, (20, 2)).astype(np.float32)
LABELS = np.where(np.abs(X[:, 0]) > 1, "outer", "inner")
SIGNS = np.where(LABELS == "outer", 1.0, -1.0)
START = np.array([0.1, 0.2, 0.5, 0.4], np.float32)


@pytest.mark.parametrize("loss", ["alignment", "centered_alignment", "svc"])
def test_steps_by_hand(loss: str) -> None:
    trained = train(
        KERNEL, X, LABELS, loss=loss, weights=START, steps=4,
        optimizer=optax.sgd, settings={"learning_rate": 0.3},
    )  # fmt: skip

    def of(weights: jax.Array) -> jax.Array:
        matrix = KERNEL.matrix(X, weights=weights)
        if loss == "svc":
            return svc_loss(matrix, np.float32(SIGNS))
        return -target_alignment(matrix, np.float32(SIGNS), centered=loss != "alignment")

    weights, losses = jnp.array(START), []
    for _ in range(4):
        value, gradient = jax.value_and_grad(of)(weights)
        losses.append(value)
        weights = weights - 0.3 * gradient
    tolerance = 1e-3 if loss == "svc" else 1e-5
    assert error(trained.losses, np.array(losses)) < tolerance
    assert error(trained.weights, weights) < tolerance
    assert trained.steps == 4
    assert not trained.converged
    assert trained.kernel == KERNEL.with_weights(trained.weights)


def test_a_trained_kernel_classifies_better() -> None:
    trained = train(KERNEL, X, LABELS, weights=START, steps=60)
    assert trained.losses[-1] < trained.losses[0] - 0.2
    scores = [
        SVC(kernel=kernel.evaluate).fit(X, LABELS).score(X, LABELS)
        for kernel in (KERNEL.with_weights(START), trained.kernel)
    ]
    assert scores[1] >= max(scores[0], 0.95)


def test_trees_classes_batches_and_keys(compilations: Compilations) -> None:
    tree = FidelityKernel(CIRCUIT, weight_params={"scale": WEIGHTS[2:], "turn": WEIGHTS[:2]})
    three = np.digitize(X[:, 0], [-0.7, 0.7])
    options = {"loss": "svc", "steps": 3, "batch_size": 8, "key": jax.random.key(1)}
    trained = train(tree, X, three, **options)
    assert {name: leaf.shape for name, leaf in trained.weights.items()} == {
        "scale": (2,),
        "turn": (2,),
    }
    compilations.reset()
    again = train(
        FidelityKernel(CIRCUIT, weight_params={"scale": WEIGHTS[2:], "turn": WEIGHTS[:2]}),
        X,
        three,
        **options,
    )
    assert compilations.count == 0
    assert error(again.losses, trained.losses) == 0
    assert trained.kernel.weights["scale"].shape == (2,)


def test_where_a_training_starts() -> None:
    drawn, again = (train(KERNEL, X, LABELS, steps=1).losses[0] for _ in range(2))
    other = train(KERNEL, X, LABELS, steps=1, key=jax.random.key(3)).losses[0]
    held = train(KERNEL.with_weights(START), X, LABELS, steps=1).losses[0]
    assert drawn == again != other
    assert held == train(KERNEL, X, LABELS, weights=START, steps=1).losses[0]


def test_other_numbers_compile_nothing(compilations: Compilations) -> None:
    """Nor do weights and gamma end up in the program."""
    fidelity = KERNEL.with_weights(START)
    projected = ProjectedKernel(CIRCUIT, weight_params=WEIGHTS, gamma=0.5).with_weights(START)
    for kernel in (fidelity, projected):
        train(kernel, X, LABELS, steps=2)
    others = fidelity.with_weights(2 * START), projected.replace(gamma=0.8)
    losses = []
    for kernel in others:
        compilations.reset()
        losses.append(train(kernel, X, LABELS, steps=2).losses[0])
        assert compilations.count == 0
    signs = np.float32(SIGNS)
    for kernel, loss in zip(others, losses, strict=True):
        assert abs(loss + target_alignment(kernel.matrix(X), signs)) < 1e-5


def test_a_kernel_that_a_trainer_has_assigned() -> None:
    kernel = FidelityKernel(CIRCUIT, weight_params=WEIGHTS)
    kernel.assign_training_parameters(START)
    expected = train(KERNEL, X, LABELS, weights=START, steps=1).losses[0]
    assert train(kernel, X, LABELS, steps=1).losses[0] == expected


def test_batches_of_one_class() -> None:
    """They take no step of their own, and do not end the training."""
    options = {"loss": "centered_alignment", "batch_size": 3, "key": jax.random.key(0)}
    trained = train(KERNEL, X[:8], [0] * 7 + [1], steps=8, **options)
    assert trained.steps == 8
    assert (trained.losses == 0).any()
    assert (trained.losses != 0).any()
    assert not trained.diverged


def test_losses_that_are_no_number() -> None:
    trained = train(KERNEL, X, SIGNS, weights=START, loss=_never_a_number, steps=4)
    assert trained.diverged
    assert error(trained.weights, START) == 0


def _never_a_number(matrix: jax.Array, targets: jax.Array) -> jax.Array:
    return jnp.nan * matrix[0, 1] * targets[0]


def test_losses_of_one_s_own() -> None:
    def ridge(matrix: jax.Array, targets: jax.Array) -> jax.Array:
        solution = jnp.linalg.solve(matrix + 0.1 * jnp.eye(len(matrix)), targets)
        return targets @ solution

    projected = ProjectedKernel(CIRCUIT, weight_params=WEIGHTS)
    trained = train(projected, X, np.float32(np.cos(X[:, 0])), loss=ridge, weights=START, steps=10)
    assert trained.losses[-1] < trained.losses[0]


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"kernel": "rbf"}, TypeError, "kernel: got str"),
        ({"kernel": FidelityKernel(CIRCUIT)}, ValueError, "kernel: it has no weights"),
        ({"weights": None, "key": 3}, TypeError, "key: expected one JAX random key"),
        ({"weights": [1.0]}, ValueError, r"weights: expected shape \(4,\)"),
        ({"x": X[:, 0]}, ValueError, r"x: expected shape \(points, 2\)"),
        ({"x": X * np.inf}, ValueError, "x: holds NaN"),
        ({"labels": LABELS[:3]}, ValueError, r"labels: expected shape \(20,\)"),
        ({"labels": np.ones(20)}, ValueError, "labels: got 1 class"),
        ({"labels": np.full(20, np.nan)}, ValueError, "labels: holds NaN"),
        ({"loss": "hinge"}, ValueError, "loss: got 'hinge'"),
        ({"loss": lambda m, y: m.sum(), "labels": SIGNS[:4]}, ValueError, "labels: expected a row"),
        ({"steps": 0}, ValueError, "steps: expected"),
        ({"batch_size": 4}, (TypeError, ValueError), "key"),
    ],
)
def test_bad_input(options: dict, kind: type[Exception], message: str) -> None:
    given = {"kernel": KERNEL, "x": X, "labels": LABELS, "weights": START, "steps": 2} | options
    with pytest.raises(kind, match=message):
        train(given.pop("kernel"), given.pop("x"), given.pop("labels"), **given)
