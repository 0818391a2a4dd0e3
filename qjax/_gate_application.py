"""Floor 7. (state, matrix, qubits) -> state: for simulators of one's own."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Complex

from qjax._base import tuning
from qjax._base.arrays import as_any_number
from qjax._base.mesh import on_mesh, placed
from qjax._base.process import check_process
from qjax._circuit.checks import check_qubits


def apply_gate(
    state: Complex[Array, "2**n *batch"], matrix: Complex[Array, "2**k 2**k"], qubits: Sequence[int]
) -> Complex[Array, "2**n *batch"]:
    """Apply a matrix to some qubits of a state: the building block for one's own simulators.

    Args:
        state: amplitudes along the first axis; further axes, if any, are a batch.
        matrix: need not be unitary; `qubits[0]` is the least significant bit of its index.
        qubits: the k qubits, in the order of the matrix.

    Raises:
        ValueError: for shapes that do not fit, and qubits out of range or given twice.
        TypeError: for what is not numbers, and for masked arrays.
    """
    check_process()
    state, matrix = as_any_number(state, "state"), as_any_number(matrix, "matrix")
    num_qubits = _check_state(state)
    qubits = check_qubits(qubits, num_qubits)
    if matrix.shape != (2 ** len(qubits),) * 2:
        raise ValueError(
            f"matrix: expected shape {(2 ** len(qubits),) * 2} for {len(qubits)} qubits, "
            f"got {matrix.shape}"
        )
    dtype = jax.dtypes.canonicalize_dtype(np.result_type(state.dtype, matrix.dtype, np.complex64))
    leading = [num_qubits - 1 - qubit for qubit in reversed(qubits)]

    def act(state: Array, matrix: Array) -> Array:
        split = state.reshape(*(2,) * num_qubits, -1)
        front = jnp.moveaxis(split, leading, range(len(leading)))
        rows = front.reshape(2 ** len(qubits), -1)
        acted = jnp.matmul(matrix, rows, precision=tuning.PRECISION).reshape(front.shape)
        return jnp.moveaxis(acted, range(len(leading)), leading).reshape(state.shape)

    return on_mesh(act, state.astype(dtype), matrix.astype(dtype), result=placed(state))


def _check_state(state: Array) -> int:
    dimension = state.shape[0] if state.ndim else 0
    if dimension.bit_count() != 1:
        raise ValueError(f"state: expected the first axis to be of length 2**n, got {state.shape}")
    return dimension.bit_length() - 1
