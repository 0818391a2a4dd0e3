"""Floor 6. A task -> the circuit whose qubits are measured for it, and how that is read out.

One circuit serves all groups of observables: where a qubit is measured in several bases, the gates
that turn it have angles, which are further parameters that differ per row of the batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, Int

from qjax._base import tuning
from qjax._base.store import kept
from qjax._base.tables import in_precision
from qjax._circuit.circuit import Circuit
from qjax._circuit.commuting_groups import (
    CommutingGroup,
    SeenBits,
    commuting_groups,
    seen_bits,
    turn_of,
)
from qjax._circuit.measurements import without_final_measurements
from qjax._circuit.operations import Gate, gate
from qjax._engine.misread import MisreadTask, misread_task, run_misread
from qjax._engine.mixed import mixed_values
from qjax._engine.mixed_task import MeasuredBits, MixedTask
from qjax._engine.primitive import run
from qjax._engine.task import Expectations, Outcomes, Readout, Task, outcomes_of
from qjax._expressions import parameter
from qjax._noise import NoiseModel, noisy_circuit, structure_of
from qjax._plan import canonical_frame
from qjax._readout import Reading, expectation_values, reading_of
from qjax._simulators import DensityMatrix, ExactSimulator, Gradient

# Whose values are tabulated at once, for variances.
_OUTCOMES_AT_ONCE = 1 << 10

SampledTask = Task | MisreadTask | MixedTask

# RY and RX by these angles, after which Z is measured.
_TURNS = {"Z": (0.0, 0.0), "X": (-np.pi / 2, 0.0), "Y": (0.0, np.pi / 2)}


@dataclass(frozen=True, eq=False)
class Group:
    """What is read out of the shots of one group.

    Attributes:
        outcomes: `(2**k,)` which of the outcomes that are counted each state of the measured qubits
            is; None where all are told apart.
        num_outcomes: how many are counted.
        reading: the observables, of frequencies of those; None where these are the values.
    """

    outcomes: Int[np.ndarray, " 2**k"] | None
    num_outcomes: int
    reading: Reading | None


@dataclass(frozen=True, eq=False)
class Measured:
    """What is simulated for shots.

    Attributes:
        task: the probabilities of the measured qubits, with noise in its places. Its last
            parameters are the angles of `settings`, if there are any.
        settings: `(angles, groups)`.
        groups: at least one.
    """

    task: SampledTask
    settings: Float[np.ndarray, "angles groups"]
    groups: tuple[Group, ...]


def task_for(
    circuit: Circuit,
    readout: Readout,
    simulator: ExactSimulator | None,
    noise: NoiseModel | None,
    gradient: Gradient | None = None,
) -> SampledTask:
    """The task of a circuit, none of whose parameters differ per sample."""
    structure = None if noise is None else structure_of(noise)
    if isinstance(simulator, DensityMatrix):
        assert isinstance(readout, (Expectations, Outcomes))
        return MixedTask(circuit, frozenset(), readout, structure)
    pure = Task(circuit, frozenset(), readout, gradient, simulator=simulator)
    return pure if structure is None else misread_task(pure, structure)


def run_task(
    task: SampledTask,
    shared: Float[Array, " shared"],
    batched: Float[Array, "batched batch"],
    noise: NoiseModel | None,
) -> Float[Array, "outputs batch"]:
    """What is read out, exactly: as `run`, `run_misread` and `mixed_values`."""
    if isinstance(task, MixedTask):
        return mixed_values(task, shared, batched, noise)
    if isinstance(task, MisreadTask):
        return run_misread(task, shared, batched, noise)
    return run(task, shared, batched)


@kept()
def measured_of(task: SampledTask) -> Measured:
    """What is measured for a task.

    Raises:
        ValueError: for observables of more groups than can be measured, and for a task that reads
            out amplitudes.
    """
    readout, batched = task.readout, task.batched
    if isinstance(readout, (Outcomes, MeasuredBits)):
        return Measured(task, np.zeros((0, 1)), (Group(None, 0, None),))
    if not isinstance(readout, Expectations):
        raise ValueError("shots: amplitudes cannot be measured; expected observables or outcomes")
    groups = commuting_groups(readout.observables)
    # Somewhere to look, where there are only multiples of the identity.
    qubits = sorted({qubit for group in groups for qubit in group.qubits}) or [0]
    turns, settings = _turns(qubits, groups, task.circuit.num_params)
    names = tuple(f"turn[{index}] of measured qubits" for index in range(len(settings)))
    placed = _with_noise_in_places(task)
    circuit = replace(
        placed.circuit,
        ops=(*without_final_measurements(placed.circuit), *turns),
        parameters=task.circuit.parameters + names,
    )
    turned = range(task.circuit.num_params, circuit.num_params)
    whole = replace(
        placed,
        circuit=circuit,
        batched=batched | frozenset(turned),
        readout=outcomes_of(circuit, qubits),
    )
    sizes = task.circuit.num_params, batched
    return Measured(whole, settings, tuple(_group(group, qubits, *sizes) for group in groups))


def _with_noise_in_places(task: SampledTask) -> SampledTask:
    """The gates that turn what is measured, which come later, have no noise."""
    if not isinstance(task, MixedTask) or task.rules is None:
        return task
    return replace(task, circuit=noisy_circuit(task.circuit, task.rules, bits=False), is_noisy=True)


def _turns(
    qubits: Sequence[int], groups: Sequence[CommutingGroup], num_params: int
) -> tuple[list[Gate], np.ndarray]:
    """The gates that turn what is measured to Z, and the angles of those that have any."""
    gates: list[Gate] = []
    rows: list[list[float]] = []
    for qubit in qubits:
        letters = [dict(group.letters).get(qubit, "Z") for group in groups]
        if len(set(letters)) == 1:
            gates += turn_of(qubit, letters[0])
            continue
        for name, angles in zip(
            ("ry", "rx"), zip(*(_TURNS[x] for x in letters), strict=True), strict=True
        ):
            if any(angles):
                gates.append(gate(name, qubit, parameter(num_params + len(rows))))
                rows.append(list(angles))
    return gates, np.array(rows, np.float64).reshape(len(rows), len(groups))


def _group(
    group: CommutingGroup, qubits: Sequence[int], num_params: int, batched: frozenset[int]
) -> Group:
    seen = seen_bits(group)
    if not seen.masks:  # multiples of the identity: of one bit, which is always 0
        alone = tuple(replace(held, num_qubits=1) for held in seen.observables)
        seen = SeenBits((0,), alone)
    size = len(seen.masks)
    reading = reading_of(seen.observables, size, num_params, batched, canonical_frame(size))
    places = [qubits.index(qubit) for qubit in group.qubits]
    masks = [
        sum(1 << places[bit] for bit in range(len(places)) if mask >> bit & 1)
        for mask in seen.masks
    ]
    if masks == [1 << place for place in range(len(qubits))]:
        return Group(None, 1 << size, reading)
    states = np.arange(1 << len(qubits))
    outcomes = np.zeros(len(states), np.int32)
    for bit, mask in enumerate(masks):
        outcomes |= (np.bitwise_count(states & mask).astype(np.int32) & 1) << bit
    return Group(outcomes, 1 << size, reading)


def probabilities_of_groups(
    measured: Measured,
    shared: Float[Array, " shared"],
    batched: Float[Array, "batched batch"],
    noise: NoiseModel | None,
) -> tuple[Float[Array, "outcomes batch"], ...]:
    """The probabilities of what is counted in each group, from one call of the simulator."""
    batch, count = batched.shape[1], len(measured.groups)
    if measured.settings.shape[1] > 1:
        settings = jnp.asarray(measured.settings.astype(batched.dtype))
        turns = jnp.broadcast_to(settings[:, :, None], (*settings.shape, batch))
        rows = jnp.broadcast_to(batched[:, None], (len(batched), count, batch))
        batched = jnp.concatenate([rows, turns]).reshape(-1, count * batch)
    values = run_task(measured.task, shared, batched, noise)
    every = values.reshape(len(values), count, batch)
    return tuple(_counted(group, every[:, k]) for k, group in enumerate(measured.groups))


def _counted(group: Group, probabilities: Array) -> Float[Array, "outcomes batch"]:
    if group.outcomes is None:
        return probabilities
    if group.num_outcomes * len(probabilities) <= tuning.MAX_COEFFICIENT_TABLE:
        table = np.arange(group.num_outcomes)[:, None] == group.outcomes[None]
        chosen = jnp.asarray(table.astype(probabilities.dtype))
        return jnp.matmul(chosen, probabilities, precision=tuning.PRECISION)
    return jax.ops.segment_sum(probabilities, jnp.asarray(group.outcomes), group.num_outcomes)


def values_of_groups(
    measured: Measured,
    frequencies: Sequence[Float[Array, "outcomes batch"]],
    shared: Float[Array, " shared"],
    batched: Float[Array, "batched batch"],
) -> Float[Array, "outputs batch"]:
    """What is read out: of probabilities the exact values, of frequencies estimates of them."""
    x64 = jax.config.read("jax_enable_x64")
    total: Array | None = None
    for group, shares in zip(measured.groups, frequencies, strict=True):
        values = (
            shares
            if group.reading is None
            else expectation_values(in_precision(group.reading, x64), shares[None], shared, batched)
        )
        total = values if total is None else total + values
    assert total is not None
    return total


def variance_among_shots(
    group: Group, shares: Float[Array, " outcomes"], params: Float[Array, " params"]
) -> Float[Array, " outputs"]:
    """The variance of each observable's part in a group, from shot to shot.

    Args:
        group: of observables.
        shares: the frequency of each outcome.
        params: of the circuit, all of them shared.
    """
    assert group.reading is not None
    reading = in_precision(group.reading, jax.config.read("jax_enable_x64"))
    size = group.num_outcomes
    width = min(size, _OUTCOMES_AT_ONCE)

    def read(columns: Array) -> Float[Array, "outputs columns"]:
        nothing = jnp.zeros((0, columns.shape[1]), params.dtype)
        return expectation_values(reading, columns[None], params, nothing)

    mean = read(shares[:, None])

    def add(number: Array, total: Array) -> Array:
        # The values of the outcomes: what is read out where one of them is certain.
        chosen = jnp.arange(size)[:, None] == number * width + jnp.arange(width)[None]
        values = read(chosen.astype(params.dtype)) - mean
        own = lax.dynamic_slice_in_dim(shares, number * width, width)
        return total + jnp.matmul(jnp.square(values), own, precision=tuning.PRECISION)

    return lax.fori_loop(0, size // width, add, jnp.zeros_like(mean[:, 0]))
