"""Floor 9. Circuit -> how evenly its states fill the space, by fidelities of random pairs."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float
from qiskit import QuantumCircuit

from qjax._base import tuning
from qjax._base.options import as_whole
from qjax._base.store import kept
from qjax._circuit.circuit import Circuit
from qjax._qiskit import as_circuit
from qjax.diagnostics._random_parameters import (
    at_random_parameters,
    bytes_of_state,
    checked_sampling,
    states_of,
)


def random_fidelities(
    circuit: Circuit | QuantumCircuit, *, samples: int, key: Array
) -> Float[Array, " samples"]:
    """|<psi(a)|psi(b)>|^2 for random parameters a and b, uniform in [0, 2 pi) each.

    Compiled once per circuit and number of samples; memory is bounded whatever their number.

    Args:
        circuit: the circuit; final measurements are left out.
        samples: how many pairs.
        key: a JAX random key.

    Raises:
        ValueError: for a number of samples below 1, a circuit without qubits, one that ends in a
            mixture, or one too large for memory.
        TypeError: for what is no key.
        UnsupportedInstructionError: see `from_qiskit`.
    """
    return _compiled(*checked_sampling(circuit, samples, key))(key)


def expressibility(
    circuit: Circuit | QuantumCircuit, *, samples: int = 5000, bins: int = 75, key: Array
) -> Float[Array, ""]:
    """The divergence of a circuit's fidelities from those of Haar-random states; 0 is best.

    The Kullback-Leibler divergence D(P || P_Haar), with natural logarithm, of the histogram of
    `random_fidelities` from (1 - l)^(N - 1) - (1 - u)^(N - 1), which Haar-random states of
    dimension N have in the bin [l, u) (S. Sim, P. D. Johnson and A. Aspuru-Guzik, Adv. Quantum
    Technol. 2, 1900070 (2019), eqs. 7 to 10). Bins that are empty add nothing. An estimate from a
    finite sample lies above: by about (bins that are filled - 1) / (2 samples).

    Args:
        circuit: as in `random_fidelities`.
        samples: how many pairs of states; the paper has 5000.
        bins: of equal width in [0, 1]; the paper has 75.
        key: a JAX random key.

    Raises:
        ValueError, TypeError, UnsupportedInstructionError: as `random_fidelities`, and for a number
            of bins below 1.
    """
    bins = as_whole(bins, "bins", 1)
    converted = as_circuit(circuit)
    fidelities = random_fidelities(converted, samples=samples, key=key)
    return _compiled_divergence(2.0**converted.num_qubits, bins)(fidelities)


@kept(tuning.PROGRAM_BYTES)
def _compiled_divergence(dimension: float, bins: int) -> Callable[[Array], Float[Array, ""]]:
    """(fidelities) -> the divergence of their histogram from Haar's."""

    def divergence(fidelities: Float[Array, " samples"]) -> Float[Array, ""]:
        places = jnp.clip((fidelities * bins).astype(jnp.int32), 0, bins - 1)
        counts = jnp.zeros((bins,), fidelities.dtype).at[places].add(1)
        shares = counts / len(fidelities)
        logs = jnp.asarray(_haar_logs(dimension, bins), fidelities.dtype)
        return jnp.sum(jax.scipy.special.xlogy(shares, shares) - shares * logs)

    return jax.jit(divergence)


def _haar_logs(dimension: float, bins: int) -> Float[np.ndarray, " bins"]:
    """Logarithms of what Haar-random states have in each bin; a share itself may be below 1e-308.

    log[(1 - l)^m - (1 - u)^m] = m log(1 - l) + log[1 - ((1 - u) / (1 - l))^m], with m = N - 1.
    """
    left = 1 - np.arange(bins) / bins
    right = 1 - (np.arange(bins) + 1) / bins
    power = dimension - 1
    return power * np.log(left) + np.log1p(-((np.maximum(right, 0) / left) ** power))


@kept(tuning.PROGRAM_BYTES)
def _compiled(circuit: Circuit, samples: int) -> Callable[[Array], Float[Array, " samples"]]:
    states = states_of(circuit)

    def fidelities(first: Array, second: Array) -> Float[Array, " samples"]:
        products = jnp.sum(states(first).conj() * states(second), axis=0)
        # Rounding may exceed 1.
        return jnp.minimum(products.real**2 + products.imag**2, 1)

    def draw(key: Array) -> Float[Array, " samples"]:
        if not circuit.num_params:
            return jnp.ones((samples,), jnp.result_type(float))

        def pairs(columns: Array) -> Float[Array, " samples"]:
            return fidelities(*jnp.split(columns, 2))

        twice = 2 * circuit.num_params
        return at_random_parameters(pairs, twice, samples, key, 2 * bytes_of_state(circuit))

    return jax.jit(draw)
