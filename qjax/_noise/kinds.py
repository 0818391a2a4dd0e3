"""Floor 3. Kinds of channels -> Kraus operators and matrices in the Pauli basis: the table.

A new channel is a row in `KINDS` and a function in `qjax.noise` that checks its strengths. The
matrix is written down in closed form where Kraus operators hold square roots of strengths, whose
slope at 0 is infinite: the matrix has finite ones.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array
from jaxtyping import Complex, Float

from qjax._noise.misreading import transfer_of_misreading
from qjax._noise.transfer import pauli_strings, transfer_of_kraus


@dataclass(frozen=True)
class ChannelKind:
    """What is known of all channels of a name.

    Attributes:
        transfer: (number of qubits, *strengths) -> the matrix in the Pauli basis.
        kraus: (number of qubits, *strengths) -> Kraus operators.
        is_pauli: whether it is a mixture of Pauli strings, so that the matrix is diagonal.
    """

    transfer: Callable[..., Float[Array, "4**k 4**k"]]
    kraus: Callable[..., Complex[Array, "m 2**k 2**k"]]
    is_pauli: bool = False


def _depolarizing_transfer(num_qubits: int, p: Array) -> Array:
    return jnp.diag(jnp.ones(4**num_qubits, p.dtype).at[1:].set(1 - p))


def _depolarizing_kraus(num_qubits: int, p: Array) -> Array:
    share = p / 4**num_qubits
    probabilities = jnp.full(4**num_qubits, share).at[0].set(1 - (4**num_qubits - 1) * share)
    return jnp.sqrt(probabilities)[:, None, None] * pauli_strings(num_qubits)


def _general_transfer(_: int, operators: Array) -> Array:
    return transfer_of_kraus(operators)


def _general_kraus(_: int, operators: Array) -> Array:
    return operators


def _misreading_transfer(_: int, matrix: Array) -> Array:
    return transfer_of_misreading(matrix)


def _no_kraus(*_: Array) -> Array:
    raise ValueError("misread bits have no Kraus operators: they are no operation on qubits")


KINDS = {
    "depolarizing": ChannelKind(_depolarizing_transfer, _depolarizing_kraus, is_pauli=True),
    "kraus": ChannelKind(_general_transfer, _general_kraus),
    "misreading": ChannelKind(_misreading_transfer, _no_kraus),
}
