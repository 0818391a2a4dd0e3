"""Floor 3. Observables of a few among many qubits: ("XX", [0, 2], 0.5) -> ("..X.X", 0.5)."""

import operator
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from qiskit.circuit import Parameter, ParameterExpression

from qjax._base.arrays import refuse_masks
from qjax._base.options import check_ordered
from qjax._circuit.observable import PAULIS, PROJECTIONS

_MEANING = 'expected (letters, qubits, coefficient), such as ("XX", [0, 2], 0.5)'


def is_sparse(given: object) -> bool:
    """Whether it is one of Qiskit's sparse terms, or a list of nothing else."""
    if not isinstance(given, (list, tuple)):
        return False
    return _is_term(given) or (len(given) > 0 and all(map(_is_term, given)))


def _is_term(given: object) -> bool:
    """Whether it is a term, or meant as one."""
    if not isinstance(given, (list, tuple)) or len(given) < 2 or not isinstance(given[0], str):
        return False
    qubits = given[1]
    if isinstance(qubits, (list, tuple)):
        # Else a label stands beside another observable.
        return not any(isinstance(qubit, (str, list, tuple)) for qubit in qubits)
    return isinstance(qubits, (int, np.integer, np.ndarray, range, set, frozenset))


def several(observables: object) -> Sequence[object] | None:
    """The observables of a list of them; None for a single one.

    A sparse term is a single one, and so is a list of nothing but terms: their sum.

    Raises:
        ValueError: for terms beside observables of other kinds.
    """
    check_ordered(observables, "observables")
    if not isinstance(observables, (list, tuple)) or is_sparse(observables):
        return None
    if terms := [observable for observable in observables if _is_term(observable)]:
        raise ValueError(
            f"observables: the sparse term {terms[0]!r} stands beside observables of other kinds; "
            f"expected a list of nothing but terms, which is their sum, or [{terms[0]!r}] for an "
            "observable of its own"
        )
    return observables


def parameters_of(given: Any) -> list[Parameter]:
    """Those in the coefficients of a term, or of a list of terms."""
    coefficients = (term[2] for term in _terms(given) if len(term) == 3)
    return [p for c in coefficients if isinstance(c, ParameterExpression) for p in c.parameters]


def labelled(given: Any, num_qubits: int) -> list[tuple[str, complex | ParameterExpression]]:
    """Full labels with their coefficients, of a term or a list of terms.

    Raises:
        ValueError: for qubits that do not fit the letters or the circuit.
        TypeError: for another form, and coefficients that are neither numbers nor expressions.
    """
    return [_labelled(term, num_qubits) for term in _terms(given)]


def _terms(given: Any) -> Sequence[Any]:
    return [given] if _is_term(given) else given


def _labelled(term: Sequence[Any], num_qubits: int) -> tuple[str, complex | ParameterExpression]:
    if len(term) != 3 or isinstance(term[1], (int, np.integer)):
        raise TypeError(f"observables: got the sparse term {term!r}; {_MEANING}")
    check_ordered(term[1], f"observables: the qubits of the sparse term {term!r}")
    letters, qubits = term[0], [_qubit(qubit, term) for qubit in term[1]]
    if unknown := [letter for letter in letters if letter not in PAULIS + PROJECTIONS]:
        raise ValueError(
            f"observables: the sparse term {term!r} has the letter {unknown[0]!r}; expected some "
            "of IXYZ, and of the projectors 0, 1, +, -, r and l"
        )
    if len(letters) != len(qubits):
        raise ValueError(
            f"observables: the sparse term {term!r} has {len(letters)} letters and {len(qubits)} "
            "qubits; expected a letter for each qubit"
        )
    if len(set(qubits)) != len(qubits) or not all(0 <= qubit < num_qubits for qubit in qubits):
        raise ValueError(
            f"observables: the sparse term {term!r} has qubits {qubits}; expected distinct numbers "
            f"from 0 to {num_qubits - 1}"
        )
    label = ["I"] * num_qubits
    for letter, qubit in zip(letters, qubits, strict=True):
        label[-1 - qubit] = letter
    return "".join(label), _coefficient(term)


def _qubit(qubit: object, term: object) -> int:
    if isinstance(qubit, (bool, np.bool_)):
        raise TypeError(f"observables: a qubit of the sparse term {term!r} is {qubit}; {_MEANING}")
    try:
        return operator.index(qubit)  # type: ignore[arg-type]
    except TypeError as error:
        raise TypeError(
            f"observables: a qubit of the sparse term {term!r} is no whole number; {_MEANING}"
        ) from error


def _coefficient(term: Sequence[Any]) -> complex | ParameterExpression:
    value = term[2]
    if isinstance(value, ParameterExpression):
        return value
    if isinstance(value, jax.core.Tracer):
        raise TypeError(
            f"observables: the coefficient of {term[:2]!r} is traced by JAX, and observables are "
            "static; use a Parameter, whose value is one of params"
        )
    refuse_masks(value, f"observables: the coefficient of the sparse term {term!r}")
    array = np.asarray(value)
    if array.shape or array.dtype.kind not in "iufc":
        raise TypeError(
            f"observables: the coefficient of the sparse term {term!r} is {value!r}; expected a "
            "number, or an expression of Parameters"
        )
    return complex(array)
