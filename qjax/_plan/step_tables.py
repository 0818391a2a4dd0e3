"""Floor 3. The tables in which the steps of the native engine are written."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from qjax._base.tables import static, table_class
from qjax._circuit.operations import Control
from qjax._plan.factors import Factor
from qjax._plan.frame import MovingFrame


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
    def counts(self) -> dict[str, int]:
        """How many steps there are of each kind."""
        kinds = self.words[_HEADER : _HEADER + _STEP * self.words[1] : _STEP].tolist()
        return {name: kinds.count(kind) for kind, name in _KINDS.items() if kind in kinds}


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


def _ints() -> array:
    return array("i")


@dataclass
class StepTables:
    """The rows of the tables so far, one after the other."""

    num_qubits: int
    steps: array = field(default_factory=_ints)
    factors: array = field(default_factory=_ints)
    terms: array = field(default_factory=_ints)
    controls: array = field(default_factory=_ints)
    targets: array = field(default_factory=_ints)
    numbers: list[float] = field(default_factory=list)
    places: dict[tuple[float, ...], int] = field(default_factory=dict)

    def add_phases(self, terms: Sequence[Term]) -> None:
        """Write a step that gives phases to rows."""
        first, differs = len(self.terms) // _TERM, False
        for mask, batched, angle, weight in terms:
            differs = differs or batched
            self.terms.extend((mask, batched, angle, self._place((weight,))))
        self.steps.extend(
            (_PHASES, differs, 0, 0, 0, 0, 0, 0, self.num_qubits, first) + (len(terms), 0, 0)
        )

    def add_pairs(
        self,
        targets: Sequence[Target],
        difference: int,
        pattern: int,
        factors: Sequence[Factor],
        controls: Sequence[Control],
        frame: MovingFrame,
        active_bits: int | None,
    ) -> None:
        """Write a step that mixes row p with one other, p ^ difference."""
        first, flip, _ = targets[0]
        second, offset = 0, flip
        if len(targets) > 1:
            second, flip, _ = targets[1]
            offset |= flip << 1
        active = self.num_qubits if active_bits is None else active_bits
        self.steps.extend(
            (_PAIRS, _batched(factors), difference)
            + (len(targets), first, second, offset, pattern, active)
            + self._add_factors(factors)
            + self._add_controls(controls, frame)
        )

    def add_matrix(
        self,
        targets: Sequence[Target],
        factors: Sequence[Factor],
        controls: Sequence[Control],
        frame: MovingFrame,
    ) -> None:
        """Write a step that mixes all settings of some targets."""
        self.steps.extend(
            (_MATRIX, _batched(factors), 0, len(targets), len(self.targets) // _TARGET, 0, 0, 0)
            + (self.num_qubits,)
            + self._add_factors(factors)
            + self._add_controls(controls, frame)
        )
        for target in targets:
            self.targets.extend(target)

    def finish(self, frame: MovingFrame) -> Steps:
        """All of it as arrays, with the frame in which the rows end."""
        columns = [
            sum((mask >> bit & 1) << qubit for qubit, mask in enumerate(frame.masks))
            for bit in range(self.num_qubits)
        ]
        shift = sum(flip << qubit for qubit, flip in enumerate(frame.flips))
        words = array("i", [self.num_qubits])
        tables = self.steps, self.factors, self.terms, self.controls, self.targets
        widths = _STEP, _FACTOR, _TERM, _CONTROL, _TARGET
        words.extend(len(table) // width for table, width in zip(tables, widths, strict=True))
        words.append(shift)
        for table in (*tables, columns):
            words.extend(table)
        numbers = np.array(self.numbers or [0.0])
        return Steps(self.num_qubits, np.array(words, np.int32), numbers)

    def _add_factors(self, factors: Sequence[Factor]) -> tuple[int, int]:
        first = len(self.factors) // _FACTOR
        for kind, batched, angle, numbers in factors:
            self.factors.extend((kind, batched, angle, self._place(numbers)))
        return first, len(factors)

    def _add_controls(self, controls: Sequence[Control], frame: MovingFrame) -> tuple[int, int]:
        first = len(self.controls) // _CONTROL
        for qubit, value in controls:
            self.controls.extend((frame.masks[qubit], value ^ frame.flips[qubit]))
        return first, len(controls)

    def _place(self, numbers: tuple[float, ...]) -> int:
        place = self.places.get(numbers)
        if place is None:
            place = self.places[numbers] = len(self.numbers)
            self.numbers += numbers
        return place


def on_devices(steps: Steps, num_local: int) -> Steps:
    """The tables of each device that holds `2**num_local` rows, where nothing mixes others.

    What a parity of a row's bits decides is decided in part by the bits of the device: they flip
    classes of rows and values of controls, and change signs of phases. Behind these bits is one
    more, which is 1 on all devices.

    Returns:
        words of shape `(devices, words)`.
    """
    header, *tables = (table[None] for table in _tables_of(steps))
    others = steps.num_qubits - num_local
    devices = np.arange(1 << (others - 1), 1 << others)[:, None]

    def odd(masks: np.ndarray) -> np.ndarray:
        return (np.bitwise_count(masks >> num_local & devices) & 1).astype(np.int32)

    header, rows, factors, terms, controls, targets, columns = (
        np.repeat(table, len(devices), axis=0) for table in (header, *tables)
    )
    low, count = (1 << num_local) - 1, len(steps.numbers)
    is_pairs = rows[..., 0] == _PAIRS
    for bit, column in enumerate((4, 5)):
        rows[..., 6] ^= np.where(is_pairs, odd(rows[..., column]), 0) << bit
        rows[..., column] = np.where(is_pairs, rows[..., column] & low, rows[..., column])
    rows[..., 8] = np.minimum(rows[..., 8], num_local)
    # Numbers are there twice, the second time with the other sign.
    terms[..., 3] += count * odd(terms[..., 0])
    controls[..., 1] ^= odd(controls[..., 0])
    targets[..., 1] ^= odd(targets[..., 0])
    for table in (terms, controls, targets):
        table[..., 0] &= low
    chosen = devices >> np.arange(others) & 1
    header[:, 0] = num_local
    header[:, -1] ^= np.bitwise_xor.reduce(chosen * columns[:, num_local:], axis=1)
    header[:, -1] &= low
    tables = [header, rows, factors, terms, controls, targets, columns[:, :num_local] & low]
    words = [table.reshape(len(devices), -1) for table in tables]
    numbers = np.concatenate([steps.numbers, -steps.numbers])
    return Steps(num_local, np.concatenate(words, axis=1).astype(np.int32), numbers)


def _tables_of(steps: Steps) -> Iterator[np.ndarray]:
    """The header, the tables of steps to targets, and the columns."""
    words, place = steps.words, _HEADER
    yield words[:_HEADER]
    for count, width in zip(words[1:6], (_STEP, _FACTOR, _TERM, _CONTROL, _TARGET), strict=True):
        yield words[place : place + count * width].reshape(count, width)
        place += count * width
    yield words[place:]


_PAIRS, _PHASES, _MATRIX = 0, 1, 2
_KINDS = {_PAIRS: "mixing pairs of rows", _PHASES: "of phases", _MATRIX: "of a matrix"}
# Numbers of the header, and of a row.
_HEADER = 7
_STEP, _FACTOR, _TERM, _CONTROL, _TARGET = 13, 4, 4, 2, 3


def _batched(factors: Sequence[Factor]) -> bool:
    return True in [factor.batched for factor in factors]
