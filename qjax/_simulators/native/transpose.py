"""Floor 4. The transpose of a small matrix, without a program that XLA would compile for it.

Batches come with a row for each sample, and simulations have samples last. A loop that transposes
takes XLA 20 ms to compile, more than all else of a circuit's program on the kernels.
"""

from typing import Any

import jax
import numpy as np
from jax import Array, lax
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Float

from qjax._base.mesh import type_of_result
from qjax._simulators.native.library import target
from qjax._simulators.native.primitive import is_alone

# Numbers. The loop of XLA runs on several threads: it transposes more of them sooner.
_MOST = 1 << 14


def transposed(matrix: Float[Array, "rows columns"]) -> Float[Array, "columns rows"]:
    """The transpose, for programs on the kernels."""
    if 1 in matrix.shape:
        return matrix.reshape(matrix.shape[::-1])
    if not _is_small(matrix) or matrix.dtype not in (np.float32, np.float64):
        return matrix.T
    transpose: Array = _transpose_p.bind(matrix)
    return transpose


def _is_small(matrix: Array) -> bool:
    return isinstance(matrix.size, int) and 0 < matrix.size <= _MOST


_transpose_p = Primitive("transpose_small")


def _by_kernel(matrix: Array) -> Array:
    result = jax.ShapeDtypeStruct(matrix.shape[::-1], matrix.dtype)
    called: Array = jax.ffi.ffi_call(target("Transpose", matrix.dtype), result)(matrix)
    return called


def _by_xla(matrix: Array) -> Array:
    return lax.transpose(matrix, (1, 0))


_kernel, _xla = (mlir.lower_fun(f, multiple_results=False) for f in (_by_kernel, _by_xla))


def _lower_on_cpu(ctx: Any, matrix: Any) -> Any:
    module = ctx.module_context
    uses_kernel = is_alone(module.axis_context) and not module.lowering_parameters.for_export
    return (_kernel if uses_kernel else _xla)(ctx, matrix)


def _abstract(matrix: ShapedArray) -> ShapedArray:
    return type_of_result(matrix.shape[::-1], matrix.dtype, (matrix,))


def _batched(arguments: tuple[Array], axes: tuple[int]) -> tuple[Array, int]:
    """Of many matrices, XLA's."""
    (matrices,), (axis,) = arguments, axes
    rows, columns = (k for k in range(3) if k != axis)
    return lax.transpose(matrices, (axis, columns, rows)), 0


_transpose_p.def_impl(_by_xla)
_transpose_p.def_abstract_eval(_abstract)
ad.deflinear2(_transpose_p, lambda cotangent, _: [transposed(cotangent)])
batching.primitive_batchers[_transpose_p] = _batched
mlir.register_lowering(_transpose_p, _lower_on_cpu, platform="cpu")
mlir.register_lowering(_transpose_p, _xla)
