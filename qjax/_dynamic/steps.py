"""Floor 3. What an operation on qubits or bits does to the branches; control flow is not here."""

from dataclasses import replace

from qjax._circuit.channels import BitNoise, FixedChannel, Noise
from qjax._circuit.dependence import moved_gate, moved_noise
from qjax._circuit.gates import is_diagonal
from qjax._circuit.operations import Amplitudes, Gate
from qjax._dynamic.branches import (
    Branches,
    Key,
    asked,
    copy_of,
    flip_by,
    holds_somewhere,
    new_record,
    new_variable,
    sum_of_records,
    write,
)
from qjax._dynamic.decisions import (
    Decision,
    choose,
    either,
    outcome_of,
    records_of,
    rename,
    without,
)


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
        decides = wire in records_of(state.running)
        if ("measured", wire) in state.values and (changes or decides):
            let_change(state, wire)
    state.effective.update(wire for wire in gate.support if ("measured", wire) in state.values)
    write(state, gate, state.running)


def apply_noise(state: Branches, noise: Noise) -> None:
    """A channel, where the block runs: whatever it is, it changes the qubits."""
    noise = moved_noise(noise, dict(enumerate(state.wires)))
    for wire in noise.qubits:
        if ("measured", wire) in state.values:
            let_change(state, wire)
    state.effective.update(wire for wire in noise.support if ("measured", wire) in state.values)
    write(state, noise, state.running)


def misread(state: Branches, noise: BitNoise) -> None:
    """A channel on classical bits, where the block runs: it changes records of their own."""
    records = tuple(_own_record(state, clbit) for clbit in noise.clbits)
    write(state, Noise(noise.channel, records), state.running)


def _own_record(state: Branches, clbit: int) -> int:
    """A record that holds a bit, and that nothing else depends on."""
    key = ("bit", clbit)
    value = state.values.pop(key)
    read = records_of(value)
    # Whatever comes of it: something looks at the outcome.
    state.effective.update(read)
    others = asked(state)
    own = read & set(state.records) - others
    if len(own) == 1 and value is outcome_of(*own):
        state.values[key] = value
        return own.pop()
    record = new_record(state)
    write(state, Gate("x", (record,)), value)
    state.values[key] = outcome_of(record)
    if len(read) == 1 and not read & others:
        # The copy dephases the qubit, and nothing else asks it.
        for wire in read:
            state.values.pop(("measured", wire), None)
            state.effective.discard(wire)
    return record


def _exchange(state: Branches, left: int, right: int) -> None:
    wires = state.wires
    wires[left], wires[right] = wires[right], wires[left]
    # Something comes after their measurement.
    state.effective.update(
        wire for wire in (wires[left], wires[right]) if ("measured", wire) in state.values
    )


def let_change(state: Branches, wire: int) -> None:
    """Make way for a change of a measured qubit: what depends on the outcome asks a record.

    Where nothing does, a channel can do what the measurement did.
    """
    if state.mixed and wire not in asked(state):
        dephase(state, wire)
        del state.values["measured", wire]
        state.effective.discard(wire)
    else:
        keep_outcome(state, wire)


def dephase(state: Branches, wire: int) -> None:
    """What the measurement of a qubit did to it, in the branches where it was."""
    write(state, Noise(FixedChannel.DEPHASING, (wire,)), state.values["measured", wire])


def keep_outcome(state: Branches, wire: int) -> int:
    """Keep the outcome of a qubit that is about to change."""
    record = copy_of(state, wire)
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
        record = copy_of(state, wire)
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
    if state.mixed:
        _reset_by_channel(state, qubit)
        return
    if state.running is not True:
        _reset_somewhere(state, wire)
        return
    measured = ("measured", wire) in state.values
    if measured and (record := copy_of(state, wire)) is not None:
        _rename(state, wire, record)
        measured = False
    records = None if measured else sum_of_records(state, wire)
    if records is None or not (state.thrifty or asked(state).issuperset(records)):
        leave(state, qubit)
        return
    for record in records:
        write(state, flip_by(wire, record), True)
    if state.known[wire]:
        write(state, Gate("x", (wire,)), True)


def _reset_by_channel(state: Branches, qubit: int) -> None:
    wire = state.wires[qubit]
    if ("measured", wire) in state.values:
        if state.running is not True:
            let_change(state, wire)
        elif wire not in asked(state):
            del state.values["measured", wire]
            state.effective.discard(wire)
        elif (record := copy_of(state, wire)) is not None:
            _rename(state, wire, record)
        else:
            # The wire is the record, and the qubit goes on without a copy.
            leave(state, qubit)
            return
    write(state, Noise(FixedChannel.RESET, (wire,)), state.running)


def leave(state: Branches, qubit: int, from_start: bool = False) -> None:
    """Go on with another wire, in |0>; where asked, one that was so from the start."""
    wire = state.wires[qubit]
    state.wires[qubit] = new_record(state, from_start)
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
                leave(state, qubit, from_start=True)
        wires = [state.wires[qubit] for qubit in op.qubits]
        _start(state, op, wires)
        return
    for wire in wires:
        if ("measured", wire) in state.values:
            let_change(state, wire)
    waiting = [new_record(state, from_start=True) for _ in op.qubits]
    _start(state, op, waiting)
    for pair in zip(wires, waiting, strict=True):
        write(state, Gate("swap", pair), state.running)


def _start(state: Branches, op: Amplitudes, wires: list[int]) -> None:
    state.prepared.append(replace(op, qubits=tuple(wires)))
    state.touched.update(wires)
    for wire in wires:
        state.known[wire] = new_variable(state)


def assign(state: Branches, key: Key, value: Decision) -> None:
    """A value for a bit or a variable, where the block runs."""
    state.values[key] = choose(state.running, value, state.values.get(key, value))
