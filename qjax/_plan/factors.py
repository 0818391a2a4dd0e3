"""Floor 3. Gates -> factors of the steps of the native engine.

A factor says how a gate mixes a row with one other, for each class of rows: see `FactorKind` in
`qjax/_simulators/native/program.h`. Rotations are cos(angle/2) of a row and b sin(angle/2) of the
other: exp(-i angle/2 P) for a product P of Pauli matrices, and phases around it for the rest.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from qjax._base.arrays import counted
from qjax._circuit.gates import GATES, ConstantGate, PhaseGate
from qjax._circuit.operations import Gate, Matrix
from qjax._plan.actions import Action, action_of

CONSTANT, PHASE, PAULI, AXIS = 0, 1, 2, 3

# Of one step, as `qjax/_simulators/native/pairs.h` has room for.
MOST_CONTROLS = 32

# Of a matrix, as `qjax/_simulators/native/matrices.h` has room for.
MOST_TARGETS = 6


class PlacedGate(NamedTuple):
    """A gate, whether its angles differ per sample, and their places."""

    gate: Gate
    batched: bool
    angles: tuple[int, ...]


class Rotation(NamedTuple):
    """exp(-i angle/2 P), on the targets: cos(angle/2) of each row, b_r sin(angle/2) of another.

    Attributes:
        others: b_r for each setting r of the targets; 0 where the gate does nothing.
        pattern: the other row has setting r ^ pattern.
        before, after: phases on one target around it: place of the angle and of the target, and
            the phases of |0> and |1>.
    """

    others: tuple[complex, ...]
    pattern: int
    before: tuple[tuple[int, int, tuple[float, float]], ...] = ()
    after: tuple[tuple[int, int, tuple[float, float]], ...] = ()


ROTATIONS: dict[str, Rotation] = {
    "rx": Rotation((-1j, -1j), 1),
    "ry": Rotation((-1, 1), 1),
    "r": Rotation((-1j, -1j), 1, ((1, 0, (0.5, -0.5)),), ((1, 0, (-0.5, 0.5)),)),
    "u": Rotation((-1, 1), 1, ((2, 0, (0.0, 1.0)),), ((1, 0, (0.0, 1.0)),)),
    "rxx": Rotation((-1j, -1j, -1j, -1j), 3),
    "ryy": Rotation((1j, -1j, -1j, 1j), 3),
    "rzx": Rotation((-1j, 1j, -1j, 1j), 2),
    "xx_plus_yy": Rotation(
        (0, -1j, -1j, 0), 3, ((1, 1, (0.0, -1.0)),), ((1, 1, (0.0, 1.0)),)
    ),
    "xx_minus_yy": Rotation(
        (-1j, 0, 0, -1j), 3, ((1, 1, (0.0, -1.0)),), ((1, 1, (0.0, 1.0)),)
    ),
}  # fmt: skip


class Factor(NamedTuple):
    """A factor of a step's entries: its kind, whether its angle is batched, its place, numbers."""

    kind: int
    batched: bool
    angle: int
    numbers: tuple[float, ...]

    @property
    def is_diagonal(self) -> bool:
        return self.kind == PHASE or (self.kind == CONSTANT and not _mixes(self.numbers))


@lru_cache(1024)
def _mixes(numbers: tuple[float, ...]) -> bool:
    return any(numbers[2::4] + numbers[3::4])


class Role(NamedTuple):
    """What the native engine makes of a gate, whatever its qubits and angles are.

    Attributes:
        is_known: whether it has this gate.
        is_matrix: whether it mixes more than pairs of rows, or has three angles that belong
            together.
        action: what it does to basis states.
    """

    is_known: bool
    is_matrix: bool
    action: Action


def role_of(gate: Gate) -> Role:
    """The role of a gate under its controls."""
    values = tuple([control.value for control in gate.controls]) if gate.controls else ()
    return _role(gate.name, gate.matrix, values)


@lru_cache(1024)
def _role(name: str, matrix: Matrix | None, values: tuple[int, ...]) -> Role:
    action = action_of(name, matrix, values)
    fits, kind = len(values) <= MOST_CONTROLS, action.kind
    if not isinstance(kind, ConstantGate):
        has_kernel = isinstance(kind, PhaseGate) or name in ROTATIONS or name == "rv"
        return Role(fits and has_kernel, name == "rv", action)
    is_monomial = action.parities is not None
    has_kernel = is_monomial or 0 < kind.num_qubits <= MOST_TARGETS
    is_matrix = not is_monomial and pattern_of(kind.matrix) is None
    return Role(fits and has_kernel, is_matrix, action)


