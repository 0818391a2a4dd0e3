"""Floor 3. Qiskit's observables -> Observable."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterExpression
from qiskit.circuit.parametervector import ParameterVectorElement
from qiskit.quantum_info import Operator, Pauli, PauliList, SparseObservable, SparsePauliOp

from qjax._base.arrays import refuse_masks
from qjax._circuit.circuit import Circuit
from qjax._circuit.observable import (
    DenseObservable,
    Observable,
    PauliSum,
    dense_observable,
    pauli_sum,
)
from qjax._expressions import Expression
from qjax._qiskit.expressions import to_expression
from qjax._qiskit.sparse_terms import is_sparse, labelled, parameters_of

_KINDS = (
    "expected a label such as 'XIZ' or '0+Z', Qiskit's Pauli, SparsePauliOp, SparseObservable or "
    "Operator(matrix), or sparse terms such as [('XX', [0, 2], 0.5)]"
)


def with_observables(
    circuit: Circuit, source: Circuit | QuantumCircuit, observables: Sequence[object]
) -> tuple[Circuit, tuple[Observable, ...]]:
    """A circuit and what is measured on it.

    Args:
        circuit: the circuit.
        source: what it was converted from.
        observables: as in `as_observable`. Parameters in their coefficients are those of the
            circuit with the same names.

    Returns:
        the circuit, with the parameters that only observables have behind its own, and the
        observables on its qubits.

    Raises:
        ValueError, TypeError: see `as_observable`.
    """
    names = dict.fromkeys((*circuit.parameters, *(p.name for p in _parameters(observables))))
    if len(names) > circuit.num_params:
        circuit = replace(circuit, parameters=tuple(names))
    virtual = _virtual_qubits(source)
    return circuit, tuple(
        as_observable(observable, circuit.num_qubits, circuit.parameters, virtual)
        for observable in observables
    )


def _parameters(observables: Iterable[object]) -> list[Parameter]:
    """Those in the coefficients, in the order that Qiskit gives the parameters of a circuit.

    `SparsePauliOp.parameters` comes from a set: its order differs between processes.
    """
    parameters: list[Parameter] = []
    for observable in observables:
        if isinstance(observable, SparsePauliOp):
            parameters += observable.parameters
        elif is_sparse(observable):
            parameters += parameters_of(observable)
    return sorted(parameters, key=_sort_key)


def _sort_key(parameter: Parameter) -> tuple[str, int]:
    if isinstance(parameter, ParameterVectorElement):
        return parameter.vector.name, parameter.index
    return parameter.name, -1


def _virtual_qubits(source: Circuit | QuantumCircuit) -> int | None:
    """How many qubits a circuit had before it was laid out on others, if it was."""
    if isinstance(source, QuantumCircuit) and source.layout is not None:
        return len(source.layout.initial_index_layout(filter_ancillas=True))
    return None


def as_observable(
    observable: object,
    num_qubits: int,
    parameters: Sequence[str] = (),
    virtual_qubits: int | None = None,
) -> Observable:
    """What an observable means on `num_qubits` qubits.

    Args:
        observable: a label such as `"XIZ"` or `"0+Z"` (leftmost letter: highest qubit; 0, 1, +, -,
            r and l are projectors), Qiskit's `Pauli`, `SparsePauliOp`, `SparseObservable` or
            Hermitian `Operator`, or a sparse term such as `("XX", [0, 2], 0.5)`, or a list of
            such terms, which is their sum.
        num_qubits: the size of the circuit that it is measured on.
        parameters: the names of the circuit's parameters, which coefficients may depend on.
        virtual_qubits: how many qubits the circuit had before it was transpiled.

    Raises:
        ValueError: where it is not Hermitian, has another size, holds NaN, or parameters that the
            circuit has not; for a circuit without qubits.
        TypeError: for any other kind of object.
    """
    if num_qubits == 0:
        raise ValueError(
            "the circuit has no qubits, so there is nothing to observe; expected at least one qubit"
        )
    index = {name: position for position, name in enumerate(parameters)}
    if is_sparse(observable):
        return _from_labels(num_qubits, labelled(observable, num_qubits), index)
    result = _convert(observable, index)
    if result.num_qubits != num_qubits:
        raise ValueError(
            f"the observable acts on {result.num_qubits} qubits, the circuit has {num_qubits}; "
            f"expected the same number. {_remedy(observable, result.num_qubits, virtual_qubits)}"
        )
    return result


def _remedy(observable: object, size: int, virtual_qubits: int | None) -> str:
    held = "observable"
    if not isinstance(observable, (Pauli, SparsePauliOp, SparseObservable, Operator)):
        held = "SparseObservable(observable)" if isinstance(observable, str) else held
    if size == virtual_qubits:
        return (
            "The circuit was transpiled: lay the observable out on its qubits, by "
            f"`{held}.apply_layout(circuit.layout)`"
        )
    return (
        f"For a transpiled circuit use `{held}.apply_layout(circuit.layout)`; else pad it with "
        f"identities, by `{held}.apply_layout(qubits, num_qubits)`"
    )


def _convert(observable: object, index: Mapping[str, int]) -> Observable:
    if isinstance(observable, (PauliSum, DenseObservable)):
        return observable
    if isinstance(observable, str):
        return pauli_sum(len(observable), [(observable, 1)])
    if isinstance(observable, Pauli):
        return _from_sparse(SparsePauliOp(observable), index)
    if isinstance(observable, SparseObservable):
        return _from_sparse_observable(observable)
    if isinstance(observable, SparsePauliOp):
        return _from_sparse(observable, index)
    if isinstance(observable, Operator):
        return dense_observable(observable.data)
    if isinstance(observable, PauliList):
        raise TypeError(
            "a PauliList is no observable: expected list(paulis) for one value each, or "
            "SparsePauliOp(paulis) for their sum"
        )
    raise TypeError(f"unknown observable of type {type(observable).__name__}; {_KINDS}")


def _from_sparse(operator: SparsePauliOp, index: Mapping[str, int]) -> PauliSum:
    labels = operator.paulis.to_labels()
    terms = zip(labels, operator.coeffs.tolist(), strict=True)
    return _from_labels(operator.num_qubits, terms, index)


def _from_labels(
    num_qubits: int,
    terms: Iterable[tuple[str, complex | ParameterExpression]],
    index: Mapping[str, int],
) -> PauliSum:
    return pauli_sum(num_qubits, ((label, _coefficient(c, label, index)) for label, c in terms))


def _from_sparse_observable(observable: SparseObservable) -> PauliSum:
    labelled = []
    for letters, qubits, coefficient in observable.to_sparse_list():
        label = ["I"] * observable.num_qubits
        for letter, qubit in zip(letters, qubits, strict=True):
            label[-1 - qubit] = letter
        labelled.append(("".join(label), coefficient))
    return pauli_sum(observable.num_qubits, labelled)


def _coefficient(
    value: complex | ParameterExpression, label: str, index: Mapping[str, int]
) -> complex | Expression:
    """A number, or an expression of the circuit's parameters."""
    refuse_masks(value, f"the coefficient of {label}")
    if not isinstance(value, ParameterExpression):
        return complex(value)
    if not value.parameters:
        return complex(value.numeric())
    if unknown := sorted(p.name for p in value.parameters if p.name not in index):
        raise ValueError(
            f"the coefficient of {label} has free parameters, {', '.join(unknown)}, that are not "
            f"among the circuit's {list(index)}; bind them (`SparsePauliOp.assign_parameters`)"
        )
    try:
        return to_expression(value, {p: index[p.name] for p in value.parameters})
    except ValueError as cause:
        raise ValueError(
            f"the coefficient of {label}, {value}, is not known to be real: {cause}. Expected an "
            "expression of real numbers, for a Hermitian observable"
        ) from cause
