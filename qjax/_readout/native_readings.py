"""Floor 5. What is read out -> what the kernels of the native engine are told of it."""

from collections.abc import Callable, Sequence
from functools import cache

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from qjax._base import tuning
from qjax._base.walsh import hadamard
from qjax._readout.measurement import marginal, probabilities_of
from qjax._readout.pauli_strings import State, string_values
from qjax._readout.string_tables import Flip, Loop, Strings
from qjax._readout.tables import Diagonal, Reading
from qjax._simulators import NativeReading


def native_strings(reading: Reading) -> NativeReading | None:
    """The strings of observables; None where these have projectors, or are matrices."""
    if reading.masks is None:
        return None
    num_strings = reading.masks.shape[1]
    if reading.diagonal:
        return NativeReading(True, num_strings, reading.masks, reading.masks[1], _of_strings_of_z)
    (group,) = reading.projected
    assert not isinstance(group, Diagonal)
    loops = (*map(_loop_of, group.strings.flips), *group.strings.loops)
    return NativeReading(True, num_strings, reading.masks, Strings((), loops), string_values)


def native_outcomes(qubits: Sequence[int]) -> NativeReading:
    """Probabilities of some qubits, the first as least significant bit of the index."""
    words = np.array(qubits, np.int32)
    return NativeReading(False, 2 ** len(qubits), words, None, _marginal_of(tuple(qubits)))


def _loop_of(flip: Flip) -> Loop:
    """The same strings with the bits that they flip as a table: small, whatever the qubits."""
    x, imaginary = np.array([flip.x], np.int32), np.array([flip.imaginary], np.int32)
    return Loop(x, imaginary, flip.sums.masks[None], flip.signs[None])


def _of_strings_of_z(masks: Array, state: State) -> Float[Array, "strings batch"]:
    rows = probabilities_of(state)
    if len(masks) > tuning.MAX_SIGN_SUMS:
        return hadamard(rows)[masks]
    odd = lax.population_count(masks[:, None] & jnp.arange(len(rows), dtype=masks.dtype)[None]) & 1
    return jnp.matmul((1 - 2 * odd).astype(rows.dtype), rows, precision=tuning.PRECISION)


@cache
def _marginal_of(qubits: tuple[int, ...]) -> Callable[[None, Array], Array]:
    """Equal for equal qubits, as what decides about programs must be."""

    def values(_: None, state: State) -> Float[Array, "outcomes batch"]:
        return marginal(probabilities_of(state), qubits)

    return values
