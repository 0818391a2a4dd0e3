"""Kraus operators, for libraries that have no depolarizing channel of two qubits."""

from __future__ import annotations

import itertools

import numpy as np

PAULIS = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])


def depolarizing(p: float, num_qubits: int) -> np.ndarray:
    """All Pauli strings with their weights, `(4**k, 2**k, 2**k)`: see `strength`."""
    operators = []
    for number, string in enumerate(itertools.product(PAULIS, repeat=num_qubits)):
        matrix = np.eye(1)
        for pauli in string:
            matrix = np.kron(matrix, pauli)
        probability = p / 4**num_qubits + (1 - p if number == 0 else 0)
        operators.append(np.sqrt(probability) * matrix)
    return np.array(operators)
