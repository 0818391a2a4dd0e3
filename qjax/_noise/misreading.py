"""Floor 3. Misread bits: probabilities to read j where i is true -> a matrix in the Pauli basis.

A device measures each Pauli string in its own basis, and what it reads is wrong in the same way in
each. Of k qubits, the sign (-1)**(j.S) of the bits j in a set S is on average, where i is true,

    sum_j M[i, j] (-1)**(j.S) = sum_T c[S, T] (-1)**(i.T),  c = (H M H / 2**k)^T,

with H[a, b] = (-1)**(a.b): so a string with the support S is read as the sum of c[S, T] times the
strings with the supports T, with the same letters where both are, and Z where only T is. For one
qubit, P is read as (1 - p01 - p10) P + (p10 - p01) 1.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from qjax._base import tuning


def transfer_of_misreading(matrix: Float[Array, "2**k 2**k"]) -> Float[Array, "4**k 4**k"]:
    """What each Pauli string is read as: no physical channel, but trace preserving."""
    size = matrix.shape[0]
    index = np.arange(size)
    signs = jnp.asarray(1.0 - 2 * (np.bitwise_count(index[:, None] & index) & 1), matrix.dtype)
    halves = jnp.matmul(signs, matrix, precision=tuning.PRECISION)
    shares = jnp.matmul(halves, signs, precision=tuning.PRECISION).T / size
    supports, columns = strings_read(size.bit_length() - 1)
    rows = np.arange(size * size)[:, None]
    whole = jnp.zeros((size * size, size * size), matrix.dtype)
    return whole.at[rows, columns].set(shares[supports[:, None], index[None]])


def strings_read(
    num_qubits: int,
) -> tuple[Int[np.ndarray, " 4**k"], Int[np.ndarray, "4**k 2**k"]]:
    """The support of each string; and for each set T the string that it leads to.

    Strings are numbered by digits of base 4, 0 to 3 for I, X, Y and Z, that of the first qubit
    least significant: as the rows and columns of `transfer_of_misreading`. All others are 0 there.
    """
    digits = np.arange(4**num_qubits)[:, None] >> 2 * np.arange(num_qubits) & 3
    supports = ((digits > 0) << np.arange(num_qubits)).sum(axis=1)
    chosen = np.arange(2**num_qubits)[:, None] >> np.arange(num_qubits) & 1
    letters = np.where(digits > 0, digits, 3)[:, None] * chosen[None]
    return supports, (letters << 2 * np.arange(num_qubits)).sum(axis=2)
