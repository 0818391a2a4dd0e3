"""Floor 7. Noise model -> the same with other strengths."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np
from scipy.linalg import schur

from qjax._base.arrays import as_numpy
from qjax._circuit.domain import is_known
from qjax._noise import Channel, NoiseModel

# A matrix that is the identity times a phase, within the square root of single precision.
_ROUNDING = 1e-3


def scaled(model: NoiseModel, factor: float) -> NoiseModel:
    """The model with all channels so many times as strong; misread bits stay as they are.

    To first order in the strengths, each channel is the one that acts `factor` times:

    - probabilities are multiplied: p of `depolarizing`, `bit_flip`, `phase_flip`, those of `pauli`
      and `reset`, and of all unitaries of `mixed_unitary` but the identity, which gets the rest;
      gamma and lam of the dampings;
    - the time of `thermal_relaxation` is multiplied;
    - `coherent` is the power of its unitary, with the generator of the smallest angles;
    - `kraus` acts so often, for whole factors only;
    - of channels one after the other, or side by side, each is scaled.

    Args:
        model: strengths may be traced.
        factor: a known number, at least 0.

    Raises:
        ValueError: for a factor below 0, and one that takes a channel out of range or is not
            defined for it, with its name: a power with a fraction of `kraus`, or of `coherent`
            where the matrix is traced. Traced strengths that leave their range give NaN.
        TypeError: for what is no model or no number.
    """
    if not isinstance(model, NoiseModel):
        raise TypeError(f"model: expected a NoiseModel, got {type(model).__name__}")
    number = as_numpy(factor, "factor")
    if number.shape or number.dtype.kind not in "iuf":
        raise TypeError(f"factor: expected a number, got {factor!r}")
    if not 0 <= number < np.inf:
        raise ValueError(f"factor: expected a finite number of at least 0, got {factor}")
    rules = tuple(
        replace(rule, channel=_checked(rule.channel, float(number))) for rule in model.rules
    )
    return replace(model, rules=rules)


def _checked(channel: Channel, factor: float) -> Channel:
    result = _scaled(channel, factor)
    matrix = result.transfer_matrix
    if is_known(matrix) and jnp.isnan(matrix).any():
        raise ValueError(
            f"factor: {channel} is out of range where it is {factor} times as strong; expected a "
            "factor nearer to 1"
        )
    return result


def _scaled(channel: Channel, factor: float) -> Channel:
    if channel.name not in _SCALED:
        raise ValueError(
            f"factor: it is not known what {factor} times the channel {channel} is; expected "
            f"channels of the kinds {', '.join(_SCALED)}"
        )
    return _SCALED[channel.name](channel, factor)


def _multiplied(*places: int) -> Callable[[Channel, float], Channel]:
    """Strengths in these places are multiplied."""

    def scale(channel: Channel, factor: float) -> Channel:
        strengths = [
            strength * factor if place in places else strength
            for place, strength in enumerate(channel.strengths)
        ]
        return replace(channel, strengths=tuple(strengths))

    return scale


def _parts(channel: Channel, factor: float) -> Channel:
    parts = tuple(_scaled(part, factor) for part in channel.strengths)
    return replace(channel, strengths=parts)


def _mixed_unitary(channel: Channel, factor: float) -> Channel:
    """Probabilities are multiplied, and the identity, if it is among the unitaries, gets the rest.

    Otherwise no channel is stronger: its probability would be negative.
    """
    probabilities, unitaries = channel.strengths
    lib = _library(probabilities, unitaries)
    is_identity = _are_identities(unitaries)
    kept = lib.sum(lib.where(is_identity, probabilities, 0))
    rest = (1 - factor * (1 - kept)) / lib.where(kept > 0, kept, 1)
    weaker = lib.where(is_identity, probabilities * rest, factor * probabilities)
    return replace(channel, strengths=(weaker, unitaries))


def _are_identities(unitaries: Any) -> Any:
    lib, size = _library(unitaries), unitaries.shape[-1]
    phases = lib.trace(unitaries, axis1=-2, axis2=-1)[:, None, None] / size
    differ = lib.abs(unitaries - phases * lib.eye(size, dtype=unitaries.dtype)[None])
    return lib.max(differ, axis=(1, 2)) < _ROUNDING


def _library(*arrays: Any) -> Any:
    """NumPy for its own numbers, which stay in double, and JAX's for others."""
    return np if all(isinstance(array, np.ndarray) for array in arrays) else jnp


def _coherent(channel: Channel, factor: float) -> Channel:
    (unitary,) = channel.strengths
    if factor.is_integer():
        power = _library(unitary).linalg.matrix_power(unitary, int(factor))
    elif is_known(unitary):
        # Of a normal matrix the Schur form is diagonal, also where eigenvalues are equal.
        diagonal, vectors = schur(np.asarray(unitary), output="complex")
        angles = np.angle(np.diag(diagonal))
        power = (vectors * np.exp(1j * factor * angles)) @ vectors.conj().T
    else:
        raise _needs_whole_factor(channel, factor)
    return replace(channel, strengths=(power,))


def _repeated(channel: Channel, factor: float) -> Channel:
    if not factor.is_integer() or not factor:
        raise _needs_whole_factor(channel, factor)
    result = channel
    for _ in range(int(factor) - 1):
        result = result.then(channel)
    return result


def _needs_whole_factor(channel: Channel, factor: float) -> ValueError:
    return ValueError(
        f"factor: {channel} acts a whole number of times, at least once; got {factor}; expected "
        "a whole number"
    )


_SCALED: dict[str, Callable[[Channel, float], Channel]] = {
    "depolarizing": _multiplied(0),
    "pauli": _multiplied(0),
    "bit_flip": _multiplied(0),
    "phase_flip": _multiplied(0),
    "amplitude_damping": _multiplied(0),
    "phase_damping": _multiplied(0),
    "phase_amplitude_damping": _multiplied(0, 1),
    "thermal_relaxation": _multiplied(2),
    "reset": _multiplied(0, 1),
    "mixed_unitary": _mixed_unitary,
    "coherent": _coherent,
    "kraus": _repeated,
    "then": _parts,
    "tensor": _parts,
}
