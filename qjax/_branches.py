"""Floor 0. All outcomes of a dynamic circuit as branches of one state: qubits and their records.

What depends on outcomes is a decision over records; see `qjax._deferred`, which runs the circuit.
"""

from dataclasses import dataclass, field, replace

from qjax._circuit import Amplitudes, Circuit, Control, Gate
from qjax._decisions import (
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
from qjax._errors import NoExactFormError
from qjax._gates import is_diagonal

# Each record doubles the state.
MAX_RECORDS = 24

REMEDY = "Run it by trajectories: qjax.sample, qjax.estimate or qjax.trajectories"

Key = tuple[str, int]


@dataclass
class Branches:
    """The branches so far.

    Attributes:
        circuit: the dynamic circuit.
        num_qubits: with the records.
        zero: the qubits that are |0>.
        touched: the qubits that any gate acted on.
        gates: what was written.
        prepared: the amplitudes that come before.
        values: what depends on records: ("bit", clbit), ("variable", number), ("measured", qubit):
            where the qubit was measured and not changed since, ("running", depth): where a block
            runs, ("case", number): where one will.
        effective: the qubits whose measurement is not final.
        depth: of the innermost block.
        loops: the depths of the loops around it.
        cases: how many there were.
    """

    circuit: Circuit
    num_qubits: int
    zero: set[int]
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


def holds_somewhere(decision: Decision) -> bool:
    """Whether a condition holds in any branch."""
    return isinstance(decision, Node) or bool(decision)


def apply_gate(state: Branches, gate: Gate) -> None:
    """A gate, where the block runs; a measured qubit that it changes is recorded before."""
    if gate.name == "id":
        return
    changes = not is_diagonal(gate.kind)
    for qubit in gate.qubits:
        asked = qubit in records_of(state.running)
        if ("measured", qubit) in state.values and (changes or asked):
            keep_outcome(state, qubit)
    state.effective.update(q for q in gate.support if ("measured", q) in state.values)
    if changes:
        state.zero.difference_update(gate.qubits)
    state.touched.update(gate.support)
    write(state, gate, state.running)


def write(state: Branches, gate: Gate, condition: Decision) -> None:
    """Append a gate, controlled by the records of the condition."""
    for setting in settings(condition):
        controls = dict(setting)
        if all(controls.setdefault(qubit, value) == value for qubit, value in gate.controls):
            made = tuple(Control(qubit, value) for qubit, value in controls.items())
            state.gates.append(Gate(gate.name, gate.qubits, gate.angles, made, gate.matrix))


def flip_by(qubit: int, source: int) -> Gate:
    """X on a qubit, controlled by another."""
    return Gate("x", (qubit,), (), (Control(source, 1),))


def new_record(state: Branches) -> int:
    """One more qubit, in |0>."""
    if state.num_qubits - state.circuit.num_qubits == MAX_RECORDS:
        raise NoExactFormError(
            f"the circuit has more than {MAX_RECORDS} outcomes to remember, of qubits that are "
            "measured or reset and used again (a loop without a bound has no end of them): too "
            f"many for exact results. {REMEDY}"
        )
    state.num_qubits += 1
    return state.num_qubits - 1


def keep_outcome(state: Branches, qubit: int) -> int:
    """Keep the outcome of a qubit that is about to change."""
    record = new_record(state)
    write(state, flip_by(record, qubit), state.values.pop(("measured", qubit)))
    state.effective.discard(qubit)
    for key, value in state.values.items():
        state.values[key] = rename(value, qubit, record)
    return record


def measure(state: Branches, qubit: int, clbit: int) -> None:
    """A measurement: the qubit is its own record until something changes it."""
    value: Decision = False
    if qubit not in state.zero:
        value = outcome_of(qubit)
        before = state.values.get(("measured", qubit), False)
        state.values["measured", qubit] = either(before, state.running)
        if state.depth > 1:
            state.effective.add(qubit)  # control flow is no end of a circuit
    assign(state, ("bit", clbit), value)


def reset(state: Branches, qubit: int) -> None:
    """Move what the qubit held to a record, where nothing has it yet."""
    if qubit in state.zero:
        return
    measured = state.values.get(("measured", qubit), False)
    record = keep_outcome(state, qubit) if measured is not False else None
    if record is None or holds_somewhere(without(state.running, measured)):
        record = new_record(state)
        write(state, flip_by(record, qubit), state.running)
    write(state, flip_by(qubit, record), state.running)
    if state.running is True:
        state.zero.add(qubit)


def prepare(state: Branches, op: Amplitudes) -> None:
    """Amplitudes are there from the start: those that come later wait in further qubits."""
    if state.running is True and state.touched.isdisjoint(op.qubits):
        state.prepared.append(op)
    else:
        for qubit in op.qubits:
            if ("measured", qubit) in state.values:
                keep_outcome(state, qubit)
        waiting = tuple(new_record(state) for _ in op.qubits)
        state.prepared.append(replace(op, qubits=waiting))
        for pair in zip(op.qubits, waiting, strict=True):
            write(state, Gate("swap", pair), state.running)
    state.zero.difference_update(op.qubits)
    state.touched.update(op.qubits)


def assign(state: Branches, key: Key, value: Decision) -> None:
    """A value for a bit or a variable, where the block runs."""
    state.values[key] = choose(state.running, value, state.values.get(key, value))
