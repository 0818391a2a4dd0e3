"""Floor 4. State -> probabilities, samples. States are batch last."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int, UInt8

from qjax._memory import check_fits


def probabilities_of(state: Float[Array, "2 dim batch"]) -> Float[Array, "dim batch"]:
    """Born's rule, |psi_i|^2, from real and imaginary parts."""
    return jnp.square(state[0]) + jnp.square(state[1])


def marginal(
    probabilities: Float[Array, "dim batch"], qubits: Sequence[int]
) -> Float[Array, "kept batch"]:
    """The probabilities of some qubits, the first as least significant bit of the index."""
    num_qubits, batch = probabilities.shape[0].bit_length() - 1, probabilities.shape[1]
    split = probabilities.reshape(*(2,) * num_qubits, batch)
    kept = [num_qubits - 1 - qubit for qubit in reversed(qubits)]
    summed = [axis for axis in range(num_qubits) if axis not in kept]
    ordered = split.transpose(*kept, *summed, num_qubits)
    return ordered.reshape(2 ** len(kept), 2 ** len(summed), batch).sum(axis=1)


def draw_states(
    probabilities: Float[Array, " dim"], shots: int, key: Array
) -> Int[Array, " shots"]:
    """Draw basis states by inverting the cumulative distribution.

    Args:
        probabilities: of the basis states.
        shots: how many to draw.
        key: a JAX random key.
    """
    cumulative = jnp.cumsum(probabilities)
    # In (0, total]: a state of probability zero is never the first to reach the threshold.
    uniform = jax.random.uniform(key, (shots,), cumulative.dtype)
    return jnp.searchsorted(cumulative, cumulative[-1] * (1 - uniform))


def bits_of(states: Int[Array, " shots"], bits: Sequence[int | None]) -> UInt8[Array, "shots bits"]:
    """The bits of basis states; None stands for a column of zeros."""
    columns = [jnp.zeros_like(states) if bit is None else states >> bit & 1 for bit in bits]
    if not columns:
        return jnp.zeros((len(states), 0), jnp.uint8)
    return jnp.stack(columns, axis=1).astype(jnp.uint8)


def check_shots(shots: int) -> int:
    """Require a positive whole number.

    Raises:
        ValueError: for less than 1.
        TypeError: for what is no whole number.
    """
    if not isinstance(shots, (int, np.integer)) or isinstance(shots, bool):
        raise TypeError(f"shots: expected a whole number, got {type(shots).__name__}")
    if shots < 1:
        raise ValueError(f"shots: expected a number of at least 1, got {shots}")
    return int(shots)


def check_shots_fit(shots: int, columns: int) -> None:
    """Require that a table of samples fits into memory.

    Raises:
        CircuitTooLargeError: otherwise.
    """
    check_fits(8 * shots * columns, f"{shots} shots, {columns} numbers each,", "fewer shots")
