"""Floor 3. A channel: its kind, and its strengths as leaves of a pytree."""

from dataclasses import dataclass, field
from typing import Any

import jax
from jax import Array
from jaxtyping import Complex, Float

from qjax._noise.kinds import KINDS, ChannelKind


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Channel:
    """A noise channel on k qubits: a completely positive map that keeps the trace.

    A pytree whose leaves are its strengths, which JAX may trace: `jax.grad` differentiates in them.
    The functions of `qjax.noise` make and check channels.

    Attributes:
        name: its kind.
        num_qubits: k.
        strengths: the numbers that the kind takes, such as a probability.
    """

    name: str = field(metadata={"static": True})
    num_qubits: int = field(metadata={"static": True})
    strengths: tuple[Any, ...]

    @property
    def kind(self) -> ChannelKind:
        """What is known of all channels of this name."""
        return KINDS[self.name]

    @property
    def kraus(self) -> Complex[Array, "m 2**k 2**k"]:
        """Its Kraus operators; the first qubit is the least significant bit of their indices."""
        return self.kind.kraus(self.num_qubits, *self.strengths)

    @property
    def transfer_matrix(self) -> Float[Array, "4**k 4**k"]:
        """Its matrix in the Pauli basis, R[i, j] = tr(P_i E(P_j)) / 2**k.

        Digits 0, 1, 2, 3 of an index stand for I, X, Y, Z; the first qubit is the least
        significant digit.
        """
        return self.kind.transfer(self.num_qubits, *self.strengths)
