"""Floor 3. Kraus operators -> matrices in the Pauli basis.

A density matrix is a real vector of the numbers tr(P rho), one for each Pauli string P, and a
channel a real matrix on those: R[i, j] = tr(P_i E(P_j)) / 2**k. (D. Greenbaum, arXiv:1509.02921,
section 2.) Digit 0, 1, 2, 3 of an index stands for I, X, Y, Z on a qubit, the first qubit being
the least significant digit.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Complex, Float

from qjax._base import tuning

PAULIS = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])


def pauli_strings(num_qubits: int) -> Complex[np.ndarray, "4**k 2**k 2**k"]:
    """The matrices of all Pauli strings, in the order of the basis."""
    strings = np.ones((1, 1, 1), complex)
    for _ in range(num_qubits):
        # A further qubit is more significant, in the index of strings and of basis states alike.
        strings = np.einsum("aij,bkl->abikjl", PAULIS, strings).reshape(
            4 * len(strings), 2 * strings.shape[1], 2 * strings.shape[2]
        )
    return strings


def transfer_of_kraus(
    operators: Complex[Array, "m 2**k 2**k"], weights: Float[Array, "m"] | None = None
) -> Float[Array, "4**k 4**k"]:
    """The matrix of a channel in the Pauli basis, from its Kraus operators.

    Args:
        operators: the Kraus operators.
        weights: what the square of each counts; 1 where none are given.
    """
    size = operators.shape[-1]
    strings = jnp.asarray(pauli_strings(size.bit_length() - 1), operators.dtype)
    weighted = operators if weights is None else scaled(weights, operators)
    after = jnp.einsum(
        "mab,jbc,mdc->jad", weighted, strings, operators.conj(), precision=tuning.PRECISION
    )
    matrix = jnp.einsum("iba,jab->ij", strings, after, precision=tuning.PRECISION)
    return matrix.real / size


def scaled(
    weights: Float[Array, "m"], operators: Complex[Array, "m 2**k 2**k"]
) -> Complex[Array, "m 2**k 2**k"]:
    """Matrices, each multiplied by a real number."""
    return lax.complex(weights, jnp.zeros_like(weights))[:, None, None] * operators
