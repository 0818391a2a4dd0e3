"""What a fit takes, does, and leaves behind."""

from __future__ import annotations

import pickle
import subprocess
import sys

import jax
import numpy as np
import optax
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import qjax
from qjax import optimizers
from qjax.algorithms import VQC, VQR, NeuralNetworkClassifier, NeuralNetworkRegressor
from qjax.training import Plateau
from tests.qjax.algorithms.networks import (
    circuits,
    estimator_of_width,
    expectation,
    points,
    sampler_of_width,
)

X, Y = points()
NETWORK = sampler_of_width(2, 2)
START = np.linspace(-1, 1, NETWORK.num_weights)
STEPS = {"optimizer": optax.adam, "learning_rate": 0.1, "max_iter": 8, "random_state": 0}


def classifier(network: object = NETWORK, **arguments) -> NeuralNetworkClassifier:
    return NeuralNetworkClassifier(network, **(STEPS | arguments))


def numpy_loss(weights: np.ndarray, x=X, y=Y) -> float:
    """The mean squared error of the outcome, as a sum over outcomes."""
    p = NETWORK.forward(x, weights)
    return float(np.mean([(p[:, k] * (k - y) ** 2) for k in range(2)]) * 2)


def test_steps_are_those_of_optax() -> None:
    """The loop by hand: gradients from `backward`, which Qiskit ML's networks are compared with."""
    told = []
    fitted = classifier(initial_point=START, callback=lambda w, loss: told.append((w, loss)))
    fitted.fit(X, Y)
    with jax.enable_x64(True):
        optimizer, weights = optax.adam(0.1), START.copy()
        state = optimizer.init(weights)
        for point, loss in told:
            np.testing.assert_allclose(point, weights, atol=1e-12)
            assert loss == pytest.approx(numpy_loss(weights), abs=1e-12)
            cost = (np.arange(2) - Y[:, None]) ** 2 / len(Y)
            gradient = np.tensordot(cost, NETWORK.backward(X, weights)[1], 2)
            updates, state = optimizer.update(gradient, state, weights)
            weights = weights + np.asarray(updates)
    np.testing.assert_allclose(fitted.weights_, weights, atol=1e-12)
    np.testing.assert_allclose(fitted.loss_curve_, [loss for _, loss in told])
    assert fitted.n_iter_ == len(told) == 8
    assert fitted.loss_ == pytest.approx(numpy_loss(weights), abs=1e-12)
    assert fitted.fit_result.x is fitted.fit_result_.x
    np.testing.assert_array_equal(fitted.weights, fitted.weights_)


@pytest.mark.parametrize("optimizer", [None, "l-bfgs-b", "COBYLA", optax.sgd(0.5)])
def test_every_way_goes_down(optimizer: object) -> None:
    given = {} if optimizer is None else {"optimizer": optimizer}
    steps = {"max_iter": 20, "initial_point": START}
    fitted = NeuralNetworkClassifier(NETWORK, **given, **steps).fit(X, Y)
    assert fitted.loss_ < numpy_loss(START) - 0.01
    assert fitted.loss_ == pytest.approx(numpy_loss(fitted.weights_), abs=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_is_that_of_the_data(dtype: type) -> None:
    assert not jax.config.jax_enable_x64
    fitted = classifier().fit(X.astype(dtype), Y)
    assert fitted.weights_.dtype == fitted.loss_curve_.dtype == dtype
    assert fitted.predict_proba(X.astype(dtype)).dtype == dtype
    assert not jax.config.jax_enable_x64


LABELS = [
    np.array(["no", "yes"]),
    np.array([-1, 1]),
    np.array([False, True]),
    np.array([3.0, 7.0]),
    np.array(["no", "yes"], object),
]


@pytest.mark.parametrize("labels", LABELS, ids=str)
@pytest.mark.parametrize("network", [NETWORK, estimator_of_width(2, 1), estimator_of_width(2, 2)])
def test_labels_of_any_type(labels: np.ndarray, network: object) -> None:
    """The same model, whatever the classes are called."""
    several_values = network.output_shape == (2,) and network is not NETWORK
    model = classifier(network, one_hot=several_values)
    fitted, numbered = (clone(model).fit(X, y) for y in (labels[Y], Y))
    np.testing.assert_array_equal(fitted.classes_, labels)
    assert set(fitted.predict(X)) <= set(labels)
    np.testing.assert_array_equal(fitted.predict(X), labels[numbered.predict(X)])
    probabilities = fitted.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-12)
    assert (probabilities >= 0).all()
    np.testing.assert_array_equal(labels[probabilities.argmax(1)], fitted.predict(X))
    np.testing.assert_array_equal(labels[(fitted.decision_function(X) > 0) * 1], fitted.predict(X))
    assert fitted.score(X, labels[Y]) == np.mean(fitted.predict(X) == labels[Y])


