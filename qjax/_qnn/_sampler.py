"""Floor 6. Probabilities as outputs."""

from collections.abc import Callable, Sequence

import numpy as np
from qiskit import QuantumCircuit

from qjax._circuit import Circuit, measured_bits
from qjax._memory import check_fits
from qjax._qiskit import as_circuit
from qjax._qnn._model import Probabilities
from qjax._qnn._network import (
    NeuralNetwork,
    Parameters,
    make_model,
    readout_shape,
    refuse_primitives,
)

Interpret = Callable[[int], int | tuple[int, ...]]


class SamplerQNN(NeuralNetwork):
    """A network whose outputs are the exact probabilities of what is measured.

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
        sampler, gradient: must be None for now: exact values, exact gradients.

    Raises:
        ValueError: for `interpret` without `output_shape` or with results outside of it; else as
            `EstimatorQNN`.
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
        sampler: object | None = None,
        gradient: object | None = None,
    ) -> None:
        refuse_primitives(sampler=sampler, gradient=gradient)
        circuit = as_circuit(circuit)
        # The table of outputs has a row per basis state, as a statevector does.
        check_fits(circuit.num_qubits, 1, np.dtype(np.complex64))
        self._readout = make_readout(circuit, interpret, output_shape)
        model = make_model(circuit, input_params, weight_params, self._readout)
        super().__init__(model, input_gradients=input_gradients, sparse=sparse)


def make_readout(
    circuit: Circuit, interpret: Interpret | None, output_shape: int | Sequence[int] | None
) -> Probabilities:
    """Tabulate which output each basis state counts for.

    Raises:
        ValueError: see `SamplerQNN`.
    """
    integers, size = measured_integers(circuit)
    shape = (size,) if output_shape is None else readout_shape(output_shape)
    if interpret is None:
        if shape != (size,):
            raise ValueError(
                f"output_shape: got {shape} without interpret; expected {(size,)}, or an "
                "interpret that maps measured integers to indices"
            )
        return Probabilities(shape, integers.astype(np.int32).tobytes())
    if output_shape is None:
        raise ValueError("interpret needs output_shape: how many outputs there are")
    flat = {value: _flat_index(interpret, value, shape) for value in np.unique(integers).tolist()}
    targets = np.array([flat[value] for value in integers.tolist()], np.int32)
    return Probabilities(shape, targets.tobytes())


def measured_integers(circuit: Circuit) -> tuple[np.ndarray, int]:
    """The integer that is measured in each basis state, and how many integers there are."""
    bits = measured_bits(circuit)
    states = np.arange(2**circuit.num_qubits)
    integers = np.zeros_like(states)
    for place, qubit in enumerate(bits):
        if qubit is not None:
            integers |= (states >> qubit & 1) << place
    return integers, 2 ** len(bits)


def _flat_index(interpret: Interpret, value: int, shape: tuple[int, ...]) -> int:
    result = np.atleast_1d(np.asarray(interpret(value)))
    integral = result.dtype.kind in "iu" or (result.dtype.kind == "b")
    if not integral or result.shape != (len(shape),) or not _inside(result, shape):
        raise ValueError(
            f"interpret({value}) is {interpret(value)!r}; expected an index into "
            f"output_shape {shape}"
        )
    return int(np.ravel_multi_index(tuple(result.astype(int)), shape))


def _inside(index: np.ndarray, shape: tuple[int, ...]) -> bool:
    return bool(((index >= 0) & (index < np.array(shape))).all())
