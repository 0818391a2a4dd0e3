"""Floor 9. State, or circuit -> how much single qubits are entangled with the others."""

from collections.abc import Callable
from math import prod

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Complex, Float
from qiskit import QuantumCircuit

from qjax._base import tuning
from qjax._base.arrays import as_any_number
from qjax._base.process import check_process
from qjax._base.store import kept
from qjax._circuit.circuit import Circuit
from qjax.diagnostics._random_parameters import (
    at_random_parameters,
    bytes_of_state,
    checked_sampling,
    states_of,
)


def meyer_wallach(state: Complex[Array, "*batch 2**n"]) -> Float[Array, "*batch"]:
    """Meyer's and Wallach's measure of entanglement Q: 0 for product states, at most 1.

    Q = 2 (1 - mean over qubits k of Tr rho_k^2), with rho_k the state of qubit k alone (D. A. Meyer
    and N. R. Wallach, J. Math. Phys. 43, 4273 (2002), in the form of G. K. Brennen, Quantum Inf.
    Comput. 3, 619 (2003)). It is 1 where each qubit is maximally entangled with the others, as in
    GHZ states. Works under `jit`, `grad` and `vmap`.

    Args:
        state: amplitudes of states of norm 1, along the last axis.

    Raises:
        ValueError: for a last axis that is not of length 2**n, n at least 1.
        TypeError: for what is not numbers.
    """
    check_process()
    amplitudes = as_any_number(state, "state")
    dimension = amplitudes.shape[-1] if amplitudes.ndim else 0
    if dimension < 2 or dimension.bit_count() != 1:
        raise ValueError(
            f"state: expected a last axis of length 2**n for n >= 1 qubits, got {amplitudes.shape}"
        )
    return _compiled_measure()(amplitudes)


def entangling_capability(
    circuit: Circuit | QuantumCircuit, *, samples: int = 5000, key: Array
) -> Float[Array, ""]:
    """The mean of `meyer_wallach` over random parameters, uniform in [0, 2 pi).

    S. Sim, P. D. Johnson and A. Aspuru-Guzik, Adv. Quantum Technol. 2, 1900070 (2019), eq. 12.
    Haar-random states of dimension N = 2^n have (N - 2) / (N + 1). Compiled once per circuit and
    number of samples; memory is bounded whatever their number.

    Args:
        circuit: the circuit; final measurements are left out.
        samples: how many states.
        key: a JAX random key.

    Raises:
        ValueError: for a number of samples below 1, a circuit without qubits, one that ends in a
            mixture, or one too large for memory.
        TypeError: for what is no key.
        UnsupportedInstructionError: see `from_qiskit`.
    """
    return _compiled(*checked_sampling(circuit, samples, key))(key)


@kept()
def _compiled_measure() -> Callable[[Array], Float[Array, "*batch"]]:
    """(states along the last axis) -> the measure of each."""

    def measure(states: Complex[Array, "*batch 2**n"]) -> Float[Array, "*batch"]:
        *batch, dimension = states.shape
        return _measure(states.reshape(prod(batch), dimension).T).reshape(batch)

    return jax.jit(measure)


def _measure(states: Complex[Array, "2**n columns"]) -> Float[Array, " columns"]:
    """The purity of a qubit is p0^2 + p1^2 + 2 |<0|rho|1>|^2."""
    dimension, columns = states.shape
    num_qubits = dimension.bit_length() - 1
    total = jnp.zeros((columns,), jnp.finfo(states.dtype).dtype)
    for qubit in range(num_qubits):
        split = states.reshape(dimension >> (qubit + 1), 2, 1 << qubit, columns)
        zero, one = (split[:, bit].reshape(dimension // 2, columns) for bit in (0, 1))
        shares = [jnp.sum(jnp.abs(part) ** 2, axis=0) for part in (zero, one)]
        coherence = jnp.sum(zero * one.conj(), axis=0)
        total = total + shares[0] ** 2 + shares[1] ** 2 + 2 * jnp.abs(coherence) ** 2
    return 2 * (1 - total / num_qubits)


@kept(tuning.PROGRAM_BYTES)
def _compiled(circuit: Circuit, samples: int) -> Callable[[Array], Float[Array, ""]]:
    states = states_of(circuit)

    def mean(key: Array) -> Float[Array, ""]:
        if not circuit.num_params:
            return _measure(states(jnp.zeros((0, 1), jnp.result_type(float))))[0]

        def values(columns: Array) -> Float[Array, " samples"]:
            return _measure(states(columns))

        size = bytes_of_state(circuit)
        return jnp.mean(at_random_parameters(values, circuit.num_params, samples, key, size))

    return jax.jit(mean)