def test_labels_that_are_outputs_stand_for_them() -> None:
    """A class that is missing among the samples does not move the others."""
    network = sampler_of_width(2, 3)
    fitted = classifier(network, one_hot=True, loss="cross_entropy").fit(X, 2 * Y)
    outputs = network.forward(X, fitted.weights_)
    expected = -np.log2(outputs[np.arange(len(X)), 2 * Y]).mean()
    assert fitted.loss_ == pytest.approx(expected, abs=1e-10)
    np.testing.assert_array_equal(fitted.classes_, [0, 2])
    shares = outputs[:, [0, 2]] / outputs[:, [0, 2]].sum(1, keepdims=True)
    np.testing.assert_allclose(fitted.predict_proba(X), shares, atol=1e-10)


def test_a_loss_of_jax() -> None:
    """Expectation values as logits: the loss of optax, and scikit-learn's of the probabilities."""
    network = estimator_of_width(2, 3)
    y = np.arange(len(X)) % 3
    loss = optax.softmax_cross_entropy
    fitted = classifier(network, one_hot=True, loss=loss).fit(X, y)
    assert fitted.loss_ == pytest.approx(log_loss(y, fitted.predict_proba(X)), abs=1e-10)


def test_restarts_are_single_fits_of_which_the_best_is_kept() -> None:
    fitted = classifier(restarts=4).fit(X, Y)
    starts = np.random.RandomState(0).uniform(-1, 1, (4, NETWORK.num_weights))
    alone = [classifier(initial_point=start).fit(X, Y).loss_ for start in starts]
    assert fitted.loss_ == pytest.approx(min(alone), abs=1e-10)
    host = classifier(restarts=3, optimizer="L-BFGS-B", learning_rate=None).fit(X, Y)
    assert host.loss_ < numpy_loss(starts[0])


def test_given_starting_points_come_first() -> None:
    fitted = classifier(initial_point=np.stack([START, START]), restarts=2, max_iter=1).fit(X, Y)
    assert fitted.loss_curve_[0] == pytest.approx(numpy_loss(START), abs=1e-10)


def test_warm_start_goes_on() -> None:
    model = classifier(warm_start=True, initial_point=START, optimizer=optax.sgd).fit(X, Y)
    first = model.weights_
    model.fit(X, Y)
    whole = classifier(initial_point=START, optimizer=optax.sgd, max_iter=16).fit(X, Y)
    assert not np.allclose(model.weights_, first)
    np.testing.assert_allclose(model.weights_, whole.weights_, atol=1e-10)


PLAIN = expectation()
REMOTE = PLAIN.replace(estimator=qjax.primitives.Estimator(exact=True))


@pytest.mark.parametrize(
    "optimizer",
    [
        optax.lbfgs(),  # refuses arguments that it does not know
        optax.chain(optimizers.natural_gradient(PLAIN), optax.scale(-0.1)),  # wants the inputs
        optimizers.rotosolve(PLAIN),
    ],
    ids=["lbfgs", "natural gradient", "rotosolve"],
)
def test_transformations_are_told_what_they_ask_for(optimizer: object) -> None:
    steps = {"optimizer": optimizer, "max_iter": 6, "random_state": 0}
    fitted = NeuralNetworkClassifier(PLAIN, **steps).fit(X, Y)
    assert fitted.loss_ < fitted.loss_curve_[0]


def test_schedules_and_losses_that_are_no_number() -> None:
    schedule = optax.constant_schedule(0.1)
    ours = classifier(initial_point=START, learning_rate=schedule).fit(X, Y)
    fixed = classifier(initial_point=START).fit(X, Y)
    np.testing.assert_allclose(ours.weights_, fixed.weights_, atol=1e-12)
    broken = classifier(loss=lambda p, t: jax.numpy.log(-p - 1).sum(1), one_hot=True)
    with pytest.warns(ConvergenceWarning, match="the loss became nan"):
        broken.fit(X, Y)


