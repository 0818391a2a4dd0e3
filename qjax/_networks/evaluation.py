"""Floor 8. Neural network and more samples than fit into memory -> their outputs."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import jax
import numpy as np
from jax import Array
from jaxtyping import Float

from qjax._base import tuning
from qjax._base.arrays import Numbers, as_numpy, as_real_numpy, common_dtype, in_order
from qjax._base.memory import bytes_of_states, samples_per_pass
from qjax._base.options import as_flag, as_whole
from qjax._base.placement import Placement, placement_of
from qjax._base.process import check_process
from qjax._base.progress import progress_bar
from qjax._base.row_files import open_destination, read_rows
from qjax._base.store import kept
from qjax._base.weight_tree import on_vector, structure_of
from qjax._networks.data import filled_up, weight_vector
from qjax._networks.network import NeuralNetwork
from qjax._networks.protocol import Network, check_network, output_shape_of
from qjax._networks.randomness import evaluation_key
from qjax._networks.saved_network import SavedNetwork

Apply = Callable[..., Array]


def evaluate(
    network: Network,
    weights: Any,
    inputs: Numbers | None,
    batch_size: int | None = None,
    progress: bool = False,
    *,
    out: np.ndarray | str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    key: Array | None = None,
    seed: int | None = None,
) -> Float[np.ndarray, "*batch_and_outputs"]:
    """The outputs of a network for any number of samples, in bounded memory.

    The same values as `forward`, block by block: inputs are read, and results written, as they are
    needed, so that both may be memory-mapped files larger than memory. All blocks have one shape,
    the last one is filled up: one compilation, and none in a later call with blocks of that shape.
    For a network on a primitive each block is one pub, and none is filled up.
    Of inputs that lie along an axis of a mesh, each device computes its part of every block.
    Computes in double unless all data are single, as `forward`.

    Args:
        network: any QNN of `qjax`, what `qjax.load` returns, or an object with `apply`,
            `num_inputs`, `num_weights` and `output_shape`.
        weights: shape `(num_weights,)`, angles in radians; None where there are none; or a tree,
            for a network whose weights are one.
        inputs: shape `(..., num_inputs)`, also a `numpy.memmap`; leading axes are kept; a vector
            is a batch of one; None or a number where the network has no input or one.
        batch_size: samples per block at most, on each device; the default is what is fast, within
            half of the memory that is free.
        progress: whether to show a progress bar (needs the extra `progress`).
        out: where the results go: an array or `numpy.memmap` of their shape and dtype, or the path
            of a `.npy` file, which appears when it is complete, with any number of writers: the
            last one wins, or without `overwrite` the first. Default: a new array.
        overwrite: whether a file that exists at `out` is replaced.
        key: a JAX random key, for a network with shots; each block has one that follows from it, so
            that draws depend on the `batch_size` too.
        seed: a whole number in place of a key. With neither, draws differ from call to call.

    Returns:
        `out`, or a new array, of shape `(*batch, *output_shape)`; for a path, the file as a
        read-only `numpy.memmap`. Dense also for a network with `sparse`.

    Raises:
        ValueError: for a wrong number of weights or inputs; for NaN or infinity, with the index of
            the first sample that has any (results before it are in an `out` array by then); for an
            `out` of another shape or dtype, or read-only, or one that overlaps the inputs; for a
            `batch_size` below 1; for a key beside a seed.
        TypeError: for a key or seed where nothing is drawn; for values that are not real, masked
            arrays, options that are not True or False, or what is no network.
        FileExistsError: for an `out` file that exists, without `overwrite`.
        OSError: for one that cannot be written; names path, size and cause.
        CircuitTooLargeError: for one sample, or results, that do not fit into memory.
        ModuleNotFoundError: for `progress` without the extra.
    """
    check_process()
    check_network(network)
    progress, overwrite = as_flag(progress, "progress"), as_flag(overwrite, "overwrite")
    batch_size = None if batch_size is None else as_whole(batch_size, "batch_size", 1)
    key = evaluation_key(network, key, seed)
    weights = _checked_weights(network, weights)
    placement = placement_of(inputs) if _primitive_of(network) is None else None
    rows, dtype = _checked_inputs(network, inputs, weights)
    _check_apart(out, rows)
    batch = rows.shape[:-1]
    parts = placement.num_parts if placement else 1
    with jax.enable_x64(dtype == np.float64):
        # `jnp.asarray` would compile a program of its own for each shape.
        everywhere = placement and placement.everywhere
        device_weights = jax.device_put(weights.astype(dtype), everywhere)
        share = -(-prod(batch) // parts)
        size = parts * _block(network, dtype, share, batch_size, device_weights)
        apply, outputs = _program(network, device_weights, size, dtype, key)
        destination = open_destination(out, batch, outputs.shape[1:], outputs.dtype, overwrite)
        bar = progress_bar(prod(batch), progress, "samples", scale=True)
        with bar as advance, destination as (write, done):
            fill = size if _primitive_of(network) is None else 0
            given = rows, placement
            for start, values in _computed(apply, device_weights, given, size, dtype, fill, key):
                write(start, values)
                advance(len(values))
    return done()


def _checked_weights(network: Network, weights: Any) -> np.ndarray:
    structure = structure_of(network)
    values = weight_vector(structure, weights)
    names = getattr(network, "weight_params", ())
    if values.shape != (network.num_weights,):
        tree = "" if structure is None else f"; or a tree of the shapes {structure}"
        raise ValueError(
            f"weights: expected shape ({network.num_weights},), got {values.shape}. "
            + (in_order(names) if names else "")
            + tree
        )
    return values


def _checked_inputs(
    network: Network, inputs: Numbers | None, weights: np.ndarray
) -> tuple[np.ndarray, np.dtype]:
    """The inputs as they are, not yet read, and the dtype to compute in."""
    given = () if inputs is None else inputs
    # Arrays are converted block by block: a copy might not fit.
    read = as_numpy if isinstance(given, np.ndarray) else as_real_numpy
    rows = np.atleast_1d(read(given, "inputs"))
    if rows.shape[-1] != network.num_inputs:
        names = getattr(network, "input_params", ())
        raise ValueError(
            f"inputs: expected shape (..., {network.num_inputs}), got {rows.shape}. "
            + (in_order(names) if names else "")
        )
    none = as_real_numpy(np.empty((0, rows.shape[-1]), rows.dtype), "inputs")
    dtype = common_dtype(none, weights)
    if isinstance(network, SavedNetwork):
        dtype = np.result_type(dtype, network.dtype)
    return (rows[None] if rows.ndim == 1 else rows), dtype


def _check_apart(out: object, inputs: np.ndarray) -> None:
    if isinstance(out, np.ndarray) and np.may_share_memory(out, inputs):
        raise ValueError("out: shares memory with the inputs, which are read while it is written")


def _block(
    network: Network, dtype: np.dtype, count: int, batch_size: int | None, weights: Array
) -> int:
    """How many samples a block has: one size for many counts, so that programs are used again.

    Of several devices, how many each of them has.
    """
    if batch_size is None:
        device = next(iter(weights.devices()))
        batch_size = samples_per_pass(_bytes_per_sample(network, dtype), device)
    return min(batch_size, 1 << max(0, count - 1).bit_length())


def _primitive_of(network: Network) -> object | None:
    return network.primitive if isinstance(network, NeuralNetwork) else None


def _bytes_per_sample(network: Network, dtype: np.dtype) -> int:
    ends = (network.num_inputs + prod(output_shape_of(network))) * dtype.itemsize
    qubits = getattr(network, "num_simulated", None)
    if isinstance(network, SavedNetwork):
        qubits = network.num_qubits
    if qubits is None:
        return max(tuning.UNKNOWN_SAMPLE_BYTES, ends)
    given = as_whole(qubits, f"network: {type(network).__name__}.num_simulated", 0)
    return max(bytes_of_states(given, 2 * dtype.itemsize), ends)


def _program(
    network: Network, weights: Array, size: int, dtype: np.dtype, key: Array | None
) -> tuple[Apply, jax.ShapeDtypeStruct]:
    """The network's function, compiled once, and what it returns for one block."""
    apply: Apply
    if isinstance(network, NeuralNetwork | SavedNetwork):
        apply = network.apply  # compiled by itself, for later calls too
    else:
        frozen = _is_frozen(network)
        apply = _compiled(network) if frozen else jax.jit(on_vector(network))
    block = jax.ShapeDtypeStruct((size, network.num_inputs), dtype)
    outputs = jax.eval_shape(apply, weights, block, **_named(key))
    expected = (size, *output_shape_of(network))
    if not isinstance(outputs, jax.ShapeDtypeStruct):
        raise TypeError(
            f"{type(network).__name__}.apply returned a {type(outputs).__name__}, expected an "
            f"array of shape {expected}: (*batch, *output_shape)"
        )
    if outputs.shape != expected:
        raise ValueError(
            f"{type(network).__name__}.apply returned shape {outputs.shape} for inputs of shape "
            f"{block.shape}, expected {expected}: (*batch, *output_shape)"
        )
    return apply, outputs


