"""Floor 6. (circuit, parameters, noise) -> what is read out of density matrices."""

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int, Shaped

from qjax._base import tuning
from qjax._base.arrays import counted
from qjax._base.mesh import on_mesh
from qjax._base.store import kept
from qjax._engine.misread_readouts import misread_probabilities
from qjax._engine.mixed_task import (
    MeasuredBits,
    MixedPart,
    MixedProgram,
    MixedTask,
    bits_of_all,
    check_density_fits,
    deferred_with_noise,
    mixed_program,
)
from qjax._engine.task import Outcomes
from qjax._noise import (
    Channel,
    Misreading,
    NoiseModel,
    names_without_noise,
)
from qjax._plan import Plan
from qjax._readout import (
    matrix_of,
    mixed_expectations,
    mixed_probabilities,
)
from qjax._simulators import (
    pauli_vector,
)


def mixed_values(
    task: MixedTask,
    shared: Float[Array, " shared"],
    batched: Float[Array, "batched batch"],
    model: NoiseModel | None,
) -> Shaped[Array, "outputs batch"]:
    """What is read out, for all samples at once; of `Densities`, of the only sample.

    Args:
        task: what to simulate.
        shared: the parameters that all samples have in common, in the circuit's order.
        batched: those that differ per sample.
        model: the noise, with its numbers.
    """
    program = mixed_program(task)
    check_density_fits(program.widest.circuit.num_qubits, batched.shape[1], shared.dtype)
    channels = _channels(program, model)
    values = [_part_values(part, task, shared, batched, channels) for part in program.parts]
    if len(values) == 1:
        return values[0]
    outputs = np.concatenate([part.outputs for part in program.parts])
    return jax.ops.segment_sum(jnp.concatenate(values), outputs, num_segments=max(outputs) + 1)


def _part_values(
    part: MixedPart,
    task: MixedTask,
    shared: Array,
    batched: Array,
    channels: tuple[Channel, ...],
) -> Array:
    vector = pauli_vector(part.plan, shared, batched, channels)
    layout = part.plan.layout
    if part.reading is not None:
        return mixed_expectations(part.reading, layout, vector, shared, batched)
    assert isinstance(part.readout, Outcomes)
    assert part.readout.qubits is not None
    if isinstance(task.readout, (Outcomes, MeasuredBits)):
        return mixed_probabilities(layout, part.readout.qubits, vector)
    own = part.readout.qubits
    rows = _rows_of(layout, own)
    # The qubits by their places among those that are looked at.
    order = tuple(own.index(qubit) for qubit in layout if qubit in own)
    return matrix_of(order, vector[rows, 0])


def _rows_of(layout: tuple[int, ...], qubits: tuple[int, ...]) -> Int[np.ndarray, " rows"]:
    """The rows of a Pauli vector of some qubits: others are traced out, by the digit I."""
    rows = np.zeros(1, np.int32)
    for place, qubit in enumerate(layout):
        digits = np.arange(4 if qubit in qubits else 1, dtype=np.int32)
        rows = (rows[:, None] + 4 ** (len(layout) - 1 - place) * digits).reshape(-1)
    return rows


def _channels(program: MixedProgram, model: NoiseModel | None) -> tuple[Channel, ...]:
    if model is None:
        return ()
    misread = (_of_misreadings(one_by_one, model) for one_by_one in program.misread)
    return (*model.channels, *misread)


def _of_misreadings(misread: Sequence[Misreading], model: NoiseModel) -> Channel:
    """What misreadings one after the other make of Pauli strings."""
    bits = bits_of_all(misread)
    width = len(bits)
    if len(misread) == 1:
        return Channel("misread_strings", width, (model.readouts[misread[0].readout].matrix,))
    # Column i is what is read where i is true.
    true = jnp.eye(2**width, dtype=jnp.result_type(float))
    columns = misread_probabilities(true, misread, bits, width, model)
    return Channel("misread_strings", width, (columns.T,))


@kept(tuning.PROGRAM_BYTES)
def compiled_mixed(task: MixedTask) -> Callable[..., Array]:
    """(shared, batched, model) -> what is read out."""
    return jax.jit(partial(on_mesh, partial(mixed_values, task)))


def plan_of_mixed(task: MixedTask) -> Plan:
    """How a task is simulated, in words."""
    program = mixed_program(task)
    part = program.widest
    count, schedule = part.circuit.num_qubits, part.plan.schedule
    check_density_fits(count, 1, np.dtype(np.float32))
    widths = sorted({len(block.qubits) for block in schedule.blocks})
    blocks = counted(len(schedule.blocks), "block")
    on = f" on {' and '.join(map(str, widths))} qubits" if widths else ""
    bits = isinstance(task.readout, MeasuredBits)
    whole = deferred_with_noise(task.circuit, task.rules, bits=bits)
    records = whole.num_qubits - task.circuit.num_qubits
    noise = "without noise" if task.noise is None else "with noise"
    summary = (
        f"density matrix of {counted(count, 'qubit')}, {noise}: 4**{count} real numbers per "
        f"sample, tr(P rho) for all Pauli strings P\n"
        f"  {counted(len(part.plan.factors.factors), 'superoperator')} of gates, channels and "
        f"misread bits in {blocks}{on}; those on single qubits of |0> make the state to start from"
    )
    if records > 0:
        summary += f"\n  dynamic: {counted(records, 'further qubit')} for records of outcomes"
    if bare := () if task.noise is None else names_without_noise(task.circuit, task.noise):
        summary += f"\n  the model has no rule for {', '.join(bare)}: these are without noise"
    if len(program.parts) > 1:
        summary += (
            f"\n  {len(program.parts)} groups of observables are evaluated one after the other, "
            "each on the qubits that it depends on; this is a widest one"
        )
    return Plan(part.plan, None, len(schedule.blocks), summary)