@pytest.mark.parametrize("network", [PLAIN, REMOTE], ids=["simulated", "on a primitive"])
def test_steps_past_all_numbers_keep_the_last_weights(network: object) -> None:
    arguments = {"learning_rate": None, "initial_point": START[:4], "warm_start": True}
    model = classifier(network, optimizer=optax.sgd(np.inf), **arguments)
    with pytest.warns(ConvergenceWarning, match="the next weights became infinite.* at step 1;"):
        model.fit(X[:4], Y[:4])
    np.testing.assert_array_equal(model.weights_, START[:4])
    assert not model.fit_result_.success
    model.set_params(optimizer=optax.sgd(0.1), max_iter=2).fit(X[:4], Y[:4])
    assert model.loss_ < model.loss_curve_[0]


@pytest.mark.parametrize("network", [PLAIN, REMOTE], ids=["simulated", "on a primitive"])
def test_a_loss_that_becomes_nan_leaves_the_last_weights_with_a_finite_one(network: object) -> None:
    least = PLAIN.forward(X[0], START[:4]).item() - 0.1

    def downwards(predictions: jax.Array, targets: jax.Array) -> jax.Array:
        return jax.numpy.where(predictions[:, 0] < least, np.nan, predictions[:, 0])

    more = {"learning_rate": None, "optimizer": optax.sgd(0.3), "initial_point": START[:4]}
    model = NeuralNetworkRegressor(network, downwards, **(STEPS | more | {"max_iter": 50}))
    with pytest.warns(ConvergenceWarning, match="the loss became nan"):
        model.fit(X[:1], [0.0])
    assert np.isnan(model.loss_curve_[-1])
    assert model.loss_ == pytest.approx(model.loss_curve_[-2], abs=1e-9)


def test_a_bar_of_steps_on_a_primitive(capsys: pytest.CaptureFixture[str]) -> None:
    classifier(REMOTE, max_iter=3, progress=True).fit(X[:2], Y[:2])
    assert "3/3" in capsys.readouterr().err


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_fit_that_fails_leaves_the_last_one() -> None:
    fitted = classifier().fit(X, Y)
    for arguments, width in (
        ({"validation_fraction": 0.01}, 2),
        ({"callback": interrupt}, 2),
        ({}, 1),
    ):
        before, state = fitted.predict(X), {**vars(fitted)}
        model = fitted.set_params(**STEPS, **arguments)
        with pytest.raises((ValueError, KeyboardInterrupt)):
            model.fit(X[:, :width], np.where(Y, "a", "b"))
        assert vars(model) == state | arguments
        np.testing.assert_array_equal(model.predict(X), before)
        fitted.set_params(validation_fraction=None, callback=None)
    first = classifier(callback=interrupt)
    with pytest.raises(KeyboardInterrupt):
        first.fit(X, Y)
    with pytest.raises(NotFittedError):
        first.predict(X)


def test_data_of_jax() -> None:
    ours = classifier().fit(jax.numpy.asarray(X), list(Y))
    expected = classifier().fit(X.astype(np.float32), Y)
    np.testing.assert_allclose(ours.weights_, expected.weights_, atol=1e-6)


def test_sample_weights_are_repetitions_and_class_weights_are_sample_weights() -> None:
    counts = np.arange(len(X)) % 3
    weighted = classifier(initial_point=START).fit(X, Y, sample_weight=counts)
    repeated = classifier(initial_point=START).fit(X.repeat(counts, 0), Y.repeat(counts))
    np.testing.assert_allclose(weighted.weights_, repeated.weights_, atol=1e-10)
    by_class = classifier(initial_point=START, class_weight={0: 3, 1: 1}).fit(X, Y)
    by_sample = classifier(initial_point=START).fit(X, Y, sample_weight=np.where(Y, 1, 3))
    np.testing.assert_allclose(by_class.weights_, by_sample.weights_, atol=1e-10)


def test_batches_validation_and_convergence() -> None:
    x, y = points(40)
    arguments = {"batch_size": 8, "validation_fraction": 0.25, "max_iter": 200}
    model = classifier(**arguments, patience=2).fit(x, y)
    assert model.n_iter_ < 200
    again = classifier(**arguments, patience=2).fit(x, y)
    np.testing.assert_array_equal(model.weights_, again.weights_)
    settled = classifier(convergence=Plateau(5), max_iter=400, learning_rate=0.3).fit(x, y)
    assert settled.n_iter_ < 400
    assert settled.fit_result_.success


