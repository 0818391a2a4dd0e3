"""Floor 3. Classical expressions, in all branches at once -> decisions over records."""

from qjax._base import tuning
from qjax._base.errors import NoExactFormError
from qjax._circuit.circuit import unset_variable
from qjax._circuit.classical import (
    OPERATIONS,
    PYTHON,
    Bits,
    ClassicalExpression,
    ClassicalType,
    Variable,
    evaluate_classical,
)
from qjax._circuit.control_flow import Store
from qjax._circuit.operations import Gate
from qjax._dynamic.branches import REMEDY, Branches, flip_by, new_record, write
from qjax._dynamic.decisions import (
    Decision,
    apply,
    as_parity,
    num_settings,
    outcome_of,
    records_of,
)
from qjax._dynamic.steps import assign

# A condition of more settings than this is left to trajectories.
MAX_SETTINGS = 256


def value_of(state: Branches, expression: ClassicalExpression) -> Decision:
    """What an expression is worth now. The measurements that it reads are not final."""

    def read(source: Bits | Variable) -> Decision:
        if isinstance(source, Bits):
            bits = [state.values["bit", clbit] for clbit in source.clbits]
            # Whatever comes of it: something looks at the outcome.
            state.effective.update(*map(records_of, bits))
            return bits[0] if source.type.kind == "bool" else apply(_integer, *bits)
        key = ("variable", source.number)
        if key not in state.values:
            raise unset_variable(state.circuit, source.number)
        return state.values[key]

    def compute(name: str, kind: ClassicalType, *operands: Decision) -> Decision:
        function = OPERATIONS[name]
        return apply(lambda *values: function(PYTHON, kind, *values), *operands)

    return evaluate_classical(expression, read, compute, PYTHON)


def recorded(state: Branches, condition: Decision) -> Decision:
    """The condition, or a record of it where it has many settings."""
    if num_settings(condition) <= tuning.FEW_SETTINGS:
        return condition
    parity = as_parity(condition)
    if parity is None:
        if (count := num_settings(condition)) > MAX_SETTINGS:
            raise NoExactFormError(
                f"a condition of the circuit holds for {count} settings of outcomes; exact results "
                f"follow at most {MAX_SETTINGS}. {REMEDY}"
            )
        return condition
    record = new_record(state)
    for source in parity.records:
        write(state, flip_by(record, source), True)
    if parity.flipped:
        write(state, Gate("x", (record,)), True)
    return outcome_of(record)


def _integer(*bits: bool) -> int:
    return sum(int(bit) << position for position, bit in enumerate(bits))


def store(state: Branches, op: Store) -> None:
    """Write a value to a variable, or to classical bits, where the block runs."""
    value = value_of(state, op.value)
    if isinstance(op.target, Variable):
        assign(state, ("variable", op.target.number), value)
        return
    for position, clbit in enumerate(op.target.clbits):
        bit = apply(lambda v, position=position: bool(int(v) >> position & 1), value)
        assign(state, ("bit", clbit), bit)
