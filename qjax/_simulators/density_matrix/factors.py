"""Floor 4. Operations of a circuit -> factors: superoperators, by where their numbers come from.

Gates that differ in nothing but angles and places are computed together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from qjax._base.errors import CircuitTooLargeError
from qjax._circuit.channels import FixedChannel, Noise, Step
from qjax._circuit.circuit import Circuit, steps
from qjax._circuit.gates import GATES, ConstantGate, GateKind
from qjax._circuit.operations import Amplitudes, Gate
from qjax._expressions import ExpressionTable, Value, expression_tables
from qjax._plan import Encoding, encoding_of
from qjax._simulators.density_matrix.transfer import controlled, of_known_channel, of_unitary

# Qubits. The matrix of one more would take 16 times as much: 134 MB in double for 6.
MOST_QUBITS_TOGETHER = 5


class Entry(NamedTuple):
    """Which matrix of a bank a factor is.

    Attributes:
        width: of how many qubits.
        number: its place among the matrices of this width.
        is_batched: whether it differs per sample; such ones are counted apart.
    """

    width: int
    number: int
    is_batched: bool


class Factor(NamedTuple):
    """A superoperator in its place; `qubits` are least significant digit first."""

    qubits: tuple[int, ...]
    entry: Entry


class GateGroup(NamedTuple):
    """Gates of one kind whose angles are computed.

    Attributes:
        kind: of all.
        controls: the values that controls must have; they follow the targets.
        angles: `(num_angles, gates)`: where each angle stands among all of them.
    """

    kind: GateKind
    controls: tuple[int, ...]
    angles: np.ndarray


class ChannelUse(NamedTuple):
    """A channel, and the values that its controls must have."""

    channel: int
    controls: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Bank:
    """Where the numbers of matrices of one width come from, in their order.

    Attributes:
        constants: known matrices `(constants, 4**w, 4**w)`.
        channels: given beside the circuit.
        shared: gates whose angles all samples share.
        batched: gates whose angles differ per sample.
    """

    constants: np.ndarray
    channels: tuple[ChannelUse, ...]
    shared: tuple[GateGroup, ...]
    batched: tuple[GateGroup, ...]


class Angles(NamedTuple):
    """How angles are evaluated: `all_angles(tables, parameters)[order]`."""

    tables: tuple[ExpressionTable, ...]
    order: np.ndarray


class PlacedAmplitudes(NamedTuple):
    """The amplitudes that qubits start from, the least significant qubit first."""

    qubits: tuple[int, ...]
    encoding: Encoding


@dataclass(frozen=True, eq=False)
class Factors:
    """All factors of a circuit, in order.

    Attributes:
        factors: in the order in which they act.
        banks: by width.
        shared, batched: the angles of shared parameters, and the others.
        starts: the amplitudes that some qubits start from.
    """

    factors: tuple[Factor, ...]
    banks: Mapping[int, Bank]
    shared: Angles
    batched: Angles
    starts: tuple[PlacedAmplitudes, ...] = ()


@dataclass(eq=False)
class _Lot:
    """What is collected for one width, each kind in its own numbering."""

    constants: dict[bytes, tuple[int, np.ndarray]] = field(default_factory=dict)
    channels: dict[ChannelUse, int] = field(default_factory=dict)
    gates: dict[bool, dict[tuple, list[tuple[int, ...]]]] = field(
        default_factory=lambda: {False: {}, True: {}}
    )


def factors_of(circuit: Circuit, batched: frozenset[int]) -> Factors:
    """The factors of a circuit that is not dynamic.

    Args:
        circuit: gates, noise, amplitudes at the start.
        batched: the parameters that differ per sample.

    Raises:
        CircuitTooLargeError: for an operation on more than 5 qubits.
    """
    ops = steps(circuit)
    values: dict[bool, list[Value]] = {False: [], True: []}
    lots: dict[int, _Lot] = {}
    drafts = [draft for op in ops if (draft := _draft(op, batched, values, lots)) is not None]
    banks = {width: _bank(lot) for width, lot in lots.items()}
    factors = tuple(
        Factor(qubits, Entry(width, _number(lots[width], kind, key, place), kind == "batched"))
        for qubits, width, kind, key, place in drafts
    )
    shared_positions, batched_positions = _positions(circuit, batched)
    own = sorted(shared_positions)
    starts = tuple(
        PlacedAmplitudes(op.qubits, encoding_of(op, batched, own))
        for op in circuit.ops
        if isinstance(op, Amplitudes)
    )
    return Factors(
        factors,
        banks,
        _angles(values[False], shared_positions),
        _angles(values[True], batched_positions),
        starts,
    )


def _positions(circuit: Circuit, batched: frozenset[int]) -> tuple[dict[int, int], dict[int, int]]:
    """Where parameters stand among the shared ones; and among batched ones followed by those."""
    own = [p for p in range(circuit.num_params) if p not in batched]
    shared = {p: k for k, p in enumerate(own)}
    moving = {p: k for k, p in enumerate(sorted(batched))}
    return shared, moving | {p: len(moving) + k for p, k in shared.items()}


def _angles(values: Sequence[Value], positions: Mapping[int, int]) -> Angles:
    tables, order = expression_tables(values, positions)
    return Angles(tables, np.array(order, np.int32))


def _draft(
    op: Step, batched: frozenset[int], values: dict[bool, list[Value]], lots: dict[int, _Lot]
) -> tuple | None:
    """(qubits, width, kind of entry, key, place among its kind); None for what does nothing."""
    qubits = op.support
    width = len(qubits)
    if width == 0:
        return None  # a global phase
    if width > MOST_QUBITS_TOGETHER:
        raise CircuitTooLargeError(
            f"{_name(op)} on {width} qubits: density matrices take operations on at most "
            f"{MOST_QUBITS_TOGETHER}; write it as smaller gates, such as by "
            "qiskit.transpile(circuit, basis_gates=['u', 'cx'])"
        )
    controls = tuple(control.value for control in op.controls)
    if isinstance(op, Noise):
        if isinstance(op.channel, FixedChannel):
            return _constant_draft(qubits, of_known_channel(op.channel.kraus, controls), lots)
        lot = lots.setdefault(width, _Lot())
        use = ChannelUse(op.channel, controls)
        return qubits, width, "channel", use, lot.channels.setdefault(use, len(lot.channels))
    if isinstance(op.kind, ConstantGate):
        return _constant_draft(qubits, of_unitary(controlled(op.kind.matrix, controls)), lots)
    moves = any(not batched.isdisjoint(angle.parameters) for angle in op.angles)
    several = lots.setdefault(width, _Lot()).gates[moves]
    members = several.setdefault((op.name, controls), [])
    start = len(values[moves])
    values[moves] += [Value(angle, op.kind.periodic) for angle in op.angles]
    members.append(tuple(range(start, start + len(op.angles))))
    return qubits, width, "batched" if moves else "shared", (op.name, controls), len(members) - 1


def _constant_draft(qubits: tuple[int, ...], matrix: np.ndarray, lots: dict[int, _Lot]) -> tuple:
    lot, key = lots.setdefault(len(qubits), _Lot()), matrix.tobytes()
    number, _ = lot.constants.setdefault(key, (len(lot.constants), matrix))
    return qubits, len(qubits), "constant", key, number


def _name(op: Gate | Noise) -> str:
    return f"the gate {op.name!r}" if isinstance(op, Gate) else f"channel {op.channel}"


def _bank(lot: _Lot) -> Bank:
    shared, batched = (
        tuple(
            GateGroup(GATES[name], controls, np.array(members, np.int32).T)
            for (name, controls), members in lot.gates[moves].items()
        )
        for moves in (False, True)
    )
    constants = np.array([matrix for _, matrix in lot.constants.values()])
    return Bank(constants, tuple(lot.channels), shared, batched)


def _number(lot: _Lot, kind: str, key: object, place: int) -> int:
    """The number of a matrix: constants, channels, gates, group by group."""
    if kind == "constant":
        return place
    if kind == "channel":
        return len(lot.constants) + place
    several = lot.gates[kind == "batched"]
    before = 0
    for group, members in several.items():
        if group == key:
            break
        before += len(members)
    if kind == "batched":
        return before + place
    return len(lot.constants) + len(lot.channels) + before + place
