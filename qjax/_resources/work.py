"""Floor 7. How much is computed for values: operations, passes, and the cost models' units."""

from dataclasses import dataclass

from qjax._plan import outline_of, step_counts
from qjax._resources.subject import Subject
from qjax._simulators import factors_of, schedule_shape

# Real operations of a step of the native engine on one amplitude: a complex number times a complex
# number for each that it is mixed with, or a phase.
_OF_A_ROTATION, _OF_A_PHASE = 14, 6

# Of a run that is drawn: pairs of qubits share a block, which acts as a matrix.
_WIDTH_OF_RUNS = 2


@dataclass(frozen=True, slots=True)
class Work:
    """What the values of all samples take, on each device.

    Attributes:
        flops: real operations.
        passes: over the state.
        calls: what has an overhead of its own: steps, passes or blocks.
        units: what the time that grows with the state is proportional to: steps times amplitudes;
            nanoseconds of the planner's cost model; or multiplications of superoperators.
    """

    flops: float
    passes: int
    calls: int
    units: float


def work_of(subject: Subject) -> Work:
    """What the values of a subject take."""
    return _WORK[subject.method](subject)


def _native(subject: Subject) -> Work:
    counts = step_counts(subject.circuit)
    assert counts is not None
    amplitudes = subject.batch * 2.0**subject.num_local
    per_amplitude = (
        _OF_A_ROTATION * counts.pairs
        + _OF_A_PHASE * counts.phases
        + 8 * counts.of_matrices  # a column of a complex matrix
    )
    return Work(per_amplitude * amplitudes, counts.total, counts.total, counts.total * amplitudes)


def _xla(subject: Subject) -> Work:
    outline = outline_of(subject.circuit, subject.batch > 1)
    share = subject.batch * 2.0**-subject.device_bits
    amplitudes = subject.batch * 2.0**subject.num_local
    units = outline.nanoseconds * amplitudes
    return Work(outline.flops * share, outline.num_passes, outline.num_passes, units)


def _density_matrix(subject: Subject) -> Work:
    shape = schedule_shape(factors_of(subject.circuit, frozenset()), subject.num_qubits)
    rows = subject.batch * 4.0**subject.num_qubits
    units = rows * shape.num_blocks * 4.0**shape.width
    products = shape.num_blocks * shape.most_factors
    return Work(2 * units, shape.num_groups, products, units)


def _trajectories(subject: Subject) -> Work:
    blocks = schedule_shape(factors_of(subject.circuit, frozenset()), subject.num_qubits).num_blocks
    amplitudes = subject.batch * subject.runs * 2.0**subject.num_qubits
    units = blocks * amplitudes * 2.0**_WIDTH_OF_RUNS
    return Work(8 * units, blocks, blocks, units)


_WORK = {
    "native": _native,
    "xla": _xla,
    "density matrix": _density_matrix,
    "trajectories": _trajectories,
}
