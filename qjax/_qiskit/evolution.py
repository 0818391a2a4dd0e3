"""Floor 3. exp(-i t H) -> gates, exactly.

Terms that anticommute with one another, directly or through others, form a group; groups commute,
so that each evolves by itself. A group of one term is a Pauli rotation, for Qiskit to write. A
larger one is diagonalised here: exp(-i t H) = V exp(-i t E) V^dagger, where V is constant and the
time stands in the phases alone, which makes it differentiable.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from qiskit.quantum_info import PauliList, SparseObservable, SparsePauliOp

from qjax._base.walsh import parity_weights
from qjax._circuit.operations import Control, Gate, freeze_matrix
from qjax._expressions import Expression, compose, constant

# The matrices of a group are dense, of size 4**n.
MAX_EVOLUTION_QUBITS = 8

# Phases below this part of the largest are rounding errors of the eigenvalues.
_NOTHING = 1e-14


class Hamiltonian(NamedTuple):
    """A sum of Pauli terms, acting where the controls hold.

    Attributes:
        rotations: the terms that commute with all others; None where there is no such.
        groups: the others.
        controls: places of qubits, and their values.
    """

    rotations: SparsePauliOp | None
    groups: tuple[SparsePauliOp, ...]
    controls: tuple[Control, ...]


def hamiltonian_of(operator: object) -> Hamiltonian:
    """What a `PauliEvolutionGate` evolves under: an operator, or a list of those to be summed."""
    # Takes a tenth of a second to import, and few circuits hold an evolution.
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    summed = _sum(operator)
    terms, controls = _controlled(summed) if isinstance(summed, SparseObservable) else (summed, ())
    total = terms.simplify(atol=0, rtol=0)
    # Parities survive that sums in uint8 lose their multiples of 256.
    x, z = total.paulis.x.astype(np.uint8), total.paulis.z.astype(np.uint8)
    count, labels = connected_components((x @ z.T + z @ x.T) & 1)
    groups = [total[labels == label] for label in range(count)]
    alone = [group for group in groups if len(group) == 1]
    rotations = SparsePauliOp.sum(alone) if alone else None
    return Hamiltonian(rotations, tuple(group for group in groups if len(group) > 1), controls)


def _sum(operator: object) -> SparsePauliOp | SparseObservable:
    if not isinstance(operator, list):
        return operator if isinstance(operator, SparseObservable) else SparsePauliOp(operator)
    parts = [_sum(part) for part in operator]
    if not any(isinstance(part, SparseObservable) for part in parts):
        return SparsePauliOp.sum(parts)
    observables = [
        part if isinstance(part, SparseObservable) else SparseObservable.from_sparse_pauli_op(part)
        for part in parts
    ]
    return sum(observables[1:], start=observables[0])


def _controlled(operator: SparseObservable) -> tuple[SparsePauliOp, tuple[Control, ...]]:
    """Projectors that all terms have in common are controls: Qiskit writes controls like that."""
    terms = [
        (dict(zip(term.indices.tolist(), term.bit_labels(), strict=True)), term.coeff)
        for term in operator
    ]
    common = set.intersection(*({*term.items()} for term, _ in terms)) if terms else set()
    control_values = {qubit: int(label) for qubit, label in common if label in "01"}
    left = [
        ([(qubit, label) for qubit, label in term.items() if qubit not in control_values], coeff)
        for term, coeff in terms
    ]
    rest = SparseObservable.from_sparse_list(
        [("".join(label for _, label in t), [qubit for qubit, _ in t], c) for t, c in left],
        operator.num_qubits,
    )
    controls = tuple(Control(*pair) for pair in sorted(control_values.items()))
    return SparsePauliOp.from_sparse_observable(rest), controls


def support_of(group: SparsePauliOp) -> list[int]:
    """The places of the qubits that a sum of Pauli terms acts on."""
    touched = (group.paulis.x | group.paulis.z).any(axis=0)
    return np.flatnonzero(touched).tolist()


def evolution(
    group: SparsePauliOp, time: Expression, qubits: Sequence[int], controls: tuple[Control, ...]
) -> Iterator[Gate]:
    """exp(-i time H) under controls.

    Args:
        group: H, dense on the qubits that it acts on.
        time: of any parameters.
        qubits: which qubits of the circuit those of H are.
        controls: where it acts.
    """
    support = support_of(group)
    paulis = PauliList.from_symplectic(group.paulis.z[:, support], group.paulis.x[:, support])
    matrix = SparsePauliOp(paulis, group.coeffs).to_matrix()
    targets = tuple(qubits[position] for position in support)
    energies, vectors = np.linalg.eigh(matrix)
    if not time.parameters:
        (number,) = time.constants
        # Unitary at any time, which a series for the exponential is not.
        evolved = vectors * np.exp(-1j * number * energies) @ vectors.conj().T
        yield Gate("unitary", targets, (), controls, freeze_matrix(evolved))
        return
    # Uncontrolled: where the phases do not act, V and its inverse cancel.
    yield Gate("unitary", targets, matrix=freeze_matrix(vectors.conj().T))
    yield from _phases(energies, time, targets, controls)
    yield Gate("unitary", targets, matrix=freeze_matrix(vectors))


def _phases(
    energies: np.ndarray, time: Expression, targets: Sequence[int], controls: tuple[Control, ...]
) -> Iterator[Gate]:
    """Basis state x gets the phase exp(-i time energies[x]).

    A phase on the parity of some qubits is RZ on one of them that holds the parity. CX in the
    order of a Gray code brings all parities there, each of them once (Welch, Greenbaum, Mostame
    and Aspuru-Guzik, New J. Phys. 16, 033040 (2014)). RZ have a period in their angles, which
    phases that are no multiples of each other have not: single precision keeps its digits.
    """
    weights = parity_weights(energies)
    least = _NOTHING * np.abs(weights).max()
    if abs(weights[0]) > least:
        yield Gate("global_phase", (), (_times(-weights[0], time),), controls)
    for bit, target in enumerate(targets):
        held = 0
        for step in range(2**bit):
            others = step ^ step >> 1
            if others != held:
                yield _cx(targets, others ^ held, target)
            held = others
            if abs(weight := weights[1 << bit | others]) > least:
                yield Gate("rz", (target,), (_times(2 * weight, time),), controls)
        if held:
            yield _cx(targets, held, target)


def _cx(targets: Sequence[int], bit: int, target: int) -> Gate:
    return Gate("x", (target,), controls=(Control(targets[bit.bit_length() - 1], 1),))


def _times(factor: float, time: Expression) -> Expression:
    return compose("multiply", (constant(factor), time))