def _is_frozen(network: Network) -> bool:
    """Whether what the network computes can't change from call to call, and may be kept by it."""
    parameters = getattr(network, "__dataclass_params__", None)
    try:
        return parameters is not None and parameters.frozen and isinstance(hash(network), int)
    except TypeError:
        return False


@kept(tuning.PROGRAM_BYTES)
def _compiled(network: Any) -> Apply:
    return jax.jit(on_vector(network))


def _computed(
    apply: Apply,
    weights: Array,
    given: tuple[np.ndarray, Placement | None],
    size: int,
    dtype: np.dtype,
    fill: int,
    key: Array | None,
) -> Iterator[tuple[int, np.ndarray]]:
    """First row and results of each block. JAX computes while earlier results are copied."""
    rows, placement = given
    along = placement and placement.along
    pending: deque[tuple[int, int, Array]] = deque()
    for number, start in enumerate(range(0, prod(rows.shape[:-1]), size)):
        block = _read(rows, start, size, dtype)
        own = _named(None if key is None else jax.random.fold_in(key, number))
        values = apply(weights, jax.device_put(filled_up(block, fill), along), **own)
        pending.append((start, len(block), values))
        if len(pending) > tuning.BLOCKS_AHEAD:
            yield _finished(*pending.popleft())
    while pending:
        yield _finished(*pending.popleft())


def _named(key: Array | None) -> dict[str, Array]:
    return {} if key is None else {"key": key}


def _finished(start: int, length: int, values: Array) -> tuple[int, np.ndarray]:
    return start, np.asarray(values)[:length]


def _read(rows: np.ndarray, start: int, size: int, dtype: np.dtype) -> np.ndarray:
    block = as_real_numpy(read_rows(rows, start, start + size), "inputs")
    finite = np.isfinite(block).all(axis=1)
    if not finite.all():
        position = np.unravel_index(start + int(np.argmin(finite)), rows.shape[:-1])
        index = ", ".join(str(int(p)) for p in position)
        raise ValueError(f"inputs[{index}]: holds NaN or infinity; expected finite numbers")
    return block.astype(dtype, copy=False)
