"""Floor 8. Probabilities as outputs."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.passmanager import BasePassManager
from qiskit.primitives import BaseSamplerV2

from qjax._circuit import Circuit, Measure
from qjax._deferred import deferred
from qjax._measurements import measured_bits, measured_qubits, measurements
from qjax._memory import check_fits, check_states_fit
from qjax._qiskit import as_circuit
from qjax._qnn._choices import on_sampler, refuse_settings
from qjax._qnn._model import Probabilities, check_simulated
from qjax._qnn._network import NeuralNetwork, Parameters, make_model, readout_shape

Interpret = Callable[[int], int | tuple[int, ...]]


class SamplerQNN(NeuralNetwork):
    """A network whose outputs are the probabilities of what is measured.

    Exact, or frequencies from a sampler of Qiskit's; weights of the one are weights of the other.

    Args:
        circuit: the parametrized circuit; without measurements, all qubits are measured.
        input_params, weight_params: as in `EstimatorQNN`.
        sparse: whether `forward` and `backward` return sparse arrays, and the torch bridge sparse
            tensors.
        interpret: the measured integer (little-endian) -> the index of the output that it counts
            for, or a tuple of indices.
        output_shape: a number or tuple, required with `interpret`. Default: `(2**n,)`, n the
            number of qubits, or of classical bits in a circuit with measurements.
        input_gradients: as in `EstimatorQNN`.
        sampler: what is asked for samples: any of Qiskit's samplers of version 2. None simulates,
            exactly.
        gradient: as in `EstimatorQNN`.
        shots: how many samples to ask the sampler for; None for its own number.
        pass_manager: transpiles the circuit for the sampler, once.

    Raises:
        ValueError: for `interpret` without `output_shape` or with results outside of it; on a
            sampler, for a qubit that is measured into several bits; else as `EstimatorQNN`.
    """

    def __init__(
        self,
        *,
        circuit: Circuit | QuantumCircuit,
        input_params: Parameters | None = None,
        weight_params: Parameters | None = None,
        sparse: bool = False,
        interpret: Interpret | None = None,
        output_shape: int | Sequence[int] | None = None,
        input_gradients: bool = False,
        sampler: BaseSamplerV2 | None = None,
        gradient: object | None = None,
        shots: int | None = None,
        pass_manager: BasePassManager | None = None,
    ) -> None:
        if sampler is None:
            refuse_settings(gradient, "sampler", shots=shots, pass_manager=pass_manager)
        circuit = as_circuit(circuit)
        readout = make_readout(circuit, interpret, output_shape)
        simulated = gradient if sampler is None else None
        model = make_model(circuit, input_params, weight_params, readout, simulated)
        remote = None
        if sampler is None:
            check_simulated(model)
        if sampler is not None:
            remote = on_sampler(model, sampler, shots, pass_manager, gradient, input_gradients)
        super().__init__(model, input_gradients=input_gradients, sparse=sparse, remote=remote)


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
    place = {qubit: place for place, qubit in enumerate(measured_qubits(circuit))}
    final = tuple(Measure(place[each.qubit], each.clbit) for each in measurements(circuit))
    return Circuit(len(place), final, (), circuit.num_clbits)


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
    for place, qubit in enumerate(bits):
        if qubit is not None:
            integers |= (states >> qubit & 1).astype(integers.dtype) << place
    return integers, 2 ** len(bits)


def interpreted(interpret: Interpret, value: int) -> np.ndarray | None:
    """What `interpret` makes of a measured integer, as a vector; None if those are no integers.

    Those of more than 64 bits are none either: no table holds them.
    """
    result = interpret(value)
    several = isinstance(result, (tuple, list)) or (isinstance(result, np.ndarray) and result.ndim)
    indices: list[Any] = list(result) if several else [result]  # type: ignore[arg-type]
    if not all(_is_index(index) for index in indices):
        return None
    return np.array(list(map(int, indices)), np.int64)


def _is_index(index: Any) -> bool:
    if isinstance(index, np.ndarray) and not index.ndim:
        index = index[()]
    whole = isinstance(index, (int, np.integer, np.bool_))
    return whole and -(2**63) <= int(index) < 2**63


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
