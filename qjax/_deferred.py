"""Floor 0. Dynamic circuit -> a circuit of gates and final measurements, exactly.

Measurements are deferred (Nielsen and Chuang, sec. 4.4): an outcome that something depends on, or
whose qubit is used again, is kept by a further qubit, its record, and what happens only for some
outcomes is controlled by records. All outcomes are followed at once, as branches of one state,
differentiably. A qubit is its own record for as long as nothing changes it; a record that copies it
costs the plan nothing, as CX only permutes basis states, but twice the memory.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache

from qjax._circuit import Amplitudes, Circuit, Control, Gate, Measure, Op, unset_variable
from qjax._classical import (
    OPERATIONS,
    PYTHON,
    Bits,
    ClassicalExpression,
    Variable,
    evaluate_classical,
)
from qjax._control_flow import (
    Block,
    Break,
    Continue,
    For,
    Reset,
    Store,
    Switch,
    While,
)
from qjax._decisions import (
    Decision,
    Node,
    apply,
    as_parity,
    both,
    choose,
    either,
    num_settings,
    outcome_of,
    records_of,
    rename,
    settings,
    without,
)
from qjax._errors import NoExactFormError
from qjax._gates import is_diagonal
from qjax._measurements import writes_bits
from qjax._memory import CACHED_PROGRAMS

# Each record doubles the state. Loops that go on after so many turns may never end.
MAX_RECORDS = 24
MAX_TURNS = 1000

# Beyond so many qubits and records, samples are drawn by trajectories unless asked for otherwise.
MAX_FOLLOWED = 20

# A condition is a gate for each of its settings; a parity of many records gets one of its own.
FEW_SETTINGS = 4
MAX_SETTINGS = 256

REMEDY = "Run it by trajectories: qjax.sample, qjax.estimate or qjax.trajectories"

Key = tuple[str, int]


@dataclass
class _State:
    """What has happened so far.

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


@lru_cache(CACHED_PROGRAMS)
def deferred(circuit: Circuit, observed: frozenset[int] = frozenset()) -> Circuit:
    """The circuit without control flow, resets and measurements midway.

    Args:
        circuit: any circuit; one that is not dynamic is its own result.
        observed: the qubits that are observed at the end in another basis than the computational
            one, for which it matters whether they were measured. As everywhere, a measurement that
            nothing comes after is left out.

    Returns:
        a circuit with the same parameters whose first qubits are those of `circuit`; the records
        follow. Its measurements are of all classical bits; those of all qubits in order, where
        the circuit measures none.

    Raises:
        NoExactFormError: where there are too many outcomes to follow, or a loop has no end.
        ValueError: for a variable that is read before it is written.
    """
    if not circuit.is_dynamic:
        return circuit
    state = _State(circuit, circuit.num_qubits, set(range(circuit.num_qubits)))
    state.values = {("bit", clbit): False for clbit in range(circuit.num_clbits)}
    _inside(state, True, circuit.ops)
    for qubit in sorted(observed & state.effective):
        if ("measured", qubit) in state.values:
            _record(state, qubit)
    final, num_clbits = _final(state)
    ops: tuple[Op, ...] = (*state.prepared, *state.gates, *final)
    return Circuit(state.num_qubits, ops, circuit.parameters, num_clbits)


def _final(state: _State) -> tuple[list[Measure], int]:
    """The measurements of the classical bits, and how many bits there are."""
    circuit = state.circuit
    if not writes_bits(circuit.ops):
        if state.num_qubits == circuit.num_qubits:
            return [], circuit.num_clbits
        measured = [Measure(qubit, qubit) for qubit in range(circuit.num_qubits)]
        return measured, circuit.num_qubits
    clbits = range(circuit.num_clbits)
    written = [clbit for clbit in clbits if state.values["bit", clbit] is not False]
    # A bit that is always 0 needs no measurement, but for one that says that there are some.
    return [Measure(_wire(state, clbit), clbit) for clbit in written or clbits[:1]], len(clbits)


def num_records(circuit: Circuit) -> int:
    """How many records of outcomes its exact form has."""
    return deferred(circuit).num_qubits - circuit.num_qubits


