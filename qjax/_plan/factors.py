"""Floor 3. Gates -> factors of the steps of the native engine.

A factor says how a gate mixes a row with one other, for each class of rows: see `FactorKind` in
`qjax/_simulators/native/program.h`. Rotations are cos(angle/2) of a row and b sin(angle/2) of the
other: exp(-i angle/2 P) for a product P of Pauli matrices, and phases around it for the rest.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from qjax._circuit.gates import ConstantGate, PhaseGate
from qjax._circuit.operations import Gate
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
        return self.kind == PHASE or (
            self.kind == CONSTANT and not any(self.numbers[2::4] + self.numbers[3::4])
        )


def is_known(gate: Gate) -> bool:
    """Whether the native engine has this gate."""
    if len(gate.controls) > MOST_CONTROLS:
        return False
    if not isinstance(gate.kind, ConstantGate):
        return isinstance(gate.kind, PhaseGate) or gate.name in ROTATIONS or gate.name == "rv"
    is_monomial = action_in_place(gate).parities is not None
    return is_monomial or 0 < len(gate.qubits) <= MOST_TARGETS


def is_matrix(gate: Gate) -> bool:
    """Whether a gate mixes more than pairs of rows, or has three angles that belong together."""
    if not isinstance(gate.kind, ConstantGate):
        return gate.name == "rv"
    return action_in_place(gate).parities is None and pattern_of(gate.kind.matrix) is None


def matrix_factors(placed: PlacedGate) -> list[Factor]:
    """Of a matrix: its numbers, row by row, or the three angles of `rv`."""
    gate, batched, angles = placed
    if isinstance(gate.kind, ConstantGate):
        return [Factor(CONSTANT, False, 0, _parts(gate.kind.matrix))]
    return [Factor(AXIS, batched, angle, ()) for angle in angles]


def action_in_place(gate: Gate) -> Action:
    return action_of(gate.name, gate.matrix, tuple(control.value for control in gate.controls))


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
    if isinstance(gate.kind, PhaseGate):
        phases = gate.kind.phases
        if not gate.qubits:  # a global phase, where one qubit has a value
            phases = (0.0, *phases) if gate.controls[0].value else (*phases, 0.0)
        return [Factor(PHASE, batched, angles[0], phases)]
    if isinstance(gate.kind, ConstantGate):
        return [constant_factor(gate.kind.matrix, 1)]
    rotation = ROTATIONS[gate.name]
    return [
        *(Factor(PHASE, batched, angles[k], phases) for k, _, phases in rotation.before),
        core_factor(placed, rotation),
        *(Factor(PHASE, batched, angles[k], phases) for k, _, phases in rotation.after),
    ]


def diagonal_before(chain: Sequence[Factor]) -> int:
    """How many factors come before the first that is not diagonal."""
    mixing = (k for k, factor in enumerate(chain) if not factor.is_diagonal)
    return next(mixing, len(chain))


def constant_factor(matrix: np.ndarray, pattern: int) -> Factor:
    rows = np.arange(len(matrix))
    entries = np.stack([matrix[rows, rows], matrix[rows, rows ^ pattern]], axis=1)
    return Factor(CONSTANT, False, 0, _parts(entries))


def core_factor(placed: PlacedGate, rotation: Rotation) -> Factor:
    return Factor(PAULI, placed.batched, placed.angles[0], _parts(np.array(rotation.others)))


def _parts(entries: np.ndarray) -> tuple[float, ...]:
    """Real and imaginary parts, one after the other."""
    return tuple(np.ascontiguousarray(entries, np.complex128).view(np.float64).ravel().tolist())
