"""Floor 3. The tables in which the steps of the native engine are written."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from qjax._base.tables import static, table_class
from qjax._circuit.operations import Control
from qjax._plan.factors import Factor
from qjax._plan.frame import Frame


@table_class
class Steps:
    """The program of the native engine; see `qjax/_simulators/native/program.h`.

    Attributes:
        words: int32: sizes, steps, factors, terms, controls, targets, and the frame at the end.
        numbers: constants of factors and weights of terms.
    """

    num_qubits: int = static()
    words: np.ndarray
    numbers: np.ndarray

    @property
    def count(self) -> int:
        """How many steps there are."""
        return int(self.words[1])


class Term(NamedTuple):
    """A phase weight * angle, with the sign of a parity; angle -1: the weight itself."""

    mask: int
    batched: bool
    angle: int
    weight: float


class Target(NamedTuple):
    """A qubit of a matrix: where it stands in the bits of a row, and what flips no other."""

    mask: int
    flip: int
    difference: int


@dataclass
class StepTables:
    """The rows of the tables so far."""

    num_qubits: int
    steps: list[tuple[int, ...]] = field(default_factory=list)
    factors: list[tuple[int, ...]] = field(default_factory=list)
    terms: list[tuple[int, ...]] = field(default_factory=list)
    controls: list[tuple[int, ...]] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    numbers: list[float] = field(default_factory=list)
    places: dict[tuple[float, ...], int] = field(default_factory=dict)

    def add_phases(self, terms: Sequence[Term]) -> None:
        """Write a step that gives phases to rows."""
        first = len(self.terms)
        for term in terms:
            weight = self._place((term.weight,))
            self.terms.append((term.mask, int(term.batched), term.angle, weight))
        batched = any(term.batched for term in terms)
        self.steps.append(
            (_PHASES, int(batched), 0, 0, 0, 0, 0, 0, self.num_qubits, first) + (len(terms), 0, 0)
        )

    def add_pairs(
        self,
        targets: Sequence[Target],
        difference: int,
        pattern: int,
        factors: Sequence[Factor],
        controls: Sequence[Control],
        frame: Frame,
        active_bits: int | None,
    ) -> None:
        """Write a step that mixes row p with one other, p ^ difference."""
        masks = [target.mask for target in targets]
        offset = sum(target.flip << k for k, target in enumerate(targets))
        active = self.num_qubits if active_bits is None else active_bits
        self.steps.append(
            (_PAIRS, _batched(factors), difference)
            + (len(masks), masks[0], masks[-1] if masks[1:] else 0, offset, pattern, active)
            + self._add_factors(factors)
            + self._add_controls(controls, frame)
        )

    def add_matrix(
        self,
        targets: Sequence[Target],
        factors: Sequence[Factor],
        controls: Sequence[Control],
        frame: Frame,
    ) -> None:
        """Write a step that mixes all settings of some targets."""
        self.steps.append(
            (_MATRIX, _batched(factors), 0, len(targets), len(self.targets), 0, 0, 0)
            + (self.num_qubits,)
            + self._add_factors(factors)
            + self._add_controls(controls, frame)
        )
        self.targets += targets

    def finish(self, frame: Frame) -> Steps:
        """All of it as arrays, with the frame in which the rows end."""
        columns = [
            sum((mask >> bit & 1) << qubit for qubit, mask in enumerate(frame.masks))
            for bit in range(self.num_qubits)
        ]
        shift = sum(flip << qubit for qubit, flip in enumerate(frame.flips))
        tables: tuple[Sequence[tuple[int, ...]], ...]
        tables = (self.steps, self.factors, self.terms, self.controls, self.targets)
        words = [self.num_qubits, *(len(table) for table in tables), shift]
        for table in tables:
            for row in table:
                words += row
        numbers = np.array(self.numbers or [0.0])
        return Steps(self.num_qubits, np.array(words + columns, np.int32), numbers)

    def _add_factors(self, factors: Sequence[Factor]) -> tuple[int, int]:
        first = len(self.factors)
        for factor in factors:
            numbers = self._place(factor.numbers)
            self.factors.append((factor.kind, int(factor.batched), factor.angle, numbers))
        return first, len(factors)

    def _add_controls(self, controls: Sequence[Control], frame: Frame) -> tuple[int, int]:
        first = len(self.controls)
        for qubit, value in controls:
            self.controls.append((frame.masks[qubit], value ^ frame.flips[qubit]))
        return first, len(controls)

    def _place(self, numbers: tuple[float, ...]) -> int:
        if numbers not in self.places:
            self.places[numbers] = len(self.numbers)
            self.numbers += numbers
        return self.places[numbers]


_PAIRS, _PHASES, _MATRIX = 0, 1, 2


def _batched(factors: Sequence[Factor]) -> int:
    return int(any(factor.batched for factor in factors))
