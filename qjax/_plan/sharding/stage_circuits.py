"""Floor 3. A stage -> the circuit that each device runs on the rows that it holds.

Before a gate, bits are added to others so that it acts on single bits (see `wiring`): these CX
gates are free, as everywhere. Bits of the device can only be added to local ones. There are two
ways to write that:

- wired: the device's bits are further qubits behind the local ones, which nothing mixes, and behind
  them is one that is always 1: CX with it is X, and leaves nothing behind that must be undone by a
  matrix. The tables of such a circuit are written for each device afterwards.
- told: they are numbers, 0 or 1, which each device has as parameters: one program for all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.linalg import schur

from qjax._base.walsh import parity_weights
from qjax._circuit.gates import ConstantGate
from qjax._circuit.operations import Control, Gate, freeze_matrix
from qjax._expressions import Expression, parameter
from qjax._plan.sharding.layouts import Layout
from qjax._plan.sharding.row_operations import Condition, Mixing, Phase, RowOperation
from qjax._plan.sharding.wiring import Addition, Wiring, solved


@dataclass
class StageWriter:
    """The gates so far.

    Attributes:
        layout: where rows are.
        num_params: of the whole circuit; numbers of the device come after its parameters.
        told: whether bits of the device are numbers.
        gates: of the circuit.
        numbers: the masks of those parities of the device that are parameters, in order.
        wiring: what each bit is by now.
    """

    layout: Layout
    num_params: int
    told: bool
    gates: list[Gate] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    wiring: Wiring = field(init=False)

    def __post_init__(self) -> None:
        self.wiring = Wiring(self.num_local, len(self.layout.columns))

    @property
    def num_local(self) -> int:
        """How many qubits each device has."""
        return self.layout.num_local

    def add(self, operation: RowOperation) -> None:
        """Append what an operation does."""
        controls = [Condition(self.layout.mask(mask), v) for mask, v in operation.controls]
        if isinstance(operation, Mixing):
            self._add_mixing(operation, controls)
        else:
            mask = self.layout.mask(operation.mask)
            for phase in self._with_apart(Phase(mask, operation.angle, tuple(controls))):
                self._add_phase(phase)

    def end(self, rows: Sequence[int] = (), flips: int = 0) -> None:
        """Make local bit k the parity of the bits rows[k] of a place, plus bit k of `flips`.

        Without rows, each bit is itself again.
        """
        wanted = rows or [1 << bit for bit in range(self.num_local)]
        self.wiring.bring_rows(wanted)
        self._write_additions(self.wiring.take())
        for bit, row in enumerate(wanted):
            if self.told and row >> self.num_local:
                self._flip(bit, row >> self.num_local)
            if flips >> bit & 1:
                self._negate(bit)

    # ---------------------------------------------------------------- phases

    def _with_apart(self, phase: Phase) -> Iterable[Phase]:
        """The same, where no control is known from the phase's own local bits and the device.

        A phase where c is v is half of it everywhere, and half of it with the sign of c.
        """
        local = (1 << self.num_local) - 1
        own = Condition(phase.mask, 0)
        for k, control in enumerate(phase.controls):
            others = [c for position, c in enumerate(phase.controls) if position != k]
            apart = solved([own, *others, control], self.num_local)
            before = solved([own, *others], self.num_local)
            num_local = sum(bit < self.num_local for bit, _ in apart)
            is_known = num_local == sum(bit < self.num_local for bit, _ in before)
            if is_known and control.mask & local:
                half, rest = 0.5 * phase.angle, tuple(others)
                signed = -half if control.value else half
                yield from self._with_apart(Phase(phase.mask, half, rest))
                yield from self._with_apart(Phase(phase.mask ^ control.mask, signed, rest))
                return
        yield phase

    def _add_phase(self, phase: Phase) -> None:
        bit = self.wiring.bring_parity(phase.mask) if phase.mask else None
        on, met = self._controls(phase.controls)
        angle = _times(phase.angle, met)
        if bit is not None and self.told:
            angle = _times(angle, self._sign(self.wiring.device_part(bit)))
        if bit is None or (self.told and bit >= self.num_local):
            self._write("global_phase", (), (angle,), on)
        else:
            self._write("rz", (bit,), (-2 * angle,), on)
        self._leave(on)

    # ---------------------------------------------------------------- matrices

    def _add_mixing(self, mixing: Mixing, controls: Sequence[Condition]) -> None:
        bits = tuple(
            self.wiring.bring_target(self.layout.mask(t.mask), self.layout.difference(t.difference))
            for t in mixing.targets
        )
        on, met = self._controls(controls)
        flipped = [bit for bit, t in zip(bits, mixing.targets, strict=True) if t.flip]
        angles, turned = self._turned(mixing.gate, bits)
        for bit in flipped:
            self._negate(bit)
        for bit in turned:
            self._flip(bit, self.wiring.device_part(bit))
        placed = replace(mixing.gate, qubits=bits, angles=angles, controls=tuple(on), label=None)
        self._write_where(placed, met)
        for bit in turned:
            self._flip(bit, self.wiring.device_part(bit))
        for bit in flipped:
            self._negate(bit)
        self._leave(on)

    def _turned(
        self, gate: Gate, bits: tuple[int, ...]
    ) -> tuple[tuple[Expression, ...], list[int]]:
        """The angles, and the bits that are to be flipped where the device says so."""
        if not self.told or gate.name == "rx":
            return gate.angles, []
        if gate.name == "ry":
            sign = self._sign(self.wiring.device_part(bits[0]))
            return (_times(gate.angles[0], sign),), []
        return gate.angles, [bit for bit in bits if self.wiring.device_part(bit)]

    def _write_where(self, gate: Gate, met: Expression | None) -> None:
        """A gate where a number is 1, and nothing where it is 0."""
        if met is None:
            self.gates.append(gate)
        elif gate.angles:
            # Without its first angle a gate does nothing, whatever its axis; `u` and `rv` need all.
            count = len(gate.angles) if gate.name in ("u", "rv") else 1
            first = tuple(angle * met for angle in gate.angles[:count])
            self.gates.append(replace(gate, angles=first + gate.angles[count:]))
        else:
            self._write_power(gate, met)

    def _write_power(self, gate: Gate, met: Expression) -> None:
        """A constant matrix to the power of a number, by its eigenvectors."""
        assert isinstance(gate.kind, ConstantGate)
        values, vectors = _diagonalised(gate.kind.matrix)
        self.gates.append(Gate("unitary", gate.qubits, (), (), freeze_matrix(vectors.conj().T)))
        for mask, weight in enumerate(parity_weights(np.angle(values)).tolist()):
            own = [bit for k, bit in enumerate(gate.qubits) if mask >> k & 1]
            sums = [Addition(own[0], other) for other in own[1:]]
            self._write_additions(sums)
            if own:
                self._write("rz", (own[0],), (-2 * weight * met,), gate.controls)
            else:
                self._write("global_phase", (), (weight * met,), gate.controls)
            self._write_additions(sums[::-1])
        self.gates.append(Gate("unitary", gate.qubits, (), (), freeze_matrix(vectors)))

    # ---------------------------------------------------------------- writing

    def _controls(self, controls: Sequence[Condition]) -> tuple[list[Control], Expression | None]:
        """(controls by bits, a number that is 1 where those by the device alone are met)."""
        brought = self.wiring.bring_controls(controls)
        self._write_additions(self.wiring.take())
        on: list[Control] = []
        met: Expression | None = None
        for bit, value in brought:
            if not self.told or bit < self.num_local:
                on.append(Control(bit, value))
                continue
            number = self._number(self.wiring.device_part(bit))
            met = _times(number if value else 1 - number, met)
        self._flip_told(on)
        return on, met

    def _flip_told(self, on: Sequence[Control]) -> None:
        for bit, _ in on:
            if self.told and (part := self.wiring.device_part(bit)):
                self._flip(bit, part)

    def _leave(self, on: Sequence[Control]) -> None:
        self._flip_told(on)
        self.wiring.restore_device()
        self._write_additions(self.wiring.take())

    def _number(self, device: int) -> Expression:
        if device not in self.numbers:
            self.numbers.append(device)
        return parameter(self.num_params + self.numbers.index(device))

    def _sign(self, device: int) -> Expression | None:
        """(-1)**parity of bits of the device, where there are any."""
        return 1 - 2 * self._number(device) if device else None

    def _negate(self, bit: int) -> None:
        always = () if self.told else (Control(len(self.layout.columns), 1),)
        self._write("x", (bit,), (), always)

    def _flip(self, bit: int, device: int) -> None:
        """X where a parity of the device is 1."""
        self._write("h", (bit,))
        self._write("p", (bit,), (np.pi * self._number(device),))
        self._write("h", (bit,))

    def _write_additions(self, additions: Iterable[Addition]) -> None:
        for target, source in additions:
            if not self.told or source < self.num_local:
                self._write("x", (target,), (), (Control(source, 1),))

    def _write(
        self,
        name: str,
        qubits: tuple[int, ...],
        angles: tuple[Expression, ...] = (),
        controls: Sequence[Control] = (),
    ) -> None:
        self.gates.append(Gate(name, qubits, angles, tuple(controls)))


def _times(expression: Expression, factor: Expression | None) -> Expression:
    return expression if factor is None else expression * factor


def _diagonalised(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues and orthonormal eigenvectors of a unitary matrix."""
    # Of a normal matrix, the triangle of its Schur decomposition is diagonal.
    triangle, vectors = schur(matrix, output="complex")
    return np.diag(triangle), vectors
