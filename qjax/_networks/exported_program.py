"""Floor 8. A program that JAX exported <-> bytes, checked against what is saved beside it."""

import struct
from typing import Any

import jax
import jax.export
import numpy as np

from qjax._networks.file_header import MAX_ORDER, PLATFORMS

# The program's arguments, weights and inputs, and its result.
_TREES = jax.tree.structure(((0, 0), {})), jax.tree.structure(0)

# What JAX raises for bytes that are no program of its.
_MALFORMED = (
    ValueError, TypeError, LookupError, AttributeError, AssertionError, ArithmeticError,
    RuntimeError, MemoryError, BufferError, EOFError, StopIteration, struct.error,
)  # fmt: skip


def deserialized(program: bytes, header: dict[str, Any], what: str) -> jax.export.Exported:
    """The program, which does what the header says.

    Raises:
        ValueError: for bytes that are no program of JAX's, or another one; calls them `what`.
    """
    try:
        exported = jax.export.deserialize(bytearray(program))
        order = _order_of(exported)
    except _MALFORMED as error:
        raise ValueError(
            f"{what}: jax {jax.__version__} cannot run this program, which was exported with "
            f"{dict(header['versions'])}: {type(error).__name__}: {error}. Export the network anew"
        ) from error
    check_ends(exported, header, what)
    if (tuple(exported.platforms), order) != (header["platforms"], header["vjp_order"]):
        raise ValueError(
            f"{what}: its program is for {exported.platforms} and has {order} derivatives; its "
            f"header says {header['platforms']} and {header['vjp_order']}. Export the network anew"
        )
    return exported


def _order_of(exported: jax.export.Exported) -> int:
    """How often it can be differentiated."""
    order = 0
    while exported.has_vjp() and order <= MAX_ORDER:
        exported, order = exported.vjp(), order + 1
    return order


def check_ends(exported: jax.export.Exported, header: dict[str, Any], what: str) -> None:
    """Require a program of weights and inputs, of the dtype and the shapes that the header tells.

    Raises:
        ValueError: otherwise.
    """
    size, dtype = header["batch_size"], np.dtype(header["dtype"])
    inputs = ((header["num_weights"],), dtype), ((size, header["num_inputs"]), dtype)
    outputs = (size, *header["output_shape"])
    taken = tuple((aval.shape, aval.dtype) for aval in exported.in_avals)
    given = tuple(aval.shape for aval in exported.out_avals)
    trees = exported.in_tree, exported.out_tree
    if taken != inputs or given != (outputs,) or exported.nr_devices != 1 or trees != _TREES:
        raise ValueError(
            f"{what}: its program takes {taken} and returns shapes {given}; expected {inputs} and "
            f"({outputs},): weights and (*batch, inputs) to (*batch, *output_shape)"
        )


def as_dtype(dtype: object) -> np.dtype:
    """The dtype to compute in.

    Raises:
        ValueError: for another one than float32 and float64.
        TypeError: for what is no dtype.
    """
    expected = "dtype: expected float32 or float64"
    try:
        real = np.dtype(dtype)  # type: ignore[call-overload]
    except TypeError as error:
        raise TypeError(f"{expected}, got {dtype!r}") from error
    if dtype is None or real not in (np.float32, np.float64):  # None would be NumPy's default
        raise ValueError(f"{expected}, got {None if dtype is None else real}")
    return real


def as_platforms(platforms: object) -> tuple[str, ...] | None:
    """What to lower for; None for JAX's choice.

    Raises:
        ValueError: for one that JAX does not know, or that is given twice, or none.
        TypeError: for what is no list of names, nor one.
    """
    known = f"platforms: expected some of {', '.join(PLATFORMS)}"
    if platforms is None:
        return None
    several = (platforms,) if isinstance(platforms, str) else platforms
    if not isinstance(several, (tuple, list)):
        raise TypeError(f"{known} in a list, got {platforms!r}")
    if not several or len(set(map(str, several))) < len(several):
        raise ValueError(f"{known}, each once, got {platforms!r}")
    if strange := [platform for platform in several if platform not in PLATFORMS]:
        raise ValueError(f"{known}, got {strange[0]!r}")
    return tuple(several)
