"""Floor 3. Mixtures of Pauli strings: their matrices in the Pauli basis are diagonal.

P_i P_j P_i is P_j where the two commute and -P_j where they do not: a string i of probability p_i
adds p_i S[i, j] to entry j of the diagonal, S[i, j] being 1 or -1.

The number of a string has a digit 0, 1, 2, 3 for I, X, Y, Z on each qubit, the first being the
least significant. The product of two strings has, up to a phase, the exclusive or of their numbers:
X Y = 1 ^ 2 = 3 = Z.
"""

from functools import reduce
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Complex, Float, Int

from qjax._noise.transfer import pauli_strings

# Whether I, X, Y, Z commute (1) or anticommute (-1).
_SIGNS = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]])


class PauliMixture(NamedTuple):
    """The numbers of Pauli strings, and the probability of each."""

    strings: Int[np.ndarray, "m"]
    probabilities: Float[Array, "m"]


def commutation_signs(num_qubits: int) -> Int[np.ndarray, "4**k 4**k"]:
    """1 where two Pauli strings commute, -1 where they do not."""
    return reduce(np.kron, [_SIGNS] * num_qubits)


def transfer_of_paulis(num_qubits: int, mixture: PauliMixture) -> Float[Array, "4**k 4**k"]:
    """The matrix of a mixture in the Pauli basis."""
    # As I commutes with all, the first entry is the sum of all probabilities, rounded.
    signs = commutation_signs(num_qubits)[mixture.strings, 1:]
    probabilities = mixture.probabilities
    diagonal = (probabilities[:, None] * signs.astype(probabilities.dtype)).sum(axis=0)
    return jnp.diag(jnp.concatenate([jnp.ones(1, probabilities.dtype), diagonal]))


def unitaries_of_paulis(num_qubits: int, mixture: PauliMixture) -> Complex[Array, "m 2**k 2**k"]:
    """The matrices of a mixture's strings."""
    dtype = np.result_type(mixture.probabilities.dtype, np.complex64)
    return jnp.asarray(pauli_strings(num_qubits)[mixture.strings], dtype)


def all_probabilities(num_qubits: int, mixture: PauliMixture) -> Float[Array, "4**k"]:
    """The probability of each Pauli string."""
    probabilities = mixture.probabilities
    zeros = jnp.zeros(4**num_qubits, probabilities.dtype)
    return zeros.at[mixture.strings].set(probabilities)


def one_after_the_other(
    first: Float[Array, "4**k"], second: Float[Array, "4**k"]
) -> Float[Array, "4**k"]:
    """The probabilities of products of strings, one drawn from each."""
    numbers = np.arange(len(first))
    return (first[:, None] * second[numbers[:, None] ^ numbers]).sum(axis=0)


# ---------------------------------------------------------------- kinds of them


def depolarizing(num_qubits: int, p: Array) -> PauliMixture:
    """Every string but the identity with the probability p / 4**k."""
    size = 4**num_qubits
    share = p / size
    probabilities = jnp.full(size, share).at[0].set(1 - (size - 1) * share)
    return PauliMixture(np.arange(size), probabilities)


def pauli(num_qubits: int, errors: Float[Array, "4**k-1"]) -> PauliMixture:
    """Strings with these probabilities, from the second on; the rest is the identity's."""
    rest = (1 - errors.sum())[None]
    return PauliMixture(np.arange(4**num_qubits), jnp.concatenate([rest, errors]))


def flip(string: int, p: Array) -> PauliMixture:
    """One string on one qubit with probability p."""
    return PauliMixture(np.array([0, string]), jnp.stack([1 - p, p]))


def phase_damping(lam: Array) -> PauliMixture:
    """What keeps a share sqrt(1 - lam) of a qubit's coherences."""
    # (1 - s) / 2 with s = sqrt(1 - lam), without cancellation.
    kept = jnp.sqrt(1 - lam)
    return flip(3, lam / (1 + kept) / 2)
