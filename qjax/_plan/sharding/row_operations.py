"""Floor 3. Gates -> what they do to the rows of a state in the order of the start.

X, CX and SWAP are followed by a frame, as everywhere: in the bits of a row that holds |0...0> at
first, they are nothing at all. What is left of a circuit are matrices, which mix row p with those
that differ from it by some vectors d, and phases, which depend on parities of p. Both say what they
commute with: X^d Z^m of one commutes with X^d' Z^m' of another where d . m' = m . d' = 0.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from qjax._base.walsh import parity_weights
from qjax._circuit.gates import ConstantGate, PhaseGate, is_diagonal
from qjax._circuit.operations import Gate
from qjax._expressions import Expression, constant
from qjax._plan.factors import role_of
from qjax._plan.frame import MovingFrame, canonical_frame, parity_mask
from qjax._plan.step_tables import Target


class Condition(NamedTuple):
    """A control: the gate acts where parity(p & mask) is `value`."""

    mask: int
    value: int


class Mixing(NamedTuple):
    """A gate that mixes rows.

    Attributes:
        gate: its name, matrix and angles; its qubits have no meaning here.
        targets: where each of its qubits stands in the bits of a row.
        controls: where it acts.
    """

    gate: Gate
    targets: tuple[Target, ...]
    controls: tuple[Condition, ...]

    @property
    def moves(self) -> tuple[int, ...]:
        """The differences between rows that it mixes."""
        return tuple(target.difference for target in self.targets)

    @property
    def masks(self) -> tuple[int, ...]:
        """The parities of a row that it depends on."""
        own = () if self.gate.name == "rx" else tuple(target.mask for target in self.targets)
        return own + tuple(control.mask for control in self.controls)


class Phase(NamedTuple):
    """exp(i angle (-1)**parity(p & mask)), where all controls are met.

    Attributes:
        mask: 0 for the same phase of all rows.
        angle: in radians.
        controls: where it acts.
    """

    mask: int
    angle: Expression
    controls: tuple[Condition, ...] = ()

    @property
    def moves(self) -> tuple[int, ...]:
        """Phases mix no rows."""
        return ()

    @property
    def masks(self) -> tuple[int, ...]:
        """The parities of a row that it depends on."""
        own = (self.mask,) if self.mask else ()
        return own + tuple(control.mask for control in self.controls)


RowOperation = Mixing | Phase


def row_operations(
    sequence: Iterable[Gate], num_qubits: int
) -> tuple[list[RowOperation], MovingFrame]:
    """What gates do to rows, and which basis state each row holds in the end."""
    frame = MovingFrame(canonical_frame(num_qubits))
    operations: list[RowOperation] = []
    for gate in sequence:
        operations += _operations_of(gate, frame)
    return operations, frame


def _operations_of(gate: Gate, frame: MovingFrame) -> Iterator[RowOperation]:
    action = role_of(gate).action
    if action.parities is not None:
        angle = gate.angles[0] if isinstance(action.kind, PhaseGate) else None
        terms = [(term.mask, term.weight) for term in action.parities]
        yield from _phases(frame, gate.support, terms, angle, ())
        if action.image is not None:
            frame.permute(gate.support, action.image)
        return
    controls = tuple(
        Condition(frame.masks[qubit], value ^ frame.flips[qubit]) for qubit, value in gate.controls
    )
    if is_diagonal(gate.kind):  # under more controls than its parities are written out for
        yield from _controlled_phases(gate, frame, controls)
        return
    targets = tuple(
        Target(frame.masks[qubit], frame.flips[qubit], frame.differences[qubit])
        for qubit in gate.qubits
    )
    yield Mixing(gate, targets, controls)


def _controlled_phases(
    gate: Gate, frame: MovingFrame, controls: tuple[Condition, ...]
) -> Iterator[Phase]:
    kind = gate.kind
    if isinstance(kind, PhaseGate):
        phases, angle = np.array(kind.phases, float), gate.angles[0]
    else:
        assert isinstance(kind, ConstantGate)
        phases, angle = np.angle(np.diag(kind.matrix)), None
    terms = list(enumerate(parity_weights(phases).tolist()))
    yield from _phases(frame, gate.qubits, terms, angle, controls)


def _phases(
    frame: MovingFrame,
    qubits: Sequence[int],
    terms: Iterable[tuple[int, float]],
    angle: Expression | None,
    controls: tuple[Condition, ...],
) -> Iterator[Phase]:
    for bits, weight in terms:
        mask, flip = parity_mask(frame, (q for k, q in enumerate(qubits) if bits >> k & 1))
        signed = -weight if flip else weight
        if signed:
            yield Phase(mask, constant(signed) if angle is None else signed * angle, controls)
