"""Floor 7. (circuit, params, key) -> samples, and runs."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Complex, Float, UInt8
from qiskit import QuantumCircuit

from qjax._base import tuning
from qjax._base.arrays import check_key, check_known_finite
from qjax._base.errors import NoExactFormError
from qjax._base.memory import check_states_fit
from qjax._base.mesh import on_mesh
from qjax._base.process import check_process
from qjax._base.store import kept
from qjax._circuit.circuit import Circuit
from qjax._circuit.measurements import measured_bits, measured_qubits, writes_bits
from qjax._dynamic import deferred, num_records
from qjax._engine import (
    MeasuredBits,
    MixedTask,
    circuit_of_bits,
    deferred_with_noise,
    follow,
    measured_task,
    misread_task,
    mixed_values,
    num_simulated,
    run_task,
    runs_at_once,
    with_simulator,
)
from qjax._noise import NoiseModel, NoiseStructure, as_noise, structure_of
from qjax._qiskit import ParameterValues, as_circuit, as_parameters
from qjax._readout import (
    bits_of,
    check_shots,
    check_shots_fit,
    choices_of,
    draw_states,
    in_parts,
)
from qjax._simulators import (
    DensityMatrix,
    Simulator,
    StateVector,
    as_complex,
    as_simulator,
)
from qjax.simulators import Trajectories as TrajectorySimulator


class Trajectories(NamedTuple):
    """Runs of a circuit.

    Attributes:
        states: normalised, at the end of each run.
        bits: the classical bits at the end of each run.
    """

    states: Complex[Array, "shots 2**n"]
    bits: UInt8[Array, "shots clbits"]


def sample(
    circuit: Circuit | QuantumCircuit,
    params: ParameterValues,
    shots: int,
    key: Array,
    *,
    method: Literal["exact", "trajectories"] | None = None,
    simulator: Simulator | None = None,
    noise: NoiseModel | None = None,
) -> UInt8[Array, "shots bits"]:
    """Measure a circuit's qubits; circuit, params and errors as `statevector`.

    Args:
        circuit: the circuit.
        params: its parameters, a vector or by name.
        shots: how many times.
        key: a JAX random key (`jax.random.key(seed)`); the same key draws the same samples.
        method: "exact" draws from the exact distribution of all outcomes, which for a circuit that
            measures or resets midway takes memory for all of them (`print(plan(circuit))` tells how
            much); "trajectories" runs the circuit once for each shot; None chooses the second where
            the first needs more than 20 qubits and records, or does not exist.
        simulator: as in `statevector`; or `DensityMatrix()`; or `Trajectories(shots)`, each of
            whose runs is one shot. Runs without noise go through XLA.
        noise: what goes wrong on the way, misread bits included; None for nothing.

    Returns:
        shape `(shots, n)`, column i for qubit i; for a circuit with measurements
        `(shots, num_clbits)`, column i for classical bit i, 0 where nothing was measured.

    Raises:
        ValueError: also for `shots` below 1 or above 2**31, and for NaN where the values are
            known.
        NoExactFormError: for method "exact", where there are too many outcomes, or a loop that
            may never end. By trajectories such a loop runs as long as it would.
    """
    check_process()
    circuit = as_circuit(circuit)
    values = as_parameters(circuit, params)
    if method not in (None, "exact", "trajectories"):
        raise ValueError(f"method: expected 'exact', 'trajectories' or None, got {method!r}")
    check_known_finite(values, "params")
    check_key(key)
    shots, given = check_shots(shots), as_simulator(simulator)
    _check_runs(given, shots, method)
    chosen, model = with_simulator(circuit, given, as_noise(noise))
    structure = structure_of(model) if model else None
    by_runs = method == "trajectories" or (method is None and not is_followed(circuit))
    if by_runs and isinstance(chosen, StateVector) and chosen.sharding is not None:
        raise ValueError(
            "simulator: runs one by one have whole states, and this one cuts states between "
            "devices; expected method='exact', where outcomes can be followed, or no sharding"
        )
    if method == "trajectories" or isinstance(chosen, TrajectorySimulator):
        return _compiled_runs(circuit, structure, shots)(values, key, model)
    if isinstance(chosen, DensityMatrix):
        return _compiled_noisy_sample(circuit, structure, shots)(values, key, model)
    if method is None and not is_followed(circuit):
        return _compiled_runs(circuit, structure, shots)(values, key, model)
    return _compiled_sample(circuit, structure, shots, chosen)(values, key, model)


def _check_runs(simulator: Simulator | None, shots: int, method: str | None) -> None:
    if not isinstance(simulator, TrajectorySimulator):
        return
    if method == "exact":
        raise ValueError(
            f"method: got 'exact' beside {simulator}, which draws runs; leave one of them out"
        )
    if simulator.samples != shots:
        raise ValueError(
            f"shots: got {shots} beside {simulator}, whose samples are the runs: each is one shot; "
            f"expected Trajectories({shots}), or method='trajectories'"
        )


def trajectories(
    circuit: Circuit | QuantumCircuit, params: ParameterValues, shots: int, key: Array
) -> Trajectories:
    """Run a circuit many times, each with outcomes of its own; arguments and errors as `sample`.

    For circuits whose outcomes are too many to follow exactly. Memory is for `shots` states; there
    are no derivatives. A loop runs as long as it would on hardware, for ever if it has no end.

    Returns:
        the state and the classical bits at the end of each run. Final measurements collapse too.
    """
    check_process()
    circuit = as_circuit(circuit)
    values = as_parameters(circuit, params)
    check_known_finite(values, "params")
    check_key(key)
    return _compiled_trajectories(circuit, check_shots(shots))(values, key)


@kept(tuning.PROGRAM_BYTES)
def _compiled_sample(
    circuit: Circuit, noise: NoiseStructure | None, shots: int, simulator: StateVector | None
) -> Callable[..., Array]:
    pure = replace(measured_task(circuit), simulator=simulator)
    task = pure if noise is None else misread_task(pure, noise, bits=True)
    bits = _places_of_bits(deferred(circuit))

    def draw(params: Array, key: Array, model: NoiseModel | None) -> Array:
        check_shots_fit(shots, len(bits))
        outcomes = run_task(task, params, jnp.zeros((0, 1), params.dtype), model)[:, 0]
        return _drawn_bits(outcomes, bits, shots, key)

    return jax.jit(partial(on_mesh, draw))


@kept(tuning.PROGRAM_BYTES)
def _compiled_noisy_sample(
    circuit: Circuit, noise: NoiseStructure | None, shots: int
) -> Callable[..., Array]:
    whole = deferred_with_noise(circuit, noise)
    bits = _places_of_bits(whole)
    task = MixedTask(circuit, frozenset(), MeasuredBits(), noise)

    def draw(params: Array, key: Array, model: NoiseModel | None) -> Array:
        check_shots_fit(shots, len(bits))
        outcomes = mixed_values(task, params, jnp.zeros((0, 1), params.dtype), model)[:, 0]
        # Rounding may leave negative numbers where a probability is 0.
        return _drawn_bits(jnp.maximum(outcomes, 0), bits, shots, key)

    return jax.jit(partial(on_mesh, draw))


def _places_of_bits(circuit: Circuit) -> list[int | None]:
    """Where each bit of a sample stands among the measured qubits; None: it is always 0."""
    position_of = {qubit: place for place, qubit in enumerate(measured_qubits(circuit))}
    return [None if qubit is None else position_of[qubit] for qubit in measured_bits(circuit)]


def _drawn_bits(
    outcomes: Float[Array, " 2**k"], bits: list[int | None], shots: int, key: Array
) -> UInt8[Array, "shots bits"]:
    choices = choices_of(outcomes)

    def part(key: Array, count: int) -> Array:
        return bits_of(draw_states(choices, count, key), bits)

    return in_parts(part, key, shots, tuning.SHOTS_AT_ONCE)


@kept()
def is_followed(circuit: Circuit) -> bool:
    """Whether all outcomes are followed exactly, unless another method is asked for."""
    if not has_exact_form(circuit):
        return False
    return num_records(circuit) == 0 or num_simulated(measured_task(circuit)) <= tuning.MAX_FOLLOWED


@kept()
def has_exact_form(circuit: Circuit) -> bool:
    """Whether all outcomes can be followed exactly."""
    try:
        num_records(circuit)
    except NoExactFormError:
        return False
    return True


@kept(tuning.PROGRAM_BYTES)
def _compiled_runs(
    circuit: Circuit, noise: NoiseStructure | None, shots: int
) -> Callable[..., Array]:
    """Bits of as many runs as shots, in parts that fit the cache."""
    columns = circuit.num_clbits if writes_bits(circuit.ops) else circuit.num_qubits
    whole = circuit_of_bits(circuit, noise)

    def draw(params: Array, key: Array, model: NoiseModel | None) -> Array:
        check_shots_fit(shots, columns)
        channels = () if model is None else jax.tree.map(jnp.asarray, model.channels)

        def part(key: Array, count: int) -> Array:
            world = follow(whole, params, count, key, channels)
            return world.bits[:columns].T.astype(jnp.uint8)

        return in_parts(part, key, shots, runs_at_once(circuit))

    return jax.jit(partial(on_mesh, draw))


@kept(tuning.PROGRAM_BYTES)
def _compiled_trajectories(circuit: Circuit, shots: int) -> Callable[[Array, Array], Trajectories]:
    def run(params: Array, key: Array) -> Trajectories:
        check_states_fit(circuit.num_qubits, shots, np.result_type(params.dtype, np.complex64))

        def part(key: Array, count: int) -> Trajectories:
            world = follow(circuit, params, count, key)
            return Trajectories(as_complex(world.state).T, world.bits.T.astype(jnp.uint8))

        return in_parts(part, key, shots, runs_at_once(circuit))

    return jax.jit(partial(on_mesh, run))
