"""Floor 3. Instructions whose amplitudes are parameters <-> Amplitudes."""

import cmath
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Instruction, Operation, Parameter, ParameterExpression, ParameterVector
from qiskit.circuit.exceptions import CircuitError
from qiskit.circuit.library import Initialize, StatePreparation

from qjax._base.options import check_ordered
from qjax._circuit.operations import Amplitudes
from qjax._expressions import constant
from qjax._qiskit.complex_expressions import to_parts
from qjax._qiskit.expressions import from_expression, to_expression

# Qiskit Machine Learning's instruction; that package need not be installed.
_RAW_FEATURES = "ParameterizedInitialize"
# What an encoding is made of while its parameters are free: Qiskit's errors show the name.
_UNBOUND = "qjax_amplitudes_to_bind"

Numbers = Sequence[ParameterExpression | complex]


class AmplitudeEncoding(Instruction):
    """Features as the amplitudes of a state, an instruction for Qiskit's circuits.

        circuit = QuantumCircuit(3)
        circuit.append(qjax.AmplitudeEncoding(3), range(3))  # 8 features, x[0] to x[7]

    The qubits are reset, and get the amplitudes divided by their norm; amplitude 1 is that of the
    first qubit in |1> and the others in |0>. Simulation takes them as parameters, with gradients
    through the normalisation. All of them 0 is no state: its amplitudes are NaN. Once all
    parameters are bound, the instruction is defined by Qiskit's `Initialize`, and Qiskit runs it;
    before, Qiskit can bind, copy, draw and save it, but not run it.

    Args:
        num_qubits: n, at least 1.
        params: the `2**n` amplitudes: a `ParameterVector`, or a sequence of parameters,
            expressions of them, which may be complex, and numbers; or the name of a vector of
            parameters to make.
        imag: their imaginary parts, in the same ways. None: there are none but what complex
            expressions among `params` have.
        num_features: how long the vectors are that are made of names. Default: `2**n`.
        pad_with: what fills up amplitudes, where there are fewer than `2**n` real or imaginary
            parts. None refuses them.

    Raises:
        ValueError: for another number of amplitudes, or numbers that are not finite, or all 0.
        TypeError: for other kinds of arguments.
    """

    def __init__(
        self,
        num_qubits: int,
        params: str | Numbers = "x",
        imag: str | Numbers | None = None,
        *,
        num_features: int | None = None,
        pad_with: float | None = None,
    ) -> None:
        size = 2 ** _checked_size(num_qubits)
        named = isinstance(params, str) and (imag is None or isinstance(imag, str))
        if pad_with is not None and named and num_features is None:
            raise ValueError(
                f"pad_with: got {pad_with!r}, and {size} amplitudes with nothing to fill up; "
                "expected num_features beside it, or no pad_with"
            )
        count = size if num_features is None else _whole(num_features, "num_features")
        if num_features is not None and not (isinstance(params, str) or isinstance(imag, str)):
            raise ValueError("num_features: given with amplitudes; expected it with a name only")
        values = _amplitudes(params, "params", size, count, pad_with)
        if imag is not None:
            if isinstance(imag, str) and imag == params:
                raise ValueError(f"imag: {imag!r} is the name of the real parts; expected another")
            values += _amplitudes(imag, "imag", size, count, pad_with)
        if not any(values):
            raise ValueError("params: all amplitudes are 0, which is no state")
        super().__init__("amplitude_encoding", int(num_qubits), 0, values)

    @property
    def definition(self) -> QuantumCircuit:
        """An `Initialize`, where all parameters are bound.

        Raises:
            CircuitError: where all amplitudes are bound to 0.
        """
        # Made anew: Qiskit binds parameters in place.
        circuit = QuantumCircuit(self.num_qubits)
        if self.is_parameterized():
            unbound = Instruction(_UNBOUND, self.num_qubits, 0, self.params)
            circuit.append(unbound, range(self.num_qubits))
            return circuit
        values = np.array([complex(value) for value in self.params])
        if not values.any():
            raise CircuitError("amplitude_encoding: all amplitudes are 0, which is no state")
        parts = values.reshape(-1, 2**self.num_qubits) / np.abs(values).max()
        amplitudes = parts[0] + 1j * parts[1] if len(parts) == 2 else parts[0]
        circuit.initialize(amplitudes, range(self.num_qubits), normalize=True)
        return circuit

    def inverse(self, annotated: bool = False) -> Instruction:
        """There is none.

        Raises:
            CircuitError: always.
        """
        del annotated
        raise CircuitError(
            "amplitude_encoding has no inverse: it resets its qubits. For the overlap of two "
            "encoded states, take the scalar product of their `qjax.statevector`"
        )

    def control(self, *options: Any, **named: Any) -> NoReturn:
        """There is none.

        Raises:
            CircuitError: always.
        """
        del options, named
        raise CircuitError(
            "amplitude_encoding cannot be controlled: it resets its qubits, which no control "
            "undoes. Append it outside of what is controlled"
        )

    def power(self, *options: Any, **named: Any) -> NoReturn:
        """There is none.

        Raises:
            CircuitError: always.
        """
        del options, named
        raise CircuitError(
            "amplitude_encoding has no powers: it resets its qubits, so that twice is once. Append "
            "it once, and repeat the gates that follow"
        )


