"""Floor 6. (task, parameters, noise, key) -> means over runs, compiled: `Trajectories(samples)`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from qjax._base import tuning
from qjax._base.arrays import check_key, counted
from qjax._base.memory import check_states_fit
from qjax._base.mesh import on_mesh
from qjax._base.store import kept
from qjax._circuit.channels import Noise
from qjax._circuit.circuit import Circuit
from qjax._circuit.measurements import (
    draws_outcomes,
    measured_qubits,
    measurements,
    without_final_measurements,
)
from qjax._engine.drawn_bits import circuit_of_bits, shown_bits
from qjax._engine.misread import misread_at_the_end
from qjax._engine.misread_readouts import (
    MisreadStrings,
    misread_probabilities,
    misread_strings,
    misread_values,
    that_matter,
)
from qjax._engine.mixed_task import MeasuredBits
from qjax._engine.noisy_runs import FinalBits, Finish, Statistics, noisy_means
from qjax._engine.task import Expectations, Outcomes
from qjax._noise import (
    Misreading,
    NoiseModel,
    NoiseStructure,
    misreadings,
    names_without_noise,
    noisy_circuit,
)
from qjax._plan import Plan
from qjax._simulators import Trajectories


@dataclass(frozen=True, slots=True)
class CountedBits:
    """Read out how often each outcome is measured at the end, where each run is one shot.

    Outcomes are those of `MeasuredBits`, in its order, whose probabilities these frequencies are
    unbiased estimates of.
    """


@dataclass(frozen=True, slots=True)
class DrawnTask:
    """What is asked of runs of a circuit; parameters in the circuit's order.

    Attributes:
        circuit: the circuit, without noise.
        batched: the indices of the parameters that differ per sample.
        readout: what to read out.
        noise: the model, without its numbers; None for none.
        samples: how many runs a mean is of.
    """

    circuit: Circuit
    batched: frozenset[int]
    readout: Expectations | Outcomes | MeasuredBits | CountedBits
    noise: NoiseStructure | None
    samples: int


class _Program(NamedTuple):
    """What runs for a task.

    Attributes:
        circuit: with noise in its places.
        readout: of each run, before anything is misread.
        strings: how observables are read, where bits are misread.
        misread: what happens to readings of the qubits of the readout, otherwise.
        looked_at: how many of these qubits are looked at.
    """

    circuit: Circuit
    readout: Expectations | Outcomes | FinalBits
    strings: MisreadStrings | None = None
    misread: tuple[Misreading, ...] = ()
    looked_at: int = 0


def check_alone(simulator: Trajectories, shots: object, gradient: object) -> None:
    """Require that nothing is asked for beside the means over runs and their derivatives.

    Raises:
        ValueError: for shots, and for a gradient.
    """
    if shots is not None:
        raise ValueError(
            f"shots: got {shots!r} beside {simulator}, whose samples are the runs; leave shots "
            "out, or give simulator=DensityMatrix() or StateVector() for what a device would count"
        )
    if gradient is not None:
        raise ValueError(
            f"gradient: got {gradient!r} beside {simulator}, whose derivatives are those of the "
            "runs; leave it out"
        )


def check_key_of(simulator: Trajectories, key: Array | None) -> None:
    """Require a random key.

    Raises:
        TypeError: otherwise.
    """
    if key is None:
        raise TypeError(
            f"key: runs of {simulator} are drawn; expected a JAX random key, "
            "key=jax.random.key(seed), got none"
        )
    check_key(key)


@kept()
def _program(task: DrawnTask) -> _Program:
    circuit, noise = task.circuit, task.noise
    counted = isinstance(task.readout, CountedBits)
    bits = counted or isinstance(task.readout, MeasuredBits)
    noisy = circuit if noise is None else noisy_circuit(circuit, noise, bits)
    if bits:
        if counted or noisy.is_dynamic:
            return _Program(circuit_of_bits(circuit, noise), FinalBits(shown_bits(noisy)))
        looked_at = tuple(measured_qubits(noisy))
        misread = () if noise is None else misread_at_the_end(circuit, measurements(noisy), noise)
    else:
        looked_at = _looked_at(task)
        misread = () if noise is None else misreadings(noise, range(circuit.num_qubits))
    before = replace(noisy, ops=without_final_measurements(noisy))
    if isinstance(task.readout, Expectations):
        if not misread:
            return _Program(before, task.readout)
        observables = task.readout.observables
        strings = misread_strings(observables, misread, circuit.num_params, task.batched)
        return _Program(before, Expectations(strings.strings), strings)
    misread, qubits = that_matter(misread, looked_at)
    return _Program(before, Outcomes(qubits), None, misread, len(looked_at))


def _looked_at(task: DrawnTask) -> tuple[int, ...]:
    everything = tuple(range(task.circuit.num_qubits))
    if isinstance(task.readout, Outcomes) and task.readout.qubits is not None:
        return task.readout.qubits
    return everything


def drawn_statistics(
    task: DrawnTask,
    shared: Float[Array, " shared"],
    batched: Float[Array, "batched batch"],
    model: NoiseModel | None,
    key: Array,
) -> Statistics:
    """Means over runs for each sample, and their standard errors; derivatives are unbiased.

    Args:
        task: what to simulate.
        shared: the parameters that all samples have in common, in the circuit's order.
        batched: those that differ per sample.
        model: the noise, with its numbers.
        key: a JAX random key.
    """
    program = _program(task)
    check_states_fit(program.circuit.num_qubits, 1, np.result_type(shared.dtype, np.complex64))
    channels = () if model is None else model.channels
    found = noisy_means(
        program.circuit,
        program.readout,
        shared,
        batched,
        tuple(sorted(task.batched)),
        channels,
        task.samples,
        key,
        _finish(program, model),
    )
    if isinstance(program.readout, FinalBits) or draws_outcomes(program.circuit):
        return found
    # All runs are the same where nothing is drawn; NaN stays NaN.
    return found._replace(errors=found.means - found.means)


def _finish(program: _Program, model: NoiseModel | None) -> Finish | None:
    strings, misread = program.strings, program.misread
    if model is None or (strings is None and not misread):
        return None

    def finish(values: Array, shared: Array, batched: Array) -> Array:
        if strings is not None:
            return misread_values(strings, values, model, shared, batched)
        assert isinstance(program.readout, Outcomes)
        assert program.readout.qubits is not None
        return misread_probabilities(
            values, misread, program.readout.qubits, program.looked_at, model
        )

    return finish


def drawn_values(
    task: DrawnTask,
    shared: Float[Array, " shared"],
    batched: Float[Array, "batched batch"],
    model: NoiseModel | None,
    key: Array,
) -> Float[Array, "outputs batch"]:
    """The means alone, as `drawn_statistics`."""
    return drawn_statistics(task, shared, batched, model, key).means


@kept(tuning.PROGRAM_BYTES)
def compiled_drawn(task: DrawnTask) -> Callable[..., Statistics]:
    """(params, model, key) -> means and errors, of a task whose parameters are all shared."""

    def run(params: Array, model: NoiseModel | None, key: Array) -> Statistics:
        nothing = jnp.zeros((0, 1), params.dtype)
        found = drawn_statistics(task, params, nothing, model, key)
        return Statistics(found.means[:, 0], found.errors[:, 0])

    return jax.jit(partial(on_mesh, run))


def plan_of_drawn(task: DrawnTask) -> Plan:
    """How a task is simulated, in words; the program is the circuit that each run goes through."""
    program, count = _program(task), task.circuit.num_qubits
    check_states_fit(count, 1, np.dtype(np.complex64))
    ops = program.circuit.ops
    channels = sum(isinstance(op, Noise) for op in ops)
    summary = (
        f"trajectories of {counted(count, 'qubit')}: a mean over {counted(task.samples, 'run')} "
        "per sample, drawn with a key; derivatives are unbiased\n"
        f"  {counted(len(ops) - channels, 'operation')} and {counted(channels, 'channel')} in each "
        f"run, of {8 << count} bytes in single precision"
    )
    if bare := () if task.noise is None else names_without_noise(task.circuit, task.noise):
        summary += f"\n  the model has no rule for {', '.join(bare)}: these are without noise"
    if program.circuit.is_dynamic:
        summary += "\n  dynamic: outcomes are drawn too, run by run"
    if program.strings is not None or program.misread:
        summary += "\n  misread: what is read out of each run, as it is on average"
    return Plan(program.circuit, None, len(ops), summary)
