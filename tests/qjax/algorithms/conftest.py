"""What all tests of estimators share."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture(autouse=True)
def _optax_promotes_dtypes() -> Iterator[None]:
    """Adam of optax takes a float to the power of an integer, which the tests else forbid."""
    with jax.numpy_dtype_promotion("standard"):
        yield
