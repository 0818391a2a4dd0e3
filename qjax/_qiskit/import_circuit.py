"""Floor 3. QuantumCircuit -> Circuit."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import (
    AnnotatedOperation,
    Barrier,
    BreakLoopOp,
    Clbit,
    ContinueLoopOp,
    ControlFlowOp,
    Delay,
    Instruction,
    Operation,
    Store,
)
from qiskit.circuit import Gate as QiskitGate
from qiskit.circuit import Measure as QiskitMeasure
from qiskit.circuit import Reset as QiskitReset
from qiskit.circuit import library as lib
from qiskit.circuit.classical import expr
from qiskit.quantum_info import Clifford
from qiskit.synthesis import LieTrotter

from qjax._base.collection import collection_put_off
from qjax._base.errors import UnsupportedInstructionError
from qjax._circuit.circuit import Circuit
from qjax._circuit.classical import ClassicalExpression, ClassicalType, Variable
from qjax._circuit.control_flow import Op, Reset
from qjax._circuit.measurements import qubits_of
from qjax._circuit.operations import Control, Gate, Measure, Register, freeze_matrix
from qjax._expressions import constant
from qjax._qiskit.annotated import without_modifiers
from qjax._qiskit.classical import declarations_of, from_type
from qjax._qiskit.control_flow import to_control_flow
from qjax._qiskit.definitions import (
    definition_of,
    is_plain_control,
    matrix_of,
    with_symbolic_time,
)
from qjax._qiskit.evolution import MAX_EVOLUTION_QUBITS, evolution, hamiltonian_of, support_of
from qjax._qiskit.gate_names import GATE_NAMES, LABELS
from qjax._qiskit.nested_ifs import MOST_NESTED, Tools, can_be_flat, flattened
from qjax._qiskit.plain_gates import PlainGates
from qjax._qiskit.site import Places, Site, Walk, unsupported
from qjax._qiskit.state_preparation import prepares_amplitudes, to_amplitudes

# What is no gate: it measures, or depends on what was measured.
IRREVERSIBLE = (QiskitMeasure, QiskitReset, ControlFlowOp, BreakLoopOp, ContinueLoopOp, Store)


def from_qiskit(circuit: QuantumCircuit | Circuit) -> Circuit:
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
        circuit: the circuit, little-endian, its parameters in the order of `circuit.parameters`;
            one of ours is returned as it is.

    Returns:
        an immutable `Circuit`; a later change of `circuit` does not reach it.

    Raises:
        UnsupportedInstructionError: names the first instruction that cannot be represented, and
            its place (a subroutine without definition, timing that decides, ...).
        TypeError: for anything else.
    """
    if isinstance(circuit, Circuit):
        return circuit
    if not isinstance(circuit, QuantumCircuit):
        raise TypeError(
            f"expected a qiskit QuantumCircuit or a qjax Circuit, got {type(circuit).__name__}"
        )
    if names := [variable.name for variable in circuit.iter_input_vars()]:
        raise UnsupportedInstructionError(
            f"the circuit's input variables {names} have no values; expected variables that it "
            "sets itself (`add_var`)"
        )
    symbols = list(circuit.parameters)  # sorted whenever it is asked for
    index = {symbol: k for k, symbol in enumerate(symbols)}
    walk = Walk(index, PlainGates(index))
    registers = tuple(
        Register(register.name, tuple(circuit.find_bit(bit).index for bit in register))
        for register in circuit.cregs
    )
    parameters = tuple([symbol.name for symbol in symbols])
    num_qubits, num_clbits = circuit.num_qubits, circuit.num_clbits
    with collection_put_off(len(circuit.data)):
        _body(circuit, Site(walk, range(num_qubits), range(num_clbits)))
        ops, variables = tuple(walk.ops), declarations_of(walk.variables)
        return Circuit(num_qubits, ops, parameters, num_clbits, registers, variables)


def as_circuit(circuit: Circuit | QuantumCircuit) -> Circuit:
    """A `Circuit` as it is, a `QuantumCircuit` converted as it stands now."""
    return circuit if isinstance(circuit, Circuit) else from_qiskit(circuit)


