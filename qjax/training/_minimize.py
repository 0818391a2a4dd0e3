"""Floor 9. Losses, weights and data -> trained weights: what users call."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Int

from qjax._base.arrays import Numbers, check_key, common_dtype
from qjax._base.options import as_flag, as_whole
from qjax._base.process import check_process
from qjax.training._arguments import (
    as_batches,
    as_keys,
    as_seeds,
    as_settings,
    as_validation,
    as_vectorized,
    as_weights,
    check_convergence,
    check_functions,
    num_runs,
    steps_of_a_chunk,
)
from qjax.training._data import as_chosen, as_data, as_rows, check_parts
from qjax.training._loss import Loss
from qjax.training._plateau import Plateau
from qjax.training._program import Given, Recipe
from qjax.training._runs import Progress, Trained, only, trained
from qjax.training._sampling import Sampling
from qjax.training._stepper import Optimizer

UpdateArguments = Callable[[Any], dict[str, Any]]


def minimize(
    loss: Loss,
    weights: Any,
    optimizer: Optimizer,
    data: Any = None,
    *,
    steps: int,
    batch_size: int | None = None,
    sampling: Sampling | Int[ArrayLike, "steps batch"] = "epochs",
    key: Array | None = None,
    settings: Mapping[str, Numbers] | None = None,
    convergence: Plateau | None = None,
    validation_data: Any = None,
    patience: int | None = None,
    steps_per_call: int | None = None,
    callback: Callable[[Progress], object] | None = None,
    progress: bool = False,
    record_weights: bool = False,
    update_arguments: UpdateArguments | None = None,
) -> Trained:
    """Train weights: a compiled loop of loss, gradient and optimizer.

    A chunk of steps is one program; between chunks the host looks after bar, callback and
    validation. It compiles once per loss, optimizer, shapes and options: a loss that is a function
    of a module, a method of a network, or a frozen dataclass with `__call__` is recognised, a
    `lambda` that is made anew is another one. Computes in the weights' dtype.

        trained = minimize(loss, qnn.init(key), optax.adam, (x, y), steps=200,
                           settings={"learning_rate": 0.1})

    Args:
        loss: `(weights, batch)` -> real scalar, in JAX; `batch` is a pytree like `data`. With a
            third argument it gets the settings, a dictionary; with one alone, the weights. One with
            an argument named `key` draws, as networks with shots do: it gets a new JAX random key
            at each step, and one more for all checks on validation data. A key that is bound to it
            already, by `functools.partial`, stays.
        weights: pytree of real arrays, where the training starts.
        optimizer: a transformation of optax's or of `qjax.optimizers`. Or a function that makes
            one, such as `optax.adam`: it is called with those settings that it has arguments for.
            Its `update` gets `value`, `grad` and `value_fn` if it takes more arguments by name.
        data: pytree of arrays with a common number of rows; None for a loss without data. Whole
            numbers, such as labels, stay whole. Rows may lie along an axis of a mesh of devices,
            which networks then share; where the axis is explicit, batches lie along it as well.
        steps: how many are taken at most.
        batch_size: rows of a batch; None, and a number beyond theirs, for all in each step.
        sampling: "epochs" shuffles all rows before each pass through them, and leaves out what is
            less than a batch at its end; "replacement" draws each row by itself. Or the positions
            of the rows that each step sees, shape `(steps, batch)`, without `batch_size`: those
            that another program drew, for example.
        key: a JAX random key; batches are drawn from it, and the keys of a loss that takes them
            follow from it and from the number of the step.
        settings: numbers by name, for the optimizer's function and the loss: floats of the weights'
            dtype, whole numbers in arrays (seeds), or random keys. Others compile nothing.
        convergence: when to stop earlier; None for never.
        validation_data: pytree like `data`, whose loss is computed after each chunk; the weights
            with the least are the result.
        patience: how many chunks without a smaller validation loss end the training; None for any.
        steps_per_call: steps of a chunk; default: up to 100.
        callback: called after each chunk; the training stops where it returns True. It may return
            None.
        progress: whether to show a progress bar (needs the extra `progress`).
        record_weights: whether the weights before each step are told and returned.
        update_arguments: what else the optimizer's `update` is told, by name, as a function of the
            batch: `lambda batch: {"inputs": batch[0]}` for `natural_gradient`.

    Raises:
        ValueError: for numbers of rows, steps, settings or options that do not fit; says which.
        TypeError: for a loss that is no scalar, for what is no number, function, key or optimizer,
            for a missing key of a loss that takes one, and inside of JAX's transformations.
    """
    weights = as_weights(weights)
    if key is not None:
        check_key(key)
    check_functions(loss, optimizer, update_arguments, callback)
    told = None if callback is None else lambda news: callback(only(news))
    result = minimize_many(
        loss,
        jax.tree.map(lambda leaf: leaf[None], weights),
        optimizer,
        data,
        steps=steps,
        batch_size=batch_size,
        sampling=np.asarray(sampling)[None] if np.ndim(sampling) else sampling,
        key=None if key is None else key[None],
        settings=settings,
        convergence=convergence,
        validation_data=validation_data,
        patience=patience,
        steps_per_call=steps_per_call,
        callback=told,
        progress=progress,
        record_weights=record_weights,
        update_arguments=update_arguments,
    )
    return only(result)


def minimize_many(
    loss: Loss,
    weights: Any,
    optimizer: Optimizer,
    data: Any = None,
    *,
    steps: int,
    rows: Int[Array, "runs rows"] | None = None,
    batch_size: int | None = None,
    sampling: Sampling | Int[ArrayLike, "runs steps batch"] = "epochs",
    key: Array | None = None,
    settings: Mapping[str, Numbers] | None = None,
    convergence: Plateau | None = None,
    validation_data: Any = None,
    validation_rows: Int[Array, "runs rows"] | None = None,
    patience: int | None = None,
    steps_per_call: int | None = None,
    callback: Callable[[Progress], object] | None = None,
    progress: bool = False,
    record_weights: bool = False,
    update_arguments: UpdateArguments | None = None,
    vectorized: bool | None = None,
) -> Trained:
    """Train many models of one architecture at once: grids of numbers, seeds, folds.

    As `minimize`, for many runs in one program. Each run ends for itself: it converges, its loss is
    no number, patience is at an end.

    Args:
        loss: as in `minimize`, of one run.
        weights: pytree of arrays with a leading axis of runs.
        optimizer: as in `minimize`.
        data: as in `minimize`; all runs share it.
        steps: as in `minimize`.
        rows: the rows of the data that each run sees; None for all. Folds whose data differ (scaled
            by their own training rows, say) stand one after the other in `data`.
        batch_size: as in `minimize`.
        sampling: as in `minimize`; positions have a leading axis of runs.
        key: random keys, one for each run: `jax.random.split(key, runs)`.
        settings: numbers by name, each of shape `(runs,)`, or one for all.
        convergence: as in `minimize`.
        validation_data: as in `minimize`; all runs share it.
        validation_rows: the rows of the validation data that each run sees; None for all.
        patience: as in `minimize`.
        steps_per_call: as in `minimize`.
        callback: as in `minimize`; what it is told has a leading axis of runs.
        progress: as in `minimize`.
        record_weights: as in `minimize`.
        update_arguments: as in `minimize`, of one run.
        vectorized: True for a batch of runs under `vmap`, which becomes smaller where half of them
            have ended; False for one after the other in the same program. Default: True on
            accelerators, False on CPUs, where simulations are fastest whose rows share weights.

    Raises:
        ValueError: as `minimize`, and for leading axes that differ.
        TypeError: as `minimize`.
    """
    check_process()
    check_functions(loss, optimizer, update_arguments, callback)
    check_convergence(convergence)
    num_steps = as_whole(steps, "steps", 1)
    weights = as_weights(weights)
    count = num_runs(weights)
    data, num_rows = as_data(data, "data")
    rows = as_rows(rows, "rows", count, num_rows)
    each = num_rows if rows is None else rows.shape[1]
    if rows is not None:
        check_parts(data, each, "rows")
    chosen = as_chosen(sampling, count, each, num_steps, batch_size)
    batches = as_batches(each, batch_size, sampling, key, chosen)
    if batches is not None:
        check_parts(data, batches.size, "batch_size" if chosen is None else "sampling")
    recipe = Recipe(
        loss=loss,
        optimizer=optimizer,
        batches=batches,
        convergence=convergence,
        num_steps=steps_of_a_chunk(num_steps, steps_per_call),
        records=as_flag(record_weights, "record_weights"),
        update_arguments=update_arguments,
        vectorized=as_vectorized(vectorized, weights),
    )
    dtype = common_dtype(*jax.tree.leaves(weights))
    numbers, seeds = as_settings(settings, loss, optimizer, dtype, count), as_seeds(key, count)
    given = Given(numbers, rows, as_keys(key, loss))
    return trained(
        recipe,
        weights,
        given,
        data,
        num_steps,
        chosen=chosen,
        seeds=seeds,
        validation=as_validation(validation_data, validation_rows, patience, data, count),
        callback=callback,
        shown=as_flag(progress, "progress"),
    )
