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
from qjax._plan import NativeProgram, Program, plan_circuit, plan_native
from qjax._simulators import (
    Given,
    angles_of,
    as_complex,
    finish,
    identity_states,
    native_state,
    simulate,
)


@kept(tuning.PROGRAM_BYTES)
def compiled_unitary(circuit: Circuit, kernels: bool) -> Callable[[Array], Array]:
    """`(num_params,)` parameters -> the matrix, `(2**n, 2**n)`: all basis states as one batch.

    Args:
        circuit: the circuit.
        kernels: whether the native engine runs where it can.

    Raises:
        ValueError: for a circuit that has none, as it resets qubits, or measures them midway.
    """

    def columns(params: Array) -> Array:
        dtype = np.result_type(params.dtype, np.complex64)
        check_states_fit(circuit.num_qubits, 1, dtype)  # or the number of them fills memory
        count = 2**circuit.num_qubits
        check_states_fit(circuit.num_qubits, count, dtype)
        program = _program(_unitary_form(circuit), kernels)
        start = identity_states(circuit.num_qubits, params.dtype)
        nothing = jnp.zeros((0, count), params.dtype)
        if isinstance(program, NativeProgram):
            return as_complex(_native_states(program, params, nothing, start))
        state, last = simulate(program, params, nothing, state=start)
        return as_complex(finish(program, state, last))

    return jax.jit(partial(on_mesh, columns))


def _program(circuit: Circuit, kernels: bool) -> Program | NativeProgram:
    native = plan_native(circuit, from_zero=False) if kernels else None
    planned = plan_circuit(circuit, from_zero=False).program if native is None else native
    return in_precision(planned, jax.config.read("jax_enable_x64"))


def _native_states(program: NativeProgram, params: Array, nothing: Array, start: Array) -> Array:
    return native_state(program, Given(*angles_of(program, params, nothing), start))


def _unitary_form(circuit: Circuit) -> Circuit:
    if circuit.is_dynamic:
        raise ValueError(
            "the circuit resets qubits, or measures them midway: it has no unitary; use "
            "expectation, probabilities or sample"
        )
    return circuit
