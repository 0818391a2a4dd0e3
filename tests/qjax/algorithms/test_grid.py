"""A grid that is trained at once, and scikit-learn's search, model by model."""

from __future__ import annotations

import numpy as np
import optax
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from qjax.algorithms import VQC, NeuralNetworkClassifier, NeuralNetworkRegressor, fit_grid
from tests.qjax.algorithms.networks import circuits, expectation, points

X, Y = points(17)  # folds of two sizes
NETWORK = expectation()
STEPS = {"optimizer": optax.adam, "max_iter": 5, "random_state": 2}
RATES = [0.03, 0.1, 0.3]


def assert_same(ours, theirs, X=X) -> None:
    for name in ("mean_test_score", "std_test_score", "rank_test_score"):
        np.testing.assert_allclose(ours.cv_results_[name], theirs.cv_results_[name], atol=1e-9)
        np.testing.assert_allclose(getattr(ours, name), theirs.cv_results_[name], atol=1e-9)
    assert list(ours.params) == theirs.cv_results_["params"]
    assert ours.best_params_ == theirs.best_params_
    assert ours.best_score_ == pytest.approx(theirs.best_score_)
    np.testing.assert_array_equal(ours.best_estimator_.predict(X), theirs.predict(X))
    splits = [name for name in theirs.cv_results_ if name.startswith("split")]
    for name in splits:
        np.testing.assert_allclose(ours.cv_results_[name], theirs.cv_results_[name], atol=1e-9)
    assert set(ours.cv_results_) == {n for n in theirs.cv_results_ if not n.endswith("_time")}


def test_scores_are_those_of_scikit_learn() -> None:
    model = NeuralNetworkClassifier(NETWORK, **STEPS)
    grid = {"learning_rate": RATES}
    arguments = {"cv": 3, "scoring": "neg_log_loss"}
    ours = fit_grid(model, grid, X, Y, **arguments)
    assert_same(ours, GridSearchCV(model, grid, **arguments).fit(X, Y))


def test_several_architectures_in_a_pipeline() -> None:
    """Batches, restarts, rows kept aside, scaled folds; two circuits, and one fitted by SciPy."""
    feature_map, ansatz = circuits()
    turned = ansatz.compose(ansatz.assign_parameters(np.ones(4)))
    more = {"restarts": 2, "batch_size": 4, "validation_fraction": 0.3}
    x, y = X[:16], Y[:16]
    model = make_pipeline(StandardScaler(), VQC(None, feature_map, ansatz, **STEPS, **more))
    grid = [
        {"vqc__learning_rate": RATES[1:2], "vqc__ansatz": [ansatz, turned]},
        {
            "vqc__optimizer": ["L-BFGS-B"],
            "vqc__batch_size": [None],
            "vqc__validation_fraction": [None],
        },
    ]
    folds = StratifiedKFold(2)
    ours = fit_grid(model, grid, x, y, cv=folds, refit=False)
    theirs = GridSearchCV(model, grid, cv=folds, refit=False).fit(x, y)
    np.testing.assert_allclose(ours.mean_test_score, theirs.cv_results_["mean_test_score"])


def test_seeds_are_searches_of_their_own() -> None:
    model = NeuralNetworkRegressor(NETWORK, **STEPS)
    grid = {"learning_rate": RATES[:2]}
    x, y = X[:16], X[:16, 0]
    together = fit_grid(model, grid, x, y, cv=2, seeds=[0, 1], refit=False, at_once=4)
    assert together.scores.shape == (2, 2, 2)
    assert together.best_estimator_ is None
    for number, seed in enumerate(together.seeds):
        model.set_params(random_state=seed)
        alone = fit_grid(model, grid, x, y, cv=2, refit=False)
        np.testing.assert_allclose(together.scores[:, number], alone.scores[:, 0], atol=1e-9)
    np.testing.assert_allclose(together.mean_test_score, together.scores.reshape(2, 4).mean(1))


