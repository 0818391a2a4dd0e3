"""Floor 5. Instructions that are drawn at random -> channel, in its simplest form."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.quantum_info import Operator, Pauli

from qjax._noise import Channel
from qjax._noise.kinds import most_depolarizing
from qjax._noise.transfer import pauli_strings
from qjax.noise._channels import coherent, depolarizing, kraus, mixed_unitary, pauli, reset

Instruction = Mapping[str, Any]
Term = tuple[Sequence[Instruction], float]

_RESET = (np.diag([1.0, 0.0]), np.array([[0.0, 1.0], [0.0, 0.0]]))
_MOST_UNITARIES = 64


class _Operators(NamedTuple):
    """A term: its Kraus operators, and its probability."""

    operators: list[np.ndarray]
    probability: float


def as_channel(terms: Sequence[Term], num_qubits: int, what: str) -> Channel:
    """The channel in which one of several sequences of instructions runs.

    Args:
        terms: each as a list of instructions, which have a name, qubits and parameters, and its
            probability.
        num_qubits: of the channel.
        what: how an error message calls it.

    Raises:
        ValueError: for instructions that are neither gates, resets nor Kraus operators.
    """
    parts = [_Operators(_run(term, num_qubits, what), float(p)) for term, p in terms if p]
    if num_qubits == 1 and (shares := _reset_shares(terms)) is not None:
        return reset(*shares)
    if all(len(part.operators) == 1 for part in parts):
        paulis = _pauli_probabilities(parts, num_qubits)
        if paulis is not None:
            return _of_paulis(paulis, num_qubits)
        if len(parts) <= _MOST_UNITARIES:
            return _of_unitaries(parts)
    return kraus(_few(parts))


def _run(term: Sequence[Instruction], num_qubits: int, what: str) -> list[np.ndarray]:
    """The Kraus operators of instructions one after the other."""
    running = [np.eye(2**num_qubits, dtype=complex)]
    for instruction in term:
        own = _operators(instruction, what)
        qubits = list(instruction["qubits"])
        identity = Operator(np.eye(2**num_qubits))
        wide = [identity.compose(Operator(matrix), qargs=qubits).data for matrix in own]
        running = [after @ before for before, after in product(running, wide)]
    return running


def _operators(instruction: Instruction, what: str) -> Sequence[np.ndarray]:
    name, parameters = instruction["name"], list(instruction.get("params", ()))
    if name == "reset" and len(instruction["qubits"]) == 1:
        return _RESET
    if name in ("kraus", "unitary"):
        return [np.asarray(matrix, complex) for matrix in parameters]
    if name == "pauli":
        return [Pauli(parameters[0]).to_matrix()]
    known = get_standard_gate_name_mapping().get(name)
    if known is None or not hasattr(known, "to_matrix"):
        raise ValueError(
            f"{what}: it holds the instruction {name!r}; expected Qiskit's standard gates, unitary "
            "matrices, resets and Kraus operators"
        )
    return [np.asarray(type(known.to_mutable())(*parameters).to_matrix())]


def _reset_shares(terms: Sequence[Term]) -> tuple[float, float] | None:
    """The probabilities of resets to |0> and |1> where all else does nothing; None otherwise."""
    shares = {("reset",): 0.0, ("reset", "x"): 0.0}
    for term, probability in terms:
        names = tuple(each["name"] for each in term if each["name"] != "id")
        if names in shares:
            shares[names] += float(probability)
        elif names:
            return None
    return tuple(shares.values()) if any(shares.values()) else None  # type: ignore[return-value]


def _pauli_probabilities(parts: list[_Operators], num_qubits: int) -> np.ndarray | None:
    """The probability of each Pauli string, where all unitaries are such."""
    strings = pauli_strings(num_qubits)
    probabilities = np.zeros(len(strings))
    for (matrix,), probability in parts:
        overlaps = np.abs(np.einsum("sij,ij->s", strings.conj(), matrix)) / len(matrix)
        string = int(np.argmax(overlaps))
        if abs(overlaps[string] - 1) > 1e-12:
            return None
        probabilities[string] += probability
    return probabilities


def _of_paulis(probabilities: np.ndarray, num_qubits: int) -> Channel:
    errors = probabilities[1:]
    if np.ptp(errors) <= 1e-14:
        strength = 4**num_qubits * errors.mean()
        # The most is rounded.
        return depolarizing(min(strength, most_depolarizing(num_qubits)), num_qubits)
    labels = ["".join(letters) for letters in product("IXYZ", repeat=num_qubits)][1:]
    return pauli(dict(zip(labels, errors, strict=True)))


def _of_unitaries(parts: list[_Operators]) -> Channel:
    if len(parts) == 1:
        return coherent(parts[0].operators[0])
    matrices = np.stack([part.operators[0] for part in parts])
    return mixed_unitary([part.probability for part in parts], matrices)


def _few(parts: list[_Operators]) -> np.ndarray:
    """Kraus operators of a mixture, at most 4**k: those that are orthogonal to each other.

    They are eigenvectors of the Choi matrix, each by the root of its eigenvalue.
    """
    operators = np.stack([np.sqrt(p) * each for many, p in parts for each in many])
    size = operators.shape[-1]
    vectors = operators.reshape(len(operators), -1)
    if len(vectors) <= size**2:
        return operators
    values, eigenvectors = np.linalg.eigh(vectors.T @ vectors.conj())
    kept = values > np.finfo(float).eps * values.max()
    return (np.sqrt(values[kept]) * eigenvectors[:, kept]).T.reshape(-1, size, size)
