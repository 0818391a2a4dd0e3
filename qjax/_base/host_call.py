"""Floor 0. Function of NumPy tables, run outside of JAX -> JAX primitive.

The function takes rows of numbers to rows of numbers, each row by itself, and is expensive per row
and per call: all rows of one binding are run together, whatever `vmap` made of them, and tables
whose results a program does not use are not run at all. It has no derivative of its own.
"""

from collections.abc import Sequence
from math import prod
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.extend.core import Primitive
from jax.interpreters import batching, mlir
from jax.interpreters import partial_eval as pe
from jaxtyping import Float

from qjax._base.mesh import alike, type_of_result


class Host(Protocol):
    """What runs the rows. Hashable: a compiled program is kept for each."""

    @property
    def num_outputs(self) -> int:
        """The length of a row of results."""

    def run(self, rows: Float[np.ndarray, "rows numbers"]) -> Float[np.ndarray, "rows outputs"]:
        """The results, in double."""


def call(host: Host, *tables: Float[Array, "..."]) -> list[Float[Array, "..."]]:
    """The results of tables of any shapes `(..., numbers)`, as `(..., outputs)`, run in one go."""
    return _call_p.bind(*alike(tables), host=host)


def _run(tables: Sequence[np.ndarray], host: Host) -> list[np.ndarray]:
    counts = [prod(table.shape[:-1]) for table in tables]
    rows = [
        np.asarray(table, np.float64).reshape(count, table.shape[-1])
        for table, count in zip(tables, counts, strict=True)
    ]
    results = np.split(host.run(np.concatenate(rows)), np.cumsum(counts)[:-1])
    return [
        outputs.reshape(*table.shape[:-1], host.num_outputs).astype(table.dtype)
        for outputs, table in zip(results, tables, strict=True)
    ]


def _now(*tables: Array, host: Host) -> list[Array]:
    return [jnp.asarray(outputs) for outputs in _run([np.asarray(t) for t in tables], host)]


def _abstract(*tables: Any, host: Host) -> list[jax.core.ShapedArray]:
    return [
        type_of_result((*table.shape[:-1], host.num_outputs), table.dtype, tables)
        for table in tables
    ]


def _batch(
    tables: Sequence[Array], axes: Sequence[int | None], *, host: Host
) -> tuple[list[Array], list[int | None]]:
    """A batch is more rows. Tables that all samples share are run once."""
    moved = [
        table if axis is None else jnp.moveaxis(table, axis, 0)
        for table, axis in zip(tables, axes, strict=True)
    ]
    return _call_p.bind(*moved, host=host), [None if axis is None else 0 for axis in axes]


def _leave_out(used: list[bool], equation: Any) -> tuple[list[bool], Any]:
    """Only tables whose results are used stay."""
    if not any(used):
        return used, None
    inputs, outputs = (
        [v for v, is_used in zip(variables, used, strict=True) if is_used]
        for variables in (equation.invars, equation.outvars)
    )
    return used, equation.replace(invars=inputs, outvars=outputs)


# Double as two words: JAX would narrow it on a thread without 64-bit mode.
def _as_words(array: np.ndarray) -> np.ndarray:
    words = np.ascontiguousarray(array).reshape(-1).view(np.uint32)
    return words.reshape(*array.shape, -1)


def _of_words(words: Array, dtype: np.dtype) -> Array:
    narrow = words if dtype.itemsize > 4 else words[..., 0]
    return jax.lax.bitcast_convert_type(narrow, dtype)


def _abstract_words(*tables: Any, host: Host) -> list[jax.core.ShapedArray]:
    return [
        type_of_result((*output.shape, output.dtype.itemsize // 4), np.dtype(np.uint32), tables)
        for output in _abstract(*tables, host=host)
    ]


def _lower_words(context: mlir.LoweringRuleContext, *tables: Any, host: Host) -> Any:
    """`jax.pure_callback` would put the tables on a device first, and may wait for itself."""

    def words_of(*numbers: Any) -> tuple[np.ndarray, ...]:
        return tuple(map(_as_words, _run([np.asarray(n) for n in numbers], host)))

    results, _, _ = mlir.emit_python_callback(
        context,
        words_of,
        None,
        list(tables),
        context.avals_in,  # type: ignore[arg-type]
        context.avals_out,
        has_side_effect=False,
    )
    return results


def _call_back(*tables: Array, host: Host) -> list[Array]:
    """The call inside of a compiled program."""
    words = _words_p.bind(*tables, host=host)
    return [_of_words(w, table.dtype) for w, table in zip(words, tables, strict=True)]


_call_p, _words_p = Primitive("host_call"), Primitive("host_call_words")
_call_p.multiple_results = _words_p.multiple_results = True
_call_p.def_impl(_now)
_call_p.def_abstract_eval(_abstract)
batching.primitive_batchers[_call_p] = _batch
pe.dce_rules[_call_p] = _leave_out
mlir.register_lowering(_call_p, mlir.lower_fun(_call_back, multiple_results=True))
_words_p.def_abstract_eval(_abstract_words)
mlir.register_lowering(_words_p, _lower_words)
