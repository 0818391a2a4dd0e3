"""Floor 0. Rows of an array that may be larger than memory: read, and written, block by block."""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from qjax._base.files import new_file
from qjax._base.memory import check_fits

Write = Callable[[int, Shaped[np.ndarray, "rows ..."]], None]
Destination = np.ndarray | str | os.PathLike[str] | None


def read_rows(
    array: Shaped[np.ndarray, "*batch columns"], start: int, stop: int
) -> Shaped[np.ndarray, "rows columns"]:
    """The rows from `start` to `stop`, counted over all leading axes; no more of it is read."""
    *batch, columns = array.shape
    if array.flags.c_contiguous:
        return array.reshape(int(np.prod(batch)), columns)[start:stop]
    return array[_places(start, stop, tuple(batch))]


@contextmanager
def open_destination(
    out: Destination, batch: tuple[int, ...], row: tuple[int, ...], dtype: np.dtype, overwrite: bool
) -> Iterator[tuple[Write, Callable[[], np.ndarray]]]:
    """Somewhere to write rows to, in order, and what holds them once the context is left.

    Args:
        out: an array, which is filled; the path of a `.npy` file, which is there only once it is
            complete, whoever else writes to it; None for a new array.
        batch: the shape of the rows' places.
        row: the shape of each.
        dtype: of the numbers.
        overwrite: whether a file that exists is replaced.

    Raises:
        ValueError: for an array of another shape or dtype, or a read-only one, or a path that does
            not end in `.npy`.
        TypeError: for anything else.
        FileExistsError: for a file that exists, without `overwrite`.
        OSError: for one that cannot be written; names path, size and cause.
        CircuitTooLargeError: for a new array that does not fit into memory.
    """
    shape = (*batch, *row)
    if isinstance(out, (str, os.PathLike)):
        with _open_path(_checked_path(out), shape, dtype, overwrite) as destination:
            yield destination
        return
    array = _new_array(shape, dtype) if out is None else _checked_array(out, shape, dtype)
    yield lambda start, rows: _fill(array, start, rows, batch), lambda: array


@contextmanager
def open_array(
    out: Destination, shape: tuple[int, ...], dtype: np.dtype, overwrite: bool
) -> Iterator[tuple[np.ndarray, Callable[[], np.ndarray]]]:
    """An array to fill in any order, and what holds it once the context is left.

    Arguments and errors as in `open_destination`; a file is mapped into memory while it is filled.
    """
    if not isinstance(out, (str, os.PathLike)):
        array = _new_array(shape, dtype) if out is None else _checked_array(out, shape, dtype)
        yield array, lambda: array
        return
    path = _checked_path(out)
    results: list[np.ndarray] = []
    header = _header(shape, dtype)
    size = len(header) + _bytes(shape, dtype)
    with new_file(path, overwrite, size) as file:
        file.write(header)
        file.reserve()
        if 0 in shape:
            yield np.empty(shape, dtype), lambda: results[0]
        else:
            mapped = np.memmap(file.part, dtype, "r+", len(header), shape)
            yield mapped, lambda: results[0]
            mapped.flush()
        results.append(_read_only(file.part, path))


@contextmanager
def _open_path(
    path: Path, shape: tuple[int, ...], dtype: np.dtype, overwrite: bool
) -> Iterator[tuple[Write, Callable[[], np.ndarray]]]:
    header = _header(shape, dtype)
    results: list[np.ndarray] = []
    with new_file(path, overwrite, len(header) + _bytes(shape, dtype)) as file:
        file.write(header)
        yield lambda _, rows: file.write(_as_bytes(rows)), lambda: results[0]
        file.flush()
        results.append(_read_only(file.part, path))


def _header(shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    header = io.BytesIO()
    layout = np.lib.format.dtype_to_descr(dtype)
    np.lib.format.write_array_header_2_0(
        header, {"descr": layout, "fortran_order": False, "shape": shape}
    )
    return header.getvalue()


def _read_only(part: Path, path: Path) -> np.ndarray:
    """The file that was written: under its name there may soon be another writer's."""
    written: np.ndarray = np.load(part, mmap_mode="r")
    if isinstance(written, np.memmap):
        written.filename = path.absolute()  # type: ignore[assignment]
    return written


def _as_bytes(rows: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(rows).reshape(-1).view(np.uint8)


def _fill(array: np.ndarray, start: int, rows: np.ndarray, batch: tuple[int, ...]) -> None:
    if array.flags.c_contiguous:
        flat = array.reshape(int(np.prod(batch)), *rows.shape[1:])
        flat[start : start + len(rows)] = rows
    else:
        array[_places(start, start + len(rows), batch)] = rows


def _places(start: int, stop: int, batch: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    flat = np.arange(start, min(stop, int(np.prod(batch))))
    return np.unravel_index(flat, batch)


def _new_array(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    check_fits(
        _bytes(shape, dtype),
        f"results of shape {shape} in {dtype}",
        "the path of a .npy file as out",
    )
    return np.empty(shape, dtype)


def _bytes(shape: tuple[int, ...], dtype: np.dtype) -> int:
    return int(np.prod(shape, dtype=object)) * dtype.itemsize


def _checked_array(out: object, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    if not isinstance(out, np.ndarray):
        raise TypeError(
            f"out: got {type(out).__name__}; expected a NumPy array, the path of a .npy file, or "
            "None"
        )
    if isinstance(out, np.ma.MaskedArray):
        raise TypeError("out: got a masked array, whose mask would hide results; give out.data")
    if out.shape != shape or out.dtype != dtype:
        raise ValueError(
            f"out: got shape {out.shape} and dtype {out.dtype}; expected {shape} and {dtype}"
        )
    if not out.flags.writeable:
        raise ValueError('out: read-only; expected a writable array (as memmap: mode "r+")')
    return out


def _checked_path(out: str | os.PathLike[str]) -> Path:
    path = Path(out)
    if path.suffix != ".npy":
        raise ValueError(f"out: got {path}; expected a path that ends in .npy")
    return path
