"""Floor 1. What a caller hands in for a circuit -> its parameters and observables."""

from jaxtyping import Array, Float
from qiskit import QuantumCircuit

from qjax._arrays import Numbers, as_real, check_length, in_order
from qjax._circuit import Circuit
from qjax._observable import Observable
from qjax._qiskit._observables import with_observables


def as_parameters(circuit: Circuit, params: Numbers) -> Float[Array, " params"]:
    """A vector with a number for each parameter of the circuit.

    Raises:
        ValueError: for another shape.
        TypeError: for values that are not real.
    """
    values = as_real(params, "params")
    check_length(values, circuit.num_params, "params", in_order(circuit.parameters))
    return values


def as_observables(
    source: Circuit | QuantumCircuit, observables: object
) -> tuple[Circuit, tuple[Observable, ...], tuple[int, ...]]:
    """A circuit, the observables of one or a list, and the shape of their values.

    Raises:
        ValueError, TypeError, UnsupportedInstructionError: see `with_observables`.
    """
    several = observables if isinstance(observables, (list, tuple)) else [observables]
    circuit, converted = with_observables(source, several)
    return circuit, converted, (len(converted),) if several is observables else ()
