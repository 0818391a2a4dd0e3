"""Target alignment against its definition, entry by entry."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from qjax.kernels import target_alignment

RANDOM = np.random.default_rng(0)
POINTS = RANDOM.normal(size=(7, 3))
MATRIX = POINTS @ POINTS.T
LABELS = np.array([1.0, -1, 1, 1, -1, 1, 1])
ONE_HOT = np.eye(3)[[0, 1, 2, 0, 0, 1, 2]] - 1 / 3


def alignment(matrix: np.ndarray, target: np.ndarray) -> float:
    norms = np.linalg.norm(matrix) * np.linalg.norm(target)
    return float(np.sum(matrix * target) / norms)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("labels", [LABELS, ONE_HOT], ids=["two", "three"])
def test_definitions(labels: np.ndarray) -> None:
    columns = labels.reshape(7, -1)
    target, center = columns @ columns.T, np.eye(7) - 1 / 7
    assert abs(target_alignment(MATRIX, labels) - alignment(MATRIX, target)) < 1e-14
    both = (center @ part @ center for part in (MATRIX, target))
    assert abs(target_alignment(MATRIX, labels, centered=True) - alignment(*both)) < 1e-14
    assert abs(target_alignment(target, labels) - 1) < 1e-14


@pytest.mark.usefixtures("x64")
def test_derivatives() -> None:
    check_grads(target_alignment, (jnp.array(MATRIX), jnp.array(LABELS)), 1, ["rev"], rtol=1e-5)
    centered = partial(target_alignment, labels=LABELS, centered=True)
    check_grads(jax.jit(centered), (jnp.array(MATRIX),), 1, ["rev"], rtol=1e-5)


def test_one_class_tells_nothing_where_jax_traces() -> None:
    of = jax.jit(jax.value_and_grad(partial(target_alignment, centered=True), (0, 1)))
    for given in ((MATRIX, np.full(7, 0.1)), (np.full((7, 7), 0.3), LABELS)):
        value, gradients = of(*map(jnp.asarray, given))
        assert value == 0
        assert all((gradient == 0).all() for gradient in gradients)


@pytest.mark.parametrize(
    ("matrix", "labels", "centered", "kind", "message"),
    [
        (MATRIX[:3], LABELS, False, ValueError, "matrix: expected a square matrix"),
        (np.zeros((0, 0)), [], False, ValueError, "matrix: expected a square matrix"),
        (MATRIX * 1j, LABELS, False, TypeError, "matrix: got"),
        (MATRIX * np.nan, LABELS, False, ValueError, "matrix: holds NaN"),
        (MATRIX, LABELS[:3], False, ValueError, r"labels: expected shape \(7,\) or"),
        (MATRIX, LABELS * np.inf, False, ValueError, "labels: holds NaN"),
        (MATRIX, list("abababa"), False, TypeError, "labels: got"),
        (MATRIX, LABELS * 0, False, ValueError, "labels: all 0"),
        (MATRIX, LABELS * 0 + 1, True, ValueError, "labels: all equal"),
        (MATRIX, LABELS * 0 + 0.1, True, ValueError, "labels: all equal"),
        (MATRIX * 0, LABELS, False, ValueError, "matrix: all 0"),
        (MATRIX * 0 + 0.3, LABELS, True, ValueError, "matrix: all equal"),
        (MATRIX, LABELS, "yes", TypeError, "centered: expected True or False"),
    ],
)
def test_bad_input(
    matrix: object, labels: object, centered: object, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        target_alignment(matrix, labels, centered)
