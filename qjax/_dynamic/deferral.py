"""Floor 3. Dynamic circuit -> a circuit of gates and final measurements, exactly.

Measurements are deferred (Nielsen and Chuang, sec. 4.4): an outcome that something depends on, or
whose qubit is used again, is kept by a further qubit, its record, and what happens only for some
outcomes is controlled by records. All outcomes are followed at once, as branches of one state,
differentiably. A qubit is its own record for as long as nothing changes it; a record that copies it
costs the plan nothing, as CX only permutes basis states, but twice the memory. So there is none for
what is known or has a record already, and none is left that nothing depends on.

Of a density matrix a record takes four times the memory. But there resets are channels, and so is
what a measurement does to its qubit where nothing depends on the outcome: records are for what is
asked only, and used again once nobody asks. Channels that act for some outcomes are controlled by
records, as gates are; they change the records of bits that are misread, which are copies.
"""

from collections.abc import Iterable

from qjax._base import tuning
from qjax._base.errors import NoExactFormError
from qjax._base.store import kept
from qjax._circuit.channels import BitNoise, Noise
from qjax._circuit.circuit import Circuit
from qjax._circuit.control_flow import Block, Break, Continue, For, Op, Reset, Store, Switch, While
from qjax._circuit.dependence import moved_amplitudes, moved_step
from qjax._circuit.measurements import bits_read_later, writes_bits
from qjax._circuit.operations import Amplitudes, Gate, Measure
from qjax._dynamic.branches import (
    REMEDY,
    Branches,
    all_zero,
    forget,
    holds_somewhere,
    make_room,
    new_record,
    spend,
    write,
)
from qjax._dynamic.classical_values import recorded, store, value_of
from qjax._dynamic.decisions import Decision, Node, apply, both, outcome_of, without
from qjax._dynamic.steps import (
    apply_gate,
    apply_noise,
    dephase,
    keep_outcome,
    measure,
    misread,
    prepare,
    reset,
)

# Loops that go on after so many turns may never end.
MAX_TURNS = 1000


@kept()
def deferred(
    circuit: Circuit,
    observed: frozenset[int] = frozenset(),
    mixed: bool = False,
    bits: bool = True,
) -> Circuit:
    """The circuit without control flow, resets and measurements midway.

    Args:
        circuit: any circuit; one that is not dynamic is its own result.
        observed: the qubits that are observed at the end in another basis than the computational
            one, for which it matters whether they were measured. As everywhere, a measurement that
            nothing comes after is left out; one whose bit is misread is not.
        mixed: whether what simulates it has density matrices, or draws what channels do: then
            `FixedChannel`s take the place of records where they can. A circuit with noise is always
            taken so.
        bits: whether the classical bits are looked at at the end. Where they are not, a circuit
            that is mixed has no final measurements, and no records for them.

    Returns:
        a circuit with the same parameters whose first qubits are those of `circuit`; the records
        follow. Its measurements are of all classical bits; those of all qubits in order, where
        the circuit measures none. In this order it holds `Amplitudes` of qubits that are |0>
        otherwise, `Gate`s and, of a circuit that is mixed, `Noise` (of its own channels or fixed
        ones, with records as controls where it acts for some outcomes only), and final `Measure`s.

    Raises:
        NoExactFormError: where there are too many outcomes to follow, or a loop has no end.
        ValueError: for a variable that is read before it is written.
    """
    if not circuit.is_dynamic:
        return circuit
    forms, errors = [], []
    mixed = mixed or circuit.is_noisy
    for thrifty in (False,) if mixed else (False, True):
        try:
            forms.append(_deferred(circuit, observed, all_zero(circuit, thrifty, mixed), bits))
        except NoExactFormError as error:
            errors.append(error)
            continue
        if forms[-1].num_qubits == circuit.num_qubits:
            break
    if not forms:
        raise errors[0]
    return min(forms, key=lambda form: form.num_qubits)


def _deferred(
    circuit: Circuit, observed: frozenset[int], state: Branches, has_bits: bool
) -> Circuit:
    has_bits = has_bits or not state.mixed
    all_bits = frozenset(range(circuit.num_clbits))
    later = bits_read_later(circuit.ops, all_bits if has_bits else frozenset())
    for op, read in zip(circuit.ops, later, strict=True):
        _inside(state, True, (op,))
        if state.mixed:
            state.values.update(dict.fromkeys([("bit", clbit) for clbit in all_bits - read], False))
    for wire in sorted({state.wires[qubit] for qubit in observed} & state.effective):
        if ("measured", wire) in state.values:
            (dephase if state.mixed else keep_outcome)(state, wire)
    bits = _wires_of_bits(state) if has_bits else []
    forget(state, {wire for wire, _ in bits})
    return _in_order(state, bits)


