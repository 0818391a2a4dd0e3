"""Floor 1. Instructions whose amplitudes are parameters <-> Amplitudes."""

from collections.abc import Mapping, Sequence

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Instruction, Operation, Parameter, ParameterExpression
from qiskit.circuit.exceptions import CircuitError
from qiskit.circuit.library import Initialize, StatePreparation

from qjax._circuit import Amplitudes
from qjax._expression import constant
from qjax._qiskit._complex import to_parts
from qjax._qiskit._expressions import from_expression, to_expression

# Qiskit Machine Learning's instruction; that package need not be installed.
_RAW_FEATURES = "ParameterizedInitialize"


class AmplitudeEncoding(Instruction):
    """Qubits are reset and get these amplitudes, divided by their norm.

    Qiskit's `Initialize` takes numbers only. This one takes parameters, and has a definition, an
    `Initialize`, as soon as all of them are bound.

    Args:
        num_qubits: k.
        params: the `2**k` real parts; then the `2**k` imaginary parts, unless all amplitudes are
            real.
    """

    def __init__(self, num_qubits: int, params: Sequence[ParameterExpression | float]) -> None:
        super().__init__("amplitude_encoding", num_qubits, 0, params)

    def _define(self) -> None:
        if self.is_parameterized():
            raise CircuitError("amplitude_encoding: its parameters are not bound; bind them first")
        values = np.array([float(value) for value in self.params])
        if not values.any():
            raise CircuitError("amplitude_encoding: all amplitudes are 0, which is no state")
        parts = values.reshape(-1, 2**self.num_qubits) / np.abs(values).max()
        amplitudes = parts[0] + 1j * parts[1] if len(parts) == 2 else parts[0]
        self.definition = QuantumCircuit(self.num_qubits)
        if self.num_qubits:
            self.definition.initialize(amplitudes, range(self.num_qubits), normalize=True)


def prepares_amplitudes(operation: Operation) -> bool:
    """Whether it prepares given amplitudes, and is no gate: numbers in a gate are a matrix."""
    if isinstance(operation, AmplitudeEncoding):
        return True
    kind = type(operation)
    if kind is Initialize:
        # A label is given by letters, a basis state by its number.
        given = len(operation.params) == 2**operation.num_qubits
        return given and not any(isinstance(value, str) for value in operation.params)
    if kind is StatePreparation:
        # Qiskit builds it of numbers only; parameters may be assigned to `params` afterwards.
        return operation.is_parameterized() and not _is_inverse(operation)
    return kind.__name__ == _RAW_FEATURES


def _is_inverse(operation: Operation) -> bool:
    return operation.name == "state_preparation_dg"


def to_amplitudes(
    operation: Instruction, qubits: Sequence[int], index: Mapping[Parameter, int]
) -> Amplitudes:
    """The amplitudes that an instruction prepares.

    Args:
        operation: one that `prepares_amplitudes`.
        qubits: those that it acts on.
        index: the position of each parameter of the circuit.

    Raises:
        ValueError: where an amplitude is no finite number, or an expression that is unknown.
    """
    size = 2 ** len(qubits)
    if isinstance(operation, AmplitudeEncoding):
        values = tuple(to_expression(value, index) for value in operation.params)
        return Amplitudes(tuple(qubits), values[:size], values[size:])
    parts = [to_parts(value, index) for value in operation.params]
    real, imag = zip(*parts, strict=True)
    return Amplitudes(tuple(qubits), real, () if set(imag) == {constant(0)} else imag)


def from_amplitudes(op: Amplitudes, parameters: tuple[Parameter, ...]) -> Instruction:
    """The way back: Qiskit's instruction where there are no parameters, else ours."""
    values = [from_expression(value, parameters) for value in op.real + op.imag]
    encoding = AmplitudeEncoding(len(op.qubits), values)
    if op.qubits and not any(each.parameters for each in op.real + op.imag):
        return encoding.definition.data[0].operation
    return encoding