def _checked_size(num_qubits: object) -> int:
    size = _whole(num_qubits, "num_qubits")
    if size > 30:
        raise ValueError(f"num_qubits: {size} qubits have 2**{size} amplitudes; expected 1 to 30")
    return size


def _whole(value: object, what: str) -> int:
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or isinstance(value, (bool, np.bool_)):
        raise TypeError(
            f"{what}: expected a whole number, got {type(value).__name__}. An encoding is made as "
            "AmplitudeEncoding(num_qubits, params)"
        )
    if number < 1:
        raise ValueError(f"{what}: expected a number of at least 1, got {number}")
    return number


def _amplitudes(
    given: str | Numbers, what: str, size: int, count: int, pad_with: object
) -> list[ParameterExpression | complex]:
    """Checked, and filled up to `size`."""
    check_ordered(given, what)
    strange = isinstance(given, (bytes, Mapping, np.ma.MaskedArray))
    if not isinstance(given, (str, Iterable)) or strange:
        raise TypeError(
            f"{what}: expected amplitudes or the name of a ParameterVector, got "
            f"{type(given).__name__}"
        )
    if isinstance(given, str) and (not given or count > size):
        raise ValueError(
            f"{what}: expected a name and at most {size} features, got {given!r} and {count}"
        )
    values = list(ParameterVector(given, count) if isinstance(given, str) else given)
    if len(values) > size or (len(values) < size and pad_with is None) or not values:
        fewer = "" if len(values) > size else "; pad_with=0.0 fills up the rest"
        raise ValueError(f"{what}: expected {size} amplitudes, got {len(values)}{fewer}")
    filling = [] if pad_with is None else [_amplitude(pad_with, "pad_with")]
    checked = [_amplitude(value, what) for value in values]
    return checked + filling * (size - len(checked))


def _amplitude(value: object, what: str) -> ParameterExpression | complex:
    if isinstance(value, ParameterExpression):
        return value
    array = np.asarray(value)
    if array.shape or array.dtype.kind not in "iufc":
        raise TypeError(
            f"{what}: expected parameters, expressions and numbers, got {type(value).__name__}"
        )
    number: complex = array.item()
    if not cmath.isfinite(number):
        raise ValueError(f"{what}: expected finite numbers, got {number}")
    return number


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
    # The second is what qpy, or decomposing, leaves of an encoding.
    return kind.__name__ == _RAW_FEATURES or (kind is Instruction and operation.name == _UNBOUND)


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
    size, values = 2 ** len(qubits), operation.params
    if len(values) == 2 * size:
        parts = [to_expression(value, index) for value in values]
        return Amplitudes(tuple(qubits), tuple(parts[:size]), tuple(parts[size:]))
    pairs = [to_parts(value, index) for value in values]
    real, imag = zip(*pairs, strict=True)
    return Amplitudes(tuple(qubits), real, () if set(imag) == {constant(0)} else imag)


def from_amplitudes(op: Amplitudes, parameters: tuple[Parameter, ...]) -> Instruction:
    """The way back: Qiskit's instruction where there are no parameters, else ours."""
    real, imag = (
        [from_expression(amplitude, parameters) for amplitude in part]
        for part in (op.real, op.imag)
    )
    if not op.qubits:
        phase = Instruction(_UNBOUND, 0, 0, real + imag)
        phase.definition = QuantumCircuit(0)  # which nothing sees
        return phase
    encoding = AmplitudeEncoding(len(op.qubits), real, imag or None)
    return encoding if encoding.is_parameterized() else encoding.definition.data[0].operation
