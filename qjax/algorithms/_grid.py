"""Floor 11. Grid of numbers, seeds, folds -> scores: all models of one architecture at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import ParameterGrid, check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, indexable

from qjax._base.options import as_flag, as_whole
from qjax.algorithms._estimator import NetworkEstimator, Task
from qjax.algorithms._grid_result import GridResult
from qjax.algorithms._objective import Batch
from qjax.algorithms._optimizers import Steps
from qjax.algorithms._training import as_result, is_compiled, stepped


@dataclass(frozen=True, eq=False)
class _Fit:
    """One model of the search.

    Attributes:
        model: what will predict: the estimator, or a pipeline that ends in it.
        task: what the estimator at its end minimises; None for one that is fitted already.
        place: index of point, seed and fold.
    """

    model: Any
    task: Task | None
    place: tuple[int, int, int]


def fit_grid(
    estimator: BaseEstimator,
    param_grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Sequence[Any]]],
    X: Any,
    y: Any,
    *,
    cv: Any = None,
    seeds: Iterable[int] | None = None,
    scoring: Any = None,
    refit: bool = True,
    at_once: int | None = None,
    progress: bool = False,
) -> GridResult:
    """Search a grid as `GridSearchCV` does, with all models of one architecture trained at once.

    Models that differ in learning rate, starting point, seed or fold are runs of one compiled
    program, however many there are. Points that make other networks, losses or optimizers have
    programs of their own. Scores are those of `GridSearchCV` up to rounding. What has no compiled
    steps (SciPy's methods, networks on primitives, other estimators) is fitted one by one. The
    `callback` of an estimator is told of these, and of the last fit on all data; not of other
    models. A point that no model can be made of is an error here, no NaN.

        result = fit_grid(VQC(optimizer=optax.adam), {"learning_rate": [0.01, 0.1]}, x, labels,
                          seeds=range(5))

    Args:
        estimator: one of this package that trains a network, or a pipeline that ends in one.
        param_grid: lists of values by the names of parameters, or several such grids.
        X: inputs, shape `(samples, features)`.
        y: labels or values.
        cv: folds, as in scikit-learn: a number, a splitter, or pairs of training and test rows;
            None for 5, stratified for classifiers.
        seeds: `random_state` of the estimator, one after the other; None for its own, or those in
            the grid.
        scoring: a name or function as in scikit-learn; None for the estimator's `score`.
        refit: whether the best numbers are trained on all data, with the first seed.
        at_once: models of a batch at most, where memory is short; None for all.
        progress: whether to show a bar for each batch (needs the extra `progress`).

    Raises:
        ValueError: for data, grids or folds that do not fit.
        TypeError: for arguments of another kind.
    """
    points = tuple(dict(point) for point in ParameterGrid(param_grid))
    if not points:
        raise ValueError("param_grid: expected at least one point, got none")
    if isinstance(scoring, (list, tuple, set, Mapping)):
        raise TypeError(f"scoring: expected one name or function, got {scoring!r}")
    X, y = indexable(X, y)
    with_refit, with_bar = as_flag(refit, "refit"), as_flag(progress, "progress")
    chosen = _as_seeds(estimator, points, seeds)
    limit = None if at_once is None else as_whole(at_once, "at_once", 1)
    folds = list(check_cv(cv, y, classifier=is_classifier(estimator)).split(X, y))
    scorer = check_scoring(estimator, scoring)
    scores = np.full((len(points), len(chosen), len(folds)), np.nan)
    with jax.enable_x64(True):  # data in single precision stay in it
        fits = [
            _prepared(_with(estimator, point, seed), X, y, rows, (p, s, f))
            for p, point in enumerate(points)
            for s, seed in enumerate(chosen)
            for f, (rows, _) in enumerate(folds)
        ]
        for group in _groups(fits, limit):
            _train(group, with_bar)
    for fit in fits:
        test = folds[fit.place[2]][1]
        scores[fit.place] = scorer(fit.model, _safe_indexing(X, test), _safe_indexing(y, test))
    result = GridResult(points, scores, chosen)
    if not with_refit:
        return result
    best = _with(estimator, result.best_params_, chosen[0])
    return replace(result, best_estimator_=best.fit(X, y))


def _as_seeds(
    estimator: Any, points: Sequence[Mapping[str, Any]], seeds: Any
) -> tuple[int | None, ...]:
    if seeds is None:
        return (None,)
    if not isinstance(seeds, Iterable):
        raise TypeError(f"seeds: expected several numbers, such as range(5), got {seeds!r}")
    chosen = tuple(as_whole(seed, "seeds", 0) for seed in seeds)
    if not chosen:
        raise ValueError("seeds: got none; expected numbers for random_state, or None")
    steps = estimator.steps if isinstance(estimator, Pipeline) else []
    name = "__".join([*(step[0] for step in steps[-1:]), "random_state"])
    if any(name in point for point in points):
        raise ValueError(f"seeds: got seeds, and {name} in param_grid; expected one of both")
    return chosen


def _with(estimator: Any, point: Mapping[str, Any], seed: int | None) -> Any:
    """A copy with the numbers of a point. Their own copies, as they may be estimators."""
    model = clone(estimator).set_params(**{name: clone(v, safe=False) for name, v in point.items()})
    if seed is not None:
        _last(model).set_params(random_state=seed)
    return model


def _last(model: Any) -> Any:
    return model.steps[-1][1] if isinstance(model, Pipeline) else model


def _prepared(model: Any, X: Any, y: Any, rows: np.ndarray, place: tuple[int, int, int]) -> _Fit:
    """What is to be trained on those rows, after the steps of a pipeline before it."""
    X, y = _safe_indexing(X, rows), _safe_indexing(y, rows)
    last = _last(model)
    if not isinstance(last, NetworkEstimator):
        return _Fit(model.fit(X, y), None, place)
    if isinstance(model, Pipeline) and len(model.steps) > 1:
        X = model[:-1].fit_transform(X, y)
    task = last.task(X, y)
    if is_compiled(task.way, task.objective.network):
        return _Fit(model, task, place)
    last.fit(X, y)
    return _Fit(model, None, place)


def _groups(fits: list[_Fit], limit: int | None) -> list[list[_Fit]]:
    """Those that one program trains together."""
    groups: dict[Any, list[_Fit]] = {}
    for fit in fits:
        if fit.task is not None:
            groups.setdefault(_kind(fit.task), []).append(fit)
    return [
        group[start : start + (limit or len(group))]
        for group in groups.values()
        for start in range(0, len(group), limit or len(group))
    ]


def _kind(task: Task) -> Any:
    """What a program is compiled for."""
    assert isinstance(task.way, Steps)
    shapes = [None if part is None else part.inputs.shape for part in (task.rows, task.validation)]
    way = task.way.optimizer, tuple(task.way.settings)
    return task.objective, way, task.schedule, task.starts.shape, task.starts.dtype, *shapes


def _train(group: list[_Fit], progress: bool) -> None:
    tasks = [fit.task for fit in group if fit.task is not None]
    first = tasks[0]
    assert isinstance(first.way, Steps)
    restarts = len(first.starts)
    rows, places = _joined([task.rows for task in tasks])
    aside, aside_places = None, None
    if first.validation is not None:
        aside, aside_places = _joined([task.validation for task in tasks if task.validation])
        aside_places = aside_places.repeat(restarts, 0)
    names = tuple(first.way.settings)
    settings = {
        name: jnp.repeat(jnp.asarray([_setting(task, name) for task in tasks]), restarts)
        for name in names
    }
    runs = stepped(
        first.objective,
        rows,
        np.concatenate([task.starts for task in tasks]),
        replace(first.way, settings=settings),
        replace(first.schedule, progress=progress),
        seeds=np.concatenate([task.seeds for task in tasks]),
        rows=places.repeat(restarts, 0),
        validation=aside,
        validation_rows=aside_places,
    )
    for index, (fit, task) in enumerate(zip(group, tasks, strict=True)):
        own = task.rows if task.validation is None else task.validation
        span = range(index * restarts, (index + 1) * restarts)
        results = [
            as_result(task.objective, own, runs, run, int(seed))
            for run, seed in zip(span, task.seeds, strict=True)
        ]
        _last(fit.model).finish(results, task.starts.dtype)


def _setting(task: Task, name: str) -> Any:
    assert isinstance(task.way, Steps)
    return task.way.settings[name]


def _joined(batches: Sequence[Batch]) -> tuple[Batch, Int[np.ndarray, "runs rows"]]:
    """Different batches one after the other, and where the rows of each of the given are."""
    blocks: dict[bytes, int] = {}
    different: list[Batch] = []
    for batch in batches:
        if _content(batch) not in blocks:
            blocks[_content(batch)] = len(different)
            different.append(batch)
    length = len(batches[0].inputs)
    starts = np.array([blocks[_content(batch)] * length for batch in batches])
    joined = Batch(*(np.concatenate(parts) for parts in zip(*different, strict=True)))
    return joined, starts[:, None] + np.arange(length)


def _content(batch: Batch) -> bytes:
    return b"".join(np.ascontiguousarray(part).tobytes() for part in batch)
