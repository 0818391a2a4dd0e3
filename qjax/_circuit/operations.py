"""Floor 2. What a circuit is made of, beside control flow: gates in their places, measurements."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from qjax._base.arrays import as_numpy, counted
from qjax._base.options import as_whole, check_ordered, is_whole
from qjax._circuit.classical import ClassicalType
from qjax._circuit.gates import GATES, ConstantGate, GateKind
from qjax._expressions import Expression, as_expression


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
        """Its numbers, complex128 `(dimension, dimension)`."""
        return np.frombuffer(self.data, np.complex128).reshape(self.dimension, self.dimension)

    def __repr__(self) -> str:
        return f"Matrix(dimension={self.dimension}, ...)"


def freeze_matrix(array: np.ndarray) -> Matrix:
    """The hashable form of a square matrix."""
    array = np.ascontiguousarray(array, np.complex128)
    return Matrix(array.shape[0], array.tobytes())


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate in its place.

    Attributes:
        name: Qiskit's name of it, such as "rx", or "unitary" for the constant `matrix`.
        qubits: the targets, least significant first.
        angles: what the gate's angles are, in radians.
        controls: the qubits that must hold the given values for the gate to act.
        matrix: for "unitary" only.
        label: Qiskit's name where it has another one for this gate, "u1", "u2" or "u3": noise may
            be for that one alone.
    """

    name: str
    qubits: tuple[int, ...]
    angles: tuple[Expression, ...] = ()
    controls: tuple[Control, ...] = ()
    matrix: Matrix | None = None
    label: str | None = None

    @property
    def kind(self) -> GateKind:
        """What is known of all gates of this name; of a matrix, the matrix."""
        return GATES[self.name] if self.matrix is None else ConstantGate(self.matrix.array)

    @property
    def support(self) -> tuple[int, ...]:
        """Every qubit that the gate touches, controls last."""
        if not self.controls:
            return self.qubits
        return self.qubits + tuple([control.qubit for control in self.controls])


@dataclass(frozen=True, slots=True)
class Measure:
    """A measurement in the computational basis."""

    qubit: int
    clbit: int

    @property
    def support(self) -> tuple[int, ...]:
        """Every qubit that it touches."""
        return (self.qubit,)


@dataclass(frozen=True, slots=True, init=False)
class Amplitudes:
    """The state of some qubits: these numbers, divided by their norm.

    What the qubits were is lost, as by a reset.

    There is no such state where all of them are 0: known zeros are refused, others give NaN.

    Args:
        qubits: least significant first.
        real: the `2**k` real parts: numbers, or expressions of the circuit's parameters.
        imag: the imaginary parts; none where all amplitudes are real.

    Raises:
        TypeError: for parts that are neither real numbers nor expressions.
    """

    qubits: tuple[int, ...]
    real: tuple[Expression, ...]
    imag: tuple[Expression, ...]

    def __init__(
        self,
        qubits: int | Sequence[int],
        real: Iterable[Expression | float],
        imag: Iterable[Expression | float] = (),
    ) -> None:
        object.__setattr__(self, "qubits", _qubits(qubits))
        for name, parts in (("real", real), ("imag", imag)):
            check_ordered(parts, name)
            numbers = _several(parts, f"{name}: expected the amplitudes' parts, such as (0.6, 0.8)")
            object.__setattr__(self, name, tuple(map(as_expression, numbers)))

    @property
    def support(self) -> tuple[int, ...]:
        """Every qubit that it touches."""
        return self.qubits


class Register(NamedTuple):
    """A name for some classical bits."""

    name: str
    clbits: tuple[int, ...]


class Declaration(NamedTuple):
    """A classical variable."""

    name: str
    type: ClassicalType


