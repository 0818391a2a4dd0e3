"""Floor 3. Circuit -> QuantumCircuit."""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import (
    CASE_DEFAULT,
    BreakLoopOp,
    Clbit,
    ContinueLoopOp,
    ForLoopOp,
    IfElseOp,
    Instruction,
    Parameter,
    ParameterExpression,
    ParameterVector,
    SwitchCaseOp,
    WhileLoopOp,
)
from qiskit.circuit.classical import expr, types
from qiskit.circuit.exceptions import CircuitError
from qiskit.circuit.library import PhaseGate, UnitaryGate

from qjax._base.arrays import enumerated
from qjax._base.errors import UnsupportedInstructionError
from qjax._circuit.circuit import Circuit
from qjax._circuit.classical import BOOL, Bits, ClassicalExpression, expressions_in
from qjax._circuit.control_flow import (
    Block,
    Break,
    For,
    Op,
    Reset,
    Store,
    Switch,
    While,
    blocks_of,
    expressions_of,
    reached_cases,
)
from qjax._circuit.operations import Amplitudes, Gate, Measure, Register
from qjax._qiskit.classical import from_classical, from_type, unused_name
from qjax._qiskit.expressions import from_expression
from qjax._qiskit.gate_names import GATE_NAMES, LABELS
from qjax._qiskit.import_circuit import as_circuit
from qjax._qiskit.state_preparation import from_amplitudes

# Where two of Qiskit's classes share a name here, the one listed first is written.
_CLASSES = {name: kind for kind, name in reversed(GATE_NAMES.items())}
_LABELLED = {label: kind for kind, label in LABELS.items()}
# As Qiskit writes an index: another name, such as x[00], would come back as x[0]. A vector has all
# elements up to its last, so that a name like x[999999999] is a parameter's of its own.
_ELEMENT = re.compile(r"(?P<vector>.+)\[(?P<index>0|[1-9][0-9]{0,5})\]", re.DOTALL)


def to_qiskit(circuit: Circuit) -> QuantumCircuit:
    """Convert a circuit to Qiskit, with parameters of the same names.

    Parameters are new objects. Qiskit has an order of its own: by name, elements of a vector by
    their numbers. What `from_qiskit` made has that order, and is bound by name or by position;
    where the order is another, or a parameter is used by no operation, which Qiskit leaves out, a
    warning tells it: bind by name, or rename the parameters in their order,
    `dataclasses.replace(circuit, parameters=("x[0]", "x[1]", ...))`. A name like `x[3]` becomes an
    element of a `ParameterVector`, up to `x[999999]`.

    The operations are equal in meaning; composite gates of the circuit that was imported stay
    unrolled, and cases of a switch that are never reached are left out. Bits that are read together
    and are no register of the circuit's become one more. Amplitudes that are parameters become an
    instruction of ours, which Qiskit can run once they are bound.

    Raises:
        UnsupportedInstructionError: for a gate that Qiskit has no class for, or none with controls,
            such as an RV gate whose angles are parameters.
        TypeError: for what is no circuit.

    Warns:
        UserWarning: where Qiskit's circuit has other parameters, or another order of them.
    """
    circuit = as_circuit(circuit)
    result = as_qiskit(circuit)
    names = tuple(parameter.name for parameter in result.parameters)
    if names != circuit.parameters:
        warnings.warn(
            f"to_qiskit: the parameters {enumerated(circuit.parameters)} are, in Qiskit's circuit, "
            f"{enumerated(names)}: Qiskit sorts them by name, and leaves out unused ones. Bind "
            "them by name, not by position; or rename them first, as in dataclasses.replace("
            "circuit, parameters=('x[0]', 'x[1]', ...)), and leave out unused ones",
            UserWarning,
            stacklevel=2,
        )
    return result


