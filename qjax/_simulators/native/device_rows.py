"""Floor 4. What one of several devices does to the rows that it holds, by kernels only.

Between exchanges rows stay as the kernels have them, in tiles (see `layout`), which they change in
place. Where rows must come in an order, they are arrays `(2, rows, batch)`.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from qjax._plan import NativeProgram
from qjax._simulators.native.by_xla import Given
from qjax._simulators.native.layout import lanes_are_samples, tile_shape
from qjax._simulators.native.operations import (
    call_kernel,
    cotangent_types,
    read_kernel,
    state_types,
)
from qjax._simulators.native.primitive import kernel_primitive
from qjax._simulators.native.reading import NativeReading
from qjax._simulators.statevector.simulation import State

Tiles = Float[Array, "tiles vectors numbers"]


def as_tiles(rows: State) -> Tiles:
    """Rows in order, as the kernels have them."""
    _, size, batch = rows.shape
    num_qubits, dtype = size.bit_length() - 1, np.dtype(rows.dtype)
    tiles, vectors, numbers = tile_shape(num_qubits, batch, dtype)
    if lanes_are_samples(num_qubits, batch, dtype):
        padded = jnp.pad(rows, ((0, 0), (0, 0), (0, tiles * numbers // 2 - batch)))
        return padded.reshape(2, size, tiles, -1).transpose(2, 1, 0, 3).reshape(tiles, size, -1)
    split = rows.reshape(2, vectors, numbers // 2, batch)
    return split.transpose(3, 1, 0, 2).reshape(tiles, vectors, numbers)


def as_rows(tiles: Tiles, num_qubits: int, batch: int) -> State:
    """Rows in order, from those that the kernels have."""
    count, vectors, numbers = tiles.shape
    split = tiles.reshape(count, vectors, 2, numbers // 2)
    if lanes_are_samples(num_qubits, batch, np.dtype(tiles.dtype)):
        return split.transpose(2, 1, 0, 3).reshape(2, vectors, -1)[:, :, :batch]
    return split.transpose(2, 1, 3, 0).reshape(2, 1 << num_qubits, batch)


# ---------------------------------------------------------------- in place


def run_tiles(program: NativeProgram, shared: Array, batched: Array, tiles: Tiles) -> Tiles:
    """The tiles after a program, which leaves rows where they are.

    Args:
        program: what this device runs.
        shared: the angles that all samples share.
        batched: those that differ per sample.
        tiles: those before.
    """
    return _run_tiles(program, Given(shared, batched), tiles)[0]


def undo_tiles(
    program: NativeProgram, shared: Array, batched: Array, tiles: Tiles, cotangent: Tiles
) -> tuple[Array, Array, Tiles, Tiles]:
    """From the tiles after a program and their cotangents back.

    Returns:
        the cotangents of the angles, the tiles before and their cotangents.
    """
    to_shared, to_batched, before, to_before = _undo_tiles(
        program, Given(shared, batched), tiles, cotangent
    )
    return to_shared, to_batched, before, to_before


def read_tiles(
    program: NativeProgram, reading: NativeReading, batched: Array, tiles: Tiles
) -> Float[Array, "values batch"]:
    """What is read out of tiles after a program; `batched` tells how many samples there are."""
    return _read_tiles(program, reading, Given(batched[:, 0], batched), tiles)[0]


def read_tiles_back(
    program: NativeProgram, reading: NativeReading, batched: Array, tiles: Tiles, cotangent: Array
) -> Tiles:
    """The cotangents of tiles, from those of what is read out."""
    return _read_tiles_back(program, reading, Given(batched[:, 0], batched), tiles, cotangent)[0]


def _tile_types(program: NativeProgram, given: Given) -> list[jax.ShapeDtypeStruct]:
    dtype = np.dtype(given.shared.dtype)
    shape = tile_shape(program.num_qubits, given.batched.shape[1], dtype)
    return [jax.ShapeDtypeStruct(shape, dtype)]


def _undo_types(program: NativeProgram, given: Given) -> list[jax.ShapeDtypeStruct]:
    return [*cotangent_types(given)[:2], *2 * _tile_types(program, given)]


def _value_types(reading: NativeReading, given: Given) -> list[jax.ShapeDtypeStruct]:
    shape = reading.num_values, given.batched.shape[1]
    return [jax.ShapeDtypeStruct(shape, given.shared.dtype)]


def _kernels_only(*_: Any) -> Sequence[Array]:
    raise ValueError(
        "simulator: a program whose states several devices hold was planned for the kernels of the "
        "native engine, and is compiled for something else than the CPUs of its mesh, or exported; "
        "expected StateVector('xla', sharding=...), which XLA compiles for any device"
    )


_run_tiles = kernel_primitive(
    "run_tiles",
    lambda program, given, tiles: call_kernel(
        "RunTiles", program, given, _tile_types(program, given), tiles, in_place={5: 0}
    ),
    _kernels_only,
    lambda program, given, _: _tile_types(program, given),
)

_undo_tiles = kernel_primitive(
    "undo_tiles",
    lambda program, given, *tiles: call_kernel(
        "UndoTiles", program, given, _undo_types(program, given), *tiles, in_place={5: 2, 6: 3}
    ),
    _kernels_only,
    lambda program, given, *_: _undo_types(program, given),
)

_read_tiles = kernel_primitive(
    "read_tiles",
    lambda program, reading, given, tiles: read_kernel(
        "ReadTiles", reading, program, given, _value_types(reading, given), tiles
    ),
    _kernels_only,
    lambda _, reading, given, __: _value_types(reading, given),
)

_read_tiles_back = kernel_primitive(
    "read_tiles_back",
    lambda program, reading, given, *more: read_kernel(
        "ReadTilesBack", reading, program, given, _tile_types(program, given), *more
    ),
    _kernels_only,
    lambda program, _, given, *__: _tile_types(program, given),
)


# ---------------------------------------------------------------- in order


def native_rows(program: NativeProgram, shared: Array, batched: Array, rows: State) -> State:
    """The rows that a device holds after a program, from those before; kernels only.

    Args:
        program: what this device runs.
        shared: the angles that all samples share.
        batched: those that differ per sample.
        rows: those before.
    """
    return _rows(program, Given(shared, batched, rows))[0]


def native_rows_back(
    program: NativeProgram, shared: Array, batched: Array, rows: State, cotangent: State
) -> tuple[Array, Array, State, State]:
    """From the rows after a program and their cotangents back; kernels only.

    Returns:
        the cotangents of the angles, the rows before and their cotangents.
    """
    to_shared, to_batched, to_before, before = _rows_back(
        program, Given(shared, batched), rows, cotangent
    )
    return to_shared, to_batched, before, to_before


def _rows_back_types(program: NativeProgram, given: Given, *_: Any) -> list[jax.ShapeDtypeStruct]:
    (rows,) = state_types(program, given)
    return [*cotangent_types(given)[:2], rows, rows]


_rows = kernel_primitive(
    "rows",
    lambda program, given: call_kernel(
        "State", program, given, state_types(program, given), in_place={4: 0}
    ),
    _kernels_only,
    state_types,
)

_rows_back = kernel_primitive(
    "rows_back",
    lambda program, given, rows, cotangent: call_kernel(
        "PullBackState",
        program,
        given,
        _rows_back_types(program, given),
        rows,
        cotangent,
        in_place={6: 2, 5: 3},
    ),
    _kernels_only,
    _rows_back_types,
)
