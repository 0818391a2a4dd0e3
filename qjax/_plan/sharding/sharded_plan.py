"""Floor 3. A circuit, and what is read out -> what devices run that hold a part of its state."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from qjax._base.store import kept
from qjax._circuit.circuit import Circuit, gates, preparations
from qjax._circuit.operations import Amplitudes, Gate
from qjax._plan.factors import role_of
from qjax._plan.frame import MovingFrame
from qjax._plan.sharding.endings import (
    LocalString,
    Order,
    Outcomes,
    String,
    in_order,
    local_string,
    outcomes_in,
    with_strings,
)
from qjax._plan.sharding.layouts import Exchange, Layout
from qjax._plan.sharding.row_operations import row_operations
from qjax._plan.sharding.stage_circuits import StageWriter
from qjax._plan.sharding.stages import Stage, stages_of

MOST_SUMMED = 16
"""The probabilities of more qubits stay on their devices."""


@dataclass(frozen=True)
class Wanted:
    """What is read out.

    Attributes:
        strings: expectation values of these; None for something else.
        probabilities: whether probabilities are, instead of amplitudes.
        qubits: of these qubits, the first as least significant bit; None for all.
    """

    strings: tuple[String, ...] | None = None
    probabilities: bool = False
    qubits: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class LocalStage:
    """What a device does between two exchanges.

    Attributes:
        exchange: what comes before it.
        num_operations: how many matrices and phases it applies.
        wired: the circuit, with the bits of the device, and one that is 1, as qubits behind the
            local ones.
        told: the same of local qubits; its last parameters are parities of the device's number.
        numbers: the masks of these parities.
        strings: what is measured after it.
    """

    exchange: Exchange | None
    num_operations: int
    wired: Circuit
    told: Circuit
    numbers: tuple[int, ...]
    strings: tuple[LocalString, ...]


@dataclass(frozen=True, eq=False)
class ShardedPlan:
    """What devices run.

    Attributes:
        num_qubits: n.
        num_local: n minus the logarithm of the number of devices.
        local_start: the circuit of local qubits whose state each device starts from, but for a
            factor. The first stage's `wired` has its gates too, if no amplitudes are given.
        device_start: the circuit whose amplitudes are these factors.
        stages: in order.
        wanted: what is read out.
        end: how amplitudes, or probabilities that stay on their devices, come in order; or how
            outcomes follow from places; None for strings.
    """

    num_qubits: int
    num_local: int
    local_start: Circuit
    device_start: Circuit
    stages: tuple[LocalStage, ...]
    wanted: Wanted
    end: Order | Outcomes | None

    @property
    def is_prepared(self) -> bool:
        """Whether the amplitudes of some qubits are given."""
        return bool(preparations(self.local_start))

    @property
    def num_devices(self) -> int:
        """How many devices have a part of the state."""
        return 1 << (self.num_qubits - self.num_local)

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """All of them, in order."""
        return tuple(s.exchange for s in self.stages if s.exchange is not None)


@kept()
def fits_devices(circuit: Circuit, num_device_bits: int) -> bool:
    """Whether each of so many devices holds as many qubits as any gate of a circuit mixes."""
    mixing = (gate for gate in gates(circuit) if role_of(gate).action.parities is None)
    widest = max((len(gate.qubits) for gate in mixing), default=1)
    return circuit.num_qubits - num_device_bits >= max(1, widest)


@kept()
def plan_sharded(circuit: Circuit, num_device_bits: int, wanted: Wanted) -> ShardedPlan:
    """Plan the unitary part of a circuit for 2**num_device_bits devices.

    Raises:
        ValueError: where it does not fit so many devices: a gate that mixes more qubits than one
            of them has, or amplitudes that are given for more.
    """
    first, rest = _split_first(circuit)
    operations, frame = row_operations(rest, circuit.num_qubits)
    given = frozenset(qubit for op in preparations(circuit) for qubit in op.qubits)
    stages = stages_of(operations, circuit.num_qubits, num_device_bits, given)
    start = stages[0].layout
    ending = _ending(stages, frame, wanted)
    starts = _starts(circuit, first, start)
    written = [
        _written(circuit, ending, place, frame, wanted) for place in range(len(ending.stages))
    ]
    if not given:
        wired = written[0].wired
        written[0] = replace(written[0], wired=replace(wired, ops=starts[0].ops + wired.ops))
    return ShardedPlan(
        circuit.num_qubits,
        start.num_local,
        *starts,
        tuple(written),
        wanted,
        ending.end,
    )


class _Ending(NamedTuple):
    """All stages, what is measured after each, and how it ends."""

    stages: Sequence[Stage]
    read: Sequence[Sequence[int]]
    end: Order | Outcomes | None


def _ending(stages: list[Stage], frame: MovingFrame, wanted: Wanted) -> _Ending:
    nothing: list[list[int]] = [[] for _ in stages]
    layout, qubits = stages[-1].layout, wanted.qubits
    if wanted.strings is not None:
        return _Ending(*with_strings(stages, frame, wanted.strings), None)
    if qubits is not None and len(qubits) <= MOST_SUMMED:
        return _Ending(stages, nothing, outcomes_in(layout, frame, qubits))
    others = [q for q in range(len(frame.masks)) if qubits is not None and q not in qubits]
    every = range(len(frame.masks)) if qubits is None else (*others, *qubits)
    exchange, layout, order = in_order(layout, frame, tuple(every))
    if exchange is None:
        return _Ending(stages, nothing, order)
    return _Ending([*stages, Stage(exchange, layout, ())], [*nothing, []], order)


def _split_first(circuit: Circuit) -> tuple[list[Gate], list[Gate]]:
    """The gates on single qubits that come before any other on their qubit, and the rest."""
    touched: set[int] = set()
    first, rest = [], []
    for gate in gates(circuit):
        if len(gate.qubits) == 1 and not gate.controls and gate.qubits[0] not in touched:
            first.append(gate)
        else:
            rest.append(gate)
            touched.update(gate.support)
    return first, rest


def _starts(circuit: Circuit, first: Sequence[Gate], layout: Layout) -> tuple[Circuit, Circuit]:
    """The circuits of the product state to start from: of the local qubits, and of the others."""
    places = {qubit: column.bit_length() - 1 for qubit, column in enumerate(layout.columns)}
    local: list[Gate | Amplitudes] = [
        Amplitudes([places[qubit] for qubit in op.qubits], op.real, op.imag)
        for op in preparations(circuit)
    ]
    device: list[Gate] = []
    for gate in first:
        place = places[gate.qubits[0]]
        if place < layout.num_local:
            local.append(replace(gate, qubits=(place,)))
        else:
            device.append(replace(gate, qubits=(place - layout.num_local,)))
    others = circuit.num_qubits - layout.num_local
    return (
        Circuit(layout.num_local, tuple(local), circuit.parameters),
        Circuit(others, tuple(device), circuit.parameters),
    )


def _written(
    circuit: Circuit, ending: _Ending, place: int, frame: MovingFrame, wanted: Wanted
) -> LocalStage:
    stage = ending.stages[place]
    end = ending.end if place + 1 == len(ending.stages) else None
    rows = () if end is None else end.rows
    flips = end.flips if isinstance(end, Order) else 0
    wired, told = (_writer(circuit, stage, is_told, rows, flips) for is_told in (False, True))
    num_local = stage.layout.num_local
    numbers = tuple(f"device parity {mask}" for mask in told.numbers)
    strings = [
        local_string(k, string, frame, stage.layout)
        for k, string in enumerate(wanted.strings or ())
        if k in ending.read[place]
    ]
    return LocalStage(
        stage.exchange,
        len(stage.operations),
        Circuit(circuit.num_qubits + 1, tuple(wired.gates), circuit.parameters),
        Circuit(num_local, tuple(told.gates), circuit.parameters + numbers),
        tuple(told.numbers),
        tuple(strings),
    )


def _writer(
    circuit: Circuit, stage: Stage, told: bool, rows: Sequence[int], flips: int
) -> StageWriter:
    writer = StageWriter(stage.layout, circuit.num_params, told)
    for operation in stage.operations:
        writer.add(operation)
    writer.end(rows, flips)
    return writer
