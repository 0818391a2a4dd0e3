"""Transposes by a kernel, against NumPy: values, derivatives, batches, exports."""

from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

from qjax._simulators import transposed
from qjax._simulators.native.library import why_missing
from tests.conftest import Precision

pytestmark = pytest.mark.skipif(why_missing() is not None, reason=f"{why_missing()}")


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape)


@pytest.mark.parametrize("shape", [(3, 5), (16, 4), (1, 7), (7, 1), (0, 3), (200, 100)])
@pytest.mark.parametrize("jit", [True, False])
def test_values(shape: tuple[int, int], jit: bool, precision: Precision) -> None:
    matrix = numbers(*shape).astype(precision.real)
    function: Any = jax.jit(transposed) if jit else transposed
    actual = function(jnp.asarray(matrix))
    assert actual.dtype == matrix.dtype
    np.testing.assert_array_equal(actual, matrix.T)


def test_derivatives_and_batches() -> None:
    matrix, weights = numbers(3, 5).astype(np.float32), numbers(5, 3).astype(np.float32)
    gradient = jax.grad(lambda m: (transposed(m) * weights).sum())(matrix)
    np.testing.assert_allclose(gradient, weights.T)
    second = jax.jvp(jax.grad(lambda m: (transposed(m) ** 3).sum()), (matrix,), (weights.T,))[1]
    np.testing.assert_allclose(second, 6 * matrix * weights.T, rtol=1e-5)
    many = numbers(2, 3, 5).astype(np.float32)
    for axis in range(3):
        moved = np.moveaxis(many, 0, axis)
        actual = jax.vmap(transposed, in_axes=axis)(moved)
        np.testing.assert_array_equal(actual, np.swapaxes(many, 1, 2))


def test_exports_call_no_kernel() -> None:
    matrix = numbers(3, 5).astype(np.float32)
    exported = jax.export.export(jax.jit(transposed), platforms=("cpu", "tpu"))(matrix)
    assert "qjax_" not in exported.mlir_module()
    np.testing.assert_array_equal(exported.call(matrix), matrix.T)
    assert "qjax_Transpose" in jax.jit(transposed).lower(matrix).as_text()
