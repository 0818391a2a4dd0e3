"""Floor 8. How fast this machine is, measured: `python -m qjax.calibrate`, in less than a minute.

A handful of circuits run through the public functions: small ones tell what a call costs, larger
ones what a step costs on states inside and outside of the caches, in values and gradients. The
figures are kept in the user's cache folder, where `qjax.resources` finds them for its estimated
times; measure again after a change of machine, of the number of cores, or of this package. With
several JAX devices, it also measures how fast they exchange parts of arrays.

On one core the clock is the process's own, which other programs do not delay; on several it is the
wall's, so that the machine should be idle.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.sharding import Mesh, PartitionSpec
from qiskit import QuantumCircuit
from qiskit.circuit.library import efficient_su2

from qjax._qiskit import from_qiskit
from qjax._resources import (
    MODES,
    Machine,
    Rates,
    Subject,
    is_parallel,
    num_threads,
    save_machine,
    subject,
    typical_machine,
    units_of_call,
    work_of,
)
from qjax._simulation import expectation
from qjax._simulators import DensityMatrix, Simulator, StateVector, Trajectories, engine

__all__ = ["calibrate", "main"]

_SECONDS, _LEAST_RUNS = 0.15, 3


class _Size(NamedTuple):
    """A circuit of `layers` layers on so many qubits."""

    num_qubits: int
    layers: int


class _Method(NamedTuple):
    """A simulator, and what it runs: the small circuit first, then larger ones."""

    simulator: Simulator
    small: _Size
    large: tuple[_Size, ...]
    measures_doubles: bool


_METHODS: dict[str, _Method] = {
    "native": _Method(
        StateVector("native"), _Size(4, 3), (_Size(12, 3), _Size(16, 3), _Size(20, 2)), True
    ),
    "xla": _Method(
        StateVector("xla"), _Size(4, 3), (_Size(12, 3), _Size(16, 3), _Size(20, 2)), False
    ),
    "density matrix": _Method(DensityMatrix(), _Size(3, 2), (_Size(8, 3), _Size(10, 1)), False),
    "trajectories": _Method(Trajectories(128), _Size(3, 2), (_Size(10, 2),), False),
}


def calibrate(report: Callable[[str], object] = lambda _: None) -> Path:
    """Measure this machine, and keep the figures for `qjax.resources`.

    Args:
        report: is given a line for each figure.

    Returns:
        the file that they were written to.

    Raises:
        OSError: where the user's cache folder cannot be written to.
    """
    machine = typical_machine()
    if engine() == "native":
        machine = replace(machine, speedup=_speedup(machine))
        report(f"{machine.threads} threads are {machine.speedup:.2f} times as fast as one")
    rates = dict(machine.rates)
    for name, method in _METHODS.items():
        if name == "native" and engine() != "native":
            report(f"native: not here, {engine()}; figures of a typical machine are kept")
            continue
        rates |= _rates(name, method, machine, report)
    exchanged = _bandwidth()
    bandwidth = exchanged or machine.bandwidth
    report(f"exchanges: {bandwidth / 1e9:.3g} GB/s" + " (typical)" * (exchanged is None))
    return save_machine(replace(machine, measured=True, bandwidth=bandwidth, rates=rates))


def main() -> None:
    """The command."""
    start = time.perf_counter()
    path = calibrate(lambda line: sys.stdout.write(f"{line}\n") and sys.stdout.flush())
    sys.stdout.write(f"{path} written after {time.perf_counter() - start:.0f} s\n")


# ---------------------------------------------------------------- rates


def _rates(
    name: str, method: _Method, machine: Machine, report: Callable[[str], object]
) -> dict[str, Rates]:
    """Of all that is timed of a method; doubles of all but values are as many times slower."""
    found: dict[str, Rates] = {}
    for mode in MODES[name]:
        single = f"{name}/complex64/{mode}"
        found[single] = _measured(single, method, machine)
        report(_line(single, found[single]))
    for mode in MODES[name]:
        double = f"{name}/complex128/{mode}"
        if mode == "value" or method.measures_doubles:
            found[double] = _measured(double, method, machine)
            report(_line(double, found[double]))
        else:
            value, in_double = (found[f"{name}/{d}/value"] for d in ("complex64", "complex128"))
            found[double] = _slower(found[f"{name}/complex64/{mode}"], value, in_double)
    return found


def _line(name: str, rates: Rates) -> str:
    units = ", ".join(f"{1e9 * seconds:.3g}" for _, seconds in rates.units)
    return f"{name}: {1e6 * rates.call:.3g} us a call, {units} ns a unit"


def _slower(rates: Rates, value: Rates, in_double: Rates) -> Rates:
    pairs = zip(rates.units, value.units, in_double.units, strict=True)
    return replace(
        rates,
        units=tuple((size * 2, seconds * b[1] / a[1]) for (size, seconds), a, b in pairs),
    )


def _measured(name: str, method: _Method, machine: Machine) -> Rates:
    """What a small circuit takes says how typical the overheads are; then what larger ones do."""
    _, dtype, mode = name.split("/")
    typical = machine.rates[name]
    small, seconds = _timed(method.small, method.simulator, dtype, mode)
    steps, units = units_of_call(small, work_of(small))
    usual = typical.call + typical.step * steps + units * typical.unit(small.one_state)
    scale = seconds / usual
    call, step = scale * typical.call, scale * typical.step
    points = []
    for size in method.large:
        large, seconds = _timed(size, method.simulator, dtype, mode)
        steps, units = units_of_call(large, work_of(large))
        computed = max(seconds - call - step * steps, seconds / 5)
        shared = machine.speedup if is_parallel(large, work_of(large)) else 1
        points.append((float(large.one_state), shared * computed / units))
    return Rates(call, step, tuple(points))


def _circuit(size: _Size) -> QuantumCircuit:
    return efficient_su2(size.num_qubits, reps=size.layers)


def _timed(size: _Size, simulator: Simulator, dtype: str, mode: str) -> tuple[Subject, float]:
    circuit = from_qiskit(_circuit(size))
    way: Any = None if mode == "value" else mode
    with jax.enable_x64(dtype == "complex128"):
        params = _parameters(circuit.num_params, dtype)
        seconds = _least_seconds(_function(circuit, simulator, mode), params)
    return subject(circuit, 1, np.dtype(dtype), way, simulator, 1), seconds


def _function(circuit: Any, simulator: Simulator, mode: str) -> Callable[[Array], Any]:
    letters = ("XZ" * circuit.num_qubits)[: circuit.num_qubits]
    draws = isinstance(simulator, Trajectories)
    has_choice = mode != "value" and isinstance(simulator, StateVector)

    def value(params: Array) -> Array:
        return expectation(
            circuit,
            letters,
            params,
            simulator=simulator,
            gradient=mode if has_choice else None,
            key=jax.random.key(0) if draws else None,
        )

    return value if mode == "value" else jax.value_and_grad(value)


def _parameters(*shape: Any) -> Array:
    *sizes, dtype = shape
    values = np.random.default_rng(0).uniform(-1, 1, sizes)
    return jnp.asarray(values, np.float32 if dtype == "complex64" else np.float64)


def _least_seconds(function: Callable[..., Any], *arguments: Array) -> float:
    """Of several calls of the compiled function: what else the machine does only adds to it."""
    clock = time.process_time if num_threads() == 1 else time.perf_counter
    run = jax.jit(function)
    jax.block_until_ready(run(*arguments))
    least, runs, end = float("inf"), 0, time.perf_counter() + _SECONDS
    while runs < _LEAST_RUNS or time.perf_counter() < end:
        start = clock()
        jax.block_until_ready(run(*arguments))
        least, runs = min(least, clock() - start), runs + 1
    return least


# ---------------------------------------------------------------- threads and devices


def _speedup(machine: Machine) -> float:
    """How many times faster a batch is with all threads than one sample after the other."""
    if machine.threads == 1:
        return 1.0
    count = 4 * machine.threads
    circuit = from_qiskit(_circuit(_Size(14, 6)))
    one = _function(circuit, StateVector("native"), "value")
    alone = _least_seconds(one, _parameters(circuit.num_params, "complex64"))
    together = _least_seconds(jax.vmap(one), _parameters(count, circuit.num_params, "complex64"))
    return min(max(1.0, count * alone / together), float(machine.threads))


def _bandwidth() -> float | None:
    """Bytes that each device sends in a second when all exchange parts; None for a single one."""
    devices = jax.devices()
    if len(devices) == 1:
        return None
    mesh = Mesh(np.array(devices), ("device",))
    run = jax.shard_map(
        partial(lax.all_to_all, axis_name="device", split_axis=0, concat_axis=0, tiled=True),
        mesh=mesh,
        in_specs=PartitionSpec("device"),
        out_specs=PartitionSpec("device"),
    )
    rows = len(devices) ** 2
    sent = jnp.zeros((rows, (8 << 20) // 4 // len(devices)), jnp.float32)
    of_one = sent.nbytes / len(devices)
    return of_one * (1 - 1 / len(devices)) / _least_seconds(run, sent)


if __name__ == "__main__":
    main()
