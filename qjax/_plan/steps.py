"""Floor 3. Gates -> the steps of the native engine: pairs of rows that mix, phases of rows.

The native engine needs no matrices and no rearranging. X, CX and SWAP only change the frame (see
`frame`); in the bits of a row, every other gate is one of two kinds of steps, which
`qjax/_simulators/native/program.h` describes:

- A gate on one qubit mixes row p with row p ^ d, where d flips that qubit and no other: the rows'
  masks are a basis of GF(2)^n, the d's its dual. So do rotations about products of two Pauli
  matrices, with classes of rows by two qubits. Gates in a row on one qubit are one step.
- A diagonal gate is a sum of phases, each with the sign of a parity of the row's bits.

The first gates of each qubit act on |0>: the qubits in order, the q-th step mixes `2**q` rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from qjax._base.tables import static, table_class
from qjax._circuit.gates import ConstantGate, PhaseGate
from qjax._circuit.operations import Gate
from qjax._plan.actions import Action, action_of
from qjax._plan.frame import Frame, canonical_frame, inverse_columns, parity_mask, permuted


@table_class
class Steps:
    """The program of the native engine; see `qjax/_simulators/native/program.h`.

    Attributes:
        words: int32: sizes, steps, factors, terms, controls, and the frame at the end.
        numbers: constants of factors and weights of terms.
    """

    num_qubits: int = static()
    words: np.ndarray
    numbers: np.ndarray


class PlacedGate(NamedTuple):
    """A gate, whether its angles differ per sample, and their places."""

    gate: Gate
    batched: bool
    angles: tuple[int, ...]


class _Rotation(NamedTuple):
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


_ROTATIONS: dict[str, _Rotation] = {
    "rx": _Rotation((-1j, -1j), 1),
    "ry": _Rotation((-1, 1), 1),
    "r": _Rotation((-1j, -1j), 1, ((1, 0, (0.5, -0.5)),), ((1, 0, (-0.5, 0.5)),)),
    "u": _Rotation((-1, 1), 1, ((2, 0, (0.0, 1.0)),), ((1, 0, (0.0, 1.0)),)),
    "rxx": _Rotation((-1j, -1j, -1j, -1j), 3),
    "ryy": _Rotation((1j, -1j, -1j, 1j), 3),
    "rzx": _Rotation((-1j, 1j, -1j, 1j), 2),
    "xx_plus_yy": _Rotation(
        (0, -1j, -1j, 0), 3, ((1, 1, (0.0, -1.0)),), ((1, 1, (0.0, 1.0)),)
    ),
    "xx_minus_yy": _Rotation(
        (-1j, 0, 0, -1j), 3, ((1, 1, (0.0, -1.0)),), ((1, 1, (0.0, 1.0)),)
    ),
}  # fmt: skip

_PAIRS, _PHASES = 0, 1
_CONSTANT, _PHASE, _PAULI = 0, 1, 2
_MOST_FACTORS = 64


class _Factor(NamedTuple):
    """A factor of a step's entries: its kind, whether its angle is batched, its place, numbers."""

    kind: int
    batched: bool
    angle: int
    numbers: tuple[float, ...]

    @property
    def is_diagonal(self) -> bool:
        return self.kind == _PHASE or (
            self.kind == _CONSTANT and not any(self.numbers[2::4] + self.numbers[3::4])
        )


class _Term(NamedTuple):
    """A phase weight * angle, with the sign of a parity; angle -1: the weight itself."""

    mask: int
    batched: bool
    angle: int
    weight: float


def steps_of(
    first: Sequence[PlacedGate], rest: Sequence[PlacedGate], num_qubits: int
) -> Steps | None:
    """The steps of a circuit, or None where it has a gate that the native engine lacks.

    Args:
        first: gates on single qubits, before any other on their qubit.
        rest: the gates after those.
        num_qubits: n.
    """
    writer = _Writer(num_qubits, canonical_frame(num_qubits))
    if not all(_is_known(placed.gate) for placed in (*first, *rest)):
        return None
    for placed in first:
        writer.chains.setdefault(placed.gate.support[0], []).extend(_factors(placed))
    for qubit in sorted(writer.chains):
        writer.write_chain(qubit, active_bits=qubit + 1)
    for placed in rest:
        writer.add(placed)
    return writer.finish()


def _is_known(gate: Gate) -> bool:
    if isinstance(gate.kind, PhaseGate) or gate.name in _ROTATIONS:
        return bool(gate.qubits) or _action(gate).parities is not None
    return isinstance(gate.kind, ConstantGate) and (
        _action(gate).parities is not None or _pattern(gate.kind.matrix) is not None
    )


def _action(gate: Gate) -> Action:
    return action_of(gate.name, gate.matrix, tuple(control.value for control in gate.controls))


