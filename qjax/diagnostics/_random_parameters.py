"""Floor 9. A function of many columns of parameters -> its values at random ones, part by part."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float
from qiskit import QuantumCircuit

from qjax._base.arrays import check_key
from qjax._base.memory import bytes_of_states, samples_per_pass
from qjax._base.options import as_whole
from qjax._base.process import check_process
from qjax._circuit.circuit import Circuit
from qjax._engine import States, Task, run
from qjax._qiskit import as_circuit

# A column of angles -> a row of whatever is asked for.
OfColumns = Callable[[Float[Array, "params samples"]], Float[Array, "samples *values"]]


def at_random_parameters(
    function: OfColumns, num_params: int, samples: int, key: Array, bytes_per_sample: int
) -> Float[Array, "samples *values"]:
    """Values at angles uniform in [0, 2 pi), in JAX's default precision.

    The angles are drawn at once, and take as much as the gradients would; states, which take more,
    are held for one part of the samples at a time. No number depends on how they are cut.

    Args:
        function: what is computed, for as many columns as there are.
        num_params: the length of a column.
        samples: how many columns.
        key: a JAX random key.
        bytes_per_sample: of the largest array that the function holds for a column.
    """
    columns = jax.random.uniform(key, (num_params, samples), maxval=2 * np.pi)
    at_once = samples_per_pass(bytes_per_sample, jax.devices()[0])
    groups = -(-samples // at_once)
    if groups == 1:
        return function(columns)
    size = -(-samples // groups)
    # The last part is filled up.
    filled = jnp.pad(columns, ((0, 0), (0, groups * size - samples)), mode="edge")
    parts = filled.reshape(num_params, groups, size)
    values = lax.map(lambda part: function(parts[:, part]), jnp.arange(groups))
    return values.reshape(groups * size, *values.shape[2:])[:samples]


def states_of(circuit: Circuit) -> Callable[[Array], Array]:
    """(columns of parameters) -> columns of states."""
    task = Task(circuit, frozenset(range(circuit.num_params)), States())
    return lambda columns: run(task, jnp.zeros((0,), columns.dtype), columns)


def bytes_of_state(circuit: Circuit) -> int:
    """What a state takes in JAX's default precision."""
    return bytes_of_states(circuit.num_qubits, 2 * np.dtype(jnp.result_type(float)).itemsize)


def checked_sampling(
    circuit: Circuit | QuantumCircuit, samples: int, key: Array
) -> tuple[Circuit, int]:
    """A circuit with qubits, and how many samples are drawn of it.

    Raises:
        ValueError: for a number of samples below 1, and a circuit without qubits.
        TypeError: for what is no key, or no circuit.
    """
    check_process()
    check_key(key)
    converted = as_circuit(circuit)
    if not converted.num_qubits:
        raise ValueError("circuit: expected at least one qubit, got none")
    return converted, as_whole(samples, "samples", 1)
