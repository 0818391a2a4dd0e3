"""Floor 6. Circuit -> the compiled function that gives its matrix."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from qjax._base import tuning
from qjax._base.memory import check_states_fit
from qjax._base.mesh import on_mesh
from qjax._base.store import kept
from qjax._base.tables import in_precision
from qjax._circuit.circuit import Circuit
from qjax._plan import plan_circuit
from qjax._simulators import as_complex, finish, identity_states, simulate


@kept(tuning.PROGRAM_BYTES)
def compiled_unitary(circuit: Circuit) -> Callable[[Array], Array]:
    """`(num_params,)` parameters -> the matrix, `(2**n, 2**n)`: all basis states as one batch.

    Raises:
        ValueError: for a circuit that has none, as it resets qubits, or measures them midway.
    """

    def columns(params: Array) -> Array:
        planned = plan_circuit(_unitary_form(circuit), from_zero=False).program
        program = in_precision(planned, jax.config.read("jax_enable_x64"))
        count = 2**circuit.num_qubits
        check_states_fit(circuit.num_qubits, count, np.result_type(params.dtype, np.complex64))
        start = identity_states(circuit.num_qubits, params.dtype)
        nothing = jnp.zeros((0, count), params.dtype)
        state, last = simulate(program, params, nothing, state=start)
        return as_complex(finish(program, state, last))

    return jax.jit(partial(on_mesh, columns))


def _unitary_form(circuit: Circuit) -> Circuit:
    if circuit.is_dynamic:
        raise ValueError(
            "the circuit resets qubits, or measures them midway: it has no unitary; use "
            "expectation, probabilities or sample"
        )
    return circuit
