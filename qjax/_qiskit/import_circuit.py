"""Floor 3. QuantumCircuit -> Circuit."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import (
    AnnotatedOperation,
    Barrier,
    BreakLoopOp,
    Clbit,
    ContinueLoopOp,
    ControlFlowOp,
    ControlledGate,
    Delay,
    Instruction,
    Operation,
    Parameter,
    Store,
)
from qiskit.circuit import Gate as QiskitGate
from qiskit.circuit import Measure as QiskitMeasure
from qiskit.circuit import Reset as QiskitReset
from qiskit.circuit import library as lib
from qiskit.circuit.classical import expr
from qiskit.circuit.exceptions import CircuitError
from qiskit.quantum_info import Clifford, Operator, SparsePauliOp
from qiskit.synthesis import LieTrotter

from qjax._base.errors import UnsupportedInstructionError
from qjax._circuit.circuit import Circuit, Control, Gate, Measure, Op, Register, freeze_matrix
from qjax._circuit.classical import ClassicalExpression, ClassicalType, Variable
from qjax._circuit.control_flow import Reset
from qjax._circuit.measurements import qubits_of
from qjax._expressions import constant
from qjax._qiskit.annotated import without_modifiers
from qjax._qiskit.classical import declarations_of, from_type, to_classical
from qjax._qiskit.control_flow import to_control_flow
from qjax._qiskit.evolution import MAX_EVOLUTION_QUBITS, evolution, hamiltonian_of, support_of
from qjax._qiskit.expressions import to_expression
from qjax._qiskit.nested_ifs import MOST_NESTED, Tools, can_be_flat, flattened
from qjax._qiskit.state_preparation import prepares_amplitudes, to_amplitudes
from qjax._qiskit.weighted_sum import weighted_sum

# Qiskit's classes that are rows of `GATES`. The rest of its library is reached through its
# controls, definitions and matrices.
GATE_NAMES: dict[type, str] = {
    lib.IGate: "id", lib.XGate: "x", lib.YGate: "y", lib.ZGate: "z", lib.HGate: "h",
    lib.SGate: "s", lib.SdgGate: "sdg", lib.TGate: "t", lib.TdgGate: "tdg",
    lib.SXGate: "sx", lib.SXdgGate: "sxdg", lib.SwapGate: "swap", lib.iSwapGate: "iswap",
    lib.DCXGate: "dcx", lib.ECRGate: "ecr", lib.GlobalPhaseGate: "global_phase",
    lib.PhaseGate: "p", lib.U1Gate: "p", lib.RZGate: "rz", lib.RZZGate: "rzz", lib.RXGate: "rx",
    lib.RYGate: "ry", lib.RGate: "r", lib.UGate: "u", lib.U3Gate: "u", lib.RVGate: "rv",
    lib.RXXGate: "rxx", lib.RYYGate: "ryy", lib.RZXGate: "rzx",
    lib.XXPlusYYGate: "xx_plus_yy", lib.XXMinusYYGate: "xx_minus_yy",
}  # fmt: skip

# What is no gate: it measures, or depends on what was measured.
IRREVERSIBLE = (QiskitMeasure, QiskitReset, ControlFlowOp, BreakLoopOp, ContinueLoopOp, Store)


def from_qiskit(circuit: QuantumCircuit) -> Circuit:
    """Convert a Qiskit circuit, exactly.

    Every gate that has a definition or a matrix is taken, with controls of any state; angles may
    be any real `ParameterExpression` (radians). Barriers and delays do nothing to a state and are
    dropped; the global phase is kept. Measurements, resets, control flow and classical expressions
    may stand anywhere: `expectation` and `sample` say how they are simulated; a `for` loop over a
    `Parameter` becomes the blocks that it runs. Amplitudes may be parameters (`AmplitudeEncoding`,
    `raw_feature_vector` of Qiskit Machine Learning, or an `Initialize` whose `params` were set to
    some), divided by their norm. `PauliEvolutionGate` is taken where
    at most 8 qubits share terms that do not commute.

    Args:
        circuit: the circuit, little-endian, its parameters in the order of `circuit.parameters`.

    Returns:
        an immutable `Circuit`; a later change of `circuit` does not reach it.

    Raises:
        UnsupportedInstructionError: names the first instruction that cannot be represented, and
            its place (a subroutine without definition, timing that decides, ...).
        TypeError: for anything but a `QuantumCircuit`.
    """
    if not isinstance(circuit, QuantumCircuit):
        raise TypeError(
            f"expected a qiskit QuantumCircuit or a qjax Circuit, got {type(circuit).__name__}"
        )
    if names := [variable.name for variable in circuit.iter_input_vars()]:
        raise UnsupportedInstructionError(
            f"the circuit's input variables {names} have no values; expected variables that it "
            "sets itself (`add_var`)"
        )
    walk = _Walk({symbol: k for k, symbol in enumerate(circuit.parameters)})
    _walk_body(walk, circuit, range(circuit.num_qubits), range(circuit.num_clbits), (), "")
    return Circuit(
        circuit.num_qubits,
        tuple(walk.ops),
        tuple(symbol.name for symbol in circuit.parameters),
        circuit.num_clbits,
        tuple(
            Register(register.name, tuple(circuit.find_bit(bit).index for bit in register))
            for register in circuit.cregs
        ),
        declarations_of(walk.variables),
    )


def as_circuit(circuit: Circuit | QuantumCircuit) -> Circuit:
    """A `Circuit` as it is, a `QuantumCircuit` converted as it stands now."""
    return circuit if isinstance(circuit, Circuit) else from_qiskit(circuit)


@dataclass
class _Walk:
    """What the conversion has met so far.

    `clbits` are those of the body that it is in; `depth`: of how many blocks of control flow that
    is inside.
    """

    parameters: dict[Parameter, int]
    ops: list[Op] = field(default_factory=list)
    variables: dict[expr.Var, Variable] = field(default_factory=dict)
    clbits: Mapping[Clbit, int] = field(default_factory=dict)
    depth: int = 0


def _walk_body(walk, body: QuantumCircuit, qubits, clbits, controls, path) -> None:
    """Convert a circuit or definition whose bits are these bits of the whole."""
    qubit_of = dict(zip(body.qubits, qubits, strict=True))
    clbit_of = dict(zip(body.clbits, clbits, strict=True))
    outer, walk.clbits = walk.clbits, clbit_of
    if body.global_phase != 0:
        phase = _angles(walk, (body.global_phase,), f"{path}global phase")
        walk.ops.append(Gate("global_phase", (), phase, controls))
    for place, instruction in enumerate(body.data):
        operation = instruction.operation
        inner = [qubit_of[bit] for bit in instruction.qubits]
        where = f"{path}instruction {place}, {operation.name!r} on qubits {inner}"
        _walk_operation(
            walk, operation, inner, [clbit_of[bit] for bit in instruction.clbits], controls, where
        )
    walk.clbits = outer


def _walk_operation(walk, operation: Operation, qubits, clbits, controls, where) -> None:
    """Convert one instruction: the first rule that fits."""
    operation = _with_symbolic_time(operation)
    if isinstance(operation, (Barrier, Delay)):
        return
    if isinstance(operation, IRREVERSIBLE):
        if controls:
            raise _unsupported(where, "it stands in a gate that is controlled by qubits")
        walk.ops += _irreversible(walk, operation, qubits, clbits, where)
    elif not isinstance(operation, (Instruction, AnnotatedOperation, Clifford)):
        raise _unsupported(where)
    elif isinstance(operation, AnnotatedOperation):
        _annotated(walk, operation, qubits, clbits, controls, where)
    elif isinstance(operation, lib.Initialize) or prepares_amplitudes(operation):
        _preparation(walk, operation, qubits, controls, where)
    elif isinstance(operation, lib.PauliEvolutionGate):
        _evolution(walk, operation, qubits, controls, where)
    elif isinstance(operation, lib.UnitaryGate):
        matrix = freeze_matrix(operation.to_matrix())
        walk.ops.append(Gate("unitary", tuple(qubits), (), controls, matrix))
    elif isinstance(operation, Clifford):
        _walk_body(walk, operation.to_circuit(), qubits, (), controls, f"{where}: ")
    else:
        _gate(walk, operation, qubits, clbits, controls, where)


def _gate(walk, operation: Instruction, qubits, clbits, controls, where) -> None:
    kind = operation.base_class
    if kind in GATE_NAMES:
        angles = _angles(walk, operation.params, where)
        walk.ops.append(Gate(GATE_NAMES[kind], tuple(qubits), angles, controls))
    elif kind is lib.U2Gate:
        angles = (constant(np.pi / 2), *_angles(walk, operation.params, where))
        walk.ops.append(Gate("u", tuple(qubits), angles, controls))
    elif kind is lib.CUGate:
        # Its fourth angle is a phase of the control, which the base gate lacks.
        *angles, phase = _angles(walk, operation.params, where)
        inner = (*controls, Control(qubits[0], operation.ctrl_state))
        walk.ops.append(Gate("global_phase", (), (phase,), inner))
        walk.ops.append(Gate("u", (qubits[1],), tuple(angles), inner))
    elif _is_plain_control(operation):
        _controlled(
            walk, operation.base_gate, operation.num_ctrl_qubits, operation.ctrl_state,
            qubits, clbits, controls, where,
        )  # fmt: skip
    elif (definition := _definition(operation, where)) is not None:
        _walk_body(walk, definition, qubits, clbits, controls, f"{where}: ")
    elif isinstance(operation, QiskitGate):
        matrix = freeze_matrix(_matrix(operation, where))
        walk.ops.append(Gate("unitary", tuple(qubits), (), controls, matrix))
    elif operation.name == "kraus":
        raise _unsupported(where, "it is a channel that is not unitary, and states are pure here")
    else:
        raise _unsupported(
            where,
            "it has no definition. Give it one; parameters that are amplitudes of a state are "
            "taken from qjax.AmplitudeEncoding",
        )


def _is_plain_control(operation: Instruction) -> bool:
    """Controls and a base gate, nothing else."""
    if not isinstance(operation, ControlledGate):
        return False
    base = operation.base_gate
    # Qiskit assigns parameters to the definition of a controlled composite, not to its base.
    is_simple = base.base_class in GATE_NAMES or isinstance(base, lib.UnitaryGate)
    # What Qiskit makes by controlling a CUGate names UGate as its base and drops the phase.
    may_lack_phase = operation.base_class is ControlledGate and base.base_class is lib.UGate
    # Some multi-controlled gates have ancillas too.
    has_ancillas = operation.num_qubits != operation.num_ctrl_qubits + base.num_qubits
    return is_simple and not may_lack_phase and not has_ancillas


def _controlled(walk, base, num_controls, state, qubits, clbits, controls, where) -> None:
    values = [state >> k & 1 for k in range(num_controls)]
    added = tuple(map(Control, qubits[:num_controls], values))
    _walk_operation(walk, base, qubits[num_controls:], clbits, controls + added, where)


def _annotated(walk, operation: AnnotatedOperation, qubits, clbits, controls, where) -> None:
    where = f"{where} of {operation.base_op.name!r}"
    try:
        base, num_controls, state = without_modifiers(operation)
    except ValueError as error:
        raise _unsupported(where, str(error)) from error
    _controlled(walk, base, num_controls, state, qubits, clbits, controls, where)


def _preparation(walk, operation: Instruction, qubits, controls, where) -> None:
    # An `Initialize` brings its qubits to |0>; a `StatePreparation` must find them there.
    is_free = walk.depth or any(qubits_of(op) & set(qubits) for op in walk.ops)
    if controls or (is_free and isinstance(operation, lib.StatePreparation)):
        raise _unsupported(
            where,
            "it starts from qubits that are |0>, and these are controlled or in use. Move it to "
            "the start, use qjax.AmplitudeEncoding, which resets them, or bind its parameters",
        )
    if not prepares_amplitudes(operation):
        _walk_body(walk, operation.definition, qubits, (), controls, f"{where}: ")
        return
    try:
        walk.ops.append(to_amplitudes(operation, qubits, walk.parameters))
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _evolution(walk, operation: lib.PauliEvolutionGate, qubits, controls, where) -> None:
    """exp(-i t H) exactly: terms that commute with all others as rotations, the others dense."""
    hamiltonian = hamiltonian_of(operation.operator)
    (time,) = _angles(walk, (operation.time,), where)
    controls = (*controls, *(Control(qubits[k], value) for k, value in hamiltonian.controls))
    if hamiltonian.rotations is not None:
        rotations = lib.PauliEvolutionGate(hamiltonian.rotations, operation.time)
        body = LieTrotter(reps=1).synthesize(rotations)
        _walk_body(walk, body, qubits, (), controls, f"{where}: ")
    for group in hamiltonian.groups:
        if len(touched := support_of(group)) > MAX_EVOLUTION_QUBITS:
            raise _unsupported(
                where,
                f"{len(group)} of its terms, on {len(touched)} qubits, do not commute, and there "
                f"is an exact form on at most {MAX_EVOLUTION_QUBITS} qubits. Append "
                "`operation.definition` for the product formula, which approximates it",
            )
        walk.ops += evolution(group, time, qubits, controls)


def _with_symbolic_time(operation: Operation) -> Operation:
    """A HamiltonianGate has no matrix while its time is a parameter: the same by Pauli strings."""
    if not (isinstance(operation, lib.HamiltonianGate) and operation.is_parameterized()):
        return operation
    matrix, time = operation.params
    return lib.PauliEvolutionGate(SparsePauliOp.from_operator(Operator(matrix)), time)


def _irreversible(walk, operation, qubits, clbits, where) -> tuple[Op, ...]:
    """Measurement, reset, and what depends on classical values."""
    if isinstance(operation, QiskitMeasure):
        return (Measure(qubits[0], clbits[0]),)
    if isinstance(operation, QiskitReset):
        return (Reset(qubits[0]),)

    def convert(block: QuantumCircuit) -> tuple[Op, ...]:
        inner = replace(walk, ops=[], depth=walk.depth + 1)
        _walk_body(inner, block, qubits, clbits, (), f"{where}: ")
        return tuple(inner.ops)

    def read(node: expr.Expr) -> ClassicalExpression:
        return to_classical(node, walk.clbits, walk.variables)

    try:
        if walk.depth >= MOST_NESTED and can_be_flat(operation):
            return flattened(operation, qubits, clbits, walk.clbits, _tools(walk, where))
        return to_control_flow(operation, convert, read)
    except UnsupportedInstructionError:
        raise
    except ValueError as error:
        raise _unsupported(where, str(error)) from error


def _tools(walk, where) -> Tools:
    """What makes operations of the contents of blocks that are nested deeply."""

    def part(clbits: Mapping[Clbit, int]) -> _Walk:
        return replace(walk, ops=[], depth=walk.depth + 1, clbits=clbits)

    def convert(operation, qubits, own, clbits) -> list[Op]:
        inner = part(clbits)
        name = f"{where}: ..., {operation.name!r} on qubits {qubits}"
        _walk_operation(inner, operation, qubits, own, (), name)
        return inner.ops

    def phase(body: QuantumCircuit) -> list[Op]:
        if body.global_phase == 0:
            return []
        angles = _angles(walk, (body.global_phase,), f"{where}: ..., global phase")
        return [Gate("global_phase", (), angles)]

    def variable(kind: ClassicalType) -> Variable:
        made = expr.Var.new(f"nested_{len(walk.variables)}", from_type(kind))
        return walk.variables.setdefault(made, Variable(len(walk.variables), kind))

    def read(node: expr.Expr, clbits: Mapping[Clbit, int]) -> ClassicalExpression:
        return to_classical(node, clbits, walk.variables)

    return Tools(convert, phase, read, variable)


def _angles(walk, params, where):
    try:
        return tuple(to_expression(value, walk.parameters) for value in params)
    except ValueError as error:
        raise _unsupported(where, str(error)) from error


def _definition(operation: Instruction, where) -> QuantumCircuit | None:
    try:
        if isinstance(operation, lib.WeightedSumGate):
            return weighted_sum(operation)
        return operation.definition
    except (CircuitError, TypeError, ValueError) as error:
        raise _unsupported(where, f"Qiskit has no definition for it ({error})") from error


def _matrix(operation: QiskitGate, where) -> np.ndarray:
    try:
        return operation.to_matrix()
    except (CircuitError, TypeError) as error:
        raise _unsupported(where, f"it has neither definition nor matrix ({error})") from error


def _unsupported(where: str, why: str | None = None) -> UnsupportedInstructionError:
    why = why or "expected gates, measurements, resets and control flow"
    return UnsupportedInstructionError(f"unsupported instruction: {where}: {why}")
