"""Floor 3. Kinds of channels -> Kraus operators and matrices in the Pauli basis: the table.

A new channel is a row in `KINDS` and a function in `qjax.noise` that checks its strengths. The
matrix is written down in closed form where Kraus operators hold square roots of strengths, whose
slope at 0 is infinite: the matrix has finite ones.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Complex, Float

from qjax._noise import composed, damping, mixtures
from qjax._noise import pauli_mixtures as paulis
from qjax._noise.misreading import transfer_of_misreading
from qjax._noise.mixtures import UnitaryMixture, kraus_of_mixture, transfer_of_mixture
from qjax._noise.pauli_mixtures import PauliMixture, transfer_of_paulis, unitaries_of_paulis
from qjax._noise.transfer import transfer_of_kraus


@dataclass(frozen=True)
class ChannelKind:
    """What is known of all channels of a name.

    All functions take the number of qubits, and then the strengths as arrays.

    Attributes:
        transfer: the matrix in the Pauli basis.
        kraus: Kraus operators.
        in_range: whether there is such a channel.
        paulis: the Pauli strings that it is a mixture of; None where it is none, or only with
            other strengths.
        mixture: the unitaries that it is a mixture of; None as above.
    """

    transfer: Callable[..., Float[Array, "4**k 4**k"]]
    kraus: Callable[..., Complex[Array, "m 2**k 2**k"]]
    in_range: Callable[..., Bool[Array, ""]]
    paulis: Callable[..., PauliMixture] | None = None
    mixture: Callable[..., UnitaryMixture] | None = None


def _pauli_kind(
    strings: Callable[..., PauliMixture], in_range: Callable[..., Array]
) -> ChannelKind:
    def mixture(k: int, *strengths: Array) -> UnitaryMixture:
        drawn = strings(k, *strengths)
        return UnitaryMixture(drawn.probabilities, unitaries_of_paulis(k, drawn))

    return ChannelKind(
        transfer=lambda k, *strengths: transfer_of_paulis(k, strings(k, *strengths)),
        kraus=lambda k, *strengths: kraus_of_mixture(mixture(k, *strengths)),
        in_range=in_range,
        paulis=strings,
        mixture=mixture,
    )


def _mixture_kind(
    mixture: Callable[..., UnitaryMixture], in_range: Callable[..., Array]
) -> ChannelKind:
    return ChannelKind(
        transfer=lambda _, *strengths: transfer_of_mixture(mixture(*strengths)),
        kraus=lambda _, *strengths: kraus_of_mixture(mixture(*strengths)),
        in_range=in_range,
        mixture=lambda _, *strengths: mixture(*strengths),
    )


def _one_qubit_kind(
    transfer: Callable[..., Array], kraus: Callable[..., Array], in_range: Callable[..., Array]
) -> ChannelKind:
    return ChannelKind(
        transfer=lambda _, *strengths: transfer(*strengths),
        kraus=lambda _, *strengths: kraus(*strengths),
        in_range=lambda _, *strengths: in_range(*strengths),
    )


def _is_share(_: int, *strengths: Array) -> Array:
    return damping.is_share(*strengths)


def _is_depolarizing(num_qubits: int, p: Array) -> Array:
    return (p >= 0) & (p <= most_depolarizing(num_qubits))


def most_depolarizing(num_qubits: int) -> float:
    """The strength of depolarizing noise at which the identity has no probability left."""
    return 4**num_qubits / (4**num_qubits - 1)


def _are_probabilities(_: int, errors: Array) -> Array:
    slack = 8 * jnp.finfo(errors.dtype).eps
    return jnp.all(errors >= 0) & (errors.sum() <= 1 + slack)


def _are_two_shares(a: Array, *excited: Array) -> Array:
    return damping.is_share(a) & damping.is_share(*excited) if excited else damping.is_share(a)


def _damps_both(a: Array, b: Array, *excited: Array) -> Array:
    return damping.is_share(a, b) & (damping.is_share(*excited) if excited else True)


def _mixes_unitaries(_: int, probabilities: Array, unitaries: Array) -> Array:
    is_certain = jnp.abs(probabilities.sum() - 1) <= jnp.sqrt(jnp.finfo(probabilities.dtype).eps)
    return jnp.all(probabilities >= 0) & is_certain & mixtures.each_keeps_trace(unitaries)


def _always(_: int, *__: object) -> Array:
    """What is composed of channels asks its parts."""
    return jnp.asarray(True)


def _no_kraus(*_: object) -> Array:
    raise ValueError("misread Pauli strings are no operation on qubits, with Kraus operators")


KINDS = {
    "depolarizing": _pauli_kind(paulis.depolarizing, _is_depolarizing),
    "pauli": _pauli_kind(paulis.pauli, _are_probabilities),
    "bit_flip": _pauli_kind(lambda _, p: paulis.flip(1, p), _is_share),
    "phase_flip": _pauli_kind(lambda _, p: paulis.flip(3, p), _is_share),
    "phase_damping": _pauli_kind(lambda _, lam: paulis.phase_damping(lam), _is_share),
    "amplitude_damping": _one_qubit_kind(
        damping.amplitude_transfer, damping.amplitude_kraus, _are_two_shares
    ),
    "phase_amplitude_damping": _one_qubit_kind(
        damping.phase_amplitude_transfer, damping.phase_amplitude_kraus, _damps_both
    ),
    "thermal_relaxation": _one_qubit_kind(
        damping.thermal_transfer, damping.thermal_kraus, damping.is_relaxation
    ),
    "reset": _one_qubit_kind(damping.reset_transfer, damping.reset_kraus, damping.is_share),
    "coherent": _mixture_kind(
        mixtures.coherent, lambda _, unitary: mixtures.keeps_trace(unitary[None])
    ),
    "mixed_unitary": _mixture_kind(UnitaryMixture, _mixes_unitaries),
    "kraus": ChannelKind(
        transfer=lambda _, operators: transfer_of_kraus(operators),
        kraus=lambda _, operators: operators,
        in_range=lambda _, operators: mixtures.keeps_trace(operators),
    ),
    "misread": ChannelKind(
        transfer=mixtures.misread_transfer,
        kraus=lambda _, *strengths: mixtures.misread_kraus(*strengths),
        in_range=lambda _, *strengths: mixtures.is_stochastic(*strengths),
    ),
    "misread_strings": ChannelKind(
        transfer=lambda _, matrix: transfer_of_misreading(matrix),
        kraus=_no_kraus,
        in_range=_always,  # the matrix is checked before
    ),
    "then": ChannelKind(
        transfer=lambda _, *parts: composed.then_transfer(*parts),
        kraus=lambda _, *parts: composed.then_kraus(*parts),
        in_range=_always,
        paulis=composed.then_paulis,
        mixture=lambda _, *parts: composed.then_mixture(*parts),
    ),
    "tensor": ChannelKind(
        transfer=lambda _, *parts: composed.tensor_transfer(*parts),
        kraus=lambda _, *parts: composed.tensor_kraus(*parts),
        in_range=_always,
        paulis=lambda _, *parts: composed.tensor_paulis(*parts),
        mixture=lambda _, *parts: composed.tensor_mixture(*parts),
    ),
}
