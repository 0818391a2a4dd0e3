"""Floor 7. Bytes that values and their derivatives hold on each device.

Multiples of states were read from XLA's own account of its programs (`memory_analysis`) on CPU,
for layered, random and Ising circuits of 4 to 18 qubits; what kernels hold follows from what they
allocate. The value is an expectation value, so that no state is returned.
"""

from typing import NamedTuple

from qjax._base import tuning
from qjax._circuit.operations import Gate
from qjax._engine import amplitudes_at_once
from qjax._plan import Loops, Outline, outline_of, step_counts
from qjax._resources.subject import Subject
from qjax._simulators import (
    factors_of,
    lanes_are_samples,
    schedule_shape,
    tile_size,
)


class Memory(NamedTuple):
    """Bytes on each device, parameters and results included.

    Attributes:
        value: of a value.
        gradients: of a value and its gradient, by how reverse mode works.
        hessian: of a Hessian, all directions side by side.
    """

    value: float
    gradients: dict[str, float]
    hessian: float


def memory_of(subject: Subject, threads: int, num_exchanges: int) -> Memory:
    """What a subject holds.

    Args:
        subject: what is simulated.
        threads: of the kernels.
        num_exchanges: between devices.
    """
    if subject.method == "density matrix":
        return _density_matrix(subject, threads)
    if subject.method == "trajectories":
        return _trajectories(subject)
    if subject.device_bits:
        return _sharded(subject, num_exchanges)
    if subject.method == "native":
        return _native(subject, threads)
    return _xla(subject)


def _angles(subject: Subject) -> float:
    """Bytes of the parameters, and of all angles of many samples."""
    of_gates = sum(len(gate.angles) for gate in subject.circuit.ops if isinstance(gate, Gate))
    moving = subject.batch * of_gates if subject.batch > 1 else 0
    return float((subject.circuit.num_params + moving) * subject.real.itemsize)


# ---------------------------------------------------------------- kernels

# What a thread gathers blocks of large states in: two buffers of 1024 vectors; `sweeps.h`.
_BUFFER = 2 * 1024 * 128
# States that are larger are not one block: 2**12 vectors.
_WHOLE = 4096 * 128
# Of a step.
_STEP = 64


