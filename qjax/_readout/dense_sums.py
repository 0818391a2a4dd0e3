"""Floor 5. Observables that are read out as matrices: given ones, and sums on few qubits."""

from collections.abc import Sequence

import numpy as np

from qjax._base import tuning
from qjax._circuit.observable import DenseObservable, Observable, PauliSum, PauliTerm
from qjax._expressions import Expression


def matrices_of(observables: Sequence[Observable], num_qubits: int) -> dict[int, np.ndarray]:
    """What is applied as a matrix: that was given as one, or sums of many strings on few qubits."""
    matrices = {
        output: observable.matrix.array
        for output, observable in enumerate(observables)
        if isinstance(observable, DenseObservable)
    }
    sums = {p: o for p, o in enumerate(observables) if isinstance(o, PauliSum)}
    terms = [term for observable in sums.values() for term in observable.terms]
    flips = {(term.x, (term.x & term.z).bit_count() & 1) for term in terms}
    plain = not any(isinstance(t.coefficient, Expression) or t.projectors for t in terms)
    # Twice as many numbers per row, multiplied and added, in a GEMM.
    cheap = len(sums) << num_qubits <= tuning.MATRIX_GAIN * len(flips)
    small = len(sums) << 2 * num_qubits <= tuning.MAX_DENSE
    # Given matrices are of the qubits without the records of a dynamic circuit.
    fitting = all(len(matrix) == 2**num_qubits for matrix in matrices.values())
    if plain and cheap and small and fitting and len(flips) > tuning.MAX_UNROLLED:
        matrices |= {output: _matrix(sums[output].terms, num_qubits) for output in sums}
    return matrices


def _matrix(terms: Sequence[PauliTerm], num_qubits: int) -> np.ndarray:
    rows = np.arange(2**num_qubits)
    matrix = np.zeros((len(rows), len(rows)), complex)
    for x, z, coefficient, _ in terms:
        assert not isinstance(coefficient, Expression)
        factor = coefficient * 1j ** (x & z).bit_count()
        matrix[rows ^ x, rows] += factor * (
            1.0 - 2 * (np.bitwise_count(rows & z) & 1).astype(float)
        )
    return matrix
