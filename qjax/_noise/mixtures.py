"""Floor 3. Mixtures of unitaries, and misread bits."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Complex, Float

from qjax._base import tuning
from qjax._noise.transfer import scaled, transfer_of_kraus


class UnitaryMixture(NamedTuple):
    """Unitary matrices, and the probability of each."""

    probabilities: Float[Array, "m"]
    unitaries: Complex[Array, "m 2**k 2**k"]


def transfer_of_mixture(mixture: UnitaryMixture) -> Float[Array, "4**k 4**k"]:
    """The matrix of a mixture in the Pauli basis."""
    return transfer_of_kraus(mixture.unitaries, mixture.probabilities)


def kraus_of_mixture(mixture: UnitaryMixture) -> Complex[Array, "m 2**k 2**k"]:
    """The Kraus operators of a mixture."""
    # What others leave of 1 may be below 0 by rounding.
    return scaled(jnp.sqrt(jnp.maximum(mixture.probabilities, 0)), mixture.unitaries)


def coherent(unitary: Complex[Array, "2**k 2**k"]) -> UnitaryMixture:
    """One unitary, always."""
    return UnitaryMixture(jnp.ones(1, unitary.real.dtype), unitary[None])


def keeps_trace(operators: Complex[Array, "m 2**k 2**k"]) -> Array:
    """Whether the sum of K^dagger K is 1, within the square root of the precision."""
    return _is_identity(
        jnp.einsum("mji,mjk->ik", operators.conj(), operators, precision=tuning.PRECISION)
    )


def each_keeps_trace(operators: Complex[Array, "m 2**k 2**k"]) -> Array:
    """Whether all matrices are unitary, within the square root of the precision."""
    return _is_identity(
        jnp.einsum("mji,mjk->mik", operators.conj(), operators, precision=tuning.PRECISION)
    )


def _is_identity(matrices: Complex[Array, "... 2**k 2**k"]) -> Array:
    identity = jnp.eye(matrices.shape[-1], dtype=matrices.dtype)
    error = jnp.abs(matrices - jnp.broadcast_to(identity, matrices.shape))
    return jnp.max(error) <= jnp.sqrt(jnp.finfo(matrices.dtype).eps)


# ---------------------------------------------------------------- misread bits


def misread_matrix(*strengths: Array) -> Float[Array, "2**k 2**k"]:
    """The probability to read j (column) where i (row) was true.

    Args:
        strengths: that matrix; or for one bit the probability to read 1 for 0, and that to read
            0 for 1, which is the same one where it is not given.
    """
    if strengths[0].ndim:
        return strengths[0]
    p01, p10 = strengths if len(strengths) > 1 else strengths * 2
    return jnp.stack([1 - p01, p01, p10, 1 - p10]).reshape(2, 2)


def misread_kraus(*strengths: Array) -> Complex[Array, "4**k 2**k 2**k"]:
    """Kraus operators sqrt(M[i, j]) |j><i|: what is i is read as j with probability M[i, j]."""
    matrix = misread_matrix(*strengths)
    size = len(matrix)
    moves = np.zeros((size, size, size, size))
    for i in range(size):
        moves[i, :, :, i] = np.eye(size)
    dtype = np.result_type(matrix.dtype, np.complex64)
    operators = jnp.asarray(moves.reshape(-1, size, size), dtype)
    return scaled(jnp.sqrt(matrix).ravel(), operators)


def misread_transfer(num_qubits: int, *strengths: Array) -> Float[Array, "4**k 4**k"]:
    """The matrix of `misread_kraus` in the Pauli basis: strings of 1 and Z go to such strings."""
    matrix = misread_matrix(*strengths)
    # The diagonal of a state is a sum of strings of 1 and Z, whose signs are those of Walsh.
    signs = np.array([[1]])
    strings = np.array([0])
    for k in range(num_qubits):
        signs = np.kron([[1, 1], [1, -1]], signs)
        strings = np.concatenate([strings, strings + 3 * 4**k])
    walsh = jnp.asarray(signs, matrix.dtype)
    product = jnp.einsum("ij,kj,kl->il", walsh, matrix, walsh, precision=tuning.PRECISION)
    block = product / len(matrix)
    zeros = jnp.zeros((4**num_qubits, 4**num_qubits), matrix.dtype)
    return zeros.at[np.ix_(strings, strings)].set(block)


def is_stochastic(*strengths: Array) -> Array:
    """Whether the rows are probabilities, within the square root of the precision."""
    matrix = misread_matrix(*strengths)
    slack = jnp.sqrt(jnp.finfo(matrix.dtype).eps)
    return jnp.all(matrix >= 0) & jnp.all(jnp.abs(matrix.sum(axis=1) - 1) <= slack)
