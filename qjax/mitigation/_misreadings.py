"""Floor 7. Noise model or calibration matrix -> what happens to which bits when they are read."""

from collections.abc import Iterator
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from qjax._base.arrays import Numbers, as_real
from qjax._circuit.domain import is_known
from qjax._noise import NoiseModel, misreadings, structure_of

# Rows of a matrix that was estimated in single precision add up to one within this.
_ROUNDING = 1e-4


class BitsRead(NamedTuple):
    """Some bits are read together, and not always as they were.

    Attributes:
        bits: which ones, the least significant of the matrix's indices first.
        matrix: the probability to read j (column) where i (row) was true.
    """

    bits: tuple[int, ...]
    matrix: Float[Array, "2**k 2**k"]


def misreadings_of(
    model: NoiseModel | Numbers, qubits: tuple[int, ...], dtype: np.dtype
) -> tuple[BitsRead, ...]:
    """What happens to bits, one thing after the other.

    Args:
        model: a noise model, of which the misread bits count; or a calibration matrix, `(2**k,
            2**k)` for all bits together or `(k, 2, 2)` for each.
        qubits: the qubit that each bit was measured from.
        dtype: of the matrices.

    Raises:
        ValueError: for a matrix of another shape, rows that do not add up to one, one that cannot
            be inverted, and a model that misreads qubits together of which only some are there.
        TypeError: for another kind of model.
    """
    if isinstance(model, NoiseModel):
        steps = tuple(_of_model(model, qubits))
    else:
        steps = _of_matrix(model, len(qubits))
    steps = tuple(BitsRead(bits, matrix.astype(dtype)) for bits, matrix in steps)
    for step in steps:
        _check_matrix(step.matrix)
    return steps


def _of_model(model: NoiseModel, qubits: tuple[int, ...]) -> Iterator[BitsRead]:
    for number, together in misreadings(structure_of(model), qubits):
        if missing := [qubit for qubit in together if qubit not in qubits]:
            raise ValueError(
                f"model: it misreads the qubits {together} together, of which {missing} are not "
                f"among those of the values, {qubits}; expected all of them or none"
            )
        yield BitsRead(tuple(map(qubits.index, together)), model.readouts[number].matrix)


def _of_matrix(model: Numbers, num_bits: int) -> tuple[BitsRead, ...]:
    matrix = as_real(model, "model")
    if matrix.shape == (2**num_bits,) * 2:
        return (BitsRead(tuple(range(num_bits)), matrix),)
    if matrix.shape == (num_bits, 2, 2):
        return tuple(BitsRead((bit,), matrix[bit]) for bit in range(num_bits))
    raise ValueError(
        f"model: expected a NoiseModel, or a calibration matrix of shape ({num_bits}, 2, 2) or "
        f"({2**num_bits}, {2**num_bits}) for {num_bits} bits, got shape {matrix.shape}"
    )


def _check_matrix(matrix: Array) -> None:
    if not is_known(matrix):
        return
    numbers = np.asarray(matrix, float)
    if (abs(numbers.sum(axis=1) - 1) > _ROUNDING).any() or (numbers < -_ROUNDING).any():
        raise ValueError(
            "model: rows of a matrix of misread bits are probabilities that add up to one: entry "
            f"[i, j] is the probability to read j where i was true; got\n{numbers}"
        )
    if np.linalg.cond(numbers) > 1 / jnp.finfo(matrix.dtype).eps:
        raise ValueError(
            f"model: a matrix of misread bits cannot be inverted: what is read does not depend on "
            f"what was true; got\n{numbers}"
        )
