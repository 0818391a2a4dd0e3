"""Floor 3. A channel: its kind, and its strengths as leaves of a pytree."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Complex, Float

from qjax._noise.kinds import KINDS, ChannelKind
from qjax._noise.mixtures import UnitaryMixture, misread_matrix
from qjax._noise.pauli_mixtures import PauliMixture, all_probabilities


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False, repr=False)
class Channel:
    """A noise channel on k qubits: a completely positive map that keeps the trace.

    A pytree whose leaves are its strengths, which JAX may trace: `jax.grad` differentiates in them.
    The functions of `qjax.noise` make and check channels. Where strengths of a range that there is
    no channel for come later, as leaves of the pytree, all numbers below are NaN.

    Attributes:
        name: its kind.
        num_qubits: k.
        strengths: the numbers that the kind takes, such as a probability; channels, for one that
            is composed.
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
        """Its Kraus operators; the first qubit is the least significant bit of their indices.

        They hold square roots of strengths: derivatives are infinite where a strength is 0.
        """
        return self._numbers(self.kind.kraus)

    @property
    def transfer_matrix(self) -> Float[Array, "4**k 4**k"]:
        """Its matrix in the Pauli basis, R[i, j] = tr(P_i E(P_j)) / 2**k.

        Digits 0, 1, 2, 3 of an index stand for I, X, Y, Z; the first qubit is the least
        significant digit. Derivatives are finite where a strength is 0.
        """
        return self._numbers(self.kind.transfer)

    @property
    def is_pauli(self) -> bool:
        """Whether it is a mixture of Pauli strings, whatever its strengths are."""
        return self.kind.paulis is not None and all(part.is_pauli for part in self._parts)

    @property
    def pauli_mixture(self) -> PauliMixture:
        """The numbers of the Pauli strings that it is a mixture of, and their probabilities.

        Raises:
            ValueError: where `is_pauli` is False.
        """
        if self.kind.paulis is None or not self.is_pauli:
            raise ValueError(f"{self} is no mixture of Pauli strings")
        return self._numbers(self.kind.paulis)

    @property
    def pauli_probabilities(self) -> Float[Array, "4**k"]:
        """The probability of each Pauli string, in the order of the basis.

        Raises:
            ValueError: where `is_pauli` is False.
        """
        return all_probabilities(self.num_qubits, self.pauli_mixture)

    @property
    def is_mixture(self) -> bool:
        """Whether it is a mixture of unitaries, whatever its strengths are."""
        return self.kind.mixture is not None and all(part.is_mixture for part in self._parts)

    @property
    def mixture(self) -> UnitaryMixture:
        """The unitaries that it is a mixture of, and their probabilities.

        Raises:
            ValueError: where `is_mixture` is False.
        """
        if self.kind.mixture is None or not self.is_mixture:
            raise ValueError(f"{self} is no mixture of unitaries")
        return self._numbers(self.kind.mixture)

    @property
    def misreading(self) -> Float[Array, "2**k 2**k"]:
        """Of misread bits: the probability to read j (column) where i (row) was true."""
        return self._numbers(lambda _, *strengths: misread_matrix(*strengths))

    @property
    def is_possible(self) -> bool:
        """Whether its strengths are in range, as far as they are known."""
        if self._parts:
            return all(part.is_possible for part in self._parts)
        if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(self.strengths)):
            return True
        with jax.ensure_compile_time_eval():
            strengths = in_one_precision(self.strengths)
            return bool(self.kind.in_range(self.num_qubits, *strengths))

    def then(self, other: "Channel") -> "Channel":
        """This channel, and after it another one on the same qubits.

        Raises:
            ValueError: for one of another size.
            TypeError: for what is no channel.
        """
        check_channel(other)
        if other.num_qubits != self.num_qubits:
            raise ValueError(
                f"then: expected a channel on {self.num_qubits} qubits, as the first one, got "
                f"{other}; a.tensor(b) acts on the qubits of both"
            )
        return Channel("then", self.num_qubits, (self, other))

    def tensor(self, other: "Channel") -> "Channel":
        """This channel on the last qubits, and another one on the first, as Qiskit's `tensor`.

        So `a.tensor(b)` after "cx" is b on its control and a on its target.

        Raises:
            TypeError: for what is no channel.
        """
        check_channel(other)
        return Channel("tensor", self.num_qubits + other.num_qubits, (self, other))

    @property
    def _parts(self) -> tuple["Channel", ...]:
        return tuple(part for part in self.strengths if isinstance(part, Channel))

    def _numbers(self, function: Callable[..., Any]) -> Any:
        """A function of the kind at the strengths; NaN where there is no such channel."""
        strengths = in_one_precision(self.strengths)
        is_channel = self.kind.in_range(self.num_qubits, *strengths)

        def checked(values: Any) -> Any:
            if isinstance(values, np.ndarray):  # numbers of Pauli strings
                return values
            return jnp.where(is_channel, values, jnp.full_like(values, jnp.nan))

        return jax.tree.map(checked, function(self.num_qubits, *strengths))

    def __repr__(self) -> str:
        if self._parts:
            first, second = self.strengths
            return f"{first}.{self.name}({second})"
        strengths = ", ".join(map(described, self.strengths))
        size = f", num_qubits={self.num_qubits}" if self.num_qubits > 1 else ""
        return f"{self.name}({strengths}{size})"


def in_one_precision(strengths: Any) -> Any:
    """A pytree of numbers as arrays of one precision: that of JAX's among them, or its default."""
    leaves = jax.tree.leaves(strengths)
    arrays = [leaf for leaf in leaves if isinstance(leaf, jax.Array)]
    dtypes = {jnp.finfo(a.dtype).dtype for a in arrays if jnp.issubdtype(a.dtype, jnp.inexact)}
    real = max(dtypes, key=lambda dtype: dtype.itemsize, default=jnp.result_type(float))
    of_complex = np.result_type(real, np.complex64)

    def cast(leaf: Any) -> Array:
        return jnp.asarray(leaf, of_complex if np.iscomplexobj(leaf) else real)

    return jax.tree.map(cast, strengths)


def check_channel(value: object) -> None:
    """Require a channel.

    Raises:
        TypeError: for anything else.
    """
    if not isinstance(value, Channel):
        raise TypeError(
            f"channel: expected a qjax.noise.Channel, such as qjax.noise.depolarizing(0.01), got "
            f"the {type(value).__name__} {value!r}"
        )


def described(strength: Any) -> str:
    """A strength in few characters."""
    if isinstance(strength, jax.core.Tracer):
        return "traced"
    if np.ndim(strength):
        return f"array{np.shape(strength)}"
    return f"{strength:.6g}" if isinstance(strength, (float, np.floating)) else f"{strength}"
