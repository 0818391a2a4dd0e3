"""Floor 2. What a circuit is: one immutable tuple of operations, hashable and equal by value."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from qjax._base.options import as_whole, is_whole
from qjax._circuit.channels import BitNoise, Noise, Step
from qjax._circuit.checks import Sizes, check_depth, check_members, check_operation, check_tuple
from qjax._circuit.classical_types import check_type
from qjax._circuit.control_flow import Op, blocks_of
from qjax._circuit.operations import Amplitudes, Declaration, Gate, Measure, Register

# Of qubits, and of classical bits: each is looked at, in passes over all.
_MOST = 10**6


@dataclass(frozen=True, eq=False)
class Circuit:
    """An immutable quantum circuit.

    `from_qiskit` makes one of Qiskit's, and one can be written down without Qiskit, of what
    `qjax.operations` has:

        from qjax.operations import Measure, gate, parameter

        ops = (gate("h", 0), gate("ry", 1, 2 * parameter(0)), gate("x", 1, controls=[0]))
        circuit = qjax.Circuit(num_qubits=2, ops=ops, parameters=("theta",))

    Attributes:
        num_qubits: n, at most a million; qubit 0 is the least significant bit of a basis index (as
            in Qiskit).
        ops: gates, measurements, amplitudes and control flow, in order.
        parameters: the names of the parameters; the order of every parameter vector.
        num_clbits: the number of classical bits, at most a million.
        registers: names for classical bits.
        variables: classical variables of the control flow.

    Raises:
        ValueError: where an operation does not fit the circuit, or a name stands for two things.
        TypeError: for what is no operation, no angle, no tuple, and for classical values whose type
            does not fit. Both name the operation's place.
    """

    num_qubits: int
    ops: tuple[Op, ...]
    parameters: tuple[str, ...] = ()
    num_clbits: int = 0
    registers: tuple[Register, ...] = ()
    variables: tuple[Declaration, ...] = ()

    def __post_init__(self) -> None:
        _check_declarations(self)
        types = tuple(declaration.type for declaration in self.variables)
        sizes = Sizes(self.num_qubits, self.num_clbits, self.num_params, types)
        checked: set[int] = set()
        for index, op in enumerate(self.ops):
            if id(op) in checked:  # an object in several places
                continue
            checked.add(id(op))
            check_depth(index, op)
            try:
                check_operation(sizes, op)
            except (TypeError, ValueError) as error:
                raise type(error)(f"operation {index} of the circuit, {op}: {error}") from error

    @property
    def num_params(self) -> int:
        """The length of a parameter vector."""
        return len(self.parameters)

    @cached_property
    def is_dynamic(self) -> bool:
        """Whether anything happens to a qubit after it was measured, or depends on an outcome."""
        if all(type(op) is Gate for op in self.ops):
            return False
        touched: set[int] = set()
        measured: set[int] = set()
        for op in self.ops:
            if isinstance(op, Measure):
                measured.add(op.qubit)
            elif isinstance(op, (Gate, Noise)):
                if not measured.isdisjoint(op.support):
                    return True
            elif not isinstance(op, Amplitudes) or not touched.isdisjoint(op.qubits):
                return True
            touched.update(op.support)
        return False

    @cached_property
    def is_noisy(self) -> bool:
        """Whether channels act anywhere, in blocks of control flow too."""
        return _is_noisy(self.ops)

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
    """The unitary part of a circuit that is not dynamic; see `steps` for its noise."""
    if circuit.is_dynamic:
        raise ValueError("a dynamic circuit is more than its gates: see `qjax._dynamic.deferral`")
    return tuple([op for op in circuit.ops if isinstance(op, Gate)])


def steps(circuit: Circuit) -> tuple[Step, ...]:
    """Gates and noise of a circuit that is not dynamic, in order."""
    if circuit.is_dynamic:
        raise ValueError("a dynamic circuit is more than its steps: see `qjax._dynamic.deferral`")
    return tuple([op for op in circuit.ops if isinstance(op, (Gate, Noise))])


def preparations(circuit: Circuit) -> tuple[Amplitudes, ...]:
    """The amplitudes that a circuit starts from, of qubits that are |0> otherwise."""
    return tuple([op for op in circuit.ops if isinstance(op, Amplitudes)])


def unset_variable(circuit: Circuit, number: int) -> ValueError:
    """What to raise where a classical variable is read too early."""
    name = circuit.variables[number].name
    return ValueError(f"the variable {name!r} is read before it has a value; store one")


def _is_noisy(ops: Iterable[Op]) -> bool:
    return any(
        isinstance(op, (Noise, BitNoise)) or any(map(_is_noisy, blocks_of(op))) for op in ops
    )


def _check_declarations(circuit: Circuit) -> None:
    """Require that sizes are numbers, and that a name stands for one thing."""
    for name in ("num_qubits", "num_clbits"):  # NumPy's would overflow
        object.__setattr__(circuit, name, as_whole(getattr(circuit, name), name, 0, _MOST))
    check_tuple(circuit.ops, "ops")
    check_members(circuit.parameters, "parameters", str)
    check_members(circuit.registers, "registers", Register)
    check_members(circuit.variables, "variables", Declaration)
    _check_names(circuit.parameters, "parameters")
    _check_names([register.name for register in circuit.registers], "registers")
    _check_names([declaration.name for declaration in circuit.variables], "variables")
    for register in circuit.registers:
        _check_register(register, circuit.num_clbits)
    for declaration in circuit.variables:
        check_type(declaration.type)


def _check_names(names: Sequence[str], what: str) -> None:
    if not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"{what}: a name is empty or no str, in {tuple(names)}")
    if len(set(names)) < len(names):
        raise ValueError(f"{what}: a name is given twice, in {tuple(names)}")


def _check_register(register: Register, num_clbits: int) -> None:
    check_tuple(register.clbits, f"registers: the bits of {register.name!r}")
    if not all(is_whole(bit) and 0 <= bit < num_clbits for bit in register.clbits):
        raise ValueError(
            f"registers: {register} holds a bit beyond the circuit's {num_clbits}, or what is none"
        )
    if len(set(register.clbits)) < len(register.clbits):
        raise ValueError(f"registers: {register} holds a bit twice")