def gate(
    name: str,
    qubits: int | Sequence[int] = (),
    *angles: Expression | float,
    controls: int | Control | Sequence[int | Control] | None = (),
) -> Gate:
    """A gate of Qiskit's library in its place: `gate("ry", 1, 2 * parameter(0), controls=[0])`.

    Args:
        name: id, x, y, z, h, s, sdg, t, tdg, sx, sxdg, p, rx, ry, rz, r, u, rv on one qubit; swap,
            iswap, dcx, ecr, rxx, ryy, rzz, rzx, xx_plus_yy, xx_minus_yy on two; global_phase on
            none.
        qubits: the targets, the least significant of the gate's matrix first; or the only one.
        angles: as many as the gate takes, in Qiskit's order, in radians: numbers, or expressions of
            the circuit's parameters.
        controls: the qubits that must be 1 for the gate to act, or `Control(qubit, value)`; or the
            only one, or None. A CNOT is `gate("x", target, controls=[control])`.

    Raises:
        ValueError: for an unknown name, or a wrong number of qubits or angles.
        TypeError: for angles that are neither real numbers nor expressions, for qubits that are no
            whole numbers, and for a set of them, which has no order.
    """
    if not isinstance(name, str) or name not in GATES:
        raise ValueError(
            f"unknown gate {name!r}; expected one of {', '.join(GATES)}. Others are given as "
            "matrix_gate(matrix, qubits), or as one of these with controls="
        )
    placed = Gate(name, _qubits(qubits), tuple(map(as_expression, angles)), _controls(controls))
    kind = placed.kind
    if len(placed.qubits) != kind.num_qubits or len(angles) != kind.num_angles:
        raise ValueError(
            f"gate {name!r}: got the qubits {placed.qubits} and {counted(len(angles), 'angle')}; "
            f"it acts on {counted(kind.num_qubits, 'qubit')}, beside its controls, and takes "
            f"{counted(kind.num_angles, 'angle')}"
        )
    return placed


def matrix_gate(
    matrix: np.ndarray,
    qubits: int | Sequence[int],
    controls: int | Control | Sequence[int | Control] | None = (),
) -> Gate:
    """A gate with a constant matrix.

    Args:
        matrix: unitary, shape `(2**k, 2**k)`.
        qubits: the k targets, the least significant bit of the matrix's index first.
        controls: as in `gate`.

    Raises:
        ValueError: for another shape, or a matrix that is not unitary within 1e-8.
        TypeError: for what is no array of numbers, or hides some, or what JAX traces.
    """
    array, targets = _as_matrix(matrix), _qubits(qubits)
    size = 2 ** len(targets)
    if array.shape != (size, size):
        raise ValueError(f"matrix: expected shape {(size, size)} for {targets}, got {array.shape}")
    if not np.allclose(array.conj().T @ array, np.eye(size), atol=1e-8):
        raise ValueError("matrix: it is not unitary within 1e-8, so no gate has it")
    return Gate("unitary", targets, (), _controls(controls), freeze_matrix(array))


def _as_matrix(matrix: Any) -> np.ndarray:
    if isinstance(matrix, jax.core.Tracer):
        raise TypeError(
            f"matrix: got {matrix}, which JAX traces, but circuits are made before anything is "
            "traced; expected numbers, or gates with parameters, whose values are given with "
            "`params`, as in expectation(circuit, observable, [value])"
        )
    try:
        array = as_numpy(matrix, "matrix")
    except ValueError as error:
        raise ValueError("matrix: its rows differ in length, expected a square array") from error
    is_number = jnp.issubdtype(array.dtype, jnp.number) and array.dtype.kind != "m"
    if not is_number and array.dtype not in (np.bool_, np.object_):
        raise TypeError(f"matrix: expected an array of numbers, got dtype {array.dtype}")
    try:
        return array.astype(np.complex128)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"matrix: expected an array of numbers, got the {type(matrix).__name__} {matrix!r}"
        ) from error


def _qubits(qubits: int | Sequence[int]) -> tuple[int, ...]:
    return tuple(as_whole(qubit, "qubits", 0) for qubit in _listed(qubits, "qubits"))


def _controls(controls: int | Control | Sequence[int | Control] | None) -> tuple[Control, ...]:
    given = () if controls is None else _listed(controls, "controls")
    return tuple(
        control if isinstance(control, Control) else Control(as_whole(control, "controls", 0), 1)
        for control in given
    )


def _several(values: Any, expected: str) -> Iterable[Any]:
    if not isinstance(values, Iterable):
        raise TypeError(f"{expected}; got the {type(values).__name__} {values!r}")
    return values


def _listed(given: Any, what: str) -> Iterable[Any]:
    """One, or several in a fixed order, as several.

    Raises:
        TypeError: for anything else.
    """
    if isinstance(given, jax.core.Tracer):
        raise TypeError(
            f"{what}: got {given}, which JAX traces, but circuits are made before anything is "
            "traced; expected whole numbers"
        )
    numbers = np.asarray(given).tolist() if isinstance(given, (np.ndarray, jax.Array)) else given
    if is_whole(numbers) or isinstance(numbers, Control):
        return (numbers,)
    check_ordered(numbers, what)
    if isinstance(numbers, (str, bytes, Mapping)) or not isinstance(numbers, Iterable):
        raise TypeError(
            f"{what}: expected a whole number, or a list of them, got the {type(given).__name__} "
            f"{given!r}"
        )
    return numbers
