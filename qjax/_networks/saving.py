"""Floor 8. Neural network <-> file with a program that runs without its circuit."""

import importlib.metadata
import importlib.util
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from functools import partial
from math import prod
from pathlib import Path

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float

from qjax._base import tuning
from qjax._base.files import new_file
from qjax._base.memory import samples_per_pass
from qjax._base.mesh import alike, on_mesh, placed
from qjax._base.options import as_flag, as_whole
from qjax._base.process import check_process
from qjax._base.weight_tree import joined, on_vector, structure_of
from qjax._networks.exported_program import as_dtype, as_platforms, check_ends, deserialized
from qjax._networks.file_format import pack, read, unpack
from qjax._networks.file_header import MAX_ORDER, checked_header
from qjax._networks.network import NeuralNetwork
from qjax._networks.protocol import Network, check_network, output_shape_of
from qjax._networks.saved_network import Description, SavedNetwork
from qjax._networks.weight_tree_json import portable, structure_as_json, structure_from_json


def export(
    network: Network,
    path: str | os.PathLike[str] | None = None,
    *,
    batch_size: int | None = None,
    dtype: DTypeLike = np.float32,
    platforms: str | Sequence[str] | None = None,
    vjp_order: int = 1,
    overwrite: bool = False,
) -> bytes:
    """Lower a network to a program that `load` runs without its circuit.

    What is saved is the program in StableHLO, with its derivatives, names, shapes and versions: no
    weights and no pickled objects. JAX runs it for at least six months of later releases
    (`jax.export`). Needs the extra `export`.

    Args:
        network: any QNN of `qjax`, or an object with `apply`, `num_inputs`, `num_weights` and
            `output_shape`. A tree of weights is kept if it is made of dicts (with names or whole
            numbers for keys), lists and tuples; a network with another one takes its weights as
            one vector when it is loaded.
        path: the file to write; None writes none.
        batch_size: how many samples the program computes at once; a single sample costs as much.
            The default, at most 64, suits training and batches; 1 suits single samples.
        dtype: float32 or float64: what it computes in.
        platforms: what it shall run on, one or a list of "cpu", "cuda", "rocm", "tpu"; default: the
            one that JAX uses here.
        vjp_order: how often it can be differentiated in reverse mode, at most 8; each time doubles
            the file.
        overwrite: whether a file that exists is replaced.

    Returns:
        the bytes, also those written to `path`.

    Raises:
        ValueError: for a batch size or order that is no such number, another dtype or platform, a
            network whose outputs are drawn (with shots, or samples), of another shape than it says,
            or that runs on a primitive or on devices that a sharding names.
        TypeError: for what is no network or path, and an `overwrite` that is not True or False.
        FileExistsError: for a file that exists, without `overwrite`.
        OSError: for one that cannot be written; names path, size and cause.
        ModuleNotFoundError: without the extra.
    """
    check_process()
    check_network(network)
    _check_exact(network)
    _check_extra()
    if not isinstance(path, (str, os.PathLike, type(None))):
        raise TypeError(f"path: expected a path or None, got {type(path).__name__}")
    real, kinds = as_dtype(dtype), as_platforms(platforms)
    overwrite = as_flag(overwrite, "overwrite")
    size = _default_block(network, real) if batch_size is None else batch_size
    size = as_whole(size, "batch_size", 1)
    order = as_whole(vjp_order, "vjp_order", 0, MAX_ORDER)
    with jax.enable_x64(real == np.float64):
        exported = jax.export.export(jax.jit(on_vector(network)), platforms=kinds)(
            jax.ShapeDtypeStruct((network.num_weights,), real),
            jax.ShapeDtypeStruct((size, network.num_inputs), real),
        )
        header = asdict(_describe(network, real, size, exported.platforms, order))
        # What `load` would refuse is refused before the derivatives are lowered.
        what = f"network: {type(network).__name__}"
        check_ends(exported, checked_header(header, header, what), what)
        program = bytes(exported.serialize(vjp_order=order))
    structure = portable(structure_of(network))
    if structure is not None:  # else the file is what it was before there were trees
        header["structure"] = structure_as_json(structure)
    data = pack(header, program)
    if path is not None:
        with new_file(Path(path), overwrite, len(data)) as file:
            file.write(data)
    return data


