"""Floor 9. What a caller handed in to train -> checked arguments."""

from collections.abc import Mapping
from typing import Any, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Int

from qjax._base import tuning
from qjax._base.arrays import as_real, check_key
from qjax._base.options import as_flag, as_whole
from qjax.training._data import as_data, as_rows, refuse_tracers
from qjax.training._loss import Loss, needs_key, takes_key, takes_settings
from qjax.training._plateau import Plateau
from qjax.training._runs import Validation
from qjax.training._sampling import GIVEN, Batches, Sampling
from qjax.training._stepper import Optimizer, Transformation, missing_settings, settings_of


def as_weights(weights: Any, what: str = "weights") -> Any:
    """A pytree of real arrays.

    Raises:
        TypeError: for leaves that are not real numbers.
        ValueError: for a tree without leaves.
    """
    if not jax.tree.leaves(weights):
        raise ValueError(f"{what}: expected a pytree of arrays to be trained, got {weights!r}")
    refuse_tracers(weights, what)
    if isinstance(weights, (list, tuple)) and not any(map(_is_array, jax.tree.leaves(weights))):
        return as_real(weights, what)  # a vector as a list of numbers
    return jax.tree.map(lambda leaf: as_real(leaf, what), weights)


def as_batches(
    num_rows: int,
    batch_size: int | None,
    sampling: Any,
    key: Array | None,
    chosen: Int[np.ndarray, "runs steps batch"] | None,
) -> Batches | None:
    """How rows are drawn; None where each step sees all of them.

    Raises:
        ValueError: for batches without data or key, and an unknown way of sampling.
    """
    if chosen is not None:
        return Batches(num_rows, chosen.shape[2], GIVEN)
    if sampling not in get_args(Sampling):
        raise ValueError(f"sampling: expected one of {get_args(Sampling)}, got {sampling!r}")
    if batch_size is None:
        if sampling != "epochs":
            raise ValueError(f"batch_size: got None with sampling={sampling!r}; expected a number")
        return None
    size = as_whole(batch_size, "batch_size", 1)
    if not num_rows:
        raise ValueError(f"batch_size: got {size} without data; expected `data` to draw from")
    if key is None:
        raise ValueError("key: got None; batches are drawn: expected jax.random.key(seed)")
    # A batch of all rows in a random order is all rows.
    whole = size >= num_rows and sampling == "epochs"
    return None if whole else Batches(num_rows, size, sampling)


def as_settings(
    settings: Mapping[str, Any] | None,
    loss: Loss,
    optimizer: Optimizer,
    dtype: Any,
    count: int,
) -> dict[str, Array]:
    """Numbers by name, of the weights' dtype, one for each run.

    Raises:
        ValueError: for a number that neither optimizer nor loss takes, or of another shape.
        TypeError: for what is no number.
    """
    if settings is not None and not isinstance(settings, Mapping):
        raise TypeError(f"settings: expected numbers by name, a dictionary, got {settings!r}")
    given = dict(settings or {})
    if missing := missing_settings(optimizer, given):
        raise ValueError(
            f"settings: the function given as optimizer needs {', '.join(missing)}; expected "
            f"settings={{{missing[0]!r}: ...}}, or a transformation that it made"
        )
    if takes_settings(loss):
        if settings is None:
            raise ValueError("settings: got None, but the loss has a third argument for them")
    elif unknown := sorted(set(given) - set(settings_of(optimizer, given))):
        made = isinstance(optimizer, Transformation)
        remedy = "; a transformation has its numbers: give optax.adam, say" if made else ""
        raise ValueError(
            f"settings: {', '.join(unknown)} would have no effect, as neither the optimizer's "
            f"function has such an argument nor the loss a third one, for settings{remedy}"
        )
    return {
        name: _number(value, f"settings[{name!r}]", dtype, count) for name, value in given.items()
    }


def as_seeds(key: Array | None, count: int) -> Int[np.ndarray, "runs words"]:
    """The words of one random key for each run.

    Raises:
        TypeError: for what is no key.
        ValueError: for another number of them.
    """
    if key is None:
        return np.zeros((count, 1), np.uint32)  # nothing is drawn
    expected = f"key: expected {count} random keys, one a run, jax.random.split(key, {count})"
    if not isinstance(key, (jax.Array, np.ndarray)):
        raise TypeError(f"{expected}, got {key!r}")
    if not key.ndim or len(key) != count:
        raise ValueError(f"{expected}, got shape {key.shape}")
    check_key(key[0])
    typed = jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    return np.asarray(jax.random.key_data(key) if typed else key)


def as_keys(key: Array | None, loss: Loss) -> Array | None:
    """What the keys of a loss follow from, for each run; None for a loss that takes none.

    Raises:
        TypeError: for a loss that needs a key where none was given.
    """
    if key is None and needs_key(loss):
        raise TypeError(
            "key: got None, but the loss has an argument `key`, as it draws: expected "
            "key=jax.random.key(seed), from which each step's key follows (minimize_many: one for "
            "each run, jax.random.split(key, runs))"
        )
    return None if key is None or not takes_key(loss) else jnp.asarray(key)


