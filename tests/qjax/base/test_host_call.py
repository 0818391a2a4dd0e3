"""Functions of NumPy tables inside of JAX: what is called, how often, with how many rows."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qjax._base.host_call import call
from tests.conftest import Precision


class Sums:
    """Sum and product of each row; remembers how many rows each run had."""

    num_outputs = 2

    def __init__(self) -> None:
        self.runs: list[int] = []

    def run(self, rows: np.ndarray) -> np.ndarray:
        assert rows.dtype == np.float64
        self.runs.append(len(rows))
        return np.stack([rows.sum(axis=1), rows.prod(axis=1)], axis=1)


def test_values(precision: Precision) -> None:
    table = np.arange(6).reshape(2, 3).astype(precision.real)
    expected = [[3, 0], [12, 60]]
    for transform in (lambda f: f, jax.jit):
        (found,) = transform(lambda rows: call(Sums(), rows))(table)
        assert found.dtype == precision.real
        np.testing.assert_array_equal(found, expected)


def test_double_keeps_its_digits(x64: None) -> None:
    table = np.array([[1 / 3, 1e-12]])
    (found,) = jax.jit(lambda rows: call(Sums(), rows))(table)
    np.testing.assert_array_equal(found, Sums().run(table))


def test_all_tables_in_one_run() -> None:
    host = Sums()
    first, second = jax.jit(lambda a, b: call(host, a, b))(jnp.ones(3), jnp.ones((4, 5, 3)))
    assert (first.shape, second.shape, host.runs) == ((2,), (4, 5, 2), [21])


def test_a_batch_is_one_run() -> None:
    host = Sums()

    def both(shared: jax.Array, own: jax.Array) -> list[jax.Array]:
        return call(host, shared, own)

    for transform in (lambda f: f, jax.jit):
        mapped = jax.vmap(jax.vmap(both, (None, 0)), (None, 1))
        shared, own = transform(mapped)(jnp.ones((7, 3)), jnp.ones((5, 4, 3)))
        assert (shared.shape, own.shape) == ((4, 5, 7, 2), (4, 5, 2))
    assert host.runs == [7 + 20] * 2  # what all samples share is run once


def test_what_is_not_used_is_not_run() -> None:
    host = Sums()
    jax.jit(lambda a, b: call(host, a, b)[1])(jnp.ones((2, 3)), jnp.ones((5, 3)))
    jax.jit(lambda a: (call(host, a), a)[1])(jnp.ones((2, 3)))
    assert host.runs == [5]


def test_errors_of_the_function_reach_the_caller() -> None:
    class Broken(Sums):
        def run(self, rows: np.ndarray) -> np.ndarray:
            raise ValueError("the machine is down")

    with pytest.raises(ValueError, match="the machine is down"):
        call(Broken(), jnp.ones(3))
    with pytest.raises(Exception, match="the machine is down"):
        jax.block_until_ready(jax.jit(lambda rows: call(Broken(), rows))(jnp.ones(3)))