def _pattern(matrix: np.ndarray) -> int | None:
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


def _factors(placed: PlacedGate) -> list[_Factor]:
    """The factors of a gate on one target, controlled or not, in the order of time."""
    gate, batched, angles = placed
    if isinstance(gate.kind, PhaseGate):
        phases = gate.kind.phases
        if not gate.qubits:  # a global phase, where one qubit has a value
            phases = (0.0, *phases) if gate.controls[0].value else (*phases, 0.0)
        return [_Factor(_PHASE, batched, angles[0], phases)]
    if isinstance(gate.kind, ConstantGate):
        return [_constant_factor(gate.kind.matrix, 1)]
    rotation = _ROTATIONS[gate.name]
    return [
        *(_Factor(_PHASE, batched, angles[k], phases) for k, _, phases in rotation.before),
        _core(placed, rotation),
        *(_Factor(_PHASE, batched, angles[k], phases) for k, _, phases in rotation.after),
    ]


def _constant_factor(matrix: np.ndarray, pattern: int) -> _Factor:
    rows = np.arange(len(matrix))
    entries = np.stack([matrix[rows, rows], matrix[rows, rows ^ pattern]], axis=1)
    return _Factor(_CONSTANT, False, 0, _parts(entries))


def _core(placed: PlacedGate, rotation: _Rotation) -> _Factor:
    return _Factor(_PAULI, placed.batched, placed.angles[0], _parts(np.array(rotation.others)))


def _parts(entries: np.ndarray) -> tuple[float, ...]:
    """Real and imaginary parts, one after the other."""
    return tuple(np.ascontiguousarray(entries, np.complex128).view(np.float64).ravel().tolist())