def _body(body: QuantumCircuit, site: Site) -> None:
    """Import a circuit or definition whose bits are those of the site."""
    walk, places = site.walk, Places(zip(body.qubits, site.qubits, strict=True))
    clbit_of = dict(zip(body.clbits, site.clbits, strict=True))
    outer, walk.clbits = walk.clbits, clbit_of
    if body.global_phase != 0:
        phase = replace(site, where=f"{site.path}global phase").angles((body.global_phase,))
        walk.ops.append(Gate("global_phase", (), phase, site.controls))
    for number, instruction in enumerate(body.data):
        qubits = places.of(instruction.qubits)
        gate = walk.plain_gates.of(instruction, qubits, site.controls)
        if gate is not None:
            walk.ops.append(gate)
            continue
        operation = instruction.operation
        clbits = [clbit_of[bit] for bit in instruction.clbits]
        where = f"{site.path}instruction {number}, {operation.name!r} on qubits {list(qubits)}"
        _operation(operation, Site(walk, qubits, clbits, site.controls, where))
    walk.clbits = outer


def _operation(operation: Operation, site: Site) -> None:
    """Import one operation: the first rule that fits."""
    operation = with_symbolic_time(operation)
    if isinstance(operation, (Barrier, Delay)):
        return
    if isinstance(operation, IRREVERSIBLE):
        if site.controls:
            raise unsupported(site.where, "it stands in a gate that is controlled by qubits")
        site.walk.ops += _irreversible(operation, site)
    elif not isinstance(operation, (Instruction, AnnotatedOperation, Clifford)):
        raise unsupported(site.where)
    elif isinstance(operation, AnnotatedOperation):
        _annotated(operation, site)
    elif isinstance(operation, lib.Initialize) or prepares_amplitudes(operation):
        _preparation(operation, site)
    elif isinstance(operation, lib.PauliEvolutionGate):
        _evolution(operation, site)
    elif isinstance(operation, lib.UnitaryGate):
        _unitary(operation.to_matrix(), site)
    elif isinstance(operation, Clifford):
        _body(operation.to_circuit(), replace(site, clbits=()))
    else:
        _gate(operation, site)


def _unitary(matrix: np.ndarray, site: Site) -> None:
    gate = Gate("unitary", tuple(site.qubits), (), site.controls, freeze_matrix(matrix))
    site.walk.ops.append(gate)


def _gate(operation: Instruction, site: Site) -> None:
    kind, qubits, controls = operation.base_class, tuple(site.qubits), site.controls
    if kind in GATE_NAMES:
        angles = site.angles(operation.params)
        gate = Gate(GATE_NAMES[kind], qubits, angles, controls, label=LABELS.get(kind))
        site.walk.ops.append(gate)
    elif kind is lib.U2Gate:
        angles = (constant(np.pi / 2), *site.angles(operation.params))
        site.walk.ops.append(Gate("u", qubits, angles, controls, label=LABELS[kind]))
    elif kind is lib.CUGate:
        # Its fourth angle is a phase of the control, which the base gate lacks.
        theta, phi, lam, phase = site.angles(operation.params)
        inner = (*controls, Control(qubits[0], operation.ctrl_state))
        site.walk.ops.append(Gate("global_phase", (), (phase,), inner))
        site.walk.ops.append(Gate("u", (qubits[1],), (theta, phi, lam), inner))
    elif is_plain_control(operation):
        state = operation.ctrl_state
        _controlled(operation.base_gate, operation.num_ctrl_qubits, state, site)
    elif (definition := definition_of(operation, site.where)) is not None:
        _body(definition, site)
    elif isinstance(operation, QiskitGate):
        _unitary(matrix_of(operation, site.where), site)
    elif operation.name == "kraus":
        raise unsupported(
            site.where, "it is a channel that is not unitary, and states are pure here"
        )
    else:
        raise unsupported(
            site.where,
            "it has no definition. Give it one; parameters that are amplitudes of a state are "
            "taken from qjax.AmplitudeEncoding",
        )


def _controlled(base: Operation, num_controls: int, state: int, site: Site) -> None:
    values = [state >> k & 1 for k in range(num_controls)]
    added = tuple(map(Control, site.qubits[:num_controls], values))
    rest = site.qubits[num_controls:]
    _operation(base, replace(site, qubits=rest, controls=site.controls + added))


