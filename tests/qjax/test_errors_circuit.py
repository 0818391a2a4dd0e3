"""Bad input: what is raised, and what its message says."""

from __future__ import annotations

import time

import jax
import pytest

from tests.qjax.bad_input import BAD


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    call, kind, message = BAD[name]
    start = time.monotonic()
    with pytest.raises(kind, match=message):
        call()
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("name", ["too few parameters", "observable of another size"])
def test_bad_input_is_seen_at_trace_time(name: str) -> None:
    call, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        jax.jit(call).lower()