def test_all_numbers_are_one_program() -> None:
    """The loss is traced as often for one model as for a grid of them."""
    traced = []

    def counted(predictions, targets):
        traced.append(1)
        return ((predictions - targets) ** 2).sum(1)

    model = NeuralNetworkClassifier(NETWORK, counted, **STEPS)
    x, y = X[:16], Y[:16]
    counts = []
    for rates, seeds in (([0.1], [0]), (RATES, [0, 1, 2])):
        traced.clear()
        fit_grid(model, {"learning_rate": rates}, x, y, cv=2, seeds=seeds, refit=False)
        counts.append(len(traced))
    # The second batch is of another size: another program, and no more than that.
    assert counts[1] <= counts[0]


def test_other_estimators_are_fitted_one_by_one() -> None:
    grid = {"C": [0.1, 10.0]}
    assert_same(fit_grid(SVC(), grid, X, Y, cv=2), GridSearchCV(SVC(), grid, cv=2).fit(X, Y))


def steps_by(learning_rate: float) -> optax.GradientTransformation:
    """So large that weights become infinite at the first step, for a rate of 1e9 and more."""
    return optax.scale(-learning_rate * 1e300)


def test_a_point_that_goes_astray() -> None:
    """It counts with the weights where it started, and the others are as without it."""
    model = NeuralNetworkClassifier(NETWORK, **(STEPS | {"optimizer": steps_by}))
    arguments = {"cv": 2, "refit": False}
    with pytest.warns(ConvergenceWarning, match="the next weights became infinite"):
        ours = fit_grid(model, {"learning_rate": [1e-301, 1e30, 0]}, X[:16], Y[:16], **arguments)
    np.testing.assert_array_equal(ours.scores[1], ours.scores[2])


class ArrayLike:
    """What NumPy can read, and no more."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return np.array(self.values, dtype)


def test_what_numpy_can_read() -> None:
    arguments = ({"C": [0.1, 10.0]},)
    ours = fit_grid(SVC(), *arguments, ArrayLike(X), ArrayLike(Y), cv=2, refit=False)
    expected = fit_grid(SVC(), *arguments, X, Y, cv=2, refit=False)
    np.testing.assert_array_equal(ours.scores, expected.scores)


def test_what_does_not_fit() -> None:
    model = NeuralNetworkClassifier(NETWORK, **STEPS)
    grid = {"learning_rate": [0.1]}
    with pytest.raises(ValueError, match="seeds: got none"):
        fit_grid(model, grid, X, Y, seeds=[])
    with pytest.raises(TypeError, match=r"seeds: expected several numbers, such as .* got 5"):
        fit_grid(model, grid, X, Y, seeds=5)
    seeded = {"neuralnetworkclassifier__random_state": [0, 1]}
    with pytest.raises(ValueError, match=r"seeds: got seeds, and neural.*random_state in param"):
        fit_grid(make_pipeline(StandardScaler(), model), seeded, X, Y, seeds=[5])
    with pytest.raises(ValueError, match="param_grid: expected at least one point"):
        fit_grid(model, [], X, Y)
    for scoring in (["accuracy", "f1"], {"a": "accuracy"}):
        with pytest.raises(TypeError, match="scoring: expected one name or function"):
            fit_grid(model, grid, X, Y, scoring=scoring)
    with pytest.raises(ValueError, match="learning_rate: expected one finite number, got inf"):
        fit_grid(model, {"learning_rate": [0.1, np.inf]}, X, Y)
    with pytest.raises(ValueError, match="at_once: expected a whole number"):
        fit_grid(model, grid, X, Y, at_once=0)
    with pytest.raises(ValueError, match="learning"):
        fit_grid(model, {"learning": [1]}, X, Y)
    with pytest.raises(TypeError, match="refit: expected True or False"):
        fit_grid(model, grid, X, Y, refit="no")
