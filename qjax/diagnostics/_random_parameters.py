"""Floor 9. A function of many columns of parameters -> its values at random ones, part by part."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from qjax._base.memory import bytes_of_states, samples_per_pass
from qjax._circuit.circuit import Circuit
from qjax._engine import States, Task, run

# A column of angles -> a row of whatever is asked for.
OfColumns = Callable[[Float[Array, "params samples"]], Float[Array, "samples *values"]]


def at_random_parameters(
    function: OfColumns, num_params: int, samples: int, key: Array, bytes_per_sample: int
) -> Float[Array, "samples *values"]:
    """Values at angles uniform in [0, 2 pi), in JAX's default precision.

    Sample i is drawn from `fold_in(key, i)`, so that no number depends on how the samples are cut
    into parts.

    Args:
        function: what is computed, for as many columns as there are.
        num_params: the length of a column.
        samples: how many columns.
        key: a JAX random key.
        bytes_per_sample: of the largest array that the function holds for a column.
    """
    dtype = jnp.result_type(float)
    at_once = samples_per_pass(bytes_per_sample, jax.devices()[0])
    groups = -(-samples // at_once)
    size = -(-samples // groups)

    def draw(index: Array) -> Array:
        drawn = jax.random.fold_in(key, index)
        return jax.random.uniform(drawn, (num_params,), dtype, 0, 2 * np.pi)

    def part(indices: Array) -> Array:
        return function(jax.vmap(draw)(indices).T)

    # The last part is filled up.
    indices = jnp.arange(groups * size, dtype=jnp.uint32).reshape(groups, size)
    if groups == 1:
        return part(indices[0])
    values = lax.map(part, indices)
    return values.reshape(groups * size, *values.shape[2:])[:samples]


def states_of(circuit: Circuit) -> Callable[[Array], Array]:
    """(columns of parameters) -> columns of states."""
    task = Task(circuit, frozenset(range(circuit.num_params)), States())
    return lambda columns: run(task, jnp.zeros((0,), columns.dtype), columns)


def bytes_of_state(circuit: Circuit) -> int:
    """What a state takes in JAX's default precision."""
    return bytes_of_states(circuit.num_qubits, 2 * np.dtype(jnp.result_type(float)).itemsize)


def require_qubits(circuit: Circuit) -> None:
    """Raise for a circuit without qubits.

    Raises:
        ValueError: then.
    """
    if not circuit.num_qubits:
        raise ValueError("circuit: expected at least one qubit, got none")