def load(source: str | os.PathLike[str] | bytes | bytearray | memoryview) -> SavedNetwork:
    """Read a network that `export` saved.

    Args:
        source: the path of the file, or its bytes. A program is run by JAX like any other: load
            what you trust.

    Raises:
        ValueError: for what `export` did not make, what is damaged or contradicts itself, or what
            this version of JAX can no longer run.
        OSError: for a file that cannot be read.
        TypeError: for what is neither a path nor bytes.
        ModuleNotFoundError: without the extra `export`.
    """
    check_process()
    _check_extra()
    data, what = _read(source)
    header, program, digest = unpack(data, what)
    written = header.pop("structure", None) if isinstance(header, dict) else None
    known = checked_header(header, (field.name for field in fields(Description)), what)
    structure = structure_from_json(written, known["num_weights"], what)
    exported = deserialized(program, known, what)
    run = partial(_run, exported.call, known["batch_size"], known["output_shape"])

    def of_leaves(inputs: Array, *leaves: Array) -> Array:
        return run(leaves, inputs)

    def run_on_mesh(weights: Array | tuple[Array, ...], inputs: Array) -> Array:
        leaves = weights if isinstance(weights, tuple) else (weights,)
        return on_mesh(of_leaves, *alike((inputs, *leaves)), result=placed(inputs)[:-1])

    held = _Program(data, jax.jit(run_on_mesh))
    return SavedNetwork(**known, structure=structure, digest=digest, program=held)


class _Program:
    """What a saved network computes; pickled as its file."""

    def __init__(self, data: bytes, run: Callable[..., Array]) -> None:
        self._data, self._run = data, run

    def __call__(self, weights: Array | tuple[Array, ...], inputs: Array) -> Array:
        return self._run(weights, inputs)

    def __reduce__(self) -> tuple:
        return _program_in, (self._data,)

    def __deepcopy__(self, memo: dict) -> "_Program":
        return self


def _program_in(data: bytes) -> Callable[..., Array]:
    return load(data).program


def _read(source: object) -> tuple[bytes, str]:
    """The bytes, and what errors call them."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
        return data, f"these {len(data)} bytes"
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(f"source: expected a path or bytes, got {type(source).__name__}")
    return read(source), os.fspath(source)


def _run(
    call: Callable[[Array, Array], Array],
    size: int,
    output_shape: tuple[int, ...],
    leaves: Array | tuple[Array, ...],
    inputs: Float[Array, "*batch inputs"],
) -> Float[Array, "*batch_and_outputs"]:
    """Call a program for `size` samples on any number of them; weights are as in `joined`."""
    batch, width = inputs.shape[:-1], inputs.shape[-1]
    weights = joined(leaves, inputs.dtype)
    count = prod(batch)
    if count == 0:
        return jnp.zeros((*batch, *output_shape), weights.dtype)
    blocks = -(-count // size)
    # Filled up with a sample that is there: others might have no finite derivative.
    filler = blocks * size - count
    rows = inputs.reshape(count, width)
    rows = jnp.concatenate([rows, jnp.broadcast_to(rows[-1:], (filler, width))])
    if blocks == 1:
        values = call(weights, rows)
    else:
        values = jax.lax.map(partial(call, weights), rows.reshape(blocks, size, width))
    return values.reshape(blocks * size, *output_shape)[:count].reshape(*batch, *output_shape)


def _describe(
    network: Network, dtype: np.dtype, size: int, platforms: Sequence[str], order: int
) -> Description:
    return Description(
        num_inputs=int(network.num_inputs),
        num_weights=int(network.num_weights),
        output_shape=output_shape_of(network),
        dtype=dtype.name,
        batch_size=size,
        platforms=tuple(platforms),
        vjp_order=order,
        input_params=tuple(getattr(network, "input_params", ())),
        weight_params=tuple(getattr(network, "weight_params", ())),
        input_gradients=bool(getattr(network, "input_gradients", True)),
        sparse=bool(getattr(network, "sparse", False)),
        num_qubits=_num_qubits(network),
        versions=(("qjax", _own_version()), ("jax", jax.__version__)),
    )


def _check_exact(network: Network) -> None:
    if isinstance(network, NeuralNetwork) and network.primitive is not None:
        raise ValueError(
            f"network: it runs on {type(network.primitive).__name__}, which no file can hold; "
            "export its simulation, network.exact(), which takes the same weights"
        )
    if getattr(getattr(network, "simulator", None), "sharding", None) is not None:
        raise ValueError(
            "network: its simulator names devices of this process, which no file can hold; "
            "export one without a sharding, which takes the same weights"
        )
    if getattr(network, "needs_key", False):
        exact = ", network.exact()," if isinstance(network, NeuralNetwork) else ""
        raise ValueError(
            "network: its outputs are drawn with a key, which programs in files do not take; "
            f"export the exact one{exact} which takes the same weights"
        )


def _num_qubits(network: Network) -> int | None:
    return network.num_simulated if isinstance(network, NeuralNetwork) else None


def _own_version() -> str:
    try:
        return importlib.metadata.version("qjax-bridge")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _default_block(network: Network, dtype: np.dtype) -> int:
    qubits = _num_qubits(network)
    if qubits is None:
        return tuning.EXPORTED_BLOCK
    state = 2 * dtype.itemsize << qubits
    return min(tuning.EXPORTED_BLOCK, samples_per_pass(state, jax.devices()[0]))


def _check_extra() -> None:
    if importlib.util.find_spec("flatbuffers") is None:
        raise ModuleNotFoundError(
            "saved networks need the package flatbuffers: pip install 'qjax-bridge[export]'"
        )