def _inside(state: _State, condition: Decision, block: Block) -> None:
    """Run a block where the condition holds."""
    state.depth += 1
    state.values["running", state.depth] = condition
    for op in block:
        if _holds_somewhere(state.running):
            _run(state, op)
    del state.values["running", state.depth]
    state.depth -= 1


def _run(state: _State, op: Op) -> None:
    match op:
        case Gate():
            _gate(state, op)
        case Measure(qubit, clbit):
            _measure(state, qubit, clbit)
        case Reset(qubit):
            _reset(state, qubit)
        case Amplitudes():
            _prepare(state, op)
        case Store():
            _store(state, op)
        case Switch():
            _switch(state, op)
        case For() | While():
            _loop(state, op)
        case Break():
            _leave(state, state.loops[-1])
        case Continue():
            _leave(state, state.loops[-1] + 1)


def _holds_somewhere(decision: Decision) -> bool:
    return isinstance(decision, Node) or bool(decision)


# ---------------------------------------------------------------- qubits


def _gate(state: _State, gate: Gate) -> None:
    if gate.name == "id":
        return
    changes = not is_diagonal(gate.kind)
    for qubit in gate.qubits:
        asked = qubit in records_of(state.running)
        if ("measured", qubit) in state.values and (changes or asked):
            _record(state, qubit)
    state.effective.update(q for q in gate.support if ("measured", q) in state.values)
    if changes:
        state.zero.difference_update(gate.qubits)
    state.touched.update(gate.support)
    _write(state, gate, state.running)


def _write(state: _State, gate: Gate, condition: Decision) -> None:
    """Append a gate, controlled by the records of the condition."""
    for setting in settings(condition):
        controls = dict(setting)
        if all(controls.setdefault(qubit, value) == value for qubit, value in gate.controls):
            made = tuple(Control(qubit, value) for qubit, value in controls.items())
            state.gates.append(Gate(gate.name, gate.qubits, gate.angles, made, gate.matrix))


def _flip(qubit: int, source: int) -> Gate:
    return Gate("x", (qubit,), (), (Control(source, 1),))


def _new_record(state: _State) -> int:
    if state.num_qubits - state.circuit.num_qubits == MAX_RECORDS:
        raise NoExactFormError(
            f"the circuit has more than {MAX_RECORDS} outcomes to remember, of qubits that are "
            "measured or reset and used again (a loop without a bound has no end of them): too "
            f"many for exact results. {REMEDY}"
        )
    state.num_qubits += 1
    return state.num_qubits - 1


def _record(state: _State, qubit: int) -> int:
    """Keep the outcome of a qubit that is about to change."""
    record = _new_record(state)
    _write(state, _flip(record, qubit), state.values.pop(("measured", qubit)))
    state.effective.discard(qubit)
    for key, value in state.values.items():
        state.values[key] = rename(value, qubit, record)
    return record


def _measure(state: _State, qubit: int, clbit: int) -> None:
    value: Decision = False
    if qubit not in state.zero:
        value = outcome_of(qubit)
        before = state.values.get(("measured", qubit), False)
        state.values["measured", qubit] = either(before, state.running)
        if state.depth > 1:
            state.effective.add(qubit)  # control flow is no end of a circuit
    _assign(state, ("bit", clbit), value)


def _reset(state: _State, qubit: int) -> None:
    if qubit in state.zero:
        return
    measured = state.values.get(("measured", qubit), False)
    record = _record(state, qubit) if measured is not False else None
    if record is None or _holds_somewhere(without(state.running, measured)):
        record = _new_record(state)
        _write(state, _flip(record, qubit), state.running)
    _write(state, _flip(qubit, record), state.running)
    if state.running is True:
        state.zero.add(qubit)


def _prepare(state: _State, op: Amplitudes) -> None:
    """Amplitudes are there from the start: those that come later wait in further qubits."""
    if state.running is True and state.touched.isdisjoint(op.qubits):
        state.prepared.append(op)
    else:
        for qubit in op.qubits:
            if ("measured", qubit) in state.values:
                _record(state, qubit)
        waiting = tuple(_new_record(state) for _ in op.qubits)
        state.prepared.append(replace(op, qubits=waiting))
        for pair in zip(op.qubits, waiting, strict=True):
            _write(state, Gate("swap", pair), state.running)
    state.zero.difference_update(op.qubits)
    state.touched.update(op.qubits)


# ---------------------------------------------------------------- classical values