@dataclass
class _Writer:
    """The steps so far, the frame, and what waits: gates in a row on a qubit, phases."""

    num_qubits: int
    frame: Frame
    chains: dict[int, list[_Factor]] = field(default_factory=dict)
    waiting: list[_Term] = field(default_factory=list)
    steps: list[tuple[int, ...]] = field(default_factory=list)
    factors: list[tuple[int, ...]] = field(default_factory=list)
    terms: list[tuple[int, ...]] = field(default_factory=list)
    controls: list[tuple[int, ...]] = field(default_factory=list)
    numbers: list[float] = field(default_factory=list)
    places: dict[tuple[float, ...], int] = field(default_factory=dict)
    flips: tuple[Frame, tuple[int, ...]] | None = None

    def add(self, placed: PlacedGate) -> None:
        """Append a gate."""
        gate, action = placed.gate, _action(placed.gate)
        if len(gate.qubits) == 1 and not gate.controls:
            self._add_to_chain(placed, action)
        elif action.parities is not None:
            self._add_monomial(placed, action)
        elif len(gate.qubits) == 1:
            self._release(gate.support)
            self._write_pairs(gate, _factors(placed), 1)
        else:
            self._add_pair_gate(placed)

    def finish(self) -> Steps:
        """All of it as tables."""
        self._release(sorted(self.chains))
        self._write_waiting()
        columns = [
            sum((mask >> bit & 1) << qubit for qubit, mask in enumerate(self.frame.masks))
            for bit in range(self.num_qubits)
        ]
        shift = sum(flip << qubit for qubit, flip in enumerate(self.frame.flips))
        tables = (self.steps, self.factors, self.terms, self.controls)
        words = [self.num_qubits, *map(len, tables), shift]
        for table in tables:
            for row in table:
                words += row
        numbers = np.array(self.numbers or [0.0])
        return Steps(self.num_qubits, np.array(words + columns, np.int32), numbers)

    def _add_to_chain(self, placed: PlacedGate, action: Action) -> None:
        (qubit,) = placed.gate.qubits
        chain = self.chains.setdefault(qubit, [])
        if action.image is not None and all(factor.is_diagonal for factor in chain):
            self._add_monomial(placed, action)
            return
        chain += _factors(placed)

    def _add_monomial(self, placed: PlacedGate, action: Action) -> None:
        """A gate that gives phases to basis states and permutes them."""
        gate, is_diagonal = placed.gate, action.image is None
        for qubit in gate.support:
            chain = self.chains.get(qubit, ())
            if not (is_diagonal and all(factor.is_diagonal for factor in chain)):
                self.write_chain(qubit)
        has_angle = isinstance(action.kind, PhaseGate)
        for term in action.parities or ():
            bits = (qubit for k, qubit in enumerate(gate.support) if term.mask >> k & 1)
            mask, flip = parity_mask(self.frame, bits)
            angle = placed.angles[0] if has_angle else -1
            self.waiting.append(
                _Term(mask, placed.batched, angle, -term.weight if flip else term.weight)
            )
        if action.image is not None:
            self.frame = permuted(self.frame, gate.support, action.image)

    def _add_pair_gate(self, placed: PlacedGate) -> None:
        """A gate that mixes pairs of settings of two targets."""
        gate = placed.gate
        rotation = _ROTATIONS.get(gate.name)
        if rotation is None:
            self._release(gate.support)
            if isinstance(gate.kind, PhaseGate):
                factor, pattern = (
                    _Factor(_PHASE, placed.batched, placed.angles[0], gate.kind.phases),
                    1,
                )
            else:
                pattern = _pattern(gate.kind.matrix)
                factor = _constant_factor(gate.kind.matrix, pattern)
            self._write_pairs(gate, [factor], pattern)
            return
        # Uncontrolled: where the gate does not act, the phases before and after cancel.
        self._add_phases(placed, rotation.before)
        self._release(gate.support)
        self._write_pairs(gate, [_core(placed, rotation)], rotation.pattern)
        self._add_phases(placed, rotation.after)

    def _add_phases(self, placed: PlacedGate, phases: Sequence[tuple]) -> None:
        for angle, target, numbers in phases:
            factor = _Factor(_PHASE, placed.batched, placed.angles[angle], numbers)
            self.chains.setdefault(placed.gate.qubits[target], []).append(factor)

    # ---------------------------------------------------------------- writing

    def _release(self, qubits: Sequence[int]) -> None:
        for qubit in qubits:
            self.write_chain(qubit)

    def write_chain(self, qubit: int, active_bits: int | None = None) -> None:
        """Write what waits on a qubit as one step, or as phases."""
        chain = self.chains.pop(qubit, [])
        if not chain:
            return
        if active_bits is None and all(factor.is_diagonal for factor in chain):
            for factor in chain:
                self._wait_for(factor, qubit)
            return
        for start in range(0, len(chain), _MOST_FACTORS):
            factors = chain[start : start + _MOST_FACTORS]
            self._write_pairs(Gate("chain", (qubit,)), factors, 1, active_bits)

    def _wait_for(self, factor: _Factor, qubit: int) -> None:
        mask, flip = self.frame.masks[qubit], self.frame.flips[qubit]
        if factor.kind == _CONSTANT:
            re, im = np.array(factor.numbers[0::4]), np.array(factor.numbers[1::4])
            phases, angle = np.arctan2(im, re), -1
        else:
            phases, angle = np.array(factor.numbers), factor.angle
        mean, half = (phases[0] + phases[1]) / 2, (phases[0] - phases[1]) / 2
        for parity, weight in ((0, mean), (mask, -half if flip else half)):
            if weight:
                self.waiting.append(_Term(parity, factor.batched, angle, float(weight)))

    def _write_waiting(self) -> None:
        if not self.waiting:
            return
        first = len(self.terms)
        for term in self.waiting:
            weight = self._place((term.weight,))
            self.terms.append((term.mask, int(term.batched), term.angle, weight))
        batched = any(term.batched for term in self.waiting)
        self.steps.append(
            (_PHASES, int(batched), 0, 0, 0, 0, 0, 0, self.num_qubits, first)
            + (len(self.waiting), 0, 0)
        )
        self.waiting = []

    def _write_pairs(
        self, gate: Gate, factors: Sequence[_Factor], pattern: int, active_bits: int | None = None
    ) -> None:
        difference = 0
        for k, qubit in enumerate(gate.qubits):
            if pattern >> k & 1:
                difference ^= self._flip_of(qubit)
        if any((term.mask & difference).bit_count() & 1 for term in self.waiting):
            self._write_waiting()
        masks = [self.frame.masks[qubit] for qubit in gate.qubits]
        offset = sum(self.frame.flips[qubit] << k for k, qubit in enumerate(gate.qubits))
        first, first_control = len(self.factors), len(self.controls)
        for factor in factors:
            numbers = self._place(factor.numbers)
            self.factors.append((factor.kind, int(factor.batched), factor.angle, numbers))
        for control in gate.controls:
            flip = self.frame.flips[control.qubit]
            self.controls.append((self.frame.masks[control.qubit], control.value ^ flip))
        batched = any(factor.batched for factor in factors)
        self.steps.append(
            (_PAIRS, int(batched), difference, len(masks), masks[0], masks[-1] if masks[1:] else 0)
            + (offset, pattern, self.num_qubits if active_bits is None else active_bits)
            + (first, len(factors), first_control, len(gate.controls))
        )

    def _flip_of(self, qubit: int) -> int:
        """What flips this qubit of a row, and no other."""
        if self.flips is None or self.flips[0] != self.frame:
            self.flips = (self.frame, tuple(inverse_columns(self.frame.masks)))
        return self.flips[1][qubit]

    def _place(self, numbers: tuple[float, ...]) -> int:
        if numbers not in self.places:
            self.places[numbers] = len(self.numbers)
            self.numbers += numbers
        return self.places[numbers]
