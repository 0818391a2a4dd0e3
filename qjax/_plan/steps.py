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
from qjax._plan.actions import Action
from qjax._plan.factors import (
    CONSTANT,
    PHASE,
    ROTATIONS,
    Factor,
    PlacedGate,
    action_in_place,
    constant_factor,
    core_factor,
    diagonal_before,
    factors_of,
    is_known,
    pattern_of,
)
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

    @property
    def count(self) -> int:
        """How many steps there are."""
        return int(self.words[1])


_PAIRS, _PHASES = 0, 1
_MOST_FACTORS = 64


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
    if not all(is_known(placed.gate) for placed in (*first, *rest)):
        return None
    for placed in first:
        writer.chains.setdefault(placed.gate.support[0], []).extend(factors_of(placed))
    for qubit in sorted(writer.chains):
        writer.write_chain(qubit, active_bits=qubit + 1)
    for placed in rest:
        writer.add(placed)
    return writer.finish()


@dataclass
class _Writer:
    """The steps so far, the frame, and what waits: gates in a row on a qubit, phases."""

    num_qubits: int
    frame: Frame
    chains: dict[int, list[Factor]] = field(default_factory=dict)
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
        gate, action = placed.gate, action_in_place(placed.gate)
        if len(gate.qubits) == 1 and not gate.controls:
            self._add_to_chain(placed, action)
        elif action.parities is not None:
            self._add_monomial(placed, action)
        elif len(gate.qubits) == 1:
            self._release(gate.support)
            self._write_pairs(gate, factors_of(placed), 1)
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
        chain += factors_of(placed)

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
        rotation = ROTATIONS.get(gate.name)
        if rotation is None:
            self._release(gate.support)
            factor, pattern = _of_two_qubits(placed)
            self._write_pairs(gate, [factor], pattern)
            return
        # Uncontrolled: where the gate does not act, the phases before and after cancel.
        self._add_phases(placed, rotation.before)
        self._release(gate.support)
        self._write_pairs(gate, [core_factor(placed, rotation)], rotation.pattern)
        self._add_phases(placed, rotation.after)

    def _add_phases(self, placed: PlacedGate, phases: Sequence[tuple]) -> None:
        for angle, target, numbers in phases:
            factor = Factor(PHASE, placed.batched, placed.angles[angle], numbers)
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
            self._wait(qubit, chain)
            return
        diagonal = 0 if active_bits is not None else diagonal_before(chain)
        after = len(chain) - diagonal_before(chain[::-1])
        self._wait(qubit, chain[:diagonal])
        if diagonal:
            self._wait_before_others()
        for start in range(diagonal, after, _MOST_FACTORS):
            factors = chain[start : min(start + _MOST_FACTORS, after)]
            self._write_pairs(Gate("chain", (qubit,)), factors, 1, active_bits)
        self._wait(qubit, chain[after:])

    def _wait_before_others(self) -> None:
        """Let the first phases of all chains wait too: they are given in one step."""
        for qubit, chain in self.chains.items():
            diagonal = diagonal_before(chain)
            self._wait(qubit, chain[:diagonal])
            del chain[:diagonal]

    def _wait(self, qubit: int, factors: Sequence[Factor]) -> None:
        mask, flip = self.frame.masks[qubit], self.frame.flips[qubit]
        for factor in factors:
            if factor.kind == CONSTANT:
                re, im = np.array(factor.numbers[0::4]), np.array(factor.numbers[1::4])
                phases, angle = np.arctan2(im, re), -1
            else:
                phases, angle = np.array(factor.numbers), factor.angle
            mean, half = (phases[0] + phases[1]) / 2, (phases[0] - phases[1]) / 2
            for parity, weight in ((0, mean), (mask, -half if flip else half)):
                if weight:
                    self.waiting.append(_Term(parity, factor.batched, angle, float(weight)))

    def _write_waiting(self) -> None:
        waiting, self.waiting = _gathered(self.waiting), []
        if not waiting:
            return
        first = len(self.terms)
        for term in waiting:
            weight = self._place((term.weight,))
            self.terms.append((term.mask, int(term.batched), term.angle, weight))
        batched = any(term.batched for term in waiting)
        self.steps.append(
            (_PHASES, int(batched), 0, 0, 0, 0, 0, 0, self.num_qubits, first) + (len(waiting), 0, 0)
        )

    def _write_pairs(
        self, gate: Gate, factors: Sequence[Factor], pattern: int, active_bits: int | None = None
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


def _gathered(terms: Sequence[_Term]) -> list[_Term]:
    """The sum of what has the same mask and angle."""
    weights: dict[tuple[int, bool, int], float] = {}
    for mask, batched, angle, weight in terms:
        key = mask, batched, angle
        weights[key] = weights.get(key, 0.0) + weight
    return [_Term(*key, weight) for key, weight in weights.items() if weight]


def _of_two_qubits(placed: PlacedGate) -> tuple[Factor, int]:
    """The factor of a gate that is no rotation, and which settings it pairs."""
    kind = placed.gate.kind
    if isinstance(kind, PhaseGate):
        return Factor(PHASE, placed.batched, placed.angles[0], kind.phases), 1
    assert isinstance(kind, ConstantGate)
    pattern = pattern_of(kind.matrix)
    assert pattern is not None
    return constant_factor(kind.matrix, pattern), pattern
