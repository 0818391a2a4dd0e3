"""Floor 3. All outcomes of a dynamic circuit as branches of one state: qubits and their records.

What depends on outcomes is a decision over records; `qjax._dynamic.deferral` runs the circuit.
"""

from dataclasses import dataclass, field, replace

from qjax._base.errors import NoExactFormError
from qjax._circuit.circuit import Amplitudes, Circuit, Control, Gate
from qjax._circuit.dependence import moved_gate, reached
from qjax._circuit.gates import is_diagonal
from qjax._dynamic.decisions import (
    Decision,
    Node,
    choose,
    either,
    outcome_of,
    records_of,
    rename,
    settings,
    without,
)
from qjax._dynamic.known_qubits import Known, sum_of, without_known

# Each record doubles the state.
MAX_RECORDS = 24

REMEDY = "Run it by trajectories: qjax.sample, qjax.estimate or qjax.trajectories"

Key = tuple[str, int]


@dataclass
class Branches:
    """The branches so far.

    A qubit is a wire, and another one after it was reset: what it held stays on the wire that it
    leaves, as a record. Records are changed by nothing, and looked at in the computational basis
    only.

    Attributes:
        circuit: the dynamic circuit.
        thrifty: whether a reset takes what other records hold out of the wire, and so does without
            another one, even where no value asks these records: then nothing may depend on them.
        num_wires: how many there are.
        wires: of the qubits.
        free: wires that nothing was done to, or nothing that still matters.
        known: what the wires hold, see `qjax._dynamic.known_qubits`.
        num_variables: how many there are.
        crowded: whether wires were taken since any were freed.
        touched: the wires that any gate acted on.
        gates: what was written, on wires.
        prepared: the amplitudes that come before.
        values: what depends on records: ("bit", clbit), ("variable", number), ("measured", wire):
            where the qubit was measured and not changed since, ("running", depth): where a block
            runs, ("case", number): where one will.
        effective: the wires of qubits whose measurement is not final.
        depth: of the innermost block.
        loops: the depths of the loops around it.
        cases: how many there were.
    """

    circuit: Circuit
    thrifty: bool
    num_wires: int
    wires: list[int]
    known: Known
    free: list[int] = field(default_factory=list)
    num_variables: int = 0
    crowded: bool = False
    touched: set[int] = field(default_factory=set)
    gates: list[Gate] = field(default_factory=list)
    prepared: list[Amplitudes] = field(default_factory=list)
    values: dict[Key, Decision] = field(default_factory=dict)
    effective: set[int] = field(default_factory=set)
    depth: int = 0
    loops: list[int] = field(default_factory=list)
    cases: int = 0

    @property
    def running(self) -> Decision:
        return self.values["running", self.depth]

    @property
    def records(self) -> list[int]:
        """The wires that are no qubits."""
        others = {*self.wires, *self.free}
        return [wire for wire in range(self.num_wires) if wire not in others]


def all_zero(circuit: Circuit, thrifty: bool) -> Branches:
    """One branch, before anything was done."""
    count = circuit.num_qubits
    state = Branches(circuit, thrifty, count, list(range(count)), dict.fromkeys(range(count), 0))
    state.values = {("bit", clbit): False for clbit in range(circuit.num_clbits)}
    return state


def holds_somewhere(decision: Decision) -> bool:
    """Whether a condition holds in any branch."""
    return isinstance(decision, Node) or bool(decision)


def apply_gate(state: Branches, gate: Gate) -> None:
    """A gate, where the block runs; a measured qubit that it changes is recorded before."""
    if gate.name == "id":
        return
    if gate.name == "swap" and not gate.controls and state.running is True:
        _exchange(state, *gate.qubits)
        return
    gate = moved_gate(gate, dict(enumerate(state.wires)))
    changes = not is_diagonal(gate.kind)
    for wire in gate.qubits:
        asked = wire in records_of(state.running)
        if ("measured", wire) in state.values and (changes or asked):
            keep_outcome(state, wire)
    state.effective.update(wire for wire in gate.support if ("measured", wire) in state.values)
    write(state, gate, state.running)


def _exchange(state: Branches, left: int, right: int) -> None:
    wires = state.wires
    wires[left], wires[right] = wires[right], wires[left]
    # Something comes after their measurement.
    state.effective.update(
        wire for wire in (wires[left], wires[right]) if ("measured", wire) in state.values
    )


def write(state: Branches, gate: Gate, condition: Decision) -> None:
    """Append a gate on wires, controlled by the records of the condition."""
    state.touched.update(gate.support)
    for setting in settings(condition):
        controls = dict(setting)
        if all(controls.setdefault(qubit, value) == value for qubit, value in gate.controls):
            made = tuple(Control(qubit, value) for qubit, value in controls.items())
            _append(state, replace(gate, controls=made))


def _append(state: Branches, gate: Gate) -> None:
    """A gate, or what it comes down to for what is known, and what is known after it."""
    reduced = without_known(gate, state.known)
    if reduced is None:
        return
    state.gates.append(reduced)
    known, controls = state.known, reduced.controls
    if reduced.name in ("x", "y") and len(controls) <= 1:
        flips = known[controls[0].qubit] ^ (1 - controls[0].value) if controls else 1
        known[reduced.qubits[0]] ^= flips
    elif not is_diagonal(reduced.kind):
        for wire in reduced.qubits:
            known[wire] = _variable(state)


def _variable(state: Branches) -> int:
    state.num_variables += 1
    return 1 << state.num_variables


def flip_by(qubit: int, source: int) -> Gate:
    """X on a qubit, controlled by another."""
    return Gate("x", (qubit,), (), (Control(source, 1),))


# ---------------------------------------------------------------- wires


