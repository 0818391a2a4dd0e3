"""Floor 11. (objective, rows, starting points) -> trained weights, on whatever way there is."""

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import OptimizeResult
from scipy.optimize import minimize as scipy_minimize

from qjax._base.options import as_whole
from qjax._base.progress import progress_bar
from qjax.algorithms._evaluations import Callback, Evaluations, is_on_primitive
from qjax.algorithms._objective import Batch, Objective, inputs_of
from qjax.algorithms._optimizers import (
    DEFAULT_STEPS,
    Minimizer,
    ScipyMethod,
    Steps,
    Way,
)
from qjax.training import Plateau, Progress, Trained, minimize_many
from qjax.training._stepper import takes_more, tolerant

# With rows to validate on: steps between two checks.
STEPS_PER_CHECK = 10


@dataclass(frozen=True)
class Schedule:
    """How long is trained, and on what.

    Attributes:
        max_iter: steps, or iterations of a minimiser, at most; None for the way's own number.
        batch_size: rows of a step; None for all.
        convergence: the rule that ends steps earlier; None for none.
        patience: how many checks on the validation rows without progress end them; None for any.
        progress: whether to show a bar.
    """

    max_iter: int | None = None
    batch_size: int | None = None
    convergence: Plateau | None = None
    patience: int | None = None
    progress: bool = False


def is_compiled(way: Way, network: object) -> bool:
    """Whether steps are compiled, and many runs trained at once."""
    return isinstance(way, Steps) and not is_on_primitive(network)


def check_schedule(way: Way, schedule: Schedule, network: object, validated: bool) -> None:
    """Refuse what only compiled steps can do, on other ways.

    Raises:
        ValueError: says which argument has no effect there.
    """
    if schedule.patience is not None and not validated:
        raise ValueError(
            f"patience: got {schedule.patience} without validation_fraction; expected rows to be "
            "kept aside, such as validation_fraction=0.1"
        )
    if is_compiled(way, network):
        return
    values = {**vars(schedule), "validation_fraction": validated or None}
    values["progress"] = (schedule.progress and not isinstance(way, Steps)) or None
    names = ("batch_size", "convergence", "validation_fraction", "progress")
    if given := [name for name in names if values[name] is not None]:
        where = "a network on a primitive" if isinstance(way, Steps) else "an optimizer on the host"
        raise ValueError(
            f"{', '.join(given)}: not for {where}, whose steps are not compiled; expected "
            "a simulated network and a transformation, such as optimizer=optax.adam(0.01)"
        )


def trained(
    objective: Objective,
    batch: Batch,
    starts: Float[np.ndarray, "runs weights"],
    way: Way,
    schedule: Schedule,
    *,
    seeds: Int[np.ndarray, " runs"],
    validation: Batch | None = None,
    callback: Callback | None = None,
) -> list[OptimizeResult]:
    """A result for each starting point, in the dtype of the batch.

    Each has `x`, the weights; `fun`, the loss there on all rows, or on the validation rows if
    there are any; `nit`; `success`; and `losses`, the loss at each step or evaluation.
    """
    if is_compiled(way, objective.network):
        assert isinstance(way, Steps)
        runs = stepped(
            objective, batch, starts, way, schedule,
            seeds=seeds, validation=validation, callback=callback,
        )  # fmt: skip
        rows = batch if validation is None else validation
        return [
            as_result(objective, rows, runs, index, int(seed)) for index, seed in enumerate(seeds)
        ]
    return [
        _on_the_host(objective, batch, start, way, schedule, callback, int(seed))
        for start, seed in zip(starts, seeds, strict=True)
    ]


def stepped(
    objective: Objective,
    batch: Batch,
    starts: Float[np.ndarray, "runs weights"],
    way: Steps,
    schedule: Schedule,
    *,
    seeds: Int[np.ndarray, " runs"],
    rows: Int[np.ndarray, "runs rows"] | None = None,
    validation: Batch | None = None,
    validation_rows: Int[np.ndarray, "runs rows"] | None = None,
    callback: Callback | None = None,
) -> Trained:
    """Train all runs at once: one compiled program.

    Rows of the batch, and of the validation rows, are for all runs, or those that each is given.
    """
    told = None if callback is None else _told(callback, len(starts))
    return minimize_many(
        objective,
        starts.astype(batch.targets.dtype),
        way.optimizer,
        batch,
        steps=_steps(schedule),
        rows=None if rows is None else jnp.asarray(rows),
        batch_size=schedule.batch_size,
        key=jax.vmap(jax.random.key)(jnp.asarray(seeds, jnp.uint32)),
        settings=way.settings,
        convergence=schedule.convergence,
        validation_data=validation,
        validation_rows=None if validation_rows is None else jnp.asarray(validation_rows),
        patience=schedule.patience,
        steps_per_call=None if validation is None else STEPS_PER_CHECK,
        callback=told,
        progress=schedule.progress,
        record_weights=callback is not None,
        update_arguments=inputs_of,
    )