def _annotated(operation: AnnotatedOperation, site: Site) -> None:
    site = replace(site, where=f"{site.where} of {operation.base_op.name!r}")
    try:
        base, num_controls, state = without_modifiers(operation)
    except ValueError as error:
        raise unsupported(site.where, str(error)) from error
    _controlled(base, num_controls, state, site)


def _preparation(operation: Instruction, site: Site) -> None:
    walk, qubits = site.walk, site.qubits
    # An `Initialize` brings its qubits to |0>; a `StatePreparation` must find them there.
    is_free = walk.depth or any(qubits_of(op) & set(qubits) for op in walk.ops)
    if site.controls or (is_free and isinstance(operation, lib.StatePreparation)):
        raise unsupported(
            site.where,
            "it starts from qubits that are |0>, and these are controlled or in use. Move it to "
            "the start, use qjax.AmplitudeEncoding, which resets them, or bind its parameters",
        )
    if not prepares_amplitudes(operation):
        _body(operation.definition, replace(site, clbits=()))
        return
    try:
        walk.ops.append(to_amplitudes(operation, qubits, walk.parameters))
    except ValueError as error:
        raise ValueError(f"{site.where}: {error}") from error


def _evolution(operation: lib.PauliEvolutionGate, site: Site) -> None:
    """exp(-i t H) exactly: terms that commute with all others as rotations, the others dense."""
    hamiltonian = hamiltonian_of(operation.operator)
    (time,) = site.angles((operation.time,))
    added = (Control(site.qubits[k], value) for k, value in hamiltonian.controls)
    controls = (*site.controls, *added)
    if hamiltonian.rotations is not None:
        rotations = lib.PauliEvolutionGate(hamiltonian.rotations, operation.time)
        product = LieTrotter(reps=1).synthesize(rotations)
        _body(product, replace(site, clbits=(), controls=controls))
    for group in hamiltonian.groups:
        if len(touched := support_of(group)) > MAX_EVOLUTION_QUBITS:
            raise unsupported(
                site.where,
                f"{len(group)} of its terms, on {len(touched)} qubits, do not commute, and there "
                f"is an exact form on at most {MAX_EVOLUTION_QUBITS} qubits. Append "
                "`operation.definition` for the product formula, which approximates it",
            )
        site.walk.ops += evolution(group, time, site.qubits, controls)


def _irreversible(operation: Operation, site: Site) -> Sequence[Op]:
    """Measurement, reset, and what depends on classical values."""
    if isinstance(operation, QiskitMeasure):
        return (Measure(site.qubits[0], site.clbits[0]),)
    if isinstance(operation, QiskitReset):
        return (Reset(site.qubits[0]),)

    def convert(block: QuantumCircuit) -> tuple[Op, ...]:
        inner = site.part(site.walk.clbits)
        _body(block, inner)
        return tuple(inner.walk.ops)

    walk = site.walk
    try:
        if walk.depth >= MOST_NESTED and can_be_flat(operation):
            return flattened(operation, site.qubits, site.clbits, walk.clbits, _tools(site))
        return to_control_flow(operation, convert, site.read)
    except UnsupportedInstructionError:
        raise
    except ValueError as error:
        raise unsupported(site.where, str(error)) from error


def _tools(site: Site) -> Tools:
    """What makes operations of the contents of blocks that are nested deeply."""
    variables = site.walk.variables

    def convert(
        operation: Operation, qubits: list[int], own: list[int], clbits: Mapping[Clbit, int]
    ) -> list[Op]:
        where = f"{site.where}: ..., {operation.name!r} on qubits {qubits}"
        inner = replace(site.part(clbits), qubits=qubits, clbits=own, where=where)
        _operation(operation, inner)
        return inner.walk.ops

    def phase(body: QuantumCircuit) -> list[Op]:
        if body.global_phase == 0:
            return []
        named = replace(site, where=f"{site.where}: ..., global phase")
        return [Gate("global_phase", (), named.angles((body.global_phase,)))]

    def variable(kind: ClassicalType) -> Variable:
        fresh = expr.Var.new(f"nested_{len(variables)}", from_type(kind))
        return variables.setdefault(fresh, Variable(len(variables), kind))

    def read(node: expr.Expr, clbits: Mapping[Clbit, int]) -> ClassicalExpression:
        return site.part(clbits).read(node)

    return Tools(convert, phase, read, variable)
