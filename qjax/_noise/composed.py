"""Floor 3. Channels of channels: one after the other, and side by side.

The first factor of a tensor product acts on the most significant qubits, as in Qiskit.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Complex, Float

from qjax._base import tuning
from qjax._noise.mixtures import UnitaryMixture
from qjax._noise.pauli_mixtures import PauliMixture, all_probabilities, one_after_the_other

# A `Channel`, whose module stands on this one.
AnyChannel = Any


def then_transfer(first: AnyChannel, second: AnyChannel) -> Float[Array, "4**k 4**k"]:
    """The product of the matrices."""
    return jnp.matmul(second.transfer_matrix, first.transfer_matrix, precision=tuning.PRECISION)


def then_kraus(first: AnyChannel, second: AnyChannel) -> Complex[Array, "m 2**k 2**k"]:
    """All products of operators."""
    return _products(first.kraus, second.kraus)


def then_paulis(num_qubits: int, first: AnyChannel, second: AnyChannel) -> PauliMixture:
    """All products of strings."""
    parts = (all_probabilities(num_qubits, part.pauli_mixture) for part in (first, second))
    return PauliMixture(np.arange(4**num_qubits), one_after_the_other(*parts))


def then_mixture(first: AnyChannel, second: AnyChannel) -> UnitaryMixture:
    """All products of unitaries."""
    one, other = first.mixture, second.mixture
    unitaries = _products(one.unitaries, other.unitaries)
    return UnitaryMixture(_both(one.probabilities, other.probabilities), unitaries)


def tensor_transfer(upper: AnyChannel, lower: AnyChannel) -> Float[Array, "4**k 4**k"]:
    """The Kronecker product of the matrices."""
    return jnp.kron(upper.transfer_matrix, lower.transfer_matrix)


def tensor_kraus(upper: AnyChannel, lower: AnyChannel) -> Complex[Array, "m 2**k 2**k"]:
    """The Kronecker products of the operators."""
    return _kronecker_products(upper.kraus, lower.kraus)


def tensor_paulis(upper: AnyChannel, lower: AnyChannel) -> PauliMixture:
    """The strings written one after the other."""
    one, other = upper.pauli_mixture, lower.pauli_mixture
    strings = one.strings[:, None] * 4**lower.num_qubits + other.strings
    return PauliMixture(strings.ravel(), _both(one.probabilities, other.probabilities))


def tensor_mixture(upper: AnyChannel, lower: AnyChannel) -> UnitaryMixture:
    """The Kronecker products of the unitaries."""
    one, other = upper.mixture, lower.mixture
    unitaries = _kronecker_products(one.unitaries, other.unitaries)
    return UnitaryMixture(_both(one.probabilities, other.probabilities), unitaries)


def _both(one: Array, other: Array) -> Array:
    return jnp.outer(one, other).ravel()


def _products(first: Array, second: Array) -> Array:
    products = jnp.einsum("aij,bjk->baik", second, first, precision=tuning.PRECISION)
    return products.reshape(-1, *first.shape[1:])


def _kronecker_products(upper: Array, lower: Array) -> Array:
    size = upper.shape[-1] * lower.shape[-1]
    return jnp.einsum("aij,bkl->abikjl", upper, lower).reshape(-1, size, size)