def _in_order(state: Branches, bits: list[tuple[int, int]]) -> Circuit:
    """The qubits in their order, then the records that are left, and the final measurements."""
    circuit, others = state.circuit, {*state.wires, *state.free}
    order = state.wires + [wire for wire in range(state.num_wires) if wire not in others]
    positions = {wire: position for position, wire in enumerate(order)}
    num_clbits = circuit.num_clbits
    final = [Measure(positions[wire], clbit) for wire, clbit in bits]
    if not bits and len(order) > circuit.num_qubits and not writes_bits(circuit.ops):
        num_clbits = circuit.num_qubits
        final = [Measure(qubit, qubit) for qubit in range(num_clbits)]
    ops: tuple[Op, ...] = (
        *(moved_amplitudes(amplitudes, positions) for amplitudes in state.prepared),
        *(moved_step(step, positions) for step in state.steps),
        *final,
    )
    return Circuit(len(order), ops, circuit.parameters, num_clbits)


def _wires_of_bits(state: Branches) -> list[tuple[int, int]]:
    """(wire, classical bit) for what is measured at the end."""
    if not writes_bits(state.circuit.ops):
        return []
    clbits = range(state.circuit.num_clbits)
    written = [clbit for clbit in clbits if state.values["bit", clbit] is not False]
    # A bit that is always 0 needs no measurement, but for one that says that there are some.
    return [(_wire(state, clbit), clbit) for clbit in written or clbits[:1]]


def num_records(circuit: Circuit) -> int:
    """How many records of outcomes its exact form has."""
    return deferred(circuit).num_qubits - circuit.num_qubits


def _inside(state: Branches, condition: Decision, block: Block) -> None:
    """Run a block where the condition holds."""
    state.depth += 1
    state.values["running", state.depth] = condition
    for op in block:
        if holds_somewhere(state.running):
            _run(state, op)
    del state.values["running", state.depth]
    state.depth -= 1


def _run(state: Branches, op: Op) -> None:
    needed = len(op.support) if isinstance(op, Amplitudes) else 0
    if state.mixed:
        spend(state)
    make_room(state, tuning.SPARE_WIRES + needed)
    match op:
        case Gate():
            apply_gate(state, op)
        case Noise():
            apply_noise(state, op)
        case BitNoise():
            misread(state, op)
        case Measure(qubit, clbit):
            measure(state, qubit, clbit)
        case Reset(qubit):
            reset(state, qubit)
        case Amplitudes():
            prepare(state, op)
        case Store():
            store(state, op)
        case _:
            _flow(state, op)


def _flow(state: Branches, op: Op) -> None:
    match op:
        case Switch():
            _switch(state, op)
        case For() | While():
            _loop(state, op)
        case Break():
            _leave(state, state.loops[-1])
        case Continue():
            _leave(state, state.loops[-1] + 1)


def _wire(state: Branches, clbit: int) -> int:
    """A qubit that holds a classical bit at the end."""
    value = state.values["bit", clbit]
    if isinstance(value, Node):
        if value is outcome_of(value.record):
            return value.record
    elif (wire := _holding(state, int(value))) is not None:
        return wire
    wire = new_record(state)
    write(state, Gate("x", (wire,)), value)
    return wire


def _holding(state: Branches, value: int) -> int | None:
    """A wire that is known to hold a value."""
    taken = (*state.wires, *state.records)
    return next((wire for wire in taken if state.known[wire] == value), None)


# ---------------------------------------------------------------- control flow


def _switch(state: Branches, op: Switch) -> None:
    value, left, keys = value_of(state, op.target), state.running, []
    for values, _ in op.cases:
        hit: Decision = True
        if values is not None:
            hit = recorded(state, apply(lambda v, among=values: v in among, value))
        state.cases += 1
        keys.append(("case", state.cases))
        state.values[keys[-1]] = both(left, hit)
        left = without(left, hit)
    for key, (_, block) in zip(keys, op.cases, strict=True):
        _inside(state, state.values.pop(key), block)


def _loop(state: Branches, op: For | While) -> None:
    """The loop runs one depth below its body: `break` ends the first, `continue` the second."""
    state.depth += 1
    state.values["running", state.depth] = state.values["running", state.depth - 1]
    state.loops.append(state.depth)
    for block in op.iterations if isinstance(op, For) else _turns(state, op):
        _inside(state, state.running, block)
    state.loops.pop()
    del state.values["running", state.depth]
    state.depth -= 1


def _turns(state: Branches, op: While) -> Iterable[Block]:
    """The block, for as long as its condition may hold."""
    for _ in range(MAX_TURNS):
        going_on = both(state.running, recorded(state, value_of(state, op.condition)))
        state.values["running", state.depth] = going_on
        if not holds_somewhere(going_on):
            return
        yield op.block
    raise NoExactFormError(
        f"a while loop of the circuit may go on after {MAX_TURNS} turns, so that it has no exact "
        f"result. {REMEDY}"
    )


def _leave(state: Branches, depth: int) -> None:
    """End every block from this depth on, where the innermost one runs."""
    leaving = state.running
    for level in range(depth, state.depth + 1):
        state.values["running", level] = without(state.values["running", level], leaving)