def unknown_gate(sequence: Iterable[Gate]) -> str | None:
    """The first gate that the native engine lacks, in words; None where it has all of them."""
    for gate in sequence:
        if not role_of(gate).is_known:
            name = gate.name if gate.matrix is None else "a matrix"
            controls = f" under {counted(len(gate.controls), 'control')}" if gate.controls else ""
            return f"{name} on {counted(len(gate.qubits), 'qubit')}{controls}"
    return None


def matrix_factors(placed: PlacedGate) -> list[Factor]:
    """Of a matrix: its numbers, row by row, or the three angles of `rv`."""
    gate, batched, angles = placed
    if isinstance(gate.kind, ConstantGate):
        return [Factor(CONSTANT, False, 0, _parts(gate.kind.matrix))]
    return [Factor(AXIS, batched, angle, ()) for angle in angles]


def pattern_of(matrix: np.ndarray) -> int | None:
    """x, if row r of a matrix has no entries but at columns r and r ^ x; None if there is none."""
    size = len(matrix)
    if size > 4:
        return None
    rows = np.arange(size)
    for pattern in range(1, size):
        left = matrix.copy()
        left[rows, rows] = left[rows, rows ^ pattern] = 0
        if not left.any():
            return pattern
    return None


def factors_of(placed: PlacedGate) -> list[Factor]:
    """The factors of a gate on one target, controlled or not, in the order of time."""
    gate, batched, angles = placed
    value = None if gate.qubits else gate.controls[0].value
    return [
        Factor(kind, False, 0, numbers)
        if kind == CONSTANT
        else Factor(kind, batched, angles[which], numbers)
        for kind, which, numbers in _drafts(gate.name, gate.matrix, value)
    ]


_Draft = tuple[int, int, tuple[float, ...]]


@lru_cache(1024)
def _drafts(name: str, matrix: Matrix | None, value: int | None) -> tuple[_Draft, ...]:
    """(kind, which angle, numbers) of each factor; `value`: of a qubit, for a global phase."""
    kind = ConstantGate(matrix.array) if matrix is not None else GATES[name]
    if isinstance(kind, ConstantGate):
        return ((CONSTANT, 0, constant_factor(kind.matrix, 1).numbers),)
    if isinstance(kind, PhaseGate):
        phases = kind.phases
        if value is not None:
            phases = (0.0, *phases) if value else (*phases, 0.0)
        return ((PHASE, 0, phases),)
    rotation = ROTATIONS[name]
    return (
        *((PHASE, which, phases) for which, _, phases in rotation.before),
        (PAULI, 0, _numbers(rotation.others)),
        *((PHASE, which, phases) for which, _, phases in rotation.after),
    )


@lru_cache(1024)
def mean_and_half(kind: int, numbers: tuple[float, ...]) -> tuple[float, float]:
    """The mean, and half the difference, of the phases of a diagonal factor."""
    first, second = numbers[:2]
    if kind == CONSTANT:
        first, second = (float(np.arctan2(numbers[k + 1], numbers[k])) for k in (0, 4))
    return (first + second) / 2, (first - second) / 2


def diagonal_before(chain: Sequence[Factor]) -> int:
    """How many factors come before the first that is not diagonal."""
    mixing = (k for k, factor in enumerate(chain) if not factor.is_diagonal)
    return next(mixing, len(chain))


def constant_factor(matrix: np.ndarray, pattern: int) -> Factor:
    rows = np.arange(len(matrix))
    entries = np.stack([matrix[rows, rows], matrix[rows, rows ^ pattern]], axis=1)
    return Factor(CONSTANT, False, 0, _parts(entries))


def core_factor(placed: PlacedGate, rotation: Rotation) -> Factor:
    return Factor(PAULI, placed.batched, placed.angles[0], _numbers(rotation.others))


@lru_cache(64)
def _numbers(others: tuple[complex, ...]) -> tuple[float, ...]:
    return _parts(np.array(others))


def _parts(entries: np.ndarray) -> tuple[float, ...]:
    """Real and imaginary parts, one after the other."""
    return tuple(np.ascontiguousarray(entries, np.complex128).view(np.float64).ravel().tolist())
