"""Floor 3. All outcomes of a dynamic circuit as branches of one state: qubits and their records.

What depends on outcomes is a decision over records; `qjax._dynamic.deferral` runs the circuit.
"""

from dataclasses import dataclass, field, replace

from qjax._base.errors import NoExactFormError
from qjax._circuit.channels import FixedChannel, Noise, Step
from qjax._circuit.circuit import Circuit
from qjax._circuit.dependence import reached
from qjax._circuit.gates import is_diagonal
from qjax._circuit.operations import Amplitudes, Control, Gate
from qjax._dynamic.decisions import (
    Decision,
    Node,
    records_of,
    settings,
)
from qjax._dynamic.known_qubits import Known, sum_of, without_known

# Each record doubles the state.
MAX_RECORDS = 24

REMEDY = (
    "Run it by trajectories: qjax.sample with method='trajectories', qjax.estimate or "
    "qjax.trajectories"
)

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
        mixed: whether channels may be written, so that a reset is one.
        num_wires: how many there are.
        wires: of the qubits.
        free: wires that nothing was done to, or nothing that still matters.
        spent: wires of records that no value asks any more; only where channels may be written,
            which reset them before they are used again.
        known: what the wires hold, see `qjax._dynamic.known_qubits`.
        num_variables: how many there are.
        crowded: whether wires were taken since any were freed.
        touched: the wires that any gate acted on.
        steps: what was written, on wires.
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
    mixed: bool
    num_wires: int
    wires: list[int]
    known: Known
    free: list[int] = field(default_factory=list)
    spent: list[int] = field(default_factory=list)
    num_variables: int = 0
    crowded: bool = False
    touched: set[int] = field(default_factory=set)
    steps: list[Step] = field(default_factory=list)
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
        """The wires that are no qubits, and that hold what values may ask."""
        others = {*self.wires, *self.free, *self.spent}
        return [wire for wire in range(self.num_wires) if wire not in others]


def all_zero(circuit: Circuit, thrifty: bool, mixed: bool) -> Branches:
    """One branch, before anything was done."""
    count = circuit.num_qubits
    known = dict.fromkeys(range(count), 0)
    state = Branches(circuit, thrifty, mixed, count, list(range(count)), known)
    state.values = {("bit", clbit): False for clbit in range(circuit.num_clbits)}
    return state


def holds_somewhere(decision: Decision) -> bool:
    """Whether a condition holds in any branch."""
    return isinstance(decision, Node) or bool(decision)


def write(state: Branches, step: Step, condition: Decision) -> None:
    """Append a gate or channel on wires, controlled by the records of the condition."""
    state.touched.update(step.support)
    for setting in settings(condition):
        controls = dict(setting)
        if all(controls.setdefault(qubit, value) == value for qubit, value in step.controls):
            added = tuple(Control(qubit, value) for qubit, value in controls.items())
            _append(state, replace(step, controls=added))


def _append(state: Branches, step: Step) -> None:
    """A step, or what it comes down to for what is known, and what is known after it."""
    reduced = without_known(step, state.known)
    if reduced is None:
        return
    state.steps.append(reduced)
    known, controls = state.known, reduced.controls
    if isinstance(reduced, Noise):
        if reduced.channel is FixedChannel.DEPHASING:
            return
        for wire in reduced.qubits:
            is_zero = reduced.channel is FixedChannel.RESET and not controls
            known[wire] = 0 if is_zero else new_variable(state)
    elif reduced.name in ("x", "y") and len(controls) <= 1:
        flips = known[controls[0].qubit] ^ (1 - controls[0].value) if controls else 1
        known[reduced.qubits[0]] ^= flips
    elif not is_diagonal(reduced.kind):
        for wire in reduced.qubits:
            known[wire] = new_variable(state)


def new_variable(state: Branches) -> int:
    """What a wire holds that nothing is known of: a variable of its own, as a mask."""
    state.num_variables += 1
    return 1 << state.num_variables


def flip_by(qubit: int, source: int) -> Gate:
    """X on a qubit, controlled by another."""
    return Gate("x", (qubit,), (), (Control(source, 1),))


# ---------------------------------------------------------------- wires


def new_record(state: Branches, from_start: bool = False) -> int:
    """One more wire, in |0>; where asked, one that was so from the start."""
    state.crowded = True
    if state.free:
        return state.free.pop()
    if state.spent and not from_start:
        wire = state.spent.pop()
        write(state, Noise(FixedChannel.RESET, (wire,)), True)
        return wire
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
        forget(state, asked(state))


def asked(state: Branches) -> set[int]:
    """The records that any value depends on."""
    return set().union(*map(records_of, state.values.values()))


def forget(state: Branches, records: set[int]) -> None:
    """Leave out what neither the qubits nor these records depend on, and free its wires."""
    looked_at = {*state.wires, *records}
    past = reached(state.steps, state.prepared, looked_at, state.wires, state.num_wires)
    state.steps = [state.steps[index] for index in past.steps]
    state.prepared = list(past.prepared)
    state.free = [wire for wire in range(state.num_wires) if wire not in past.qubits]
    state.spent = [wire for wire in state.spent if wire in past.qubits]
    state.known.update(dict.fromkeys(state.free, 0))
    state.touched.difference_update(state.free)
    state.crowded = False


def spend(state: Branches) -> None:
    """Give up the records that no value asks, to be used again.

    Between two operations only, as for `make_room`.
    """
    if unused := set(state.records) - asked(state):
        state.spent += sorted(unused)


def sum_of_records(state: Branches, wire: int) -> list[int] | None:
    """Records that together hold what the wire does, or its opposite; None if there are none."""
    return sum_of(state.known[wire], {record: state.known[record] for record in state.records})


def copy_of(state: Branches, wire: int) -> int | None:
    """A record that holds what the wire does, if there is one."""
    known = state.known[wire]
    return next((record for record in state.records if state.known[record] == known), None)
