"""Floor 2. What a circuit is: one immutable tuple of operations, hashable and equal by value."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from qjax._circuit.classical import Bits, ClassicalType, Variable, expressions_in
from qjax._circuit.control_flow import (
    Break,
    Continue,
    ControlFlow,
    For,
    Reset,
    While,
    blocks_of,
    expressions_of,
)
from qjax._circuit.gates import GATES, ConstantGate, GateKind
from qjax._expressions import Expression, constant


class Control(NamedTuple):
    """A control qubit and the value, 0 or 1, on which the gate acts."""

    qubit: int
    value: int


class Matrix(NamedTuple):
    """A constant square complex128 matrix, hashable: its bytes in row-major order."""

    dimension: int
    data: bytes

    @property
    def array(self) -> np.ndarray:
        return np.frombuffer(self.data, np.complex128).reshape(self.dimension, self.dimension)


def freeze_matrix(array: np.ndarray) -> Matrix:
    """The hashable form of a square matrix."""
    array = np.ascontiguousarray(array, np.complex128)
    return Matrix(array.shape[0], array.tobytes())


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate in its place.

    Attributes:
        name: a key of `qjax._circuit.gates.GATES`, or `"unitary"` for the constant `matrix`.
        qubits: the targets, least significant first.
        angles: what the gate's angles are, in radians.
        controls: the qubits that must hold the given values for the gate to act.
        matrix: for `"unitary"` only.
    """

    name: str
    qubits: tuple[int, ...]
    angles: tuple[Expression, ...] = ()
    controls: tuple[Control, ...] = ()
    matrix: Matrix | None = None

    @property
    def kind(self) -> GateKind:
        return GATES[self.name] if self.matrix is None else ConstantGate(self.matrix.array)

    @property
    def support(self) -> tuple[int, ...]:
        """Every qubit that the gate touches, controls last."""
        return self.qubits + tuple(control.qubit for control in self.controls)


@dataclass(frozen=True, slots=True)
class Measure:
    """A measurement in the computational basis."""

    qubit: int
    clbit: int

    @property
    def support(self) -> tuple[int, ...]:
        """Every qubit that it touches."""
        return (self.qubit,)


@dataclass(frozen=True, slots=True)
class Amplitudes:
    """The state of some qubits: these numbers, divided by their norm.

    What the qubits were is lost, as by a reset.

    There is no such state where all of them are 0: known zeros are refused, others give NaN.

    Attributes:
        qubits: least significant first.
        real: the `2**k` real parts.
        imag: the imaginary parts; none where all amplitudes are real.
    """

    qubits: tuple[int, ...]
    real: tuple[Expression, ...]
    imag: tuple[Expression, ...] = ()

    @property
    def support(self) -> tuple[int, ...]:
        """Every qubit that it touches."""
        return self.qubits


Op = Gate | Measure | Amplitudes | ControlFlow


class Register(NamedTuple):
    """A name for some classical bits."""

    name: str
    clbits: tuple[int, ...]


class Declaration(NamedTuple):
    """A classical variable."""

    name: str
    type: ClassicalType


@dataclass(frozen=True, eq=False)
class Circuit:
    """An immutable quantum circuit.

    Attributes:
        num_qubits: n; qubit 0 is the least significant bit of a basis index (as in Qiskit).
        ops: gates, measurements, amplitudes and control flow, in order.
        parameters: the names of the parameters; the order of every parameter vector.
        num_clbits: the number of classical bits.
        registers: names for classical bits.
        variables: classical variables of the control flow.

    Raises:
        ValueError: where an operation does not fit the circuit.
    """

    num_qubits: int
    ops: tuple[Op, ...]
    parameters: tuple[str, ...] = ()
    num_clbits: int = 0
    registers: tuple[Register, ...] = ()
    variables: tuple[Declaration, ...] = ()

    def __post_init__(self) -> None:
        for place, op in enumerate(self.ops):
            if complaint := _complaint(self, op):
                raise ValueError(f"operation {place} of the circuit, {op}: {complaint}")

    @property
    def num_params(self) -> int:
        """The length of a parameter vector."""
        return len(self.parameters)

    @cached_property
    def is_dynamic(self) -> bool:
        """Whether anything happens to a qubit after it was measured, or depends on an outcome."""
        touched: set[int] = set()
        measured: set[int] = set()
        for op in self.ops:
            if isinstance(op, Measure):
                measured.add(op.qubit)
            elif isinstance(op, Gate):
                if not measured.isdisjoint(op.support):
                    return True
            elif not isinstance(op, Amplitudes) or not touched.isdisjoint(op.qubits):
                return True
            touched.update(op.support)
        return False

    @cached_property
    def _hash(self) -> int:
        return hash(self._key)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Circuit):
            return NotImplemented
        if self._key is other._key:
            return True
        if self._hash != other._hash or self._key != other._key:
            return False
        # What is kept is looked up in every call: equal circuits are compared once.
        other.__dict__["_key"] = self._key
        return True

    @cached_property
    def _key(self) -> tuple:
        return (
            self.num_qubits,
            self.ops,
            self.parameters,
            self.num_clbits,
            self.registers,
            self.variables,
        )

    def __reduce__(self) -> tuple:
        # String hashes differ between processes: the cached hash must not travel.
        return (Circuit, self._key)

    def __repr__(self) -> str:
        return (
            f"Circuit(num_qubits={self.num_qubits}, num_clbits={self.num_clbits}, "
            f"num_params={self.num_params}, ops={len(self.ops)})"
        )