def as_qiskit(circuit: Circuit) -> QuantumCircuit:
    """As `to_qiskit`, for who goes by the names of parameters: nothing is said of their order."""
    clbits = [Clbit() for _ in range(circuit.num_clbits)]
    named = [
        (bits, ClassicalRegister(name=name, bits=[clbits[bit] for bit in bits]))
        for name, bits in _registers(circuit)
    ]
    qubits = QuantumRegister(circuit.num_qubits, "q")
    result = QuantumCircuit(qubits, clbits, *(register for _, register in named))
    variables = tuple(expr.Var.new(name, from_type(kind)) for name, kind in circuit.variables)
    for variable in variables:
        result.add_uninitialized_var(variable)
    names = _Names(_parameters(circuit.parameters), tuple(clbits), dict(named), variables)
    _append_block(result, circuit.ops, names)
    return result


def _registers(circuit: Circuit) -> tuple[Register, ...]:
    """The circuit's, and one for all other bits that an expression reads together."""
    registers = {register.name: register for register in circuit.registers}
    known = {register.clbits for register in circuit.registers}
    for bits in dict.fromkeys(_bits_of(circuit.ops)):
        if bits not in known:
            name = unused_name("bits", registers)
            registers[name] = Register(name, bits)
    return tuple(registers.values())


def _bits_of(block: Block) -> Iterator[tuple[int, ...]]:
    """The bits that expressions of a block read as numbers."""
    for op in block:
        for expression in expressions_of(op):
            for part in expressions_in(expression):
                if isinstance(part, Bits) and part.type != BOOL:
                    yield part.clbits
        for inner in blocks_of(op):
            yield from _bits_of(inner)


@dataclass(frozen=True)
class _Names:
    """What stands for parameters, bits, registers and variables in the new circuit."""

    parameters: tuple[Parameter, ...]
    clbits: tuple[Clbit, ...]
    registers: dict[tuple[int, ...], ClassicalRegister]
    variables: tuple[expr.Var, ...]

    def read(self, expression: ClassicalExpression) -> expr.Expr:
        return from_classical(expression, self.clbits, self.registers, self.variables)


def _append_block(result: QuantumCircuit, block: Block, names: _Names) -> None:
    for op in block:
        _append_op(result, op, names)


def _append_op(result: QuantumCircuit, op: Op, names: _Names) -> None:
    match op:
        case Gate():
            _append(result, op, names.parameters)
        case Measure(qubit, clbit):
            result.measure(qubit, clbit)
        case Amplitudes(qubits):
            result.append(from_amplitudes(op, names.parameters), qubits)
        case Reset(qubit):
            result.reset(qubit)
        case Store(target, value):
            result.store(names.read(target), names.read(value))
        case Switch(_, cases) if not reached_cases(cases):
            pass
        case For(iterations):
            _append_for(result, iterations, names)
        case _:
            result.append(_flow(result, op, names), result.qubits, result.clbits)


def _flow(result: QuantumCircuit, op: Op, names: _Names) -> Instruction:
    match op:
        case Switch(target, cases):
            reached = reached_cases(cases)
            blocks = [(values, _block(result, block, names)) for values, block in reached]
            if target.type == BOOL and [values for values, _ in reached] in ([(1,)], [(1,), None]):
                return IfElseOp(names.read(target), *(block for _, block in blocks))
            targets = ((CASE_DEFAULT if v is None else v, block) for v, block in blocks)
            return SwitchCaseOp(names.read(target), targets)
        case While(condition, block):
            return WhileLoopOp(names.read(condition), _block(result, block, names))
        case Break():
            return BreakLoopOp(result.num_qubits, result.num_clbits)
    return ContinueLoopOp(result.num_qubits, result.num_clbits)


def _block(outer: QuantumCircuit, block: Block, names: _Names) -> QuantumCircuit:
    """A body on all bits of the circuit around it."""
    inner = QuantumCircuit(
        outer.qubits, outer.clbits, *outer.qregs, *outer.cregs, captures=outer.iter_vars()
    )
    _append_block(inner, block, names)
    return inner