def test_copies_and_pickles() -> None:
    model = VQC(*[None, *circuits()], optimizer=optax.adam, learning_rate=0.1, max_iter=3)
    assert clone(model).get_params()["learning_rate"] == 0.1
    assert model.set_params(max_iter=4).max_iter == 4
    fitted = model.fit(X, np.array(["a", "b"])[Y])
    twin = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(twin.predict(X), fitted.predict(X))
    np.testing.assert_array_equal(twin.predict_proba(X), fitted.predict_proba(X))
    assert fitted.num_classes == 2
    assert fitted.neural_network is fitted.network_
    assert fitted.circuit.num_qubits == 2


def test_regressor_of_several_values_and_of_outcomes() -> None:
    values = np.stack([X.sum(1), X[:, 0]], 1)
    arguments = {"optimizer": "L-BFGS-B", "max_iter": 10, "random_state": 0}
    model = NeuralNetworkRegressor(estimator_of_width(2, 2), **arguments).fit(X, values)
    outputs = model.network_.forward(X, model.weights_)
    np.testing.assert_allclose(model.predict(X), outputs, atol=1e-12)
    expected = ((outputs - values) ** 2).sum(1).mean()
    assert model.loss_ == pytest.approx(expected, abs=1e-10)
    outcomes = NeuralNetworkRegressor(sampler_of_width(2, 3), **arguments).fit(X, 1 + X[:, 0])
    p = outcomes.network_.forward(X, outcomes.weights_)
    np.testing.assert_allclose(outcomes.predict(X), p @ [0, 1, 2], atol=1e-12)
    cost = (np.arange(3) - 1 - X[:, :1]) ** 2
    assert outcomes.loss_ == pytest.approx((p * cost).sum(1).mean(), abs=1e-10)


def test_regressor_takes_an_observable() -> None:
    model = VQR(*[None, *circuits()], "ZI", optimizer=optax.adam(0.1), max_iter=5).fit(X, X[:, 0])
    assert model.predict(X).shape == (len(X),)
    assert model.circuit.num_qubits == model.neural_network.circuit.num_qubits == 2


@pytest.mark.parametrize(
    "optimizer",
    [
        optax.sgd(0.1),
        "L-BFGS-B",
        optax.chain(optimizers.natural_gradient(PLAIN), optax.scale(-0.1)),
        optimizers.spsa(0.1, 0.1, key=jax.random.key(0)),
    ],
    ids=["sgd", "L-BFGS-B", "natural gradient", "SPSA"],
)
def test_networks_on_a_primitive(optimizer: object) -> None:
    """Exact values from an estimator: the training of the simulated network."""
    ours, expected = (
        NeuralNetworkClassifier(
            network, optimizer=optimizer, max_iter=2, initial_point=START[:4]
        ).fit(X[:4], Y[:4])
        for network in (REMOTE, PLAIN)
    )
    np.testing.assert_allclose(ours.weights_, expected.weights_, atol=1e-6)
    np.testing.assert_array_equal(ours.predict(X[:4]), expected.predict(X[:4]))


def test_a_search_over_numbers_compiles_once() -> None:
    """Traced as often for one learning rate as for five, in folds of one size."""
    traced = []

    def loss(predictions, targets):
        traced.append(1)
        return ((predictions - targets) ** 4).sum(1)

    steps = {"loss": loss, "optimizer": optax.adam, "max_iter": 4, "random_state": 0}
    network = estimator_of_width(2, 1)
    pipeline = make_pipeline(StandardScaler(), NeuralNetworkClassifier(network, **steps))
    counts = []
    for rates in ([0.1], [0.01, 0.02, 0.03, 0.04, 0.05]):
        grid = {"neuralnetworkclassifier__learning_rate": rates}
        GridSearchCV(pipeline, grid, cv=3, n_jobs=1).fit(X, Y)
        counts.append(len(traced))
    assert counts[1] == counts[0] > 0


def test_torch_stays_out() -> None:
    script = (
        "import sys, numpy, qjax.algorithms as a; x = numpy.eye(2); "
        "a.VQC(max_iter=1).fit(x, [0, 1]).predict(x); assert 'torch' not in sys.modules; "
        "assert 'qiskit_machine_learning' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