def _value(state: _State, expression: ClassicalExpression) -> Decision:
    """What an expression is worth now. The measurements that it reads are not final."""

    def read(source: Bits | Variable) -> Decision:
        if isinstance(source, Bits):
            bits = [state.values["bit", clbit] for clbit in source.clbits]
            return bits[0] if source.type.kind == "bool" else apply(_integer, *bits)
        key = ("variable", source.number)
        if key not in state.values:
            raise unset_variable(state.circuit, source.number)
        return state.values[key]

    def compute(name: str, kind, *operands: Decision) -> Decision:
        function = OPERATIONS[name]
        return apply(lambda *values: function(PYTHON, kind, *values), *operands)

    value = evaluate_classical(expression, read, compute, PYTHON)
    state.effective.update(records_of(value))
    return value


def _recorded(state: _State, condition: Decision) -> Decision:
    """The condition, or a record of it where it has many settings."""
    if num_settings(condition) <= FEW_SETTINGS:
        return condition
    parity = as_parity(condition)
    if parity is None:
        if (count := num_settings(condition)) > MAX_SETTINGS:
            raise NoExactFormError(
                f"a condition of the circuit holds for {count} settings of outcomes; exact results "
                f"follow at most {MAX_SETTINGS}. {REMEDY}"
            )
        return condition
    record = _new_record(state)
    for source in parity.records:
        _write(state, _flip(record, source), True)
    if parity.flipped:
        _write(state, Gate("x", (record,)), True)
    return outcome_of(record)


def _integer(*bits: bool) -> int:
    return sum(int(bit) << place for place, bit in enumerate(bits))


def _assign(state: _State, key: Key, value: Decision) -> None:
    state.values[key] = choose(state.running, value, state.values.get(key, value))


def _store(state: _State, op: Store) -> None:
    value = _value(state, op.value)
    if isinstance(op.target, Variable):
        _assign(state, ("variable", op.target.number), value)
        return
    for place, clbit in enumerate(op.target.clbits):
        bit = apply(lambda v, place=place: bool(int(v) >> place & 1), value)
        _assign(state, ("bit", clbit), bit)


def _wire(state: _State, clbit: int) -> int:
    """A qubit that holds a classical bit at the end."""
    value = state.values["bit", clbit]
    if isinstance(value, Node) and value is outcome_of(value.record):
        return value.record
    if value is False and state.zero:
        return min(state.zero)
    wire = _new_record(state)
    _write(state, Gate("x", (wire,)), value)
    return wire


# ---------------------------------------------------------------- control flow


def _switch(state: _State, op: Switch) -> None:
    value, left, keys = _value(state, op.target), state.running, []
    for values, _ in op.cases:
        hit: Decision = True
        if values is not None:
            hit = _recorded(state, apply(lambda v, among=values: v in among, value))
        state.cases += 1
        keys.append(("case", state.cases))
        state.values[keys[-1]] = both(left, hit)
        left = without(left, hit)
    for key, (_, block) in zip(keys, op.cases, strict=True):
        _inside(state, state.values.pop(key), block)


def _loop(state: _State, op: For | While) -> None:
    """The loop runs one depth below its body: `break` ends the first, `continue` the second."""
    state.depth += 1
    state.values["running", state.depth] = state.values["running", state.depth - 1]
    state.loops.append(state.depth)
    for block in op.iterations if isinstance(op, For) else _turns(state, op):
        _inside(state, state.running, block)
    state.loops.pop()
    del state.values["running", state.depth]
    state.depth -= 1


def _turns(state: _State, op: While) -> Iterable[Block]:
    """The block, for as long as its condition may hold."""
    for _ in range(MAX_TURNS):
        going_on = both(state.running, _recorded(state, _value(state, op.condition)))
        state.values["running", state.depth] = going_on
        if not _holds_somewhere(going_on):
            return
        yield op.block
    raise NoExactFormError(
        f"a while loop of the circuit may go on after {MAX_TURNS} turns, so that it has no exact "
        f"result. {REMEDY}"
    )


def _leave(state: _State, depth: int) -> None:
    """End every block from this depth on, where the innermost one runs."""
    leaving = state.running
    for each in range(depth, state.depth + 1):
        state.values["running", each] = without(state.values["running", each], leaving)
