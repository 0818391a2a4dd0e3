"""Floor 1. Qiskit's observables -> Observable."""

from qiskit.quantum_info import Operator, Pauli, SparseObservable, SparsePauliOp

from qjax._observable import (
    DenseObservable,
    Observable,
    PauliSum,
    dense_observable,
    pauli_sum,
)


def as_observable(observable: object, num_qubits: int) -> Observable:
    """What an observable means on `num_qubits` qubits.

    Args:
        observable: a Pauli label such as `"XIZ"` (leftmost letter: highest qubit), or Qiskit's
            `Pauli`, `SparsePauliOp`, `SparseObservable` or Hermitian `Operator`.
        num_qubits: the size of the circuit that it is measured on.

    Raises:
        ValueError: where it is not Hermitian, has another size, or holds NaN or free parameters.
        TypeError: for any other kind of object.
    """
    result = _convert(observable)
    if result.num_qubits != num_qubits:
        raise ValueError(
            f"the observable acts on {result.num_qubits} qubits, the circuit has {num_qubits}; "
            "expected the same number. Pad it with identities (`SparsePauliOp.apply_layout`)"
        )
    return result


def _convert(observable: object) -> Observable:
    if isinstance(observable, (PauliSum, DenseObservable)):
        return observable
    if isinstance(observable, str):
        return pauli_sum(len(observable), [(observable, 1)])
    if isinstance(observable, Pauli):
        return _from_sparse(SparsePauliOp(observable))
    if isinstance(observable, SparseObservable):
        return _from_sparse(SparsePauliOp.from_sparse_observable(observable))
    if isinstance(observable, SparsePauliOp):
        return _from_sparse(observable)
    if isinstance(observable, Operator):
        return dense_observable(observable.data)
    raise TypeError(
        f"unknown observable of type {type(observable).__name__}; expected a Pauli label such as "
        "'XIZ', or Qiskit's Pauli, SparsePauliOp, SparseObservable or Operator"
    )


def _from_sparse(operator: SparsePauliOp) -> PauliSum:
    if operator.parameters:
        names = ", ".join(parameter.name for parameter in operator.parameters)
        raise ValueError(f"the observable has free parameters ({names}); bind them first")
    return pauli_sum(operator.num_qubits, operator.simplify(atol=0, rtol=0).to_list())