def gates(circuit: Circuit) -> tuple[Gate, ...]:
    """The unitary part of a circuit that is not dynamic."""
    if circuit.is_dynamic:
        raise ValueError("a dynamic circuit is more than its gates: see `qjax._dynamic.deferral`")
    return tuple(op for op in circuit.ops if isinstance(op, Gate))


def preparations(circuit: Circuit) -> tuple[Amplitudes, ...]:
    """The amplitudes that a circuit starts from, of qubits that are |0> otherwise."""
    return tuple(op for op in circuit.ops if isinstance(op, Amplitudes))


def unset_variable(circuit: Circuit, number: int) -> ValueError:
    """What to raise where a classical variable is read too early."""
    name = circuit.variables[number].name
    return ValueError(f"the variable {name!r} is read before it has a value; store one")


def _complaint(circuit: Circuit, op: Op, in_loop: bool = False) -> str | None:
    """What is wrong with an operation, if anything is."""
    if isinstance(op, Amplitudes):
        return _amplitudes_complaint(circuit, op)
    if isinstance(op, Measure):
        fits = 0 <= op.qubit < circuit.num_qubits and 0 <= op.clbit < circuit.num_clbits
        return None if fits else "its qubit or classical bit lies outside the circuit"
    if not isinstance(op, Gate):
        return _flow_complaint(circuit, op, in_loop)
    if op.matrix is None and op.name not in GATES:
        return f"unknown gate {op.name!r}; expected one of {', '.join(GATES)}, or a matrix"
    if len(op.qubits) != op.kind.num_qubits:
        return f"it acts on {op.kind.num_qubits} qubits, got {len(op.qubits)}"
    if len(op.angles) != op.kind.num_angles:
        return f"it takes {op.kind.num_angles} angles, got {len(op.angles)}"
    if len(set(op.support)) != len(op.support):
        return "a qubit stands in it twice"
    if any(not 0 <= qubit < circuit.num_qubits for qubit in op.support):
        return f"a qubit lies outside the circuit's {circuit.num_qubits}"
    if any(p >= circuit.num_params for angle in op.angles for p in angle.parameters):
        return f"an angle uses a parameter beyond the circuit's {circuit.num_params}"
    return None


def _amplitudes_complaint(circuit: Circuit, op: Amplitudes) -> str | None:
    """What is wrong with amplitudes, if anything is."""
    size = 2 ** len(op.qubits)
    if len(op.real) != size or len(op.imag) not in (0, size):
        return f"{len(op.qubits)} qubits have {size} amplitudes, got {len(op.real)}, {len(op.imag)}"
    if len(set(op.qubits)) != len(op.qubits):
        return "a qubit stands in it twice"
    if any(not 0 <= qubit < circuit.num_qubits for qubit in op.qubits):
        return f"a qubit lies outside the circuit's {circuit.num_qubits}"
    if any(p >= circuit.num_params for each in op.real + op.imag for p in each.parameters):
        return f"an amplitude uses a parameter beyond the circuit's {circuit.num_params}"
    if all(each == constant(0) for each in op.real + op.imag):
        return "all amplitudes are 0, which is no state"
    return None


def _flow_complaint(circuit: Circuit, op: ControlFlow, in_loop: bool) -> str | None:
    if isinstance(op, Reset) and not 0 <= op.qubit < circuit.num_qubits:
        return f"a qubit lies outside the circuit's {circuit.num_qubits}"
    if isinstance(op, (Break, Continue)) and not in_loop:
        return "it stands outside of every loop"
    for part in (inner for outer in expressions_of(op) for inner in expressions_in(outer)):
        if isinstance(part, Bits) and not all(0 <= c < circuit.num_clbits for c in part.clbits):
            return f"a classical bit lies outside the circuit's {circuit.num_clbits}"
        if isinstance(part, Variable) and not 0 <= part.number < len(circuit.variables):
            return f"a variable lies outside the circuit's {len(circuit.variables)}"
    in_loop = in_loop or isinstance(op, (For, While))
    inner = (each for block in blocks_of(op) for each in block)
    found = ((each, _complaint(circuit, each, in_loop)) for each in inner)
    return next((f"{each}: {complaint}" for each, complaint in found if complaint), None)