def _steps(schedule: Schedule) -> int:
    given = schedule.max_iter
    return DEFAULT_STEPS if given is None else as_whole(given, "max_iter", 1)


def _told(callback: Callback, num_runs: int) -> Callable[[Progress], None]:
    """Weights and loss before each step of each run, as they are known between chunks."""

    def tell(news: Progress) -> None:
        for run in range(num_runs):
            losses, weights = news.losses[run], np.asarray(news.weights_before[run])
            for loss, point in zip(losses, weights, strict=False):
                if not np.isnan(loss):
                    callback(point, float(loss))

    return tell


def as_result(
    objective: Objective, rows: Batch, runs: Trained, index: int, seed: int
) -> OptimizeResult:
    """What `trained` says of one of the runs, of that seed: see there."""
    weights, steps = np.asarray(runs.weights[index]), int(runs.steps[index])
    found = Evaluations(objective, rows, gradients=False, seed=seed).value(weights)
    return OptimizeResult(
        x=weights,
        fun=found,
        nit=steps,
        success=bool(runs.converged[index]),
        diverged=bool(runs.diverged[index]),
        losses=np.asarray(runs.losses[index][:steps]),
    )


def _on_the_host(
    objective: Objective,
    batch: Batch,
    start: Float[np.ndarray, " weights"],
    way: Way,
    schedule: Schedule,
    callback: Callback | None,
    seed: int,
) -> OptimizeResult:
    own = isinstance(way, Minimizer) and hasattr(way.owner, "callback")
    takes = not isinstance(way, ScipyMethod) or way.takes_gradient
    told = None if own else callback
    evaluations = Evaluations(objective, batch, gradients=takes, seed=seed, tell=told)
    start = np.asarray(start, float)
    if isinstance(way, Steps):
        more: dict[str, Any] = inputs_of(batch)
        more["value_fn"] = tolerant(partial(objective, batch=batch), tuple(more))
        result = _stepped_on_the_host(evaluations, start, way, schedule, more)
    elif isinstance(way, Minimizer):
        run = _with_callback(way, callback) if own and callback is not None else way.run
        result = run(fun=evaluations.value, x0=start, jac=evaluations.gradient)
    else:
        jac = evaluations.gradient if takes else None
        result = scipy_minimize(
            evaluations.value, start, method=way.name, jac=jac, options=dict(way.options)
        )
    return _completed(result, evaluations)


def _completed(result: Any, evaluations: Evaluations) -> Any:
    """What the minimiser returned, with what estimators say of a training, whatever it is."""
    losses = evaluations.losses
    result.losses = np.array(losses)
    if getattr(result, "fun", None) is None:
        result.fun = evaluations.value(result.x)
    iterations = getattr(result, "nit", None) or getattr(result, "nfev", None) or len(losses)
    result.nit = max(1, int(iterations))
    return result


def _with_callback(way: Minimizer, callback: Callback) -> Callable[..., Any]:
    """The minimiser of an optimizer that has its own callback, which is told (count, x, f, ...)."""
    twin = copy.copy(way.owner)
    twin.callback = (lambda *told: callback(told[1], told[2])) if _takes_two(callback) else callback
    return twin.minimize


def _takes_two(callback: Callback) -> bool:
    try:
        inspect.signature(callback).bind(None, None)
    except TypeError:
        return False
    return True


def _stepped_on_the_host(
    evaluations: Evaluations,
    start: Float[np.ndarray, " weights"],
    way: Steps,
    schedule: Schedule,
    more: dict[str, Any],
) -> OptimizeResult:
    """The loop of steps where a primitive computes values: nothing of it can be compiled."""
    transformation: Any = way.optimizer(**way.settings) if way.settings else way.optimizer
    weights, state = start, transformation.init(start)
    with_more, num_steps, diverged = takes_more(transformation.update), _steps(schedule), False
    before = weights
    with progress_bar(num_steps, schedule.progress, "steps") as advance:
        while len(evaluations.losses) < num_steps and not diverged:
            value, gradient = evaluations.value(weights), evaluations.gradient(weights)
            told = {"value": value, "grad": gradient, **more} if with_more else {}
            with np.errstate(all="ignore"):  # what is infinite ends the loop, and is told then
                updates, state = transformation.update(gradient, state, weights, **told)
                ahead = weights + np.asarray(updates, float)
            diverged = not (np.isfinite(value) and np.isfinite(ahead).all())
            before = weights if np.isfinite(value) else before
            weights = before if diverged else ahead
            advance(1)
    steps = len(evaluations.losses)
    return OptimizeResult(x=weights, nit=steps, success=not diverged, diverged=diverged)
