"""Floor 3. A permutation of rows whose transpose is the inverse permutation.

JAX transposes a gather to a scatter-add, which runs serially on CPU. The transpose of a
permutation is another gather, and saying so needs a primitive: `jax.custom_vjp` would lose
forward mode, `jax.custom_derivatives.linear_call` has no batching rule.
"""

import jax
import numpy as np
from jax import Array
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Shaped

_permute_p = Primitive("permute_rows")


def permute_rows(x: Shaped[Array, "rows *rest"], source: np.ndarray) -> Shaped[Array, "rows *rest"]:
    """x[source], for a permutation `source` that is known when tracing."""
    return _permute_p.bind(x, source=tuple(source.tolist()), axis=0)


def _gather(x: Array, *, source: tuple[int, ...], axis: int) -> Array:
    index = np.array(source, np.int32)
    return jax.numpy.take(x, index, axis=axis, unique_indices=True, mode="clip")


def _transpose(cotangent: Array, _: Array, *, source: tuple[int, ...], axis: int) -> list:
    inverse = tuple(np.argsort(source).tolist())
    return [_permute_p.bind(cotangent, source=inverse, axis=axis)]


def _batch(arguments, dimensions, *, source, axis):
    (x,), (dimension,) = arguments, dimensions
    axis += dimension <= axis
    return _permute_p.bind(x, source=source, axis=axis), dimension


_permute_p.def_impl(_gather)
_permute_p.def_abstract_eval(lambda x, **_: x)
ad.deflinear2(_permute_p, _transpose)
batching.primitive_batchers[_permute_p] = _batch
mlir.register_lowering(_permute_p, mlir.lower_fun(_gather, multiple_results=False))
