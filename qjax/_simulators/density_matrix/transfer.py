"""Floor 4. Unitaries and channels, controls included -> matrices in the Pauli basis.

R[i, j] = tr(P_i E(P_j)) / 2**w for Pauli strings of w qubits; controls follow the targets, and are
thus more significant.
"""

from types import ModuleType
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Complex, Float

from qjax._base import tuning
from qjax._circuit.gates import GateKind, PhaseGate, RotationGate, expi
from qjax._noise import pauli_strings


def controlled(
    matrix: Complex[np.ndarray, "K K"], controls: tuple[int, ...]
) -> Complex[np.ndarray, "K2 K2"]:
    """A known matrix that acts where controls have these values, and nothing happens elsewhere."""
    size = len(matrix)
    whole = np.eye(size << len(controls), dtype=complex)
    here = _setting(size, controls)
    whole[here, here] = matrix
    return whole


def _setting(size: int, controls: tuple[int, ...]) -> slice:
    start = size * sum(value << place for place, value in enumerate(controls))
    return slice(start, start + size)


def of_unitary(matrix: Complex[np.ndarray, "*stack K K"]) -> Float[np.ndarray, "*stack K2 K2"]:
    """The matrices in the Pauli basis of known unitaries."""
    transfer: np.ndarray = _of_unitaries(matrix, np)
    return transfer


def of_gates(
    kind: GateKind, controls: tuple[int, ...], angles: Float[Array, "angles *gates"]
) -> Float[Array, "*gates 4**w 4**w"]:
    """The matrices in the Pauli basis of gates of one kind."""
    entries = _entries(kind, angles)
    size = 2**kind.num_qubits
    matrix = jnp.moveaxis(jnp.stack(entries), 0, -1).reshape(*angles.shape[1:], size, size)
    if controls:
        here = _setting(size, controls)
        eye = jnp.eye(size << len(controls), dtype=matrix.dtype)
        whole = jnp.broadcast_to(eye, (*matrix.shape[:-2], *eye.shape))
        matrix = whole.at[..., here, here].set(matrix)
    return _of_unitaries(matrix, jnp)


def _entries(kind: GateKind, angles: Array) -> list[Array]:
    """Row by row."""
    if isinstance(kind, RotationGate):
        return [entry for row in kind.rows(*angles) for entry in row]
    assert isinstance(kind, PhaseGate)
    diagonal = [expi(phase * angles[0]) for phase in kind.phases]
    zero, size = jnp.zeros_like(diagonal[0]), len(diagonal)
    return [diagonal[r] if r == c else zero for r in range(size) for c in range(size)]


def _of_unitaries(matrix: Any, xp: ModuleType) -> Any:
    """tr(P_i U P_j U^dag) / K, as products with the matrix of U x U* in between."""
    size = matrix.shape[-1]
    strings = pauli_strings(size.bit_length() - 1).astype(matrix.dtype)
    rows = strings.transpose(0, 2, 1).reshape(len(strings), -1)
    columns = strings.reshape(len(strings), -1).T
    both = matrix[..., :, None, :, None] * matrix.conj()[..., None, :, None, :]
    both = both.reshape(*matrix.shape[:-2], size * size, size * size)
    if xp is np:
        return (rows @ both @ columns).real / size
    left = jnp.matmul(rows, both, precision=tuning.PRECISION)
    return jnp.matmul(left, columns, precision=tuning.PRECISION).real / size


def of_channel(
    transfer: Float[Array, "4**k 4**k"], controls: tuple[int, ...]
) -> Float[Array, "4**w 4**w"]:
    """A channel under controls that hold classical values; see `Noise`.

    Its Kraus operators are |v><v| x K for each of the channel's, and (1 - |v><v|) x 1.
    """
    if not controls:
        return transfer
    here, elsewhere = _of_controls(controls)
    idle = jnp.eye(len(transfer), dtype=transfer.dtype)
    return jnp.kron(jnp.asarray(here, transfer.dtype), transfer) + jnp.kron(
        jnp.asarray(elsewhere, transfer.dtype), idle
    )


def of_known_channel(
    kraus: Float[np.ndarray, "m 2 2"], controls: tuple[int, ...]
) -> Float[np.ndarray, "4**w 4**w"]:
    """The same of Kraus operators that are known."""
    transfer = np.sum([_of_operator(operator) for operator in kraus], axis=0)
    if not controls:
        return np.asarray(transfer)
    here, elsewhere = _of_controls(controls)
    return np.kron(here, transfer) + np.kron(elsewhere, np.eye(len(transfer)))


def _of_controls(controls: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """What |v><v| and 1 - |v><v| do to controls."""
    value = sum(bit << place for place, bit in enumerate(controls))
    size = 2 ** len(controls)
    chosen = np.zeros((size, size), complex)
    chosen[value, value] = 1
    return _of_operator(chosen), _of_operator(np.eye(size) - chosen)


def _of_operator(operator: np.ndarray) -> np.ndarray:
    """tr(P_i K P_j K^dag) / D: the formula for unitaries holds for any matrix."""
    return of_unitary(np.asarray(operator, complex))
