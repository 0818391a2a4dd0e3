"""Floor 3. Gates -> the steps of the native engine: rows that mix, and phases of rows.

The native engine multiplies no fused matrices and rearranges nothing. X, CX and SWAP only change
the frame (see `frame`); in the bits of a row, every other gate is one of three kinds of steps,
which `qjax/_simulators/native/program.h` describes:

- A gate on one qubit mixes row p with row p ^ d, where d flips that qubit and no other: the rows'
  masks are a basis of GF(2)^n, the d's its dual. So do rotations about products of two Pauli
  matrices, with classes of rows by two qubits. Gates in a row on one qubit are one step.
- A diagonal gate is a sum of phases, each with the sign of a parity of the row's bits.
- A matrix of numbers on several qubits mixes all rows that their d's lead to. So does `rv`, whose
  matrix follows from three angles.

The first gates of each qubit act on |0>: the qubits in order, the q-th step mixes `2**q` rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from qjax._circuit.gates import ConstantGate, PhaseGate
from qjax._circuit.operations import Control, Gate
from qjax._plan.actions import Action
from qjax._plan.factors import (
    CONSTANT,
    PHASE,
    ROTATIONS,
    Factor,
    PlacedGate,
    Role,
    constant_factor,
    core_factor,
    diagonal_before,
    factors_of,
    matrix_factors,
    mean_and_half,
    pattern_of,
    role_of,
)
from qjax._plan.frame import Frame, MovingFrame, canonical_frame, parity_mask
from qjax._plan.step_tables import Steps, StepTables, Target, Term

_MOST_FACTORS = 64


def steps_of(
    first: Sequence[PlacedGate], rest: Sequence[PlacedGate], given: Frame | None, num_qubits: int
) -> Steps | None:
    """The steps of a circuit, or None where it has a gate that the native engine lacks.

    Args:
        first: gates on single qubits, before any other on their qubit; in a state that is given,
            they have been applied.
        rest: the gates after those.
        given: which basis state each row holds of states to start from; None for |0...0>.
        num_qubits: n.
    """
    return written_steps(first, rest, given, StepTables(num_qubits))


def written_steps(
    first: Sequence[PlacedGate],
    rest: Sequence[PlacedGate],
    given: Frame | None,
    tables: StepTables,
) -> Steps | None:
    """The same, in these tables."""
    if not all(role_of(placed.gate).is_known for placed in first):
        return None
    frame = MovingFrame(given or canonical_frame(tables.num_qubits))
    writer = _Writer(tables, frame)
    if given is None:
        _write_first(writer, first)
    for placed in rest:
        role = role_of(placed.gate)
        if not role.is_known:
            return None
        writer.add(placed, role)
    return writer.finish()


def _write_first(writer: "_Writer", first: Sequence[PlacedGate]) -> None:
    late = {placed.gate.support[0] for placed in first if role_of(placed.gate).is_matrix}
    for placed in first:
        if (qubit := placed.gate.support[0]) not in late:
            writer.chains.setdefault(qubit, []).extend(factors_of(placed))
    for qubit in sorted(writer.chains):
        writer.write_chain(qubit, active_bits=qubit + 1)
    for placed in first:
        if placed.gate.support[0] in late:
            writer.add(placed, role_of(placed.gate))


@dataclass
class _Writer:
    """The steps so far, the frame, and what waits.

    Attributes:
        tables: what was written.
        frame: in which the rows stand.
        chains: for each qubit, the factors of the gates in a row on it that wait.
        waiting: the weights of the phases that wait, by (parity, batched, angle).
    """

    tables: StepTables
    frame: MovingFrame
    chains: dict[int, list[Factor]] = field(default_factory=dict)
    waiting: dict[tuple[int, bool, int], float] = field(default_factory=dict)

    def add(self, placed: PlacedGate, role: Role) -> None:
        """Append a gate."""
        gate, action = placed.gate, role.action
        if role.is_matrix:
            self._release(gate.support)
            self._write_matrix(gate, matrix_factors(placed))
        elif len(gate.qubits) == 1 and not gate.controls:
            self._add_to_chain(placed, action)
        elif action.parities is not None:
            self._add_monomial(placed, action)
        elif len(gate.qubits) <= 1:
            self._release(gate.support)
            on_qubit = _on_a_qubit(gate)
            self._write_pairs(on_qubit.qubits, factors_of(placed), 1, on_qubit.controls)
        else:
            self._add_pair_gate(placed)

    def finish(self) -> Steps:
        """All of it as tables."""
        self._release(sorted(self.chains))
        self._write_waiting()
        return self.tables.finish(self.frame)

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
        support = gate.support
        for qubit in support:
            chain = self.chains.get(qubit)
            if chain and not (is_diagonal and all(factor.is_diagonal for factor in chain)):
                self.write_chain(qubit)
        angle = placed.angles[0] if isinstance(action.kind, PhaseGate) else -1
        for term in action.parities or ():
            bits = [qubit for k, qubit in enumerate(support) if term.mask >> k & 1]
            mask, flip = parity_mask(self.frame, bits)
            self._add_phase(mask, placed.batched, angle, -term.weight if flip else term.weight)
        if action.image is not None:
            self.frame.permute(support, action.image)

    def _add_pair_gate(self, placed: PlacedGate) -> None:
        """A gate that mixes pairs of settings of two targets."""
        gate = placed.gate
        rotation = ROTATIONS.get(gate.name)
        if rotation is None:
            self._release(gate.support)
            factor, pattern = _of_two_qubits(placed)
            self._write_pairs(gate.qubits, [factor], pattern, gate.controls)
            return
        # Uncontrolled: where the gate does not act, the phases before and after cancel.
        self._add_phases(placed, rotation.before)
        self._release(gate.support)
        factors = [core_factor(placed, rotation)]
        self._write_pairs(gate.qubits, factors, rotation.pattern, gate.controls)
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
        chain = self.chains.pop(qubit, None)
        if not chain:
            return
        first, last = 0, len(chain)
        if active_bits is None:
            mixing = [k for k, factor in enumerate(chain) if not factor.is_diagonal]
            if not mixing:
                self._wait(qubit, chain)
                return
            first = mixing[0]
        if first:
            self._wait(qubit, chain[:first])
            self._wait_before_others()
        while last > first and chain[last - 1].is_diagonal:
            last -= 1
        for start in range(first, last, _MOST_FACTORS):
            factors = chain[start : min(start + _MOST_FACTORS, last)]
            self._write_pairs((qubit,), factors, 1, active_bits=active_bits)
        self._wait(qubit, chain[last:])

    def _wait_before_others(self) -> None:
        """Let the first phases of all chains wait too: they are given in one step."""
        for qubit, chain in self.chains.items():
            diagonal = diagonal_before(chain)
            if diagonal:
                self._wait(qubit, chain[:diagonal])
                del chain[:diagonal]

    def _wait(self, qubit: int, factors: Sequence[Factor]) -> None:
        for factor in factors:
            mean, half = mean_and_half(factor.kind, factor.numbers)
            angle = -1 if factor.kind == CONSTANT else factor.angle
            if mean:
                self._add_phase(0, factor.batched, angle, mean)
            if half:
                signed = -half if self.frame.flips[qubit] else half
                self._add_phase(self.frame.masks[qubit], factor.batched, angle, signed)

    def _add_phase(self, mask: int, batched: bool, angle: int, weight: float) -> None:
        key = mask, batched, angle
        self.waiting[key] = self.waiting.get(key, 0.0) + weight

    def _write_waiting(self) -> None:
        terms = [Term(*key, weight) for key, weight in self.waiting.items() if weight]
        self.waiting.clear()
        if terms:
            self.tables.add_phases(terms)

    def _write_pairs(
        self,
        qubits: Sequence[int],
        factors: Sequence[Factor],
        pattern: int,
        controls: Sequence[Control] = (),
        active_bits: int | None = None,
    ) -> None:
        targets, difference = self._targets(qubits), 0
        for k, target in enumerate(targets):
            if pattern >> k & 1:
                difference ^= target.difference
        self._write_waiting_for([difference])
        self.tables.add_pairs(
            targets, difference, pattern, factors, controls, self.frame, active_bits
        )

    def _write_matrix(self, gate: Gate, factors: Sequence[Factor]) -> None:
        targets = self._targets(gate.qubits)
        self._write_waiting_for([target.difference for target in targets])
        self.tables.add_matrix(targets, factors, gate.controls, self.frame)

    def _write_waiting_for(self, differences: Sequence[int]) -> None:
        """Write the phases that wait, unless none changes between rows that are mixed."""
        for difference in differences:
            for mask, _, _ in self.waiting:
                if (mask & difference).bit_count() & 1:
                    self._write_waiting()
                    return

    def _targets(self, qubits: Sequence[int]) -> list[Target]:
        masks, flips, differences = self.frame.masks, self.frame.flips, self.frame.differences
        return [Target(masks[qubit], flips[qubit], differences[qubit]) for qubit in qubits]


def _on_a_qubit(gate: Gate) -> Gate:
    """A phase without targets, as that of a control."""
    if gate.qubits:
        return gate
    return replace(gate, qubits=(gate.controls[0].qubit,), controls=gate.controls[1:])


def _of_two_qubits(placed: PlacedGate) -> tuple[Factor, int]:
    """The factor of a gate that is no rotation, and which settings it pairs."""
    kind = placed.gate.kind
    if isinstance(kind, PhaseGate):
        return Factor(PHASE, placed.batched, placed.angles[0], kind.phases), 1
    assert isinstance(kind, ConstantGate)
    pattern = pattern_of(kind.matrix)
    assert pattern is not None
    return constant_factor(kind.matrix, pattern), pattern
