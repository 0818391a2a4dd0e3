"""Floor 4. What `simulator=` takes: how states are represented, and by which engine."""

import os
from dataclasses import dataclass, replace
from typing import Literal, get_args

from qjax._base.options import as_whole
from qjax._simulators.native.library import why_missing, why_not
from qjax._simulators.state_sharding import StateSharding

Engine = Literal["native", "xla"]


@dataclass(frozen=True, slots=True)
class StateVector:
    """Pure states, exactly: 2**n amplitudes per sample.

    Attributes:
        engine: "native" for compiled kernels, "xla" for XLA's operations, None for "native" where
            it is there (see `qjax.engine`). Both give the same numbers; what "native" lacks, XLA
            computes in either case.
        sharding: a `qjax.StateSharding`, on which devices which part of a state lies; None: every
            state is on one device.

    Raises:
        ValueError: for another engine.
        TypeError: for what is no `StateSharding`.
    """

    engine: Engine | None = None
    sharding: StateSharding | None = None

    def __post_init__(self) -> None:
        if self.sharding is not None and not isinstance(self.sharding, StateSharding):
            raise TypeError(
                f"sharding: got {self.sharding!r} of type {type(self.sharding).__name__}; expected "
                'qjax.StateSharding(mesh, state="..."), or None'
            )
        is_name = isinstance(self.engine, str) and self.engine in get_args(Engine)
        if self.engine is not None and not is_name:
            raise ValueError(
                f"engine: got {self.engine!r}; expected 'native', 'xla' or None, which chooses"
            )


@dataclass(frozen=True, slots=True)
class DensityMatrix:
    """Mixed states, exactly: 4**n real numbers per sample, with noise or without.

    Differentiable in parameters and in strengths of noise.
    """


_MOST_RUNS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Trajectories:
    """Pure states that jump: 2**n amplitudes for each run of the circuit, noise drawn at random.

    For circuits whose density matrix does not fit. Means over runs and their standard errors, which
    fall as 1/sqrt(samples); derivatives in parameters and in strengths of noise are unbiased.

    Attributes:
        samples: how many runs a mean is of, for each sample of a batch.

    Raises:
        TypeError: for what is no whole number.
        ValueError: for less than one, and for more than indices of 32 bits tell apart.
    """

    samples: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples", as_whole(self.samples, "samples", 1, _MOST_RUNS))


ExactSimulator = StateVector | DensityMatrix
Simulator = ExactSimulator | Trajectories


NATIVE, XLA = StateVector("native"), StateVector("xla")


def engine() -> str:
    """Which engine simulates circuits now: "native", or "xla" and why.

    The native engine is one operation of XLA's for a whole circuit, so that there is next to
    nothing to compile: on CPUs, where the package was installed with a C++ compiler at hand. What
    it lacks runs through XLA, with the same numbers: forward mode and second derivatives, several
    devices, and what `export` saves. `simulator=StateVector("xla")` chooses XLA for a function or
    network; the environment variable QJAX_ENGINE=xla for all where nothing was chosen. What was
    compiled before keeps its engine.

    Raises:
        ValueError: for another value of QJAX_ENGINE than "native" and "xla".
    """
    reason = why_not()
    return "native" if reason is None else f"xla ({reason})"


def as_simulator(simulator: object) -> Simulator | None:
    """What `simulator=` was given.

    Raises:
        TypeError: for what is no simulator.
    """
    if simulator is None or isinstance(simulator, Simulator):
        return simulator
    if isinstance(simulator, type) and issubclass(simulator, Simulator):
        name = simulator.__name__
        numbers = "1000" if simulator is Trajectories else ""
        raise TypeError(
            f"simulator: got the class {name}; expected a value, such as {name}({numbers})"
        )
    raise TypeError(
        f"simulator: got {simulator!r} of type {type(simulator).__name__}; expected one of "
        "qjax.simulators, such as StateVector('xla'), or None, which chooses"
    )


def resolved(simulator: StateVector | None) -> StateVector:
    """The same with an engine: the one that was asked for, or the best one there is.

    Raises:
        ValueError: for the native engine where it cannot run.
    """
    if simulator is not None and simulator.sharding is not None:
        return _resolved_for_several(simulator, simulator.sharding)
    if simulator == XLA:
        return XLA
    reason = why_not(asked=simulator == NATIVE)
    if reason is None:
        return NATIVE
    if simulator == NATIVE:
        raise ValueError(
            f"simulator: the native engine cannot run: {reason}; leave engine out, for XLA where "
            "it cannot"
        )
    return XLA


def _resolved_for_several(simulator: StateVector, sharding: StateSharding) -> StateVector:
    """Each device runs alone between exchanges, so that meshes are no hindrance."""
    reason = why_missing() if sharding.platform == "cpu" else "the mesh is not one of CPUs"
    if reason is None and simulator.engine is None and os.environ.get("QJAX_ENGINE") == "xla":
        reason = "QJAX_ENGINE=xla"
    if reason is None and simulator.engine != "xla":
        return replace(simulator, engine="native")
    if simulator.engine == "native":
        raise ValueError(
            f"simulator: the native engine cannot run: {reason}; leave engine out, for XLA where "
            "it cannot"
        )
    return replace(simulator, engine="xla")