def new_record(state: Branches) -> int:
    """One more wire, in |0>."""
    state.crowded = True
    if state.free:
        return state.free.pop()
    if state.num_wires - state.circuit.num_qubits == MAX_RECORDS:
        raise NoExactFormError(
            f"the circuit has more than {MAX_RECORDS} outcomes to remember, of qubits that are "
            "measured or reset and used again (a loop without a bound has no end of them): too "
            f"many for exact results. {REMEDY}"
        )
    state.num_wires += 1
    state.known[state.num_wires - 1] = 0
    return state.num_wires - 1


def make_room(state: Branches, wanted: int) -> None:
    """Free wires that nothing depends on, where there are not as many left as may be wanted.

    Between two operations only: what is being done may depend on more than is written down.
    """
    unused = MAX_RECORDS + state.circuit.num_qubits - state.num_wires
    if len(state.free) + unused < wanted and state.crowded:
        forget(state, _asked(state))


def _asked(state: Branches) -> set[int]:
    return set().union(*map(records_of, state.values.values()))


def forget(state: Branches, asked: set[int]) -> None:
    """Leave out what neither the qubits nor these records depend on, and free its wires."""
    looked_at = {*state.wires, *asked}
    found = reached(state.gates, state.prepared, looked_at, state.wires)
    state.gates = [state.gates[place] for place in found.gates]
    state.prepared = list(found.prepared)
    state.free = [wire for wire in range(state.num_wires) if wire not in found.qubits]
    state.known.update(dict.fromkeys(state.free, 0))
    state.touched.difference_update(state.free)
    state.crowded = False


def _sum_of_records(state: Branches, wire: int) -> list[int] | None:
    """Records that together hold what the wire does, or its opposite; None if there are none."""
    return sum_of(state.known[wire], {each: state.known[each] for each in state.records})


def _copy_of(state: Branches, wire: int) -> int | None:
    """A record that holds what the wire does, if there is one."""
    known = state.known[wire]
    return next((record for record in state.records if state.known[record] == known), None)


# ---------------------------------------------------------------- measurements and resets


def keep_outcome(state: Branches, wire: int) -> int:
    """Keep the outcome of a qubit that is about to change."""
    record = _copy_of(state, wire)
    if record is None:
        record = new_record(state)
        write(state, flip_by(record, wire), state.values["measured", wire])
    _rename(state, wire, record)
    return record


def _rename(state: Branches, wire: int, record: int) -> None:
    del state.values["measured", wire]
    state.effective.discard(wire)
    for key, value in state.values.items():
        state.values[key] = rename(value, wire, record)


def measure(state: Branches, qubit: int, clbit: int) -> None:
    """A measurement: the qubit is its own record until something changes it."""
    wire = state.wires[qubit]
    value: Decision = bool(state.known[wire])
    if state.known[wire] > 1:
        record = _copy_of(state, wire)
        value = outcome_of(wire if record is None else record)
        if record is None:
            before = state.values.get(("measured", wire), False)
            state.values["measured", wire] = either(before, state.running)
            if state.depth > 1:
                state.effective.add(wire)  # control flow is no end of a circuit
    assign(state, ("bit", clbit), value)


def reset(state: Branches, qubit: int) -> None:
    """What the qubit held stays on its wire, where it is not known."""
    wire = state.wires[qubit]
    if state.known[wire] == 0:
        return
    if state.running is not True:
        _reset_somewhere(state, wire)
        return
    measured = ("measured", wire) in state.values
    if measured and (record := _copy_of(state, wire)) is not None:
        _rename(state, wire, record)
        measured = False
    records = None if measured else _sum_of_records(state, wire)
    if records is None or not (state.thrifty or _asked(state).issuperset(records)):
        leave(state, qubit)
        return
    for record in records:
        write(state, flip_by(wire, record), True)
    if state.known[wire]:
        write(state, Gate("x", (wire,)), True)


def leave(state: Branches, qubit: int) -> None:
    """Go on with another wire, in |0>."""
    wire = state.wires[qubit]
    state.wires[qubit] = new_record(state)
    state.values.pop(("measured", wire), None)
    state.effective.discard(wire)


def _reset_somewhere(state: Branches, wire: int) -> None:
    """Move what the wire held to a record, in the branches where the block runs."""
    measured = state.values.get(("measured", wire), False)
    record = keep_outcome(state, wire) if measured is not False else None
    if record is None or holds_somewhere(without(state.running, measured)):
        record = new_record(state)
        write(state, flip_by(record, wire), state.running)
    write(state, flip_by(wire, record), state.running)


def prepare(state: Branches, op: Amplitudes) -> None:
    """Amplitudes are there from the start: those that come later wait on further wires."""
    wires = [state.wires[qubit] for qubit in op.qubits]
    if state.running is True:
        if not state.touched.isdisjoint(wires):
            for qubit in op.qubits:
                leave(state, qubit)
        wires = [state.wires[qubit] for qubit in op.qubits]
        _start(state, op, wires)
        return
    for wire in wires:
        if ("measured", wire) in state.values:
            keep_outcome(state, wire)
    waiting = [new_record(state) for _ in op.qubits]
    _start(state, op, waiting)
    for pair in zip(wires, waiting, strict=True):
        write(state, Gate("swap", pair), state.running)


def _start(state: Branches, op: Amplitudes, wires: list[int]) -> None:
    state.prepared.append(replace(op, qubits=tuple(wires)))
    state.touched.update(wires)
    for wire in wires:
        state.known[wire] = _variable(state)


def assign(state: Branches, key: Key, value: Decision) -> None:
    """A value for a bit or a variable, where the block runs."""
    state.values[key] = choose(state.running, value, state.values.get(key, value))