def _append_for(result: QuantumCircuit, iterations: tuple[Block, ...], names: _Names) -> None:
    """A loop over equal blocks; over different ones, a switch on a variable that counts."""
    kinds = list(dict.fromkeys(iterations))
    if len(kinds) > 1:
        # Counted before the switch, as `continue` may leave it.
        turn = result.add_var(_unused_name(result), expr.lift(0, types.Uint(32)))
        body = _block(result, (), names)
        body.store(turn, expr.add(turn, 1))
        cases = [
            (tuple(k for k, block in enumerate(iterations, start=1) if block == kind), kind)
            for kind in kinds
        ]
        blocks = [(turns, _block(body, kind, names)) for turns, kind in cases]
        body.append(SwitchCaseOp(turn, blocks), body.qubits, body.clbits)
    else:
        body = _block(result, kinds[0] if kinds else (), names)
    loop = ForLoopOp(range(len(iterations)), None, body)
    result.append(loop, result.qubits, result.clbits)


def _unused_name(circuit: QuantumCircuit) -> str:
    used = {variable.name for variable in circuit.iter_vars()}
    return next(name for k in range(len(used) + 1) if (name := f"turn_{k}") not in used)


def _parameters(names: tuple[str, ...]) -> tuple[Parameter, ...]:
    # Qiskit orders elements of a vector by index and all else by name: x[2] before x[10].
    matches = [_ELEMENT.fullmatch(name) for name in names]
    sizes: dict[str, int] = {}
    for match in filter(None, matches):
        vector, index = match["vector"], int(match["index"])
        sizes[vector] = max(sizes.get(vector, 0), index + 1)
    vectors = {vector: ParameterVector(vector, size) for vector, size in sizes.items()}
    return tuple(
        vectors[match["vector"]][int(match["index"])] if match else Parameter(name)
        for name, match in zip(names, matches, strict=True)
    )


def _append(result: QuantumCircuit, gate: Gate, parameters: tuple[Parameter, ...]) -> None:
    angles = [from_expression(angle, parameters) for angle in gate.angles]
    if gate.name == "global_phase" and gate.controls:
        _controlled_phase(result, gate, angles[0])
        return
    if gate.label is not None and not (gate.label == "u2" and gate.controls):
        # U2 is U with a first angle of pi / 2, and has no class with controls.
        operation = _LABELLED[gate.label](*angles[gate.label == "u2" :])
    elif gate.matrix is None:
        operation = _class_of(gate.name)(*angles)
    else:
        operation = UnitaryGate(gate.matrix.array, check_input=False)
    if gate.controls:
        operation = _controlled(operation, gate)
    result.append(operation, [*(control.qubit for control in gate.controls), *gate.qubits])


def _controlled(operation: Instruction, gate: Gate) -> Instruction:
    try:
        return operation.control(
            len(gate.controls),
            ctrl_state=sum(control.value << k for k, control in enumerate(gate.controls)),
            # Qiskit would synthesize a matrix with its controls: slow, rounded, and it may fail.
            annotated=gate.matrix is not None,
        )
    except CircuitError as error:
        raise UnsupportedInstructionError(
            f"gate {gate.name!r} with controls has no instruction in Qiskit: {error.message}. Give "
            "its angles numbers, or run the circuit without a primitive"
        ) from error


def _class_of(name: str) -> type[Instruction]:
    if name not in _CLASSES:
        raise UnsupportedInstructionError(
            f"gate {name!r} has no class in Qiskit that to_qiskit could write; use matrix_gate, or "
            "add its class to qjax/_qiskit/gate_names.py"
        )
    return _CLASSES[name]


def _controlled_phase(
    result: QuantumCircuit, gate: Gate, angle: float | ParameterExpression
) -> None:
    """A phase on one setting of the controls: a phase gate on the last, controlled by the rest."""
    *rest, target = gate.controls
    operation = PhaseGate(angle)
    if rest:
        state = sum(control.value << k for k, control in enumerate(rest))
        operation = operation.control(len(rest), ctrl_state=state)
    flips = [] if target.value else [target.qubit]
    for qubit in flips:
        result.x(qubit)
    result.append(operation, [*(control.qubit for control in rest), target.qubit])
    for qubit in flips:
        result.x(qubit)