def as_validation(
    data: Any, rows: Any, patience: int | None, trained_on: Any, count: int
) -> Validation | None:
    """How a training is watched; None where it is not.

    Raises:
        ValueError: for rows or patience without data, and data of another structure than those that
            are trained on.
        TypeError: for what is no numbers.
    """
    if data is None:
        if rows is not None or patience is not None:
            raise ValueError("validation_data: got None; expected data, for rows or patience")
        return None
    arrays, num_rows = as_data(data, "validation_data")
    if str(jax.tree.structure(trained_on)) != str(jax.tree.structure(arrays)):
        raise ValueError(
            f"validation_data: expected a tree like data, {_described(trained_on)}, got "
            f"{_described(arrays)}"
        )
    if patience is not None:
        patience = as_whole(patience, "patience", 1)
    return Validation(arrays, as_rows(rows, "validation_rows", count, num_rows), patience)


def _described(tree: Any) -> str:
    return str(jax.tree.map(lambda leaf: leaf.shape, tree))


def as_vectorized(vectorized: bool | None, weights: Any) -> bool:
    """Whether runs are a batch under `vmap`: by default where that is faster.

    Raises:
        TypeError: for what is neither True, False nor None.
    """
    if vectorized is not None:
        return as_flag(vectorized, "vectorized")
    devices = set().union(*(leaf.devices() for leaf in jax.tree.leaves(weights)))
    return any(tuning.of_backend(device.platform).batches_runs for device in devices)


def num_runs(weights: Any) -> int:
    """The length of the leading axis of all leaves.

    Raises:
        ValueError: for leaves without one, or of different lengths.
    """
    lengths = {leaf.shape[0] if leaf.ndim else 0 for leaf in jax.tree.leaves(weights)}
    if len(lengths) > 1 or 0 in lengths:
        shapes = ", ".join(str(leaf.shape) for leaf in jax.tree.leaves(weights))
        raise ValueError(
            f"weights: expected arrays with a common leading axis of runs, got shapes {shapes}"
        )
    return lengths.pop()


def _number(value: Any, what: str, dtype: Any, count: int) -> Array:
    """One number, or random key, for each run; whole ones in arrays, such as seeds, stay whole."""
    typed = isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key)
    array = value if typed else _as_array(value, what, dtype)
    if array.shape not in {(), (count,)}:
        raise ValueError(f"{what}: expected a number, or shape ({count},), got shape {array.shape}")
    return jnp.broadcast_to(array, (count,))


def _as_array(value: Any, what: str, dtype: Any) -> Array:
    whole = isinstance(value, (np.ndarray, jax.Array)) and value.dtype.kind in "iu"
    return jnp.asarray(value) if whole else as_real(value, what).astype(dtype)


def check_functions(
    loss: object, optimizer: object, update_arguments: object, callback: object
) -> None:
    """Require functions, and of those that are compiled, that programs can be kept for them.

    Raises:
        TypeError: for what cannot be called or hashed, and what is no optimizer.
    """
    if not callable(loss):
        raise TypeError(f"loss: expected a function (weights, batch) -> scalar, got {loss!r}")
    if not (callable(optimizer) or isinstance(optimizer, Transformation)):
        raise TypeError(
            "optimizer: expected a transformation of optax's, such as optax.adam(0.1), or a "
            f"function that makes one, such as optax.adam, got {optimizer!r}"
        )
    if update_arguments is not None and not callable(update_arguments):
        raise TypeError(
            f"update_arguments: expected a function of a batch, got {update_arguments!r}"
        )
    if callback is not None and not callable(callback):
        raise TypeError(f"callback: expected a function of Progress, got {callback!r}")
    for what, value in {
        "loss": loss,
        "optimizer": optimizer,
        "update_arguments": update_arguments,
    }.items():
        try:
            hash(value)
        except TypeError as error:
            raise TypeError(
                f"{what}: expected something hashable, as programs are kept for it (a function, or "
                f"a frozen dataclass with `__call__`), got {type(value).__name__}: {error}"
            ) from error


def check_convergence(convergence: object) -> None:
    """Require a rule, or none.

    Raises:
        TypeError: for anything else.
    """
    if convergence is not None and not isinstance(convergence, Plateau):
        raise TypeError(f"convergence: expected Plateau(window) or None, got {convergence!r}")


def steps_of_a_chunk(num_steps: int, steps_per_call: int | None) -> int:
    """How many steps a compiled chunk has at most: one number for many trainings."""
    if steps_per_call is None:
        return _STEPS_PER_CALL
    return min(as_whole(steps_per_call, "steps_per_call", 1), max(num_steps, _STEPS_PER_CALL))


_STEPS_PER_CALL = 100  # between two looks of the host: milliseconds to seconds of steps


def _is_array(leaf: object) -> bool:
    return isinstance(leaf, (np.ndarray, jax.Array))