def _native(subject: Subject, threads: int) -> Memory:
    """Each thread holds a tile, two in reverse mode, which keeps the last states of all."""
    count, real = subject.num_qubits, subject.real
    lanes = 64 // real.itemsize if lanes_are_samples(count, subject.part, real) else 1
    tiles = -(-subject.part // lanes)
    part = float(tile_size(count, subject.part, real) * real.itemsize)
    buffers = _BUFFER * threads if subject.one_state > _WHOLE else 0
    # The tables of steps, and their numbers, as the kernels read them.
    counts = step_counts(subject.circuit)
    rest = buffers + (_STEP * counts.total if counts else 0)
    working, angles = min(threads, tiles), _angles(subject)
    kept = part * (subject.chunks + (subject.chunks > 1))
    return Memory(
        angles + working * part / tiles + rest,
        {"adjoint": angles + kept + 2 * working * part / tiles + rest},
        _hessian(subject, outline_of(subject.circuit, subject.batch > 1)),
    )


# ---------------------------------------------------------------- XLA


# States that are held for (a value, a gradient by adjoint), of one sample: by whether all matrices
# are real, whether passes have phases, and what passes run in.
_HELD = {
    (False, False): {"none": (2.0, 4.7), "layers": (4.2, 7.8), "passes": (2.0, 5.0)},
    (False, True): {"none": (4.2, 7.6), "layers": (4.5, 8.0), "passes": (3.0, 5.6)},
    (True, False): {"none": (2.1, 6.0), "layers": (3.6, 6.0), "passes": (3.6, 6.0)},
    (True, True): {"none": (2.8, 6.0), "layers": (4.1, 5.7), "passes": (4.1, 5.7)},
}
# The same of many samples.
_HELD_OF_MANY = {
    (False, False): (2.5, 10.0),
    (False, True): (2.5, 10.0),
    (True, False): (3.2, 9.0),
    (True, True): (3.1, 5.3),
}
# Keeping states, backprop does without one that is computed again; in the passes of real matrices
# it takes more.
_OF_BACKPROP = {(False, False): -1.0, (False, True): -1.0, (True, False): 0.0, (True, True): 1.5}


# Bytes of matrices: XLA multiplies them before there is a state, and keeps their factors for
# derivatives. Layers that repeat are multiplied side by side; those of a loop over passes are
# stacked, and so are their cotangents, which come when the state is done with.
_REPEATED = 0.35
_ALONE, _ALONE_STACKED, _FIXED = 3.5, 9.4, 35e3
_ALONE_BACKWARDS, _BESIDE_BACKWARDS, _FIXED_BACKWARDS = 6.0, 3.5, 90e3
_STACKED_BACKWARDS, _STATES_BESIDE_STACKED = 20.0, 2.0


def _xla(subject: Subject) -> Memory:
    outline = outline_of(subject.circuit, subject.batch > 1)
    kind = outline.stays_real, outline.has_phases
    held = _HELD_OF_MANY[kind] if subject.batch > 1 else _HELD[kind][outline.loops]
    part, states = (float(n * subject.one_state) for n in (subject.part, subject.batch))
    angles = _angles(subject)
    rest = states * (subject.chunks > 1) + 2 * angles
    repeated, others = outline.entries_built
    matrices = (_REPEATED * repeated + others) * subject.dtype.itemsize
    gradient = _with_matrices(outline.loops, matrices, part, held[1] * part) + rest
    alone = _ALONE_STACKED if outline.loops == "passes" else _ALONE
    kept = outline.num_passes * states + _OF_BACKPROP[kind] * part
    return Memory(
        max(held[0] * part, alone * matrices + _FIXED) + angles,
        {"adjoint": gradient, "backprop": gradient + kept},
        _hessian(subject, outline),
    )


def _with_matrices(loops: Loops, matrices: float, part: float, states: float) -> float:
    """States and matrices of a gradient: what is largest, as what has served is given back."""
    if loops == "passes":
        stacked = _STATES_BESIDE_STACKED * part + _STACKED_BACKWARDS * matrices
        return max(states, stacked) + _FIXED_BACKWARDS
    beside = states + _BESIDE_BACKWARDS * matrices
    return max(beside, _ALONE_BACKWARDS * matrices) + _FIXED_BACKWARDS


def _hessian(subject: Subject, outline: Outline) -> float:
    """Forward over reverse mode, through XLA, where each direction has states of its own."""
    per_direction = 11.0
    if subject.gradient == "backprop" and subject.method == "xla":
        per_direction = 6 + 1.25 * outline.num_passes
    directions = max(1, subject.circuit.num_params)
    return (5 + directions * per_direction) * subject.batch * subject.one_state


# ---------------------------------------------------------------- several devices


def _sharded(subject: Subject, num_exchanges: int) -> Memory:
    """Forwards: the state and what comes of it; backwards their cotangents, too."""
    local = float(subject.batch * subject.one_state)
    if subject.method == "native":
        forwards, backwards = 2.0, 3.0 + (num_exchanges > 0)
    else:
        forwards, backwards = 5.0, 7.5 + 2 * (num_exchanges > 0)
    angles = _angles(subject)
    return Memory(
        forwards * local + angles,
        {"adjoint": backwards * local + 2 * angles},
        _hessian(subject, outline_of(subject.circuit, subject.batch > 1)),
    )


# ---------------------------------------------------------------- noise

# Matrices that XLA multiplies to those of blocks, in multiples of the entries of all.
_PRODUCTS_ALONE, _PRODUCTS_WITH_GRADIENT = 2.6, 4.0
# What a thread of the kernels works in: a vector for each setting of the digits that a group of
# blocks touches, so many times; in reverse mode, states between its blocks too.
_TILE, _TILES, _TILES_BACKWARDS = 64 << 2 * tuning.MIXED_DIGITS_OF_GROUP, 2, 10


def _density_matrix(subject: Subject, threads: int) -> Memory:
    shape = schedule_shape(factors_of(subject.circuit, frozenset()), subject.num_qubits)
    state, angles = float(subject.batch * subject.one_state), _angles(subject)
    entries = shape.num_blocks * shape.most_factors * 16.0**shape.width
    products = entries * subject.real.itemsize
    tile = float(_TILE * subject.kernels * min(threads, subject.batch + 1))
    kept = shape.num_groups if subject.kernels else shape.num_blocks
    gradient = max((kept + 2) * state + products, _PRODUCTS_WITH_GRADIENT * products)
    directions = max(1, subject.circuit.num_params)
    return Memory(
        max(2 * state, _PRODUCTS_ALONE * products) + _TILES * tile + angles,
        {"adjoint": gradient + _TILES_BACKWARDS * tile + 2 * angles},
        directions * (2 * shape.num_blocks + 8) * state + _PRODUCTS_WITH_GRADIENT * products,
    )


def _trajectories(subject: Subject) -> Memory:
    at_once = max(tuning.FEWEST_NOISY_RUNS, amplitudes_at_once() >> subject.num_qubits)
    runs = min(at_once, subject.runs * subject.batch)
    states = float(runs * subject.one_state)
    directions = max(1, subject.circuit.num_params)
    return Memory(3 * states, {"adjoint": 6 * states}, 11 * directions * states)
