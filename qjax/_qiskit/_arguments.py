"""Floor 1. What a caller hands in for a circuit -> its parameters and observables."""

from jaxtyping import Array, Float

from qjax._arrays import Numbers, as_real, check_length, in_order
from qjax._circuit import Circuit
from qjax._observable import Observable
from qjax._qiskit._observables import as_observable


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
    observables: object, circuit: Circuit
) -> tuple[tuple[Observable, ...], tuple[int, ...]]:
    """Those of one or a list, and the shape of their values."""
    several = observables if isinstance(observables, (list, tuple)) else [observables]
    converted = tuple(as_observable(observable, circuit.num_qubits) for observable in several)
    return converted, (len(converted),) if several is observables else ()
