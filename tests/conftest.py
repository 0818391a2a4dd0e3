"""Settings of the whole test session, and what the tests share as fixtures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import hypothesis
import jax
import numpy as np
import pytest

from tests.circuits import DOUBLE_TOLERANCE, SINGLE_TOLERANCE
from tests.compiling import FASTER

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
# LLVM optimizes less: twice as fast to compile, for programs that run once. JAX's own tests do the
# same; what is computed stays the same. Examples run in processes of their own, without it.
jax.config.update("jax_disable_most_optimizations", True)
# Read once, here; processes that tests start compile as users do.
with pytest.MonkeyPatch.context() as _environment:
    _environment.setenv("XLA_FLAGS", FASTER, prepend=" ")
    jax.devices()

hypothesis.settings.register_profile(
    "reproducible", derandomize=True, deadline=None, database=None, print_blob=True
)
hypothesis.settings.load_profile("reproducible")


@dataclass(frozen=True)
class Precision:
    """A pair of dtypes and the largest error that counts as right."""

    real: type[np.floating[Any]]
    complex: type[np.complexfloating[Any, Any]]
    tolerance: float

    @property
    def x64(self) -> bool:
        return self.real is np.float64


SINGLE = Precision(np.float32, np.complex64, SINGLE_TOLERANCE)
DOUBLE = Precision(np.float64, np.complex128, DOUBLE_TOLERANCE)


@pytest.fixture(params=[SINGLE, DOUBLE], ids=["single", "double"])
def precision(request: pytest.FixtureRequest) -> Iterator[Precision]:
    """The test runs once in each precision; JAX's global flag stays as it is."""
    with jax.enable_x64(request.param.x64):
        yield request.param


@pytest.fixture
def x64() -> Iterator[None]:
    """The test runs in double precision."""
    with jax.enable_x64(True):
        yield


@pytest.fixture
def xla_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test looks at programs, memory or compilations of XLA's engine."""
    monkeypatch.setenv("QJAX_ENGINE", "xla")


@pytest.fixture
def full_compilation() -> Iterator[None]:
    """Everything is optimized, as users have it."""
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", True)


class Compilations:
    """Counts what JAX traces and what XLA compiles, through JAX's public monitoring events."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.count = self.traces = 0

    def __call__(self, event: str, duration: float, **kwargs: Any) -> None:
        self.count += event == "/jax/core/compile/backend_compile_duration"
        self.traces += event == "/jax/core/compile/jaxpr_trace_duration"


@pytest.fixture
def compilations() -> Iterator[Compilations]:
    """A counter of compilations that runs for as long as the test."""
    counter = Compilations()
    jax.monitoring.register_event_duration_secs_listener(counter)
    yield counter
    jax.monitoring.unregister_event_duration_listener(counter)


@pytest.fixture(autouse=True)
def _flag_is_left_alone() -> Iterator[None]:
    """No test, and nothing that a test calls, may switch JAX's global precision."""
    before = jax.config.jax_enable_x64
    yield
    assert jax.config.jax_enable_x64 == before


@pytest.fixture(autouse=True, scope="module")
def _compiled_programs_of_one_module() -> Iterator[None]:
    """Drop compiled programs between modules: each holds memory maps, of which Linux has 65,530."""
    yield
    jax.clear_caches()
