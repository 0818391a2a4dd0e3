"""Floor 8. What is measured -> the output that it counts for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from qjax._base.memory import check_fits, check_states_fit
from qjax._base.options import is_whole
from qjax._circuit.circuit import Circuit
from qjax._circuit.measurements import measured_bits, measured_qubits, measurements
from qjax._circuit.operations import Measure
from qjax._dynamic import deferred
from qjax._engine import Probabilities

Interpret = Callable[[int], int | tuple[int, ...]]


@dataclass(frozen=True)
class Tabulated:
    """A function of measured integers by its values: what a pickled network has for `interpret`."""

    values: tuple[tuple[int, int | tuple[int, ...]], ...]

    def __call__(self, integer: int) -> int | tuple[int, ...]:
        """The value.

        Raises:
            ValueError: for an integer that the network cannot measure.
        """
        try:
            return dict(self.values)[integer]
        except KeyError:
            raise ValueError(f"interpret: the network never measures {integer}") from None


def make_readout(
    circuit: Circuit, interpret: Interpret | None, output_shape: int | Sequence[int] | None
) -> Probabilities:
    """Tabulate which output each state of the measured qubits counts for.

    Raises:
        ValueError: see `SamplerQNN`.
    """
    circuit = measured_part(circuit)
    # The table of outputs has a row per state, as a statevector does.
    check_states_fit(circuit.num_qubits, 1, np.dtype(np.complex64))
    integers, size = measured_integers(circuit)
    shape = (size,) if output_shape is None else readout_shape(output_shape)
    _check_outputs_fit(shape)
    if interpret is None:
        if shape != (size,):
            raise ValueError(
                f"output_shape: got {shape} without interpret; expected {(size,)}, or an "
                "interpret that maps measured integers to indices"
            )
        return Probabilities(shape, integers.astype(np.int32).tobytes())
    check_interpret(interpret)
    if output_shape is None:
        raise ValueError("interpret needs output_shape: how many outputs there are")
    flat = {value: _flat_index(interpret, value, shape) for value in np.unique(integers).tolist()}
    targets = np.array([flat[value] for value in integers.tolist()], np.int32)
    return Probabilities(shape, targets.tobytes())


def measured_part(circuit: Circuit) -> Circuit:
    """The measurements alone, on the qubits (and records of outcomes) that they read."""
    circuit = deferred(circuit)
    position = {qubit: k for k, qubit in enumerate(measured_qubits(circuit))}
    latest = {op.clbit: op.qubit for op in measurements(circuit)}  # others are overwritten
    final = tuple(Measure(position[qubit], clbit) for clbit, qubit in latest.items())
    return Circuit(len(position), final, (), circuit.num_clbits)


def check_interpret(interpret: object) -> None:
    """Require a function.

    Raises:
        TypeError: otherwise.
    """
    if not callable(interpret):
        raise TypeError(
            f"interpret: got {type(interpret).__name__}; expected a function from the measured "
            "integer to an index, or to a tuple of indices"
        )


def measured_integers(circuit: Circuit) -> tuple[np.ndarray, int]:
    """The integer that is measured in each basis state, and how many integers there are.

    Args:
        circuit: not dynamic.
    """
    bits = measured_bits(circuit)
    states = np.arange(2**circuit.num_qubits)
    # From 63 bits on, only Python's integers are long enough.
    integers = np.zeros(len(states), np.int64 if len(bits) < 63 else object)
    for bit, qubit in enumerate(bits):
        if qubit is not None:
            integers |= (states >> qubit & 1).astype(integers.dtype) << bit
    return integers, 2 ** len(bits)


def interpreted(interpret: Interpret, value: int) -> np.ndarray | None:
    """What `interpret` makes of a measured integer, as a vector; None if those are no integers.

    Those of more than 64 bits are none either: no table holds them.
    """
    result = interpret(value)
    indices: list[Any] = list(result) if _are_several(result) else [result]  # type: ignore[arg-type]
    if not all(_is_index(index) for index in indices):
        return None
    return np.array(list(map(int, indices)), np.int64)


def _are_several(result: object) -> bool:
    array = isinstance(result, np.ndarray) and result.ndim > 0
    return array or isinstance(result, (tuple, list))


def _is_index(index: Any) -> bool:
    if isinstance(index, np.ndarray) and not index.ndim:
        index = index[()]
    whole = is_whole(index) or isinstance(index, (bool, np.bool_))
    return whole and -(2**63) <= int(index) < 2**63


def tabulated(interpret: Interpret, circuit: Circuit) -> Tabulated:
    """The function's values on all that the circuit measures."""
    rows = []
    for value in np.unique(measured_integers(measured_part(circuit))[0]).tolist():
        row = interpreted(interpret, value)
        assert row is not None, "checked when the network was made"
        several = _are_several(interpret(value))
        rows.append((value, tuple(row.tolist()) if several else int(row[0])))
    return Tabulated(tuple(rows))


def _flat_index(interpret: Interpret, value: int, shape: tuple[int, ...]) -> int:
    index = interpreted(interpret, value)
    if index is None or index.shape != (len(shape),) or not _inside(index, shape):
        raise ValueError(
            f"interpret({value}) is {interpret(value)!r}; expected an integer, or a tuple of "
            f"integers, that is an index into output_shape {shape}"
        )
    return int(np.ravel_multi_index(tuple(index), shape))


def _inside(index: np.ndarray, shape: tuple[int, ...]) -> bool:
    return bool(((index >= 0) & (index < np.array(shape))).all())


def _check_outputs_fit(shape: tuple[int, ...]) -> None:
    size = prod(shape)
    remedy = "an interpret that maps the measured integers to fewer outputs"
    check_fits(8 * size, f"{size} outputs of a network", remedy)
    if size > np.iinfo(np.int32).max:
        raise ValueError(f"output_shape: {size} outputs are more than 2**31 - 1; use {remedy}")


def readout_shape(output_shape: int | Sequence[int]) -> tuple[int, ...]:
    """An output shape as a tuple.

    Raises:
        ValueError: for lengths below 1.
    """
    lengths: Any = (output_shape,) if is_whole(output_shape) else output_shape
    whole = isinstance(lengths, (tuple, list, np.ndarray)) and len(lengths) > 0
    if not whole or not all(is_whole(s) and s > 0 for s in lengths):
        raise ValueError(
            f"output_shape: expected a positive integer or a tuple of them, got {output_shape!r}"
        )
    return tuple(int(s) for s in lengths)
